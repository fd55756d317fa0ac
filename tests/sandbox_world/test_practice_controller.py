"""The practice controllers, on a real storage and real (but not listening) edges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pointsman.sandbox.apiserver.storage import Storage
from pointsman.sandbox.controller import PracticeController
from pointsman.sandbox.edge import Edge
from pointsman.sandbox.scenario_manifests import parse_manifests

Json = dict[str, Any]

BASE = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: envoy}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: v1
kind: Secret
metadata: {namespace: infra, name: cert}
type: kubernetes.io/tls
data: {tls.crt: Zm9v, tls.key: Zm9v}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: shop, name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]
"""


def listener(name: str = "https", **more: Any) -> Json:
    plain = {"name": name, "protocol": "HTTPS", "port": 443, "hostname": "*.test"}
    tls = {"mode": "Terminate", "certificateRefs": [{"name": "cert"}]}
    return {**plain, "tls": tls, "allowedRoutes": {"namespaces": {"from": "All"}}, **more}


def gateway(*listeners: Json, name: str = "main", class_name: str = "envoy", **more: Any) -> Json:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"namespace": "infra", "name": name},
        "spec": {"gatewayClassName": class_name, "listeners": list(listeners), **more},
    }


def route(name: str = "web", kind: str = "HTTPRoute", namespace: str = "shop", **spec: Any) -> Json:
    usual = {
        "parentRefs": [{"namespace": "infra", "name": "main"}],
        "hostnames": [f"{name}.test"],
        "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {**usual, **spec},
    }


@pytest.fixture
def storage() -> Storage:
    made = Storage()
    for document in parse_manifests(BASE, "base.yaml"):
        made.apply(document)
    return made


@pytest.fixture
def edges() -> tuple[Edge, Edge]:
    return Edge("new", "127.0.0.3"), Edge("old", "127.0.0.2")


@pytest.fixture
async def controller(storage: Storage, edges: tuple[Edge, Edge]) -> AsyncIterator[PracticeController]:
    made = PracticeController(storage, *edges)
    await made.start()
    yield made
    await made.stop()


def conditions(entry: Any) -> dict[str, str]:
    return {item["type"]: f"{item['status']}/{item['reason']}" for item in entry["conditions"]}


def parent(storage: Storage, name: str = "web", kind: str = "HTTPRoute") -> dict[str, str]:
    found = storage.get(kind, "shop", name)
    assert found is not None
    (entry,) = found["status"]["parents"]
    return conditions(entry)


def listeners(storage: Storage, name: str = "main", kind: str = "Gateway", namespace: str = "infra") -> Json:
    found = storage.get(kind, namespace, name)
    assert found is not None
    return {item["name"]: item for item in found["status"]["listeners"]}


def put(storage: Storage, controller: PracticeController, *documents: Json) -> None:
    for document in documents:
        storage.apply(document)
    controller.reconcile()


def test_a_healthy_route(storage: Storage, controller: PracticeController) -> None:
    put(storage, controller, gateway(listener()), route())
    assert parent(storage) == {"Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs"}
    found = storage.get("Gateway", "infra", "main")
    assert found is not None
    assert conditions(found["status"]) == {"Accepted": "True/Accepted", "Programmed": "True/Programmed"}
    assert found["status"]["addresses"] == [{"type": "IPAddress", "value": "127.0.0.3"}]
    only = listeners(storage)["https"]
    assert only["attachedRoutes"] == 1
    assert [item["kind"] for item in only["supportedKinds"]] == ["HTTPRoute", "GRPCRoute"]


