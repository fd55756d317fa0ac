"""A run's state as the steps, confirmations and forecast that a person reads. Pure."""

from __future__ import annotations

from ..terms import Gate, Phase, StepStatus
from .rehearsal import rehearsal_diff, rehearsal_steps
from .state import (
    State,
    awaiting,
    can_roll_back,
    checks_of,
    current_gate,
    outcome,
    rehearsal_planned,
    rollback_change,
    waiting_for_others,
)
from .view import Confirmation, StepView
from .words import change_words, clock_time, duration

FORWARD: tuple[Phase, ...] = (
    *("preflight", "lower-ttl", "wait-ttl", "rehearse", "confirm", "switch", "watch", "soak"),
)
_TITLES: dict[Phase, str] = {
    "preflight": "checks",
    "lower-ttl": "lower the TTL",
    "wait-ttl": "wait the old TTL out",
    "rehearse": "rehearse the rollback",
    "confirm": "checks again",
    "switch": "switch",
    "watch": "watch",
    "soak": "soak",
    "rollback": "roll back",
    "drain": "drain",
}
_GATES: dict[Phase, Gate] = {
    "lower-ttl": "before-lower-ttl",
    "switch": "before-switch",
    "soak": "after-switch",
    "done": "before-retire",
}


def steps(state: State, now: float) -> tuple[StepView, ...]:
    """Every step with its status, its gate and its inverse; the way back too once it has been taken."""
    rehearsal = rehearsal_planned(state.plan)
    forward = [phase for phase in FORWARD if phase != "rehearse" or rehearsal]
    views = [_forward(state, phase, now) for phase in forward]
    if state.began("rollback") is not None:
        views += [_back(state, phase, now) for phase in ("rollback", "drain")]
    return tuple(views)


def present_phase(state: State) -> Phase:
    """The phase that is worked on: for a stop or a hold, the one that was interrupted."""
    return state.stopped_in if state.stopped_in and outcome(state) else state.phase


def _forward(state: State, phase: Phase, now: float) -> StepView:
    status = _status(state, phase)
    return StepView(
        id=phase,
        title=_TITLES[phase],
        status=status,
        detail=_detail(state, phase, status, now),
        gate=_gate_words(state, phase),
        undo=_undo(state, phase),
        at=_at(state, phase, status),
    )


def _status(state: State, phase: Phase) -> StepStatus:
    present = _step_now(state)
    if phase == "lower-ttl" and state.lowered is None and present != "lower-ttl":
        passed = state.began("wait-ttl") is not None
        return "skipped" if passed or present not in FORWARD else "next"
    if present == "done":
        return "done"
    if present not in FORWARD:
        return _status_after_rollback(state, phase)
    here, there = FORWARD.index(phase), FORWARD.index(present)
    if here != there:
        return "done" if here < there else "next"
    return "failed" if outcome(state) else "now"


def _step_now(state: State) -> Phase:
    """The switch stands before the operator as soon as its gate is open and its change is proposed."""
    present = present_phase(state)
    return "switch" if present == "confirm" and state.proposal is not None else present


def _status_after_rollback(state: State, phase: Phase) -> StepStatus:
    if state.began(phase) is None:
        return "skipped"
    last = next(name for name, _ in reversed(state.marks) if name in FORWARD)
    if phase == last and phase != "switch":
        return "failed" if state.rollback_asked == "alarm" else "skipped"
    return "done"


def _at(state: State, phase: Phase, status: StepStatus) -> float | None:
    began = state.began(phase)
    if began is None or status in ("next", "skipped"):
        return None
    if status != "done":
        return began
    later = [at for name, at in state.marks if at >= began and name != phase]
    return later[0] if later else began


def _gate_words(state: State, phase: Phase) -> str:
    gate = _GATES.get(phase)
    if gate is None:
        return ""
    names = ", ".join(check.title for check in checks_of(state.checks, gate))
    return f"all PASS: {names}" if names else ""


def _undo(state: State, phase: Phase) -> str:
    if phase == "lower-ttl":
        change = state.lowered or (state.proposal if state.phase == "lower-ttl" else None)
        return change_words(change.inverted()) if change else "the TTL is raised again"
    if phase not in ("switch", "watch", "soak"):
        return ""
    change = state.switched or (state.proposal if state.phase in ("confirm", "switch") else None)
    felt = f"felt by every cache within {state.plan.dns.low_ttl} s"
    if change is None:
        return f"back to {', '.join(state.plan.old.addresses)}, {felt}"
    return f"{change_words(change.inverted())}, {felt}"


