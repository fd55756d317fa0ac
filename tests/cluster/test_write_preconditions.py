"""Writes never overwrite what somebody else changed."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from api_worlds import World
from live_helpers import a_route
from pointsman.cluster.client.connect import ApiError, connect
from pointsman.cluster.client.discovery import discover
from pointsman.cluster.client.write import acquire_lease, annotate, release_lease, renew_lease


async def test_a_lease_is_held_by_one(world: World) -> None:
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))

    def scene() -> None:
        mine = acquire_lease(connection, "default", "cutover", "ana")
        assert mine.mine
        theirs = acquire_lease(connection, "default", "cutover", "ben")
        assert (theirs.mine, theirs.holder) == (False, "ana")
        mine = renew_lease(connection, mine, "ana")
        assert mine.mine
        mine = release_lease(connection, mine, "ana")
        assert mine.holder == ""
        theirs = acquire_lease(connection, "default", "cutover", "ben")
        assert theirs.mine
        lost = renew_lease(connection, mine, "ana")
        assert (lost.mine, lost.holder) == (False, "ben")
        again = release_lease(connection, lost, "ana")
        assert again.holder == "ben", "another's lease is left alone"

    await asyncio.to_thread(scene)
    await asyncio.to_thread(connection.close)


async def test_a_lease_that_ran_out_may_be_taken(world: World) -> None:
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    take = partial(acquire_lease, connection, "default", "cutover")
    first = await asyncio.to_thread(take, "gone", duration_s=2)
    assert first.mine
    refused = await asyncio.to_thread(take, "ana")
    assert (refused.mine, refused.holder) == (False, "gone")
    # the server notes whole seconds
    await asyncio.sleep(3.1)
    lease = await asyncio.to_thread(take, "ana")
    assert lease.mine
    await asyncio.to_thread(connection.close)


async def test_an_annotation_needs_the_version_that_was_read(world: World) -> None:
    await world.apply(a_route())
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    served = await asyncio.to_thread(discover, connection)
    kind = served.find("gateway.networking.k8s.io", "HTTPRoute")
    assert kind is not None
    old = await world.get("HTTPRoute", "shop", "cart")
    assert old is not None
    version = old["metadata"]["resourceVersion"]
    dry = await asyncio.to_thread(
        lambda: annotate(connection, kind, "shop", "cart", {"a": "1"}, version, dry_run=True)
    )
    assert dry
    kept = await world.get("HTTPRoute", "shop", "cart")
    assert kept is not None
    assert "a" not in (kept["metadata"].get("annotations") or {})
    new = await asyncio.to_thread(annotate, connection, kind, "shop", "cart", {"a": "1"}, version)
    assert new != version
    with pytest.raises(ApiError) as caught:
        await asyncio.to_thread(annotate, connection, kind, "shop", "cart", {"a": "2"}, version)
    assert caught.value.status == 409
    await asyncio.to_thread(annotate, connection, kind, "shop", "cart", {"a": None}, new)
    last = await world.get("HTTPRoute", "shop", "cart")
    assert last is not None
    assert "a" not in (last["metadata"].get("annotations") or {})
    await asyncio.to_thread(connection.close)