@pytest.mark.parametrize(
    ("ours", "theirs", "accepted"),
    [
        ({}, {"hostnames": ["web.example"]}, "False/NoMatchingListenerHostname"),
        (
            {},
            {"parentRefs": [{"namespace": "infra", "name": "main", "sectionName": "no"}]},
            "False/NoMatchingParent",
        ),
        ({}, {"parentRefs": [{"namespace": "infra", "name": "main", "port": 1}]}, "False/NoMatchingParent"),
        ({"allowedRoutes": {}}, {}, "False/NotAllowedByListeners"),
        ({"allowedRoutes": {"namespaces": {"from": "Same"}}}, {}, "False/NotAllowedByListeners"),
        (
            {"allowedRoutes": {"namespaces": {"from": "All"}, "kinds": [{"kind": "GRPCRoute"}]}},
            {},
            "False/NotAllowedByListeners",
        ),
        (
            {
                "allowedRoutes": {
                    "namespaces": {
                        "from": "Selector",
                        "selector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
                    }
                }
            },
            {},
            "True/Accepted",
        ),
        ({}, {"hostnames": ["a.b.test", "web.example"]}, "True/Accepted"),
    ],
)
def test_why_a_parent_does_not_accept(
    storage: Storage, controller: PracticeController, ours: Json, theirs: Json, accepted: str
) -> None:
    put(storage, controller, gateway(listener(**ours)), route(**theirs))
    assert parent(storage)["Accepted"] == accepted
    assert listeners(storage)["https"]["attachedRoutes"] == (1 if accepted.startswith("True") else 0)


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ({"name": "gone", "port": 80}, "False/BackendNotFound"),
        ({"name": "web", "port": 81}, "False/BackendNotFound"),
        ({"name": "web", "port": 80, "kind": "Backend", "group": "x.example"}, "False/InvalidKind"),
        ({"name": "web", "namespace": "other", "port": 80}, "False/RefNotPermitted"),
    ],
)
def test_why_a_reference_does_not_resolve(
    storage: Storage, controller: PracticeController, edges: tuple[Edge, Edge], ref: Json, reason: str
) -> None:
    put(storage, controller, gateway(listener()), route(rules=[{"backendRefs": [ref]}]))
    assert parent(storage) == {"Accepted": "True/Accepted", "ResolvedRefs": reason}


def test_the_mirror_must_resolve_too(storage: Storage, controller: PracticeController) -> None:
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "shadow", "port": 80}}}
    rules = [{"backendRefs": [{"name": "web", "port": 80}], "filters": [mirror]}]
    put(storage, controller, gateway(listener()), route(rules=rules))
    assert parent(storage)["ResolvedRefs"] == "False/BackendNotFound"


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ({"name": "gone"}, "False/InvalidCertificateRef"),
        ({"name": "cert", "kind": "ConfigMap"}, "False/InvalidCertificateRef"),
        ({"name": "cert", "namespace": "shop"}, "False/RefNotPermitted"),
        ({"name": "cert"}, "True/ResolvedRefs"),
    ],
)
def test_certificates(
    storage: Storage, controller: PracticeController, certificate: Json, reason: str
) -> None:
    put(storage, controller, gateway(listener(tls={"certificateRefs": [certificate]})))
    said = conditions(listeners(storage)["https"])
    assert said["ResolvedRefs"] == reason
    assert said["Programmed"] == ("True/Programmed" if reason.startswith("True") else "False/Invalid")


def test_listeners_in_conflict(storage: Storage, controller: PracticeController) -> None:
    put(
        storage,
        controller,
        gateway(
            listener("one", hostname="a.test"),
            listener("two", hostname="a.test"),
            listener("wide", hostname="*.b.test"),
            listener("narrow", hostname="x.b.test"),
            listener("alone", hostname="c.test"),
            {"name": "tcp", "protocol": "TCP", "port": 9000},
            {"name": "http", "protocol": "HTTP", "port": 9000},
            {"name": "odd", "protocol": "SMTP", "port": 25},
        ),
    )
    said = {name: conditions(item) for name, item in listeners(storage).items()}
    assert {
        name
        for name, item in said.items()
        if item["Conflicted" if "Conflicted" in item else "Accepted"].startswith("True")
    } == {
        "one",
        "two",
        "tcp",
        "http",
    }
    assert said["one"]["Conflicted"] == said["two"]["Conflicted"] == "True/HostnameConflict"
    assert said["tcp"]["Conflicted"] == said["http"]["Conflicted"] == "True/ProtocolConflict"
    assert said["odd"]["Accepted"] == "False/UnsupportedProtocol"
    overlapping = {name for name, item in said.items() if "OverlappingTLSConfig" in item}
    assert overlapping == {"wide", "narrow"}
    found = storage.get("Gateway", "infra", "main")
    assert found is not None
    assert conditions(found["status"])["Accepted"] == "True/ListenersNotValid"


