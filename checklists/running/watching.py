"""Watching both sides after the switch, until it can be decided, and while soaking."""

from __future__ import annotations

import contextlib

from ...cluster.text import clean
from ...probes.watching.decision import WatchPolicy, WatchVerdict
from ...probes.watching.state import WatchState
from ...probes.watching.watch import Watch
from ..checks.wire import make_watch
from ..machine.effects import RunWatch
from ..machine.events import DecidedVerdict, WatchBegan, WatchEnded, WatchNoted
from ..plans.model import Plan
from .desk import Desk
from .noting import Notes

_FOREVER = 10.0**9
_DECISIONS: dict[WatchVerdict, DecidedVerdict] = {
    WatchVerdict.PASS: "PASS",
    WatchVerdict.ABORT: "ABORT",
    WatchVerdict.HOLD: "HOLD",
}


async def watch(desk: Desk, effect: RunWatch) -> None:
    """Requests to both sides until it is decided; while soaking, until an alarm."""
    tuned = _tuned(desk.state.plan, effect)
    desk.seen.watch_began = desk.ports.clock()
    if not desk.emit(effect, WatchBegan(desk.seen.watch_began, effect.soaking)):
        return
    users = desk.seen.users
    going = make_watch(desk.state.plan, *tuned, traffic=users.tally(desk.state, soaking=effect.soaking))
    # the first look is what the counts since the beginning are compared with
    users.wanted.set()
    notes = Notes(desk.state.plan.durations, soaking=effect.soaking)
    looks = users.looks
    # iterated to its end or closed: an abandoned generator would leave requests running
    async with contextlib.aclosing(aiter(going)) as states:
        async for state in states:
            desk.seen.watch = state
            desk.changed()
            if state.verdict is not WatchVerdict.INCONCLUSIVE:
                break
            tuned = _retuned(desk, effect, going, tuned)
            if users.looks != looks:
                looks = users.looks
                going.count(users.new, users.old)
            if notes.due(state):
                desk.emit(effect, WatchNoted(desk.ports.clock(), notes.numbers(state)))
    if desk.seen.watch is None or desk.seen.watch.verdict is WatchVerdict.INCONCLUSIVE:
        return
    notes.due(desk.seen.watch)
    _watch_decided(desk, effect, desk.seen.watch, notes)


def _tuned(plan: Plan, effect: RunWatch) -> tuple[WatchPolicy, float]:
    """The policy and the rate, as the plan has them now."""
    limits = plan.thresholds
    policy = WatchPolicy(
        p0=limits.p0,
        alpha=limits.alpha,
        min_samples=limits.min_samples,
        min_time_s=plan.durations.watch,
        max_time_s=_FOREVER,
        passes=not effect.soaking,
    )
    return policy, limits.soak_rate_per_s if effect.soaking else limits.rate_per_s


def _retuned(
    desk: Desk, effect: RunWatch, going: Watch, before: tuple[WatchPolicy, float]
) -> tuple[WatchPolicy, float]:
    """What a person has tuned goes to the running watch, but another hypothesis begins another watch."""
    now = _tuned(desk.state.plan, effect)
    same_test = (now[0].p0, now[0].alpha) == (before[0].p0, before[0].alpha)
    if now == before or not same_test:
        return before
    going.retune(*now)
    return now


def _watch_decided(desk: Desk, effect: RunWatch, state: WatchState, notes: Notes) -> None:
    word = _DECISIONS[state.verdict]
    if word == "PASS":
        desk.seen.passed = state
    ended = WatchEnded(desk.ports.clock(), word, clean(state.decision.reason), notes.numbers(state))
    desk.emit(effect, ended)
