"""The machine under all that can happen in any order: no write without gate and consent, always a way back"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pointsman.checklists.machine.advance import ImpossibleEventError, advance, fold
from pointsman.checklists.machine.decide import decide
from pointsman.checklists.machine.effects import (
    Apply,
    AwaitEverywhere,
    AwaitInstant,
    FindOut,
    ProposeChange,
    RunGate,
    RunWatch,
    due,
)
from pointsman.checklists.machine.events import (
    ChangeProposed,
    Checked,
    Confirmed,
    Event,
    GateChecked,
    HighTtlSeen,
    NothingToLower,
    ProposalFailed,
    Resumed,
    RunStarted,
    SeenEverywhere,
    WaitEnded,
    WatchBegan,
    WatchEnded,
    WriteEnded,
    WriteIntended,
    event_from_json,
    event_to_json,
)
from pointsman.checklists.machine.forecast import run_forecast
from pointsman.checklists.machine.state import (
    State,
    awaiting,
    can_roll_back,
    checks_of,
    low_ttl_counts,
    outcome,
    rollback_change,
)
from pointsman.checklists.machine.steps import (
    confirmation,
    message,
    rollback_confirmation,
    steps,
)
from pointsman.checklists.machine.view import Confirm, Continue, Postpone, RollBack, RunChecksAgain, Waive
from pointsman.checklists.plans.model import (
    CriticalPath,
    DnsPlan,
    ObjectName,
    Plan,
    Side,
    plan_digest,
    plan_to_json,
)
from pointsman.checklists.records.base import (
    RecordSet,
    RecordsRead,
    lower_ttl_change,
    return_change,
    switch_change,
)
from pointsman.checklists.terms import Check
from pointsman.probes.verdict import Verdict

HOST = "store.shop.test"
PLAN = Plan(
    name="store",
    hosts=(HOST,),
    gateway=ObjectName("infra", "main"),
    old=Side("127.0.0.2"),
    new=Side("127.0.0.3"),
    paths=(CriticalPath("/"),),
    dns=DnsPlan("rfc2136", "shop.test.", ("127.0.0.1:53",), 3, tsig_key_file="/k"),
)
CHECKS = (
    Check("first", 1, "first", "requests", "before-lower-ttl"),
    Check("second", 2, "second", "dns-ttl", "before-switch"),
    Check("third", 3, "third", "error-watch", "before-switch", again=("after-switch",)),
    Check("fourth", 4, "fourth", "old-side-kept", "before-switch", again=("before-retire",)),
)
OLD_SETS = (RecordSet(HOST, "A", 20, ("127.0.0.2",)), RecordSet(HOST, "AAAA", 20, ("2001:db8::2",)))
STRANGE = (RecordSet(HOST, "A", 60, ("192.0.2.66",)),)
READ = RecordsRead(OLD_SETS, "soa", "127.0.0.1:53")
LOWER = lower_ttl_change(READ, PLAN)
assert LOWER is not None
SWITCH = switch_change(replace(READ, sets=LOWER.after), PLAN)
FORWARD = ("lower-ttl", "switch")

verdicts = st.sampled_from(
    [Verdict.PASS, Verdict.PASS, Verdict.PASS, Verdict.WARN, Verdict.SKIP, Verdict.FAIL, Verdict.UNKNOWN]
)


def started(on_alarm: str = "rollback", writes: bool = True) -> RunStarted:
    plan = replace(PLAN, on_alarm=on_alarm)
    return RunStarted(1000.0, "abcd1234", plan_to_json(plan), plan_digest(plan), CHECKS, writes)


class CutoverMachine(RuleBasedStateMachine):
    state: State

    @initialize(
        on_alarm=st.sampled_from(["rollback", "hold"]), writes=st.sampled_from([True, True, True, False])
    )
    def begin(self, on_alarm: str, writes: bool) -> None:
        self.now = 1000.0
        self.resumed: list[tuple[State, Event]] = []
        self.events: list[Event] = [started(on_alarm, writes)]
        self.state = fold(self.events)

    def happen(self, one: Event) -> None:
        plain = json.loads(json.dumps(event_to_json(one)))
        one = event_from_json(plain)
        if isinstance(one, WriteIntended):
            self.judge_write(one)
        self.state = advance(self.state, one)
        self.events.append(one)

    def judge_write(self, intent: WriteIntended) -> None:
        """By the journal alone, without the machine's own idea of gates."""
        assert self.writing_is_on()
        if intent.purpose not in FORWARD:
            assert self.changes_made(), "a rollback of nothing"
            return
        if intent.purpose == "switch":
            self.judge_wait()
        gate = "before-lower-ttl" if intent.purpose == "lower-ttl" else "before-switch"
        at, confirmed = [(at, item) for at, item in enumerate(self.events) if isinstance(item, Confirmed)][-1]
        assert confirmed.purpose == intent.purpose
        assert confirmed.typed == HOST
        asked, answered = [
            (at, item) for at, item in enumerate(self.events) if isinstance(item, GateChecked)
        ][-1]
        assert answered.gate == gate
        assert asked < at
        verdict_of = {item.check_id: item.verdict for item in answered.results}
        waived = {item.check_id: item for item in self.events if type(item).__name__ == "Waived"}
        for check in checks_of(CHECKS, gate):
            verdict = verdict_of[check.id]
            assert verdict is not Verdict.UNKNOWN
            if verdict in (Verdict.WARN, Verdict.FAIL):
                assert check.id in waived
                assert not (check.probe == "dns-ttl" and verdict is Verdict.FAIL)

    def writing_is_on(self) -> bool:
        return [item for item in self.events if isinstance(item, RunStarted | Resumed)][-1].writes_enabled

    def judge_wait(self) -> None:
        """Twenty seconds at least, from when all servers showed the low TTL and none went back on it."""
        seen = [
            item
            for item in self.events
            if isinstance(item, HighTtlSeen) or (isinstance(item, SeenEverywhere) and item.what == "low-ttl")
        ]
        assert isinstance(seen[-1], SeenEverywhere)
        longest = max([20.0, *(item.ttl for item in seen if isinstance(item, HighTtlSeen))])
        assert self.now >= seen[-1].at + longest

    def changes_made(self) -> bool:
        return any(
            isinstance(item, WriteEnded)
            and item.purpose in FORWARD
            and item.outcome in ("applied", "precondition-failed")
            for item in self.events
        )

    def find(self, kind: type) -> object:
        return next((effect for effect in due(self.state) if isinstance(effect, kind)), None)

    @rule(seconds=st.sampled_from([0.5, 5.0, 60.0, 2000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.find(RunGate))
    @rule(answers=st.lists(verdicts, min_size=4, max_size=4))
    def gate_answers(self, answers: list[Verdict]) -> None:
        effect = self.find(RunGate)
        checks = checks_of(CHECKS, effect.gate)
        results = tuple(
            Checked(check.id, verdict, "x") for check, verdict in zip(checks, answers, strict=False)
        )
        self.happen(GateChecked(self.now, effect.gate, results))

    @precondition(lambda self: self.find(RunGate))
    @rule()
    def gate_passes(self) -> None:
        effect = self.find(RunGate)
        results = tuple(Checked(check.id, Verdict.PASS, "x") for check in checks_of(CHECKS, effect.gate))
        self.happen(GateChecked(self.now, effect.gate, results))

    @precondition(lambda self: self.find(ProposeChange))
    @rule(fails=st.sampled_from([False, False, False, True]), low=st.booleans())
    def change_is_proposed(self, fails: bool, low: bool) -> None:
        effect = self.find(ProposeChange)
        if effect.purpose in ("roll-back", "raise-ttl"):
            made = self.state.switched or self.state.lowered
            assert made is not None
            self.happen(ChangeProposed(self.now, return_change(replace(READ, sets=STRANGE), made)))
        elif fails:
            self.happen(ProposalFailed(self.now, "ns2 did not answer"))
        elif effect.purpose == "switch":
            self.happen(ChangeProposed(self.now, SWITCH))
        elif low:
            self.happen(NothingToLower(self.now, 20.0, "low already"))
        else:
            self.happen(ChangeProposed(self.now, LOWER, 20.0))

    @precondition(lambda self: self.find(Apply) and not self.state.pending)
    @rule()
    def intent_is_written(self) -> None:
        self.happen(WriteIntended(self.now, self.find(Apply).change.purpose))

    @precondition(lambda self: self.state.pending)
    @rule(
        kind=st.sampled_from(
            ["applied", "applied", "precondition-failed", "refused", "unknown", "not-applied"]
        )
    )
    def write_ends(self, kind: str) -> None:
        effect = self.find(Apply) or self.find(FindOut)
        if isinstance(effect, FindOut) and kind in ("refused", "unknown"):
            kind = "applied"
        self.happen(WriteEnded(self.now, effect.change.purpose, kind, "x", STRANGE))

    @precondition(lambda self: self.find(AwaitEverywhere))
    @rule()
    def seen_everywhere(self) -> None:
        self.happen(SeenEverywhere(self.now, self.find(AwaitEverywhere).what))

    @precondition(lambda self: low_ttl_counts(self.state))
    @rule(ttl=st.sampled_from([4.0, 20.0, 300.0]))
    def somebody_raises_the_ttl(self, ttl: float) -> None:
        self.happen(HighTtlSeen(self.now, ttl, "ns2"))

    @precondition(lambda self: self.find(AwaitInstant))
    @rule()
    def wait_ends(self) -> None:
        self.now = max(self.now, self.find(AwaitInstant).until)
        self.happen(WaitEnded(self.now))

    @precondition(lambda self: self.find(RunWatch))
    @rule(verdict=st.sampled_from(["PASS", "PASS", "ABORT", "HOLD"]))
    def watch_decides(self, verdict: str) -> None:
        effect = self.find(RunWatch)
        self.happen(WatchBegan(self.now, effect.soaking))
        if not (effect.soaking and verdict == "PASS"):
            self.happen(WatchEnded(self.now, verdict, "x"))

    @rule(
        command=st.one_of(
            st.builds(
                Confirm,
                st.sampled_from(FORWARD),
                st.sampled_from([HOST, HOST, "store", "", "other.shop.test"]),
            ),
            st.builds(RollBack, st.sampled_from([HOST, "x"])),
            st.just(RunChecksAgain()),
            st.builds(
                Waive, st.sampled_from(["first", "second", "third", "nothing"]), st.sampled_from(["ok", " "])
            ),
            st.just(Postpone()),
            st.just(Continue()),
        )
    )
    def operator_commands(self, command: object) -> None:
        events, said = decide(self.state, command, self.now)
        assert events or said
        for one in events:
            self.happen(one)

    @precondition(lambda self: awaiting(self.state))
    @rule()
    def operator_confirms(self) -> None:
        self.operator_commands(Confirm(awaiting(self.state).purpose, HOST))

    @rule(writes=st.sampled_from([True, True, False]))
    def crash_and_resume(self, writes: bool) -> None:
        assert fold(self.events) == self.state
        self.resumed.append((self.state, Resumed(self.now, writes)))
        self.happen(Resumed(self.now, writes))

    @rule(steps_on=st.integers(1, 8))
    def all_goes_well(self, steps_on: int) -> None:
        for _ in range(steps_on):
            self.one_good_step()

    def one_good_step(self) -> None:
        if self.find(RunGate):
            self.gate_passes()
        elif effect := self.find(ProposeChange):
            if effect.purpose in FORWARD:
                self.happen(
                    ChangeProposed(self.now, LOWER if effect.purpose == "lower-ttl" else SWITCH, 20.0)
                )
        elif awaiting(self.state):
            self.operator_commands(Confirm(awaiting(self.state).purpose, HOST))
        elif self.find(Apply) and not self.state.pending:
            self.intent_is_written()
        elif self.state.pending:
            self.happen(WriteEnded(self.now, self.state.proposal.purpose, "applied", "x"))
        elif self.find(AwaitEverywhere):
            self.seen_everywhere()
        elif (watch := self.find(RunWatch)) and not watch.soaking:
            self.happen(WatchEnded(self.now, "PASS", "x"))
        elif self.find(AwaitInstant):
            self.wait_ends()

    def teardown(self) -> None:
        if hasattr(self, "events"):
            assert fold(self.events) == self.state
            for phase in {name for name, _ in self.state.marks}:
                event(f"reached {phase}")
            if any(isinstance(item, Resumed) and before.pending for before, item in self.resumed):
                event("resumed with a write in flight")

    @invariant()
    def a_way_back_after_every_change(self) -> None:
        state = self.state
        if not (state.lowered or state.switched or state.pending):
            return
        on_the_way = state.phase in ("rollback", "drain", "rolled-back") or bool(state.rollback_asked)
        assert can_roll_back(state) or on_the_way
        if can_roll_back(state):
            assert rollback_change(state) is not None
            assert rollback_confirmation(state).diff
        elif state.phase not in ("drain", "rolled-back"):
            # somebody or something is at work on it: never a dead end
            assert due(state)

    @invariant()
    def never_stuck_in_silence(self) -> None:
        state = self.state
        somebody = due(state) or awaiting(state) or outcome(state) or state.postponed
        assert somebody
        views = steps(state, self.now)
        assert sum(view.status == "now" for view in views) <= 1
        message(state)
        run_forecast(state, self.now)
        confirmation(state)

    @invariant()
    def a_rolled_back_switch_keeps_the_ttl_low(self) -> None:
        state = self.state
        if state.phase == "rolled-back" and state.switched and state.returned:
            assert all(item.ttl <= 3 for item in state.returned.after)


CutoverMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCutoverMachine = CutoverMachine.TestCase


def at_the_switch(verdict: Verdict = Verdict.PASS) -> list[Event]:
    first = (Checked("first", Verdict.PASS, "x"),)
    rest = tuple(Checked(name, verdict, "x") for name in ("second", "third", "fourth"))
    return [
        started(),
        GateChecked(1001, "before-lower-ttl", first),
        ChangeProposed(1002, LOWER, 20.0),
        Confirmed(1003, "lower-ttl", HOST),
        WriteIntended(1003, "lower-ttl"),
        WriteEnded(1004, "lower-ttl", "applied", "x"),
        SeenEverywhere(1005, "low-ttl"),
        WaitEnded(1030),
        GateChecked(1031, "before-switch", (*first, *rest)),
    ]


def test_the_old_ttl_is_waited_from_the_last_server_on() -> None:
    state = fold(at_the_switch()[:7])
    assert state.wait_until == 1005 + 20 + PLAN.durations.settle
    with pytest.raises(ImpossibleEventError):
        advance(state, WaitEnded(1020))


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.FAIL, Verdict.WARN])
def test_a_gate_that_does_not_pass_stops(verdict: Verdict) -> None:
    state = fold(at_the_switch(verdict))
    assert state.phase == "stopped-at-gate"
    with pytest.raises(ImpossibleEventError):
        advance(state, ChangeProposed(1032, SWITCH))
    with pytest.raises(ImpossibleEventError):
        advance(state, Confirmed(1032, "switch", HOST))


