"""Whether the old side is idle: its own count less our probes, and what that proves. Pure.

The old side's counter is compared at two looks. Between them it counted ``delta`` requests of a host; ours
that were answered in between are in it for certain, ours without an answer perhaps. What remains are others.
A counter that did not even count our own answered probes does not see everything, and proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...cluster.text import clean
from ..verdict import Endpoint, Finding, Verdict, finding
from ..wire.http.sent import Tally
from .traffic.facts import Counts, Reading

CONFIDENCE = 0.95
_NOBODY = Tally()
_MOST_NAMED = 5
# a run may go by another clock than who looks at its journal
_CLOCK_SLACK_S = 60.0
_LATE_SOURCES = "Prometheus"
# two scrapes of the usual minute, and half of one more
_LATE_S = 150.0


@dataclass(frozen=True, slots=True)
class Look:
    """A reading of the old side's counters, and what we had sent to it just before, by host."""

    reading: Reading
    ours: Mapping[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """What the old side counted between two looks (epoch seconds).

    ``others`` were not ours; None: it cannot be told, and ``detail`` says why. ``inferred`` of ``ours`` had
    no answer: the counter has that many more than our answered ones, and they are taken for them.
    """

    since: float
    until: float
    source: str
    others: float | None
    ours: float = 0.0
    inferred: int = 0
    per_host: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""


def window(before: Look, after: Look, hosts: Sequence[str], misrouted: Mapping[str, str]) -> Window:
    """What was counted of ``hosts`` between the looks. ``misrouted``: hosts that the old side does not route
    any more (its counter would show nothing whatever came), each with why.
    """
    since, until = before.reading.at, after.reading.at
    source = after.reading.source

    def unknown(why: str) -> Window:
        return Window(since, until, source, None, detail=clean(why, 300))

    if misrouted:
        return unknown("; ".join(f"{host}: {why}" for host, why in list(misrouted.items())[:_MOST_NAMED]))
    broken = _broken(before.reading, after.reading)
    if broken:
        return unknown(broken)
    parts, beyond = _parts(before, after, hosts)
    lag = _lag(before, after, parts)
    if lag:
        return unknown(lag)
    doubts = [part.doubt for part in parts if part.doubt]
    if doubts:
        return unknown("; ".join(doubts[:_MOST_NAMED]))
    others = sum(part.others for part in parts)
    if beyond and others:
        return unknown(f"{others:g} requests beside ours, to any host: {beyond}")
    inferred = sum(part.inferred for part in parts)
    return Window(
        since,
        until,
        source,
        others,
        ours=sum(part.ours for part in parts),
        inferred=inferred,
        per_host={part.host: part.others for part in parts if part.others},
        detail=_detail(inferred, beyond),
    )


def _detail(inferred: int, beyond: str) -> str:
    words = [beyond] if beyond else []
    if inferred:
        words.append(
            f"{inferred} of ours had no answer and are taken for what is counted beside the answered"
        )
    return "; ".join(words)


def _broken(before: Reading, after: Reading) -> str:
    """Why nothing can be said of the time between two readings; empty where something can."""
    if before.source != after.source or before.since != after.since:
        return "the counters were read from another source before"
    if after.unbroken_since is None or after.unbroken_since > before.at:
        problems = "; ".join(after.problems[:3]) or "a part of the traffic may be missing from the counters"
        return f"not all was counted: {problems}"
    return ""


@dataclass(frozen=True, slots=True)
class _Part:
    """One host's share; ``doubt`` says why it cannot be told."""

    host: str
    others: float = 0.0
    ours: float = 0.0
    inferred: int = 0
    doubt: str = ""


def _lag(before: Look, after: Look, parts: Sequence[_Part]) -> str:
    """Why a source that shows the past cannot tell ours from others; empty where it can.

    A Prometheus shows what it scraped last, so that the last minutes of ours may be in it or not.
    """
    if not after.reading.source.startswith(_LATE_SOURCES):
        return ""
    seconds = max(1e-3, after.reading.at - before.reading.at)
    ours = sum(tally.answered for tally in after.ours.values()) - sum(
        tally.answered for tally in before.ours.values()
    )
    unsure = ours * min(1.0, _LATE_S / seconds)
    others = sum(part.others for part in parts if not part.doubt)
    if others > unsure:
        return ""
    return f"{after.reading.source} is a scrape behind: it can show that others come, and not that none do"


def behind(before: Look, after: Look, hosts: Sequence[str]) -> bool:
    """Whether the counters do not show all of our own answered requests yet: some are written late."""
    return not _broken(before.reading, after.reading) and any(
        part.doubt for part in _parts(before, after, hosts)[0]
    )


def _parts(before: Look, after: Look, hosts: Sequence[str]) -> tuple[list[_Part], str]:
    """Each host's share where the source tells hosts apart; else one for all, and that it is so."""
    if after.reading.hosts:
        return [_one_host(before, after, host.lower()) for host in hosts], ""
    return [_all_hosts(before, after)], "the counter does not tell hosts apart"


def _one_host(before: Look, after: Look, host: str) -> _Part:
    counted = _requests(after.reading.hosts, host) - _requests(before.reading.hosts, host)
    return _part(host, counted, before.ours.get(host, _NOBODY), after.ours.get(host, _NOBODY))


def _requests(hosts: Mapping[str, Counts], host: str) -> float:
    # a series is born at its first request, and counts are since the source's first look: no series is none
    counts = hosts.get(host)
    return counts.requests or 0.0 if counts is not None else 0.0


def _all_hosts(before: Look, after: Look) -> _Part:
    first, last = before.reading.total.requests, after.reading.total.requests
    if first is None or last is None:
        return _Part("", doubt="the source does not count requests")
    return _part("", last - first, _sum(before.ours), _sum(after.ours))


def _sum(tallies: Mapping[str, Tally]) -> Tally:
    found = tallies.values()
    return Tally(
        sum(one.answered for one in found),
        sum(one.unanswered for one in found),
        sum(one.under_way for one in found),
    )


def _part(host: str, counted: float, before: Tally, after: Tally) -> _Part:
    name = f"{host}: " if host else ""
    answered = after.answered - before.answered
    # those under way at the first look may have been counted before it
    certain = max(0, answered - before.under_way)
    possible = answered + after.unanswered - before.unanswered + after.under_way
    if counted < certain:
        what = f"counted {counted:g} requests where {certain} of our own were answered"
        return _Part(host, doubt=f"{name}{what}: it does not see everything")
    if counted <= possible:
        beside = int(max(0.0, counted - answered))
        return _Part(host, ours=counted, inferred=beside)
    return _Part(host, others=counted - possible, ours=float(possible), inferred=possible - answered)


@dataclass(frozen=True, slots=True)
class IdleFacts:
    """What is known of the old side of ``hosts`` when it is to be retired. Instants are epoch seconds.

    ``source`` empty: nothing counts its requests. The quiet spell goes from ``quiet_since`` to
    ``quiet_until``; ``others`` are in the latest window (of ``window_s`` seconds), None: cannot be told
    (``detail``). ``drain_at`` is when the last compliant cache let go, None: not known yet. ``resolvers`` are
    (server, host, answer). A count older than ``oldest_s`` says nothing of now. ``raised``:
    a server that hands out more than the low TTL.
    """

    old: str
    hosts: tuple[str, ...]
    now: float
    wanted_s: float
    source: str = ""
    counted: bool = False
    quiet_since: float = 0.0
    quiet_until: float = 0.0
    others: float | None = None
    ours: float = 0.0
    inferred: int = 0
    window_s: float = 0.0
    per_host: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""
    oldest_s: float = 240.0
    drain_at: float | None = None
    drain_words: tuple[str, ...] = ()
    resolvers: tuple[tuple[str, str, str], ...] = ()
    raised: str = ""
    reproduce: str = ""

    @property
    def quiet_s(self) -> float:
        """For how long nobody but us has come."""
        return max(0.0, self.quiet_until - self.quiet_since) if self.others == 0 else 0.0


def rate_bound(seconds: float, possible: int = 0) -> float:
    """The largest rate of requests an hour that is compatible (95 %) with ``possible`` in ``seconds``.

    For none it is 3/T: the chance of none in T at rate r is exp(-rT), and exp(-3) is 5 %.
    """
    if seconds <= 0:
        return math.inf
    low, high = 0.0, 10.0 + 3.0 * possible
    while high - low > 1e-6:
        middle = (low + high) / 2
        chance = sum(
            math.exp(-middle + n * math.log(middle) - math.lgamma(n + 1)) for n in range(possible + 1)
        )
        low, high = (middle, high) if chance > 1 - CONFIDENCE else (low, middle)
    return high / (seconds / 3600)


def missing(facts: IdleFacts) -> tuple[str, ...]:
    """What is still to come before the old side may be called idle; empty: it is proven."""
    words = []
    if not facts.source:
        words.append("no counter of the old side is read: that it is idle cannot be proven")
    elif not facts.counted:
        words.append("the old side's counter has not been read twice yet")
    elif facts.others is None:
        words.append(f"the old side's counter tells nothing: {facts.detail}")
    elif facts.others > 0:
        words.append(f"others still use it: {use_words(facts)}")
    else:
        words += _quiet_missing(facts)
    if facts.drain_at is None:
        words.append("a name server still serves the old data: the drain has not begun")
    elif facts.now < facts.drain_at:
        words.append(f"the last compliant cache lets go in {_span(facts.drain_at - facts.now)}")
    behind = [
        f"{server} answers {answer} for {host}" for server, host, answer in facts.resolvers if answer != "new"
    ]
    if behind:
        words.append(f"not every resolver shows the new side: {'; '.join(behind[:_MOST_NAMED])}")
    return tuple(clean(word, 400) for word in words)


def _quiet_missing(facts: IdleFacts) -> list[str]:
    words = []
    age = facts.now - facts.quiet_until
    if age > facts.oldest_s:
        words.append(f"it was last counted {_span(age)} ago")
    elif age < -_CLOCK_SLACK_S:
        words.append(f"it was last counted {_span(-age)} from now: a clock was set, so its age is not known")
    if facts.quiet_s < facts.wanted_s:
        words.append(f"quiet for {_span(facts.quiet_s)} of {_span(facts.wanted_s)}")
    elif not facts.ours:
        words.append("none of our own probes was counted: nothing shows that the counter works")
    return words


def use_words(facts: IdleFacts) -> str:
    """Who else used the old side in the latest window: how much, how often, which hosts."""
    others = facts.others or 0.0
    named = sorted(facts.per_host.items(), key=lambda item: -item[1])[:_MOST_NAMED]
    hosts = f" ({', '.join(f'{host} {count:g}' for host, count in named)})" if named else ""
    rate = f", {others / facts.window_s * 60:.3g} a minute" if facts.window_s > 0 else ""
    return f"{others:g} requests in {_span(facts.window_s)}{rate}{hosts}"


def judge(facts: IdleFacts) -> tuple[Finding, ...]:
    """Whether the old side is idle; the first finding says it."""
    subject = Endpoint(facts.old, facts.hosts[0] if len(facts.hosts) == 1 else "")
    lines = evidence(facts)
    open_points = missing(facts)
    if facts.source and facts.counted and facts.others:
        rule, verdict, words = "CUT061", Verdict.FAIL, f"the old side is still used: {use_words(facts)}"
    elif not facts.source or not facts.counted or facts.others is None:
        rule, verdict, words = "CUT062", Verdict.UNKNOWN, open_points[0]
    elif open_points:
        rule, verdict, words = "CUT060", Verdict.UNKNOWN, f"not proven yet: {'; '.join(open_points)}"
    else:
        rule, verdict, words = "CUT060", Verdict.PASS, proof_words(facts)
    found = [finding(rule, verdict, subject, clean(words, 400), evidence=lines, reproduce=facts.reproduce)]
    if facts.raised:
        words = f"the TTL was raised while it should stay low: {clean(facts.raised, 200)}"
        found.append(finding("CUT063", Verdict.WARN, subject, words))
    return tuple(found)


def proof_words(facts: IdleFacts) -> str:
    """What has been shown, with the bound."""
    bound = rate_bound(facts.quiet_s, facts.inferred)
    return (
        f"nobody but our {facts.ours:g} probes for {_span(facts.quiet_s)}: "
        f"others come less often than {bound:.3g} times an hour (95 %)"
    )


def evidence(facts: IdleFacts) -> tuple[str, ...]:
    """The numbers behind the verdict."""
    lines = [f"counted by: {facts.source or 'nothing'}"]
    if facts.counted and facts.others == 0:
        lines.append(
            f"quiet for {_span(facts.quiet_s)} of {_span(facts.wanted_s)}, {facts.ours:g} probes of ours"
        )
        if facts.quiet_s > 0:
            hits = "none" if not facts.inferred else f"at most {facts.inferred}"
            lines.append(
                f"{hits} in {facts.quiet_s / 3600:.3g} h bounds the rate at "
                f"{rate_bound(facts.quiet_s, facts.inferred):.3g} an hour (95 %)"
            )
    elif facts.counted and facts.others is not None:
        lines.append(f"others: {use_words(facts)}")
    lines += [facts.detail] if facts.detail else []
    lines += facts.drain_words
    lines += [f"resolver {server}: {host} {answer}" for server, host, answer in facts.resolvers[:10]]
    return tuple(clean(line, 300) for line in lines)


def _span(seconds: float) -> str:
    if seconds < 180:
        return f"{max(0.0, seconds):.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 3 * 3600 else f"{seconds / 3600:.3g} h"
