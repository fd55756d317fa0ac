"""Every event of the machine in any order: what a write needs, where a run can still be driven, who waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import event as note
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from pointsman.checklists.machine.advance import ImpossibleEventError, State, advance, fold
from pointsman.checklists.machine.around import TUNABLE
from pointsman.checklists.machine.decide import decide
from pointsman.checklists.machine.effects import (
    Apply,
    AwaitEverywhere,
    AwaitInstant,
    Effect,
    FindOut,
    ProposeChange,
    Rehearse,
    RunGate,
    RunHook,
    RunWatch,
    due,
)
from pointsman.checklists.machine.events import (
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
    TurnChanged,
    WaitEnded,
    WatchBegan,
    WatchEnded,
    WatchNoted,
    WriteEnded,
    WriteIntended,
)
from pointsman.checklists.machine.forecast import run_forecast
from pointsman.checklists.machine.rehearsal import rehearsal_change
from pointsman.checklists.machine.state import (
    awaiting,
    can_roll_back,
    checks_of,
    low_ttl_counts,
    outcome,
    rehearsing,
    rollback_change,
    waiting_for_others,
)
from pointsman.checklists.machine.steps import (
    confirmation,
    message,
    rollback_confirmation,
    steps,
)
from pointsman.checklists.machine.view import Confirm, Continue, RollBack, Tune
from pointsman.checklists.plans.model import Hook, Plan, plan_digest, plan_from_json, plan_to_json
from pointsman.checklists.records.base import return_change
from pointsman.probes.verdict import Verdict
from test_cutover_machine import CHECKS, HOST, LOWER, PLAN, READ, STRANGE, SWITCH, CutoverMachine

CANARY = "canary.shop.test"
PURPOSES = ("lower-ttl", "rehearse", "switch", "roll-back", "raise-ttl")
FORWARD = PURPOSES[:3]
PUTS_OFF = (Resumed, ChecksAsked, GateChecked, PostponedEvent, RollBackAsked, HighTtlSeen)
HOOKS = (Hook(("preflight", "switch", "done"), ("true",)), Hook(("watch", "rollback", "held"), ("true",)))
MOST_STEPS = 60

plans = st.builds(
    lambda rehearse, hooks, on_alarm, provider: replace(
        PLAN,
        dns=replace(PLAN.dns, rehearse=CANARY if rehearse else "", provider=provider),
        hooks=HOOKS if hooks else (),
        on_alarm=on_alarm,
        postpone_file="/run/wait",
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["rollback", "hold"]),
    st.sampled_from(["rfc2136", "rfc2136", "show"]),
)


def begun(plan: Plan, writes: bool = True, wave: int = 1, waves: int = 1) -> RunStarted:
    plain = plan_to_json(plan)
    return RunStarted(
        1000.0, "abcd1234", plain, plan_digest(plan), CHECKS, writes, campaign="c", wave=wave, waves=waves
    )


def forward_or_back(state: State) -> tuple[Effect, ...]:
    return tuple(effect for effect in due(state) if not isinstance(effect, RunHook))


def first(state: State, kind: type) -> Effect | None:
    return next((effect for effect in due(state) if isinstance(effect, kind)), None)


def why_no_write(events: list[Event], purpose: str, now: float) -> str:
    """Why this write must not be begun, by the journal alone and without the machine's own idea of it."""
    plan = plan_from_json(events[0].plan)
    last_start = [item for item in events if isinstance(item, RunStarted | Resumed)][-1]
    if not (last_start.writes_enabled or plan.dns.provider == "show"):
        return "writing is off"
    unended = [item for item in events if isinstance(item, WriteIntended | WriteEnded)]
    if unended and (isinstance(unended[-1], WriteIntended) or unended[-1].outcome == "unknown"):
        return "another write is under way"
    if purpose not in FORWARD:
        made = [item for item in events if isinstance(item, WriteEnded) and item.purpose in FORWARD]
        return "" if any(item.outcome != "not-applied" for item in made) else "nothing was changed"
    return why_not_forward(events, plan, purpose) or (
        why_not_switched(events, plan, now) if purpose == "switch" else ""
    )