def test_a_wrong_name_confirms_nothing() -> None:
    state = fold([*at_the_switch(), ChangeProposed(1032, SWITCH)])
    events, said = decide(state, Confirm("switch", "store"), 1033)
    assert not events
    assert "expected" in said
    with pytest.raises(ImpossibleEventError):
        advance(state, Confirmed(1033, "switch", "store"))


def test_old_answers_are_asked_again_before_a_write() -> None:
    state = fold([*at_the_switch(), ChangeProposed(1032, SWITCH)])
    events, said = decide(state, Confirm("switch", HOST), 1032 + 3600)
    assert "asked again" in said
    assert advance(state, events[0]).phase == "confirm"
    assert isinstance(due(advance(state, events[0]))[0], RunGate)


def test_the_ttl_is_never_waived() -> None:
    state = fold(at_the_switch(Verdict.FAIL))
    events, said = decide(state, Waive("second", "I know better"), 1032)
    assert not events
    assert "cannot be waived" in said


def test_a_waiver_does_not_cover_a_worse_answer() -> None:
    state = fold(at_the_switch(Verdict.WARN))
    for name in ("second", "third", "fourth"):
        (waived,), _ = decide(state, Waive(name, "seen"), 1032)
        state = advance(state, waived)
    assert state.phase == "confirm"
    (again,), _ = decide(state, RunChecksAgain(), 1033)
    state = advance(state, again)
    last = at_the_switch(Verdict.FAIL)[-1]
    assert isinstance(last, GateChecked)
    state = advance(state, replace(last, at=1034))
    assert state.phase == "stopped-at-gate"


