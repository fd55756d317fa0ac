"""The rehearsal of the rollback: what it leaves, what stops it, whom it never touches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cutover_kit import HOST, NEW, OLD, SmallWorld, own_checklist, waits_for
from pointsman.checklists.machine.advance import State, advance, fold
from pointsman.checklists.machine.decide import decide
from pointsman.checklists.machine.effects import AwaitEverywhere, Rehearse, due
from pointsman.checklists.machine.events import (
    ChangeProposed,
    Confirmed,
    HighTtlSeen,
    Resumed,
    WriteEnded,
    WriteIntended,
)
from pointsman.checklists.machine.rehearsal import rehearsal_change
from pointsman.checklists.machine.state import awaiting
from pointsman.checklists.machine.steps import confirmation, steps
from pointsman.checklists.machine.view import Confirm, Continue, Postpone, Quit, RollBack, RunView
from pointsman.checklists.records.base import RecordChange, WriteOutcome
from pointsman.checklists.records.rfc2136 import Rfc2136
from pointsman.checklists.running.run import CutoverRun
from pointsman.sandbox.dns_authority import AuthorityServer
from test_machine_paths import CANARY, PLAN, at_the_wait

CHANGE = rehearsal_change(replace(PLAN, dns=replace(PLAN.dns, rehearse=CANARY)))


def proposed() -> State:
    return fold([*at_the_wait(), ChangeProposed(1031, CHANGE)])


def under_way() -> State:
    state = advance(proposed(), Confirmed(1032, "rehearse", HOST))
    return advance(state, WriteIntended(1033, "rehearse"))


# -- the machine


def test_it_can_be_confirmed_and_shows_all_four_steps() -> None:
    asked = confirmation(proposed())
    assert asked is not None
    assert asked.hosts == (CANARY,)
    assert asked.diff == (
        "made:",
        f"+ {CANARY}. 3 A 127.0.0.2",
        "moved:",
        f"- {CANARY}. 3 A 127.0.0.2",
        f"+ {CANARY}. 3 A 127.0.0.3",
        "moved back:",
        f"- {CANARY}. 3 A 127.0.0.3",
        f"+ {CANARY}. 3 A 127.0.0.2",
        "removed:",
        f"- {CANARY}. 3 A 127.0.0.2",
    )
    events, said = decide(proposed(), Confirm("rehearse", HOST, asked.change_id), 9e9)
    assert [type(event) for event in events] == [Confirmed], said


def test_a_ttl_raised_meanwhile_ends_no_rehearsal_and_is_waited_out() -> None:
    state = advance(under_way(), HighTtlSeen(1034, 300.0))
    assert due(state) == (Rehearse(CHANGE),)
    ended = advance(state, WriteEnded(1035, "rehearse", "applied", "x"))
    assert due(ended) == (AwaitEverywhere("low-ttl"),)
    assert ended.rehearsed
    failed = advance(state, WriteEnded(1035, "rehearse", "refused", "x"))
    again = advance(failed, decide(failed, Continue(), 1036)[0][0])
    assert due(again) == (AwaitEverywhere("low-ttl"),)


def test_one_that_a_crash_cut_off_is_held_again_and_one_that_failed_waits_for_a_person() -> None:
    lost = advance(under_way(), Resumed(1040, True))
    assert due(lost) == (Rehearse(CHANGE, lost=True),)
    assert advance(lost, WriteEnded(1041, "rehearse", "not-applied", "x")).phase == "rehearse"
    unknown = advance(under_way(), WriteEnded(1041, "rehearse", "unknown", "no answer"))
    held = advance(unknown, WriteEnded(1042, "rehearse", "not-applied", "nothing left"))
    assert held.phase == "held"
    assert "nothing left (no answer)" in held.reason


def test_consent_to_it_is_taken_back_like_any_other() -> None:
    state = advance(proposed(), Confirmed(1032, "rehearse", HOST))
    state = advance(state, decide(state, Postpone(), 1033)[0][0])
    assert state.phase == "rehearse"
    assert awaiting(state) is None
    state = advance(state, decide(state, Continue(), 1034)[0][0])
    assert not state.confirmed


# -- carried out


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("QUIET_S", "RETRY_S"):
        monkeypatch.setattr(f"pointsman.checklists.running.writing.{name}", 0.1)
    monkeypatch.setattr("pointsman.checklists.running.rehearsal.SEEN_WITHIN_S", 0.5)
    monkeypatch.setattr("pointsman.checklists.running.execute._POLL_S", 0.1)
    own_checklist(tmp_path, only=("dns-ttl",))


@pytest.fixture
def moves(small_world: SmallWorld) -> list[str]:
    found: list[str] = []
    small_world.zone.on_change(
        lambda event: (
            found.append(event.new[0].to_text() if event.new else "-") if event.name == CANARY else None
        )
    )
    return found


@pytest.fixture
def begin(small_world: SmallWorld) -> Iterator[Callable[..., CutoverRun]]:
    runs: list[CutoverRun] = []
    small_world.zone.set("store", 1, "A", OLD)

    def start(**changes: str) -> CutoverRun:
        text = small_world.plan_text(checklist="own.yaml", **changes)
        path = small_world.directory / "plan.yaml"
        path.write_text(text.replace("  low_ttl:", f"  rehearse: {CANARY}\n  low_ttl:"))
        from pointsman.checklists.plans.load import load_plan

        runs.append(
            CutoverRun.start_new(
                load_plan(path), writes_enabled=True, state_dir=small_world.directory / "state"
            )
        )
        return runs[-1]

    yield start
    for run in runs:
        run.stop()


def rehearse(run: CutoverRun) -> RunView:
    view = run.wait(waits_for("rehearse"), 15)
    assert view.waiting_for is not None, view.message
    run.send(Confirm("rehearse", HOST, view.waiting_for.change_id))
    return run.wait(lambda view: view.phase != "rehearse", 10)


def test_it_moves_there_and_back_and_leaves_nothing(
    small_world: SmallWorld, begin: Callable[..., CutoverRun], moves: list[str]
) -> None:
    run = begin()
    rehearse(run)
    view = run.wait(waits_for("switch"), 10)
    assert moves == [OLD, NEW, OLD, "-"]
    step = next(step for step in view.steps if step.id == "rehearse")
    assert step.status == "done"
    assert "moved in 0." in step.detail
    assert "seen by the name server" in step.detail
    assert small_world.addresses() == (OLD,)


def test_a_name_in_use_is_refused_and_left_alone(
    small_world: SmallWorld, begin: Callable[..., CutoverRun], moves: list[str]
) -> None:
    small_world.zone.set("canary", 60, "A", OLD)
    moves.clear()
    view = begin().wait(lambda view: view.finished, 15)
    assert view.outcome == "stopped-at-gate"
    assert f"{CANARY} has records" in view.message
    assert not moves


def test_a_second_name_server_that_does_not_follow_fails_it_and_nothing_is_left(
    small_world: SmallWorld, begin: Callable[..., CutoverRun], moves: list[str]
) -> None:
    behind = AuthorityServer(small_world.zone.copy())
    small_world.thread.run(behind.start())
    try:
        servers = f'["127.0.0.1:{small_world.authority.port}", "127.0.0.1:{behind.port}"]'
        view = rehearse(begin(authoritative=servers))
    finally:
        small_world.thread.run(behind.stop())
    assert view.outcome == "held"
    assert f"not seen by 127.0.0.1:{behind.port}" in view.message
    assert moves == [OLD, "-"]


def test_somebody_elses_record_under_the_name_is_left_alone(
    small_world: SmallWorld,
    begin: Callable[..., CutoverRun],
    moves: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apply = Rfc2136.apply

    async def meddled(self: Rfc2136, change: RecordChange) -> WriteOutcome:
        if change == change_of[0]:
            small_world.zone.set("canary", 60, "A", "192.0.2.66")
        return await apply(self, change)

    run = begin()
    change_of = [rehearsal_change(run.plan)]
    monkeypatch.setattr(Rfc2136, "apply", meddled)
    view = rehearse(run)
    assert view.outcome == "held"
    assert "records of somebody else, left alone" in view.message
    assert moves == [OLD, "192.0.2.66"]


def test_one_that_was_cut_off_is_cleared_away_only_with_writing_on(
    small_world: SmallWorld,
    begin: Callable[..., CutoverRun],
    moves: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = begin()
    apply = Rfc2136.apply

    async def left(self: Rfc2136, change: RecordChange) -> WriteOutcome:
        outcome = await apply(self, change)
        if change == rehearsal_change(run.plan):
            run.send(Quit())
        return outcome

    monkeypatch.setattr(Rfc2136, "apply", left)
    view = run.wait(waits_for("rehearse"), 15)
    run.send(Confirm("rehearse", HOST, view.waiting_for.change_id))
    run._thread.join(10)
    assert not run.alive
    assert moves == [OLD, NEW]
    monkeypatch.setattr(Rfc2136, "apply", apply)
    state_dir = small_world.directory / "state"
    only_looks = CutoverRun.resume(run.run_id, writes_enabled=False, state_dir=state_dir)
    try:
        view = only_looks.wait(lambda view: "resume with --write to remove it" in view.message, 5)
    finally:
        only_looks.stop()
    assert moves == [OLD, NEW]
    writes = CutoverRun.resume(run.run_id, writes_enabled=True, state_dir=state_dir)
    try:
        view = writes.wait(waits_for("rehearse"), 10)
        assert view.waiting_for is not None
    finally:
        writes.stop()
    assert moves == [OLD, NEW, "-"]


def test_a_rollback_asked_for_meanwhile_does_not_wait_for_it(
    small_world: SmallWorld,
    begin: Callable[..., CutoverRun],
    moves: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = begin()
    small_world.zone.set("store", 2, "A", OLD)
    apply = Rfc2136.apply

    async def asked(self: Rfc2136, change: RecordChange) -> WriteOutcome:
        outcome = await apply(self, change)
        if change == rehearsal_change(run.plan):
            run._executor.command(RollBack(HOST))
        return outcome

    monkeypatch.setattr(Rfc2136, "apply", asked)
    view = run.wait(waits_for("lower-ttl"), 15)
    run.send(Confirm("lower-ttl", HOST, view.waiting_for.change_id))
    rehearse(run)
    view = run.wait(lambda view: view.finished, 10)
    assert view.outcome == "rolled-back", view.message
    assert moves == [OLD, NEW, "-"]
    assert small_world.ttl() == 2
    assert steps(run._executor.state, 0.0)
