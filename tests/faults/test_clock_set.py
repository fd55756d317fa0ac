"""Somebody sets the clock: NTP, a restored machine, a person; while the run goes on, and while none does."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence

import pytest
from faults_kit import (
    HOST,
    OLD,
    SmallWorld,
    cutover,
    ended,
    events_of,
    plan_of,
    set_clock,
    start,
    state_of,
    until,
    until_phase,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.machine.advance import advance
from pointsman.checklists.machine.events import Event, Resumed, RunStarted
from pointsman.checklists.machine.state import ClockMark, QuietSpell, State
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.running.ports import RunClock

T0 = 1_795_890_000.0
HOURS = st.sampled_from([-7200.0, -90.0, -3.0, 0.0, 3.0, 90.0, 7200.0, 86400.0])


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> State:
    """The old TTL of 600 s is waited for, since T0 + 100."""
    path = tmp_path_factory.mktemp("plan") / "plan.yaml"
    path.write_text(
        f"apiVersion: pointsman/v1\nkind: CutoverPlan\nname: store\nhosts: [{HOST}]\ningress: []\n"
        f"gateway: infra/main\nold: {{address: {OLD}}}\nnew: {{address: 127.0.0.3}}\npaths: [/]\n"
        "dns: {provider: show, zone: shop.test., authoritative: ['127.0.0.1:53'], low_ttl: 5}\n"
    )
    return State(
        run_id="abcd1234",
        plan=load_plan(path),
        checks=(),
        writes_enabled=True,
        started_at=T0,
        phase="wait-ttl",
        old_ttl=600.0,
        low_seen_at=T0 + 100,
        wait_until=T0 + 705,
        clock=ClockMark(T0, "this-boot", 5000.0),
        marks=(("preflight", T0), ("wait-ttl", T0 + 90)),
    )


def left(state: State, at: float) -> float:
    assert state.wait_until is not None
    return state.wait_until - at


@given(passed=st.floats(101, 2000), set_by=HOURS)
@settings(max_examples=60)
def test_on_the_same_start_of_the_machine_the_wait_is_by_what_passed(
    waiting: State, passed: float, set_by: float
) -> None:
    at = T0 + passed + set_by
    after = advance(waiting, Resumed(at, True, boot="this-boot", uptime=5000.0 + passed))
    assert left(after, at) == pytest.approx(705 - passed, abs=3.1)
    # and so it is for whoever goes on with that one
    again_at = at + 50 - set_by
    again = advance(after, Resumed(again_at, True, boot="this-boot", uptime=5050.0 + passed))
    assert left(again, again_at) == pytest.approx(655 - passed, abs=6.2)


@given(set_by=HOURS, boot=st.sampled_from(["another-boot", ""]))
def test_on_another_start_nothing_is_known_to_have_passed(waiting: State, set_by: float, boot: str) -> None:
    at = T0 + 300 + set_by
    after = advance(waiting, Resumed(at, True, boot=boot, uptime=1.0))
    assert left(after, at) == pytest.approx(605)


def test_an_uptime_that_went_back_is_another_start(waiting: State) -> None:
    after = advance(waiting, Resumed(T0 + 9000, True, boot="this-boot", uptime=4000.0))
    assert left(after, T0 + 9000) == pytest.approx(605)


def test_a_journal_from_before_this_is_gone_on_with_by_the_wall_clock(waiting: State) -> None:
    old = advance(waiting, Resumed(T0 + 300, True))
    legacy = advance(old, Resumed(T0 + 310, True))
    assert left(legacy, T0 + 310) == pytest.approx(595, abs=1)
    # but a clock that went back keeps nobody waiting for hours
    back = advance(legacy, Resumed(T0 - 7200, True))
    assert left(back, T0 - 7200) <= 605


def test_a_quiet_spell_neither_grows_nor_spans_the_jump(waiting: State) -> None:
    quiet = QuietSpell(T0 + 10, T0 + 70, "pods")
    for at, uptime, boot in ((T0 + 9000, 5100.0, "this-boot"), (T0 - 9000, 5100.0, "this-boot")):
        after = advance(
            State(**{name: getattr(waiting, name) for name in State.__slots__} | {"quiet": quiet}),
            Resumed(at, True, boot=boot, uptime=uptime),
        )
        assert after.quiet is not None
        assert after.quiet.seconds == pytest.approx(60)
        assert after.quiet.until == pytest.approx(at - 30)


def test_a_runs_clock_only_goes_on() -> None:
    wall, since = [1000.0], [50.0]
    clock = RunClock(lambda: wall[0], lambda: since[0])
    wall[0], since[0] = 99_000.0, 53.0
    assert clock() == 1003.0
    assert clock.ahead_s() == 97_997.0
    wall[0], since[0] = 10.0, 54.0
    assert clock() == 1004.0


# -- the program itself


def _in_order(events: Sequence[Event]) -> bool:
    stamps = [event.at for event in events]
    return stamps == sorted(stamps)


def test_a_cutover_goes_on_while_the_clock_jumps_about(world: SmallWorld) -> None:
    child = cutover(world, plan_of(world, watch="1500ms"))
    until_phase(world, child, "wait-ttl")
    began = time.monotonic()
    # within what TSIG lets pass
    set_clock(world, -250)
    until_phase(world, child, "watch", "soak", "done")
    assert time.monotonic() - began < 60
    set_clock(world, 7200)
    code, out, _ = ended(child)
    assert code == 0, out
    assert "clock was set back by 4 min" in out
    assert "clock was set forward by" in out
    events = events_of(world)
    assert _in_order(events)
    first = events[0]
    assert isinstance(first, RunStarted)
    assert first.boot


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0])
def test_a_resume_waits_the_rest_of_the_old_ttl(world: SmallWorld, jump_s: float) -> None:
    world.zone.set("store", 4, "A", OLD)
    child = cutover(world, plan_of(world))

    def lowered() -> bool:
        state = state_of(world)
        return state is not None and state.low_seen_at is not None

    until(lowered, 30, "the low TTL seen")
    began = time.monotonic()
    child.send_signal(signal.SIGKILL)
    ended(child)
    set_clock(world, jump_s)
    # nobody confirms the switch: it ends when that is asked
    child = start(world, "resume", "--write")
    code, out, err = ended(child, 60)
    took = time.monotonic() - began
    assert code == 3, (out, err)
    assert "nobody typed" in err
    assert took >= 3.8
    assert world.addresses() == (OLD,)
    assert world.ttl() == 1


@pytest.mark.parametrize("offset_s", [7200.0])
def test_a_time_that_tsig_refuses_is_said_and_not_tried_for_ever(world: SmallWorld, offset_s: float) -> None:
    plan = plan_of(world)
    start(world, "--version").communicate()
    set_clock(world, offset_s)
    code, out, err = ended(cutover(world, plan), 90)
    assert code == 3
    told = " ".join(out.split())
    assert "refuses the signature's time (BADTIME)" in told
    assert "set the one that is wrong" in told
    assert "sent 3 times and never made" in err
    assert world.ttl() == 2
