"""The plan's own commands: begun once, told what is so, bounded in time and talk, and in nobody's way."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cutover_kit import HOST, SmallWorld, own_checklist, waits_for
from pointsman.checklists.journal.file import read_journal
from pointsman.checklists.machine.advance import fold
from pointsman.checklists.machine.effects import RunHook, due
from pointsman.checklists.machine.events import HookBegan, HookEnded, Resumed
from pointsman.checklists.plans.model import Hook
from pointsman.checklists.running.hooks import run_command
from pointsman.checklists.running.run import CutoverRun
from test_machine_paths import HOOKS, PLAN, begun

STATE = fold([begun(replace(PLAN, hooks=HOOKS))])


def hook(code: str, timeout_s: float = 10.0, *more: str) -> Hook:
    return Hook(("preflight",), (sys.executable, "-S", "-c", code, *more), timeout_s)


async def test_it_is_told_where_the_run_stands(tmp_path: Path) -> None:
    path = tmp_path / "told.json"
    code = (
        "import json, os, sys; told = json.load(sys.stdin); told['env'] = "
        "{n: v for n, v in os.environ.items() if n.startswith('POINTSMAN_')}; "
        "json.dump(told, open(sys.argv[1], 'w')); print('fine')"
    )
    assert await run_command(hook(code, 10.0, str(path)), STATE, 0) == (0, "fine")
    told = json.loads(path.read_text())
    assert told["run"] == told["env"]["POINTSMAN_RUN"] == "abcd1234"
    assert told["phase"] == told["env"]["POINTSMAN_PHASE"] == "preflight"
    assert told["hosts"] == [HOST]
    assert told["outcome"] == told["reason"] == ""


async def test_its_arguments_pass_no_shell() -> None:
    code, said = await run_command(Hook((), ("echo", "$HOME; exit 7", "`id`")), STATE, 0)
    assert (code, said) == (0, "$HOME; exit 7 `id`")


async def test_one_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    run = ("/bin/sh", "-c", f"sleep 60 & echo $! > {path}; echo begun; wait")
    began = time.monotonic()
    code, said = await run_command(Hook((), run, 0.3), STATE, 0)
    assert code is None
    assert "killed after 0.3 s" in said
    assert "begun" in said
    assert time.monotonic() - began < 5
    for _ in range(50):
        if not alive(int(path.read_text())):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("its child lives on")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


async def test_what_it_leaves_in_the_background_holds_nobody_up() -> None:
    began = time.monotonic()
    code, said = await run_command(Hook((), ("/bin/sh", "-c", "sleep 5 & echo done"), 10.0), STATE, 0)
    assert (code, said) == (0, "done")
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("code", "ended", "last"),
    [
        ("import sys; sys.stdin.close(); sys.exit(7)", 7, ""),
        ("print('x' * 5_000_000); print('\\x1b[31mred\\x1b[0m')", 0, "·[31mred·[0m"),
        ("import os; os.kill(os.getpid(), 15)", -15, ""),
    ],
)
async def test_however_it_behaves_the_run_learns_its_end(code: str, ended: int, last: str) -> None:
    assert await run_command(hook(code), STATE, 0) == (ended, last)


@pytest.mark.parametrize("argv", [("/no/such/thing",), ("/etc/passwd",), ("echo", "a\0b")])
async def test_one_that_cannot_start_is_said(argv: tuple[str, ...]) -> None:
    code, said = await run_command(Hook((), argv), STATE, 0)
    assert code is None
    assert "could not be started" in said


def test_one_that_was_begun_before_a_crash_is_not_begun_again() -> None:
    events = [begun(replace(PLAN, hooks=HOOKS)), HookBegan(1001, 0, 0), Resumed(1002, True)]
    assert [effect for effect in due(fold(events)) if isinstance(effect, RunHook)] == [
        RunHook(0, 0, lost=True)
    ]
    ended = fold([*events, HookEnded(1003, 0, 0, None)])
    assert not [effect for effect in due(ended) if isinstance(effect, RunHook)]


def test_a_run_with_a_bad_hook_goes_on_and_ends_its_last_one(small_world: SmallWorld) -> None:
    own_checklist(small_world.directory, only=("dns-ttl",))
    log = small_world.directory / "log"
    # what a hook says, and no plan could hold
    secret = small_world.directory / "said"
    secret.write_text("Authorization: Bearer abcdefghijklmnopqrst")
    hooks = (
        f'hooks: [{{on: [preflight, stopped-at-gate], run: ["/bin/sh", "-c", "cat >> {log}; '
        f'cat {secret}; sleep 0.3; exit 3"]}}]'
    )
    plan = small_world.plan(checklist="own.yaml", extra=hooks)
    run = CutoverRun.start_new(plan, writes_enabled=False, state_dir=small_world.directory / "state")
    try:
        view = run.wait(waits_for("lower-ttl"), 10)
        assert view.outcome == "stopped-at-gate"
    finally:
        # left at once, while its hook still runs
        run.stop()
    ended = [entry.event for entry in read_journal(run._journal.path) if isinstance(entry.event, HookEnded)]
    assert [event.code for event in ended] == [3, 3]
    assert not any("abcdefgh" in event.detail for event in ended)
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["phase"] for one in told] == ["preflight", "stopped-at-gate"]
    assert told[1]["outcome"] == "stopped-at-gate"
    assert "--write" in told[1]["reason"]
    assert not os.environ.get("POINTSMAN_RUN")
