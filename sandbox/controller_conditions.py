"""Conditions as a real controller writes them: dated when they change, for the generation they judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

_NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing the controller says of an object; `status` is None for Unknown."""

    type: str
    status: bool | None
    reason: str
    message: str


def now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_text(status: bool | None) -> str:
    return "Unknown" if status is None else str(status)


def render(
    conditions: Iterable[Condition], generation: int, previous: Any, now: str, keep_foreign: bool = False
) -> list[Json]:
    """The conditions as JSON. `lastTransitionTime` moves only when a status does, as the API conventions ask.

    With `keep_foreign`, condition types that we do not write survive: other parties may share the list.
    """
    before = {
        item.get("type"): item for item in (previous or ()) if isinstance(item, Mapping) and item.get("type")
    }
    written: list[Json] = []
    for condition in conditions:
        old = before.pop(condition.type, {})
        status = status_text(condition.status)
        since = old.get("lastTransitionTime")
        unchanged = old.get("status") == status and isinstance(since, str) and since != _NEVER
        written.append(
            {
                "type": condition.type,
                "status": status,
                "reason": condition.reason,
                "message": condition.message,
                "observedGeneration": generation,
                "lastTransitionTime": since if unchanged else now,
            }
        )
    if keep_foreign:
        written += [dict(item) for item in before.values()]
    return written


def verdict(kind: str, problem: tuple[str, str] | None, well: str, reason: str = "") -> Condition:
    """A positive condition: True with `well`, or False with the (reason, message) of the problem."""
    if problem is None:
        return Condition(kind, True, reason or kind, well)
    return Condition(kind, False, problem[0], problem[1])
