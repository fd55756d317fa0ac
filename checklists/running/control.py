"""What another terminal of the same user may ask of a run: how it stands, to tune, to postpone, to go on.

Each run listens on a socket beside its journal, in the private state directory, mode 0600. Consent is never
given this way: a write and a rollback are confirmed only where their change is shown. The run's lock makes
its holder the only one to listen, so a socket that is there before is left over from a dead process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..machine.effects import due
from ..machine.state import awaiting, outcome, waiting_for_others
from ..machine.steps import message
from ..machine.view import Command, Continue, Postpone, Tune
from .desk import Desk

_LONGEST_LINE = 4096
_ASK_WITHIN_S = 2.0
_ANSWER_WITHIN_S = 5.0
_LONGEST_ADDRESS = 100  # sockaddr_un holds 104 bytes on the shortest systems
_MOST_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """What the run says. ``done`` is False where it refused; ``told`` is how it stands now."""

    done: bool
    said: str
    told: dict[str, Any]


def socket_path(journal: Path) -> Path:
    """Where the run of ``journal`` listens."""
    return journal.with_suffix(".sock")


async def listen(desk: Desk) -> None:
    """Take requests until cancelled; where no socket can be made the run does without, and says so."""
    path = socket_path(desk.journal.path)
    listener = _bound(path)
    gate = asyncio.Semaphore(_MOST_AT_ONCE)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with gate, asyncio.timeout(_ASK_WITHIN_S):
                line = await reader.readuntil(b"\n")
                writer.write(json.dumps(answer(desk, line)).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, sock=listener, limit=_LONGEST_LINE)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        server.close()
        with contextlib.suppress(OSError):
            path.unlink()


def _bound(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with _address(path) as address:
            listener.bind(address)
        # nobody can connect before it listens
        path.chmod(0o600)
    except OSError as error:
        listener.close()
        raise UserError(f"{path}: no other terminal can tune this run: {error.strerror or error}") from None
    return listener


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """The path as a socket's address, which must be short: by way of its open directory if need be."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def answer(desk: Desk, line: bytes) -> dict[str, Any]:
    """What is said to one request, which is carried out if it is one that may be asked from elsewhere."""
    try:
        asked = json.loads(line)
        kind, operator = asked["ask"], clean(str(asked.get("operator", "")), 80)
        command = _command(kind, asked)
    except (ValueError, KeyError, TypeError, RecursionError):
        return _reply(desk, "not a request that is understood")
    if command is None:
        return _reply(desk, "" if kind == "status" else "only status, tune, postpone and continue are taken")
    return _reply(desk, desk.command(command, operator))


def _command(kind: object, asked: dict[str, Any]) -> Command | None:
    if kind == "tune":
        return Tune(clean(str(asked["name"]), 60), float(asked["value"]))
    others: dict[object, Command] = {"postpone": Postpone(), "continue": Continue()}
    return others.get(kind)


def _reply(desk: Desk, said: str) -> dict[str, Any]:
    state = desk.state
    change = awaiting(state)
    told = {
        "run": state.run_id,
        "plan": state.plan.name,
        "hosts": list(state.plan.hosts),
        "phase": state.phase,
        "outcome": outcome(state),
        "message": message(state),
        "postponed": waiting_for_others(state),
        "waits_for": change.purpose if change else "",
        "doing": [type(effect).__name__ for effect in due(state)],
    }
    return {"done": not said, "said": said, "told": told}


def ask(journal: Path, request: dict[str, Any]) -> Reply:
    """Ask the run of ``journal``; for another process. UserError: no process holds it, or it is silent."""
    path = socket_path(journal)
    mend = f"pointsman resume {journal.stem}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_ANSWER_WITHIN_S)
            with _address(path) as address:
                client.connect(address)
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as lines:
                plain = json.loads(lines.readline(1_000_000))
        return Reply(bool(plain["done"]), clean(str(plain["said"])), dict(plain["told"]))
    except (FileNotFoundError, ConnectionRefusedError):
        raise UserError(f"no Pointsman holds run {journal.stem} now", f"go on with it: {mend}") from None
    except TimeoutError:
        raise UserError(f"run {journal.stem} does not answer", "is its Pointsman stopped (ctrl-z)?") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = getattr(error, "strerror", None) or type(error).__name__
        raise UserError(f"run {journal.stem} cannot be asked: {what}", f"was it left? {mend}") from None