def why_not_forward(events: list[Event], plan: Plan, purpose: str) -> str:
    at = max((at for at, item in enumerate(events) if isinstance(item, Confirmed)), default=-1)
    if at < 0 or events[at].purpose != purpose or events[at].typed != HOST:
        return "nobody consented to it"
    for item in events[at + 1 :]:
        gone = (
            isinstance(item, PUTS_OFF)
            or (isinstance(item, FlagSeen) and item.there)
            or (isinstance(item, HoldingChanged) and not item.held)
        )
        if gone or isinstance(item, WriteIntended) or (isinstance(item, TurnChanged) and purpose == "switch"):
            return f"the consent was used or taken back by {item}"
    if any(isinstance(item, RollBackAsked) for item in events):
        return "the way back was asked for"
    if any(isinstance(item, WatchEnded) and item.verdict == "ABORT" for item in events) and (
        plan.on_alarm == "rollback"
    ):
        return "the alarm was raised"
    pauses = [item for item in events if isinstance(item, PostponedEvent | ContinuedEvent)]
    if pauses and isinstance(pauses[-1], PostponedEvent):
        return "it is postponed"
    flags = [item.there for item in events if isinstance(item, FlagSeen)]
    if flags and flags[-1]:
        return "the postpone file is there"
    # a process that takes the run over has taken the hosts first
    holds = [item for item in events if isinstance(item, HoldingChanged | Resumed)]
    if holds and isinstance(holds[-1], HoldingChanged) and not holds[-1].held:
        return "somebody else holds the hosts"
    proposed = [item for item in events[:at] if isinstance(item, ChangeProposed)][-1]
    return "" if proposed.change.purpose == purpose else "another change was shown"


def why_not_switched(events: list[Event], plan: Plan, now: float) -> str:
    turns = [item.come for item in events if isinstance(item, TurnChanged)]
    if not (turns[-1] if turns else events[0].wave == 1):
        return "it is another wave's turn"
    seen = [
        item
        for item in events
        if isinstance(item, HighTtlSeen) or (isinstance(item, SeenEverywhere) and item.what == "low-ttl")
    ]
    longest = max([20.0, *(item.ttl for item in seen if isinstance(item, HighTtlSeen))])
    if not seen or isinstance(seen[-1], HighTtlSeen) or now < seen[-1].at + longest:
        return "the old TTL has not been waited out"
    rehearsed = any(
        isinstance(item, WriteEnded) and (item.purpose, item.outcome) == ("rehearse", "applied")
        for item in events
    )
    if plan.dns.rehearse and plan.dns.provider == "rfc2136" and not rehearsed:
        return "the rollback was not rehearsed"
    return ""


def why_gate_shut(events: list[Event], purpose: str) -> str:
    """The same for the gate, which the journal's last answers and waivers decide."""
    if purpose not in ("lower-ttl", "switch"):
        return ""
    gate = "before-lower-ttl" if purpose == "lower-ttl" else "before-switch"
    asked = [item for item in events if isinstance(item, GateChecked)]
    if not asked or asked[-1].gate != gate:
        return "its gate was not asked last"
    verdict_of = {item.check_id: item.verdict for item in asked[-1].results}
    waived = {item.check_id for item in events if type(item).__name__ == "Waived"}
    for check in checks_of(CHECKS, gate):
        verdict = verdict_of.get(check.id, Verdict.UNKNOWN)
        if verdict is Verdict.UNKNOWN or (verdict is Verdict.FAIL and check.probe == "dns-ttl"):
            return f"{check.id} says {verdict}"
        if verdict in (Verdict.WARN, Verdict.FAIL) and check.id not in waived:
            return f"{check.id} says {verdict}, and nobody waived it"
    return ""


def way_home(state: State, now: float, home: str) -> list[Event]:
    """The events by which a willing world and a willing person bring the run to ``home``."""
    events: list[Event] = []
    for _ in range(MOST_STEPS):
        if state.phase == home:
            return events
        more = next_step(state, now, home)
        assert more, f"a dead end in {state.phase}/{state.stopped_in} on the way to {home}: {due(state)}"
        for one in more:
            now = max(now, getattr(one, "at", now))
            state = advance(state, one)
            events.append(one)
    raise AssertionError(f"{MOST_STEPS} steps and still in {state.phase} on the way to {home}")


def next_step(state: State, now: float, home: str) -> list[Event]:
    if not state.writes_enabled:
        return [Resumed(now, writes_enabled=True)]
    if state.pending:
        assert state.proposal is not None
        assert forward_or_back(state), "nobody works on the write that is under way"
        return [WriteEnded(now, state.proposal.purpose, "applied", "x")]
    if isinstance(effect := first(state, Apply) or first(state, Rehearse), Apply | Rehearse):
        return [WriteIntended(now, effect.change.purpose)]
    if home == "rolled-back" and can_roll_back(state):
        return list(decide(state, RollBack(HOST), now)[0])
    if (propose := first(state, ProposeChange)) and isinstance(propose, ProposeChange):
        return [proposal(state, propose, now)]
    if isinstance(gate := first(state, RunGate), RunGate):
        answers = tuple(Checked(check.id, Verdict.PASS, "x") for check in checks_of(CHECKS, gate.gate))
        return [GateChecked(now, gate.gate, answers)]
    if isinstance(awaited := first(state, AwaitEverywhere), AwaitEverywhere):
        return [SeenEverywhere(now, awaited.what)]
    if isinstance(instant := first(state, AwaitInstant), AwaitInstant):
        return [WaitEnded(max(now, instant.until))]
    if isinstance(watch := first(state, RunWatch), RunWatch) and not watch.soaking:
        return [WatchBegan(now), WatchEnded(now, "PASS", "x")]
    return with_a_person(state, now)


