"""Looking at what both sides count by themselves: before the switch for comparison, then for the watch."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.watching.traffic.facts import Reading, TrafficSource
from ...probes.watching.traffic.flow import Before
from ..machine.effects import RunWatch, due
from ..machine.state import State
from .desk import Desk
from .usercounts import Users

_BEFORE = frozenset({"wait-ttl", "rehearse", "confirm", "switch"})
_IDLE_S = 0.5
_MOST_S = 10.0
_MOST_SOAKING_S = 60.0
# looking may take a tenth of the time at most: a scrape of many pods costs them, and the API server
_REST = 9.0


async def look_at_users(desk: Desk) -> None:
    """Beside the run: reads both sides' counters while it matters, until cancelled."""
    users = desk.seen.users
    old, _ = _opened(desk.ports.old_traffic)
    new, users.why_not = _opened(desk.ports.new_traffic)
    if old is None and new is None:
        return
    try:
        while True:
            users.wanted.clear()
            pause = _IDLE_S
            if _watching(desk.state) or desk.state.phase in _BEFORE:
                began = time.monotonic()
                readings = await asyncio.gather(_read(old), _read(new))
                _take(users, desk.state, *readings)
                desk.changed()
                pause = max(every(desk.state), _REST * (time.monotonic() - began))
            # not wait_for: in Python 3.11 it loses a cancellation that comes together with the event
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await users.wanted.wait()
    finally:
        for source in (old, new):
            if source is not None:
                await source.close()


def every(state: State) -> float:
    """Seconds between two looks: ten, a minute while soaking, less where a plan lives faster."""
    durations = state.plan.durations
    if state.watch_passed:
        return min(_MOST_SOAKING_S, max(1.0, durations.soak / 100))
    return min(_MOST_S, max(0.5, durations.watch / 20))


def _watching(state: State) -> bool:
    return any(isinstance(effect, RunWatch) for effect in due(state))


def _opened(port: Callable[[], TrafficSource | None] | None) -> tuple[TrafficSource | None, str]:
    """A side's source, or why there is none."""
    try:
        source = port() if port is not None else None
    except UserError as error:
        return None, clean(error)
    return (
        source,
        "" if source is not None else "the plan names no source for it, or there is no cluster to ask",
    )


async def _read(source: TrafficSource | None) -> Reading | None:
    return await source.read() if source is not None else None


def _take(users: Users, state: State, old: Reading | None, new: Reading | None) -> None:
    users.old, users.new = old, new
    users.looks += 1
    if state.switched is not None:
        return
    hosts = state.plan.hosts
    if old is not None:
        users.old_before = (users.old_before or Before.of(hosts)).add(old)
    if new is not None:
        users.new_before = (users.new_before or Before.of(hosts)).add(new)
