"""The live picture against a real API server on loopback: changes, faults, recovery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest
import yaml
from live_helpers import Practice, a_gateway, a_route, eventually
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


async def started(practice: Practice, namespaces: tuple[str, ...] | None = None) -> LiveCluster:
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    cluster = LiveCluster(connection, namespaces)
    cluster.start()
    return cluster


@pytest.fixture
async def live(practice: Practice) -> AsyncIterator[LiveCluster]:
    practice.storage.apply(a_gateway())
    cluster = await started(practice)
    await eventually(lambda: state(cluster, "Gateway") == "live" and state(cluster, "HTTPRoute") == "live")
    yield cluster
    await asyncio.to_thread(cluster.stop)


def state(cluster: LiveCluster, kind: str) -> str:
    return cluster.snapshot().state_of(kind).state


def limits(cluster: LiveCluster, kind: str) -> tuple[str, ...]:
    return cluster.snapshot().state_of(kind).namespaces or ()


def route_names(cluster: LiveCluster) -> set[str]:
    return {ref.name for ref in cluster.snapshot().routes}


async def test_a_change_arrives_within_a_second(practice: Practice, live: LiveCluster) -> None:
    began = monotonic()
    practice.storage.apply(a_route())
    await eventually(lambda: route_names(live) == {"cart"}, within_s=1.0)
    practice.storage.delete("HTTPRoute", "shop", "cart")
    await eventually(lambda: not route_names(live), within_s=1.0)
    assert monotonic() - began < 2.0


async def test_an_unchanged_picture_is_the_same_object(practice: Practice, live: LiveCluster) -> None:
    await eventually(lambda: all(one.state != "loading" for one in live.snapshot().kinds.values()))
    before = live.snapshot()
    assert live.snapshot() is before
    practice.storage.apply(a_route())
    await eventually(lambda: route_names(live))
    after = live.snapshot()
    assert after.version > before.version
    assert after.gateways is before.gateways, "kinds that did not change are shared"
    assert not before.routes, "an old snapshot never changes"


async def test_a_compacted_history_is_listed_again(practice: Practice, live: LiveCluster) -> None:
    practice.storage.apply(a_route("before"))
    await eventually(lambda: route_names(live) == {"before"})
    practice.storage.apply(a_route("after"))
    practice.storage.delete("HTTPRoute", "shop", "before")
    practice.storage.compact(cut_watchers=True)
    practice.storage.apply(a_route("later"))
    await eventually(lambda: route_names(live) == {"after", "later"})
    assert state(live, "HTTPRoute") == "live"


async def test_a_dead_server_makes_it_stale_and_its_return_live(
    practice: Practice, live: LiveCluster
) -> None:
    port = practice.port
    await practice.server.stop()
    await eventually(lambda: state(live, "Gateway") == "stale")
    assert len(live.snapshot().gateways) == 1, "what was known is kept, and marked"
    stale = live.snapshot().state_of("Gateway")
    assert "refused" in stale.detail or "broke" in stale.detail
    findings = diagnose(live.snapshot())
    assert any(one.rule == "GW002" and one.verdict is Verdict.UNKNOWN for one in findings)
    practice.storage.apply(a_gateway("second"))
    await practice.restart(port)
    await eventually(lambda: len(live.snapshot().gateways) == 2, within_s=10)
    await eventually(lambda: state(live, "Gateway") == "live")


async def test_a_kind_without_permission_is_denied_and_what_hangs_on_it_unknown(practice: Practice) -> None:
    practice.storage.apply(a_gateway())
    practice.storage.apply(a_route())
    practice.server.policy.deny(["list", "watch"], ["services", "gatewayclasses"])
    cluster = await started(practice)
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


async def test_where_the_cluster_is_forbidden_all_that_may_be_read_is(practice: Practice) -> None:
    mine = a_gateway("mine", "default")
    practice.storage.apply(mine)
    practice.storage.apply(a_gateway("theirs", "infra"))
    practice.storage.apply(a_gateway("ours", "shop"))
    practice.server.policy.deny(["list", "watch"], ["gateways"], namespaces=["", "infra"])
    cluster = await started(practice)
    try:
        await eventually(lambda: {"default", "shop"} <= set(limits(cluster, "Gateway")))
        found = cluster.snapshot().state_of("Gateway")
        assert found.state == "live"
        assert {ref.name for ref in cluster.snapshot().gateways} == {"mine", "ours"}
        assert found.knows("default")
        assert not found.knows("infra")
    finally:
        await asyncio.to_thread(cluster.stop)


async def test_where_the_cluster_is_forbidden_the_namespaces_asked_for_are_read(practice: Practice) -> None:
    practice.server.policy.deny(["list", "watch"], ["httproutes"], namespaces=["", "third"])
    practice.storage.apply(a_route("one", "shop"))
    practice.storage.apply(a_route("two", "other"))
    practice.storage.apply(a_route("three", "third"))
    cluster = await started(practice, ("shop", "other"))
    try:
        await eventually(lambda: route_names(cluster) == {"one", "two"})
        await eventually(lambda: cluster.snapshot().state_of("HTTPRoute").namespaces == ("other", "shop"))
    finally:
        await asyncio.to_thread(cluster.stop)


def policy_crd(kind: str, group: str = "policies.example.com") -> dict[str, object]:
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "labels": {"gateway.networking.k8s.io/policy": "Direct"},
        },
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }


async def test_a_policy_whose_crd_comes_later_is_picked_up(practice: Practice, live: LiveCluster) -> None:
    await eventually(lambda: state(live, "CustomResourceDefinition") == "live")
    practice.storage.apply(policy_crd("DoorPolicy"))
    practice.storage.apply(
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
    practice.storage.delete("CustomResourceDefinition", None, "doorpolicys.policies.example.com")
    await eventually(lambda: not any(ref.kind == "DoorPolicy" for ref in live.snapshot().policies))


async def test_server_errors_and_cut_connections_are_survived(practice: Practice) -> None:
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


async def test_stop_ends_threads_that_wait_for_news(practice: Practice, live: LiveCluster) -> None:
    await eventually(lambda: all(one.state != "loading" for one in live.snapshot().kinds.values()))
    began = monotonic()
    await asyncio.to_thread(live.stop)
    assert monotonic() - began < 2.0


async def test_load_once_reads_pages_and_never_a_key(practice: Practice) -> None:
    for number in range(1203):
        practice.storage.apply(a_route(f"route-{number:04d}"))
    practice.storage.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "cert", "namespace": "infra"},
            "type": "kubernetes.io/tls",
            "data": {"tls.crt": "Y3J0", "tls.key": "a2V5"},
        }
    )
    practice.storage.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "password", "namespace": "infra"},
            "type": "Opaque",
            "data": {"password": "c2VjcmV0"},
        }
    )
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    snapshot = await asyncio.to_thread(load_once, connection)
    assert len(snapshot.routes) == 1203
    assert {ref.name for ref in snapshot.secrets} == {"cert"}
    asked = [one for one in practice.server.requests if one.path.endswith("/secrets")]
    assert asked
    assert all("as=PartialObjectMetadataList" in one.accept for one in asked)
    pages = [one for one in practice.server.requests if one.path.endswith("/httproutes")]
    assert len(pages) == 3
    await asyncio.to_thread(connection.close)


async def test_load_once_says_failed_and_never_none(practice: Practice) -> None:
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
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    practice.server.faults.latency_s = 0.7
    began = monotonic()
    # discovery takes most of the time, and too little is left for any list
    snapshot = await asyncio.to_thread(load_once, connection, None, 1.0)
    assert monotonic() - began < 3.0
    # what discovery does not know needs no list: it is not there
    assert {one.state for one in snapshot.kinds.values()} == {"failed", "absent"}
    await asyncio.to_thread(connection.close)


async def test_wrong_token_is_said_once_and_never_shown(practice: Practice) -> None:
    text = practice.kubeconfig.read_text().replace("practice-token-0123456789", "wrong-token-98765")
    practice.kubeconfig.write_text(text)
    connection = await asyncio.to_thread(connect, str(practice.kubeconfig))
    with pytest.raises(ApiError) as caught:
        await asyncio.to_thread(load_once, connection)
    assert caught.value.status == 401
    assert "does not accept the credentials" in str(caught.value)
    assert "98765" not in str(caught.value) + repr(caught.value) + repr(connection)
    await asyncio.to_thread(connection.close)


async def test_real_statuses_over_the_wire_read_as_from_the_file(practice: Practice, shared: Path) -> None:
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
