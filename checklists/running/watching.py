"""Watching both sides after the switch, until it can be decided, and while soaking."""

from __future__ import annotations

import contextlib

from ...cluster.text import clean
from ...probes.watching.decision import WatchPolicy, WatchVerdict
from ...probes.watching.state import WatchState
from ..checks.wire import make_watch
from ..machine.effects import RunWatch
from ..machine.events import DecidedVerdict, WatchBegan, WatchEnded
from .desk import Desk

_FOREVER = 10.0**9
_DECISIONS: dict[WatchVerdict, DecidedVerdict] = {
    WatchVerdict.PASS: "PASS",
    WatchVerdict.ABORT: "ABORT",
    WatchVerdict.HOLD: "HOLD",
}


async def watch(desk: Desk, effect: RunWatch) -> None:
    """Requests to both sides until it is decided; while soaking, until an alarm."""
    plan = desk.state.plan
    limits = plan.thresholds
    policy = WatchPolicy(
        p0=limits.p0,
        alpha=limits.alpha,
        min_samples=limits.min_samples,
        min_time_s=_FOREVER if effect.soaking else plan.durations.watch,
        max_time_s=_FOREVER,
    )
    rate = limits.soak_rate_per_s if effect.soaking else limits.rate_per_s
    desk.seen.watch_began = desk.ports.clock()
    if not desk.emit(effect, WatchBegan(desk.seen.watch_began, effect.soaking)):
        return
    # iterated to its end or closed: an abandoned generator would leave requests running
    async with contextlib.aclosing(aiter(make_watch(plan, policy, rate))) as states:
        async for state in states:
            desk.seen.watch = state
            desk.changed()
            if state.verdict is not WatchVerdict.INCONCLUSIVE:
                break
    if desk.seen.watch is None or desk.seen.watch.verdict is WatchVerdict.INCONCLUSIVE:
        return
    _watch_decided(desk, effect, desk.seen.watch)


def _watch_decided(desk: Desk, effect: RunWatch, state: WatchState) -> None:
    sides = {"new": state.new, "old": state.old}
    numbers = {
        name: {
            "requests": side.requests,
            "errors": side.errors,
            "kinds": dict(side.kinds),
            "p95_ms": side.p95_ms,
        }
        for name, side in sides.items()
    }
    numbers["evidence"] = {
        "ratio": min(state.decision.evidence, 1e300),
        "alarm_at": state.decision.threshold,
    }
    word = _DECISIONS[state.verdict]
    if word == "PASS":
        desk.seen.passed = state
    desk.emit(effect, WatchEnded(desk.ports.clock(), word, clean(state.decision.reason), numbers))
