"""The new edge's certificate is changed in the watch: what clients would meet is what raises the alarm."""

from __future__ import annotations

from functools import partial

import pytest
from faults_kit import (
    AUTHORITIES,
    HOST,
    OLD,
    SmallWorld,
    cutover,
    ended,
    events_of,
    plan_of,
    until,
    until_phase,
)
from pointsman.checklists.machine.events import WatchEnded, WatchNoted
from pointsman.sandbox.edge_model import EdgeRule, VirtualHost
from pointsman.sandbox.pki import Certificate


@pytest.mark.parametrize("how", ["another name", pytest.param("expired", marks=pytest.mark.real)])
def test_it_is_a_failed_handshake_and_no_error_of_a_server(world: SmallWorld, how: str) -> None:
    child = cutover(world, plan_of(world, watch="30s"))
    until_phase(world, child, "watch")
    until(lambda: any(isinstance(one, WatchNoted) for one in events_of(world)), 60, "a note of the watch")
    ca = AUTHORITIES[world.directory]
    spoilt = ca.issue([HOST], expired=True) if how == "expired" else ca.issue(["other.shop.test"])
    _serve(world, spoilt)
    code, out, err = ended(child, 120)
    assert code == 1, (out, err)
    (decided,) = [one for one in events_of(world) if isinstance(one, WatchEnded)]
    assert decided.verdict == "ABORT"
    kinds = decided.numbers["new"]["kinds"]
    assert kinds["handshake"] == decided.numbers["new"]["errors"] > 1
    assert decided.numbers["old"]["errors"] == 0
    assert world.addresses() == (OLD,)


def _serve(world: SmallWorld, certificate: Certificate) -> None:
    assert world.new is not None
    rules = tuple(EdgeRule(path, "Prefix", "svc", body="ok") for path in ("/healthz", "/api"))
    host = VirtualHost(HOST, rules, certificate)
    world.thread.call(partial(world.new.configure, {HOST: host}))
