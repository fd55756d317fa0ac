"""The cutover's state and what can be read off it: gates, what may be rolled back or waited for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...probes.verdict import Verdict
from ..plans.model import Plan
from ..records.base import RecordChange
from ..terms import MANUAL, Check, Gate, Outcome, Phase
from .events import Checked, Waived, WatchEnded

NEVER_WAIVED_FAIL = frozenset({"dns-ttl"})
"""Probes whose FAIL nobody can waive: a switch before the old TTL has passed strands the clients."""

GATE_MAX_AGE_S = 900.0
"""A confirmation on answers older than this asks the checks again first."""


@dataclass(frozen=True, slots=True)
class QuietSpell:
    """For how long (epoch seconds) the old side counted nobody but us, without a gap; how it was counted.

    ``others`` is what was counted beside our probes in the latest count, None where it could not be told.
    """

    since: float
    until: float
    source: str
    ours: float = 0.0
    others: float | None = 0.0
    detail: str = ""

    @property
    def seconds(self) -> float:
        """How long it has been quiet."""
        return max(0.0, self.until - self.since)


@dataclass(frozen=True, slots=True)
class ClockMark:
    """When (epoch seconds) a process took the run on, and for how long its machine had been running."""

    at: float
    boot: str
    uptime: float


@dataclass(frozen=True, slots=True)
class State:
    """The fold of a run's events. ``stopped_in`` is the phase that a stop or a hold interrupted.

    ``pending`` is a write whose intent stands and whose outcome does not; ``lost`` says that nobody waits for
    it any more, so that it has to be found out. ``rehearsal`` is how the rehearsal went, in words. ``marks``
    are the instants at which each phase began. ``holding`` is how the run keeps others off its hosts;
    ``unheld`` why it does not any more. ``clock`` is by which clock the instants are.
    """

    run_id: str
    plan: Plan
    checks: tuple[Check, ...]
    writes_enabled: bool
    started_at: float
    phase: Phase = "preflight"
    stopped_in: Phase | None = None
    reason: str = ""
    gate: Gate | None = None
    gate_at: float | None = None
    gate_round: int = 0
    results: tuple[Checked, ...] = ()
    waivers: tuple[Waived, ...] = ()
    proposal: RecordChange | None = None
    confirmed: bool = False
    pending: bool = False
    lost: bool = False
    lowered: RecordChange | None = None
    switched: RecordChange | None = None
    returned: RecordChange | None = None
    old_ttl: float = 0.0
    low_seen_at: float | None = None
    new_seen_at: float | None = None
    old_seen_at: float | None = None
    wait_until: float | None = None
    watch_since: float | None = None
    watch_passed: bool = False
    watch_round: int = 0
    soak_over: bool = False
    rollback_asked: str = ""
    rollback_tries: int = 0
    postponed: bool = False
    decision: WatchEnded | None = None
    turn: bool = True
    turn_why: str = ""
    flagged: bool = False
    operator: str = ""
    holding: str = ""
    unheld: str = ""
    rehearsed: bool = False
    rehearsal: str = ""
    hooks_begun: tuple[tuple[int, int], ...] = ()
    hooks_ended: tuple[tuple[int, int], ...] = ()
    hooks_lost: tuple[tuple[int, int], ...] = ()
    quiet: QuietSpell | None = None
    clock: ClockMark | None = None
    campaign: str = ""
    wave: int = 1
    waves: int = 1
    marks: tuple[tuple[Phase, float], ...] = field(default=())

    def result_of(self, check_id: str) -> Checked | None:
        """The check's latest answer."""
        return next((item for item in self.results if item.check_id == check_id), None)

    def began(self, phase: Phase) -> float | None:
        """When ``phase`` last began."""
        return next((at for name, at in reversed(self.marks) if name == phase), None)


def outcome(state: State) -> Outcome:
    """How the run has come to rest, or nothing while it moves."""
    if state.phase in ("done", "rolled-back", "stopped-at-gate", "held"):
        return state.phase
    return ""


def checks_of(checks: tuple[Check, ...], gate: Gate) -> tuple[Check, ...]:
    """The checks that ``gate`` needs. The gate before the switch asks those of the gate before it again."""
    wanted = {"before-lower-ttl", "before-switch"} if gate == "before-switch" else {gate}
    return tuple(check for check in checks if check.gate in wanted or gate in check.again)


def current_gate(state: State) -> Gate | None:
    """The gate that stands before the next step of the phase, if it is time to ask it."""
    phase = state.stopped_in if state.phase == "stopped-at-gate" else state.phase
    if phase in ("preflight", "lower-ttl"):
        return "before-lower-ttl"
    if phase in ("confirm", "switch"):
        return "before-switch"
    if phase == "watch" and state.watch_passed and state.new_seen_at is not None:
        return "after-switch"
    if phase == "soak" and state.soak_over:
        return "before-retire"
    return None


def blocking(state: State, gate: Gate) -> tuple[Check, ...]:
    """The checks that keep ``gate`` shut: not asked, FAIL, UNKNOWN, or a WARN that nobody waived."""
    if state.gate != gate or state.gate_at is None:
        return checks_of(state.checks, gate)
    return tuple(check for check in checks_of(state.checks, gate) if not _passes(state, check))


