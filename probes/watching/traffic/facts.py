"""What a side's own counters say. Absent is not zero: what a source cannot tell is None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests, answers of 5xx and of 404, TLS handshakes and failed ones, since one instant; None: not told.

    ``handshakes`` are those that succeeded. Our own probes are among the requests, because no controller
    counts by client. Counts never fall: a counter that was set back (a restart) goes on from what it had
    reached.
    """

    requests: float | None = None
    errors_5xx: float | None = None
    not_found: float | None = None
    handshakes: float | None = None
    handshake_failures: float | None = None

    def since(self, earlier: Counts) -> Counts:
        """What was counted after ``earlier``; None where either does not tell."""
        return _combined(self, earlier, -1.0)

    def and_(self, other: Counts) -> Counts:
        """Both together; None where either does not tell."""
        return _combined(self, other, 1.0)


FIELDS = tuple(one.name for one in fields(Counts))
"""What can be counted, in the order of Counts."""


def _combined(one: Counts, other: Counts, sign: float) -> Counts:
    values: dict[str, float | None] = {}
    for name in FIELDS:
        mine, theirs = getattr(one, name), getattr(other, name)
        values[name] = None if mine is None or theirs is None else mine + sign * theirs
    return Counts(**values)


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a side's counters, counted since the source's first good look at ``since``.

    Instants are epoch seconds. ``hosts`` are counts by host name where the source has them; a host of which
    no counter was ever seen is not among them. ``pods`` were found and ``answered`` of them told something;
    ``complete`` is False where a part of the traffic may be missing from the counts (a pod that did not
    answer, one that ended with what it had counted since it was last asked), and ``problems`` say what. From
    ``unbroken_since`` on nothing is missing; None: something is missing right now. ``by_host`` says that the
    source tells hosts apart; ``notes`` what it can never tell.
    """

    at: float
    since: float
    source: str
    total: Counts = Counts()
    hosts: Mapping[str, Counts] = field(default_factory=dict)
    pods: int = 0
    answered: int = 0
    complete: bool = False
    unbroken_since: float | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    by_host: bool = False

    def of(self, hosts: Iterable[str]) -> Counts | None:
        """The counts of ``hosts`` together; None where any of them is not counted by itself."""
        found = [self.hosts.get(host) for host in hosts]
        if not found or any(one is None for one in found):
            return None
        together = found[0]
        for one in found[1:]:
            assert together is not None
            assert one is not None
            together = together.and_(one)
        return together


class TrafficSource(Protocol):
    """One side's counters. Neither method raises for what a server does; ``read`` keeps a deadline."""

    async def read(self) -> Reading:
        """Look now."""

    async def close(self) -> None:
        """Give connections free."""
