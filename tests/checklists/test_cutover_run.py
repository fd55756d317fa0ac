from __future__ import annotations

from pathlib import Path

import pytest
from cutover_kit import HOST, NEW, OLD, SmallWorld, own_checklist, waits_for
from pointsman.checklists.machine.view import Confirm, RollBack, RunView
from pointsman.checklists.running.run import CutoverRun
from pointsman.sandbox.edge_model import Faults


def start(world: SmallWorld, **changes: str) -> CutoverRun:
    return CutoverRun.start_new(
        world.plan(checklist="own.yaml", **changes), writes_enabled=True, state_dir=world.directory / "state"
    )


@pytest.fixture(autouse=True)
def checklist_file(tmp_path: Path) -> None:
    own_checklist(tmp_path)


def to_switched(run: CutoverRun) -> RunView:
    view = run.wait(waits_for("lower-ttl"), 10)
    assert view.waiting_for is not None, view.message
    assert view.waiting_for.diff == (f"- {HOST}. 2 A {OLD}", f"+ {HOST}. 1 A {OLD}")
    run.send(Confirm("lower-ttl", HOST))
    view = run.wait(waits_for("switch"), 15)
    assert view.waiting_for is not None, view.message
    assert view.waiting_for.diff == (f"- {HOST}. 1 A {OLD}", f"+ {HOST}. 1 A {NEW}")
    assert view.waiting_for.inverse == (f"- {HOST}. 1 A {NEW}", f"+ {HOST}. 1 A {OLD}")
    run.send(Confirm("switch", HOST))
    return run.wait(lambda view: view.phase == "watch" or view.finished, 5)


def test_a_whole_cutover(small_world: SmallWorld) -> None:
    run = start(small_world)
    try:
        to_switched(run)
        view = run.wait(lambda view: view.finished, 20)
    finally:
        run.stop()
    assert view.outcome == "done", view.message
    assert small_world.addresses() == (NEW,)
    assert [step.status for step in view.steps] == ["done"] * 7
    assert view.can_roll_back
    assert view.journal_ok


def test_an_alarm_rolls_back(small_world: SmallWorld) -> None:
    run = start(small_world, watch="5s")
    try:
        to_switched(run)
        assert small_world.new is not None
        small_world.new.faults[HOST] = Faults(error_share=0.4)
        view = run.wait(lambda view: view.finished, 20)
    finally:
        run.stop()
    assert view.outcome == "rolled-back", view.message
    assert small_world.addresses() == (OLD,)
    assert small_world.ttl() == 1
    assert any(step.id == "watch" and step.status == "failed" for step in view.steps)


def test_a_shut_gate_changes_nothing(small_world: SmallWorld) -> None:
    assert small_world.new is not None
    small_world.new.faults[HOST] = Faults(missing_paths=("/api",))
    run = start(small_world)
    try:
        view = run.wait(lambda view: view.finished, 10)
        assert view.outcome == "stopped-at-gate"
        assert not view.can_roll_back
        assert "/api 404 (old 200)" in next(c.headline for c in view.checks if c.check.id == "requests")
        run.send(RollBack(HOST))
        run.wait(lambda view: "nothing has been changed" in view.message, 5)
    finally:
        run.stop()
    assert small_world.addresses() == (OLD,)
    assert small_world.ttl() == 2
    assert not small_world.authority.updates


def test_writing_off_stops_before_the_first_change(small_world: SmallWorld) -> None:
    plan = small_world.plan(checklist="own.yaml")
    run = CutoverRun.start_new(plan, writes_enabled=False, state_dir=small_world.directory / "state")
    try:
        view = run.wait(lambda view: view.finished, 10)
        assert view.outcome == "stopped-at-gate"
        assert "--write" in view.message
        run.send(Confirm("lower-ttl", HOST))
        run.wait(lambda view: "nothing waits" in view.message, 5)
    finally:
        run.stop()
    assert not small_world.authority.updates


