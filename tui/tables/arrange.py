"""Which rows of a table are shown, and in which order."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from ...probes.verdict import Verdict
from .filters import NO_FILTER, Filter

Row = TypeVar("Row")
Sort = Literal["status", "name", "age", "host"]
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Lens(Generic[Row]):
    """How a table's rows are looked at; ``created`` is RFC 3339 text, empty where it is not known."""

    worst: Callable[[Row], Verdict]
    text: Callable[[Row], str]
    labels: Callable[[Row], Mapping[str, str]]
    name: Callable[[Row], tuple[str, ...]]
    created: Callable[[Row], str]
    host: Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the operator has asked of a table. Rows come worst first, which is the order ``status``."""

    filter: Filter = NO_FILTER
    sort: Sort = "status"
    reverse: bool = False
    faults: bool = False
    wide: bool = False

    def by(self, sort: Sort) -> Arrangement:
        """Sorted by ``sort``; asked again, the other way round."""
        return replace(self, sort=sort, reverse=self.sort == sort and not self.reverse)

    @property
    def hides(self) -> bool:
        """Whether rows may be hidden."""
        return bool(self.filter) or self.faults

    @property
    def sorted_words(self) -> str:
        """The order in words; empty for the usual one."""
        if self.sort == "status" and not self.reverse:
            return ""
        first = {"status": "best first", "name": "by name", "age": "newest first", "host": "by host"}
        turned = {
            "status": "best first",
            "name": "by name, reversed",
            "age": "oldest first",
            "host": "by host, reversed",
        }
        return (turned if self.reverse else first)[self.sort]

    def apply(self, rows: Sequence[Row], lens: Lens[Row]) -> tuple[Sequence[Row], Filter]:
        """The rows to show, and the filter as it was read."""
        if self.faults:
            least = Verdict.WARN.badness
            rows = [row for row in rows if lens.worst(row).badness >= least]
        rows, filtered = self.filter.chosen(rows, lens.text, lens.labels)
        return self._sorted(rows, lens), filtered

    def _sorted(self, rows: Sequence[Row], lens: Lens[Row]) -> Sequence[Row]:
        match self.sort:
            case "status":
                # the order in which they come; a stable sort the other way keeps names in their order
                return sorted(rows, key=lambda row: lens.worst(row).badness) if self.reverse else rows
            case "name":
                return sorted(rows, key=lens.name, reverse=self.reverse)
            case "age":
                # what has no date comes last, whichever way
                instants = [(lens.created(row), row) for row in rows]
                dated = [pair for pair in instants if pair[0]]
                dated.sort(key=operator.itemgetter(0), reverse=not self.reverse)
                return [row for _, row in dated] + [row for instant, row in instants if not instant]
            case "host":
                return sorted(rows, key=lambda row: lens.host(row) or _LAST, reverse=self.reverse)


class History(Generic[Row]):
    """Where somebody was, to go back and forth as in a browser."""

    _MOST = 50

    def __init__(self, first: Row) -> None:
        self._visits, self._at = [first], 0

    @property
    def here(self) -> Row:
        """The visit shown."""
        return self._visits[self._at]

    def visit(self, place: Row) -> None:
        """Go somewhere; what was forward of here is forgotten."""
        if place != self.here:
            self._visits = [*self._visits[: self._at + 1], place][-self._MOST :]
            self._at = len(self._visits) - 1

    def step(self, by: int) -> Row | None:
        """The visit before (-1) or after (1) this one, which becomes the one shown; None at the end."""
        if not 0 <= self._at + by < len(self._visits):
            return None
        self._at += by
        return self.here
