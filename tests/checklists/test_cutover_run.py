from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cutover_kit import HOST, NEW, OLD, SmallWorld
from pointsman.checklists.run import CutoverRun
from pointsman.checklists.view import Confirm, RollBack, RunView
from pointsman.sandbox.edge_model import Faults


def waits_for(purpose: str) -> Callable[[RunView], bool]:
    return lambda view: (
        (view.waiting_for is not None and view.waiting_for.purpose == purpose) or view.finished
    )


def start(world: SmallWorld, **changes: str) -> CutoverRun:
    return CutoverRun.start_new(
        world.plan(checklist="own.yaml", **changes), writes_enabled=True, state_dir=world.directory / "state"
    )


@pytest.fixture(autouse=True)
def own_checklist(tmp_path: Path) -> None:
    """The builtin list without what needs a cluster."""
    source = Path(__file__).parents[2] / "checklists" / "builtin" / "pre-cutover.yaml"
    text = source.read_text()
    head, rest = text.split("  - id: routes-accepted", 1)
    text = head + "  - id: requests" + rest.split("  - id: requests", 1)[1]
    (tmp_path / "own.yaml").write_text(text.replace("{seconds: 5}", "{seconds: 0.5}"))


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
