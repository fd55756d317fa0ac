"""kill -9 around every kind of journal write and effect, then resume: the same end, the change made once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cutover_kit import HOST, NEW, OLD, SmallWorld, confirm_everything, own_checklist
from pointsman.checklists.journal.file import latest_unfinished
from pointsman.checklists.machine.view import RollBack
from pointsman.checklists.running.run import CutoverRun
from pointsman.cluster.errors import UserError


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    # nothing of a process that is dead for sure can still be on its way
    monkeypatch.setattr("pointsman.checklists.running.writing.QUIET_S", 0.2)


CHILD = Path(__file__).with_name("cutover_child.py")


def killed(world: SmallWorld, where: str) -> str:
    """The id of a run whose process died at ``where``."""
    own_checklist(world.directory, only=("dns-ttl",))
    state_dir = world.directory / "state"
    child = subprocess.run(
        [sys.executable, str(CHILD), str(world.plan_file(checklist="own.yaml")), str(state_dir), where],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == -9, child.stdout + child.stderr
    found = latest_unfinished(state_dir)
    assert found is not None
    return found.run_id


# each other point is tests/crash's
@pytest.mark.parametrize("where", ["sent:switch", "after:watch-began"])
def test_a_killed_run_goes_on_to_the_same_end(small_world: SmallWorld, where: str) -> None:
    moves: list[str] = []
    small_world.zone.on_change(
        lambda event: moves.append(f"{event.new.ttl} {event.new[0]}" if event.new else "-")
    )
    run_id = killed(small_world, where)
    run = CutoverRun.resume(run_id, writes_enabled=True, state_dir=small_world.directory / "state")
    try:
        confirm_everything(run)
        view = run.wait(lambda view: view.finished, 20)
    finally:
        run.stop()
    assert view.outcome == "done", view.message
    # neither repeated nor left out
    assert moves == [f"1 {OLD}", f"1 {NEW}"]
    assert small_world.authority.updates == {"NOERROR": 2}


def test_a_killed_run_can_be_rolled_back_instead(small_world: SmallWorld) -> None:
    run_id = killed(small_world, "sent:switch")
    assert small_world.addresses() == (NEW,)
    run = CutoverRun.resume(run_id, writes_enabled=True, state_dir=small_world.directory / "state")
    try:
        view = run.wait(lambda view: view.can_roll_back, 5)
        assert view.rollback is not None
        assert view.rollback.diff == (f"- {HOST}. 1 A {NEW}", f"+ {HOST}. 1 A {OLD}")
        run.send(RollBack(HOST))
        view = run.wait(lambda view: view.finished, 20)
    finally:
        run.stop()
    assert view.outcome == "rolled-back", view.message
    assert small_world.addresses() == (OLD,)


def test_two_cannot_go_on_with_one_run(small_world: SmallWorld) -> None:
    state_dir = small_world.directory / "state"
    run_id = killed(small_world, "after:write-ended/lower-ttl")
    run = CutoverRun.resume(run_id, writes_enabled=True, state_dir=state_dir)
    try:
        with pytest.raises(UserError, match="held by another"):
            CutoverRun.resume(run_id, writes_enabled=True, state_dir=state_dir)
    finally:
        run.stop()
    CutoverRun.resume(run_id, writes_enabled=False, state_dir=state_dir).stop()