def test_a_kind_that_the_protocol_does_not_carry(storage: Storage, controller: PracticeController) -> None:
    put(storage, controller, gateway(listener(allowedRoutes={"kinds": [{"kind": "TCPRoute"}]})))
    said = listeners(storage)["https"]
    assert said["supportedKinds"] == []
    assert conditions(said)["ResolvedRefs"] == "False/InvalidRouteKinds"


def test_listener_sets(storage: Storage, controller: PracticeController) -> None:
    extra = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ListenerSet",
        "metadata": {"namespace": "infra", "name": "extra"},
        "spec": {
            "parentRef": {"name": "main"},
            "listeners": [listener("own", hostname="own.test"), listener("twin", hostname="*.test")],
        },
    }
    put(storage, controller, gateway(listener()), extra)
    denied = storage.get("ListenerSet", "infra", "extra")
    assert denied is not None
    assert conditions(denied["status"])["Accepted"] == "False/NotAllowed"
    through_set = [{"kind": "ListenerSet", "namespace": "infra", "name": "extra", "sectionName": "own"}]
    put(
        storage,
        controller,
        gateway(listener(), allowedListeners={"namespaces": {"from": "All"}}),
        route("own", parentRefs=through_set),
    )
    taken = storage.get("ListenerSet", "infra", "extra")
    assert taken is not None
    assert conditions(taken["status"])["Programmed"] == "True/Programmed"
    said = listeners(storage, "extra", "ListenerSet")
    assert conditions(said["twin"])["Conflicted"] == "True/HostnameConflict"
    assert said["own"]["attachedRoutes"] == 1
    assert conditions(listeners(storage)["https"])["Conflicted"] == "False/NoConflicts"
    assert parent(storage, "own")["Accepted"] == "True/Accepted"


def test_what_is_not_ours_is_left_alone(storage: Storage, controller: PracticeController) -> None:
    other = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "other"},
        "spec": {"controllerName": "example.net/other"},
    }
    foreign = {"parentRef": {"name": "x"}, "controllerName": "example.net/other", "conditions": []}
    mine = {**route(), "status": {"parents": [foreign]}}
    put(
        storage,
        controller,
        other,
        gateway(listener(), class_name="other", name="theirs"),
        gateway(listener()),
        mine,
    )
    theirs = storage.get("Gateway", "infra", "theirs")
    assert theirs is not None
    assert conditions(theirs["status"]) == {"Accepted": "Unknown/Pending", "Programmed": "Unknown/Pending"}
    found = storage.get("HTTPRoute", "shop", "web")
    assert found is not None
    assert [entry["controllerName"] for entry in found["status"]["parents"]] == [
        "gateway.envoyproxy.io/gatewayclass-controller",
        "example.net/other",
    ]
    put(storage, controller, route(parentRefs=[{"namespace": "infra", "name": "theirs"}]))
    left = storage.get("HTTPRoute", "shop", "web")
    assert left is not None
    assert left["status"]["parents"] == [foreign]


async def test_it_follows_changes_and_then_rests(storage: Storage, controller: PracticeController) -> None:
    for number in range(20):
        storage.apply(gateway(listener(), name=f"g{number}"))
    storage.apply(gateway(listener()))
    storage.apply(route())
    assert "status" not in (storage.get("HTTPRoute", "shop", "web") or {})
    await asyncio.sleep(0.05)
    assert parent(storage)["Accepted"] == "True/Accepted"
    rounds, version = controller.rounds, storage.version
    assert rounds == 2, "many changes at once are one round, and its own writes make none"
    await asyncio.sleep(0.05)
    controller.reconcile()
    assert (controller.rounds, storage.version) == (rounds + 1, version)


