"""A cutover is told to go, by signal or by a terminal that is lost: in each phase it is left in order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import termios
import time

import pytest
from faults_kit import (
    NEW,
    OLD,
    PROGRAM,
    SmallWorld,
    cutover,
    ended,
    environment,
    journals,
    plan_of,
    resumed,
    start,
    state_of,
    until,
    until_phase,
)
from pointsman.checklists.running.control import socket_path
from pointsman.checklists.running.livefile import live_path
from pty_kit import Pty


def _left_in_order(world: SmallWorld) -> None:
    """The journal is whole, and nothing else of the process is left."""
    (journal,) = journals(world)
    assert state_of(world) is not None
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]


def _goes_on_to_its_end(world: SmallWorld) -> None:
    again = resumed(world, 90)
    assert again.returncode == 0, (again.stdout, again.stderr)
    assert world.addresses() == (NEW,)


@pytest.mark.parametrize(
    ("number", "phase"),
    [
        (signal.SIGTERM, "watch"),
        pytest.param(signal.SIGHUP, "wait-ttl", marks=pytest.mark.real),
        pytest.param(signal.SIGTERM, "wait-ttl", marks=pytest.mark.real),
        pytest.param(signal.SIGHUP, "watch", marks=pytest.mark.real),
        pytest.param(signal.SIGTERM, "soak", marks=pytest.mark.real),
    ],
)
def test_a_signal_leaves_it_as_ctrl_c_does(world: SmallWorld, number: signal.Signals, phase: str) -> None:
    child = cutover(world, plan_of(world, watch="2s", soak="2s"))
    until_phase(world, child, phase)
    child.send_signal(number)
    # a service manager sends it once more before it kills
    time.sleep(0.05)
    child.send_signal(number)
    code, out, err = ended(child)
    assert code == 3, (out, err)
    (run,) = (path.stem for path in journals(world))
    assert err.count(f"left as it is; go on with: pointsman resume {run} --write") == 1
    assert "Traceback" not in out + err
    _left_in_order(world)
    _goes_on_to_its_end(world)


def test_who_reads_it_goes_away(world: SmallWorld) -> None:
    """``pointsman cutover | head -1``: a story that nobody hears is no cutover that is done."""
    child = cutover(world, plan_of(world, watch="2s", soak="2s"))
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    child.stdout = None
    code, _, err = ended(child)
    assert code == 3, err
    assert err.count("what happens cannot be told (Broken pipe): left as it is; go on with:") == 1
    assert "Traceback" not in err
    _left_in_order(world)


@pytest.mark.parametrize("how", ["hang up", "SIGTERM"])
def test_at_its_question_on_a_terminal(world: SmallWorld, how: str) -> None:
    argv = [*PROGRAM, "cutover", str(plan_of(world)), "--write"]
    with Pty(argv=argv, environment=environment(world)) as terminal:
        terminal.until_shown("To go on, type", 40)
        before = termios.tcgetattr(terminal._master)[3]
        if how == "hang up":
            terminal.hang_up()
            code = terminal.child.wait(20)
        else:
            terminal.child.send_signal(signal.SIGTERM)
            code = terminal.ended(20)
            assert termios.tcgetattr(terminal._master)[3] == before
            assert before & termios.ECHO
            assert b"left as it is" in terminal.seen
    assert code == 3
    _left_in_order(world)
    assert world.ttl() == 2


# -- stopped, and gone on


def test_stopped_in_the_watch_and_gone_on(world: SmallWorld) -> None:
    """SIGSTOP is what ctrl-z, a debugger and a frozen container do: nothing of that time counts as good."""
    child = cutover(world, plan_of(world, watch="9s"))
    until_phase(world, child, "watch")
    child.send_signal(signal.SIGSTOP)
    (journal,) = journals(world)
    state = state_of(world)
    assert state is not None
    assert state.phase == "watch"
    stopped = time.monotonic()
    # whoever asks it meanwhile is answered in one line, within the time that asking has
    asked = start(world, "postpone", journal.stem)
    code, _, err = ended(asked, 40)
    assert code in (2, 3)
    assert err.count("\n") == 1
    assert f"run {journal.stem} does not answer; is its Pointsman stopped (ctrl-z)?" in err
    until(lambda: time.monotonic() - stopped > 9, 15)
    child.send_signal(signal.SIGCONT)
    # it does not pass on 9 s in which most of what should have been sent was not
    time.sleep(3)
    state = state_of(world)
    assert state is not None
    assert state.phase == "watch"
    child.send_signal(signal.SIGTERM)
    code, out, err = ended(child)
    assert code == 3
    assert "0 errors, old" in out
    _left_in_order(world)


def test_a_control_socket_that_is_only_half_open_keeps_nobody_waiting(world: SmallWorld) -> None:
    world.zone.set("store", 20, "A", OLD)
    child = cutover(world, plan_of(world))
    until_phase(world, child, "wait-ttl")
    (journal,) = journals(world)
    silent = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(20)]
    try:
        for one in silent:
            # it says half a request, and nothing more, ever
            one.connect(str(socket_path(journal)))
            one.sendall(b'{"ask": ')
        began = time.monotonic()
        code, out, err = ended(start(world, "postpone", journal.stem), 60)
        assert code == 0, (out, err)
        assert time.monotonic() - began < 20
        until(lambda: (state := state_of(world)) is not None and state.postponed)
    finally:
        for one in silent:
            one.close()
    assert live_path(journal).exists()
    child.send_signal(signal.SIGTERM)
    assert ended(child)[0] == 3
    _left_in_order(world)


# -- the output of other commands


def _explained(stdout: str) -> subprocess.CompletedProcess[str]:
    command = " ".join([*PROGRAM, "explain", "GW001"])
    return subprocess.run(
        ["/bin/sh", "-c", f"{command} {stdout}"], capture_output=True, text=True, timeout=60, check=False
    )


def test_output_to_a_full_disk_is_one_line() -> None:
    full = _explained("> /dev/full")
    assert full.returncode == 3
    assert full.stderr.startswith("pointsman: the output cannot be written: No space left on device")
    assert full.stderr.count("\n") == 1


def test_a_closed_output_is_no_defect() -> None:
    closed = _explained(">&-")
    assert (closed.returncode, closed.stderr) == (0, "")


def test_complaints_that_cannot_be_written_keep_the_exit_code() -> None:
    ended_so = subprocess.run(
        ["/bin/sh", "-c", " ".join([*PROGRAM, "explain", "NO-SUCH", "2> /dev/full"])],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended_so.returncode == 2


def test_a_reader_that_leaves_early_is_told_nothing_false() -> None:
    """What the exit code would have been, nobody knows: least of all that all is well."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        left = subprocess.run(
            [*PROGRAM, "explain"], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=90, check=False
        )
    finally:
        os.close(writing)
    assert (left.returncode, left.stderr) == (3, "")


def test_a_kubeconfig_in_a_place_that_may_not_be_looked_into(world: SmallWorld) -> None:
    name = "n" * 300
    code, out, err = ended(start(world, "status", "--kubeconfig", f"/tmp/{name}"))
    assert (code, out) == (2, "")
    assert err.startswith(f"pointsman: /tmp/{name}: File name too long")
    assert err.count("\n") == 1
