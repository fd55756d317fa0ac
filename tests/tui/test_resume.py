"""kill -9 of the screens in the middle of a cutover; another process goes on, and the record changes once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from desk_kit import WorldFacts, end_world, start_world
from pointsman.checklists.journal.file import list_runs
from pty_kit import Pty, run
from test_commands import soa_serial
from test_cutover_by_keys import answer


@pytest.fixture(scope="module")
def slow_world() -> Iterator[WorldFacts]:
    """Slow enough to be killed in the middle of each wait."""
    child, facts = start_world("--old-ttl", "4", "--low-ttl", "1", "--watch", "4", "--soak", "4")
    yield facts
    end_world(child)


def type_name(terminal: Pty, host: str) -> None:
    terminal.send(b"\r")
    terminal.until_shown(f"type {host} :")
    terminal.send(host.encode() + b"\r")


def until_killed_in(world: WorldFacts, host: str, phase: str) -> str:
    """Open the screens, begin the cutover by keys and kill them in ``phase``; the run's id."""
    arguments = ("--kubeconfig", world["kubeconfig"], "--plan", world["plans"][host], "--write")
    with Pty(*arguments) as terminal:
        terminal.until_loaded()
        terminal.send(b"p")
        terminal.until_shown(f"  {host}")
        terminal.send(b"s")
        terminal.until_shown("to lower the TTL, press enter", 30)
        type_name(terminal, host)
        terminal.until_shown("waiting out the old TTL")
        if phase == "watch":
            terminal.until_shown("to switch, press enter", 30)
            type_name(terminal, host)
            terminal.until_shown("the watch")
        terminal.until(lambda: list_runs()[0].phase == phase)
        os.kill(terminal.child.pid, 9)
        assert terminal.ended() == -9
    (found,) = list_runs()
    assert (found.phase, found.unfinished) == (phase, True)
    return found.run_id


def goes_on_to_the_end(world: WorldFacts, host: str, run_id: str) -> str:
    confirm = ("--confirm", host)
    ended = run("resume", run_id, "--write", *confirm, longest_s=90)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1] == " ended: done"
    assert answer(world, host) == "127.0.0.3"
    return ended.stdout


def test_killed_while_the_old_ttl_is_waited_out(slow_world: WorldFacts) -> None:
    host = "store.shop.test"
    before = soa_serial(slow_world)
    run_id = until_killed_in(slow_world, host, "wait-ttl")
    assert soa_serial(slow_world) == before + 1
    assert answer(slow_world, host) == "127.0.0.2"
    told = goes_on_to_the_end(slow_world, host, run_id)
    # the TTL was lowered before, and is not lowered again
    assert "the TTL will be lowered" not in told
    assert "+ store.shop.test. 1 A 127.0.0.3" in told
    assert soa_serial(slow_world) == before + 2
    assert "no unfinished run" in run("resume", "--write").stderr


@pytest.mark.real
def test_killed_while_watching(slow_world: WorldFacts) -> None:
    host = "account.shop.test"
    before = soa_serial(slow_world)
    run_id = until_killed_in(slow_world, host, "watch")
    assert soa_serial(slow_world) == before + 2
    assert answer(slow_world, host) == "127.0.0.3"
    # without an id: the newest that is unfinished
    started = time.monotonic()
    ended = run("resume", "--write", longest_s=90)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1] == " ended: done"
    # a watch that nobody looked on is watched anew
    assert time.monotonic() - started > 4
    assert "the traffic will move" not in ended.stdout
    assert soa_serial(slow_world) == before + 2
    assert run("journal", run_id, "--verify").returncode == 0
