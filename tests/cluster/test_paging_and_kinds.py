"""Every kind listed and followed, in pages, with the history forgotten in between; never a key."""

from __future__ import annotations

import asyncio
from typing import Any

from api_worlds import World, questions_about, until
from chaos_kit import a_service, quick
from live_helpers import a_gateway, a_route, eventually, open_crd
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.discovery import discover
from pointsman.cluster.client.listing import FIRST_PAGE, Entry, list_kind
from pointsman.cluster.client.once import load_once
from pointsman.cluster.client.watch import LiveCluster
from pointsman.cluster.kinds import KINDS, kind_spec
from pointsman.cluster.refs import GATEWAY_GROUP
from pointsman.cluster.snapshot import Snapshot

GATEWAY_V1 = f"{GATEWAY_GROUP}/v1"
_PARENT = {"parentRefs": [{"name": "main", "namespace": "infra"}]}
_BACKEND = {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}


def named(api_version: str, kind: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    metadata = {"name": "one", **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def one_of_each() -> list[dict[str, Any]]:
    """An object of every kind that is read and that both servers know, and that a real one accepts."""
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": "shop:1"}]},
    }
    workload = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    listener = {"name": "own", "port": 8080, "protocol": "HTTP"}
    target = {"group": "", "kind": "Service", "name": "web"}
    validation = {"hostname": "web.example.com", "wellKnownCACertificates": "System"}
    allowed = {
        "from": [{"group": GATEWAY_GROUP, "kind": "HTTPRoute", "namespace": "shop"}],
        "to": [{"group": "", "kind": "Service"}],
    }
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    return [
        named(GATEWAY_V1, "GatewayClass", spec={"controllerName": "example.com/practice"}),
        a_gateway("one"),
        a_route("one"),
        named(GATEWAY_V1, "GRPCRoute", "shop", spec={**_PARENT, **_BACKEND}),
        named(
            GATEWAY_V1,
            "TLSRoute",
            "shop",
            spec={**_PARENT, "hostnames": ["tls.example.com"], **_BACKEND},
        ),
        named(GATEWAY_V1, "TCPRoute", "shop", spec={**_PARENT, **_BACKEND}),
        named(GATEWAY_V1, "UDPRoute", "shop", spec={**_PARENT, **_BACKEND}),
        named(
            GATEWAY_V1,
            "ListenerSet",
            "shop",
            spec={"parentRef": {"name": "one", "namespace": "infra"}, "listeners": [listener]},
        ),
        named(GATEWAY_V1, "ReferenceGrant", "shop", spec=allowed),
        named(
            GATEWAY_V1, "BackendTLSPolicy", "shop", spec={"targetRefs": [target], "validation": validation}
        ),
        a_service("one"),
        named(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            "shop",
            addressType="IPv4",
            endpoints=[{"addresses": ["10.1.2.3"]}],
            ports=[{"port": 80}],
        ),
        named(
            "v1",
            "Secret",
            "shop",
            type="kubernetes.io/tls",
            data={"tls.crt": "Y3J0", "tls.key": "a2V5"},
        ),
        named("networking.k8s.io/v1", "Ingress", "shop", spec={"rules": [rule]}),
        named("networking.k8s.io/v1", "IngressClass", spec={"controller": "example.com/ingress"}),
        named("apps/v1", "Deployment", "shop", spec=workload),
        named("apps/v1", "DaemonSet", "shop", spec=workload),
        named("networking.k8s.io/v1", "NetworkPolicy", "shop", spec={"podSelector": {}}),
        named("cert-manager.io/v1", "Issuer", "shop", spec={}),
    ]


def seen(snapshot: Snapshot) -> dict[str, str]:
    """The turn of each of them that a snapshot holds, by kind."""
    parts = [spec.part for spec in KINDS if spec.part not in ("namespaces", "crds", "meshes")]
    return {
        ref.kind: obj.meta.labels.get("turn", "")
        for part in parts
        for ref, obj in getattr(snapshot, part).items()
        if ref.name == "one"
    }


async def test_every_kind_is_listed_followed_and_let_go(world: World) -> None:
    documents = one_of_each()
    kinds = {one["kind"] for one in documents}
    await world.apply(open_crd("Issuer", "cert-manager.io"))
    for document in documents:
        document["metadata"]["labels"] = {"turn": "1"}
    await world.apply(*documents)
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    snapshot = await asyncio.to_thread(load_once, connection)
    assert seen(snapshot) == dict.fromkeys(kinds, "1")
    assert {snapshot.state_of(kind).state for kind in kinds} == {"live"}
    assert not snapshot.undecodable
    cluster = LiveCluster(connection, timing=quick(world))
    cluster.start()
    try:
        await eventually(lambda: seen(cluster.snapshot()) == dict.fromkeys(kinds, "1"), 15)
        await eventually(lambda: all(cluster.snapshot().state_of(one).state == "live" for one in kinds), 15)
        for document in documents:
            document["metadata"]["labels"] = {"turn": "2"}
        await world.apply(*documents)
        told = lambda: seen(cluster.snapshot())  # noqa: E731
        await eventually(lambda: told() == dict.fromkeys(kinds, "2"), 15, told)
        for document in documents:
            metadata = document["metadata"]
            await world.delete(document["kind"], metadata.get("namespace"), metadata["name"])
        await eventually(lambda: not told(), 15, told)
    finally:
        await asyncio.to_thread(cluster.stop)
    asked = questions_about(await world.asked(), "secrets")
    assert {one.form for one in asked if not one.watches and one.status == 200} == {
        "PartialObjectMetadataList"
    }


async def test_a_continue_token_that_lapses_is_listed_anew_and_whole(world: World) -> None:
    count = FIRST_PAGE + 20
    await world.apply(*(a_route(f"route-{number:03d}") for number in range(count)))
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    loop = asyncio.get_running_loop()
    pages: list[int] = []

    def forget_after_the_first(page: list[Entry]) -> None:
        pages.append(len(page))
        if len(pages) == 1:
            asyncio.run_coroutine_threadsafe(world.forget_history(), loop).result(60)

    def listed() -> tuple[list[Entry], str]:
        served = discover(connection).find(GATEWAY_GROUP, "HTTPRoute")
        spec = kind_spec(GATEWAY_GROUP, "HTTPRoute")
        assert served is not None
        assert spec is not None
        return list_kind(connection, spec, served, on_page=forget_after_the_first)

    entries, version = await asyncio.to_thread(listed)
    await asyncio.to_thread(connection.close)
    assert len({obj.ref.name for _, obj in entries}) == len(entries) == count
    assert version
    assert pages == [FIRST_PAGE, FIRST_PAGE, 20]
    asked = await until(lambda: answered(world))
    assert 410 in asked


async def answered(world: World) -> list[int]:
    """What the lists of routes were answered with, once the last of them is told."""
    codes = [one.status for one in questions_about(await world.asked(), "httproutes")]
    return codes if len(codes) >= 4 and all(codes) else []
