"""The machine's part beside the way: turns, tuning, hooks, and what the old side still counts. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..plans.model import Plan
from .events import (
    FlagSeen,
    HoldingChanged,
    HookBegan,
    HookEnded,
    OldSideCounted,
    Tuned,
    TurnChanged,
    WatchNoted,
)
from .moves import back_to_gate, gate_phase, require, take_back_consent
from .state import QuietSpell, State

TUNABLE: dict[str, tuple[float, float]] = {
    "thresholds.p0": (0.0, 0.2),
    "thresholds.alpha": (0.0, 0.1),
    "thresholds.min_samples": (0.0, 10_000_000),
    "thresholds.rate_per_s": (0.0, 100.0),
    "thresholds.soak_rate_per_s": (0.0, 100.0),
    "durations.watch": (0.0, 7 * 86400.0),
    "durations.soak": (0.0, 90 * 86400.0),
    "durations.pause": (0.0, 7 * 86400.0),
    "durations.quiet": (0.0, 90 * 86400.0),
}
"""What may be changed while a run goes on: above the first number, up to the second."""

WATCH_ONLY = ("thresholds.min_samples", "thresholds.rate_per_s", "durations.watch")
"""What decides nothing any more once the watch has passed."""

COUNTED_ANEW = ("thresholds.p0", "thresholds.alpha")
"""A test whose hypothesis is changed while it runs is no test: the watch is counted from there."""


def tuned_plan(plan: Plan, name: str, value: float) -> Plan:
    """The plan with one number changed. KeyError: not tunable."""
    _ = TUNABLE[name]
    part, _, field = name.partition(".")
    number = int(value) if field == "min_samples" else float(value)
    group = replace(getattr(plan, part), **{field: number})
    return replace(plan, thresholds=group) if part == "thresholds" else replace(plan, durations=group)


def why_not_tunable(state: State, name: str, value: float) -> str:
    """Why a number cannot be changed so, in one line; empty where it can."""
    if name not in TUNABLE:
        return f"what can be tuned: {', '.join(TUNABLE)}"
    above, most = TUNABLE[name]
    if not above < value <= most:
        return f"{name} has to be above {above:g} and at most {most:g}"
    if name == "thresholds.min_samples" and value != int(value):
        return f"{name} is a whole number"
    if state.phase in ("done", "rolled-back"):
        return "the run has come to its end"
    if state.phase in ("rollback", "drain"):
        return "the way back is taken as it is"
    if name == "durations.soak" and state.soak_over:
        return "the soak is over"
    if name in WATCH_ONLY and (state.watch_passed or state.began("soak") is not None):
        return "the watch is over"
    return ""


def tuned(state: State, event: Tuned) -> State:
    """A person changed a number."""
    require(not why_not_tunable(state, event.name, event.value), event, state)
    state = replace(state, plan=tuned_plan(state.plan, event.name, event.value))
    if event.name in COUNTED_ANEW and state.switched is not None:
        state = replace(state, watch_round=state.watch_round + 1)
    began = next((at for phase, at in state.marks if phase == "soak"), None)
    if event.name == "durations.soak" and state.phase == "soak" and began is not None:
        # never in the past: the end of the soak is an event of its own
        state = replace(state, wait_until=max(began + event.value, event.at))
    return state


def turn_changed(state: State, event: TurnChanged) -> State:
    """The waves before this one let it go, or do not any more."""
    # a turn that has not come may still not have come, for another reason
    news = event.come != state.turn or (not event.come and event.why != state.turn_why)
    require(state.waves > 1 and news, event, state)
    if not event.come and state.phase in ("confirm", "switch"):
        state = take_back_consent(state, event.at)
    return replace(state, turn=event.come, turn_why=event.why)


def flag_seen(state: State, event: FlagSeen) -> State:
    """The postpone file came or went."""
    require(event.there != state.flagged, event, state)
    if event.there:
        state = take_back_consent(state, event.at)
    return replace(state, flagged=event.there)


def holding_changed(state: State, event: HoldingChanged) -> State:
    """Somebody else acts on the hosts, or nobody else does any more: then all is read and asked anew."""
    if not event.held:
        return replace(
            take_back_consent(state, event.at), unheld=event.detail or "somebody else holds the hosts"
        )
    again, state = bool(state.unheld), replace(state, unheld="", holding=event.detail)
    under_way = state.pending or state.confirmed
    if again and not under_way and state.phase in ("lower-ttl", "rehearse", "confirm"):
        return back_to_gate(state, gate_phase(state.phase), event.at)
    return state


def watch_noted(state: State, event: WatchNoted) -> State:
    """For the record only."""
    require(state.switched is not None, event, state)
    return state


def old_side_counted(state: State, event: OldSideCounted) -> State:
    """The quiet of the old side goes on, or begins anew from here; what is not known is not quiet."""
    require(state.switched is not None and event.since <= event.at, event, state)
    before = state.quiet
    unbroken = (
        before is not None
        and event.others == 0
        and before.others == 0
        and before.source == event.source
        and event.since <= before.until
    )
    since = event.at
    if unbroken and before is not None:
        since = before.since
    elif event.others == 0:
        since = event.since
    ours = event.ours + (before.ours if unbroken and before is not None else 0.0)
    return replace(state, quiet=QuietSpell(since, event.at, event.source, ours, event.others, event.detail))


def hook_began(state: State, event: HookBegan) -> State:
    """A hook is on its way, once and never again for this transition."""
    key = (event.mark, event.hook)
    known = event.mark < len(state.marks) and event.hook < len(state.plan.hooks)
    require(known and key not in state.hooks_begun, event, state)
    require(state.marks[event.mark][0] in state.plan.hooks[event.hook].on, event, state)
    return replace(state, hooks_begun=(*state.hooks_begun, key))


def hook_ended(state: State, event: HookEnded) -> State:
    """A hook decides nothing: however it ended, the run goes on."""
    key = (event.mark, event.hook)
    require(key in state.hooks_begun and key not in state.hooks_ended, event, state)
    return replace(state, hooks_ended=(*state.hooks_ended, key))
