"""The watch: both sides asked again and again, side by side, until it can be decided."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace

from ...cluster.text import clean
from ..wire.http.facts import HttpExpectation, HttpRequest
from ..wire.http.observe import Session
from .decision import TrafficTally, WatchPolicy, WatchTally, WatchVerdict, decide
from .state import MISSING, NEW, OLD, Recorder, WatchSample, WatchState, kind_of, slower
from .traffic.facts import Reading

_MOST_IN_FLIGHT = 256
_GRACE_S = 0.5
# a loop that comes so late has not run: stopped (ctrl-z), asleep with its machine, or starved
_BEAT_S, _STOOD_STILL_S = 0.25, 1.0
_DEFAULT = HttpExpectation()


def _interval(rate_per_s: float) -> float:
    if not 0 < rate_per_s <= 1000:
        raise ValueError(f"{rate_per_s} requests a second is not between 0 and 1000")
    return 1 / rate_per_s


def _since_boot() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Watch:
    """Sends ``rate_per_s`` requests a second to each side, the paths in turn, old and new interleaved.

    ``expectations`` are by path (``HttpRequest.target``); others expect 200 to 399. Every
    ``fresh_every``-th request of a side makes a new connection, so that handshakes are tested too; 1 makes
    every one new. What was under way while this process stood still is missing data, whatever came of it.
    ``traffic`` is an empty tally for the sides' own counts (``count``); None: there are none.
    Iterate over it for a ``WatchState`` every ``tick_s`` seconds; the last one has
    ``finished`` set. It ends with PASS, ABORT or HOLD, or after the policy's longest time as INCONCLUSIVE.
    Leaving the iteration, ``stop()`` or cancelling ends every request. Raises ValueError without requests
    for the new side, UserError where the roots cannot be read.
    """

    def __init__(
        self,
        old_requests: Sequence[HttpRequest],
        new_requests: Sequence[HttpRequest],
        rate_per_s: float = 10.0,
        policy: WatchPolicy | None = None,
        expectations: Mapping[str, HttpExpectation] | None = None,
        fresh_every: int = 1,
        tick_s: float = 0.25,
        on_sample: Callable[[WatchSample], None] | None = None,
        traffic: TrafficTally | None = None,
    ) -> None:
        if not new_requests:
            raise ValueError("the watch needs at least one request for the new side")
        self._requests = {OLD: tuple(old_requests), NEW: tuple(new_requests)}
        self._interval = _interval(rate_per_s)
        self._traffic = traffic
        self._policy = replace(policy or WatchPolicy(), needs_old=bool(old_requests))
        self._expectations = dict(expectations or {})
        self._fresh_every = max(1, fresh_every)
        self._tick = tick_s
        self._on_sample = on_sample
        self._tally = WatchTally.of(self._policy)
        self._recorder = Recorder()
        self._stopped = asyncio.Event()
        self._started = 0.0
        self._beaten, self._stood_still_until = 0.0, float("-inf")
        self._in_flight: set[asyncio.Task[None]] = set()
        self._sessions: dict[tuple[str, str | None, bool], Session] = {}

    def stop(self) -> None:
        """Ends the watch at its next tick, with the decision as it stands."""
        self._stopped.set()

    def retune(self, policy: WatchPolicy, rate_per_s: float) -> None:
        """Go on with other numbers, from the next request and the next decision on.

        Raises ValueError where ``p0`` or ``alpha`` differ: a test whose hypothesis changes is another test.
        """
        now = self._policy
        if (policy.p0, policy.alpha, policy.cusum_threshold) != (now.p0, now.alpha, now.cusum_threshold):
            raise ValueError("another healthy rate or chance of a false alarm needs a new watch")
        self._policy = replace(policy, needs_old=now.needs_old)
        self._interval = _interval(rate_per_s)

    def count(self, new: Reading | None, old: Reading | None) -> None:
        """Take in what the sides count by themselves; None: a side that was not looked at now."""
        if self._traffic is not None:
            self._traffic = self._traffic.add(new, old)

    def __aiter__(self) -> AsyncGenerator[WatchState, None]:
        return self._run()

    async def _run(self) -> AsyncGenerator[WatchState, None]:
        self._open_sessions()
        self._started, self._beaten = time.monotonic(), _since_boot()
        senders = [asyncio.create_task(self._beat(), name="watch beat")]
        senders += [
            asyncio.create_task(self._send(side), name=f"watch {side}")
            for side in (OLD, NEW)
            if self._requests[side]
        ]
        try:
            while True:
                # not wait_for: in Python 3.11 it loses a cancellation that comes together with the event
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._tick):
                        await self._stopped.wait()
                for sender in senders:
                    if sender.done():
                        sender.result()
                state = self.state()
                yield state
                if state.finished:
                    return
        finally:
            await self._close(senders)

    def state(self) -> WatchState:
        """The watch as it is now."""
        elapsed = self._now()
        new, old = self._recorder.side(NEW), self._recorder.side(OLD)
        decision = decide(self._policy, self._tally, elapsed, self._traffic, slower(new, old))
        ended = decision.verdict is not WatchVerdict.INCONCLUSIVE or elapsed >= self._policy.longest_s
        return WatchState(
            elapsed_s=elapsed,
            new=new,
            old=old,
            decision=decision,
            buckets=self._recorder.buckets(elapsed),
            recent_errors=self._recorder.recent(),
            finished=ended or self._stopped.is_set(),
            traffic=self._traffic.view(decision.counted) if self._traffic is not None else None,
        )

    def _now(self) -> float:
        return time.monotonic() - self._started if self._started else 0.0

    def _open_sessions(self) -> None:
        keeps = {False} if self._fresh_every == 1 else {False, True}
        for side, requests in self._requests.items():
            for ca_file in {request.ca_file for request in requests}:
                for keep in keeps:
                    self._sessions[side, ca_file, keep] = Session(ca_file, keep=keep)

    async def _beat(self) -> None:
        """Notice when the loop did not run: a deadline that passed meanwhile says nothing of a server."""
        while True:
            await asyncio.sleep(_BEAT_S)
            self._noticed_standing_still()
            self._beaten = _since_boot()

    def _noticed_standing_still(self) -> None:
        now = _since_boot()
        if now - self._beaten > _BEAT_S + _STOOD_STILL_S:
            self._stood_still_until = now

    async def _send(self, side: str) -> None:
        """Starts requests at an even pace; where this machine falls behind, what was left out counts as
        missing.
        """
        requests = self._requests[side]
        # half an interval apart, so that both sides meet the same moments
        next_at = self._started + (self._interval / 2 if side == OLD else 0.0)
        for index in itertools.count():
            delay = next_at - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            elif -delay > 20 * self._interval:
                # catching up with a burst would load the sides unevenly
                skipped = int(-delay / self._interval)
                self._tally = self._tally.add_missing(skipped)
                next_at += skipped * self._interval
            next_at += self._interval
            request = requests[index % len(requests)]
            if len(self._in_flight) >= _MOST_IN_FLIGHT:
                self._record(
                    WatchSample(side, self._now(), request.target, MISSING, detail="too many waiting")
                )
                continue
            fresh = (index // len(requests)) % self._fresh_every == 0
            task = asyncio.create_task(self._ask(side, request, fresh))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _ask(self, side: str, request: HttpRequest, fresh: bool) -> None:
        session = self._sessions[side, request.ca_file, not fresh and self._fresh_every > 1]
        began = _since_boot()
        facts = await session.observe(request)
        target = request.target
        kind = kind_of(facts, self._expectations.get(target, _DEFAULT))
        elapsed = facts.timings_ms.total
        detail = facts.error_detail if facts.error else f"{facts.status}"
        # it may come before the next beat
        self._noticed_standing_still()
        if began < self._stood_still_until:
            kind, detail = MISSING, "this process stood still meanwhile"
        self._record(
            WatchSample(
                side, self._now(), clean(target, 120), kind, facts.status, elapsed, clean(detail, 160)
            )
        )

    def _record(self, sample: WatchSample) -> None:
        self._recorder.add(sample)
        if sample.kind == MISSING:
            self._tally = self._tally.add_missing()
        else:
            self._tally = self._tally.add(sample.side == NEW, sample.error, sample.at_s, sample.path)
        if self._on_sample:
            self._on_sample(sample)

    async def _close(self, senders: list[asyncio.Task[None]]) -> None:
        for sender in senders:
            sender.cancel()
        if self._in_flight:
            # cut off in the middle of a handshake, a connection is left for the garbage collector
            await asyncio.wait(self._in_flight, timeout=_GRACE_S)
        tasks = [*senders, *self._in_flight]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for session in self._sessions.values():
            await session.aclose()
        self._sessions.clear()
