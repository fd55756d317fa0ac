"""Beside a run: whether it still holds its hosts goes on record as soon as that changes."""

from __future__ import annotations

import asyncio

from ..machine.events import HoldingChanged
from .desk import Desk

_LOOK_S = 0.25


async def keep(desk: Desk) -> None:
    """Journal each change of the holding, for as long as the run is open."""
    lease = desk.ports.lease
    if lease is None:
        return
    while True:
        now, state = lease.holding(), desk.state
        known = state.holding == now.detail and not state.unheld if now.held else state.unheld == now.detail
        if not known:
            desk.record(HoldingChanged(desk.ports.clock(), now.held, now.detail))
        await asyncio.sleep(_LOOK_S)
