"""The practice world as a whole: what its statuses say, what its edges answer, and what happens in it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import dns.tsigkeyring
import dns.update
import pytest
from pointsman.sandbox.dns_keys import read_key_file
from pointsman.sandbox.errors import SandboxError
from pointsman.sandbox.scenario import Pace, list_scenarios
from pointsman.sandbox.world import World, WorldInfo
from practice_tools import QUICK, ask, client, conditions, resolve, stored

FAULT = "practice.pointsman.dev/fault"


async def eventually(told: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not told():  # noqa: ASYNC110 - what is waited for is told by no event
            await asyncio.sleep(0.01)


async def update(info: WorldInfo, host: str, address: str, ttl: int) -> dns.rcode.Rcode:
    """Change an A record as Pointsman would: RFC 2136, signed."""
    assert info.tsig_key_file is not None
    key = read_key_file(info.tsig_key_file).for_dnspython()
    message = dns.update.UpdateMessage(info.zone, keyring={key.name: key})
    message.replace(f"{host}.", ttl, "A", address)
    where, _, port = info.dns_authoritative.partition(":")
    return (await dns.asyncquery.tcp(message, where, 3, int(port))).rcode()


# ---- what can be done to it


async def test_a_mended_grant_is_felt_at_once(world: World, shop: WorldInfo) -> None:
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/payments/referencegrants/checkout-to-ledger"
    source = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}
    async with client(shop) as api:
        kind = {"Content-Type": "application/merge-patch+json"}
        answer = await api.patch(path, json={"spec": {"from": [source]}}, headers=kind)
    assert answer.status_code == 200

    def mended() -> bool:
        (parent,) = stored(world, "HTTPRoute", "shop", "checkout")["status"]["parents"]
        return conditions(parent)["ResolvedRefs"] == "True/ResolvedRefs"

    began = time.monotonic()
    await eventually(mended)
    assert time.monotonic() - began < 1
    assert (await ask(shop, shop.new_address, "pay.shop.test", "/ledger")).status == 200


async def test_faults_by_annotation(world: World, shop: WorldInfo) -> None:
    async def annotate(path: str, fault: str | None) -> None:
        async with client(shop) as api:
            body = {"metadata": {"annotations": {FAULT: fault}}}
            answer = await api.patch(
                path, json=body, headers={"Content-Type": "application/merge-patch+json"}
            )
            assert answer.status_code == 200

    route = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/store"
    ingress = "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/store"
    gateway = "/apis/gateway.networking.k8s.io/v1/namespaces/infra/gateways/main"
    assert world.new_edge is not None
    assert world.old_edge is not None
    new, old = world.new_edge, world.old_edge
    await annotate(route, '{"error_share": 1, "error_status": 502}')
    await eventually(lambda: "store.shop.test" in new.faults)
    assert (await ask(shop, shop.new_address, "store.shop.test")).status == 502
    assert (await ask(shop, shop.new_address, "cart.shop.test")).status == 200
    assert (await ask(shop, shop.old_address, "store.shop.test")).status == 200
    await annotate(route, None)
    await eventually(lambda: "store.shop.test" not in new.faults)
    assert (await ask(shop, shop.new_address, "store.shop.test")).status == 200
    await annotate(ingress, '{"missing_paths": ["/api"]}')
    await eventually(lambda: "store.shop.test" in old.faults)
    assert (await ask(shop, shop.old_address, "store.shop.test", "/api")).status == 404
    await annotate(gateway, '{"missing_intermediate": true}')
    await eventually(lambda: "*" in new.faults)
    assert not (await ask(shop, shop.new_address, "cart.shop.test")).trusted


async def test_metrics_through_the_api_server(world: World, shop: WorldInfo) -> None:
    for address in (shop.old_address, shop.new_address):
        await ask(shop, address, "store.shop.test")
    seen = {}
    async with client(shop) as api:
        for namespace, port, path in (
            ("ingress-nginx", 10254, "metrics"),
            ("envoy-gateway-system", 19001, "stats/prometheus"),
        ):
            pods = (await api.get(f"/api/v1/namespaces/{namespace}/pods")).json()["items"]
            for pod in pods:
                name = pod["metadata"]["name"]
                answer = await api.get(f"/api/v1/namespaces/{namespace}/pods/{name}:{port}/proxy/{path}")
                if answer.status_code == 200:
                    seen[namespace] = answer.text
    assert 'host="store.shop.test",method="GET",status="200"} 1' in seen["ingress-nginx"]
    assert 'envoy_response_code_class="2"' in seen["envoy-gateway-system"]


# ---- what happens by itself


async def test_the_cart_breaks_after_its_switch_and_mends_after_its_return(
    world: World, shop: WorldInfo
) -> None:
    assert world.new_edge is not None
    faults = world.new_edge.faults
    assert await update(shop, "cart.shop.test", shop.old_address, QUICK.low_ttl) == dns.rcode.NOERROR
    assert await update(shop, "cart.shop.test", shop.new_address, QUICK.low_ttl) == dns.rcode.NOERROR
    began = time.monotonic()
    assert "cart.shop.test" not in faults
    await eventually(lambda: "cart.shop.test" in faults)
    assert time.monotonic() - began >= 0.15 * QUICK.watch
    statuses = [(await ask(shop, shop.new_address, "cart.shop.test")).status for _ in range(10)]
    assert statuses.count(503) == 3
    assert (await ask(shop, shop.old_address, "cart.shop.test")).status == 200
    await update(shop, "cart.shop.test", shop.old_address, QUICK.low_ttl)
    await eventually(lambda: "cart.shop.test" not in faults)


async def test_the_store_stays_well_after_its_switch(world: World, shop: WorldInfo) -> None:
    assert world.director is not None
    await update(shop, "store.shop.test", shop.new_address, QUICK.low_ttl)
    assert world.director._timers == []


async def test_an_update_without_the_key_is_refused(shop: WorldInfo) -> None:
    message = dns.update.UpdateMessage(shop.zone)
    message.replace("store.shop.test.", 1, "A", shop.new_address)
    where, _, port = shop.dns_authoritative.partition(":")
    assert (await dns.asyncquery.tcp(message, where, 3, int(port))).rcode() == dns.rcode.REFUSED
    assert (await resolve(shop.dns_authoritative, "store.shop.test"))[0] == shop.old_address


async def test_errors_after_switch(world: World) -> None:
    info = await world.start("errors-after-switch", QUICK)
    assert world.new_edge is not None
    faults = world.new_edge.faults
    await update(info, "store.shop.test", info.new_address, QUICK.low_ttl)
    await eventually(lambda: "store.shop.test" in faults)
    assert faults["store.shop.test"].error_share == 0.2


async def test_missing_intermediate(world: World) -> None:
    info = await world.start("missing-intermediate", QUICK)
    answer = await ask(info, info.new_address, "store.shop.test")
    assert (answer.status, answer.trusted, answer.certificate) == (200, False, "*.shop.test")
    assert (await ask(info, info.old_address, "store.shop.test")).trusted


async def test_ttl_lowered_too_late(world: World) -> None:
    info = await world.start("ttl-lowered-too-late", QUICK)
    assert (await resolve(info.dns_authoritative, "store.shop.test"))[1] == QUICK.low_ttl
    assert (await resolve(info.dns_resolver, "store.shop.test"))[1] > QUICK.low_ttl


async def test_record_changed_by_another(world: World) -> None:
    pace = Pace(old_ttl=2, low_ttl=1, watch=1, soak=1)
    info = await world.start("record-changed-by-another", pace)
    await update(info, "store.shop.test", info.old_address, pace.low_ttl)
    assert (await resolve(info.dns_authoritative, "store.shop.test"))[0] == info.old_address
    zone = world.zone
    assert zone is not None
    await eventually(lambda: "127.0.0.9" in str(zone.get("store.shop.test.", "A")))
    # it happens once: whoever puts it right again is left in peace
    await update(info, "store.shop.test", info.old_address, pace.old_ttl)
    await update(info, "store.shop.test", info.old_address, pace.low_ttl)
    await asyncio.sleep(0.3 * pace.old_ttl + 0.1)
    assert (await resolve(info.dns_authoritative, "store.shop.test"))[0] == info.old_address


async def test_shoppers_linger_until_the_old_answer_expires(two_sides: None) -> None:
    world = World(shoppers=True)
    try:
        info = await world.start("shop", Pace(old_ttl=1, low_ttl=1, watch=1, soak=1))
        old, new = world.old_edge, world.new_edge
        assert old is not None
        assert new is not None
        assert world.shoppers is not None
        world.shoppers._pause_s = 0.02
        host = "store.shop.test"
        await eventually(lambda: old.counters.total(host) >= 2)
        await update(info, host, info.new_address, 1)
        await eventually(lambda: new.counters.total(host) >= 1)
        left_at = old.counters.total(host)
        await eventually(lambda: new.counters.total(host) >= 4)
        assert old.counters.total(host) == left_at
        assert {agent for name, agent in old.counters.agents if name == host} == {"practice-shopper"}
        assert world.shoppers.visits[host, "200"] >= 5
    finally:
        await world.stop()


# ---- beginning and end


async def test_it_leaves_nothing_behind(two_sides: None) -> None:
    before = asyncio.all_tasks()
    world = World(shoppers=True)
    began = time.monotonic()
    info = await world.start("shop", QUICK)
    assert time.monotonic() - began < 1.5
    assert oct(info.directory.stat().st_mode & 0o777) == "0o700"
    for path in info.directory.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    ports = [(socket.SOCK_STREAM, info.old_address, info.https_port)]
    ports += [(socket.SOCK_STREAM, info.new_address, info.https_port)]
    ports += [(socket.SOCK_STREAM, info.old_address, info.old_http_port)]
    ports += [(socket.SOCK_STREAM, info.new_address, info.new_http_port)]
    for server in (info.dns_authoritative, info.dns_resolver, info.api_url.removeprefix("https://")):
        address, _, port = server.partition(":")
        ports.append((socket.SOCK_STREAM, address, int(port)))
    async with client(info) as api:
        assert (await api.get("/version")).status_code == 200
    await world.stop()
    assert not info.directory.exists()
    assert asyncio.all_tasks() == before
    for kind, address, port in ports:
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    await world.stop()


async def test_two_worlds_at_once(world: World, shop: WorldInfo) -> None:
    other = World(shoppers=False)
    try:
        info = await other.start("shop", QUICK)
        assert info.https_port != shop.https_port
        assert info.directory != shop.directory
    finally:
        await other.stop()
    assert (await ask(shop, shop.new_address, "store.shop.test")).status == 200


async def test_a_start_that_fails_half_way_leaves_nothing(
    two_sides: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = asyncio.all_tasks()
    with pytest.raises(SandboxError, match=r"there is no scenario 'none'; there are: .*shop"):
        await World().start("none")
    assert os.listdir(tmp_path) == []
    assert asyncio.all_tasks() == before


async def test_an_address_that_is_not_loopback(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"192\.0\.2\.1 is not a loopback address"):
        await World(new_address="192.0.2.1").start()


def test_the_list_of_scenarios() -> None:
    names = [info.name for info in list_scenarios()]
    assert names[0] == "shop"
    assert set(names) == {
        "shop",
        "missing-intermediate",
        "errors-after-switch",
        "ttl-lowered-too-late",
        "record-changed-by-another",
        "three-hosts-two-waves",
        "external-dns-early",
        "external-dns-delete",
        "external-dns-first-owner",
    }
