"""Whose clock says that a Lease has run out: the API server's, never ours nor its holder's."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_kit import HOST, SmallWorld, environment, set_clock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "together"))

from pointsman.checklists.running.holding import Holder
from pointsman.checklists.running.leasing import LeaseKeeper
from pointsman.checklists.running.ports import since_boot
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.write import _age
from together_kit import Api, api_server

ANA = Holder("aaaa1111", "ana@desk", "store", (HOST,), 1.0, 1)
_TAKE = """
import sys
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.write import acquire_lease
from pointsman.checklists.running.leasing import lease_name
connection = connect(sys.argv[1])
lease = acquire_lease(connection, "infra", lease_name((sys.argv[2],)), "ben@laptop/bbbb2222")
print(lease.mine, lease.holder)
connection.close()
"""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with api_server(tmp_path) as server:
        yield server


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0])
def test_a_clock_that_is_wrong_takes_nobodys_lease(api: Api, tmp_path: Path, jump_s: float) -> None:
    world = SmallWorld(tmp_path, None, None, None, None, None, None, 0)  # type: ignore[arg-type]
    connection = connect(str(api.kubeconfig))
    ana = LeaseKeeper(connection, "infra", ANA, elapsed=since_boot)
    ana.begin()
    try:
        settings = environment(world)
        set_clock(world, jump_s)
        taken = subprocess.run(
            [sys.executable, "-c", _TAKE, str(api.kubeconfig), HOST],
            env=settings, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert taken.stdout.split() == ["False", "ana@desk/aaaa1111"]
        assert ana.holding().held
    finally:
        ana.release()
        connection.close()


def test_a_machine_that_was_frozen_asks_before_it_believes_its_lease(api: Api) -> None:
    frozen_s = [0.0]
    connection = connect(str(api.kubeconfig))
    # neither its uptime nor anything else of it went on, but its wall clock is set by the time of others
    ana = LeaseKeeper(
        connection, "infra", ANA, elapsed=lambda: 7.0, wall=lambda: time.time() + frozen_s[0], every_s=600
    )
    ana.begin()
    try:
        assert ana.holding().held
        frozen_s[0] = 3600.0
        assert not ana.holding().held
        end = time.monotonic() + 10
        while not ana.holding().held and time.monotonic() < end:
            time.sleep(0.05)
        # it is still ours, and was renewed at once
        assert ana.holding().held
    finally:
        ana.release()
        connection.close()


def test_what_the_server_noted_counts_more_than_what_a_holder_wrote() -> None:
    fields = [{"manager": "pointsman", "time": "2026-11-28T20:00:30Z"}, {"time": None}, "?"]
    now = 1_795_896_040.0  # 2026-11-28T20:00:40Z
    late, early = "2026-11-28T18:00:30.000000Z", "2026-11-28T23:00:30.000000Z"
    assert _age({"managedFields": fields}, late, now) == pytest.approx(10)
    assert _age({"managedFields": fields}, early, now) == pytest.approx(10)
    assert _age({}, "2026-11-28T20:00:10.000000Z", now) == pytest.approx(30)
    assert _age({}, "yesterday", now) is None
    assert _age({"managedFields": "x"}, "2026-11-28T20:00:10", now) is None
