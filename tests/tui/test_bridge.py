"""The bridge from store to screens: it never judges all the time, and never takes a part for the whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.cluster.client import watch
from pointsman.cluster.client.connect import Connection, connect
from pointsman.cluster.client.discovery import Served, discover
from pointsman.cluster.kinds import ROUTE_KINDS
from pointsman.probes.state.rows import Picture
from pointsman.sandbox.world import World
from pointsman.tui.app import PointsmanApp
from pointsman.tui.bridge import Bridge, Pace
from pointsman.tui.settings import Settings

_TICK_S = 0.1


@given(st.lists(st.floats(0.001, 5.0), min_size=1, max_size=30), st.booleans())
def test_judging_takes_its_share_and_no_more(costs: list[float], loading: bool) -> None:
    """With something new at every tick, whatever each judging costs."""
    pace = Pace()
    now = judging = 0.0
    began_last = 0.0
    for cost in costs:
        while not pace.due(now, loading=loading):
            now += _TICK_S
        judging, began_last = judging + cost, now
        pace.judged(now, now + cost, loading=loading)
        now += cost + _TICK_S
    # the rest of the last judging is still to come
    whole = began_last + costs[-1] * (4 if loading else 2)
    assert judging <= whole * (0.25 if loading else 0.5) + 1e-6


def test_the_whole_picture_does_not_wait_for_the_rest_of_a_part() -> None:
    pace = Pace()
    assert pace.due(0.0, loading=True)
    pace.judged(0.0, 2.0, loading=True)
    assert not pace.due(7.9, loading=True)
    assert pace.due(8.0, loading=True)
    assert pace.due(2.1, loading=False)
    pace.judged(2.1, 4.1, loading=False)
    assert not pace.due(6.0, loading=False)
    assert pace.due(6.1, loading=False)


def routes(count: int) -> dict[str, Any]:
    """So many routes to a Gateway that is there."""
    api_version = "gateway.networking.k8s.io/v1"
    gateway = {
        "apiVersion": api_version,
        "kind": "Gateway",
        "metadata": {"name": "main", "namespace": "infra"},
        "spec": {"gatewayClassName": "edge", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    }
    items = [
        {
            "apiVersion": api_version,
            "kind": "HTTPRoute",
            "metadata": {"name": f"app-{number:04d}", "namespace": "infra"},
            "spec": {"parentRefs": [{"name": "main"}]},
        }
        for number in range(count)
    ]
    return {"apiVersion": "v1", "kind": "List", "items": [gateway, *items]}


@asynccontextmanager
async def slow_world(folder: Path, count: int, latency_s: float) -> AsyncIterator[str]:
    """A cluster whose every answer comes late."""
    file = folder / "world.json"
    file.write_text(json.dumps(routes(count)))
    world = World()
    info = await world.start(load=file)
    assert world.server is not None
    world.server.faults.latency_s = latency_s
    try:
        yield str(info.kubeconfig)
    finally:
        world.server.faults.clear()
        await world.stop()


async def test_a_part_of_the_routes_is_never_shown_as_all_of_them(tmp_path: Path) -> None:
    async with slow_world(tmp_path, 1_200, 0.15) as kubeconfig:
        bridge = Bridge(lambda: connect(kubeconfig), None)
        bridge.start()
        try:
            pictures = await pictures_until_whole(bridge, 1_200)
        finally:
            await asyncio.to_thread(bridge.stop)
    counts = [len(picture.overview.routes) for picture in pictures]
    assert counts == sorted(counts)
    partial = [picture for picture in pictures if 0 < len(picture.overview.routes) < 1_200]
    assert partial, counts
    for picture in pictures[:-1]:
        missing = len(picture.overview.routes) < 1_200
        assert not missing or picture.overview.troubled_kinds["HTTPRoute"].state == "loading"
    assert pictures[-1].snapshot is bridge.snapshot()


async def test_the_first_rows_are_told_once_and_are_there(tmp_path: Path) -> None:
    told: list[int] = []
    async with slow_world(tmp_path, 3, 0.0) as kubeconfig:
        bridge = Bridge(lambda: connect(kubeconfig), None)
        bridge.first_rows = lambda: told.append(len(bridge.picture.overview.routes))
        bridge.start()
        try:
            await pictures_until_whole(bridge, 3)
        finally:
            await asyncio.to_thread(bridge.stop)
    assert told == [3]


async def test_a_cluster_is_told_to_be_loaded_once_and_to_be_left(tmp_path: Path) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(bridge: Bridge, what: str) -> None:
        states = {state.state for state in bridge.picture.snapshot.kinds.values()}
        said = f"{what}, {len(bridge.picture.overview.routes)} routes, {'loading' in states}"
        loop.call_soon_threadsafe(told.put_nowait, said)

    async with slow_world(tmp_path, 3, 0.02) as kubeconfig:
        bridge = Bridge(lambda: connect(kubeconfig), None)
        bridge.loaded, bridge.left = partial(tell, bridge, "loaded"), partial(tell, bridge, "left")
        bridge.start()
        try:
            async with asyncio.timeout(30):
                first = await told.get()
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(told.get(), 0.5)
                bridge.switch(lambda: connect(kubeconfig), None, "the same again")
                second, third = await told.get(), await told.get()
        finally:
            await asyncio.to_thread(bridge.stop)
    assert (first, second, third) == ("loaded, 3 routes, False", "left, 0 routes, False", first)


async def test_asked_again_a_live_cluster_is_looked_at_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, loop = asyncio.Event(), asyncio.get_running_loop()

    def told(connection: Connection) -> Served:
        loop.call_soon_threadsafe(looked.set)
        return discover(connection)

    monkeypatch.setattr(watch, "discover", told)
    async with slow_world(tmp_path, 3, 0.0) as kubeconfig:
        bridge = Bridge(lambda: connect(kubeconfig), None)
        bridge.start()
        try:
            await pictures_until_whole(bridge, 3)
            looked.clear()
            # by itself it looks again after twenty seconds at the earliest
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(looked.wait(), 0.5)
            bridge.ask_again()
            await asyncio.wait_for(looked.wait(), 5)
        finally:
            await asyncio.to_thread(bridge.stop)


async def pictures_until_whole(bridge: Bridge, count: int) -> list[Picture]:
    """Every picture that a screen could have drawn, until nothing loads any more."""
    pictures: list[Picture] = []
    async with asyncio.timeout(30):
        while True:
            picture = bridge.picture
            if picture.snapshot.version and (not pictures or picture is not pictures[-1]):
                pictures.append(picture)
                states = {state.state for state in picture.snapshot.kinds.values()}
                if "loading" not in states and len(picture.overview.routes) == count:
                    return pictures
            await asyncio.sleep(0.01)


async def test_an_empty_screen_says_loading_until_it_is_known_to_be_empty(tmp_path: Path) -> None:
    async with slow_world(tmp_path, 0, 0.1) as kubeconfig:
        app = PointsmanApp(Settings(kubeconfig=kubeconfig), Bridge(lambda: connect(kubeconfig), None))
        said: list[str] = []
        async with app.run_test(size=(80, 24)) as pilot, asyncio.timeout(30):
            while not said or "no route here" not in said[-1]:
                strips = app.screen._compositor.render_strips()
                shown = "\n".join("".join(segment.text for segment in strip) for strip in strips)
                if "no route here" in shown:
                    kinds = app.picture.snapshot.kinds
                    assert {kinds[kind].state for kind in ROUTE_KINDS} == {"live"}
                said.append(shown)
                await pilot.pause(0.02)
        assert any("connecting ..." in shown for shown in said)
        assert any("loading: what is not shown yet may exist" in shown for shown in said)
