"""A side's counts between looks, and what they were like before the switch. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .facts import Counts, Reading

KINDS = ("5xx", "404", "handshakes")
BLOCK_S = 10.0
BLOCK_REQUESTS = 20.0
LONGEST_BLOCK_S = 60.0
_ENOUGH_REQUESTS = 100.0
_ENOUGH_BLOCKS = 3
_NOTHING = Counts()


def counted(reading: Reading, hosts: Iterable[str]) -> Counts:
    """The counts of ``hosts`` together where the source tells hosts apart, else of all of its hosts.

    A host of which no counter was ever seen has not been asked for.
    """
    if not reading.by_host:
        return reading.total
    together = reading.total.since(reading.total)
    for host in hosts:
        one = reading.hosts.get(host)
        together = together if one is None else together.and_(one)
    return together


def trials(counts: Counts, kind: str) -> tuple[float, float] | None:
    """How many requests (handshakes) there were and how many failed in that way; None where not told."""
    if kind == "handshakes":
        good, bad = counts.handshakes, counts.handshake_failures
        return None if good is None or bad is None else (good + bad, bad)
    bad = counts.errors_5xx if kind == "5xx" else counts.not_found
    if counts.requests is None or bad is None:
        return None
    # Envoy counts a 404 for want of a route a moment before the request itself
    return max(counts.requests, bad), bad


@dataclass(frozen=True, slots=True)
class Flow:
    """A side's counts between looks: ``sum`` is what was added in ``seconds``, since the flow began.

    ``last`` is the newest reading that told something, ``latest`` the newest of all. A reading that cannot
    be compared with the last one (another source) adds nothing.
    """

    hosts: tuple[str, ...] = ()
    last: Reading | None = None
    latest: Reading | None = None
    sum: Counts = _NOTHING
    seconds: float = 0.0

    def add(self, reading: Reading) -> tuple[Flow, Counts | None]:
        """The flow after a reading, and what it adds; None: nothing that could be compared."""
        if not reading.answered:
            # the next answer goes on from the last one: counts never fall
            return replace(self, latest=reading), None
        last = self.last
        seen = replace(self, last=reading, latest=reading)
        if last is None or last.source != reading.source or last.by_host != reading.by_host:
            return seen, None
        seconds = reading.at - last.at
        if seconds <= 0:
            return replace(self, latest=reading), None
        added = counted(reading, self.hosts).since(counted(last, self.hosts))
        total = added if self.sum == _NOTHING else self.sum.and_(added)
        return replace(seen, sum=total, seconds=self.seconds + seconds), added

    @property
    def by_host(self) -> bool:
        """Whether the counts are of the plan's hosts alone."""
        return self.last is not None and self.last.by_host

    @property
    def rate_per_s(self) -> float | None:
        """Requests a second; None where not told."""
        if self.sum.requests is None or self.seconds <= 0:
            return None
        return self.sum.requests / self.seconds


def closes(seconds: float, *requests: float | None) -> bool:
    """Whether so many seconds and requests (of each side) are a block of their own."""
    told = [count for count in requests if count is not None]
    enough = bool(told) and all(count >= BLOCK_REQUESTS for count in told)
    return seconds >= LONGEST_BLOCK_S or (seconds >= BLOCK_S and enough)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Over blocks: how many, requests, failures, and what the spread between blocks is worked out from."""

    blocks: int = 0
    n: float = 0.0
    bad: float = 0.0
    n_n: float = 0.0
    bad_bad: float = 0.0
    n_bad: float = 0.0

    def add(self, n: float, bad: float) -> _Sums:
        return _Sums(
            self.blocks + 1,
            self.n + n,
            self.bad + bad,
            self.n_n + n * n,
            self.bad_bad + bad * bad,
            self.n_bad + n * bad,
        )


@dataclass(frozen=True, slots=True)
class Before:
    """A side before the switch: what its failures were like then."""

    flow: Flow = field(default_factory=Flow)
    sums: Mapping[str, _Sums] = field(default_factory=dict)
    open_s: float = 0.0
    open: Counts | None = None

    @classmethod
    def of(cls, hosts: Iterable[str]) -> Before:
        """Nothing seen yet."""
        return cls(Flow(tuple(hosts)))

    def add(self, reading: Reading) -> Before:
        """After one more reading."""
        flow, added = self.flow.add(reading)
        if added is None:
            return replace(self, flow=flow)
        seconds = self.open_s + flow.seconds - self.flow.seconds
        block = added if self.open is None else self.open.and_(added)
        if not closes(seconds, block.requests):
            return replace(self, flow=flow, open_s=seconds, open=block)
        sums = dict(self.sums)
        for kind in KINDS:
            tried = trials(block, kind)
            if tried is not None:
                sums[kind] = sums.get(kind, _Sums()).add(*tried)
        return replace(self, flow=flow, sums=sums, open_s=0.0, open=None)

    def share(self, kind: str) -> tuple[float, float] | None:
        """The share of failures, and a bound that it is not above (99 %); None: too little was seen.

        The bound is that of a ratio over blocks, whose spread is the one between blocks, so that clusters of
        failures widen it; three failures more are what zero in n leaves possible.
        """
        one = self.sums.get(kind)
        if one is None or one.n < _ENOUGH_REQUESTS or one.blocks < _ENOUGH_BLOCKS:
            return None
        share = one.bad / one.n
        squares = max(0.0, one.bad_bad - 2 * share * one.n_bad + share * share * one.n_n)
        spread = math.sqrt(squares * one.blocks / (one.blocks - 1)) / one.n
        return share, min(1.0, share + 2.33 * spread + 3 / one.n)
