"""A manual check in the machine: confirmed by name, for this asking of its gate, and on record."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.machine.advance import ImpossibleEventError, State, advance, fold
from pointsman.checklists.machine.decide import decide
from pointsman.checklists.machine.events import (
    Attested,
    Checked,
    ChecksAsked,
    Event,
    GateChecked,
    Resumed,
    RunStarted,
    event_from_json,
    event_to_json,
)
from pointsman.checklists.machine.state import gate_open
from pointsman.checklists.machine.view import Attest, Waive
from pointsman.checklists.machine.words import event_words
from pointsman.checklists.plans.model import (
    CriticalPath,
    DnsPlan,
    ObjectName,
    Plan,
    Side,
    plan_digest,
    plan_to_json,
)
from pointsman.checklists.terms import Check
from pointsman.probes.verdict import Verdict

PLAN = Plan(
    name="store",
    hosts=("store.shop.test",),
    gateway=ObjectName("infra", "main"),
    old=Side("127.0.0.2"),
    new=Side("127.0.0.3"),
    paths=(CriticalPath("/"),),
    dns=DnsPlan("rfc2136", "shop.test.", ("127.0.0.1:53",), 3, tsig_key_file="/k"),
)
CHECKS = (
    Check("probe", 1, "probe", "requests", "before-lower-ttl"),
    Check("told", 2, "told", "manual", "before-lower-ttl", params={"question": "told?"}),
    Check("later", 3, "later", "manual", "before-switch", params={"question": "sure?"}),
)
GATE = "before-lower-ttl"
START = RunStarted(1000.0, "abcd1234", plan_to_json(PLAN), plan_digest(PLAN), CHECKS, True)


def asked(at: float, probe: Verdict = Verdict.PASS) -> GateChecked:
    return GateChecked(at, GATE, (Checked("probe", probe, "x"), Checked("told", Verdict.UNKNOWN, "nobody")))


def test_a_manual_check_shuts_its_gate_until_it_is_confirmed() -> None:
    state = fold([START, asked(1001)])
    assert state.phase == "stopped-at-gate"
    events, words = decide(state, Attest("told", "by phone"), 1002)
    assert words == ""
    state = advance(state, events[0])
    assert state.phase == "preflight"
    assert gate_open(state, GATE)
    said = state.result_of("told")
    assert said is not None
    assert (said.verdict, said.headline) == (Verdict.PASS, "confirmed: by phone")


def test_it_is_for_this_asking_only() -> None:
    state = fold([START, asked(1001), Attested(1002, "told"), ChecksAsked(1003)])
    assert not gate_open(state, GATE)
    assert advance(state, asked(1004)).phase == "stopped-at-gate"
    # a resume asks again as well
    resumed = advance(fold([START, asked(1001, Verdict.FAIL), Attested(1002, "told")]), Resumed(1003, True))
    assert resumed.phase == "stopped-at-gate"


def test_it_opens_nothing_that_something_else_keeps_shut() -> None:
    state = fold([START, asked(1001, Verdict.FAIL), Attested(1002, "told")])
    assert state.phase == "stopped-at-gate"
    assert not gate_open(state, GATE)


@pytest.mark.parametrize(
    ("events", "check", "words"),
    [
        ([], "told", "not been asked"),
        ([asked(1001)], "probe", "only a manual check"),
        ([asked(1001)], "later", "does not belong to the gate"),
        ([asked(1001)], "nope", "no such check"),
        ([asked(1001), Attested(1002, "told")], "told", "confirmed already"),
    ],
)
def test_what_cannot_be_confirmed_is_refused_and_impossible(
    events: list[Event], check: str, words: str
) -> None:
    state = fold([START, *events])
    found, said = decide(state, Attest(check), 1010)
    assert found == ()
    assert words in said
    with pytest.raises(ImpossibleEventError):
        advance(state, Attested(1010, check))


def test_an_unknown_is_still_never_waived() -> None:
    events, said = decide(fold([START, asked(1001)]), Waive("told", "because"), 1002)
    assert events == ()
    assert "could not be determined" in said


def test_it_is_told_in_words_and_read_back_from_the_journal() -> None:
    event = Attested(1002, "told", "by\x1b phone", "ann@host")
    assert event_from_json(json.loads(json.dumps(event_to_json(event)))) == event
    assert event_words(event) == "told confirmed by hand: by· phone"


_steps = st.lists(
    st.one_of(
        st.sampled_from([Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN]),
        st.sampled_from(["told", "later", "probe", "again"]),
    ),
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(_steps)
def test_no_order_of_things_passes_a_gate_that_was_not_confirmed_since_it_was_asked(
    steps: list[Verdict | str],
) -> None:
    state: State = fold([START])
    confirmed = False
    for number, step in enumerate(steps):
        at = 1001.0 + number
        event: Event
        if isinstance(step, Verdict):
            event = asked(at, step)
        elif step == "again":
            event = ChecksAsked(at)
        else:
            event = Attested(at, step)
        try:
            state = advance(state, event)
        except ImpossibleEventError:
            continue
        confirmed = (confirmed and not isinstance(step, Verdict) and step != "again") or step == "told"
        assert not gate_open(state, GATE) or confirmed
        assert replace(state) == state
