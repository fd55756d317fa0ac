"""What a side's own counters say. Absent is not zero: what a source cannot tell is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests, answers of 5xx and of 404, TLS handshakes and failed ones, since one instant; None: not told.

    Counts never fall: a counter that was set back (a restart) goes on from what it had reached.
    """

    requests: float | None = None
    errors_5xx: float | None = None
    not_found: float | None = None
    handshakes: float | None = None
    handshake_failures: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a side's counters, counted since the source's first good look at ``since``.

    Instants are epoch seconds. ``hosts`` are counts by host name where the source has them. ``pods`` were
    found and ``answered`` of them told something; ``complete`` is False where a part of the traffic may be
    missing from the counts (a pod that did not answer, one that ended with what it had counted since it was
    last asked), and ``problems`` say what. From ``unbroken_since`` on nothing is missing.
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


class TrafficSource(Protocol):
    """One side's counters. Neither method raises for what a server does; ``read`` keeps a deadline."""

    async def read(self) -> Reading:
        """Look now."""

    async def close(self) -> None:
        """Give connections free."""
