"""A past cutover gone through again: each moment as it was, on the screen and as text."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pointsman.checklists.machine.advance import fold
from pointsman.checklists.machine.events import WatchNoted
from pointsman.checklists.machine.view import RollBack
from pointsman.checklists.running.replayed import ReplayedRun, what_changed
from pointsman.cluster.errors import UserError
from pointsman.tui.cli import cli
from pointsman.tui.onlooker import OnlookerApp
from pointsman.tui.screens.onlooking import ReplayScreen
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from together_kit import HOST, a_run, on_disk, until


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory with a run in it, and a clock that every machine reads alike."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setenv("POINTSMAN_STATE_DIR", str(tmp_path / "state"))
    on_disk(tmp_path / "state", a_run())
    yield tmp_path / "state"
    monkeypatch.undo()
    time.tzset()


def test_every_moment_is_the_fold_of_what_was_before_it(state_dir: Path) -> None:
    run = ReplayedRun.open("abcd1234", state_dir)
    events = a_run()
    assert len(run.moments) == len(events)
    recorded = [moment.event for moment in run.moments]
    for number in range(len(events)):
        assert run.moment.state == fold(recorded[: number + 1])
        view = run.view()
        assert (view.phase, view.journal_length) == (run.moment.state.phase, number + 1)
        assert view.now == events[number].at
        assert f"event {number + 1} of {len(events)}" in view.read_only
        run.step(1)
    assert run.moment.number == len(events)
    run.home()
    assert run.moment.number == 1


def test_the_numbers_of_the_watch_are_those_of_the_moment(state_dir: Path) -> None:
    run = ReplayedRun.open("abcd1234", state_dir)
    noted = [number for number, event in enumerate(a_run()) if isinstance(event, WatchNoted)]
    run.go_to(noted[0] - 1)
    assert run.view().watch is None
    run.go_to(noted[1])
    watch = run.view().watch
    assert watch is not None
    assert (watch.new.requests, watch.new.errors, watch.old.errors) == (20, 1, 0)
    assert (watch.evidence, watch.alarm_at) == (4.0, 1000.0)
    # a note has the seconds since the last one; what is shown goes further back
    assert watch.new.buckets == ((2, 0), (2, 0), (2, 0), (2, 1))
    assert watch.first_second == 4
    # after the resume it is counted anew
    run.go_to(noted[2] - 1)
    assert run.view().watch is None


def test_phase_by_phase_forth_and_back(state_dir: Path) -> None:
    run = ReplayedRun.open("abcd1234", state_dir)
    forth = []
    while run.moment.number < len(run.moments):
        run.step_phase(1)
        forth.append(run.moment.number)
    assert len(forth) > 6
    back = []
    while run.moment.number > 1:
        run.step_phase(-1)
        back.append(run.moment.number)
    assert back[::-1] == [1, *(number for number in forth if number != len(run.moments))]


def test_it_plays_to_the_end_and_no_gap_lasts_longer_than_a_second(state_dir: Path) -> None:
    run = ReplayedRun.open("abcd1234", state_dir)
    run.go_to(len(run.moments) - 4)
    began = time.monotonic()
    run.play()
    assert run.playing
    until(lambda: not run.playing, 6)
    assert run.moment.number == len(run.moments)
    assert time.monotonic() - began < 4.5
    run.play()
    run.stop()
    assert not run.playing


def test_nothing_can_be_asked_of_what_is_over(state_dir: Path) -> None:
    run = ReplayedRun.open("abcd1234", state_dir)
    before = (state_dir / "runs" / "abcd1234.jsonl").read_bytes()
    run.send(RollBack(HOST))
    assert "a replay changes nothing" in run.view().message
    assert (state_dir / "runs" / "abcd1234.jsonl").read_bytes() == before
    with pytest.raises(UserError, match="no run none0000"):
        ReplayedRun.open("none0000", state_dir)


def test_as_text_and_json_each_event_says_what_it_changed(state_dir: Path) -> None:
    runner = CliRunner()
    text = runner.invoke(cli, ["replay", "abcd1234", "-o", "text"]).stdout
    for told in (
        "phase confirm -> switch",
        "switched: - store.shop.test. 3 A 127.0.0.2",
        "watch passed: yes",
    ):
        assert told in text
    rows = [
        json.loads(row)
        for row in runner.invoke(cli, ["replay", "abcd1234", "-o", "json"]).stdout.splitlines()
    ]
    assert [row["n"] for row in rows] == list(range(1, len(a_run()) + 1))
    assert rows[15]["phase"] == "watch"
    # without a terminal there is no screen to open
    assert runner.invoke(cli, ["replay", "abcd1234"]).stdout == text
    run = ReplayedRun.open("abcd1234", state_dir)
    assert what_changed(None, run.moments[0]) == ("phase preflight",)


def shown(app: OnlookerApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause(0.15)


async def test_by_keys_on_the_screen(state_dir: Path, snapshot: SnapshotAssertion) -> None:
    run = ReplayedRun.open("abcd1234", state_dir)
    app = OnlookerApp(run, ReplayScreen(run))
    total = len(run.moments)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.pause(0.2)
        assert f"event 1 of {total}" in shown(app)
        await press(pilot, "full_stop", "right", "full_stop")
        assert run.moment.number == 4
        await press(pilot, "comma", "left")
        assert run.moment.number == 2
        await press(pilot, "down")
        assert run.moment.number == 3
        await press(pilot, "end")
        assert f"event {total} of {total}" in shown(app)
        await press(pilot, "home")
        assert run.moment.number == 1
        run.go_to(22)
        await pilot.pause(0.2)
        text = shown(app)
        assert "event 23 of" in text
        assert "20 requests" in text
        assert text.replace(str(state_dir), "STATE") == snapshot
        for size in ((1, 1), (2, 50), (300, 1), (100, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.15)
        assert shown(app) == text
        # the keys that would write say what this is
        await press(pilot, "z")
        assert "nothing is changed" in shown(app)
        await press(pilot, "escape", "space")
        assert run.playing
        await press(pilot, "space")
        assert not run.playing
        # while something is asked the keys belong to the answer
        at = run.moment.number
        await press(pilot, "colon", "full_stop", "comma")
        assert run.moment.number == at
        await press(pilot, "escape", "J")
        await pilot.pause(0.2)
        assert "chain ok" in shown(app)
        await press(pilot, "escape")
        await press(pilot, "escape")
    assert app.return_code in (0, None)
