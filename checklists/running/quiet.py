"""Counting what the old side still gets beside our own probes, from the soak until it may be retired."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from ...cluster.refs import ObjectRef
from ...cluster.routing.match import host_matches
from ...cluster.store import Snapshot
from ...probes.verdict import Verdict
from ...probes.watching.idle import IdleFacts, Look, Window, behind, judge, window
from ...probes.watching.traffic.facts import TrafficSource
from ...probes.wire.http.sent import SENT, Followed
from ..machine.events import ChecksAsked
from ..machine.idle import count_every, idle_facts, record_every
from ..machine.state import State, blocking
from ..plans.model import Plan
from .counted import kind_of, merged
from .desk import Desk

PROBE = "old-side-idle"

# not during the deciding watch: while it is read, no probe of ours may go to the old side, and without the
# old side's answers nobody can tell the new side's fault from the backend's
_COUNTED = frozenset({"soak", "done", "stopped-at-gate", "held"})
# nor may the reading take more than a part of the time later: the alarm of the soak hears both sides, too
_REST_FOR_EACH_LOOK = 4.0
_IDLE_POLL_S = 0.2
# our requests that are under way end within this, or count as perhaps counted
_SILENCE_S = 2.0
# ingress-nginx hands its counts on once a second
_MOST_FLUSH_S, _MOST_LAG_S = 1.5, 3.0
_MOST_WAIT_S = 10.0
# so many looks may find a pod silent before that time counts as not known
_PATIENCE = 5


async def count_old_side(desk: Desk) -> None:
    """Beside the run: looks at the old side's counter again and again, and puts on record what it shows."""
    open_source = desk.ports.old_traffic
    source = open_source() if open_source is not None else None
    if source is None:
        return
    own = SENT.follow(desk.state.plan.old.addresses)
    try:
        await _Counting(desk, source, own).go_on()
    finally:
        own.close()
        await source.close()


