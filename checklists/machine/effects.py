"""What is to be done in a state. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..records.base import RecordChange
from ..terms import Gate, Purpose
from .events import Everywhere
from .state import State, current_gate, gate_open

# The executor keeps exactly the due effects running, so a resume needs no memory of its own.


@dataclass(frozen=True, slots=True)
class RunGate:
    """Ask every check of the gate; answer with GateChecked."""

    gate: Gate
    round: int


@dataclass(frozen=True, slots=True)
class ProposeChange:
    """Read the records and work the exact change out; ChangeProposed, NothingToLower or ProposalFailed."""

    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Apply:
    """Journal WriteIntended, make the change, journal WriteEnded."""

    change: RecordChange


@dataclass(frozen=True, slots=True)
class FindOut:
    """A write was cut off: read what became of it; WriteEnded."""

    change: RecordChange


@dataclass(frozen=True, slots=True)
class AwaitEverywhere:
    """Ask every authoritative server each second until the last one shows it; SeenEverywhere."""

    what: Everywhere


@dataclass(frozen=True, slots=True)
class AwaitInstant:
    """WaitEnded at ``until`` (epoch seconds)."""

    until: float


@dataclass(frozen=True, slots=True)
class RunWatch:
    """Requests to both sides: WatchBegan at once, WatchEnded when it decides (soaking: only an alarm)."""

    soaking: bool
    round: int


@dataclass(frozen=True, slots=True)
class Rehearse:
    """Journal WriteIntended; make, move, move back and remove ``change``'s name of no traffic; WriteEnded.

    ``lost``: one was cut off; remove what it left, and end it as not-applied.
    """

    change: RecordChange
    lost: bool = False


@dataclass(frozen=True, slots=True)
class RunHook:
    """HookBegan, then the plan's hook ``hook`` for the ``mark``-th beginning of a phase, then HookEnded.

    ``lost``: it was begun before a crash: HookEnded without a code, it is never begun twice.
    """

    mark: int
    hook: int
    lost: bool = False


Effect = (
    RunGate | ProposeChange | Apply | FindOut | AwaitEverywhere | AwaitInstant | RunWatch | Rehearse | RunHook
)


def due(state: State) -> tuple[Effect, ...]:
    """What is to be done in this state; nothing where a person is waited for."""
    return (*_forward_or_back(state), *_hooks(state))


def _hooks(state: State) -> tuple[RunHook, ...]:
    return tuple(
        RunHook(mark, number, lost=(mark, number) in state.hooks_lost)
        for mark, (phase, _) in enumerate(state.marks)
        for number, hook in enumerate(state.plan.hooks)
        if phase in hook.on and (mark, number) not in state.hooks_ended
    )


def _forward_or_back(state: State) -> tuple[Effect, ...]:
    if state.pending or state.confirmed:
        assert state.proposal is not None
        return (_write(state, state.proposal),)
    gate = current_gate(state)
    if state.phase in ("preflight", "confirm"):
        assert gate is not None
        if not gate_open(state, gate):
            return (RunGate(gate, state.gate_round),)
        return (
            ()
            if state.proposal
            else (ProposeChange("lower-ttl" if state.phase == "preflight" else "switch"),)
        )
    if state.phase == "wait-ttl":
        return (AwaitInstant(state.wait_until),) if state.wait_until else (AwaitEverywhere("low-ttl"),)
    if state.phase == "rehearse":
        return () if state.proposal else (ProposeChange("rehearse"),)
    if state.phase == "watch":
        return _watching(state, gate)
    if state.phase == "soak":
        watch = RunWatch(soaking=True, round=state.watch_round)
        if gate is not None:
            return (watch, RunGate(gate, state.gate_round))
        return (watch, AwaitInstant(state.wait_until or 0.0))
    if state.phase == "drain":
        return (AwaitInstant(state.wait_until),) if state.wait_until else (AwaitEverywhere("old"),)
    if state.phase == "stopped-at-gate" and state.switched:
        # a person is waited for, but the new side carries traffic: the alarm stays on
        return (RunWatch(soaking=True, round=state.watch_round),)
    if state.phase == "held" and state.stopped_in == "rollback" and state.proposal is None:
        return (ProposeChange("roll-back"),)
    return ()


def _write(state: State, change: RecordChange) -> Effect:
    if change.purpose == "rehearse":
        return Rehearse(change, lost=state.lost)
    if state.plan.dns.by_hand:
        # nothing of ours is in flight: a person is waited for, until the way back is asked for instead
        forward = change.purpose in ("lower-ttl", "switch")
        return FindOut(change) if state.pending and state.rollback_asked and forward else Apply(change)
    return FindOut(change) if state.lost else Apply(change)


def _watching(state: State, gate: Gate | None) -> tuple[Effect, ...]:
    watch = RunWatch(soaking=state.watch_passed, round=state.watch_round)
    if gate is not None:
        return (watch, RunGate(gate, state.gate_round))
    return (watch, AwaitEverywhere("new")) if state.new_seen_at is None else (watch,)
