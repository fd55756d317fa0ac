"""A practice API server for tests of the live part, over real TLS on a port of the system's choice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from live_helpers import TOKEN, Practice
from pointsman.sandbox.apiserver.server import ApiServer
from pointsman.sandbox.apiserver.storage import Storage
from pointsman.sandbox.pki import PracticeCa


@pytest.fixture
async def practice(tmp_path: Path) -> AsyncIterator[Practice]:
    authority = PracticeCa()
    files = authority.issue(["localhost", "127.0.0.1"]).write(tmp_path, "server")
    storage = Storage()
    server = ApiServer(storage, files.chain_file, files.key_file, TOKEN)
    await server.start()
    kubeconfig = tmp_path / "kubeconfig"
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