class _Counting:
    """One source, from look to look."""

    def __init__(self, desk: Desk, source: TrafficSource, own: Followed) -> None:
        self._desk, self._source, self._own = desk, source, own
        self._before: Look | None = None
        self._recorded = ""

    async def go_on(self) -> None:
        counted = self._desk.seen.counted
        while True:
            pause, wanted = _IDLE_POLL_S, counted.wanted.is_set()
            counted.wanted.clear()
            if _counts(self._desk.state):
                began = self._desk.ports.elapsed()
                await self._look()
                took = self._desk.ports.elapsed() - began
                pause = max(count_every(self._desk.state.plan.durations), _REST_FOR_EACH_LOOK * took)
                if wanted:
                    self._put_on_record()
                counted.looks += 1
                self._ask_again()
                self._desk.changed()
            else:
                self._before = None
            # not wait_for: in Python 3.11 it loses a cancellation that comes together with the event
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await counted.wanted.wait()

    async def _look(self) -> None:
        before = self._before
        look = await self._read(before)
        self._desk.seen.counted.source = look.reading.source
        if not _counts(self._desk.state):
            return
        plan = self._desk.state.plan
        if look.reading.unbroken_since is None:
            # what a pod counted while it was not heard it may still tell: then nothing is missing
            self._silent(before, look, _PATIENCE * count_every(plan.durations))
            return
        self._before = look
        if before is None:
            return
        snapshots = self._desk.ports.snapshots
        lost = misrouted(snapshots() if snapshots is not None else None, plan)
        self._take(window(before, look, plan.hosts, lost))

    def _silent(self, before: Look | None, look: Look, patience_s: float) -> None:
        if before is None or look.reading.at - before.reading.at <= patience_s:
            return
        self._before = None
        self._take(window(before, look, self._desk.state.plan.hosts, {}))

    async def _read(self, before: Look | None) -> Look:
        """A reading in a moment without requests of ours, so that what is taken off is exact."""
        plan, elapsed = self._desk.state.plan, self._desk.ports.elapsed
        flush = min(_MOST_FLUSH_S, count_every(plan.durations) / 10)
        with self._own.hushed():
            await self._own.silence(_SILENCE_S)
            await asyncio.sleep(flush)
            ours = self._own.tallies()
            look = Look(await self._source.read(), ours)
            over = elapsed() + _MOST_LAG_S
            while before is not None and behind(before, look, plan.hosts) and elapsed() < over:
                await asyncio.sleep(max(flush, 0.1))
                look = Look(await self._source.read(), ours)
        return look

    def _take(self, new: Window) -> None:
        """One more window; what is of another kind than those before it goes on record at once."""
        counted = self._desk.seen.counted
        counted.shown.append(new)
        kind = kind_of(new)
        last = counted.pending[-1] if counted.pending else None
        if last is not None and (kind_of(last) != kind or last.until != new.since):
            self._put_on_record()
        counted.inferred = counted.inferred + new.inferred if kind == "quiet" else 0
        counted.pending.append(new)
        began = counted.pending[0].since
        due = new.until - began >= record_every(self._desk.state.plan.durations)
        if due or (kind != "quiet" and kind != self._recorded):
            self._put_on_record()

    def _put_on_record(self) -> None:
        counted = self._desk.seen.counted
        if not counted.pending or not _counts(self._desk.state):
            return
        event = merged(counted.pending, counted.inferred)
        counted.pending.clear()
        counted.latest, self._recorded = event, kind_of(event)
        self._desk.record(event)

    def _ask_again(self) -> None:
        """The gate that only waited for the proof is asked again once there is one."""
        state = self._desk.state
        if state.phase != "stopped-at-gate" or state.stopped_in != "soak" or state.gate != "before-retire":
            return
        shut = blocking(state, "before-retire")
        if not shut or any(check.probe != PROBE for check in shut):
            return
        self._put_on_record()
        if judge(facts_of(self._desk))[0].verdict is Verdict.PASS:
            self._desk.record(ChecksAsked(self._desk.ports.clock(), "the old side is idle by now"))


def _counts(state: State) -> bool:
    return state.switched is not None and state.returned is None and state.phase in _COUNTED


async def counted_to_now(desk: Desk) -> None:
    """Have the count on record up to now, where there is one; some seconds at most."""
    counted = desk.seen.counted
    if not counted.source or not _counts(desk.state):
        return
    looks, over = counted.looks, desk.ports.elapsed() + _MOST_WAIT_S
    while counted.looks == looks and desk.ports.elapsed() < over:
        counted.wanted.set()
        await asyncio.sleep(0.05)


def facts_of(desk: Desk) -> IdleFacts:
    """What is known of the old side's quiet now."""
    seen = desk.seen
    return idle_facts(
        desk.state,
        desk.ports.clock(),
        seen.rows,
        latest=seen.counted.latest,
        source=seen.counted.source,
        inferred=seen.counted.inferred,
        raised=seen.drained.raised,
    )


def misrouted(snapshot: Snapshot | None, plan: Plan) -> Mapping[str, str]:
    """The hosts that no standing Ingress names any more: ingress-nginx counts no others, whatever comes.

    None where the cluster is not known: then our own probes have to show that the counter counts.
    """
    if snapshot is None or snapshot.state_of("Ingress").state != "live":
        return {}
    named = [ObjectRef("Ingress", one.namespace, one.name, group="networking.k8s.io") for one in plan.ingress]
    gone = [str(ref) for ref in named if ref not in snapshot.ingresses]
    standing = [ingress for ref, ingress in snapshot.ingresses.items() if not named or ref in named]
    why = f"{', '.join(gone)} does not exist any more" if gone else "no Ingress names it"
    return {
        host: f"{why}, so its requests are not counted"
        for host in plan.hosts
        if not any(host_matches(name, host) for ingress in standing for name in ingress.hosts)
    }
