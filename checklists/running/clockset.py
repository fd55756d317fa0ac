"""Beside a run: whether somebody sets this machine's clock, which changes nothing, and is said."""

from __future__ import annotations

import asyncio

from ..machine.words import duration
from .desk import Desk
from .ports import RunClock

_LOOK_S = 1.0
_SLACK_S = 5.0


async def tell(desk: Desk) -> None:
    """Say it once for each time that the clock is set, in one line."""
    clock, told = desk.ports.clock, 0.0
    while isinstance(clock, RunClock):
        ahead = clock.ahead_s()
        if abs(ahead - told) > _SLACK_S:
            which = "forward" if ahead > told else "back"
            desk.seen.notice = (
                f"this machine's clock was set {which} by {duration(abs(ahead - told))}:"
                " the run goes on by the time that really passes, and keeps the clock it began with"
            )
            told = ahead
            desk.changed()
        await asyncio.sleep(_LOOK_S)
