"""A small world, and the real program in it as a process of its own that faults are done to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS / name) for name in ("checklists", "tui", "cluster")]

from cutover_kit import (  # noqa: E402 - helpers of neighbouring folders
    BUILTIN,
    HOST,
    NEW,
    OLD,
    LoopThread,
    SmallWorld,
    own_checklist,
    small_zone,
)
from pointsman.checklists.journal.file import read_journal  # noqa: E402
from pointsman.checklists.machine.advance import State, fold  # noqa: E402
from pointsman.checklists.machine.events import Event  # noqa: E402
from pointsman.sandbox.dns_authority import AuthorityServer  # noqa: E402
from pointsman.sandbox.dns_keys import TsigKey, write_key_file  # noqa: E402
from pointsman.sandbox.dns_resolver import CachingResolver  # noqa: E402
from pointsman.sandbox.edge import Edge, start_together  # noqa: E402
from pointsman.sandbox.pki import PracticeCa  # noqa: E402

__all__ = ["BUILTIN", "HOST", "NEW", "OLD", "LoopThread", "SmallWorld"]

AUTHORITIES: dict[Path, PracticeCa] = {}
"""Who vouches for a world's certificates, by the world's directory."""

_children: list[subprocess.Popen[str]] = []

PROGRAM = [sys.executable, "-m", "pointsman.tui"]
CLOCK = "POINTSMAN_TEST_CLOCK"
_SHIM = """
import datetime, os, time
_file, _true, _known = os.environ["POINTSMAN_TEST_CLOCK"], time.time, [0.0, 0.0]
def _offset():
    if time.monotonic() - _known[0] > 0.02:
        with open(_file) as file:
            _known[:] = [time.monotonic(), float(file.read() or 0)]
    return _known[1]
def _shown():
    return _true() + _offset()
time.time = _shown
class _Shown(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_shown(), tz)
datetime.datetime = _Shown
"""


@contextmanager
def a_world(directory: Path) -> Iterator[SmallWorld]:
    """DNS with an old TTL of 2 s, and two healthy edges."""
    directory.mkdir(parents=True, exist_ok=True)
    thread, zone, key, ca = LoopThread(), small_zone(), TsigKey.generate("pointsman."), PracticeCa()
    AUTHORITIES[directory] = ca
    write_key_file(directory / "tsig.key", key)
    (directory / "ca.pem").write_bytes(ca.root_pem)
    authority = AuthorityServer(zone, [key])
    old, new = Edge("old", OLD, directory), Edge("new", NEW, directory)
    try:
        thread.run(authority.start())
        resolver = CachingResolver(authority.endpoint)
        thread.run(resolver.start())
        port = thread.run(start_together(old, new))
        world = SmallWorld(directory, thread, zone, authority, resolver, old, new, port, ca.issue([HOST]))
        own_checklist(directory, only=("dns-ttl",))
        for edge in (old, new):
            world.configure(edge, "/healthz", "/api")
        yield world
        for server in (old, new, resolver, authority):
            thread.run(server.stop())
    finally:
        # those of a test that failed in their midst
        while _children:
            child = _children.pop()
            if child.returncode is None:
                child.kill()
                child.communicate()
        del AUTHORITIES[directory]
        thread.close()


def plan_of(world: SmallWorld, **changes: str) -> Path:
    """A quick plan; ``watch`` and ``soak`` are some tenths of a second."""
    path = world.plan_file(**{"checklist": "own.yaml", "watch": "500ms", "soak": "300ms", **changes})
    # many processes share the machine of the tests: what cannot be sent in time is missing, and never passes
    few = "min_samples: 3, p0: 0.001, alpha: 0.001, rate_per_s: 6, soak_rate_per_s: 4}"
    path.write_text(re.sub(r"min_samples: 10.*", few, path.read_text()))
    return path


def environment(world: SmallWorld, **more: str) -> dict[str, str]:
    """What the program runs with: a state directory of its own, no cluster, and a clock that can be set."""
    shim = world.directory / "shim"
    shim.mkdir(exist_ok=True)
    (shim / "sitecustomize.py").write_text(_SHIM)
    clock = world.directory / "clock"
    if not clock.exists():
        clock.write_text("0")
    return {
        **os.environ,
        "POINTSMAN_STATE_DIR": str(world.directory / "state"),
        "KUBECONFIG": str(world.directory / "no-kubeconfig"),
        "PYTHONPATH": str(shim),
        CLOCK: str(clock),
        **more,
    }


def set_clock(world: SmallWorld, offset_s: float) -> None:
    """Somebody sets the clock of the machine of the program, at once."""
    beside = world.directory / "clock-new"
    beside.write_text(str(offset_s))
    beside.replace(world.directory / "clock")


def start(world: SmallWorld, *arguments: str, **options: object) -> subprocess.Popen[str]:
    """``pointsman ARGUMENTS`` with its output to be read."""
    child: subprocess.Popen[str] = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(world),
        **options,  # type: ignore[call-overload]
    )
    _children.append(child)
    return child


def cutover(world: SmallWorld, plan: Path, **options: object) -> subprocess.Popen[str]:
    """A cutover with all consent given beforehand."""
    return start(world, "cutover", str(plan), "--write", "--confirm", HOST, **options)


def resumed(world: SmallWorld, longest_s: float = 90.0) -> subprocess.CompletedProcess[str]:
    """The latest unfinished run gone on with, to its end."""
    child = start(world, "resume", "--write", "--confirm", HOST)
    out, err = child.communicate(timeout=longest_s)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def journals(world: SmallWorld) -> list[Path]:
    """The journals there are."""
    return sorted((world.directory / "state" / "runs").glob("*.jsonl"))


def events_of(world: SmallWorld) -> list[Event]:
    """The only run's verified events; none where none was begun."""
    found = journals(world)
    assert len(found) <= 1, found
    return [entry.event for entry in read_journal(found[0])] if found else []


def state_of(world: SmallWorld) -> State | None:
    """The only run's state, as its journal has it."""
    events = events_of(world)
    return fold(events) if events else None


def until(holds: Callable[[], bool], longest_s: float = 40.0, what: str = "it") -> None:
    """Wait; fails where it never holds."""
    end = time.monotonic() + longest_s
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"never: {what}")
        time.sleep(0.03)


def until_phase(world: SmallWorld, child: subprocess.Popen[str], *phases: str) -> None:
    """Until the run is in one of ``phases``."""

    def there() -> bool:
        if child.poll() is not None:
            pytest.fail(f"it ended with {child.returncode}: {child.communicate()}")
        state = state_of(world)
        return state is not None and state.phase in phases

    until(there, 90, f"phase {phases}")


def ended(child: subprocess.Popen[str], longest_s: float = 90.0) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    try:
        out, err = child.communicate(timeout=longest_s)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        pytest.fail(f"it goes on:\n{out}\n{err}")
    return child.returncode, out, err