def _detail(state: State, phase: Phase, status: StepStatus, now: float) -> str:
    if status == "failed":
        return state.reason or (state.decision.detail if state.decision else "")
    if status == "now" and (state.postponed or state.flagged):
        return "postponed"
    if phase == "rehearse":
        return state.rehearsal or f"{state.plan.dns.rehearse}: made, moved, moved back, removed"
    change = {"lower-ttl": state.lowered, "switch": state.switched}.get(phase)
    proposed = (
        state.proposal if (phase, state.phase) in (("lower-ttl", "lower-ttl"), ("switch", "switch")) else None
    )
    if phase == "switch" and state.phase == "confirm":
        proposed = state.proposal
    if change or proposed:
        return change_words(change or proposed) if change or proposed else ""  # type: ignore[arg-type]
    if phase in ("preflight", "confirm"):
        return _checks_words(state, phase, status)
    if phase == "wait-ttl" and status in ("now", "done"):
        return _wait_words(state)
    durations = state.plan.durations
    if phase == "watch":
        words = f"{duration(durations.watch)} and {state.plan.thresholds.min_samples} requests"
        return state.decision.detail if state.decision and status == "done" else words
    if phase == "soak":
        left = (
            f", {duration(max(0.0, state.wait_until - now))} left"
            if status == "now" and state.wait_until
            else ""
        )
        return f"{duration(durations.soak)}: the old side stays, the TTL stays low{left}"
    return "every TTL is low already" if phase == "lower-ttl" and status == "skipped" else ""


def _checks_words(state: State, phase: Phase, status: StepStatus) -> str:
    gate: Gate = "before-lower-ttl" if phase == "preflight" else "before-switch"
    count = len(checks_of(state.checks, gate))
    waived = f", {len(state.waivers)} waived" if state.waivers else ""
    return f"{count} checks{waived}" if status in ("done", "now") else f"{count} checks"


def _wait_words(state: State) -> str:
    servers = len(state.plan.dns.authoritative)
    if state.low_seen_at is None:
        return f"until every one of {_name_servers(servers)} shows the low TTL; then {state.old_ttl:g} s"
    since = clock_time(state.low_seen_at)
    return f"{state.old_ttl:g} s since {since}, when the last of {_name_servers(servers)} showed the low one"


def _name_servers(count: int) -> str:
    return f"{count} name server" if count == 1 else f"{count} name servers"


def _back(state: State, phase: Phase, now: float) -> StepView:
    present = present_phase(state)
    order = ("rollback", "drain", "rolled-back")
    here = order.index(phase)
    there = order.index(present) if present in order else 0
    status: StepStatus = "done" if here < there else "next" if here > there else "now"
    if status == "now" and outcome(state):
        status = "failed"
    if phase == "drain" and state.phase == "rolled-back" and state.began("drain") is None:
        status = "skipped"
    if phase == "rollback":
        change = state.returned or state.proposal
        detail = state.reason if status == "failed" else (change_words(change) if change else "")
    elif status == "skipped":
        detail = "no address had changed"
    else:
        left = f", {duration(max(0.0, state.wait_until - now))} left" if state.wait_until else ""
        detail = f"{state.plan.dns.low_ttl} s after the last name server shows the old side{left}"
    return StepView(phase, _TITLES[phase], status, detail, at=_at(state, phase, status))


def confirmation(state: State, by_hand: tuple[str, ...] = ()) -> Confirmation | None:
    """The forward write that waits for its typed name, or None."""
    change = awaiting(state)
    if change is None:
        return None
    plan = state.plan
    if change.purpose == "switch" and plan.on_alarm == "rollback":
        authorises = "the switch, and without another question the rollback if the watch raises the alarm"
    elif change.purpose == "switch":
        authorises = "the switch; an alarm of the watch holds and waits for you"
    else:
        authorises = "the lower TTL only; no address changes"
    diff, inverse = change.diff, change.inverse_diff
    if change.purpose == "rehearse":
        authorises = f"{change.hosts[0]} only: made, moved, moved back, removed; no name that clients use"
        diff, inverse = rehearsal_diff(change), rehearsal_steps(change)[-1].diff
    if by_hand:
        authorises = f"Pointsman to go on once you have made the change yourself ({authorises})"
    return Confirmation(
        purpose=change.purpose,
        hosts=change.hosts if change.purpose == "rehearse" else plan.hosts,
        diff=(*diff, *by_hand),
        inverse=inverse,
        type_this=plan.type_this,
        precondition=change.precondition,
        change_id=change.digest,
        authorises=authorises,
    )


def rollback_confirmation(state: State) -> Confirmation | None:
    """The rollback that may be asked for now, or None."""
    change = rollback_change(state) if can_roll_back(state) else None
    if change is None:
        return None
    return Confirmation(
        purpose=change.purpose,
        hosts=state.plan.hosts,
        diff=change.diff,
        inverse=change.inverse_diff,
        type_this=state.plan.type_this,
        precondition=change.precondition,
        change_id=change.digest,
        authorises="the way back to the old side" if change.purpose == "roll-back" else "the old TTL again",
    )


def message(state: State) -> str:
    """What the operator should know or do now, in one line."""
    if state.reason and outcome(state) in ("stopped-at-gate", "held"):
        return state.reason
    if waiting_for_others(state):
        return waiting_for_others(state)
    if state.phase == "done":
        return f"done; `pointsman retire {state.run_id}` says whether the old side may go, and how"
    if state.phase == "rolled-back":
        kept = "; the TTL stays low" if state.switched else ""
        return f"rolled back{kept}"
    change = awaiting(state)
    if change is not None:
        return f'type "{state.plan.type_this}" to confirm: {change_words(change)}'
    if state.pending and state.lost:
        return "a write was cut off: finding out what became of it"
    gate = current_gate(state)
    if gate is not None and state.phase in ("preflight", "confirm"):
        return f"asking the checks of the gate {gate}"
    return state.reason
