"""The API servers that the live part is tested with, over real TLS on a port of the system's choice.

`world` is both of them, one after the other: the practice server in the default suite, a real one where it is
asked for (-m live). `practice` is the practice server alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from api_worlds import World
from live_helpers import TOKEN, Practice
from pointsman.sandbox.apiserver.server import ApiServer
from pointsman.sandbox.apiserver.storage import Storage
from pointsman.sandbox.pki import PracticeCa
from practice_api import PracticeWorld


@pytest.fixture
async def practice(tmp_path: Path) -> AsyncIterator[Practice]:
    async with _practice_server(tmp_path) as practice:
        yield practice


@pytest.fixture
async def practice_world(practice: Practice) -> PracticeWorld:
    return PracticeWorld(practice)


@pytest.fixture(params=["practice", pytest.param("real", marks=pytest.mark.live)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """With the newest Gateway API, no object, and a user who may do everything."""
    if request.param == "practice":
        async with _practice_server(tmp_path) as practice:
            yield PracticeWorld(practice)
        return
    real = request.getfixturevalue("real_world")
    await real.open(tmp_path / "kubeconfig")
    try:
        yield real
    finally:
        await real.close()


@asynccontextmanager
async def _practice_server(folder: Path) -> AsyncIterator[Practice]:
    authority = PracticeCa()
    files = authority.issue(["localhost", "127.0.0.1"]).write(folder, "server")
    storage = Storage()
    server = ApiServer(storage, files.chain_file, files.key_file, TOKEN)
    await server.start()
    kubeconfig = folder / "kubeconfig"
    server.write_kubeconfig(kubeconfig, authority.root_pem)
    world = Practice(storage, server, kubeconfig, authority.root_pem, files)
    yield world
    await world.server.stop()
    await _close_what_clients_left()


async def _close_what_clients_left() -> None:
    # a connection that was still shaking hands when the server stopped is in nobody's list but the loop's
    loop = asyncio.get_running_loop()
    for transport in list(getattr(loop, "_transports", {}).values()):
        transport.abort()
    await asyncio.sleep(0)