def with_a_person(state: State, now: float) -> list[Event]:
    if state.flagged:
        return [FlagSeen(now, there=False)]
    if state.unheld:
        return [HoldingChanged(now, held=True)]
    if not state.turn:
        return [TurnChanged(now, come=True)]
    if (change := awaiting(state)) is not None:
        return list(decide(state, Confirm(change.purpose, HOST), now)[0])
    return list(decide(state, Continue(), now)[0])


def proposal(state: State, effect: ProposeChange, now: float) -> Event:
    if effect.purpose == "rehearse":
        return ChangeProposed(now, rehearsal_change(state.plan))
    if effect.purpose in ("roll-back", "raise-ttl"):
        made = state.switched or state.lowered
        assert made is not None
        return ChangeProposed(now, return_change(replace(READ, sets=STRANGE), made))
    return ChangeProposed(now, LOWER if effect.purpose == "lower-ttl" else SWITCH, 20.0)


class EveryPath(CutoverMachine):
    """The machine of ``test_cutover_machine`` with waves, rehearsal, hooks, flag, tuning and counters."""

    @initialize(plan=plans, writes=st.sampled_from([True, True, True, False]), wave=st.integers(1, 2))
    def begin(self, plan: Plan, writes: bool, wave: int) -> None:
        self.now = 1000.0
        self.resumed: list[tuple[State, Event]] = []
        self.events: list[Event] = [begun(plan, writes, wave, waves=2)]
        self.state = fold(self.events)

    def judge_write(self, intent: WriteIntended) -> None:
        for why in (
            why_no_write(self.events, intent.purpose, self.now),
            why_gate_shut(self.events, intent.purpose),
        ):
            assert not why, f"{intent.purpose} though {why}"

    @precondition(lambda self: self.find(ProposeChange))
    @rule(fails=st.sampled_from([False, False, False, True]), low=st.booleans())
    def change_is_proposed(self, fails: bool, low: bool) -> None:
        effect = self.find(ProposeChange)
        if fails and effect.purpose in FORWARD:
            self.happen(ProposalFailed(self.now, "ns2 did not answer"))
        elif effect.purpose == "lower-ttl" and low:
            self.happen(NothingToLower(self.now, 20.0, "low already"))
        else:
            self.happen(proposal(self.state, effect, self.now))

    @precondition(lambda self: (self.find(Apply) or self.find(Rehearse)) and not self.state.pending)
    @rule()
    def intent_is_written(self) -> None:
        effect = self.find(Apply) or self.find(Rehearse)
        self.happen(WriteIntended(self.now, effect.change.purpose))

    @precondition(lambda self: self.state.pending)
    @rule(
        kind=st.sampled_from(
            ["applied", "applied", "precondition-failed", "refused", "unknown", "not-applied"]
        )
    )
    def write_ends(self, kind: str) -> None:
        effect = self.find(Apply) or self.find(FindOut) or self.find(Rehearse)
        if isinstance(effect, FindOut) and kind in ("refused", "unknown"):
            kind = "applied"
        if isinstance(effect, Rehearse) and effect.lost and kind == "applied":
            kind = "not-applied"
        self.happen(WriteEnded(self.now, effect.change.purpose, kind, "x", STRANGE))

    @rule(come=st.booleans())
    def the_turn_changes(self, come: bool) -> None:
        if come != self.state.turn:
            self.happen(TurnChanged(self.now, come, "the first wave"))

    @rule(held=st.booleans())
    def the_hosts_are_taken_or_given_back(self, held: bool) -> None:
        self.happen(HoldingChanged(self.now, held, "by the Lease"))

    @rule(there=st.booleans())
    def the_flag_comes_or_goes(self, there: bool) -> None:
        if there != self.state.flagged:
            self.happen(FlagSeen(self.now, there))

    @rule(name=st.sampled_from(sorted(TUNABLE)), share=st.sampled_from([0.001, 0.5, 1.0, -1.0, float("nan")]))
    def somebody_tunes(self, name: str, share: float) -> None:
        most = TUNABLE[name][1]
        value = float(int(most * share)) if name.endswith("samples") and share == share else most * share
        events, said = decide(self.state, Tune(name, value), self.now, "me@here")
        assert events or said
        for one in events:
            self.happen(one)

    @precondition(lambda self: self.find(RunHook))
    @rule(code=st.sampled_from([0, 3, None]), ends=st.booleans())
    def a_hook_runs(self, code: int | None, ends: bool) -> None:
        effect = self.find(RunHook)
        key = (effect.mark, effect.hook)
        if not effect.lost and key not in self.state.hooks_begun:
            self.happen(HookBegan(self.now, *key))
        elif effect.lost:
            with pytest.raises(ImpossibleEventError):
                advance(self.state, HookBegan(self.now, *key))
        if ends or effect.lost:
            self.happen(HookEnded(self.now, *key, None if effect.lost else code))

    @precondition(lambda self: self.state.switched)
    @rule(others=st.sampled_from([0.0, 3.0, None]), gap=st.sampled_from([0.0, 30.0]))
    def the_old_side_is_counted(self, others: float | None, gap: float) -> None:
        before = self.state.quiet
        since = min(self.now, before.until + gap if before else self.now)
        self.happen(OldSideCounted(self.now, since, "pods", others, 4.0))
        quiet = self.state.quiet
        assert quiet is not None
        if others != 0 or (before is not None and gap and since > before.until):
            assert quiet.seconds <= self.now - since

    @precondition(lambda self: self.state.switched)
    @rule()
    def the_watch_is_noted(self) -> None:
        before = self.state
        self.happen(WatchNoted(self.now, {"new": {"requests": 4}}))
        assert self.state == before

    def one_good_step(self) -> None:
        if self.state.phase in ("rolled-back", "done") or not self.state.writes_enabled:
            return
        home = (
            "rolled-back"
            if self.state.rollback_asked or self.state.phase in ("rollback", "drain")
            else "done"
        )
        if self.state.phase == "held" and self.state.stopped_in == "rollback":
            home = "rolled-back"
        for one in next_step(self.state, self.now, home):
            self.now = max(self.now, one.at)
            self.happen(one)

    def teardown(self) -> None:
        if hasattr(self, "events"):
            for phase in {name for name, _ in self.state.marks}:
                note(f"reached {phase}")

    @invariant()
    def only_a_judged_write_is_begun(self) -> None:
        """Whoever asks for it and whenever."""
        for purpose in PURPOSES:
            intent = WriteIntended(self.now, purpose)
            try:
                advance(self.state, intent)
            except ImpossibleEventError:
                continue
            self.judge_write(intent)

    @invariant()
    def the_journal_is_the_state(self) -> None:
        assert fold(self.events) == self.state

    @invariant()
    def a_way_back_after_every_change(self) -> None:
        state = self.state
        pending = state.pending and not rehearsing(state)
        if not (state.lowered or state.switched or pending):
            return
        if can_roll_back(state):
            assert rollback_change(state) is not None
            assert rollback_confirmation(state).diff
        if state.phase != "rolled-back":
            way_home(state, self.now, "rolled-back")

    @invariant()
    def a_way_on_where_none_back_was_taken(self) -> None:
        state = self.state
        back = state.phase in ("rollback", "drain", "rolled-back") or state.stopped_in == "rollback"
        undecided = state.pending and (state.rollback_asked or state.proposal.purpose not in FORWARD)
        if not (back or undecided or state.rollback_asked):
            way_home(state, self.now, "done")

    @invariant()
    def never_stuck_in_silence(self) -> None:
        state = self.state
        assert forward_or_back(state) or awaiting(state) or outcome(state) or waiting_for_others(state), (
            f"nobody is waited for in {state.phase}"
        )
        if state.phase in ("wait-ttl", "watch", "soak", "rollback", "drain", "preflight"):
            assert forward_or_back(state)
        views = steps(state, self.now)
        assert sum(view.status == "now" for view in views) <= 1
        message(state)
        run_forecast(state, self.now)
        confirmation(state)

    @invariant()
    def consent_does_not_outlive_what_takes_it_back(self) -> None:
        state = self.state
        if state.confirmed and not state.pending and state.phase != "rollback":
            assert not waiting_for_others(state)

    @invariant()
    def hooks_are_begun_once(self) -> None:
        begun_ones = Counter((item.mark, item.hook) for item in self.events if isinstance(item, HookBegan))
        assert not begun_ones or max(begun_ones.values()) == 1

    @invariant()
    def a_raised_ttl_is_never_forgotten(self) -> None:
        state = self.state
        if state.phase in ("rehearse", "confirm") and not state.pending and low_ttl_counts(state):
            assert state.low_seen_at is not None


EveryPath.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestEveryPath = EveryPath.TestCase


def at_the_wait() -> list[Event]:
    """A run that has waited the old TTL out and is to rehearse next."""
    plan = replace(PLAN, dns=replace(PLAN.dns, rehearse=CANARY))
    passed = (Checked("first", Verdict.PASS, "x"),)
    return [
        begun(plan),
        GateChecked(1001, "before-lower-ttl", passed),
        NothingToLower(1002, 20.0, "low already"),
        SeenEverywhere(1003, "low-ttl"),
        WaitEnded(1030),
    ]
