"""Who asks: tokens that lapse with and without somebody who renews them, and asking in another's name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_worlds import EVERYTHING, Grant, World
from chaos_kit import quick
from live_helpers import a_gateway, a_route, eventually
from plugin_kit import a_plugin, changed, gives, runs
from pointsman.cluster.client.connect import ApiError, Connection, connect
from pointsman.cluster.client.once import load_once
from pointsman.cluster.client.watch import LiveCluster

ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"


@asynccontextmanager
async def connected(kubeconfig: str) -> AsyncIterator[Connection]:
    connection = await asyncio.to_thread(connect, kubeconfig)
    try:
        yield connection
    finally:
        await asyncio.to_thread(connection.close)


async def refusal(connection: Connection, path: str = ROUTES) -> ApiError | None:
    try:
        await asyncio.to_thread(connection.get_json, path)
    except ApiError as error:
        return error
    return None


async def test_a_token_that_lapses_is_renewed_by_its_plugin_and_nothing_is_seen_of_it(
    world: World, tmp_path: Path
) -> None:
    await world.apply(a_gateway(), a_route())
    token = await world.token(lapses=True)
    gives(tmp_path, token=token)
    connection = await asyncio.to_thread(connect, changed(world.kubeconfig, a_plugin(tmp_path)))
    cluster = LiveCluster(connection, timing=quick(world))
    cluster.start()
    try:
        await eventually(lambda: states(cluster) == {"live"}, told=lambda: states(cluster))
        await world.lapse(token)
        await world.apply(a_route("open-watches-go-on"))
        await eventually(lambda: len(cluster.snapshot().routes) == 2)
        gives(tmp_path, token=await world.token())
        before = runs(tmp_path)
        connection.break_all()
        await world.apply(a_route("second"))
        await eventually(lambda: len(cluster.snapshot().routes) == 3)
        await eventually(lambda: states(cluster) == {"live"}, told=lambda: states(cluster))
        assert runs(tmp_path) == before + 1, "one run serves all that were refused"
    finally:
        await asyncio.to_thread(cluster.stop)


def states(cluster: LiveCluster) -> set[str]:
    return {cluster.snapshot().state_of(kind).state for kind in ("Gateway", "HTTPRoute", "Service")}


async def test_a_token_that_lapses_for_good_is_said_in_one_line_and_nothing_is_none(
    world: World, tmp_path: Path
) -> None:
    await world.apply(a_gateway(), a_route())
    token = await world.token(lapses=True)
    connection = await asyncio.to_thread(connect, changed(world.kubeconfig, {"token": token}))
    cluster = LiveCluster(connection, timing=quick(world))
    cluster.start()
    try:
        await eventually(lambda: len(cluster.snapshot().routes) == 1 and states(cluster) == {"live"})
        await world.lapse(token)
        connection.break_all()
        await eventually(lambda: states(cluster) == {"stale"}, told=lambda: states(cluster))
        snapshot = cluster.snapshot()
        assert (len(snapshot.gateways), len(snapshot.routes)) == (1, 1), "what was known is kept, and marked"
        detail = snapshot.state_of("HTTPRoute").detail
        assert "does not accept the credentials" in detail
        assert "\n" not in detail
        assert token not in detail
    finally:
        await asyncio.to_thread(cluster.stop)
    async with connected(str(world.kubeconfig)) as again:
        with pytest.raises(ApiError) as caught:
            await asyncio.to_thread(load_once, again)
    assert caught.value.status == 401
    assert token not in str(caught.value)


# -- in another's name --


def named(world: World, user: str, *groups: str, **more: Any) -> str:
    """The kubeconfig of the user, who asks in that name; with his own token."""
    document = yaml.safe_load(world.kubeconfig.read_text())
    own = document["users"][0]["user"]
    return changed(
        world.kubeconfig, {"token": own["token"], "as": user, "as-groups": list(groups) or None, **more}
    )


async def test_whoever_is_named_is_who_is_asked_for(world: World) -> None:
    await world.apply(a_route())
    async with connected(named(world, "ben")) as connection:
        error = await refusal(connection)
        assert error is not None
        assert error.status == 403
        assert 'User "ben" cannot list resource "httproutes"' in str(error)
        with pytest.raises(ApiError) as caught:
            await asyncio.to_thread(connection.stream, ROUTES, {"watch": "1"})
        assert caught.value.status == 403
        await asyncio.to_thread(connection.beat, 5.0)
        snapshot = await asyncio.to_thread(load_once, connection)
        assert {snapshot.state_of(kind).state for kind in ("HTTPRoute", "Service")} == {"denied"}


async def test_a_group_that_is_named_brings_its_rights(world: World) -> None:
    await world.apply(a_route())
    async with connected(named(world, "ben", "system:masters")) as connection:
        snapshot = await asyncio.to_thread(load_once, connection)
        assert len(snapshot.routes) == 1
        assert snapshot.state_of("Service").state == "live"


@pytest.mark.parametrize(
    ("more", "missing"),
    [
        ({}, 'impersonate resource "users"'),
        ({"as-groups": ["admins"]}, 'impersonate resource "groups"'),
        ({"as-uid": "7"}, 'impersonate resource "uids"'),
        ({"as-user-extra": {"scope": ["x"]}}, 'impersonate resource "userextras/scope"'),
    ],
    ids=["user", "group", "uid", "extra"],
)
async def test_each_thing_that_is_named_needs_its_right(
    world: World, more: dict[str, Any], missing: str
) -> None:
    others = [one for one in ("users", "groups", "uids", "userextras/scope") if f'"{one}"' not in missing]
    await world.rights(
        Grant(("get", "list", "watch")), *(Grant(("impersonate",), (resource,)) for resource in others)
    )
    # a real server remembers for a while who was allowed to speak for whom: nobody else asks for this one
    async with connected(named(world, f"ben-{len(missing)}", **more)) as connection:
        error = await refusal(connection)
        assert error is not None
        assert error.status == 403
        assert error.reason == "Forbidden"
        assert " cannot impersonate" in str(error)
        if world.name == "practice":
            # since Kubernetes 1.36 a real one names the right that it would have liked better (KEP-5284)
            assert missing in str(error)
    await world.rights(EVERYTHING)
