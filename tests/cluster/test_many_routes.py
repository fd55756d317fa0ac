"""Ten thousand routes on a real API server: all of them, in pages, within bounds."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest
from api_worlds import questions_about
from live_helpers import a_route, eventually
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.watch import LiveCluster
from real_world import RealWorld

pytestmark = pytest.mark.live
ROUTES = 10_000
PAGE = 500
# of a process that only imports what lists them, and of one that lists them
_CHILD = """
import json, resource, sys, time
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.once import load_once
def mb(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def cpu(): return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
connection = connect(sys.argv[1])
connection.get_json("/version")
before, began, spent = mb(), time.monotonic(), cpu()
snapshot = load_once(connection, None, 120.0)
print(json.dumps({"routes": len(snapshot.routes), "state": snapshot.state_of("HTTPRoute").state,
  "wall_s": time.monotonic() - began, "cpu_s": cpu() - spent, "mb": mb() - before}))
connection.close()
"""


@pytest.fixture
async def real(real_world: RealWorld, tmp_path: Path):
    await real_world.open(tmp_path / "kubeconfig")
    yield real_world
    await real_world.close()


def create(real: RealWorld) -> None:
    """All of them, on eight connections."""
    todo: SimpleQueue[int] = SimpleQueue()
    for number in range(ROUTES):
        todo.put(number)
    real.admin.namespace("shop")
    failed: list[str] = []

    def some() -> None:
        with real.server.client() as client:
            while not failed:
                try:
                    number = todo.get_nowait()
                except Empty:
                    return
                route = a_route(f"route-{number:05d}", host=f"h{number}.example.com")
                path = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"
                answer = client.post(path, json=route)
                if answer.is_error:
                    failed.append(answer.text[:500])

    threads = [threading.Thread(target=some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed[0]


async def test_ten_thousand_routes(real: RealWorld) -> None:
    await asyncio.to_thread(create, real)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, str(real.kubeconfig), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    told = json.loads(said)
    print(told)
    assert (told["routes"], told["state"]) == (ROUTES, "live")
    # measured: 1.5 s of CPU and 65 MB; ten times as slow, or twice as large, is a fault
    assert told["cpu_s"] < 15
    assert told["mb"] < 200
    lists = [one for one in questions_about(await real.asked(), "httproutes") if not one.watches]
    assert len(lists) == ROUTES / PAGE
    connection = await asyncio.to_thread(connect, str(real.kubeconfig))
    cluster = LiveCluster(connection)
    cluster.start()
    try:
        await eventually(lambda: len(cluster.snapshot().routes) > 0, 30)
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").state == "live", 60)
        assert len(cluster.snapshot().routes) == ROUTES
        await real.apply(a_route("route-00000", host="changed.example.com"))
        await real.delete("HTTPRoute", "shop", "route-09999")
        await eventually(lambda: len(cluster.snapshot().routes) == ROUTES - 1, 20)
    finally:
        await asyncio.to_thread(cluster.stop)
