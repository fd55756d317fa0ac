"""A real API server, one a worker; swept clean before each test that asks for `live_cluster`.

A plugin of all tests: the same server serves those of other folders. What is heavy is imported where asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from live_build import why_not

if TYPE_CHECKING:
    from live_admin import Admin
    from live_apiserver import LiveServer
    from real_world import RealWorld

NEWEST = "v1.6.1-experimental"


@pytest.fixture(scope="session")
def live_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Without any CRD."""
    from live_apiserver import live_server

    if reason := why_not():
        pytest.skip(reason)
    with live_server(tmp_path_factory.mktemp("live")) as server:
        yield server


@pytest.fixture(scope="session")
def admin(live_api: LiveServer) -> Iterator[Admin]:
    from live_admin import Admin

    one = Admin(live_api)
    yield one
    one.close()


@pytest.fixture(scope="session")
def newest_crds(admin: Admin, shared: Path) -> list[str]:
    """The names of the newest bundle's CRDs, which are served."""
    return admin.install_crds(shared / "crds" / NEWEST)


@pytest.fixture
def live_cluster(live_api: LiveServer, admin: Admin, newest_crds: list[str]) -> LiveServer:
    """With the newest CRDs, and no object of an earlier test."""
    admin.sweep()
    return live_api


@pytest.fixture(scope="session")
def real_world(live_api: LiveServer, admin: Admin, shared: Path) -> RealWorld:
    """To be opened by each test: see tests/cluster/conftest.py."""
    from real_world import RealWorld

    return RealWorld(live_api, admin, shared / "crds" / NEWEST)
