"""Another terminal tunes, postpones and continues a run, and can never consent for anybody."""

from __future__ import annotations

import json
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result
from cutover_kit import HOST, SmallWorld, own_checklist, waits_for
from pointsman.checklists.journal.file import read_journal
from pointsman.checklists.machine.events import ContinuedEvent, FlagSeen, PostponedEvent, Tuned
from pointsman.checklists.machine.view import Confirm, RunView
from pointsman.checklists.running.control import ask, socket_path
from pointsman.checklists.running.run import CutoverRun
from pointsman.cluster.errors import UserError
from pointsman.tui.cli import cli

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "output.schema.json").read_text())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointsman.checklists.running.flag._EVERY_S", 0.05)


@pytest.fixture
def run(small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[CutoverRun]:
    state_dir = small_world.directory / "state"
    monkeypatch.setenv("POINTSMAN_STATE_DIR", str(state_dir))
    own_checklist(small_world.directory, only=("dns-ttl",))
    plan = small_world.plan(checklist="own.yaml", extra="postpone_file: wait")
    run = CutoverRun.start_new(plan, writes_enabled=True, state_dir=state_dir)
    try:
        run.wait(waits_for("lower-ttl"), 10)
        within(lambda: socket_path(run._journal.path).exists())
        yield run
    finally:
        run.stop()


def within(true: object, seconds: float = 5.0) -> None:
    over = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < over
        time.sleep(0.02)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def events(run: CutoverRun, kind: type) -> list[object]:
    return [entry.event for entry in read_journal(run._journal.path) if isinstance(entry.event, kind)]


def test_a_number_is_changed_and_the_journal_says_by_whom(run: CutoverRun) -> None:
    said = call("tune", run.run_id, "thresholds.min_samples=300", "durations.watch=20m")
    assert said.exit_code == 0, said.output
    assert "durations.watch is 1200 now" in said.output
    tuned = events(run, Tuned)
    assert [(one.name, one.value) for one in tuned] == [
        ("thresholds.min_samples", 300.0),
        ("durations.watch", 1200.0),
    ]
    assert all("@" in one.operator for one in tuned)
    assert run._executor.state.plan.thresholds.min_samples == 300


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ("thresholds.min_samples=0", 1, "has to be above 0"),
        ("thresholds.p0=0.5", 1, "at most 0.2"),
        ("durations.watch=20", 2, "a duration such as"),
        ("thresholds.min_samples=20m", 2, "a number such as"),
        ("thresholds.beta=1", 2, "what can be tuned: thresholds.p0"),
        ("thresholds.p0", 2, "not NAME=VALUE"),
        ("thresholds.p0=nan", 2, "a number such as"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(run: CutoverRun, setting: str, code: int, said: str) -> None:
    result = call("tune", run.run_id, setting)
    text = result.output + str(result.exception or "")
    assert said in text
    assert result.exit_code == code or isinstance(result.exception, UserError)
    assert not events(run, Tuned)


def test_postponed_from_elsewhere_nothing_can_be_confirmed_until_it_continues(run: CutoverRun) -> None:
    assert call("postpone", run.run_id).exit_code == 0
    assert call("postpone", run.run_id).exit_code == 1
    run.send(Confirm("lower-ttl", HOST))
    run.wait(lambda view: "postponed" in view.message, 5)
    result = call("continue", run.run_id, "-o", "json")
    assert result.exit_code == 0
    document = json.loads(result.output)
    jsonschema.validate(document, SCHEMA)
    assert document["facts"]["run"]["waits_for"] == "lower-ttl"
    assert call("continue", run.run_id).exit_code == 1
    assert "@" in events(run, PostponedEvent)[0].operator
    assert "@" in events(run, ContinuedEvent)[0].operator


@pytest.mark.parametrize(
    "request_line",
    [
        b'{"ask": "confirm", "purpose": "lower-ttl", "typed_host": "store.shop.test"}',
        b'{"ask": "rollback", "typed_host": "store.shop.test"}',
        b'{"ask": ["tune"]}',
        b'{"ask": "tune", "name": "thresholds.p0"}',
        b'{"ask": "tune", "name": "thresholds.p0", "value": {}}',
        b"[" * 4000,
        b"not json",
        b"\xff\xfe",
        b"",
    ],
)
def test_no_other_request_does_anything(run: CutoverRun, request_line: bytes) -> None:
    before = len(read_journal(run._journal.path))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        connect(client, socket_path(run._journal.path))
        client.sendall(request_line + b"\n")
        reply = json.loads(client.makefile("rb").readline())
    assert not reply["done"]
    assert reply["told"]["phase"] == "lower-ttl"
    assert len(read_journal(run._journal.path)) == before


def connect(client: socket.socket, path: Path) -> None:
    from pointsman.checklists.running.control import _address

    with _address(path) as address:
        client.connect(address)


def test_those_who_say_nothing_or_too_much_are_let_go(run: CutoverRun) -> None:
    path = socket_path(run._journal.path)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    try:
        for one in silent:
            connect(one, path)
        with socket.socket(socket.AF_UNIX) as much:
            connect(much, path)
            much.settimeout(5)
            with pytest.raises(OSError, match=r"reset|[Pp]ipe"):
                much.sendall(b"x" * 10_000_000)
        assert ask(run._journal.path, {"ask": "status"}).told["phase"] == "lower-ttl"
    finally:
        for one in silent:
            one.close()


def test_the_socket_is_the_users_own_and_goes_with_the_run(run: CutoverRun) -> None:
    path = socket_path(run._journal.path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    run.stop()
    assert not path.exists()
    with pytest.raises(UserError, match="no Pointsman holds run"):
        ask(run._journal.path, {"ask": "status"})


def test_a_socket_left_by_a_dead_process_is_in_nobodys_way(run: CutoverRun) -> None:
    path, run_id = run._journal.path, run.run_id
    run.stop()
    left = socket.socket(socket.AF_UNIX)
    from pointsman.checklists.running.control import _address

    with _address(socket_path(path)) as address:
        left.bind(address)
    left.close()
    with pytest.raises(UserError, match="no Pointsman holds run"):
        ask(path, {"ask": "status"})
    again = CutoverRun.resume(run_id, writes_enabled=True, state_dir=path.parent.parent)
    try:
        within(lambda: call("tune", run_id, "durations.soak=1h").exit_code == 0)
    finally:
        again.stop()


def test_while_the_postpone_file_is_there_nothing_goes_forward(
    run: CutoverRun, small_world: SmallWorld
) -> None:
    flag = small_world.directory / "wait"
    flag.touch()
    run.wait(lambda view: str(flag) in view.message, 5)
    run.send(Confirm("lower-ttl", HOST))
    assert call("continue", run.run_id).exit_code == 1
    assert not small_world.authority.updates
    flag.unlink()
    view: RunView = run.wait(waits_for("lower-ttl"), 5)
    run.send(Confirm("lower-ttl", HOST, view.waiting_for.change_id))
    run.wait(lambda view: view.phase == "wait-ttl", 5)
    assert [event.there for event in events(run, FlagSeen)] == [True, False]


def test_a_file_that_comes_in_the_last_moment_stops_the_write(
    run: CutoverRun, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pointsman.checklists.running.flag._EVERY_S", 60.0)
    time.sleep(0.2)
    (small_world.directory / "wait").touch()
    run.send(Confirm("lower-ttl", HOST))
    run.wait(lambda view: "exists; remove it" in view.message, 5)
    assert not small_world.authority.updates
    assert [event.there for event in events(run, FlagSeen)] == [True]


def test_a_postpone_file_that_cannot_be_looked_for_postpones(tmp_path: Path) -> None:
    from pointsman.checklists.running.flag import is_there

    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert is_there(str(loop / "wait"))
    assert is_there(str(loop))
    assert not is_there(str(tmp_path / "nothing" / "wait"))
