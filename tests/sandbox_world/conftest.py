"""A practice world for a test, at the quickest pace."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pointsman.sandbox import loopback
from pointsman.sandbox.world import World, WorldInfo
from practice_tools import QUICK


@pytest.fixture(scope="session")
def two_sides() -> None:
    """Skips where the system has 127.0.0.1 alone."""
    try:
        loopback.require("127.0.0.2", "127.0.0.3")
    except loopback.LoopbackError as error:
        pytest.skip(str(error))


@pytest.fixture
async def world(two_sides: None) -> AsyncIterator[World]:
    made = World(shoppers=False)
    yield made
    await made.stop()


@pytest.fixture
async def shop(world: World) -> WorldInfo:
    return await world.start("shop", QUICK)
