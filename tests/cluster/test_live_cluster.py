"""The live picture against a real API server on loopback: changes, faults, recovery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml
from api_worlds import Question, World, questions_about, until
from live_helpers import Practice, a_gateway, a_route, eventually, open_crd
from pointsman.cluster.client.connect import ApiError, connect
from pointsman.cluster.client.watch import LiveCluster, load_once
from pointsman.cluster.store import read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.overview import overview
from pointsman.probes.verdict import Verdict

# where the server dies between connect and handshake, ssl gives back a socket that was never connected, and
# urllib3 drops it: the collector closes it, with a warning at a moment of its own
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)


async def started(world: World | Practice, namespaces: tuple[str, ...] | None = None) -> LiveCluster:
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    cluster = LiveCluster(connection, namespaces)
    cluster.start()
    return cluster


def told(cluster: LiveCluster) -> object:
    return {kind: (one.state, one.detail) for kind, one in cluster.snapshot().kinds.items()}


@pytest.fixture
async def live(world: World) -> AsyncIterator[LiveCluster]:
    await world.apply(a_gateway())
    cluster = await started(world)
    try:
        await eventually(
            lambda: state(cluster, "Gateway") == "live" and state(cluster, "HTTPRoute") == "live",
            told=lambda: told(cluster),
        )
        yield cluster
    finally:
        await asyncio.to_thread(cluster.stop)


def state(cluster: LiveCluster, kind: str) -> str:
    return cluster.snapshot().state_of(kind).state


def limits(cluster: LiveCluster, kind: str) -> tuple[str, ...]:
    return cluster.snapshot().state_of(kind).namespaces or ()


def route_names(cluster: LiveCluster) -> set[str]:
    return {ref.name for ref in cluster.snapshot().routes}


async def test_a_change_arrives_within_a_second(world: World, live: LiveCluster) -> None:
    # a second; a real server shares the machine with the test
    second = world.patience
    await world.apply(a_route())
    await eventually(lambda: route_names(live) == {"cart"}, within_s=second)
    await world.delete("HTTPRoute", "shop", "cart")
    await eventually(lambda: not route_names(live), within_s=second)


async def test_an_unchanged_picture_is_the_same_object(world: World, live: LiveCluster) -> None:
    await eventually(lambda: all(one.state != "loading" for one in live.snapshot().kinds.values()))
    before = live.snapshot()
    assert live.snapshot() is before
    await world.apply(a_route())
    await eventually(lambda: route_names(live))
    after = live.snapshot()
    assert after.version > before.version
    assert after.gateways is before.gateways, "kinds that did not change are shared"
    assert not before.routes, "an old snapshot never changes"


async def test_a_history_that_is_gone_inside_a_watch_is_listed_again(practice: Practice) -> None:
    """The practice server only: a real one says so inside an open watch where its own watch of etcd lags."""
    practice.storage.apply(a_gateway())
    practice.storage.apply(a_route("before"))
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    live = LiveCluster(connection)
    live.start()
    try:
        await eventually(lambda: route_names(live) == {"before"} and state(live, "HTTPRoute") == "live")
        practice.storage.apply(a_route("after"))
        practice.storage.delete("HTTPRoute", "shop", "before")
        practice.storage.compact(cut_watchers=True)
        practice.storage.apply(a_route("later"))
        await eventually(lambda: route_names(live) == {"after", "later"})
        assert state(live, "HTTPRoute") == "live"
    finally:
        await asyncio.to_thread(live.stop)


async def test_a_kind_without_permission_is_denied_and_what_hangs_on_it_unknown(world: World) -> None:
    await world.apply(a_gateway())
    await world.apply(a_route())
    await world.deny(["list", "watch"], ["services", "gatewayclasses"])
    cluster = await started(world)
    try:
        await eventually(lambda: state(cluster, "Service") == "denied")
        await eventually(lambda: state(cluster, "GatewayClass") == "denied")
        await eventually(lambda: all(one.state != "loading" for one in cluster.snapshot().kinds.values()))
        snapshot = cluster.snapshot()
        findings = diagnose(snapshot)
        rows = overview(snapshot, findings)
        assert "Service" in rows.troubled_kinds
        assert rows.routes[0].computed is Verdict.UNKNOWN
        assert any(one.rule == "GW123" for one in findings)
        assert not any(one.rule in ("GW103", "GW203") for one in findings), "not readable is not missing"
        denied = next(one for one in findings if one.rule == "GW001" and one.subject.kind == "Service")
        assert "not allowed" in denied.evidence[0]
    finally:
        await asyncio.to_thread(cluster.stop)


async def test_where_the_cluster_is_forbidden_all_that_may_be_read_is(world: World) -> None:
    mine = a_gateway("mine", "default")
    await world.apply(mine)
    await world.apply(a_gateway("theirs", "infra"))
    await world.apply(a_gateway("ours", "shop"))
    await world.deny(["list", "watch"], ["gateways"], ["", "infra"])
    cluster = await started(world)
    try:
        await eventually(lambda: {"default", "shop"} <= set(limits(cluster, "Gateway")))
        found = cluster.snapshot().state_of("Gateway")
        assert found.state == "live"
        assert {ref.name for ref in cluster.snapshot().gateways} == {"mine", "ours"}
        assert found.knows("default")
        assert not found.knows("infra")
    finally:
        await asyncio.to_thread(cluster.stop)


async def test_where_the_cluster_is_forbidden_the_namespaces_asked_for_are_read(world: World) -> None:
    await world.apply(a_route("one", "shop"))
    await world.apply(a_route("two", "other"))
    await world.apply(a_route("three", "third"))
    await world.deny(["list", "watch"], ["httproutes"], ["", "third"])
    cluster = await started(world, ("shop", "other"))
    try:
        await eventually(lambda: route_names(cluster) == {"one", "two"})
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces == ("other", "shop"))
    finally:
        await asyncio.to_thread(cluster.stop)


def policy_crd(kind: str) -> dict[str, Any]:
    definition = open_crd(kind, "policies.example.com")
    definition["metadata"]["labels"] = {"gateway.networking.k8s.io/policy": "Direct"}
    return definition


async def test_a_policy_whose_crd_comes_later_is_picked_up(world: World, live: LiveCluster) -> None:
    await eventually(lambda: state(live, "CustomResourceDefinition") == "live")
    await world.apply(policy_crd("DoorPolicy"))
    await world.apply(
        {
            "apiVersion": "policies.example.com/v1",
            "kind": "DoorPolicy",
            "metadata": {"name": "locked", "namespace": "infra"},
            "spec": {
                "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "main"}]
            },
        }
    )
    await eventually(lambda: any(ref.kind == "DoorPolicy" for ref in live.snapshot().policies))
    await world.delete("CustomResourceDefinition", None, "doorpolicys.policies.example.com")
    await eventually(lambda: not any(ref.kind == "DoorPolicy" for ref in live.snapshot().policies))


async def test_server_errors_and_cut_connections_are_survived(practice: Practice) -> None:
    """The practice server only: a real one does not fail on demand."""
    practice.storage.apply(a_gateway())
    practice.server.faults.fail_next(3, 500, matches=lambda method, path: path.endswith("/gateways"))
    practice.server.faults.fail_next(2, 429, matches=lambda method, path: path.endswith("/httproutes"))
    practice.server.faults.drop_next(3, matches=lambda method, path: path.endswith("/services"))
    cluster = await started(practice)
    try:
        await eventually(lambda: state(cluster, "Gateway") == "live", within_s=10)
        await eventually(lambda: state(cluster, "HTTPRoute") == "live")
        await eventually(lambda: state(cluster, "Service") == "live")
        assert len(cluster.snapshot().gateways) == 1
    finally:
        await asyncio.to_thread(cluster.stop)


async def test_stop_ends_threads_that_wait_for_news(world: World, live: LiveCluster) -> None:
    await eventually(lambda: all(one.state != "loading" for one in live.snapshot().kinds.values()))
    began = monotonic()
    await asyncio.to_thread(live.stop)
    assert monotonic() - began < 2.0


async def test_load_once_reads_pages_and_never_a_key(world: World) -> None:
    # as many as need three pages
    await many(world, 1203)
    await world.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "cert", "namespace": "infra"},
            "type": "kubernetes.io/tls",
            "data": {"tls.crt": "Y3J0", "tls.key": "a2V5"},
        }
    )
    await world.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "password", "namespace": "infra"},
            "type": "Opaque",
            "data": {"password": "c2VjcmV0"},
        }
    )
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    snapshot = await asyncio.to_thread(load_once, connection)
    assert len(snapshot.routes) == 1203
    assert {ref.name for ref in snapshot.secrets} == {"cert"}
    secrets = await until(lambda: answered(world, "secrets"))
    assert {one.form for one in secrets} == {"PartialObjectMetadataList"}
    assert len(await until(lambda: answered(world, "httproutes", 3))) == 3
    await asyncio.to_thread(connection.close)


async def answered(world: World, plural: str, at_least: int = 1) -> list[Question]:
    """All lists of a kind, once so many have been answered."""
    asked = questions_about(await world.asked(), plural)
    return asked if len(asked) >= at_least and all(one.status for one in asked) else []


async def many(world: World, count: int) -> None:
    """Routes, eight at a time."""
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            await world.apply(a_route(f"route-{number:04d}"))

    await some() if world.name == "practice" else await asyncio.gather(*(some() for _ in range(8)))


async def test_load_once_says_failed_and_never_none(practice: Practice) -> None:
    """The practice server only: a real one does not fail on demand."""
    practice.storage.apply(a_route())
    practice.server.faults.fail_next(5, 500, matches=lambda method, path: path.endswith("/gateways"))
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    snapshot = await asyncio.to_thread(load_once, connection)
    assert snapshot.state_of("Gateway").state == "failed"
    findings = diagnose(snapshot)
    assert not any(one.rule == "GW107" for one in findings), "a Gateway that was not read is not missing"
    assert any(one.rule == "GW123" for one in findings)
    await asyncio.to_thread(connection.close)


async def test_load_once_with_a_deadline(practice: Practice) -> None:
    """The practice server only: a real one is not slow by so much, but see `freeze` in the chaos tests."""
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    practice.server.faults.latency_s = 0.7
    began = monotonic()
    # discovery takes most of the time, and too little is left for any list
    snapshot = await asyncio.to_thread(load_once, connection, None, 1.0)
    assert monotonic() - began < 3.0
    # what discovery does not know needs no list: it is not there
    assert {one.state for one in snapshot.kinds.values()} == {"failed", "absent"}
    await asyncio.to_thread(connection.close)


async def test_wrong_token_is_said_once_and_never_shown(world: World) -> None:
    document = yaml.safe_load(world.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": "wrong-token-98765"}
    world.kubeconfig.write_text(yaml.safe_dump(document))
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    with pytest.raises(ApiError) as caught:
        await asyncio.to_thread(load_once, connection)
    assert caught.value.status == 401
    assert "does not accept the credentials" in str(caught.value)
    assert "98765" not in str(caught.value) + repr(caught.value) + repr(connection)
    await asyncio.to_thread(connection.close)


async def test_real_statuses_over_the_wire_read_as_from_the_file(practice: Practice, shared: Path) -> None:
    """The practice server only: what unit tests left in the corpus, a real one would not take."""
    path = shared / "corpus" / "nasty" / "03-cilium-route-green-on-a-dead-gateway.yaml"
    documents = [
        one for one in yaml.load_all(await asyncio.to_thread(path.read_bytes), yaml.CSafeLoader) if one
    ]
    for document in documents:
        practice.storage.apply(document)
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    live = await asyncio.to_thread(load_once, connection)
    await asyncio.to_thread(connection.close)
    route = next(ref for ref in live.routes if ref.name == "https-route")
    told = {one.rule for one in diagnose(live) if one.subject == route}
    # the class is missing in this world, and in a cluster that is known for sure
    assert "GW111" in told
    offline = read_documents(documents)
    assert live.routes[route].spec == offline.routes[route].spec
    assert live.routes[route].status == offline.routes[route].status
