"""Whose turn it is: worked out from how the waves before stand, without a clock or a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.checklists.machine.advance import ImpossibleEventError, State, advance
from pointsman.checklists.machine.events import TurnChanged
from pointsman.checklists.machine.turns import turn
from pointsman.checklists.plans.model import CriticalPath, DnsPlan, ObjectName, Plan, Side
from pointsman.checklists.plans.waves import wave_plan
from pointsman.checklists.terms import PHASES, Phase

PLAN = Plan(
    name="shop",
    hosts=("a.test", "b.test", "c.test"),
    gateway=ObjectName("infra", "main"),
    old=Side("192.0.2.1"),
    new=Side("192.0.2.2"),
    paths=(CriticalPath("/"), CriticalPath("/b", hosts=("b.test",))),
    dns=DnsPlan("rfc2136", "test.", ("192.0.2.53:53",), 60),
    waves=(("a.test",), ("b.test", "c.test")),
)
PAUSE = 600.0


def state(phase: Phase, *, soaking_since: float | None = None, reason: str = "") -> State:
    marks: tuple[tuple[Phase, float], ...] = (("preflight", 0.0),)
    if soaking_since is not None:
        marks = (*marks, ("soak", soaking_since))
    return State("run", PLAN, (), True, 0.0, phase=phase, marks=marks, reason=reason)


def test_the_pause_counts_from_the_end_of_the_watch() -> None:
    before = [state("soak", soaking_since=1000.0)]
    early = turn(before, PAUSE, 1599.0)
    assert (early.come, early.blocked) == (False, False)
    assert "pause of 10 min" in early.why
    assert turn(before, PAUSE, 1600.0).come
    # what is said must not change while nothing does: it is put on record at every change
    assert turn(before, PAUSE, 1200.0).why == early.why


def test_every_wave_before_counts_and_the_last_one_for_the_pause() -> None:
    done, soaking = state("done", soaking_since=10.0), state("soak", soaking_since=2000.0)
    assert not turn([done, soaking], PAUSE, 2599.0).come
    assert turn([done, soaking], PAUSE, 2600.0).come
    assert not turn([state("watch"), done], PAUSE, 1e9).come


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("held", "wave 1 is held: both sides fail"),
        ("stopped-at-gate", "wave 1 is stopped at a gate: both sides fail"),
        ("rollback", "wave 1 is being rolled back"),
        ("drain", "wave 1 is being rolled back"),
        ("rolled-back", "wave 1 was rolled back"),
    ],
)
def test_trouble_before_keeps_all_that_follow(phase: Phase, words: str) -> None:
    # though it had passed its watch, and long ago
    found = turn([state(phase, soaking_since=1.0, reason="both sides fail")], PAUSE, 1e9)
    assert (found.come, found.blocked, found.why) == (False, True, words)


def test_an_old_side_that_cannot_be_taken_away_yet_keeps_nobody_waiting() -> None:
    retiring = replace(state("stopped-at-gate", soaking_since=10.0), stopped_in="soak")
    assert not turn([retiring], PAUSE, 600.0).come
    assert turn([retiring], PAUSE, 610.0).come


def test_what_is_not_known_is_no_yes() -> None:
    found = turn([state("soak", soaking_since=1.0), None], PAUSE, 1e9)
    assert (found.come, found.blocked) == (False, True)
    assert "wave 2 is not open here" in found.why


@given(
    st.lists(st.tuples(st.sampled_from(PHASES), st.one_of(st.none(), st.floats(0, 1e6))), max_size=4),
    st.floats(0, 1e5),
    st.floats(0, 2e6),
)
def test_it_comes_only_after_every_watch_and_the_pause(
    before: list[tuple[Phase, float | None]], pause: float, now: float
) -> None:
    states = [state(phase, soaking_since=since) for phase, since in before]
    found = turn(states, pause, now)
    watched = all(phase in ("soak", "done") and since is not None for phase, since in before)
    rested = all(since is not None and now >= since + pause for _, since in before)
    assert found.come == (watched and rested)
    assert found.why
    assert not (found.come and found.blocked)


def test_a_turn_that_goes_takes_the_consent_with_it() -> None:
    waiting = replace(state("confirm"), waves=2, wave=2, turn=False)
    with pytest.raises(ImpossibleEventError):
        advance(replace(waiting, turn_why="x"), TurnChanged(5.0, False, "x"))
    assert advance(waiting, TurnChanged(5.0, False, "wave 1 is held")).turn_why == "wave 1 is held"
    come = advance(waiting, TurnChanged(6.0, True, "over"))
    confirmed = replace(come, phase="switch", confirmed=True)
    gone = advance(confirmed, TurnChanged(7.0, False, "wave 1 is held"))
    assert (gone.phase, gone.confirmed, gone.turn) == ("confirm", False, False)


def test_the_plan_of_a_wave_knows_its_own_hosts_and_those_of_the_others() -> None:
    first, second = wave_plan(PLAN, 0), wave_plan(PLAN, 1)
    assert (first.hosts, first.other_hosts, first.type_this) == (("a.test",), ("b.test", "c.test"), "a.test")
    assert (second.hosts, second.other_hosts, second.type_this) == (("b.test", "c.test"), ("a.test",), "shop")
    assert [path.path for path in first.paths] == ["/"]
    assert not first.is_confirmed_by("shop")
    assert second.is_confirmed_by("c.test, b.test")
    assert not second.is_confirmed_by("a.test")
