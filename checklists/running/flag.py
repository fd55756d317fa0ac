"""The postpone file: while it is there, nothing goes forward. Looked at each second and before a write."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..machine.events import FlagSeen
from .desk import Desk

_EVERY_S = 1.0


async def look_for_flag(desk: Desk) -> None:
    """Tell when the plan's postpone file comes and goes; at once over where the plan names none."""
    path = desk.state.plan.postpone_file
    while path:
        # a file system that hangs must not hang the run
        there = await asyncio.to_thread(is_there, path)
        if there != desk.state.flagged:
            desk.record(FlagSeen(desk.ports.clock(), there))
        await asyncio.sleep(_EVERY_S)


def is_there(path: str) -> bool:
    """True where the file is there, or where that cannot be told: what is not known opens nothing."""
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def keeps(desk: Desk) -> bool:
    """One more look right before the intent of a way forward: True where the file came since the last."""
    path = desk.state.plan.postpone_file
    if not path or not is_there(path):
        return False
    if not desk.state.flagged:
        desk.record(FlagSeen(desk.ports.clock(), there=True))
    return True
