"""What the watch has seen, second by second: immutable, bounded, and cheap to copy."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass

from ..wire.http.facts import HttpExpectation, HttpFacts
from .decision import WatchDecision, WatchVerdict
from .traffic.view import TrafficView

OLD = "old"
NEW = "new"
# kinds of outcome; all but OK and MISSING count as errors
OK = "ok"
MISSING = "missing"
KINDS = (OK, "5xx", "404", "status", "handshake", "timeout", "refused", "reset", "protocol", MISSING)

_BUCKETS = 120
_SAMPLES = 20
_BASE = 1.15


@dataclass(frozen=True, slots=True)
class WatchSample:
    """One probe's outcome. ``at_s`` is seconds since the watch began; ``kind`` is one of KINDS."""

    side: str
    at_s: float
    path: str
    kind: str
    status: int | None = None
    elapsed_ms: float = 0.0
    detail: str = ""

    @property
    def error(self) -> bool:
        """Whether it counts against its side."""
        return self.kind not in (OK, MISSING)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One second of the watch: requests and errors of each side; zeros where nothing was asked."""

    second: int
    new_requests: int = 0
    new_errors: int = 0
    old_requests: int = 0
    old_errors: int = 0


@dataclass(frozen=True, slots=True)
class SideView:
    """One side so far. ``kinds`` counts each kind of outcome; p50 and p95 of good answers in
    milliseconds.
    """

    requests: int = 0
    errors: int = 0
    missing: int = 0
    kinds: tuple[tuple[str, int], ...] = ()
    p50_ms: float | None = None
    p95_ms: float | None = None

    def count(self, kind: str) -> int:
        """How many outcomes were of that kind."""
        return dict(self.kinds).get(kind, 0)

    @property
    def handshake_failures(self) -> int:
        """Requests that failed in the TLS handshake."""
        return self.count("handshake")

    @property
    def error_share(self) -> float | None:
        """Errors by requests, 0 to 1; None before the first: absent is not zero."""
        return self.errors / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class WatchState:
    """The watch at one moment. ``buckets`` are the last two minutes, ``recent_errors`` the last few errors.

    ``traffic`` is what the sides count by themselves; None where the plan names no such counts.
    """

    elapsed_s: float
    new: SideView
    old: SideView
    decision: WatchDecision
    buckets: tuple[Bucket, ...] = ()
    recent_errors: tuple[WatchSample, ...] = ()
    finished: bool = False
    traffic: TrafficView | None = None

    @property
    def verdict(self) -> WatchVerdict:
        """The decision's verdict."""
        return self.decision.verdict


_SLOWER = 2.0
_SLOWER_BY_MS = 100.0
_ENOUGH_ANSWERS = 50


def slower(new: SideView, old: SideView) -> tuple[str, ...]:
    """A note where the new side's p95 is twice the old one's and 100 ms more, over 50 answers of each.

    A note and no alarm: percentiles of two paths through two proxies have no healthy ratio that would be
    known beforehand.
    """
    few = min(new.count(OK), old.count(OK)) < _ENOUGH_ANSWERS
    if few or new.p95_ms is None or old.p95_ms is None:
        return ()
    if new.p95_ms < max(_SLOWER * old.p95_ms, old.p95_ms + _SLOWER_BY_MS):
        return ()
    ratio = new.p95_ms / old.p95_ms
    return (f"p95 is {ratio:.1f} times the old side's ({new.p95_ms:.0f} ms, {old.p95_ms:.0f} ms)",)


class Histogram:
    """Durations in buckets that grow by 15 %: percentiles to that precision in bounded memory."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, value_ms: float) -> None:
        """Counts one duration, in milliseconds."""
        self._counts[min(200, math.ceil(math.log(max(value_ms, 0.1), _BASE)))] += 1

    def percentile(self, share: float) -> float | None:
        """The duration that ``share`` (0 to 1) of the values do not exceed, in milliseconds; None without
        values.
        """
        wanted = share * self._counts.total()
        for index in sorted(self._counts):
            wanted -= self._counts[index]
            if wanted <= 1e-9:
                return round(_BASE**index, 1)
        return None


class Recorder:
    """Collects samples and draws ``SideView`` and buckets from them. Its memory does not grow."""

    def __init__(self) -> None:
        self._kinds: dict[str, Counter[str]] = {OLD: Counter(), NEW: Counter()}
        self._latencies = {OLD: Histogram(), NEW: Histogram()}
        self._buckets: dict[int, list[int]] = {}
        self._recent: deque[WatchSample] = deque(maxlen=_SAMPLES)

    def add(self, sample: WatchSample) -> None:
        """Counts one sample."""
        self._kinds[sample.side][sample.kind] += 1
        if sample.kind == OK:
            self._latencies[sample.side].add(sample.elapsed_ms)
        if sample.kind != OK:
            self._recent.append(sample)
        if sample.kind == MISSING:
            return
        bucket = self._buckets.setdefault(int(sample.at_s), [0, 0, 0, 0])
        offset = 0 if sample.side == NEW else 2
        bucket[offset] += 1
        bucket[offset + 1] += sample.error
        for second in [key for key in self._buckets if key <= int(sample.at_s) - _BUCKETS]:
            del self._buckets[second]

    def side(self, side: str) -> SideView:
        """One side so far."""
        kinds = self._kinds[side]
        missing = kinds[MISSING]
        requests = kinds.total() - missing
        return SideView(
            requests=requests,
            errors=requests - kinds[OK],
            missing=missing,
            kinds=tuple((kind, kinds[kind]) for kind in KINDS if kinds[kind]),
            p50_ms=self._latencies[side].percentile(0.5),
            p95_ms=self._latencies[side].percentile(0.95),
        )

    def buckets(self, now_s: float) -> tuple[Bucket, ...]:
        """The last two minutes, a bucket for every second, empty ones too."""
        last = int(now_s)
        first = max(0, last - _BUCKETS + 1)
        empty = [0, 0, 0, 0]
        return tuple(Bucket(second, *self._buckets.get(second, empty)) for second in range(first, last + 1))

    def recent(self) -> tuple[WatchSample, ...]:
        """The last few samples that were not good, oldest first."""
        return tuple(self._recent)


_ERROR_KINDS = {
    "tls": "handshake",
    "timeout": "timeout",
    "unreachable": "refused",
    "refused": "refused",
    "reset": "reset",
    "protocol": "protocol",
}


def kind_of(facts: HttpFacts, expectation: HttpExpectation) -> str:
    """Which of KINDS an answer is; ``missing`` where the request could not be made from here at all."""
    if facts.error or facts.status is None:
        # a handshake cut off by a reset or a silence is the new edge's commonest fault, and no plain reset
        during_handshake = facts.timings_ms.connect is not None and facts.timings_ms.tls is None
        secure = facts.request.url.startswith("https:")
        if secure and during_handshake and facts.error in ("reset", "protocol", "timeout"):
            return "handshake"
        return _ERROR_KINDS.get(facts.error, MISSING)
    if expectation.accepts(facts.status):
        return OK
    if facts.status >= 500:
        return "5xx"
    return "404" if facts.status == 404 else "status"
