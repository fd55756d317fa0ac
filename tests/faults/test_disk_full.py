"""The disk is full, or may not be written: before a cutover, in its midst, and once there is room again."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults_kit import (
    HOST,
    NEW,
    OLD,
    PROGRAM,
    SmallWorld,
    cutover,
    ended,
    environment,
    events_of,
    journals,
    plan_of,
    resumed,
    start,
    state_of,
    until,
    until_phase,
)
from pointsman.checklists.machine.events import WriteEnded, WriteIntended
from pointsman.sandbox.dns_authority import DnsFaults


def _writes(world: SmallWorld) -> list[tuple[str, str]]:
    kinds = {WriteIntended: "intended", WriteEnded: "ended"}
    found = (event for event in events_of(world) if isinstance(event, WriteIntended | WriteEnded))
    return [(kinds[type(event)], event.purpose) for event in found]


def _changes(world: SmallWorld) -> list[str]:
    """What became of the record, each change of it."""
    seen: list[str] = []
    world.zone.on_change(
        lambda event: (
            seen.append(
                f"{event.new.ttl} {','.join(data.to_text() for data in event.new)}" if event.new else ""
            )
            if event.name == HOST
            else None
        )
    )
    return seen


def test_no_first_line_no_run(world: SmallWorld) -> None:
    changes = _changes(world)
    plan = plan_of(world)
    child = cutover(world, plan, preexec_fn=_no_larger_than(900))
    code, out, err = ended(child)
    assert code == 2, (out, err)
    lines = [line for line in err.splitlines() if line.startswith("pointsman: ")]
    assert len(lines) == 1
    assert "cannot be written: File too large" in lines[0]
    assert "free the disk" in lines[0]
    assert "Traceback" not in err
    assert changes == []
    # what was begun there is no run, and in nobody's way
    listed = start(world, "journal").communicate()[0]
    assert HOST not in listed
    code, out, err = ended(cutover(world, plan))
    assert (code, world.addresses()) == (0, (NEW,)), (out, err)


def _no_larger_than(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _fill_disk(world: SmallWorld, child: subprocess.Popen[str]) -> None:
    """Room for a half-written line, and no more: the kernel refuses what goes beyond."""
    size = journals(world)[0].stat().st_size + 60
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize("where", ["in the wait", "while the switch is on its way"])
def test_full_in_the_midst_of_a_cutover(world: SmallWorld, where: str) -> None:
    changes = _changes(world)
    world.zone.set("store", 3, "A", OLD)
    changes.clear()
    child = cutover(world, plan_of(world))
    switching = where != "in the wait"
    if switching:
        until(lambda: (state := state_of(world)) is not None and state.phase == "wait-ttl", 40)
        world.authority.faults = DnsFaults(delay_s=0.7)
        until(lambda: ("intended", "switch") in _writes(world), 40, "the switch's intent")
    else:
        until_phase(world, child, "wait-ttl")
    _fill_disk(world, child)
    code, out, err = ended(child, 60)
    world.authority.faults = DnsFaults()
    assert code == 3, (out, err)
    assert "Traceback" not in out + err
    told = " ".join(out.split())
    line = "cannot be written: File too large; nothing more is done; free the disk, then resume"
    assert told.count(line) == 1
    # nothing is done whose intent is not on disk
    assert changes == [f"1 {OLD}", f"1 {NEW}"][: 1 + switching]
    assert _writes(world)[-1] == (("intended", "switch") if switching else ("ended", "lower-ttl"))
    assert [path.suffix for path in journals(world)[0].parent.iterdir()] == [".jsonl"]
    again = resumed(world, 90)
    assert again.returncode == 0, (again.stdout, again.stderr)
    # found out, and not sent again
    assert changes == [f"1 {OLD}", f"1 {NEW}"]


# -- a file system of its own, where one may be made


@pytest.fixture
def small_disk(world: SmallWorld) -> Iterator[Path]:
    """The state directory on a file system of 256 kB. Only root can make one."""
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("needs root and mount, to make a file system")
    directory = world.directory / "state"
    directory.mkdir()
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(directory)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"mount: {made.stderr.strip()}")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


@pytest.mark.real
def test_a_disk_that_is_really_full(world: SmallWorld, small_disk: Path) -> None:
    world.zone.set("store", 3, "A", OLD)
    child = cutover(world, plan_of(world))
    until_phase(world, child, "wait-ttl")
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    code, out, err = ended(child, 60)
    assert code == 3, (out, err)
    assert "No space left on device; nothing more is done; free the disk" in " ".join(out.split())
    assert "Traceback" not in out + err
    # nothing can be begun either, nor gone on with for longer than the journal's last page has room
    for arguments in (("resume", "--write"), ("cutover", str(plan_of(world)), "--write")):
        code, out, err = ended(start(world, *arguments))
        assert code in (2, 3), (out, err)
        assert "No space left on device" in out + err
        assert "Traceback" not in out + err
    filler.unlink()
    assert world.addresses() == (OLD,)
    again = resumed(world, 90)
    assert again.returncode == 0, (again.stdout, again.stderr)
    assert world.addresses() == (NEW,)


@pytest.mark.real
def test_a_state_directory_that_is_read_only(world: SmallWorld, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, out, err = ended(cutover(world, plan_of(world)))
    complaints = [line for line in err.splitlines() if line.startswith("pointsman: ")]
    assert (code, out) == (2, ""), err
    assert len(complaints) == 1
    assert "Read-only file system" in complaints[0]
    assert ended(start(world, "journal"))[0] == 0
    assert world.ttl() == 2


def test_a_home_that_may_not_be_written(world: SmallWorld) -> None:
    home = world.directory / "home"
    home.mkdir(mode=0o555)
    options: dict[str, object] = {}
    if os.geteuid() == 0:
        # root may write everywhere; nobody may not
        try:
            subprocess.run([*PROGRAM, "--version"], check=True, user=65534, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("root runs this, and nobody may not run the interpreter")
        options = {"user": 65534, "group": 65534, "extra_groups": []}
    settings = {**environment(world), "HOME": str(home)}
    del settings["POINTSMAN_STATE_DIR"]
    settings.pop("XDG_STATE_HOME", None)
    plan = plan_of(world)
    child = subprocess.Popen(
        [*PROGRAM, "cutover", str(plan), "--write"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=settings,
        **options,  # type: ignore[call-overload]
    )  # fmt: skip
    code, out, err = ended(child)
    complaints = [line for line in err.splitlines() if line.startswith("pointsman: ")]
    assert (code, out) == (2, ""), err
    assert len(complaints) == 1
    assert "Permission denied" in complaints[0]
    assert "POINTSMAN_STATE_DIR" in complaints[0]
    assert world.ttl() == 2
