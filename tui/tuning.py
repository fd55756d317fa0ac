"""``:set NAME VALUE``: a threshold or a duration as a person types it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..cluster.text import clean

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "%": 0.01}
_VALUE = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?)(ms|s|min|m|h|d|%)?")


def tunable_names() -> tuple[str, ...]:
    """What may be set."""
    from ..checklists.machine.around import TUNABLE

    return tuple(TUNABLE)


def read_setting(words: Sequence[str]) -> tuple[str, float] | str:
    """Name and value (seconds where it is a duration), or what is wrong with ``words`` in one line."""
    if len(words) != 2:
        return f"say what to set, and to what: set thresholds.min_samples 200; there are {_names()}"
    found = _VALUE.fullmatch(words[1].lower())
    name = words[0].lower()
    if name not in tunable_names():
        return f"{clean(name, 40)} cannot be set; there are {_names()}"
    if found is None:
        return f"{clean(words[1], 40)} is no number such as 200, 0.1% or 10m"
    unit = found[2] or ""
    duration = name.startswith("durations.")
    if unit and (unit == "%") == duration:
        return f"{name} is {'a duration such as 10m' if duration else 'a number such as 200 or 0.1%'}"
    if unit and not duration and unit != "%":
        return f"{name} is a number such as 200 or 0.1%"
    return name, float(found[1]) * _UNITS.get(unit, 1.0)


def _names() -> str:
    return ", ".join(tunable_names())
