"""What a command of the operator means in a state: events, or a refusal in one line. Pure."""

from __future__ import annotations

from ...cluster.text import clean
from .around import why_not_tunable
from .events import (
    Attested,
    ChecksAsked,
    Confirmed,
    ContinuedEvent,
    Event,
    PostponedEvent,
    RollBackAsked,
    Tuned,
    Waived,
)
from .state import (
    GATE_MAX_AGE_S,
    State,
    awaiting,
    can_roll_back,
    may_write,
    rollback_change,
    waiting_for_others,
    why_not_attestable,
    why_not_waivable,
)
from .view import Attest, Command, Confirm, Continue, Postpone, Quit, RollBack, RunChecksAgain, Tune, Waive

_NOT_AS_SHOWN = "the change is not the one that was shown any more: look at it again; nothing was done"
_CLOCK_SLACK_S = 5.0

Decision = tuple[tuple[Event, ...], str]
"""The events to journal, and a line for the operator (empty where there is nothing to say)."""


def decide(state: State, command: Command, now: float, operator: str = "") -> Decision:
    """The events that ``command`` of ``operator`` leads to at ``now`` (epoch seconds), or why none."""
    if isinstance(command, Confirm):
        return _confirm(state, command, now, operator)
    if isinstance(command, RollBack):
        return _roll_back(state, command, now, operator)
    if isinstance(command, RunChecksAgain):
        return _again(state, now, operator)
    if isinstance(command, Waive):
        return _waive(state, command, now, operator)
    if isinstance(command, Attest):
        return _attest(state, command, now, operator)
    if isinstance(command, Postpone):
        return _postpone(state, now, operator)
    if isinstance(command, Continue):
        return _continue(state, now, operator)
    if isinstance(command, Tune):
        return _tune(state, command, now, operator)
    assert isinstance(command, Quit)
    return (), ""


def _wrong_name(state: State, typed: str) -> str:
    return f'typed "{clean(typed, 80)}", expected "{state.plan.type_this}": nothing was done'


def _confirm(state: State, command: Confirm, now: float, operator: str) -> Decision:
    change = awaiting(state)
    if change is None:
        return (), waiting_for_others(state) or "nothing waits for a confirmation"
    if change.purpose != command.purpose:
        return (), f"what waits is {change.purpose}, not {command.purpose}: nothing was done"
    if not may_write(state):
        return (), "writing is off for this run: nothing was done"
    if not state.plan.is_confirmed_by(command.typed_host):
        return (), _wrong_name(state, command.typed_host)
    if command.change_id and command.change_id != change.digest:
        return (), _NOT_AS_SHOWN
    # the rehearsal has no gate of its own: it touches no name that clients ask for
    age = 0.0 if change.purpose == "rehearse" else now - (state.gate_at or 0.0)
    if not -_CLOCK_SLACK_S <= age <= GATE_MAX_AGE_S:
        why = f"the checks were {age / 60:.0f} minutes old" if age > 0 else "the clock was set back"
        return (ChecksAsked(now, why, operator),), f"{why}: they are asked again, then confirm again"
    return (Confirmed(now, command.purpose, command.typed_host.strip(), operator),), ""


def _roll_back(state: State, command: RollBack, now: float, operator: str) -> Decision:
    if not can_roll_back(state):
        if state.rollback_asked or state.phase in ("rollback", "drain", "rolled-back"):
            return (), "the rollback is on its way already"
        return (), "nothing has been changed, so there is nothing to roll back"
    if not state.plan.is_confirmed_by(command.typed_host):
        return (), _wrong_name(state, command.typed_host)
    if not may_write(state):
        return (), "writing is off for this run, nothing was done; resume it with --write to roll back"
    change = rollback_change(state)
    if command.change_id and (change is None or command.change_id != change.digest):
        return (), _NOT_AS_SHOWN
    why = "asked for by the operator"
    return (RollBackAsked(now, command.typed_host.strip(), why, operator),), ""


def _postpone(state: State, now: float, operator: str) -> Decision:
    if state.postponed:
        return (), "postponed already"
    if state.phase in ("done", "rolled-back"):
        return (), "the run has come to its end"
    if state.phase in ("rollback", "drain"):
        return (), "the way back is not postponed"
    return (PostponedEvent(now, operator),), ""


def _tune(state: State, command: Tune, now: float, operator: str) -> Decision:
    refusal = why_not_tunable(state, command.name, command.value)
    if refusal:
        return (), f"not changed: {refusal}"
    part, _, field = command.name.partition(".")
    if getattr(getattr(state.plan, part), field) == command.value:
        return (), f"{command.name} is {command.value:g} already"
    return (Tuned(now, command.name, float(command.value), operator),), ""


def _again(state: State, now: float, operator: str) -> Decision:
    if state.pending or state.confirmed:
        return (), "a write is on its way: the checks wait"
    if state.phase not in ("stopped-at-gate", "preflight", "lower-ttl", "rehearse", "confirm"):
        return (), f"no gate to ask in phase {state.phase}"
    return (ChecksAsked(now, "asked for by the operator", operator),), ""


def _waive(state: State, command: Waive, now: float, operator: str) -> Decision:
    check = next((item for item in state.checks if item.id == command.check_id), None)
    if check is None:
        return (), f"no check {clean(command.check_id, 60)}"
    if not command.reason.strip():
        return (), "a waiver needs a reason"
    result = state.result_of(check.id)
    refusal = why_not_waivable(check, result)
    if refusal or result is None:
        return (), f"{check.title} is not waived: {refusal}"
    if command.seen is not None and result.verdict is not command.seen:
        return (), f"{check.title} is not waived: it says {result.verdict} by now; look at it again"
    return (Waived(now, check.id, result.verdict, clean(command.reason, 200), operator),), ""


def _attest(state: State, command: Attest, now: float, operator: str) -> Decision:
    refusal = why_not_attestable(state, command.check_id)
    if refusal:
        return (), f"{clean(command.check_id, 60)} is not confirmed: {refusal}"
    return (Attested(now, command.check_id, clean(command.note.strip(), 200), operator),), ""


def _continue(state: State, now: float, operator: str) -> Decision:
    if state.postponed:
        return (ContinuedEvent(now, operator),), ""
    if state.phase == "stopped-at-gate":
        return _again(state, now, operator)
    if state.phase == "held" and state.stopped_in == "rollback":
        return (), "only the rollback is left: look at the change it would make now, and roll back"
    if state.phase == "held":
        return (ContinuedEvent(now, operator),), ""
    return (), waiting_for_others(state) or "it is going on already"