def test_generations(storage: Storage, controller: PracticeController) -> None:
    put(storage, controller, gateway(listener()), route())
    put(storage, controller, route(hostnames=["other.test"]))
    found = storage.get("HTTPRoute", "shop", "web")
    assert found is not None
    observed = {item["observedGeneration"] for item in found["status"]["parents"][0]["conditions"]}
    assert (found["metadata"]["generation"], observed) == (2, {2})


def test_a_frozen_object_keeps_its_status_and_its_traffic(
    storage: Storage, controller: PracticeController, edges: tuple[Edge, Edge]
) -> None:
    put(storage, controller, gateway(listener()), route())
    frozen = route(hostnames=["moved.test"])
    frozen["metadata"]["annotations"] = {"practice.pointsman.dev/frozen": "true"}
    put(storage, controller, frozen)
    found = storage.get("HTTPRoute", "shop", "web")
    assert found is not None
    assert found["metadata"]["generation"] == 2
    assert found["status"]["parents"][0]["conditions"][0]["observedGeneration"] == 1
    assert edges[0]._find("web.test") is not None
    assert edges[0]._find("moved.test") == edges[0]._find("nothing.test")
    put(storage, controller, route(hostnames=["moved.test"]))
    thawed = storage.get("HTTPRoute", "shop", "web")
    assert thawed is not None
    assert thawed["status"]["parents"][0]["conditions"][0]["observedGeneration"] == 2


@pytest.mark.parametrize(
    "spec",
    [
        {"rules": [{"backendRefs": ["text"]}]},
        {"rules": {"backendRefs": []}},
        {"hostnames": "odd.test"},
        {"parentRefs": [3]},
        {"rules": [{"backendRefs": [{"name": "web", "port": 80, "weight": "many"}]}]},
    ],
)
def test_a_malformed_object_is_overlooked_and_harms_no_other(
    storage: Storage, controller: PracticeController, caplog: pytest.LogCaptureFixture, spec: Json
) -> None:
    put(storage, controller, gateway(listener()), route(), route("odd", **spec))
    assert parent(storage)["Accepted"] == "True/Accepted"
    assert "status" not in (storage.get("HTTPRoute", "shop", "odd") or {"status": None})
    assert caplog.text == ""


def test_what_nobody_foresaw_is_logged_and_survived(
    storage: Storage, controller: PracticeController, caplog: pytest.LogCaptureFixture
) -> None:
    put(storage, controller, gateway(listener(port="many"), listener("two")))
    assert "could not reconcile" in caplog.text
    put(storage, controller, gateway(listener()), route())
    assert parent(storage)["Accepted"] == "True/Accepted"


def _policy(kind: str, name: str, created: str, section: str = "", target: str = "Gateway/main") -> Json:
    target_kind, target_name = target.split("/")
    ref = {"group": "gateway.networking.k8s.io", "kind": target_kind, "name": target_name}
    if section:
        ref["sectionName"] = section
    namespace = "infra" if target_kind == "Gateway" else "shop"
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name, "creationTimestamp": f"{created}T00:00:00Z"},
        "spec": {"targetRefs": [ref]},
    }


