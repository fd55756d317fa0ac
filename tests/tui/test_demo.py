"""``pointsman demo`` as a newcomer meets it: told as text, on a terminal, and with nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pty_kit import LEFT_ALTERNATE_SCREEN, PROGRAM, Pty, run

PAGE = b"q ends the world: "


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go while the test runs; looked at afterwards."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still are (Linux's /proc)."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def session_of(leader: int) -> list[int]:
    """Every live process of the session that ``leader`` began."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


def screens_of(terminal: Pty) -> int:
    (child,) = children_of(terminal.child.pid)
    return child


# -- as text


def test_list_names_the_scenarios() -> None:
    ended = run("demo", "--scenario", "LIST")
    assert (ended.returncode, ended.stderr) == (0, "")
    names = [row.split()[0] for row in ended.stdout.splitlines()]
    assert names[0] == "shop"
    assert {"missing-intermediate", "errors-after-switch", "ttl-lowered-too-late"} <= set(names)
    assert "record-changed-by-another" in names


def test_other_manifests_have_no_stories(temporary: Path) -> None:
    small = str(Path(__file__).parent / "small_world.yaml")
    ended = run("demo", "--load", small)
    assert ended.returncode == 2
    assert ended.stderr == "pointsman: loaded manifests have no stories; use --serve, or a terminal\n"
    assert list(temporary.iterdir()) == []


@pytest.mark.real
def test_three_stories_without_a_terminal(temporary: Path) -> None:
    ended = run("demo", longest_s=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.findall(r"^story \d of 3: .*\((\S+)\)$", ended.stdout, re.MULTILINE) == [
        "store.shop.test",
        "pay.shop.test",
        "cart.shop.test",
    ]
    assert re.findall(r"^ ended: (\S+)$", ended.stdout, re.MULTILINE) == [
        "done",
        "stopped-at-gate",
        "rolled-back",
    ]
    assert ended.stdout.count("as it should: ") == 3
    assert "NOT as it should" not in ended.stdout
    assert "3 of 3 stories ended as they should" in ended.stdout.splitlines()[-1]
    assert "\x1b" not in ended.stdout
    assert ended.stderr == ""
    assert list(temporary.iterdir()) == []


@pytest.mark.real
@pytest.mark.parametrize(
    "scenario",
    ["missing-intermediate", "errors-after-switch", "ttl-lowered-too-late", "record-changed-by-another"],
)
def test_every_scenario_ends_as_it_should(scenario: str, temporary: Path) -> None:
    ended = run("demo", "--headless", "--scenario", scenario, longest_s=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "NOT as it should" not in ended.stdout
    assert list(temporary.iterdir()) == []


# -- on a terminal


@needs_proc
def test_the_world_and_its_screens_end_together(temporary: Path) -> None:
    with Pty("demo") as terminal:
        terminal.until_loaded()
        shown = terminal.display()
        assert "store.shop.test" in shown
        kubeconfig = re.search(r"kubectl --kubeconfig (\S+)", terminal.seen.decode(errors="replace"))
        assert kubeconfig
        assert Path(kubeconfig[1]).exists()
        assert " · KUBECONFIG=" in shown.splitlines()[-2]
        leader = terminal.child.pid
        assert len(session_of(leader)) == 2
        terminal.send(b"q")
        assert terminal.ended() == 0
        assert LEFT_ALTERNATE_SCREEN in terminal.seen
    assert session_of(leader) == []
    assert list(temporary.iterdir()) == []


@needs_proc
def test_screens_that_are_killed_leave_the_world(temporary: Path) -> None:
    with Pty("demo") as terminal:
        terminal.until_loaded()
        os.kill(screens_of(terminal), signal.SIGKILL)
        terminal.wait_for(PAGE, 30)
        told = terminal.seen.rpartition(LEFT_ALTERNATE_SCREEN)[2].decode()
        assert "the screens were ended by signal 9; the practice world and its journals go on" in told
        assert "pointsman resume --write" in told
        before = len(terminal.seen)
        terminal.send(b"\r")
        terminal.until(lambda: b"\x1b[?1049h" in terminal.seen[before:])
        terminal.until(lambda: b"store.shop.test" in terminal.seen[before:])
        os.kill(screens_of(terminal), signal.SIGKILL)
        terminal.until(lambda: PAGE in terminal.seen[before:])
        terminal.send(b"q\r")
        assert terminal.ended() == 0
        leader = terminal.child.pid
    assert session_of(leader) == []
    assert list(temporary.iterdir()) == []


@needs_proc
@pytest.mark.parametrize("how", ["SIGTERM", "hang-up"])
def test_the_demo_ends_whole(temporary: Path, how: str) -> None:
    with Pty("demo") as terminal:
        terminal.until_loaded()
        leader = terminal.child.pid
        if how == "hang-up":
            terminal.hang_up()
            assert terminal.child.wait(15) == 0
        else:
            terminal.child.terminate()
            assert terminal.ended() == 0
            assert LEFT_ALTERNATE_SCREEN in terminal.seen
    assert session_of(leader) == []
    assert list(temporary.iterdir()) == []


# -- served


@contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``demo --serve`` and the kubeconfig that it prints."""
    child = subprocess.Popen(
        [*PROGRAM, "demo", "--serve", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert child.stdout is not None
        first = child.stdout.readline()
        match = re.search(r"kubectl --kubeconfig (\S+) ", first)
        assert match, first
        yield child, match[1]
    finally:
        child.send_signal(signal.SIGINT)
        rest, _ = child.communicate(timeout=20)
        assert "Traceback" not in rest


def test_serve_is_for_other_terminals(temporary: Path) -> None:
    with served() as (child, kubeconfig):
        ended = run("status", "--kubeconfig", kubeconfig, "-o", "json")
        assert ended.returncode == 1
        assert json.loads(ended.stdout)["facts"]["routes"] == 14
    assert child.returncode == 0
    assert list(temporary.iterdir()) == []


@pytest.mark.real
def test_kubectl_on_a_served_demo(temporary: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("needs kubectl")
    with served() as (child, kubeconfig):
        listed = subprocess.run(
            [kubectl, "--kubeconfig", kubeconfig, "get", "gateways,httproutes", "-A"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert listed.returncode == 0, listed.stderr
        assert "gateway.gateway.networking.k8s.io/main" in listed.stdout
        assert "httproute.gateway.networking.k8s.io/store" in listed.stdout
    assert child.returncode == 0
