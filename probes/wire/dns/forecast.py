"""When the last cache lets go, worked out from what name servers were seen to serve. Pure.

A cache that asked at the last instant at which ANY authoritative server served old data with TTL T keeps it
for T more (RFC 1035, section 3.2.1), a resolver with a minimum TTL m for max(T, m). Servers are only looked
at now and then, so that last instant is not known; what is known is that it was over when the server was
first seen to serve something else. That is what counts here: a forecast may be late by one look, never early.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from .zones import Sighting

# what no look at name servers can show
TAIL = "DNS cannot know: resolvers that stretch TTLs or serve stale, programs that never ask again"

Clock = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Period:
    """One record set as it stood on the name servers: equal name, type, TTL and values.

    Times are epoch seconds. ``gone_by`` is when the last server that had served it was seen to serve
    something else; None while ``still`` is not empty: servers that serve it, or did so when they last
    answered. ``values`` empty: there was no such record, and ``ttl`` is how long that may be cached.
    """

    name: str
    type: str
    ttl: int
    values: tuple[str, ...]
    first_seen: float
    last_seen: float
    gone_by: float | None = None
    still: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One period's share of the sum: ``lets_go_at`` = gone_by + max(ttl, minimum); None while it stands."""

    period: Period
    lets_go_at: float | None
    minimum: float = 0.0

    def words(self, clock: Clock) -> str:
        """The sum as a person checks it."""
        what = ", ".join(self.period.values[:3]) or "no such record"
        held = f"{self.period.ttl} s"
        if self.minimum > self.period.ttl:
            held = f"max({self.period.ttl} s, minimum {self.minimum:g} s)"
        name = f"{self.period.type} {what}, TTL {self.period.ttl} s"
        if self.lets_go_at is None or self.period.gone_by is None:
            return (
                f"{name}: still served by {', '.join(self.period.still[:4])}; every answer starts {held} anew"
            )
        return f"{name}: gone everywhere by {clock(self.period.gone_by)} + {held} = {clock(self.lets_go_at)}"


@dataclass(frozen=True, slots=True)
class Drain:
    """``lets_go_at`` is the hard line D = max(e_i + T_i) in epoch seconds; None: it cannot be told yet, and
    ``reason`` says why. ``parts`` are all old periods, the deciding one first.
    """

    lets_go_at: float | None
    parts: tuple[Part, ...] = ()
    reason: str = ""

    def remaining_s(self, now: float) -> float | None:
        """Seconds until the last compliant cache has let go; 0 when it has; None where not known."""
        return None if self.lets_go_at is None else max(0.0, self.lets_go_at - now)

    def old_share(self, now: float) -> float | None:
        """The share of caches still old, for a name that is asked for all the time: 1 - t/T."""
        left = self.remaining_s(now)
        if left is None:
            return None
        deciding = self.parts[0]
        held = max(float(deciding.period.ttl), deciding.minimum)
        return min(1.0, left / held) if held > 0 else 0.0

    def words(self, now: float, clock: Clock | None = None) -> tuple[str, ...]:
        """The forecast with its arithmetic, line by line."""
        clock = clock or local_clock
        sums = tuple(part.words(clock) for part in self.parts[:8])
        if self.lets_go_at is None:
            return (f"not known when the last cache lets go: {self.reason}", *sums)
        left, share = self.remaining_s(now) or 0.0, self.old_share(now) or 0.0
        when = f"in {left:.0f} s" if left > 0 else "passed"
        head = f"the last cache that keeps to the TTL lets go at {clock(self.lets_go_at)} ({when})"
        decay = (f"caches still on the old answer now: at most {share:.0%} (1 - t/T)",) if left > 0 else ()
        return (head, *sums, *decay, TAIL)


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether the low TTL has been everywhere for long enough to cut: now >= L_all + T_old.

    ``state`` is low (go), wait (``ready_at`` says until when), high (a server still serves a higher TTL) or
    unknown (a server is silent, or what stood before was not recorded).
    """

    state: str
    words: str
    ready_at: float | None = None


def local_clock(instant: float) -> str:
    """The local time of day, with the date where it is not today's."""
    then, today = time.localtime(instant), time.localtime()
    same_day = (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday)
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S", then)


def periods(sightings: Iterable[Sighting], servers: Collection[str] | None = None) -> tuple[Period, ...]:
    """The record sets that stood on authoritative servers, the oldest first.

    ``servers``: only these count (those of the delegation now); else every one that was ever seen. A server
    that has no sighting in the newest look is taken to serve what it served when it was last heard of.
    """
    lines: dict[tuple[str, str, str], list[Sighting]] = {}
    for seen in sorted(sightings, key=lambda one: one.at):
        if seen.kind == "authoritative" and (servers is None or seen.server in servers):
            lines.setdefault((seen.name, seen.type, seen.server), []).append(seen)
    found: dict[tuple[str, str, int, tuple[str, ...]], _Span] = {}
    for (name, kind, server), line in lines.items():
        for seen, after in zip(line, [*line[1:], None], strict=True):
            span = found.setdefault((name, kind, seen.ttl, seen.values), _Span(seen.at))
            span.add(seen, after, server)
    made = [
        Period(name, kind, ttl, values, span.first, span.last, span.gone_by, tuple(sorted(span.still)))
        for (name, kind, ttl, values), span in found.items()
    ]
    return tuple(sorted(made, key=lambda one: (one.first_seen, one.last_seen)))


