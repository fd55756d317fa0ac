"""How it is told which policy wins for which field."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from .policy_levels import Claim, Path, Setting

_MOST = 12


def contested_lines(settings: Mapping[Path, Setting], loser: ObjectRef | None = None) -> list[str]:
    """One line for each contested field, in the fields' order; only those that ``loser`` loses, if given."""
    lines = [
        _line(path, setting)
        for path, setting in settings.items()
        if setting.contested and (loser is None or any(one.policy == loser for one in setting.losers))
    ]
    left = len(lines) - _MOST
    return [*lines[:_MOST], f"and {left} more fields"] if left > 0 else lines


def _line(path: Path, setting: Setting) -> str:
    winner = setting.winner
    won = f"{_claim(winner)} wins" if winner is not None else "nobody's is in force"
    against = ", ".join(_claim(one) for one in setting.losers[:4])
    return f"{clean('.'.join(path), 120)}: {won}" + (f" over {against}" if against else "")


def _claim(claim: Claim) -> str:
    section = f" ({claim.section})" if claim.section else ""
    value = json.dumps(claim.value, sort_keys=True, default=str)
    return f"{clean(value, 60)} of {claim.policy}{section}"