def test_the_oldest_policy_wins_and_the_lower_level_overrides(
    storage: Storage, controller: PracticeController
) -> None:
    put(
        storage,
        controller,
        gateway(listener()),
        route(),
        _policy("BackendTrafficPolicy", "young", "2026-02-02", target="HTTPRoute/web"),
        _policy("BackendTrafficPolicy", "old", "2026-01-01", target="HTTPRoute/web"),
        _policy("BackendTrafficPolicy", "wide", "2026-01-01"),
        _policy("BackendTrafficPolicy", "section", "2026-01-01", section="https"),
        _policy("ClientTrafficPolicy", "alone", "2026-01-01"),
        _policy("SecurityPolicy", "nowhere", "2026-01-01", target="Gateway/unknown"),
    )

    def said(kind: str, name: str, namespace: str) -> dict[str, str]:
        found = storage.get(kind, namespace, name)
        assert found is not None
        (ancestor,) = found["status"]["ancestors"]
        assert ancestor["ancestorRef"]["name"] == "main"
        return conditions(ancestor)

    assert said("BackendTrafficPolicy", "old", "shop") == {"Accepted": "True/Accepted"}
    assert said("BackendTrafficPolicy", "young", "shop") == {"Accepted": "False/Conflicted"}
    overridden = {"Accepted": "True/Accepted", "Overridden": "True/Overridden"}
    assert said("BackendTrafficPolicy", "wide", "infra") == overridden
    assert said("BackendTrafficPolicy", "section", "infra") == overridden
    assert said("ClientTrafficPolicy", "alone", "infra") == {"Accepted": "True/Accepted"}
    assert "status" not in (storage.get("SecurityPolicy", "infra", "nowhere") or {"status": None})


def test_a_backend_tls_policy_needs_its_authority(storage: Storage, controller: PracticeController) -> None:
    policy = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "BackendTLSPolicy",
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": "web"}],
            "validation": {"hostname": "web", "caCertificateRefs": [{"kind": "ConfigMap", "name": "ca"}]},
        },
    }
    put(storage, controller, gateway(listener()), route(), policy)

    def said() -> dict[str, str]:
        found = storage.get("BackendTLSPolicy", "shop", "web")
        assert found is not None
        return conditions(found["status"]["ancestors"][0])

    assert said() == {
        "Accepted": "False/NoValidCACertificate",
        "ResolvedRefs": "False/InvalidCACertificateRef",
    }
    authority = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": "shop", "name": "ca"},
        "data": {"ca.crt": "-----BEGIN"},
    }
    put(storage, controller, authority)
    assert said() == {"Accepted": "True/Accepted", "ResolvedRefs": "True/ResolvedRefs"}


def test_shares_of_broken_and_empty_backends(
    storage: Storage, controller: PracticeController, edges: tuple[Edge, Edge]
) -> None:
    empty = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": "shop", "name": "empty"},
        "spec": {"ports": [{"port": 80}]},
    }
    backends = [
        {"name": "web", "port": 80, "weight": 7},
        {"name": "empty", "port": 80, "weight": 2},
        {"name": "gone", "port": 80, "weight": 1},
        {"name": "idle", "port": 80, "weight": 0},
    ]
    put(storage, controller, empty, gateway(listener()), route(rules=[{"backendRefs": backends}]))
    host = edges[0]._find("web.test")
    assert host is not None
    assert [(rule.status, rule.weight) for rule in host.rules] == [(200, 7), (503, 2), (500, 1)]


def test_the_old_side(storage: Storage, controller: PracticeController, edges: tuple[Edge, Edge]) -> None:
    def ingress(name: str, **spec: Any) -> Json:
        backend = {"service": {"name": "web", "port": {"number": 80}}}
        paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
        rules = [{"host": f"{name}.test", "http": {"paths": paths}}]
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"namespace": "shop", "name": name},
            "spec": {"rules": rules, **spec},
        }

    nginx = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "nginx"},
        "spec": {"controller": "k8s.io/ingress-nginx"},
    }
    put(
        storage,
        controller,
        nginx,
        ingress("ours", ingressClassName="nginx"),
        ingress("theirs", ingressClassName="x"),
    )
    ours, theirs = storage.get("Ingress", "shop", "ours"), storage.get("Ingress", "shop", "theirs")
    assert ours is not None
    assert theirs is not None
    assert ours["status"] == {"loadBalancer": {"ingress": [{"ip": "127.0.0.2"}]}}
    assert theirs["status"] == {"loadBalancer": {}}
    assert edges[1]._find("ours.test") is not None
    assert edges[1]._find("theirs.test") is None
