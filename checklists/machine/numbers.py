"""Reading the numbers that an event carries: what is not there, or is none, is not known. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` where it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def number(value: object) -> float | None:
    """``value`` as a finite number; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def whole(value: object) -> int:
    """``value`` as a count; 0 where it is none."""
    return int(number(value) or 0)


def rows_of(numbers: Mapping[str, Any]) -> list[Sequence[Any]]:
    """A note's seconds: when, the new side's requests and errors, the old side's; none where it has none."""
    buckets = numbers.get("buckets")
    rows = buckets if isinstance(buckets, list | tuple) else ()
    return [row for row in rows if isinstance(row, list | tuple) and len(row) >= 5]