class _Span:
    """A period while it is put together."""

    def __init__(self, first: float) -> None:
        self.first = self.last = first
        self._gone = 0.0
        self.still: set[str] = set()

    def add(self, seen: Sighting, after: Sighting | None, server: str) -> None:
        self.first, self.last = min(self.first, seen.at), max(self.last, seen.at)
        if after is None:
            self.still.add(server)
        elif (after.ttl, after.values) != (seen.ttl, seen.values):
            self._gone = max(self._gone, after.at)

    @property
    def gone_by(self) -> float | None:
        return None if self.still else self._gone


def drain(old: Iterable[Period], resolver_minimum: float = 0.0) -> Drain:
    """The forecast for the given old periods; ``resolver_minimum`` (seconds) stretches each of them."""
    parts = [
        Part(
            one,
            None if one.gone_by is None else one.gone_by + max(float(one.ttl), resolver_minimum),
            resolver_minimum,
        )
        for one in old
    ]
    if not parts:
        return Drain(None, (), "no old data was recorded")
    standing = [part for part in parts if part.lets_go_at is None]
    if standing:
        servers = sorted({server for part in standing for server in part.period.still})
        reason = f"the old data still stands on {', '.join(servers[:4])}"
        rest = [part for part in parts if part.lets_go_at is not None]
        return Drain(None, (*standing, *rest), reason)
    ordered = sorted(parts, key=lambda part: part.lets_go_at or 0.0, reverse=True)
    return Drain(ordered[0].lets_go_at, tuple(ordered))


def old_periods(
    all_periods: Sequence[Period], old: Collection[str] = (), new: Collection[str] = ()
) -> tuple[Period, ...]:
    """Those that lead to the old side: by the ``old`` addresses; without them, what holds none of ``new``;
    with neither, all but what was seen last. An absence counts as old wherever the record exists now.
    """
    newest: dict[tuple[str, str], Period] = {}
    for one in all_periods:
        known = newest.get((one.name, one.type))
        if known is None or (one.last_seen, one.first_seen) >= (known.last_seen, known.first_seen):
            newest[one.name, one.type] = one

    def is_old(one: Period) -> bool:
        latest = newest[one.name, one.type]
        if not one.values:
            return bool(latest.values)
        if old and one.type in ("A", "AAAA"):
            return not set(one.values).isdisjoint(old)
        if new and one.type in ("A", "AAAA"):
            return set(one.values).isdisjoint(new)
        return one.values != latest.values

    return tuple(one for one in all_periods if is_old(one))


def visible_at(added_at: float, soa_ttl: int, soa_minimum: int, resolver_minimum: float = 0.0) -> float:
    """When a name that did not exist is seen by every cache: t_add + min(SOA TTL, minimum) (RFC 2308, 5)."""
    return added_at + max(float(min(soa_ttl, soa_minimum)), resolver_minimum)


def low_ttl_gate(
    sightings: Sequence[Sighting],
    low_ttl: int,
    now: float,
    servers: Collection[str],
    old_ttl: int | None = None,
    resolver_minimum: float = 0.0,
    clock: Clock | None = None,
) -> Gate:
    """Whether every one of ``servers`` serves at most ``low_ttl`` and the old TTL has passed since.

    The newest look among ``sightings`` is taken for now. ``old_ttl``: what stood before the record began, if
    the operator knows it (seconds).
    """
    clock = clock or local_clock
    all_periods = [one for one in periods(sightings, servers) if one.values]
    if not servers or not all_periods:
        return Gate("unknown", "no authoritative server was seen to serve the name")
    high = [one for one in all_periods if one.ttl > low_ttl and one.still]
    if high:
        top = max(high, key=lambda one: one.ttl)
        return Gate(
            "high", f"{', '.join(top.still[:4])}: {top.type} with {top.ttl} s, wanted at most {low_ttl} s"
        )
    newest = max(seen.at for seen in sightings)
    showed = {seen.server for seen in sightings if seen.at == newest and seen.values}
    silent = sorted(set(servers) - showed)
    if silent:
        return Gate("unknown", f"{', '.join(silent[:4])} showed no TTL when asked at {clock(newest)}")
    ready, words = _ready(all_periods, low_ttl, old_ttl, resolver_minimum, clock)
    if ready is None:
        return Gate("unknown", words)
    if now >= ready:
        return Gate("low", f"{low_ttl} s or less everywhere, and the old TTL has passed: {words}", ready)
    return Gate("wait", f"{ready - now:.0f} s to wait: {words}", ready)


def _ready(
    all_periods: Sequence[Period], low_ttl: int, old_ttl: int | None, resolver_minimum: float, clock: Clock
) -> tuple[float | None, str]:
    """When the last high TTL has run out, and the sum."""
    high = drain([one for one in all_periods if one.ttl > low_ttl], resolver_minimum)
    if high.lets_go_at is not None:
        return high.lets_go_at, high.parts[0].words(clock)
    if old_ttl is not None:
        since = max(one.first_seen for one in all_periods if one.still)
        ready = since + max(float(old_ttl), resolver_minimum)
        return (
            ready,
            f"low everywhere since {clock(since)} at the latest + old TTL {old_ttl} s = {clock(ready)}",
        )
    since = min(one.first_seen for one in all_periods)
    return None, f"low since the record began at {clock(since)}; the TTL before that is not known"
