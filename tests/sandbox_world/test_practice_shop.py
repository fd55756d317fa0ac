"""The shop as it is at first: what its statuses say, what its edges answer. One world for the whole file."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pointsman.checklists.plans.load import load_plan
from pointsman.sandbox.world import World, WorldInfo
from practice_tools import QUICK, ask, client, conditions, resolve, stored

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(two_sides: None) -> AsyncIterator[World]:
    made = World(shoppers=False)
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(world: World) -> WorldInfo:
    return await world.start("shop", QUICK)


# ---- what is healthy


async def test_every_host_answers_on_the_old_side(shop: WorldInfo) -> None:
    for host in shop.plans:
        answer = await ask(shop, shop.old_address, host)
        assert (answer.status, answer.trusted) == (200, True), host


async def test_the_store_is_ready_and_the_same_on_both_sides(world: World, shop: WorldInfo) -> None:
    for path in load_plan(shop.plans["store.shop.test"]).paths:
        old = await ask(shop, shop.old_address, "store.shop.test", path.path)
        new = await ask(shop, shop.new_address, "store.shop.test", path.path)
        assert (old.status, old.body) == (new.status, new.body)
        assert new.trusted
    (parent,) = stored(world, "HTTPRoute", "shop", "store")["status"]["parents"]
    assert conditions(parent) == {"Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs"}
    main = stored(world, "Gateway", "infra", "main")["status"]
    assert conditions(main) == {"Accepted": "True/Accepted", "Programmed": "True/Programmed"}
    assert await resolve(shop.dns_authoritative, "store.shop.test") == ("127.0.0.2", QUICK.old_ttl)


async def test_other_healthy_hosts_on_the_new_side(shop: WorldInfo) -> None:
    for host in ("cart", "account", "www", "search", "docs", "mail"):
        answer = await ask(shop, shop.new_address, f"{host}.shop.test")
        assert (answer.status, answer.trusted) == (200, True), host


async def test_grpc_and_passthrough(shop: WorldInfo) -> None:
    called = await ask(shop, shop.new_address, "api.shop.test", "/shop.v1.Catalog/GetItem")
    assert called.status == 200
    assert (await ask(shop, shop.new_address, "api.shop.test", "/shop.v1.Other/Do")).status == 404
    assert (await ask(shop, shop.new_address, "mail.shop.test")).certificate == "mail.shop.test"


# ---- the five failure modes, and a stale status


async def test_reference_grant_drift(world: World, shop: WorldInfo) -> None:
    (parent,) = stored(world, "HTTPRoute", "shop", "checkout")["status"]["parents"]
    assert conditions(parent) == {"Accepted": "True/Accepted", "ResolvedRefs": "False/RefNotPermitted"}
    assert (await ask(shop, shop.new_address, "pay.shop.test", "/ledger")).status == 500
    assert (await ask(shop, shop.new_address, "pay.shop.test", "/")).status == 200
    assert (await ask(shop, shop.old_address, "pay.shop.test", "/ledger")).status == 200


async def test_listener_conflict(world: World, shop: WorldInfo) -> None:
    edge = stored(world, "Gateway", "infra", "edge")["status"]
    said = {item["name"]: conditions(item) for item in edge["listeners"]}
    assert said["https-status"]["Conflicted"] == "True/HostnameConflict"
    assert said["tls-status"]["Conflicted"] == "True/HostnameConflict"
    assert said["https-docs"]["Conflicted"] == "False/NoConflicts"
    assert conditions(edge) == {"Accepted": "True/ListenersNotValid", "Programmed": "True/Programmed"}
    assert (await ask(shop, shop.new_address, "status.shop.test")).status == 404


async def test_certificate_in_the_wrong_namespace(world: World, shop: WorldInfo) -> None:
    edge = stored(world, "Gateway", "infra", "edge")["status"]
    said = {item["name"]: conditions(item) for item in edge["listeners"]}
    assert said["https-img"]["ResolvedRefs"] == "False/RefNotPermitted"
    answer = await ask(shop, shop.new_address, "img.shop.test")
    assert (answer.status, answer.trusted) == (200, False)
    assert "Fake Certificate" in answer.certificate


async def test_version_skew(world: World, shop: WorldInfo) -> None:
    said = stored(world, "GatewayClass", "", "envoy")["status"]
    assert conditions(said)["SupportedVersion"] == "False/UnsupportedVersion"
    assert "v1.6.1" in said["conditions"][1]["message"]
    assert {"name": "HTTPRoute"} in said["supportedFeatures"]
    # what the newer CRDs admit, the older controller overlooks: its default status, no route, no error
    blog = stored(world, "ListenerSet", "legacy", "blog")["status"]
    assert conditions(blog) == {"Accepted": "Unknown/Pending", "Programmed": "Unknown/Pending"}
    assert "status" not in stored(world, "HTTPRoute", "legacy", "blog")
    assert (await ask(shop, shop.new_address, "blog.shop.test")).status == 404


async def test_policy_layering(world: World, shop: WorldInfo) -> None:
    def said(namespace: str, name: str) -> dict[str, str]:
        (ancestor,) = stored(world, "BackendTrafficPolicy", namespace, name)["status"]["ancestors"]
        return conditions(ancestor)

    assert said("search", "search-limit") == {"Accepted": "True/Accepted"}
    assert said("search", "search-limit-sale") == {"Accepted": "False/Conflicted"}
    assert said("infra", "everyone")["Overridden"] == "True/Overridden"
    assert said("infra", "https-only")["Overridden"] == "True/Overridden"


async def test_a_stale_status(world: World, shop: WorldInfo) -> None:
    video = stored(world, "HTTPRoute", "media", "video")
    (parent,) = video["status"]["parents"]
    assert conditions(parent)["Accepted"] == "True/Accepted"
    assert (video["metadata"]["generation"], parent["conditions"][0]["observedGeneration"]) == (2, 1)
    # the new rule is not in effect either
    assert '"media/video:8080"' in (await ask(shop, shop.new_address, "video.shop.test", "/live")).body
    assert '"media/live:8080"' in (await ask(shop, shop.old_address, "video.shop.test", "/live")).body


# ---- what is in it


async def test_no_private_key_is_in_the_cluster(world: World, shop: WorldInfo) -> None:
    async with client(shop) as api:
        text = (await api.get("/api/v1/secrets")).text
    assert "tls.crt" in text
    for found in world.storage.list("Secret") if world.storage else ():
        for value in found["data"].values():
            assert "PRIVATE" not in base64.b64decode(value).decode()


async def test_plans_are_plans_and_hold_no_secret(shop: WorldInfo) -> None:
    assert set(shop.stories) <= set(shop.plans)
    assert len(shop.plans) == 14
    assert shop.tsig_key_file is not None
    secret = shop.tsig_key_file.read_text().split('secret "')[1].split('"')[0]
    for host, path in shop.plans.items():
        plan = load_plan(path)
        assert plan.hosts == (host,)
        assert plan.port == shop.https_port
        assert secret not in path.read_text()
        assert plan.thresholds.min_samples <= plan.thresholds.rate_per_s * plan.durations.watch