def test_a_wrong_name_changes_nothing(small_world: SmallWorld) -> None:
    run = start(small_world)
    try:
        run.wait(waits_for("lower-ttl"), 10)
        run.send(Confirm("lower-ttl", "store.shop.tes"))
        run.wait(lambda view: "nothing was done" in view.message, 5)
        run.send(Confirm("switch", HOST))
        view = run.wait(lambda view: "not switch" in view.message, 5)
        assert view.waiting_for is not None
    finally:
        run.stop()
    assert not small_world.authority.updates


def test_somebody_elses_change_holds_the_run_and_stands(small_world: SmallWorld) -> None:
    run = start(small_world)
    try:
        run.wait(waits_for("lower-ttl"), 10)
        small_world.zone.set("store", 2, "A", "192.0.2.66")
        run.send(Confirm("lower-ttl", HOST))
        view = run.wait(lambda view: view.finished, 10)
    finally:
        run.stop()
    assert view.outcome == "held"
    assert "192.0.2.66" in view.message
    assert small_world.addresses() == ("192.0.2.66",)


def test_both_sides_failing_holds_and_then_rolls_back_by_hand(small_world: SmallWorld) -> None:
    run = start(small_world, watch="5s")
    try:
        to_switched(run)
        assert small_world.new is not None
        assert small_world.old is not None
        small_world.old.faults[HOST] = small_world.new.faults[HOST] = Faults(error_share=1.0)
        view = run.wait(lambda view: view.finished, 20)
        assert view.outcome == "held", view.message
        assert "backend" in view.message
        assert small_world.addresses() == (NEW,)
        assert view.rollback is not None
        run.send(RollBack(HOST))
        view = run.wait(lambda view: view.outcome == "rolled-back", 20)
    finally:
        run.stop()
    assert small_world.addresses() == (OLD,)


def test_a_lowered_ttl_is_raised_again(small_world: SmallWorld) -> None:
    run = start(small_world)
    try:
        run.wait(waits_for("lower-ttl"), 10)
        run.send(Confirm("lower-ttl", HOST))
        view = run.wait(lambda view: view.can_roll_back, 10)
        assert small_world.ttl() == 1
        assert view.rollback is not None
        assert view.rollback.purpose == "raise-ttl"
        run.send(RollBack(HOST))
        run.wait(lambda view: view.outcome == "rolled-back", 10)
    finally:
        run.stop()
    assert small_world.ttl() == 2
    assert small_world.addresses() == (OLD,)


def test_the_shown_change_is_made_by_hand(small_world: SmallWorld) -> None:
    plan = small_world.plan(checklist="own.yaml", provider="show")
    run = CutoverRun.start_new(plan, state_dir=small_world.directory / "state")
    try:
        view = run.wait(waits_for("lower-ttl"), 10)
        assert view.waiting_for is not None, view.message
        assert f"update add {HOST}. 1 A {OLD}" in view.waiting_for.diff
        run.send(Confirm("lower-ttl", HOST))
        run.wait(lambda view: view.phase == "lower-ttl" and view.waiting_for is None, 5)
        small_world.zone.set("store", 1, "A", OLD)
        run.wait(waits_for("switch"), 15)
        run.send(Confirm("switch", HOST))
        run.wait(lambda view: view.phase == "switch", 5)
        small_world.zone.set("store", 1, "A", NEW)
        view = run.wait(lambda view: view.finished, 20)
    finally:
        run.stop()
    assert view.outcome == "done", view.message
    assert not small_world.authority.updates


def test_a_silent_name_server_stops_before_anything_changes(small_world: SmallWorld) -> None:
    authoritative = f'["127.0.0.1:{small_world.authority.port}", "127.0.0.9:9"]'
    run = start(small_world, authoritative=authoritative)
    try:
        view = run.wait(lambda view: view.finished, 20)
    finally:
        run.stop()
    assert view.outcome == "stopped-at-gate"
    assert "127.0.0.9:9" in view.message
    assert not small_world.authority.updates


def test_no_secret_reaches_the_journal_or_the_view(small_world: SmallWorld) -> None:
    secret = (small_world.directory / "tsig.key").read_text().split('secret "')[1].split('"')[0]
    run = start(small_world)
    try:
        to_switched(run)
        view = run.view()
    finally:
        run.stop()
    assert secret not in Path(view.journal_path).read_text()
    assert secret not in repr(view)
