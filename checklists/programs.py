"""Somebody's own program, as a check or to change records: no shell, one deadline, bounded output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOST_OUTPUT = 65_536
"""Bytes that are kept of each stream where nothing else is said; what is beyond is read and thrown away."""

ALWAYS_PASSED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What a program is given of our environment whatever else it asks for; no secrets are among it."""

_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. ``code`` None: it was not ``started``, or was ended by its deadline (``why``).

    A negative code is the number of the signal that ended it. ``cut``: it wrote more than is kept.
    """

    code: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    why: str = ""
    cut: bool = False
    started: bool = True


def environment(names: Iterable[str]) -> dict[str, str]:
    """The variables that are always passed, and ``names``; those that are not set are left out."""
    return {name: os.environ[name] for name in (*ALWAYS_PASSED, *names) if name in os.environ}


async def run_program(
    argv: Sequence[str],
    *,
    given: bytes,
    timeout_s: float,
    env: Mapping[str, str],
    folder: str | None = None,
    most_output: int = MOST_OUTPUT,
) -> Ended:
    """Run ``argv`` with ``given`` on its standard input; never raises for what the program does.

    It gets a process group of its own, which is ended as a whole: at the deadline, when this is cancelled,
    and when the program has gone and left others behind that hold its output open.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(env),
            cwd=folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        return Ended(None, why=why, started=False)
    outputs = _Outputs(process, most_output)
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(outputs.all_read(), _give(process, given))
            await process.wait()
        return outputs.ended(process.returncode)
    except TimeoutError:
        left = "it has gone, but left others behind that never ended"
        why = left if process.returncode is not None else f"no answer within {timeout_s:g} s"
        return outputs.ended(None, why)
    finally:
        await _end_group(process, outputs)


class _Outputs:
    def __init__(self, process: asyncio.subprocess.Process, most: int) -> None:
        self._most = most
        self._streams = (process.stdout, process.stderr)
        self._kept = (bytearray(), bytearray())
        self.cut = False
        self.closed = False

    async def all_read(self) -> None:
        await asyncio.gather(*map(self._read, self._streams, self._kept))
        self.closed = True

    async def _read(self, stream: asyncio.StreamReader | None, kept: bytearray) -> None:
        while stream is not None and (piece := await stream.read(8192)):
            room = self._most - len(kept)
            kept += piece[:room]
            self.cut = self.cut or len(piece) > room

    def ended(self, code: int | None, why: str = "") -> Ended:
        return Ended(code, bytes(self._kept[0]), bytes(self._kept[1]), why, self.cut)


async def _give(process: asyncio.subprocess.Process, given: bytes) -> None:
    assert process.stdin is not None
    # a program that does not care for what it is told closes its ear, and that is fine
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(given)
        await process.stdin.drain()
    process.stdin.close()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await process.stdin.wait_closed()


async def _end_group(process: asyncio.subprocess.Process, outputs: _Outputs) -> None:
    """Nothing to do where it has gone and nobody holds its output; else the group still has a member."""
    if process.returncode is not None and outputs.closed:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
                await outputs.all_read()
            break
    # a child that left the group may hold the pipes for ever; there is no public way to let go of them
    process._transport.close()  # type: ignore[attr-defined]
