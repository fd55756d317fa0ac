"""Watches over real HTTPS: what arrives, in which form, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import json

import aiohttp
import pytest
import pytest_asyncio

ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"
META = "g=meta.k8s.io;v=v1"


class Watch:
    def __init__(self, answer):
        self.answer = answer

    async def next(self):
        async with asyncio.timeout(10):
            line = await self.answer.content.readline()
        return json.loads(line) if line else None

    async def next_change(self):
        """The next event that is no bookmark, as (type, name)."""
        while True:
            event = await self.next()
            if event is None:
                return None
            if event["type"] != "BOOKMARK":
                return event["type"], event["object"].get("metadata", {}).get("name")

    async def rest(self):
        events = []
        while (event := await self.next()) is not None:
            events.append(event)
        return events


@pytest_asyncio.fixture
async def watch(api):
    async with contextlib.AsyncExitStack() as stack:

        async def open_watch(path=ROUTES, accept="application/json", **query):
            query = {"watch": "true", **{name: str(value) for name, value in query.items()}}
            answer = await stack.enter_async_context(
                api.session.get(path, params=query, headers={"Accept": accept})
            )
            assert answer.status == 200
            return Watch(answer)

        yield open_watch


async def test_changes_arrive_from_the_version_on(watch, storage, make_route):
    storage.apply(make_route("old"))
    start = storage.version
    storage.apply(make_route("between"))
    watched = await watch(resourceVersion=start)
    assert await watched.next_change() == ("ADDED", "between")
    storage.set_status("HTTPRoute", "shop", "old", {"parents": [1]})
    event = await watched.next()
    assert (event["type"], event["object"]["status"]) == ("MODIFIED", {"parents": [1]})
    assert event["object"]["metadata"]["resourceVersion"] == str(storage.version)
    storage.delete("HTTPRoute", "shop", "old")
    event = await watched.next()
    assert (event["type"], event["object"]["metadata"]["resourceVersion"]) == (
        "DELETED",
        str(storage.version),
    )


async def test_without_a_version_the_present_state_comes_first(watch, storage, make_route):
    storage.apply(make_route("a"))
    storage.apply(make_route("b", "other"))
    watched = await watch()
    assert [await watched.next_change(), await watched.next_change()] == [("ADDED", "b"), ("ADDED", "a")]
    one = await watch("/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes", resourceVersion=0)
    assert await one.next_change() == ("ADDED", "a")


async def test_initial_events_end_with_a_marked_bookmark(watch, storage, make_route):
    storage.apply(make_route("a"))
    watched = await watch(
        sendInitialEvents="true", allowWatchBookmarks="true", resourceVersionMatch="NotOlderThan"
    )
    assert await watched.next_change() == ("ADDED", "a")
    event = await watched.next()
    assert event["type"] == "BOOKMARK"
    assert event["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_what_comes_to_match_a_selector_is_added_and_what_ceases_to_is_deleted(
    watch, storage, make_route
):
    storage.apply(make_route("a"))
    watched = await watch(resourceVersion=storage.version, labelSelector="wave=1")
    for labels in ({"wave": "1"}, {"wave": "1", "x": "y"}, {"wave": "2"}, {}):
        document = make_route("a")
        document["metadata"]["labels"] = labels
        storage.apply(document)
    storage.delete("HTTPRoute", "shop", "a")
    document = make_route("b")
    document["metadata"]["labels"] = {"wave": "1"}
    storage.apply(document)
    seen = [await watched.next_change() for _ in range(4)]
    assert seen == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "b")]


async def test_one_object_can_be_watched_by_name(watch, storage, make_route):
    storage.apply(make_route("a"))
    watched = await watch(resourceVersion=storage.version, fieldSelector="metadata.name=b")
    storage.set_status("HTTPRoute", "shop", "a", {"parents": []})
    storage.apply(make_route("b"))
    assert await watched.next_change() == ("ADDED", "b")


async def test_a_quiet_watch_gets_bookmarks_of_the_present_version(watch, storage, make_gateway):
    watched = await watch(resourceVersion=storage.version, allowWatchBookmarks="true")
    storage.apply(make_gateway())
    event = await watched.next()
    assert (event["type"], event["object"]["kind"]) == ("BOOKMARK", "HTTPRoute")
    assert event["object"]["metadata"]["resourceVersion"] == str(storage.version)


async def test_a_watch_ends_after_its_timeout_and_loses_nothing(watch, storage, make_route):
    watched = await watch(resourceVersion=storage.version, allowWatchBookmarks="true", timeoutSeconds=1)
    storage.apply(make_route("a"))
    events = await watched.rest()
    assert [event["type"] for event in events if event["type"] != "BOOKMARK"] == ["ADDED"]
    assert events[-1]["type"] == "BOOKMARK"
    assert events[-1]["object"]["metadata"]["resourceVersion"] == str(storage.version)


async def test_a_version_that_is_forgotten_is_a_410_inside_a_200(watch, storage, make_route):
    start = storage.version
    storage.apply(make_route("a"))
    storage.compact()
    watched = await watch(resourceVersion=start)
    (event,) = await watched.rest()
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert event["object"]["kind"] == "Status"


async def test_the_history_of_a_kind_is_bounded(watch, storage, make_route):
    storage.apply(make_route("a"))
    start = storage.version
    for number in range(4100):
        storage.set_status("HTTPRoute", "shop", "a", {"n": number})
    watched = await watch(resourceVersion=start)
    assert (await watched.next())["type"] == "ERROR"
    fresh = await watch(resourceVersion=storage.version - 3)
    assert [(await fresh.next())["object"]["status"]["n"] for _ in range(3)] == [4097, 4098, 4099]


async def test_an_open_watch_can_be_ended_with_a_410(watch, storage):
    watched = await watch(resourceVersion=storage.version)
    storage.compact(cut_watchers=True)
    (event,) = await watched.rest()
    assert event["object"]["code"] == 410


async def test_tables_are_watched_with_their_columns_once(watch, storage, make_route):
    watched = await watch(accept=f"application/json;as=Table;{META}", resourceVersion=storage.version)
    storage.apply(make_route("a"))
    storage.apply(make_route("b"))
    first, second = await watched.next(), await watched.next()
    assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Hostnames", "Age"]
    assert second["object"]["columnDefinitions"] is None
    assert second["object"]["rows"][0]["cells"][0] == "b"


async def test_secrets_are_watched_without_their_data(watch, storage, api):
    accept = f"application/json;as=PartialObjectMetadata;{META}"
    watched = await watch("/api/v1/secrets", accept, resourceVersion=storage.version)
    storage.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "tls", "namespace": "shop"},
            "data": {"tls.key": "c2VjcmV0"},
        }
    )
    event = await watched.next()
    assert set(event["object"]) == {"kind", "apiVersion", "metadata"}
    status, _ = await api.get(
        "/api/v1/secrets", f"application/json;as=PartialObjectMetadataList;{META}", watch="true"
    )
    assert status == 406


async def test_watchers_of_a_deleted_kind_get_their_deletions_and_the_end(watch, storage, make_route):
    storage.apply(make_route("a"))
    watched = await watch(resourceVersion=storage.version)
    storage.delete("CustomResourceDefinition", "", "httproutes.gateway.networking.k8s.io")
    assert await watched.next_change() == ("DELETED", "a")
    assert await watched.next() is None


async def test_a_stalled_watch_stays_open_and_silent_until_it_flows_again(watch, storage, server, make_route):
    watched = await watch(resourceVersion=storage.version, allowWatchBookmarks="true")
    assert (await watched.next())["type"] == "BOOKMARK"
    server.faults.stall_watches = True
    storage.apply(make_route("a"))
    # a bookmark may still have been on its way; the change is not
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            while (event := await watched.next())["type"] == "BOOKMARK":
                pass
            pytest.fail(f"a stalled watch sent {event}")
    server.faults.stall_watches = False
    assert await watched.next_change() == ("ADDED", "a")


async def test_watches_can_be_cut(watch, storage, server):
    watched = await watch(resourceVersion=storage.version)
    assert server.open_watches == 1
    server.cut_watches()
    with pytest.raises(aiohttp.ClientError):
        await watched.next()


async def test_a_client_that_goes_away_leaves_nothing_behind(api, server, storage):
    history = storage.history(storage.registry.find("HTTPRoute"))
    async with api.session.get(ROUTES, params={"watch": "1", "resourceVersion": str(storage.version)}):
        assert (server.open_watches, history.watchers) == (1, 1)
    async with asyncio.timeout(10):
        while server.open_watches or history.watchers:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)


async def test_stopping_the_server_ends_its_watches(watch, storage, server):
    watched = await watch(resourceVersion=storage.version)
    await server.stop()
    assert await watched.rest() == []
