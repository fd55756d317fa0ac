"""What the machine promises when pushed: no stale consent, no write with writing off, no short wait."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.checklists.checks.checklist import _result
from pointsman.checklists.machine.advance import ImpossibleEventError, advance, fold
from pointsman.checklists.machine.decide import decide
from pointsman.checklists.machine.effects import (
    Apply,
    AwaitEverywhere,
    AwaitInstant,
    ProposeChange,
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
    Resumed,
    RollBackAsked,
    SeenEverywhere,
    WaitEnded,
    WatchEnded,
    WriteEnded,
    WriteIntended,
)
from pointsman.checklists.machine.state import (
    State,
    awaiting,
    can_roll_back,
    gate_open,
    outcome,
    rollback_change,
)
from pointsman.checklists.machine.steps import confirmation, rollback_confirmation
from pointsman.checklists.machine.view import Confirm, Continue, Postpone, RollBack, RunChecksAgain, Waive
from pointsman.checklists.machine.writes import MOST_ROLLBACK_TRIES
from pointsman.checklists.records.base import RecordSet, RecordsRead, return_change, settle
from pointsman.checklists.running.caches import Look
from pointsman.checklists.running.looking import news
from pointsman.probes.verdict import Result, Verdict
from pointsman.probes.watching.decision import WatchPolicy, WatchTally, WatchVerdict
from pointsman.probes.watching.decision import decide as judge_watch
from pointsman.probes.wire.dns.facts import (
    AUTHORITATIVE,
    DnsAnswer,
    DnsFacts,
    DnsServerFacts,
    DnsTarget,
)
from pointsman.probes.wire.dns.facts import RecordSet as Answered
from test_cutover_machine import CHECKS, HOST, LOWER, OLD_SETS, PLAN, STRANGE, SWITCH, at_the_switch, started

OLD_TTL = 20


def proposed_switch() -> list[Event]:
    return [*at_the_switch(), ChangeProposed(1032, SWITCH)]


def switched(*more: Event) -> State:
    return fold(
        [
            *proposed_switch(),
            Confirmed(1040, "switch", HOST),
            WriteIntended(1041, "switch"),
            WriteEnded(1042, "switch", "applied", "x"),
            *more,
        ]
    )


def after(state: State, *events: Event) -> State:
    for event in events:
        state = advance(state, event)
    return state


ABORT = WatchEnded(1050, "ABORT", "new fails")


# -- writing off


def test_an_alarm_writes_nothing_where_writing_is_off() -> None:
    state = after(switched(), Resumed(1045, writes_enabled=False), ABORT)
    assert not [effect for effect in due(state) if isinstance(effect, Apply)]
    assert state.phase == "held"
    assert "--write" in state.reason
    # not stranded: with writing on, the operator goes back from here
    events, said = decide(state, RollBack(HOST), 1051)
    assert not events
    assert "--write" in said
    on = after(state, Resumed(1060, writes_enabled=True))
    events, _ = decide(on, RollBack(HOST), 1061)
    assert [effect.change for effect in due(after(on, *events))] == [SWITCH.inverted()]


def test_the_machine_itself_refuses_a_rollback_where_writing_is_off() -> None:
    state = after(switched(), Resumed(1045, writes_enabled=False))
    with pytest.raises(ImpossibleEventError):
        advance(state, RollBackAsked(1046, HOST))


def test_a_rollback_resumed_without_writing_waits_and_is_asked_again() -> None:
    state = after(switched(), ABORT, Resumed(1060, writes_enabled=False))
    assert not due(state)
    assert state.phase == "held"
    assert can_roll_back(state)
    with pytest.raises(ImpossibleEventError):
        advance(state, WriteIntended(1061, "roll-back"))
    on = after(state, Resumed(1070, writes_enabled=True), RollBackAsked(1071, HOST))
    assert due(on) == (Apply(SWITCH.inverted()),)


def test_a_cut_off_rollback_is_only_read_where_writing_is_off() -> None:
    state = after(switched(), ABORT, WriteIntended(1051, "roll-back"), Resumed(1060, writes_enabled=False))
    state = after(state, WriteEnded(1063, "roll-back", "not-applied", "x"))
    assert not due(state)
    assert state.phase == "held"
    assert can_roll_back(state)


# -- consent is for what was shown


def test_a_consent_to_another_change_of_the_same_purpose_is_refused() -> None:
    state = fold(proposed_switch())
    shown = confirmation(state)
    other = replace(SWITCH, before=(replace(SWITCH.before[0], ttl=2), *SWITCH.before[1:]))
    state = after(replace(state, proposal=None), ChangeProposed(1034, other))
    assert awaiting(state) == other
    events, said = decide(state, Confirm("switch", HOST, shown.change_id), 1035)
    assert not events
    assert "shown" in said
    assert decide(state, Confirm("switch", HOST, confirmation(state).change_id), 1035)[0]


def test_a_rollback_shown_before_somebody_elses_change_does_not_overwrite_it() -> None:
    state = switched()
    shown = rollback_confirmation(state)
    # while the name is typed, the alarm's own rollback meets somebody else's record and is held
    state = after(
        state,
        ABORT,
        WriteIntended(1051, "roll-back"),
        WriteEnded(1052, "roll-back", "precondition-failed", "x", STRANGE),
        ChangeProposed(1053, return_change(RecordsRead(STRANGE, "soa", "s"), SWITCH)),
    )
    assert can_roll_back(state)
    events, said = decide(state, RollBack(HOST, shown.change_id), 1054)
    assert not events
    assert "shown" in said
    assert "192.0.2.66" in "".join(rollback_confirmation(state).diff)


def test_a_waiver_is_for_the_verdict_that_was_shown() -> None:
    state = fold(
        [
            started(),
            GateChecked(1001, "before-lower-ttl", (Checked("first", Verdict.FAIL, "x"),)),
        ]
    )
    assert not decide(state, Waive("first", "fine", Verdict.WARN), 1002)[0]
    assert decide(state, Waive("first", "fine", Verdict.FAIL), 1002)[0]


def test_a_second_confirm_does_nothing() -> None:
    state = fold(proposed_switch())
    events, _ = decide(state, Confirm("switch", HOST), 1035)
    again, said = decide(after(state, *events), Confirm("switch", HOST), 1035)
    assert not again
    assert said


def test_answers_from_the_future_are_as_stale_as_old_ones() -> None:
    state = fold(proposed_switch())
    events, said = decide(state, Confirm("switch", HOST), state.gate_at - 3600)
    assert [type(event).__name__ for event in events] == ["ChecksAsked"]
    assert "clock" in said


@pytest.mark.parametrize("stopper", ["postpone", "roll-back"])
def test_what_was_confirmed_but_not_begun_can_still_be_stopped(stopper: str) -> None:
    state = fold(proposed_switch())
    state = after(state, *decide(state, Confirm("switch", HOST), 1035)[0])
    command = Postpone() if stopper == "postpone" else RollBack(HOST)
    state = after(state, *decide(state, command, 1035)[0])
    assert Apply(SWITCH) not in due(state)
    with pytest.raises(ImpossibleEventError):
        advance(state, WriteIntended(1036, "switch"))


# -- missing answers


def test_a_check_without_findings_is_unknown() -> None:
    assert _result(CHECKS[0], Result("requests", "x", ()), {}).verdict is Verdict.UNKNOWN


@given(st.permutations(["first", "second", "third", "fourth"]), st.integers(0, 3))
def test_a_gate_with_an_unanswered_check_is_shut(names: list[str], answered: int) -> None:
    results = tuple(Checked(name, Verdict.PASS, "x") for name in names[:answered])
    state = fold([*at_the_switch()[:-1], GateChecked(1031, "before-switch", results)])
    assert not gate_open(state, "before-switch")
    assert not [effect for effect in due(state) if isinstance(effect, ProposeChange)]


# -- the wait for the old TTL


def waiting() -> State:
    return fold(at_the_switch()[:7])


def look(ttl: int, second: int | None = None, address: str = "127.0.0.2", began: float = 0.0) -> Look:
    def server(number: int, shown: int | None) -> DnsServerFacts:
        name = f"127.0.0.1:{number}"
        if shown is None:
            return DnsServerFacts(name, AUTHORITATIVE, (DnsAnswer("A", error="timeout"),))
        rrset = Answered(f"{HOST}.", "A", shown, (address,))
        answers = [DnsAnswer("A", rcode="NOERROR", aa=True, rrsets=(rrset,))]
        answers += [DnsAnswer(kind, rcode="NOERROR", aa=True) for kind in ("AAAA", "CNAME", "HTTPS")]
        return DnsServerFacts(name, AUTHORITATIVE, tuple(answers))

    target = DnsTarget(HOST, ("127.0.0.1:53", "127.0.0.1:54"), ())
    return Look(began, 2000.0, (DnsFacts(target, (server(53, ttl), server(54, second))),))


def test_a_ttl_raised_during_the_wait_begins_it_anew() -> None:
    state = waiting()
    assert isinstance(due(state)[0], AwaitInstant)
    event = news(state, look(3, 3600), 0.0)
    assert isinstance(event, HighTtlSeen)
    state = after(state, event)
    assert due(state) == (AwaitEverywhere("low-ttl"),)
    with pytest.raises(ImpossibleEventError):
        advance(state, WaitEnded(9999))
    state = after(state, SeenEverywhere(2100, "low-ttl"))
    assert state.wait_until == 2100 + 3600 + PLAN.durations.settle
    # said once, not each second
    assert news(after(waiting(), event), look(3, 3600), 0.0) is None


def test_a_ttl_raised_at_the_last_gate_or_in_a_hold_is_waited_out_again() -> None:
    proposed = fold(proposed_switch())
    event = news(proposed, look(300, 3), 0.0)
    assert isinstance(event, HighTtlSeen)
    state = after(proposed, event)
    assert awaiting(state) is None
    assert due(state) == (AwaitEverywhere("low-ttl"),)

    stopped = after(fold(at_the_switch()[:8]), GateChecked(1031, "before-switch", ()))
    assert outcome(stopped) == "stopped-at-gate"
    assert after(stopped, event).phase == "wait-ttl"

    held = after(
        proposed,
        Confirmed(1040, "switch", HOST),
        WriteIntended(1041, "switch"),
        WriteEnded(1042, "switch", "precondition-failed", "x", STRANGE),
        event,
    )
    assert held.phase == "held"
    held = after(held, *decide(held, Continue(), 1060)[0])
    assert due(held) == (AwaitEverywhere("low-ttl"),)


def test_silence_spoils_no_wait_and_a_write_on_its_way_is_left_alone() -> None:
    assert news(waiting(), look(3, None), 0.0) is None
    pending = after(fold(proposed_switch()), Confirmed(1040, "switch", HOST), WriteIntended(1041, "switch"))
    assert news(pending, look(300, 300), 0.0) is None
    assert news(switched(), look(300, 300), 0.0) is None


def test_a_look_from_before_the_phase_proves_nothing() -> None:
    state = fold([*at_the_switch()[:2], NothingToLower(1002, 20.0, "low already")])
    assert news(state, look(3, 3, began=5.0), entered=6.0) is None
    assert isinstance(news(state, look(3, 3, began=7.0), entered=6.0), SeenEverywhere)
    assert news(state, look(3, None, began=7.0), entered=6.0) is None


# -- the way back


def test_a_rollback_that_is_never_made_is_not_repeated_for_ever() -> None:
    state = after(switched(), ABORT)
    for attempt in range(MOST_ROLLBACK_TRIES):
        assert state.phase == "rollback", attempt
        state = after(
            state, WriteIntended(1060, "roll-back"), WriteEnded(1061, "roll-back", "not-applied", "x")
        )
    assert outcome(state) == "held"
    assert not due(state)
    assert rollback_change(state) == SWITCH.inverted()
    state = after(state, RollBackAsked(1100, HOST))
    assert due(state) == (Apply(SWITCH.inverted()),)


def test_going_back_over_somebody_elses_address_is_called_what_it_is() -> None:
    moved = RecordsRead((RecordSet(HOST, "A", 3, ("127.0.0.3",)),), "soa", "s")
    assert return_change(moved, LOWER).purpose == "roll-back"
    only_ttl = RecordsRead(tuple(replace(item, ttl=7) for item in OLD_SETS), "soa", "s")
    assert return_change(only_ttl, LOWER).purpose == "raise-ttl"


def test_a_lost_switch_overwritten_by_somebody_keeps_its_way_back() -> None:
    state = after(
        fold(proposed_switch()),
        Confirmed(1040, "switch", HOST),
        WriteIntended(1041, "switch"),
        WriteEnded(1046, "switch", "unknown", "no answer"),
        WriteEnded(1050, "switch", settle(SWITCH, STRANGE).kind, "x", STRANGE),
    )
    assert state.phase == "held"
    assert rollback_change(state) == SWITCH.inverted()


def test_the_alarm_stays_on_while_the_gate_after_the_watch_is_shut() -> None:
    state = after(
        switched(),
        SeenEverywhere(1045, "new"),
        WatchEnded(1046, "PASS", "x"),
        GateChecked(1047, "after-switch", (Checked("third", Verdict.UNKNOWN, "x"),)),
    )
    assert outcome(state) == "stopped-at-gate"
    assert [type(effect) for effect in due(state)] == [RunWatch]
    assert after(state, ABORT).phase == "rollback"
    assert decide(state, RunChecksAgain(), 1048)[0]


# -- the watch, where the fault is here


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=60))
def test_a_local_fault_never_rolls_back(fates: list[tuple[bool, int]]) -> None:
    """Each turn asks both sides; where our own network is gone both fail, or neither could be asked."""
    policy = WatchPolicy(min_samples=10, min_time_s=1.0)
    tally = WatchTally.of(policy)
    for turn, (local_fault, missing) in enumerate(fates):
        tally = tally.add_missing(missing)
        tally = tally.add(False, local_fault, turn * 1.0, "/a").add(True, local_fault, turn + 0.5, "/a")
        assert judge_watch(policy, tally, turn + 1.0).verdict is not WatchVerdict.ABORT


def test_nothing_but_missing_samples_decides_nothing() -> None:
    policy = WatchPolicy(min_samples=10, min_time_s=1.0)
    tally = WatchTally.of(policy).add_missing(10_000)
    assert judge_watch(policy, tally, 10_000.0).verdict is WatchVerdict.INCONCLUSIVE
