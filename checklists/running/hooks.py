"""The plan's own commands at a transition: begun at most once, bounded, and never in anybody's way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal

from ...cluster.text import clean
from ..journal.secrecy import blot_secrets
from ..machine.effects import RunHook, due
from ..machine.events import HookBegan, HookEnded
from ..machine.state import State, outcome
from ..plans.model import Hook
from .desk import Desk

_MOST_OUTPUT = 16_384
_SHOWN = 300
_LAST_OUTPUT_S = 0.2
_LOOK_EVERY_S = 0.05


async def run_hook(desk: Desk, effect: RunHook) -> None:
    """Begin the hook, on disk first, and put its end on record; one that was begun is not begun again."""
    if effect.lost or (effect.mark, effect.hook) in desk.state.hooks_begun:
        _ended(desk, effect, None, "it had been begun, and is not begun twice")
        return
    state = desk.state
    if not desk.emit(effect, HookBegan(desk.ports.clock(), effect.mark, effect.hook)):
        return
    code, detail = await run_command(state.plan.hooks[effect.hook], state, effect.mark)
    _ended(desk, effect, code, detail)
    if code != 0:
        desk.seen.notice = clean(f"hook {state.plan.hooks[effect.hook].run[0]}: {_how(code)}{detail}", 300)
        desk.changed()


def _how(code: int | None) -> str:
    return "" if code is None else f"exit code {code}: "


def _ended(desk: Desk, effect: RunHook, code: int | None, detail: str) -> None:
    # not emit: the end of one that outlived the run's last moment is put on record too
    if effect in due(desk.state):
        said = blot_secrets(clean(detail, _SHOWN))
        desk.record(HookEnded(desk.ports.clock(), effect.mark, effect.hook, code, said))


def told(state: State, mark: int) -> dict[str, object]:
    """What a hook reads on its standard input: where the run stands as the phase of ``mark`` begins."""
    phase, at = state.marks[mark]
    return {
        "run": state.run_id,
        "plan": state.plan.name,
        "campaign": state.campaign,
        "wave": state.wave,
        "waves": state.waves,
        "hosts": list(state.plan.hosts),
        "old": list(state.plan.old.addresses),
        "new": list(state.plan.new.addresses),
        "phase": phase,
        "at": at,
        "outcome": outcome(state) if state.phase == phase else "",
        "reason": clean(state.reason),
        "switched": state.switched is not None and state.returned is None,
    }


async def run_command(hook: Hook, state: State, mark: int) -> tuple[int | None, str]:
    """Exit code (None: killed or not started) and a line of what it said. Ends within the hook's timeout."""
    environment = {
        **os.environ,
        "POINTSMAN_RUN": state.run_id,
        "POINTSMAN_PLAN": state.plan.name,
        "POINTSMAN_PHASE": state.marks[mark][0],
    }
    try:
        process = await asyncio.create_subprocess_exec(
            *hook.run,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            # a group of its own: all of it can be ended, and a ctrl-c at the terminal is not for it
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return None, f"it could not be started: {getattr(error, 'strerror', None) or error}"
    said = bytearray()
    talking = [
        asyncio.create_task(_tell(process, json.dumps(told(state, mark)).encode())),
        asyncio.create_task(_listen(process, said)),
    ]
    try:
        async with asyncio.timeout(hook.timeout_s):
            code = await _over(process)
        # something that it left in the background may hold its output open for ever
        await asyncio.wait(talking, timeout=_LAST_OUTPUT_S)
        return code, _last_line(said)
    except TimeoutError:
        return None, f"it was killed after {hook.timeout_s:g} s; {_last_line(said)}".rstrip("; ")
    finally:
        await _end(process, talking)


async def _over(process: asyncio.subprocess.Process) -> int:
    # not wait(): it ends only when everybody who inherited the output has closed it as well
    while process.returncode is None:  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(_LOOK_EVERY_S)
    return process.returncode


async def _end(process: asyncio.subprocess.Process, talking: list[asyncio.Task[None]]) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await _over(process)
    for task in talking:
        task.cancel()
    await asyncio.gather(*talking, return_exceptions=True)
    # the pipe that a grandchild still holds is ours to close
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


async def _tell(process: asyncio.subprocess.Process, line: bytes) -> None:
    assert process.stdin is not None
    # one that does not read is none the worse for it
    with contextlib.suppress(OSError):
        process.stdin.write(line + b"\n")
        await process.stdin.drain()
    with contextlib.suppress(OSError):
        process.stdin.close()
        await process.stdin.wait_closed()


async def _listen(process: asyncio.subprocess.Process, said: bytearray) -> None:
    assert process.stdout is not None
    while chunk := await process.stdout.read(4096):
        # the last of it is kept, and all of it read: one that talks on must not block
        said.extend(chunk)
        del said[:-_MOST_OUTPUT]


def _last_line(said: bytearray) -> str:
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return clean(lines[-1].strip(), _SHOWN) if lines else ""
