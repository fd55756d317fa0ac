"""Counters through a real API: the practice world's pods, which show what its two edges have counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.plans.model import Plan
from pointsman.checklists.running.traffic import new_source, old_source
from pointsman.cluster.client.connect import Connection, connect
from pointsman.probes.watching.traffic.pods import PodsSource
from pointsman.sandbox import loopback
from pointsman.sandbox.world import World, WorldInfo
from practice_tools import QUICK, ask

HOST = "store.shop.test"
OLD = ("ingress-nginx", "ingress-nginx", "app.kubernetes.io/part-of=ingress-nginx")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    try:
        loopback.require("127.0.0.2", "127.0.0.3")
    except loopback.LoopbackError as error:
        pytest.skip(str(error))
    made = World(shoppers=False)
    yield made
    await made.stop()


@pytest.fixture
async def shop(world: World) -> WorldInfo:
    return await world.start("shop", QUICK)


@pytest.fixture
async def connection(shop: WorldInfo) -> AsyncIterator[Connection]:
    made = await asyncio.to_thread(connect, str(shop.kubeconfig), None)
    yield made
    made.close()


def plan_of(shop: WorldInfo) -> Plan:
    return load_plan(str(shop.plans[HOST]))


def pods(connection: Connection, **changes: object) -> PodsSource:
    controller, namespace, selector = OLD
    fields = {"controller": controller, "namespace": namespace, "selector": selector} | changes
    return PodsSource(connection, **fields)  # type: ignore[arg-type]


async def test_both_sides_of_a_plan_are_counted(
    world: World, shop: WorldInfo, connection: Connection
) -> None:
    plan = plan_of(shop)
    old, new = old_source(plan, connection), new_source(plan, connection)
    assert old is not None
    assert new is not None
    first = await old.read()
    await new.read()
    assert first.complete, first.problems
    assert first.by_host
    for path in ("/", "/", "/no-such-page-anywhere"):
        await ask(shop, plan.old.address, HOST, path)
    await ask(shop, plan.old.address, "cart.shop.test", "/")
    await ask(shop, plan.new.address, HOST, "/")
    seen = await old.read()
    assert seen.complete
    assert seen.hosts[HOST].requests == 3
    assert seen.total.requests == 4
    assert seen.total.handshakes is None
    assert world.old_edge is not None
    assert world.old_edge.counters.total(HOST) == 3
    gateway = await new.read()
    assert gateway.complete
    assert gateway.total.requests == 1
    assert gateway.total.handshakes == 1
    assert gateway.total.handshake_failures == 0
    assert not gateway.by_host
    assert gateway.source == "Envoy Gateway pods in envoy-gateway-system"
    # a name that the gateway does not know is a failed handshake, and no request
    with pytest.raises(ConnectionResetError):
        await ask(shop, plan.new.address, "nobody.example", "/")
    gateway = await new.read()
    assert gateway.total.requests == 1
    assert (gateway.total.handshake_failures or 0) >= 1


async def test_what_cannot_be_read_is_a_problem_and_no_zero(
    world: World, shop: WorldInfo, connection: Connection
) -> None:
    for changes, words in (
        ({"namespace": "shop"}, "no pod runs in shop"),
        ({"selector": "app=none"}, "no pod runs in ingress-nginx with app=none"),
        ({"port": 9999}, "connection refused"),
        ({"path": "/status"}, "nothing is there on that port and path (404)"),
        ({"selector": "=,="}, "400"),
    ):
        reading = await pods(connection, **changes).read()
        assert (reading.answered, reading.complete, reading.unbroken_since) == (0, False, None)
        assert reading.total.requests is None
        assert words in reading.problems[0], reading.problems
    # another controller's families are not on that port
    reading = await pods(connection, controller="traefik", port=10254).read()
    assert reading.answered == 0
    assert "is Traefik on that port and path?" in reading.problems[0]


async def test_who_may_not_is_told_which_right_he_lacks(
    world: World, shop: WorldInfo, connection: Connection
) -> None:
    assert world.server is not None
    source = pods(connection)
    good = await source.read()
    assert good.answered == 1
    allow = world.server.policy.deny(resources=["pods/proxy"])
    denied = await source.read()
    assert "not allowed to get pods/proxy in ingress-nginx (403)" in denied.problems[0]
    assert (denied.pods, denied.answered, denied.complete) == (1, 0, False)
    allow()
    assert (await source.read()).complete
    world.server.policy.deny(resources=["pods"])
    assert "not allowed to list pods in ingress-nginx (403)" in (await source.read()).problems[0]


async def test_a_pod_that_restarts_is_followed_and_said(
    world: World, shop: WorldInfo, connection: Connection
) -> None:
    assert world.storage is not None
    assert world.old_edge is not None
    source = pods(connection, hosts=(HOST,))
    await ask(shop, shop.old_address, HOST)
    await source.read()
    await ask(shop, shop.old_address, HOST)
    assert (await source.read()).total.requests == 1
    (pod,) = world.storage.list("Pod", "ingress-nginx")
    world.old_edge.counters.requests.clear()
    statuses = [{**pod["status"]["containerStatuses"][0], "restartCount": 3}]
    world.storage.apply({**pod, "status": {**pod["status"], "containerStatuses": statuses}})
    for _ in range(3):
        await ask(shop, shop.old_address, HOST)
    reading = await source.read()
    assert reading.hosts[HOST].requests == 4
    assert not reading.complete
    assert "has restarted" in reading.problems[0]
    assert reading.unbroken_since == reading.at


async def test_a_server_that_hangs_costs_the_deadline_once(
    world: World, shop: WorldInfo, connection: Connection
) -> None:
    hanging = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hanging.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        text = shop.kubeconfig.read_text().replace(
            shop.api_url, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        )
        slow = shop.directory / "slow"
        slow.write_text(text)
        other = await asyncio.to_thread(connect, str(slow), None)
        source = PodsSource(other, *OLD, deadline_s=0.4)
        began = time.monotonic()
        first, second = await source.read(), await source.read()
        assert time.monotonic() - began < 4
        assert "not answer" in first.problems[0]
        assert first.total.requests is second.total.requests is None
        other.close()
    finally:
        hanging.set()
        server.close()
        await server.wait_closed()
