"""The cutover's machine: (state, event) -> state, and what is to be done in a state. Pure; no clock, no I/O.

    preflight -> lower-ttl -> wait-ttl [-> rehearse] -> confirm -> switch -> watch -> soak -> done
    from the first write on: rollback -> drain -> rolled-back
    a shut gate: stopped-at-gate; nobody may go on without a person: held

The machine is told what happened and never assumes it. An event that its state does not allow raises
``ImpossibleEventError``: no write without its open gate and its typed consent, whatever the executor does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ...probes.verdict import Verdict
from ..plans.model import plan_from_json
from ..terms import Gate
from . import around
from .clocks import on_the_clock
from .effects import Effect, due
from .events import (
    Attested,
    ChangeProposed,
    Checked,
    ChecksAsked,
    Confirmed,
    ContinuedEvent,
    Event,
    FlagSeen,
    GateChecked,
    HighTtlSeen,
    HoldingChanged,
    HookBegan,
    HookEnded,
    NothingToLower,
    OldSideCounted,
    PostponedEvent,
    ProposalFailed,
    Resumed,
    RollBackAsked,
    RunStarted,
    SeenEverywhere,
    Tuned,
    TurnChanged,
    WaitEnded,
    Waived,
    WatchBegan,
    WatchEnded,
    WatchNoted,
    WriteEnded,
    WriteIntended,
    event_name,
)
from .moves import (
    ImpossibleEventError,
    after_wait,
    back_to_gate,
    begin_rollback,
    enter,
    gate_phase,
    hold_rollback,
    require,
    soak_end,
    stop,
    take_back_consent,
)
from .state import (
    ClockMark,
    State,
    blocking,
    checks_of,
    current_gate,
    gate_open,
    low_ttl_counts,
    may_write,
    why_not_attestable,
    why_not_waivable,
)
from .writes import confirmed, rollback_asked, write_ended, write_intended

__all__ = ["ImpossibleEventError", "State", "advance", "due", "fold", "start", "transition"]

WRITING_IS_OFF = (
    "writing is off for this run, nothing was changed; turn it on with --write (also: resume --write)"
)


def start(event: RunStarted) -> State:
    """The state that a run begins in."""
    return State(
        run_id=event.run_id,
        plan=plan_from_json(event.plan),
        checks=tuple(event.checks),
        writes_enabled=event.writes_enabled,
        started_at=event.at,
        turn=event.wave == 1,
        campaign=event.campaign,
        wave=event.wave,
        waves=event.waves,
        operator=event.operator,
        clock=ClockMark(event.at, event.boot, event.uptime) if event.boot else None,
        marks=(("preflight", event.at),),
    )


def fold(events: Iterable[Event]) -> State:
    """The state after all ``events``. Raises ImpossibleEventError."""
    state: State | None = None
    for event in events:
        if isinstance(event, RunStarted):
            if state is not None:
                raise ImpossibleEventError("the run starts twice")
            state = start(event)
        elif state is None:
            raise ImpossibleEventError("the journal does not begin with the start of a run")
        else:
            state = advance(state, event)
    if state is None:
        raise ImpossibleEventError("the journal is empty")
    return state


def transition(state: State, event: Event) -> tuple[State, tuple[Effect, ...]]:
    """The state after ``event``, and what is due in it. Raises ImpossibleEventError."""
    after = advance(state, event)
    return after, due(after)


def advance(state: State, event: Event) -> State:
    """The state after ``event``. Raises ImpossibleEventError."""
    handler = _HANDLERS.get(type(event))
    if handler is None:
        raise ImpossibleEventError(f"{event_name(event)} cannot happen in a run that has begun")
    return handler(state, event)


def _resumed(state: State, event: Resumed) -> State:
    lost = tuple(hook for hook in state.hooks_begun if hook not in state.hooks_ended)
    state = on_the_clock(state, event)
    # another process holds the hosts now, or was refused them
    state = replace(state, writes_enabled=event.writes_enabled, hooks_lost=lost, unheld="", holding="")
    state = replace(state, operator=event.operator or state.operator)
    if state.pending:
        return replace(state, lost=True)
    if state.phase == "rollback" and not may_write(state):
        return hold_rollback(state, event.at)
    if state.confirmed and state.phase != "rollback":
        # nothing has left yet, and the answers that the consent rested on may be old: ask again
        return back_to_gate(state, gate_phase(state.phase), event.at)
    if state.phase in ("lower-ttl", "rehearse", "confirm"):
        return back_to_gate(state, gate_phase(state.phase), event.at)
    stopped_for_writing = state.phase == "stopped-at-gate" and state.reason == WRITING_IS_OFF
    if stopped_for_writing and may_write(state):
        return back_to_gate(state, gate_phase(state.stopped_in), event.at)
    if state.phase == "soak" and not state.soak_over:
        # nobody watched while no process ran: a soak does not end unseen
        state = replace(state, wait_until=soak_end(state, event.at))
    return replace(state, watch_round=state.watch_round + 1, watch_passed=False) if state.switched else state


def _gate_checked(state: State, event: GateChecked) -> State:
    require(event.gate == current_gate(state) and state.phase != "stopped-at-gate", event, state)
    known = {check.id for check in checks_of(state.checks, event.gate)}
    require({item.check_id for item in event.results} <= known, event, state)
    fresh = {item.check_id for item in event.results}
    kept = tuple(item for item in state.results if item.check_id not in fresh)
    # a check of this gate without an answer must not live on an old one
    kept = tuple(item for item in kept if item.check_id not in known)
    state = replace(state, results=(*kept, *event.results), gate=event.gate, gate_at=event.at)
    return _through_gate(state, event.gate, event.at)


def _through_gate(state: State, gate: Gate, at: float) -> State:
    shut = blocking(state, gate)
    if shut:
        names = ", ".join(check.title for check in shut)
        return stop(state, at, "stopped-at-gate", f"the gate {gate} is shut: {names}")
    if state.phase == "stopped-at-gate":
        assert state.stopped_in is not None
        state = enter(state, state.stopped_in, at, stopped_in=None, reason="")
    if gate == "after-switch":
        return _soak(state, at)
    return enter(state, "done", at) if gate == "before-retire" else state


def _soak(state: State, at: float) -> State:
    return enter(state, "soak", at, wait_until=at + state.plan.durations.soak, gate=None, gate_at=None)


def _after_watch(state: State, at: float) -> State:
    if not (state.watch_passed and state.new_seen_at is not None):
        return state
    if checks_of(state.checks, "after-switch"):
        return replace(state, gate=None, gate_at=None, gate_round=state.gate_round + 1)
    return _soak(state, at)


def _waived(state: State, event: Waived) -> State:
    check = next((item for item in state.checks if item.id == event.check_id), None)
    require(check is not None, event, state)
    assert check is not None
    result = state.result_of(check.id)
    require(not why_not_waivable(check, result), event, state)
    assert result is not None
    require(result.verdict == event.verdict and bool(event.reason.strip()), event, state)
    return _gate_may_open(replace(state, waivers=(*state.waivers, event)), event.at)


def _attested(state: State, event: Attested) -> State:
    require(not why_not_attestable(state, event.check_id), event, state)
    said = Checked(event.check_id, Verdict.PASS, f"confirmed: {event.note or 'yes'}")
    others = tuple(item for item in state.results if item.check_id != event.check_id)
    # the next asking of the gate writes UNKNOWN in its place: nobody has confirmed anything for that one
    return _gate_may_open(replace(state, results=(*others, said)), event.at)


def _gate_may_open(state: State, at: float) -> State:
    gate = current_gate(state)
    if state.phase == "stopped-at-gate" and gate is not None and gate_open(state, gate):
        return _through_gate(state, gate, at)
    return state


def _checks_asked(state: State, event: ChecksAsked) -> State:
    require(not (state.pending or state.confirmed), event, state)
    require(state.phase in ("stopped-at-gate", "preflight", "lower-ttl", "rehearse", "confirm"), event, state)
    phase = state.stopped_in if state.phase == "stopped-at-gate" else state.phase
    return back_to_gate(state, gate_phase(phase), event.at)


def _change_proposed(state: State, event: ChangeProposed) -> State:
    purpose = event.change.purpose
    if state.phase == "held" and state.stopped_in == "rollback":
        require(purpose in ("roll-back", "raise-ttl"), event, state)
        return replace(state, proposal=event.change)
    if purpose == "rehearse":
        require(state.phase == "rehearse" and state.proposal is None, event, state)
        proposed = replace(state, proposal=event.change)
        return proposed if may_write(state) else stop(proposed, event.at, "stopped-at-gate", WRITING_IS_OFF)
    gate = current_gate(state)
    require(purpose == {"preflight": "lower-ttl", "confirm": "switch"}.get(state.phase), event, state)
    require(gate is not None and gate_open(state, gate) and state.proposal is None, event, state)
    state = replace(state, proposal=event.change)
    if purpose == "lower-ttl":
        state = enter(state, "lower-ttl", event.at, old_ttl=event.old_ttl)
    return state if may_write(state) else stop(state, event.at, "stopped-at-gate", WRITING_IS_OFF)


def _nothing_to_lower(state: State, event: NothingToLower) -> State:
    require(state.phase == "preflight" and gate_open(state, "before-lower-ttl"), event, state)
    return enter(state, "wait-ttl", event.at, old_ttl=event.old_ttl)


def _proposal_failed(state: State, event: ProposalFailed) -> State:
    if state.phase == "held":
        return replace(state, reason=event.detail)
    require(state.phase in ("preflight", "rehearse", "confirm"), event, state)
    # the gate has to be asked again, or a waiver could slip past what could not be read
    return replace(stop(state, event.at, "stopped-at-gate", event.detail), gate_at=None)


def _seen_everywhere(state: State, event: SeenEverywhere) -> State:
    settle = state.plan.durations.settle
    if event.what == "low-ttl":
        require(state.phase == "wait-ttl" and state.low_seen_at is None, event, state)
        return replace(state, low_seen_at=event.at, wait_until=event.at + state.old_ttl + settle)
    if event.what == "new":
        require(state.phase == "watch" and state.new_seen_at is None, event, state)
        return _after_watch(replace(state, new_seen_at=event.at), event.at)
    require(state.phase == "drain" and state.old_seen_at is None, event, state)
    assert state.returned is not None
    ttl = max((item.ttl for item in state.returned.before), default=state.plan.dns.low_ttl)
    return replace(state, old_seen_at=event.at, wait_until=event.at + ttl + settle)


def _high_ttl_seen(state: State, event: HighTtlSeen) -> State:
    require(low_ttl_counts(state) and event.ttl > state.plan.dns.low_ttl, event, state)
    fresh = replace(state, old_ttl=max(state.old_ttl, event.ttl), low_seen_at=None, wait_until=None)
    if state.phase == "wait-ttl" or state.pending:
        # a rehearsal that is under way is brought to its end: what it made is removed, then it is waited
        return fresh
    if state.phase == "held":
        return replace(fresh, stopped_in="wait-ttl")
    return back_to_gate(fresh, "wait-ttl", event.at)


def _wait_ended(state: State, event: WaitEnded) -> State:
    require(state.wait_until is not None and event.at >= state.wait_until, event, state)
    if state.phase == "wait-ttl":
        return replace(after_wait(state, event.at), wait_until=None)
    if state.phase == "drain":
        return enter(state, "rolled-back", event.at, wait_until=None)
    require(state.phase == "soak" and not state.soak_over, event, state)
    state = replace(
        state, soak_over=True, wait_until=None, gate=None, gate_at=None, gate_round=state.gate_round + 1
    )
    return state if checks_of(state.checks, "before-retire") else enter(state, "done", event.at)


def _watch_began(state: State, event: WatchBegan) -> State:
    require(state.switched is not None, event, state)
    return state if event.soaking else replace(state, watch_since=event.at)


def _watch_ended(state: State, event: WatchEnded) -> State:
    require(state.switched is not None and state.phase in ("watch", "soak", "stopped-at-gate"), event, state)
    state = replace(state, decision=event)
    if event.verdict == "PASS":
        require(state.phase == "watch" and not state.watch_passed, event, state)
        return _after_watch(replace(state, watch_passed=True), event.at)
    if event.verdict == "ABORT" and state.plan.on_alarm == "rollback":
        # authorised when the switch was confirmed
        return begin_rollback(replace(state, rollback_asked="alarm", reason=event.detail), event.at)
    return stop(state, event.at, "held", event.detail)


def _postponed(state: State, event: PostponedEvent) -> State:
    return replace(take_back_consent(state, event.at), postponed=True)


def _continued(state: State, event: ContinuedEvent) -> State:
    if state.postponed:
        return replace(state, postponed=False)
    require(state.phase == "held" and state.stopped_in not in (None, "rollback"), event, state)
    phase = state.stopped_in
    assert phase is not None
    if phase == "stopped-at-gate" or state.switched is None or phase == "switch":
        return back_to_gate(state, gate_phase(phase), event.at)
    if phase == "soak" and not state.soak_over:
        state = replace(state, wait_until=soak_end(state, event.at))
    return enter(
        state,
        phase,
        event.at,
        stopped_in=None,
        reason="",
        watch_passed=False,
        watch_round=state.watch_round + 1,
    )


_HANDLERS: dict[type[Event], Callable[[State, Any], State]] = {
    Resumed: _resumed,
    GateChecked: _gate_checked,
    Waived: _waived,
    Attested: _attested,
    ChecksAsked: _checks_asked,
    ChangeProposed: _change_proposed,
    NothingToLower: _nothing_to_lower,
    ProposalFailed: _proposal_failed,
    Confirmed: confirmed,
    WriteIntended: write_intended,
    WriteEnded: write_ended,
    SeenEverywhere: _seen_everywhere,
    HighTtlSeen: _high_ttl_seen,
    WaitEnded: _wait_ended,
    WatchBegan: _watch_began,
    WatchEnded: _watch_ended,
    WatchNoted: around.watch_noted,
    OldSideCounted: around.old_side_counted,
    TurnChanged: around.turn_changed,
    FlagSeen: around.flag_seen,
    Tuned: around.tuned,
    HoldingChanged: around.holding_changed,
    HookBegan: around.hook_began,
    HookEnded: around.hook_ended,
    RollBackAsked: rollback_asked,
    PostponedEvent: _postponed,
    ContinuedEvent: _continued,
}