def test_the_rollback_removes_the_new_and_restores_the_aaaa() -> None:
    assert SWITCH.diff == (
        f"- {HOST}. 3 A 127.0.0.2",
        f"- {HOST}. 3 AAAA 2001:db8::2",
        f"+ {HOST}. 3 A 127.0.0.3",
    )
    assert SWITCH.inverted().after == LOWER.after


def test_a_cut_off_write_is_found_out_before_anything_else() -> None:
    events = [*at_the_switch(), ChangeProposed(1032, SWITCH), Confirmed(1033, "switch", HOST)]
    events += [WriteIntended(1033, "switch"), Resumed(1040, True)]
    state = fold(events)
    assert due(state) == (FindOut(SWITCH),)
    assert can_roll_back(state)
    again = advance(state, WriteEnded(1042, "switch", "not-applied", "x"))
    assert again.phase == "confirm"
    assert isinstance(due(again)[0], RunGate)
    went = advance(state, WriteEnded(1042, "switch", "applied", "x"))
    assert went.phase == "watch"


def test_consent_before_a_crash_is_asked_for_again() -> None:
    events = [
        *at_the_switch(),
        ChangeProposed(1032, SWITCH),
        Confirmed(1033, "switch", HOST),
        Resumed(9000, True),
    ]
    state = fold(events)
    assert not state.confirmed
    assert isinstance(due(state)[0], RunGate)
