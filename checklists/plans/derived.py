"""A plan that was derived: its fields with where each came from, before it is text.

A note that begins with ``not known:`` asks something of the reader; all others say where a value is from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Scalar = str | int | float


@dataclass(frozen=True, slots=True)
class Flow:
    """Values that stand on one line: ``[a, b]``."""

    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class FlowMap:
    """Fields that stand on one line: ``{a: 1, b: [x]}``."""

    fields: tuple[tuple[str, Scalar | Flow], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A field, or with an empty ``key`` an item of a list; ``notes`` are comments that stand above it.

    A mapping's value is its fields, a list's its items. None: it is not known, so that only the comment is
    written, with ``example`` as what could stand there.
    """

    key: str
    value: Scalar | Flow | FlowMap | tuple[Entry, ...] | None
    notes: tuple[str, ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A field that could not be found out, or only in part, and why: then the plan wants a person."""

    field: str
    words: str


@dataclass(frozen=True, slots=True)
class DerivedPlan:
    """``head`` are comments above all; with ``doubts`` it may not be complete, and does not load then."""

    entries: tuple[Entry, ...]
    head: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The fields that are known as plain values, as the written file would load."""
        return {entry.key: _plain(entry.value) for entry in self.entries if entry.value is not None}

    def notes(self) -> list[dict[str, str]]:
        """Every comment with the field above which it stands."""
        return [{"field": field, "note": note} for field, note in _notes(self.entries, "")]


def _plain(value: Any) -> Any:
    if isinstance(value, Flow):
        return list(value.values)
    if isinstance(value, FlowMap):
        return {name: _plain(one) for name, one in value.fields}
    if isinstance(value, tuple):
        known = [entry for entry in value if entry.value is not None]
        if any(entry.key for entry in value):
            return {entry.key: _plain(entry.value) for entry in known}
        return [_plain(entry.value) for entry in known]
    return value


def _notes(entries: tuple[Entry, ...], above: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for number, entry in enumerate(entries):
        place = f"{above}.{entry.key}" if above and entry.key else entry.key or f"{above}[{number}]"
        found += [(place, note) for note in entry.notes]
        if isinstance(entry.value, tuple):
            found += _notes(entry.value, place)
    return found
