"""A second window on the same machine: it looks at the run that goes on, and begins one when that is left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pointsman.checklists.journal.file import Journal, run_path
from pointsman.checklists.machine.view import Confirm, RollBack
from pointsman.checklists.running import livefile
from pointsman.checklists.running.holding import Holder, HostLocks
from pointsman.checklists.running.onlooker import Onlooker
from pointsman.cluster.errors import UserError
from pointsman.tui import doors
from pointsman.tui.bridge import Bridge
from pointsman.tui.runs import Runs
from pointsman.tui.screens.onlooking import OnlookerScreen
from pointsman.tui.settings import Settings
from together_kit import HOST, PLAN, T0, a_run, until


def no_cluster() -> object:
    raise UserError("no cluster here")


@pytest.fixture
def runs() -> Iterator[Runs]:
    found = Runs(Settings(writes=True), Bridge(no_cluster, None))  # type: ignore[arg-type]
    yield found
    found.stop()


@pytest.fixture
def state_dir() -> Path:
    return Path(os.environ["POINTSMAN_STATE_DIR"])


def test_it_looks_at_the_run_that_another_process_holds(runs: Runs, state_dir: Path) -> None:
    journal = Journal.create("abcd1234", state_dir)
    for event in a_run()[:17]:
        journal.append(event)
    locks = HostLocks.take(Holder("abcd1234", "ana@desk", "store", (HOST,), T0, os.getpid()), state_dir)
    live = livefile.Live(time.time() + 60, os.getpid(), os.uname().nodename, 17, journal.head)
    livefile.write(livefile.live_path(journal.path), live)
    try:
        [run] = runs.runs(PLAN)
        assert isinstance(run, Onlooker)
        assert run.run_id == "abcd1234"
        assert "ana@desk" in run.view().read_only
        assert isinstance(doors.of_run(run), OnlookerScreen)
        # whatever a screen may send: nothing of it arrives, and that is said
        before = journal.path.read_bytes()
        for command in (Confirm("switch", HOST), RollBack(HOST)):
            run.send(command)
            assert run.view().message == run.view().read_only
        assert journal.path.read_bytes() == before
        assert runs.runs(PLAN) == (run,)
    finally:
        locks.release()
        journal.close()


def test_a_lock_of_a_run_that_is_not_here_is_told(runs: Runs, state_dir: Path) -> None:
    locks = HostLocks.take(Holder("", "", "", (HOST,), T0, 0), state_dir)
    try:
        with pytest.raises(UserError, match="is in the hands of another Pointsman"):
            runs.runs(PLAN)
        assert not list((state_dir / "runs").glob("*.jsonl"))
    finally:
        locks.release()


def test_what_was_left_is_gone_on_with_here(runs: Runs, state_dir: Path) -> None:
    journal = Journal.create("abcd1234", state_dir)
    for event in a_run()[:10]:
        journal.append(event)
    [run] = runs.runs(PLAN)
    assert isinstance(run, Onlooker)
    journal.close()
    until(lambda: not run.worked_on, 3)  # type: ignore[attr-defined]
    [own] = runs.runs(PLAN)
    try:
        assert own.run_id == "abcd1234"
        assert not own.view().read_only
        until(lambda: livefile.read(livefile.live_path(run_path("abcd1234"))), 5)
    finally:
        own.stop()
    assert livefile.read(livefile.live_path(run_path("abcd1234"))) is None
