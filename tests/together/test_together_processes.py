"""Two operators and a watcher, each a process of its own, on the practice world."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pointsman.checklists.journal.file import list_runs, read_journal
from pointsman.checklists.machine.events import HoldingChanged, WatchBegan, WriteEnded
from pointsman.checklists.machine.view import RunView
from pointsman.checklists.running import livefile
from pointsman.checklists.running.followed import FollowedRun
from together_kit import pointsman, practice_world, until

HOST = "account.shop.test"

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def world() -> Iterator[dict[str, Any]]:
    arguments = ("--old-ttl", "2", "--low-ttl", "1", "--watch", "8", "--soak", "4", "--no-shoppers")
    with practice_world(*arguments) as facts:
        yield facts


def first_seen(run: FollowedRun, holds: Callable[[RunView], object], longest_s: float = 40.0) -> float:
    """When, in epoch seconds, the followed run first showed it."""
    seen: list[float] = []

    def look(view: RunView) -> None:
        if not seen and holds(view):
            seen.append(time.time())

    end = run.subscribe(look)
    look(run.view())
    try:
        until(lambda: seen, longest_s, lambda: run.view().message)
    finally:
        end()
    return seen[0]


def test_a_whole_evening_of_three(world: dict[str, Any], tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    cluster = ("--kubeconfig", world["kubeconfig"])
    plan = world["plans"][HOST]
    operator = pointsman(here, "cutover", plan, *cluster, "--write", "--confirm", HOST)
    children = [operator]
    run = None
    try:
        info = until(lambda: list_runs(here), 20, lambda: operator.poll())[0]
        live = livefile.live_path(info.path)
        until(lambda: livefile.read(live), 10)
        # it stands still, so that it is not over before a busy machine has begun the others
        operator.send_signal(signal.SIGSTOP)

        # the second operator, on this machine and on another one
        for state, told in ((here, f"pointsman follow {info.run_id}"), (elsewhere, f"follow --host {HOST}")):
            second = pointsman(state, "cutover", plan, *cluster, "--write")
            children.append(second)
            out, err = second.communicate(timeout=30)
            assert (second.returncode, out) == (3, ""), err
            assert told in err
            assert f"{HOST} is in the hands of" in err
            assert len(err.strip().splitlines()) == 1
        assert not list_runs(elsewhere)
        operator.send_signal(signal.SIGCONT)

        # a watcher on another machine, by the Lease; and one here, by the journal
        far = pointsman(elsewhere, "follow", plan, *cluster, "-o", "json")
        children.append(far)
        run = FollowedRun.open(info.run_id, here)
        switched_seen = first_seen(run, lambda view: view.phase == "watch")
        numbers_seen = first_seen(run, lambda view: view.watch is not None and view.watch.new.requests > 0)
        events = [entry.event for entry in read_journal(info.path)]
        switched = next(one.at for one in events if isinstance(one, WriteEnded) and one.purpose == "switch")
        began = next(one.at for one in events if isinstance(one, WatchBegan))
        assert switched_seen - switched < 2.0
        assert numbers_seen - began < 2.0

        operator.kill()
        operator.wait(10)
        first_seen(run, lambda view: f"its process {operator.pid} is gone" in view.message, 5)
        # the Lease stands for a while yet: nobody else begins meanwhile
        third = pointsman(elsewhere, "cutover", plan, *cluster, "--write")
        children.append(third)
        assert third.wait(30) == 3
        # but the run itself goes on at once
        again = pointsman(here, "resume", info.run_id, *cluster, "--write")
        children.append(again)
        _, err = again.communicate(timeout=60)
        assert again.returncode == 0, err
        view = run.wait(lambda view: view.outcome == "done", 5)
        assert view.journal_ok
        events = [entry.event for entry in read_journal(info.path)]
        assert all(one.held for one in events if isinstance(one, HoldingChanged))
        out, err = far.communicate(timeout=20)
        assert far.returncode == 0, err
        rows = [json.loads(row) for row in out.splitlines()]
        assert rows[-1]["outcome"] == "done"
        assert {"watch", "done"} <= {row["phase"] for row in rows}
        assert all(row["run"] == info.run_id for row in rows)
        assert not live.exists()
        # what is over is told at once, with the same exit code
        late = pointsman(here, "follow", info.run_id)
        children.append(late)
        out, _ = late.communicate(timeout=20)
        assert late.returncode == 0
        assert "ended: done" in out
    finally:
        if run is not None:
            run.stop()
        for child in children:
            if child.poll() is None:
                child.kill()
            child.communicate(timeout=10)
    assert os.environ["POINTSMAN_STATE_DIR"]
