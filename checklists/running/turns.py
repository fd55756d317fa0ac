"""Beside a wave's run: looks how the waves before it stand, and puts on record whether its turn has come."""

from __future__ import annotations

import asyncio

from ..machine.events import ChecksAsked, TurnChanged
from ..machine.state import GATE_MAX_AGE_S, State
from ..machine.turns import Turn, turn
from .desk import Desk

# a look at states in memory costs nothing, and an alarm there has to reach the next wave before its consent
_LOOK_EVERY_S = 0.2
_SETTLED = ("watch", "soak", "done", "rollback", "drain", "rolled-back")


async def take_turns(desk: Desk) -> None:
    """Until the run ends; at once over where there is no wave before this one."""
    if desk.state.wave == 1:
        return
    while True:
        _look(desk)
        await asyncio.sleep(_LOOK_EVERY_S)


def turn_of(desk: Desk) -> Turn:
    """Whose turn it is by the waves that are open here."""
    before: tuple[State | None, ...] = (None,) * (desk.state.wave - 1)
    if desk.ports.waves_before is not None:
        before = desk.ports.waves_before()
    return turn(before, desk.state.plan.durations.pause, desk.ports.clock())


def _look(desk: Desk) -> None:
    state = desk.state
    if state.switched is not None or state.pending or state.phase in _SETTLED:
        # it has switched: what becomes of the waves before is not its business any more
        return
    now = desk.ports.clock()
    found = turn_of(desk)
    if (found.come, found.why) == (state.turn, state.turn_why):
        return
    if found.come and state.turn:
        return
    desk.record(TurnChanged(now, found.come, found.why))
    gate_age = now - (state.gate_at if state.gate_at is not None else now)
    if found.come and state.phase == "confirm" and gate_age > GATE_MAX_AGE_S:
        # its checks passed long ago, while it waited
        desk.record(ChecksAsked(now, f"the answers are {gate_age / 60:.0f} minutes old"))