def gate_open(state: State, gate: Gate) -> bool:
    """True where every check of the gate was asked and passed, does not apply (SKIP), or was waived."""
    answered = state.gate == gate and state.gate_at is not None
    return answered and not blocking(state, gate)


def _passes(state: State, check: Check) -> bool:
    result = state.result_of(check.id)
    if result is None or result.verdict is Verdict.UNKNOWN:
        return False
    if result.verdict in (Verdict.PASS, Verdict.SKIP):
        return True
    return any(_covers(waiver, result, check) for waiver in state.waivers) or (
        result.verdict is Verdict.WARN and any(waiver.check == check.id for waiver in state.plan.waivers)
    )


def _covers(waiver: Waived, result: Checked, check: Check) -> bool:
    # a waiver is for what its author saw: a worse answer later is not covered by it
    if waiver.check_id != check.id or result.verdict.badness > waiver.verdict.badness:
        return False
    return not why_not_waivable(check, result)


def why_not_waivable(check: Check, result: Checked | None) -> str:
    """Why a check cannot be waived, or nothing if it can."""
    if result is None:
        return "it has not been asked yet"
    if result.verdict is Verdict.UNKNOWN:
        return "what could not be determined opens no gate; mend that, and run the checks again"
    if result.verdict is Verdict.FAIL and check.probe in NEVER_WAIVED_FAIL:
        return "the DNS conditions cannot be waived: clients would be stranded on the old answer"
    if result.verdict in (Verdict.PASS, Verdict.SKIP):
        return "it needs no waiver"
    return ""


def why_not_attestable(state: State, check_id: str) -> str:
    """Why a check cannot be confirmed by a person now, or nothing if it can."""
    check = next((item for item in state.checks if item.id == check_id), None)
    if check is None:
        return "there is no such check"
    if check.probe != MANUAL:
        return "only a manual check is answered by a person"
    gate = current_gate(state)
    if gate is None or check not in checks_of(state.checks, gate):
        return "it does not belong to the gate that is asked now"
    result = state.result_of(check_id)
    if result is None or state.gate != gate or state.gate_at is None:
        return "it has not been asked yet"
    return "it is confirmed already" if result.verdict is Verdict.PASS else ""


def may_write(state: State) -> bool:
    """True where writing is on, or where the change is made by a person anyway."""
    return state.writes_enabled or state.plan.dns.by_hand


def awaiting(state: State) -> RecordChange | None:
    """The forward change that waits for a typed confirmation."""
    if state.confirmed or state.pending or waiting_for_others(state):
        return None
    if state.phase not in ("lower-ttl", "rehearse", "confirm"):
        return None
    return state.proposal


def waiting_for_others(state: State) -> str:
    """Why nothing may go forward now though its gate is open; empty where nothing keeps it."""
    if state.unheld:
        return f"nothing goes forward (a rollback stays possible): {state.unheld}"
    if state.postponed:
        return "postponed: nothing goes forward until you continue"
    if state.flagged:
        return f"postponed: {state.plan.postpone_file} exists; remove it to go on"
    if state.phase in ("confirm", "switch") and not state.turn:
        return state.turn_why or "the waves before this one come first"
    return ""


def can_roll_back(state: State) -> bool:
    """True from the first write (even one of unknown outcome) until the rollback is on its way."""
    if state.rollback_asked and not (state.phase == "held" and state.stopped_in == "rollback"):
        return False
    if state.phase in ("rollback", "drain", "rolled-back"):
        return False
    if state.phase == "held" and state.stopped_in == "rollback":
        return state.proposal is not None
    return bool(state.lowered or state.switched or (state.pending and not rehearsing(state)))


def rehearsing(state: State) -> bool:
    """True where what is proposed, or under way, is the rehearsal, which touches no name of the plan."""
    return state.proposal is not None and state.proposal.purpose == "rehearse"


def rehearsal_planned(plan: Plan) -> bool:
    """True where the plan asks for the rollback to be tried beforehand, and its provider may be able to."""
    return bool(plan.dns.rehearse) and plan.dns.provider in ("rfc2136", "octodns", "command")


def rehearsal_due(state: State) -> bool:
    """True where the rehearsal that is planned has not been held."""
    return rehearsal_planned(state.plan) and not state.rehearsed


def rollback_change(state: State) -> RecordChange | None:
    """The inverse that a rollback would make now: of the switch if that was made, else of the lowered TTL."""
    if state.phase == "held" and state.stopped_in == "rollback":
        return state.proposal
    if state.pending and state.proposal is not None and not (state.rollback_asked or rehearsing(state)):
        return state.proposal.inverted()
    made = state.switched or state.lowered
    return made.inverted() if made else None


def low_ttl_counts(state: State) -> bool:
    """True from the lowered TTL to the switch: a longer one that is served meanwhile spoils the wait."""
    under_way = (state.confirmed or state.pending) and not rehearsing(state)
    if state.switched is not None or under_way or state.rollback_asked:
        return False
    stopped = state.phase in ("stopped-at-gate", "held")
    phase = state.stopped_in if stopped else state.phase
    return phase in ("wait-ttl", "rehearse", "confirm", "switch")
