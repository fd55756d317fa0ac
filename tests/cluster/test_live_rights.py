"""Rights that are missing, that come and that go; kinds that come and go; the pods of the controllers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from api_worlds import READ_VERBS, Grant, World, questions_about
from chaos_kit import quick
from live_helpers import a_gateway, a_route, eventually, open_crd
from pointsman.cluster.client import kind_watch, readable
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.once import load_once
from pointsman.cluster.client.watch import LiveCluster
from pointsman.cluster.snapshot import Snapshot
from practice_api import PracticeWorld


@asynccontextmanager
async def reading(world: World, namespaces: tuple[str, ...] | None = None) -> AsyncIterator[LiveCluster]:
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    cluster = LiveCluster(connection, namespaces, quick(world))
    cluster.start()
    try:
        yield cluster
    finally:
        await asyncio.to_thread(cluster.stop)


async def once(world: World) -> Snapshot:
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    try:
        return await asyncio.to_thread(load_once, connection)
    finally:
        await asyncio.to_thread(connection.close)


def in_namespaces(*namespaces: str) -> tuple[Grant, ...]:
    return (
        Grant(READ_VERBS, ("httproutes", "gateways"), ("*",), namespaces=namespaces),
        Grant(("get", "list"), ("namespaces",), ("",)),
    )


async def test_all_namespaces_that_may_be_read_are_found(world: World) -> None:
    for namespace in ("shop", "pay", "secret"):
        await world.apply(a_route("cart", namespace))
    await world.rights(*in_namespaces("shop", "pay"))
    snapshot = await once(world)
    found = snapshot.state_of("HTTPRoute")
    assert (found.state, sorted(found.namespaces or ())) == ("live", ["pay", "shop"])
    assert {ref.namespace for ref in snapshot.routes} == {"shop", "pay"}
    assert not found.knows("secret")
    assert snapshot.state_of("Service").state == "denied"
    assert snapshot.state_of("GatewayClass").state == "denied"
    async with reading(world) as cluster:
        await eventually(lambda: len(cluster.snapshot().routes) == 2)
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces == ("pay", "shop"))
        await world.apply(a_route("second", "pay"))
        await eventually(lambda: len(cluster.snapshot().routes) == 3)
        await eventually(lambda: cluster.snapshot().state_of("Service").state == "denied")


async def test_where_namespaces_cannot_be_listed_the_own_one_is_tried(world: World) -> None:
    await world.apply(a_route("cart", "default"))
    await world.apply(a_route("cart", "shop"))
    await world.rights(in_namespaces("shop", "default")[0])
    assert (await once(world)).state_of("HTTPRoute").namespaces == ("default",)


async def test_rights_that_are_granted_later_are_used(world: World) -> None:
    for namespace in ("shop", "pay"):
        await world.apply(a_route("cart", namespace))
    await world.rights(*in_namespaces("shop"))
    async with reading(world) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces == ("shop",))
        await world.rights(*in_namespaces("shop"), in_namespaces("pay")[0])
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces == ("pay", "shop"))
        assert len(cluster.snapshot().routes) == 2
        await world.rights(Grant(READ_VERBS))
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces is None)
        await eventually(lambda: cluster.snapshot().state_of("Service").state == "live")
        await world.apply(a_route("cart", "third"))
        await eventually(lambda: len(cluster.snapshot().routes) == 3)


async def test_rights_that_are_taken_away_leave_nothing_that_looks_true(world: World) -> None:
    for namespace in ("shop", "pay"):
        await world.apply(a_route("cart", namespace))
    async with reading(world) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").state == "live")
        await world.deny(["list", "watch"], ["httproutes"], ["", "pay"])
        # an open watch goes on without the right to it
        cluster.connection.break_all()
        await eventually(lambda: "shop" in (cluster.snapshot().state_of("HTTPRoute").namespaces or ()), 12)
        assert {ref.namespace for ref in cluster.snapshot().routes} == {"shop"}
        assert not cluster.snapshot().state_of("HTTPRoute").knows("pay")


async def test_what_may_be_listed_and_not_watched_is_asked_again(world: World) -> None:
    await world.deny(["watch"], ["httproutes"])
    await world.apply(a_route())
    async with reading(world) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").state == "live")
        await world.apply(a_route("second"))
        await eventually(lambda: len(cluster.snapshot().routes) == 2)
        assert "not watched" in cluster.snapshot().state_of("HTTPRoute").detail


async def test_the_work_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readable, "MOST_NAMESPACES", 10)
    monkeypatch.setattr(kind_watch, "MOST_SCOPED_WATCHES", 4)
    names = [f"team-{number:02d}" for number in range(20)]
    for namespace in names:
        await world.apply(a_route("cart", namespace))
    await world.rights(*in_namespaces(*names))
    async with reading(world) as cluster:
        # the own namespace is one of the ten, and may not be read
        await eventually(lambda: len(cluster.snapshot().state_of("HTTPRoute").namespaces or ()) >= 6)
        found = cluster.snapshot().state_of("HTTPRoute")
        assert "10 of" in found.detail
        asked = await world.asked()
        reviews = len(questions_about(asked, "selfsubjectrulesreviews"))
        # they are asked anew when the answers have grown old
        assert reviews
        assert reviews % 10 == 0
        watched = {one.path for one in asked if one.watches and "/namespaces/" in one.path}
        assert len(watched) <= 4, "too many to watch: they are listed in turn"
        known = (found.namespaces or ())[0]
        await world.apply(a_route("second", known))
        await eventually(lambda: any(ref.name == "second" for ref in cluster.snapshot().routes))


async def test_where_the_rules_are_not_all_told_each_kind_is_asked_for(practice_world: PracticeWorld) -> None:
    """The practice server only: RBAC tells all rules, an authorizer behind a webhook does not."""
    world = practice_world
    await world.apply(a_route("cart", "shop"))
    await world.rights(*in_namespaces("shop"))
    world.practice.server.policy.tells_rules = False
    assert (await once(world)).state_of("HTTPRoute").namespaces == ("shop",)


# -- kinds that come and go --


async def a_definition(world: World, name: str) -> dict[str, Any]:
    """A CRD that is there, as it would be applied again."""
    found = await world.get("CustomResourceDefinition", None, name)
    assert found is not None
    metadata = {"name": name, "annotations": found["metadata"].get("annotations", {})}
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": metadata,
        "spec": found["spec"],
    }


async def test_a_kind_of_the_gateway_api_that_goes_and_comes_back(world: World) -> None:
    await world.apply(a_gateway())
    name = "gateways.gateway.networking.k8s.io"
    async with reading(world) as cluster:
        await eventually(lambda: cluster.snapshot().gateways)
        await eventually(lambda: cluster.snapshot().state_of("CustomResourceDefinition").state == "live")
        definition = await a_definition(world, name)
        await world.delete("CustomResourceDefinition", None, name)
        await eventually(lambda: cluster.snapshot().state_of("Gateway").state == "absent", 15)
        assert not cluster.snapshot().gateways
        await world.apply(definition)
        await world.apply(a_gateway("new"))
        await eventually(lambda: {ref.name for ref in cluster.snapshot().gateways} == {"new"}, 15)
        await eventually(lambda: cluster.snapshot().state_of("Gateway").state == "live")


async def test_a_kind_that_comes_is_seen_without_the_right_to_watch_crds(world: World) -> None:
    await world.deny(["list", "watch"], ["customresourcedefinitions"])
    async with reading(world) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("CustomResourceDefinition").state == "denied")
        issuer = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Issuer",
            "metadata": {"name": "acme", "namespace": "infra"},
            "spec": {},
        }
        await world.apply(open_crd("Issuer", "cert-manager.io"), issuer)
        await eventually(lambda: cluster.snapshot().issuers, 15)


async def test_what_discovery_leaves_out_for_a_moment_is_not_gone(practice_world: PracticeWorld) -> None:
    """The practice server only: a real one leaves a group out for a moment that no test can choose."""
    world = practice_world
    await world.apply(a_gateway())
    await world.apply(a_route())
    grpc = {**a_route("calls"), "kind": "GRPCRoute"}
    await world.apply(grpc)
    faults = world.practice.server.faults
    async with reading(world) as cluster:
        await eventually(lambda: len(cluster.snapshot().routes) == 2)
        await eventually(lambda: cluster.snapshot().state_of("CustomResourceDefinition").state == "live")
        faults.hidden_groups = frozenset({"gateway.networking.k8s.io"})
        asked = discoveries(world)
        cluster.look_again()
        await eventually(lambda: discoveries(world) > asked + 1)
        snapshot = cluster.snapshot()
        assert (len(snapshot.gateways), len(snapshot.routes)) == (1, 2)
        assert {snapshot.state_of(kind).state for kind in ("Gateway", "HTTPRoute", "GRPCRoute")} == {"live"}
    # and where it is left out from the beginning, nobody knows yet
    snapshot = await once(world)
    assert snapshot.state_of("Gateway").state == "failed"
    assert "does not serve it yet" in snapshot.state_of("Gateway").detail
    async with reading(world) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("GRPCRoute").state == "failed")
        faults.hidden_groups = frozenset()
        await eventually(lambda: cluster.snapshot().state_of("GRPCRoute").state == "live")
        assert len(cluster.snapshot().routes) == 2


def discoveries(world: PracticeWorld) -> int:
    return sum(one.path == "/apis" for one in world.practice.server.requests)


async def test_a_version_that_is_not_understood_is_not_none(world: World) -> None:
    name = "listenersets.gateway.networking.k8s.io"
    definition = await a_definition(world, name)
    await world.delete("CustomResourceDefinition", None, name)
    (version,) = open_crd("ListenerSet", "gateway.networking.k8s.io")["spec"]["versions"]
    definition["spec"]["versions"] = [{**version, "name": "v9"}]
    await world.apply(definition)
    assert "served as v9 only" in (await once(world)).state_of("ListenerSet").detail
    async with reading(world) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("ListenerSet").state == "failed")


# -- pods --


def a_controller(
    name: str = "envoy-gateway", image: str = "docker.io/envoyproxy/gateway:v1.8.0", kind: str = "Deployment"
) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "envoy-system"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    }


def a_pod(name: str, app: str, namespace: str = "envoy-system", ready: str = "True") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": app},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"{app}-abc",
                    "uid": "8d3a2a0e-7b0c-4a55-9d0e-3f2f5d6c1a77",
                    "controller": True,
                }
            ],
        },
        "spec": {"containers": [{"name": "main", "image": "docker.io/envoyproxy/gateway:v1.8.0"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [
                {
                    "name": "main",
                    "ready": ready == "True",
                    "restartCount": 3,
                    "image": "docker.io/envoyproxy/gateway:v1.8.0",
                    "imageID": "",
                }
            ],
        },
    }


def pod_names(cluster: LiveCluster) -> set[str]:
    return {ref.name for ref in cluster.snapshot().pods}


async def test_only_the_pods_of_known_controllers_are_read(world: World) -> None:
    for document in (
        a_controller(),
        a_controller("shop", "shop:1"),
        a_controller("cilium", "quay.io/cilium/operator-generic@sha256:abc", "DaemonSet"),
        a_pod("envoy-gateway-1", "envoy-gateway"),
        a_pod("cilium-1", "cilium"),
        a_pod("shop-1", "shop"),
        a_pod("elsewhere", "envoy-gateway", "other"),
    ):
        await world.apply(document)
    snapshot = await once(world)
    assert {ref.name for ref in snapshot.pods} == {"envoy-gateway-1", "cilium-1"}
    async with reading(world) as cluster:
        await eventually(lambda: pod_names(cluster) == {"envoy-gateway-1", "cilium-1"})
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"live"})
        assert {ref.name for ref in cluster.snapshot().pod_states} == {"envoy-gateway", "cilium"}
        pod = next(one for one in cluster.snapshot().pods.values() if one.metadata.name == "envoy-gateway-1")
        owner = pod.owner
        assert owner is not None
        assert (pod.phase, pod.ready, pod.restarts, owner.kind) == ("Running", True, 3, "ReplicaSet")
        assert pod.images == ("docker.io/envoyproxy/gateway:v1.8.0",)
        await world.apply(a_pod("envoy-gateway-1", "envoy-gateway", ready="False"))
        await world.apply(a_pod("envoy-gateway-2", "envoy-gateway"))
        await eventually(lambda: pod_names(cluster) == {"envoy-gateway-1", "envoy-gateway-2", "cilium-1"})
        await eventually(lambda: sum(one.ready for one in cluster.snapshot().pods.values()) == 2)
        await world.delete("Deployment", "envoy-system", "envoy-gateway")
        await eventually(lambda: pod_names(cluster) == {"cilium-1"})
    asked = questions_about(await world.asked(), "pods")
    assert asked
    assert all("/namespaces/envoy-system/" in one.path and "labelSelector=" in one.query for one in asked)


async def test_pods_that_may_not_be_read_are_denied_and_the_rest_works(world: World) -> None:
    await world.apply(a_controller())
    await world.apply(a_pod("envoy-gateway-1", "envoy-gateway"))
    allow = await world.deny(["list", "watch"], ["pods"])
    assert {one.state for one in (await once(world)).pod_states.values()} == {"denied"}
    async with reading(world) as cluster:
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"denied"})
        assert "Pod" not in cluster.snapshot().kinds
        await allow()
        await eventually(lambda: pod_names(cluster) == {"envoy-gateway-1"})


@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning",
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning",
)
async def test_pods_grow_stale_with_their_server_and_live_with_it(world: World) -> None:
    await world.apply(a_controller())
    await world.apply(a_pod("envoy-gateway-1", "envoy-gateway"))
    async with reading(world) as cluster:
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"live"})
        await world.stop()
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"stale"})
        assert pod_names(cluster) == {"envoy-gateway-1"}
        await world.start()
        await world.apply(a_pod("envoy-gateway-2", "envoy-gateway"))
        await eventually(lambda: pod_names(cluster) == {"envoy-gateway-1", "envoy-gateway-2"})
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"live"})
