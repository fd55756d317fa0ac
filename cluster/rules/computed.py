"""A condition as the specs give it: what a controller ought to say, worked out without reading any status.

The rules of each kind of thing are in the modules beside this one (``computed_listeners`` and so on). What
hangs on something that could not be read is Unknown, and ``detail`` says on what.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Computed:
    """One computed condition. ``reasons`` are the API's own words, the weightiest first.

    ``detail`` is one clean line; it is empty where all is as it should be. ``absent``: nothing but objects
    that are not there stands against it.
    """

    type: str
    status: Status
    reasons: tuple[str, ...]
    detail: str = ""
    absent: bool = False

    @property
    def reason(self) -> str:
        """The weightiest reason."""
        return self.reasons[0] if self.reasons else ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that stands against a condition. ``certain`` False: it hangs on what could not be read.

    ``absent``: it is that some object is not there, which documents may only have left out.
    """

    reason: str
    detail: str
    certain: bool = True
    absent: bool = False


@lru_cache(maxsize=256)
def _true(condition: str, reason: str) -> Computed:
    return Computed(condition, "True", (reason,))


def settle(condition: str, doubts: Iterable[Doubt], reason: str = "") -> Computed:
    """A condition of positive polarity: False where a doubt is certain, else Unknown where there is any.

    ``reason`` is that of True; by the API's custom it is the type's own name.
    """
    doubts = tuple(doubts)
    certain = [one for one in doubts if one.certain]
    telling = certain or doubts
    if not telling:
        return _true(condition, reason or condition)
    reasons = tuple(dict.fromkeys(one.reason for one in telling))
    details = "; ".join(dict.fromkeys(one.detail for one in telling if one.detail))
    absent = bool(certain) and all(one.absent for one in certain)
    return Computed(condition, "False" if certain else "Unknown", reasons, details, absent)


def of_type(conditions: Iterable[Computed], condition: str) -> Computed | None:
    """The computed condition of one type, None where the rules give none."""
    return next((one for one in conditions if one.type == condition), None)


def status_in(conditions: Iterable[Computed], condition: str) -> Status | None:
    """The status of one type, None where the rules give none."""
    found = of_type(conditions, condition)
    return found.status if found else None
