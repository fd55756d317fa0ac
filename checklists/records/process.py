"""A command of the user's own: its words, never a shell; a deadline, bounded output, ended as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass

from ...cluster.errors import UserError
from ...cluster.text import clean

MOST_OUTPUT = 1_000_000
_MOST_COMPLAINT = 64_000
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended. ``why`` is empty where it came to its own end; else why it was ended. ``code``: its exit
    code, negative for a signal. ``complaint``: the last line on standard error, fit to be shown.
    """

    code: int
    output: bytes
    complaint: str
    why: str = ""

    @property
    def trouble(self) -> str:
        """Why it counts as failed, in one line; empty where it ended well."""
        if not self.why and self.code == 0:
            return ""
        ended = self.why or (f"exit code {self.code}" if self.code > 0 else f"ended by signal {-self.code}")
        return f"{ended}: {self.complaint}" if self.complaint else ended


async def run_command(argv: tuple[str, ...], sent: bytes, deadline_s: float) -> Ended:
    """Run it with ``sent`` on standard input and our environment. UserError: it could not be started.

    It runs in a process group of its own, which is killed when it has ended, when ``deadline_s`` (seconds)
    are over, when it prints more than ``MOST_OUTPUT`` bytes, and when we are cancelled.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else clean(error)
        raise UserError(f"{clean(argv[0], 120)} cannot be started: {reason}", "check the command") from None
    kept, complaints, why = bytearray(), bytearray(), ""
    try:
        async with asyncio.timeout(deadline_s):
            await asyncio.gather(_send(process, sent), _read(process, kept), _read_last(process, complaints))
            await process.wait()
    except TimeoutError:
        why = f"not over within {deadline_s:g} s"
    finally:
        _kill(process)
        await process.wait()
    if len(kept) > MOST_OUTPUT:
        why = f"more than {MOST_OUTPUT} bytes of output"
    return Ended(process.returncode or 0, bytes(kept), _last_line(complaints), why)


async def _send(process: asyncio.subprocess.Process, sent: bytes) -> None:
    assert process.stdin is not None
    # one that does not read its input may still answer
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(sent)
        await process.stdin.drain()
    process.stdin.close()


async def _read(process: asyncio.subprocess.Process, kept: bytearray) -> None:
    assert process.stdout is not None
    while chunk := await process.stdout.read(_CHUNK):
        if len(kept) <= MOST_OUTPUT:
            kept += chunk
        if len(kept) > MOST_OUTPUT:
            _kill(process)


async def _read_last(process: asyncio.subprocess.Process, kept: bytearray) -> None:
    assert process.stderr is not None
    while chunk := await process.stderr.read(_CHUNK):
        kept += chunk
        del kept[:-_MOST_COMPLAINT]


def _kill(process: asyncio.subprocess.Process) -> None:
    """The whole group, by the pid that we started: what it left behind could still change a record."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_line(complaints: bytes | bytearray) -> str:
    lines = [line for line in bytes(complaints).decode("utf-8", "replace").splitlines() if line.strip()]
    return clean(lines[-1].strip(), 200) if lines else ""
