"""The moves that the machine's handlers are made of. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...cluster.errors import UserError
from ..terms import Phase
from .events import Event, event_name
from .state import State, may_write, rehearsal_due, rollback_change

WAY_BACK_NEEDS_WRITING = (
    "writing is off for this run, so the way back was not taken; resume it with --write, then roll back"
)


class ImpossibleEventError(UserError):
    """An event that the state does not allow: a defect, or a journal that somebody wrote by hand."""


def enter(state: State, phase: Phase, at: float, **changes: Any) -> State:
    """Into ``phase``, remembering when."""
    return replace(state, phase=phase, marks=(*state.marks, (phase, at)), **changes)


def require(condition: bool, event: Event, state: State) -> None:
    """Raises ImpossibleEventError where ``condition`` does not hold."""
    if not condition:
        raise ImpossibleEventError(f"{event_name(event)} cannot happen in phase {state.phase}")


def stop(state: State, at: float, phase: Phase, reason: str) -> State:
    """``phase`` is stopped-at-gate or held."""
    interrupted = state.stopped_in if state.phase in ("stopped-at-gate", "held") else state.phase
    return enter(state, phase, at, stopped_in=interrupted, reason=reason)


def back_to_gate(state: State, phase: Phase, at: float) -> State:
    """Before a gate again: it is asked anew, and what was proposed or confirmed is void."""
    return enter(
        state,
        phase,
        at,
        stopped_in=None,
        reason="",
        gate_at=None,
        gate_round=state.gate_round + 1,
        proposal=None,
        confirmed=False,
        pending=False,
        lost=False,
    )


def after_wait(state: State, at: float) -> State:
    """From the waited-out old TTL to the rehearsal where one is due, else to the checks before the switch."""
    return back_to_gate(state, "rehearse" if rehearsal_due(state) else "confirm", at)


def soak_end(state: State, at: float) -> float:
    """When a soak that was interrupted is over: as planned, but a watch's length from ``at`` is watched."""
    soak = state.plan.durations.soak
    began = next((when for phase, when in state.marks if phase == "soak"), at)
    return max(began + soak, at + min(state.plan.durations.watch, soak))


def gate_phase(phase: Phase | None) -> Phase:
    """The phase whose gate is asked before ``phase`` can be gone through again."""
    if phase in (None, "preflight", "lower-ttl"):
        return "preflight"
    assert phase is not None
    return "confirm" if phase == "switch" else phase


def take_back_consent(state: State, at: float) -> State:
    """What was confirmed for a way forward, and whose intent is not on disk yet, never leaves."""
    if state.confirmed and not state.pending and state.phase != "rollback":
        return back_to_gate(state, gate_phase(state.phase), at)
    return state


def begin_rollback(state: State, at: float) -> State:
    """On the way back at once; held where writing is off; at the end where nothing had been changed."""
    change = rollback_change(state)
    if change is None:
        return enter(state, "rolled-back", at, reason="nothing had been changed")
    if not may_write(state):
        return hold_rollback(replace(state, rollback_asked=""), at)
    return enter(state, "rollback", at, proposal=change, confirmed=True, stopped_in=None, rollback_tries=0)


def hold_rollback(state: State, at: float, why: str = WAY_BACK_NEEDS_WRITING) -> State:
    """The way back waits for a person; what was consented to is asked again."""
    return replace(stop(state, at, "held", why), confirmed=False)
