"""The practice world in a thread of the test, so that every change of its zone can be told exactly."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.rdatatype
import pytest
from pointsman.sandbox import loopback
from pointsman.sandbox.dns_zone import ZoneEvent
from pointsman.sandbox.scenario import Pace
from pointsman.sandbox.world import World, WorldInfo

CAMPAIGN = "three-hosts"
STORE, ACCOUNT, CART = "store.shop.test", "account.shop.test", "cart.shop.test"


@dataclass
class Practice:
    """A running world: where it is, and what was changed in its zone, in order: (host, TTL, side)."""

    world: World
    info: WorldInfo
    changes: list[tuple[str, int, str]] = field(default_factory=list)

    def note(self, event: ZoneEvent) -> None:
        if event.rdtype != dns.rdatatype.A:
            return
        name = event.name.removesuffix(".")
        if event.new is None:
            self.changes.append((name, -1, "gone"))
            return
        sides = {self.info.old_address: "old", self.info.new_address: "new"}
        (address,) = (record.to_text() for record in event.new)
        self.changes.append((name, event.new.ttl, sides[address]))


@contextmanager
def practice_world(pace: Pace, scenario: str = "three-hosts-two-waves") -> Iterator[Practice]:
    """A world that lives in its own thread until the block ends."""
    try:
        loopback.require("127.0.0.2", "127.0.0.3")
    except loopback.LoopbackError as error:
        pytest.skip(str(error))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    world = World()
    try:
        info = run(world.start(scenario, pace))
        practice = Practice(world, info)
        assert world.zone is not None
        world.zone.on_change(practice.note)
        yield practice
    finally:
        run(world.stop())
        run(_settle())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0.01)
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
