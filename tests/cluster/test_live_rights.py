"""Rights that are missing, that come and that go; kinds that come and go; the pods of the controllers."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from chaos_kit import QUICK
from live_helpers import Practice, a_gateway, a_route, eventually
from pointsman.cluster.client import kind_watch, readable
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.once import load_once
from pointsman.cluster.client.watch import LiveCluster
from pointsman.cluster.snapshot import Snapshot
from pointsman.sandbox.apiserver.access import READ_VERBS, Rule, User

READER_TOKEN = "a-reader-token-0123456789"


def let_in(practice: Practice, *rules: Rule) -> Callable[[Rule], None]:
    """Only these rights from now on, for the user of the kubeconfig; returns what grants another."""
    granted = list(rules)

    def write() -> None:
        practice.server.policy.users[READER_TOKEN] = User("jo", rules=tuple(granted))

    def grant(rule: Rule) -> None:
        granted.append(rule)
        write()

    write()
    practice.server.write_kubeconfig(practice.kubeconfig, practice.ca_pem, READER_TOKEN)
    return grant


@asynccontextmanager
async def reading(
    practice: Practice, namespaces: tuple[str, ...] | None = None
) -> AsyncIterator[LiveCluster]:
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    cluster = LiveCluster(connection, namespaces, QUICK)
    cluster.start()
    try:
        yield cluster
    finally:
        await asyncio.to_thread(cluster.stop)


async def once(practice: Practice) -> Snapshot:
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    try:
        return await asyncio.to_thread(load_once, connection)
    finally:
        await asyncio.to_thread(connection.close)


def in_namespaces(*namespaces: str) -> tuple[Rule, ...]:
    return (
        Rule(READ_VERBS, ("httproutes", "gateways"), ("*",), namespaces=namespaces),
        Rule(("get", "list"), ("namespaces",), ("",)),
    )


async def test_all_namespaces_that_may_be_read_are_found(practice: Practice) -> None:
    for namespace in ("shop", "pay", "secret"):
        practice.storage.apply(a_route("cart", namespace))
    let_in(practice, *in_namespaces("shop", "pay"))
    snapshot = await once(practice)
    found = snapshot.state_of("HTTPRoute")
    assert (found.state, sorted(found.namespaces or ())) == ("live", ["pay", "shop"])
    assert {ref.namespace for ref in snapshot.routes} == {"shop", "pay"}
    assert not found.knows("secret")
    assert snapshot.state_of("Service").state == "denied"
    assert snapshot.state_of("GatewayClass").state == "denied"
    async with reading(practice) as cluster:
        await eventually(lambda: len(cluster.snapshot().routes) == 2)
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces == ("pay", "shop"))
        practice.storage.apply(a_route("second", "pay"))
        await eventually(lambda: len(cluster.snapshot().routes) == 3)
        await eventually(lambda: cluster.snapshot().state_of("Service").state == "denied")


async def test_where_namespaces_cannot_be_listed_the_own_one_is_tried(practice: Practice) -> None:
    practice.storage.apply(a_route("cart", "default"))
    practice.storage.apply(a_route("cart", "shop"))
    let_in(practice, in_namespaces("shop", "default")[0])
    assert (await once(practice)).state_of("HTTPRoute").namespaces == ("default",)


async def test_rights_that_are_granted_later_are_used(practice: Practice) -> None:
    for namespace in ("shop", "pay"):
        practice.storage.apply(a_route("cart", namespace))
    grant = let_in(practice, *in_namespaces("shop"))
    async with reading(practice) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces == ("shop",))
        grant(in_namespaces("pay")[0])
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces == ("pay", "shop"))
        assert len(cluster.snapshot().routes) == 2
        grant(Rule(READ_VERBS))
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces is None)
        await eventually(lambda: cluster.snapshot().state_of("Service").state == "live")
        practice.storage.apply(a_route("cart", "third"))
        await eventually(lambda: len(cluster.snapshot().routes) == 3)


async def test_rights_that_are_taken_away_leave_nothing_that_looks_true(practice: Practice) -> None:
    for namespace in ("shop", "pay"):
        practice.storage.apply(a_route("cart", namespace))
    async with reading(practice) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").state == "live")
        practice.server.policy.deny(["list", "watch"], ["httproutes"], namespaces=["", "pay"])
        practice.server.cut_watches()
        await eventually(lambda: "shop" in (cluster.snapshot().state_of("HTTPRoute").namespaces or ()), 12)
        assert {ref.namespace for ref in cluster.snapshot().routes} == {"shop"}
        assert not cluster.snapshot().state_of("HTTPRoute").knows("pay")


async def test_what_may_be_listed_and_not_watched_is_asked_again(practice: Practice) -> None:
    practice.server.policy.deny(["watch"], ["httproutes"])
    practice.storage.apply(a_route())
    async with reading(practice) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").state == "live")
        practice.storage.apply(a_route("second"))
        await eventually(lambda: len(cluster.snapshot().routes) == 2)
        assert "not watched" in cluster.snapshot().state_of("HTTPRoute").detail


async def test_the_work_is_bounded(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readable, "MOST_NAMESPACES", 10)
    monkeypatch.setattr(kind_watch, "MOST_SCOPED_WATCHES", 4)
    names = [f"team-{number:02d}" for number in range(20)]
    for namespace in names:
        practice.storage.apply(a_route("cart", namespace))
    let_in(practice, *in_namespaces(*names))
    async with reading(practice) as cluster:
        # the own namespace is one of the ten, and may not be read
        await eventually(lambda: len(cluster.snapshot().state_of("HTTPRoute").namespaces or ()) >= 6)
        found = cluster.snapshot().state_of("HTTPRoute")
        assert "10 of" in found.detail
        reviews = [one for one in practice.server.requests if one.path.endswith("selfsubjectrulesreviews")]
        assert len(reviews) == 10
        assert practice.server.open_watches <= 4, "too many to watch: they are listed in turn"
        known = (found.namespaces or ())[0]
        practice.storage.apply(a_route("second", known))
        await eventually(lambda: any(ref.name == "second" for ref in cluster.snapshot().routes))


async def test_where_the_rules_are_not_all_told_each_kind_is_asked_for(practice: Practice) -> None:
    practice.storage.apply(a_route("cart", "shop"))
    let_in(practice, *in_namespaces("shop"))
    practice.server.policy.tells_rules = False
    assert (await once(practice)).state_of("HTTPRoute").namespaces == ("shop",)


# -- kinds that come and go --


async def test_a_kind_of_the_gateway_api_that_goes_and_comes_back(practice: Practice) -> None:
    practice.storage.apply(a_gateway())
    name = "gateways.gateway.networking.k8s.io"
    definitions = practice.storage.registry.by_plural("apiextensions.k8s.io", "customresourcedefinitions")
    assert definitions is not None
    async with reading(practice) as cluster:
        await eventually(lambda: cluster.snapshot().gateways)
        await eventually(lambda: cluster.snapshot().state_of("CustomResourceDefinition").state == "live")
        stored = practice.storage.read(definitions, "", name)
        assert stored is not None
        definition = stored.copy()
        practice.storage.delete("CustomResourceDefinition", None, name)
        await eventually(lambda: cluster.snapshot().state_of("Gateway").state == "absent")
        assert not cluster.snapshot().gateways
        practice.storage.apply(definition)
        practice.storage.apply(a_gateway("new"))
        await eventually(lambda: {ref.name for ref in cluster.snapshot().gateways} == {"new"})
        assert cluster.snapshot().state_of("Gateway").state == "live"


async def test_a_kind_that_comes_is_seen_without_the_right_to_watch_crds(practice: Practice) -> None:
    practice.server.policy.deny(["list", "watch"], ["customresourcedefinitions"])
    async with reading(practice) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("CustomResourceDefinition").state == "denied")
        practice.storage.apply(
            {
                "apiVersion": "cert-manager.io/v1",
                "kind": "Issuer",
                "metadata": {"name": "acme", "namespace": "infra"},
                "spec": {},
            }
        )
        await eventually(lambda: cluster.snapshot().issuers)


async def test_what_discovery_leaves_out_for_a_moment_is_not_gone(practice: Practice) -> None:
    practice.storage.apply(a_gateway())
    practice.storage.apply(a_route())
    grpc = {**a_route("calls"), "kind": "GRPCRoute"}
    practice.storage.apply(grpc)
    group = "gateway.networking.k8s.io"
    async with reading(practice) as cluster:
        await eventually(lambda: len(cluster.snapshot().routes) == 2)
        await eventually(lambda: cluster.snapshot().state_of("CustomResourceDefinition").state == "live")
        practice.server.faults.hidden_groups = frozenset({group})
        asked = discoveries(practice)
        cluster.look_again()
        await eventually(lambda: discoveries(practice) > asked + 1)
        snapshot = cluster.snapshot()
        assert (len(snapshot.gateways), len(snapshot.routes)) == (1, 2)
        assert {snapshot.state_of(kind).state for kind in ("Gateway", "HTTPRoute", "GRPCRoute")} == {"live"}
    # and where it is left out from the beginning, nobody knows yet
    snapshot = await once(practice)
    assert snapshot.state_of("Gateway").state == "failed"
    assert "does not serve it yet" in snapshot.state_of("Gateway").detail
    async with reading(practice) as cluster:
        await eventually(lambda: cluster.snapshot().state_of("GRPCRoute").state == "failed")
        practice.server.faults.hidden_groups = frozenset()
        await eventually(lambda: cluster.snapshot().state_of("GRPCRoute").state == "live")
        assert len(cluster.snapshot().routes) == 2


def discoveries(practice: Practice) -> int:
    return sum(one.path == "/apis" for one in practice.server.requests)


async def test_a_version_that_is_not_understood_is_not_none(practice: Practice) -> None:
    practice.storage.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v9",
            "kind": "ListenerSet",
            "metadata": {"name": "new", "namespace": "infra"},
            "spec": {},
        }
    )
    registry = practice.storage.registry
    served = registry.by_plural("gateway.networking.k8s.io", "listenersets")
    assert served is not None
    registry.add(dataclasses.replace(served, versions=("v9",)))
    assert "served as v9 only" in (await once(practice)).state_of("ListenerSet").detail
    async with reading(practice) as cluster:
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
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{app}-abc", "controller": True}],
        },
        "spec": {"containers": [{"name": "main", "image": "docker.io/envoyproxy/gateway:v1.8.0"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"name": "main", "ready": ready == "True", "restartCount": 3}],
        },
    }


def pod_names(cluster: LiveCluster) -> set[str]:
    return {ref.name for ref in cluster.snapshot().pods}


async def test_only_the_pods_of_known_controllers_are_read(practice: Practice) -> None:
    for document in (
        a_controller(),
        a_controller("shop", "shop:1"),
        a_controller("cilium", "quay.io/cilium/operator-generic@sha256:abc", "DaemonSet"),
        a_pod("envoy-gateway-1", "envoy-gateway"),
        a_pod("cilium-1", "cilium"),
        a_pod("shop-1", "shop"),
        a_pod("elsewhere", "envoy-gateway", "other"),
    ):
        practice.storage.apply(document)
    snapshot = await once(practice)
    assert {ref.name for ref in snapshot.pods} == {"envoy-gateway-1", "cilium-1"}
    async with reading(practice) as cluster:
        await eventually(lambda: pod_names(cluster) == {"envoy-gateway-1", "cilium-1"})
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"live"})
        assert {ref.name for ref in cluster.snapshot().pod_states} == {"envoy-gateway", "cilium"}
        pod = next(one for one in cluster.snapshot().pods.values() if one.metadata.name == "envoy-gateway-1")
        owner = pod.owner
        assert owner is not None
        assert (pod.phase, pod.ready, pod.restarts, owner.kind) == ("Running", True, 3, "ReplicaSet")
        assert pod.images == ("docker.io/envoyproxy/gateway:v1.8.0",)
        practice.storage.apply(a_pod("envoy-gateway-1", "envoy-gateway", ready="False"))
        practice.storage.apply(a_pod("envoy-gateway-2", "envoy-gateway"))
        await eventually(lambda: pod_names(cluster) == {"envoy-gateway-1", "envoy-gateway-2", "cilium-1"})
        await eventually(lambda: sum(one.ready for one in cluster.snapshot().pods.values()) == 2)
        practice.storage.delete("Deployment", "envoy-system", "envoy-gateway")
        await eventually(lambda: pod_names(cluster) == {"cilium-1"})
    asked = [one for one in practice.server.requests if one.path.endswith("/pods")]
    assert asked
    assert all("/namespaces/envoy-system/" in one.path and "labelSelector=" in one.query for one in asked)


async def test_pods_that_may_not_be_read_are_denied_and_the_rest_works(practice: Practice) -> None:
    practice.storage.apply(a_controller())
    practice.storage.apply(a_pod("envoy-gateway-1", "envoy-gateway"))
    allow = practice.server.policy.deny(["list", "watch"], ["pods"])
    assert {one.state for one in (await once(practice)).pod_states.values()} == {"denied"}
    async with reading(practice) as cluster:
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"denied"})
        assert "Pod" not in cluster.snapshot().kinds
        allow()
        await eventually(lambda: pod_names(cluster) == {"envoy-gateway-1"})


@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning",
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning",
)
async def test_pods_grow_stale_with_their_server_and_live_with_it(practice: Practice) -> None:
    practice.storage.apply(a_controller())
    practice.storage.apply(a_pod("envoy-gateway-1", "envoy-gateway"))
    port = practice.port
    async with reading(practice) as cluster:
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"live"})
        await practice.server.stop()
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"stale"})
        assert pod_names(cluster) == {"envoy-gateway-1"}
        practice.storage.apply(a_pod("envoy-gateway-2", "envoy-gateway"))
        await practice.restart(port)
        await eventually(lambda: pod_names(cluster) == {"envoy-gateway-1", "envoy-gateway-2"})
        await eventually(lambda: {one.state for one in cluster.snapshot().pod_states.values()} == {"live"})
