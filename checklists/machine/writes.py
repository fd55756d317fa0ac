"""The machine's part around a write: consent, intent, outcome, and the way back. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..records.base import RecordChange, words
from .events import Confirmed, RollBackAsked, WriteEnded, WriteIntended
from .moves import back_to_gate, begin_rollback, enter, gate_phase, hold_rollback, require, stop
from .state import (
    State,
    awaiting,
    can_roll_back,
    current_gate,
    gate_open,
    may_write,
    waiting_for_others,
)

MOST_ROLLBACK_TRIES = 5
"""A rollback that its server answers, and never makes, is a person's business."""


def confirmed(state: State, event: Confirmed) -> State:
    """A person consented to the proposed write."""
    change, gate = awaiting(state), current_gate(state)
    require(change is not None and change.purpose == event.purpose and may_write(state), event, state)
    # the rehearsal lies behind the first gate, and touches no name that clients ask for
    rehearsal = event.purpose == "rehearse"
    require(rehearsal or (gate is not None and gate_open(state, gate)), event, state)
    require(state.plan.is_confirmed_by(event.typed), event, state)
    state = replace(state, confirmed=True)
    return enter(state, "switch", event.at) if event.purpose == "switch" else state


def write_intended(state: State, event: WriteIntended) -> State:
    """The intent is on disk."""
    change = state.proposal
    require(change is not None and change.purpose == event.purpose and may_write(state), event, state)
    require(state.confirmed and not state.pending, event, state)
    # whatever keeps the way forward has taken the consent back: never rely on that alone
    back = event.purpose in ("roll-back", "raise-ttl")
    require(back or not waiting_for_others(state), event, state)
    return replace(state, pending=True, lost=False)


def write_ended(state: State, event: WriteEnded) -> State:
    """The write ended, or was found out about."""
    change = state.proposal
    require(state.pending and change is not None and change.purpose == event.purpose, event, state)
    assert change is not None
    if event.outcome == "unknown":
        return replace(state, lost=True, reason=event.detail)
    was_lost, said = state.lost, state.reason
    state = replace(state, pending=False, lost=False, confirmed=False, reason="")
    if event.purpose in ("roll-back", "raise-ttl"):
        return _rollback_ended(state, event, change, said)
    if event.purpose == "rehearse":
        cut_off = was_lost and not said
        return _rehearsal_ended(replace(state, proposal=None), event, cut_off, said)
    if event.outcome == "applied":
        return _forward_applied(replace(state, proposal=None), event, change)
    if (was_lost or state.plan.dns.by_hand) and event.outcome in ("precondition-failed", "refused"):
        # ours may have been made before somebody else's, or by hand in part: keep the way back open
        lowered = event.purpose == "lower-ttl"
        state = replace(state, lowered=change) if lowered else replace(state, switched=change)
    if state.rollback_asked:
        return begin_rollback(replace(state, proposal=None), event.at)
    if event.outcome == "not-applied":
        return back_to_gate(state, gate_phase(state.phase), event.at)
    detail = f"{event.detail}; now: {words(event.now)}" if event.now else event.detail
    return replace(stop(state, event.at, "held", detail), proposal=None)


def _forward_applied(state: State, event: WriteEnded, change: RecordChange) -> State:
    if event.purpose == "lower-ttl":
        state = enter(state, "wait-ttl", event.at, lowered=change, wait_until=None, low_seen_at=None)
    else:
        state = enter(
            state,
            "watch",
            event.at,
            switched=change,
            new_seen_at=None,
            watch_passed=False,
            watch_round=state.watch_round + 1,
        )
    return begin_rollback(state, event.at) if state.rollback_asked else state


def _rehearsal_ended(state: State, event: WriteEnded, cut_off: bool, said: str) -> State:
    """``cut_off``: by a crash, and nothing speaks against it; ``said``: why its outcome was not known."""
    if state.rollback_asked:
        return begin_rollback(state, event.at)
    # somebody may have raised the TTL meanwhile: then it is waited out first
    spoilt = state.low_seen_at is None
    if event.outcome == "applied":
        state = replace(state, rehearsed=True, rehearsal=event.detail)
        return back_to_gate(state, "wait-ttl" if spoilt else "confirm", event.at)
    if event.outcome == "not-applied" and cut_off:
        return back_to_gate(state, "wait-ttl" if spoilt else "rehearse", event.at)
    why = f"{event.detail} ({said})" if said else event.detail
    held = stop(state, event.at, "held", f"the rehearsal of the rollback failed: {why}")
    return replace(held, stopped_in="wait-ttl") if spoilt else held


def _rollback_ended(state: State, event: WriteEnded, change: RecordChange, said: str) -> State:
    if event.outcome == "not-applied":
        return _rollback_again(state, event.at, said)
    if event.outcome == "applied":
        state = replace(state, returned=change, proposal=None)
        if event.purpose == "raise-ttl":
            return enter(state, "rolled-back", event.at)
        return enter(state, "drain", event.at, wait_until=None, old_seen_at=None)
    return replace(stop(state, event.at, "held", event.detail), proposal=None)


def _rollback_again(state: State, at: float, said: str) -> State:
    """The consent to go back stands: it is repeated, guarded by the same precondition, but not for ever."""
    tries = state.rollback_tries + 1
    if not may_write(state):
        return hold_rollback(state, at)
    if tries >= MOST_ROLLBACK_TRIES:
        why = f"the rollback was sent {tries} times and never made; see why, then roll back again"
        why += f": {said}" if said else ""
        return hold_rollback(state, at, why)
    return replace(state, confirmed=True, rollback_tries=tries)


def rollback_asked(state: State, event: RollBackAsked) -> State:
    """A person asked to go back."""
    require(
        can_roll_back(state) and may_write(state) and state.plan.is_confirmed_by(event.typed), event, state
    )
    state = replace(state, rollback_asked="operator", postponed=False)
    if state.pending:
        return state
    if state.confirmed:
        # confirmed, but its intent is not on disk yet: it never leaves
        state = replace(state, confirmed=False, proposal=None)
    return begin_rollback(replace(state, reason=event.why), event.at)
