"""An API server of its own with the shop in it, and a practice world beside it; no user has any right yet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_admin import Admin
from live_apiserver import live_server
from live_build import why_not
from pointsman.sandbox import loopback
from pointsman.sandbox.scenario import Pace
from rights_kit import Clerk, Scene
from rights_session import look_once, one_of_each_kind
from rights_world import copy_into, one_of_each, running_world, serve_more_kinds

QUICK = Pace(old_ttl=3, low_ttl=1, watch=3, soak=1, pause=1)
# the practice world may have what the API's own rules refuse
_REFUSED = ("Gateway edge:",)


# a file each: a cutover changes the shop
@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Scene]:
    if reason := why_not():
        pytest.skip(reason)
    try:
        loopback.require("127.0.0.2", "127.0.0.3")
    except loopback.LoopbackError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("rights")
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    with running_world("shop", QUICK) as world, live_server(folder / "server") as server:
        admin = Admin(server)
        try:
            admin.install_crds(shared / "crds" / "v1.6.1-experimental")
            serve_more_kinds(admin)
            refused = copy_into(admin, [*world.objects(), *one_of_each()])
            assert all(line.startswith(_REFUSED) for line in refused), refused
            samples = tuple(one_of_each_kind(look_once(server.kubeconfig())))
            yield Scene(server, admin, Clerk(server, admin), world, samples)
        finally:
            admin.close()
