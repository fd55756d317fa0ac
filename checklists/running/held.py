"""Beside a run: whether it still holds its hosts goes on record as soon as that changes."""

from __future__ import annotations

import asyncio

from ..machine.events import HoldingChanged
from .desk import Desk
from .leasing import LeaseKeeper

_LOOK_S = 0.25


async def keep(desk: Desk) -> None:
    """Journal each change of the holding, for as long as the run is open."""
    lease = desk.ports.lease
    if lease is None:
        return
    while True:
        _look(desk, lease)
        await asyncio.sleep(_LOOK_S)


def _look(desk: Desk, lease: LeaseKeeper) -> None:
    now, state = lease.holding(), desk.state
    known = state.holding == now.detail and not state.unheld if now.held else state.unheld == now.detail
    if not known:
        desk.record(HoldingChanged(desk.ports.clock(), now.held, now.detail))


def keeps(desk: Desk) -> bool:
    """One more look right before the intent of a way forward: True where the hosts are not held now.

    A process that was stopped (ctrl-z, a laptop's lid) wakes up in the middle of what it was about.
    """
    if desk.ports.lease is None:
        return False
    _look(desk, desk.ports.lease)
    return bool(desk.state.unheld)
