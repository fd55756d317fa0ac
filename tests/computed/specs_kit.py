"""A small world in which everything is as it should be, to break one thing at a time."""

from __future__ import annotations

import copy
from typing import Any

from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.rules.computed import Computed
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.store import KindState, Store, read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.world import World
from pointsman.probes.verdict import Finding

GROUP = "gateway.networking.k8s.io"
CONTROLLER = "example.com/controller"
Documents = dict[str, dict[str, Any]]


def good(*types: str, generation: int = 1) -> list[dict[str, Any]]:
    return [
        {"type": one, "status": "True", "reason": one, "message": "", "observedGeneration": generation}
        for one in types
    ]


def bad(kind: str, reason: str, status: str = "False") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": ""}


def _object(kind: str, name: str, namespace: str = "shop", **rest: Any) -> dict[str, Any]:
    version = {"Service": "v1", "Secret": "v1", "ConfigMap": "v1"}.get(kind, f"{GROUP}/v1")
    metadata = {"name": name, "namespace": namespace, "generation": 1}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def world() -> Documents:
    """Everything works, and every controller says so."""
    parent = {"name": "main"}
    pem = "-----BEGIN CERTIFICATE-----\n"
    return copy.deepcopy(
        {
            "class": {
                "apiVersion": f"{GROUP}/v1",
                "kind": "GatewayClass",
                "metadata": {"name": "practice", "generation": 1},
                "spec": {"controllerName": CONTROLLER},
                "status": {"conditions": good("Accepted")},
            },
            "gateway": _object(
                "Gateway",
                "main",
                spec={
                    "gatewayClassName": "practice",
                    "listeners": [
                        {
                            "name": "https",
                            "port": 443,
                            "protocol": "HTTPS",
                            "hostname": "*.shop.test",
                            "tls": {"certificateRefs": [{"name": "cert"}]},
                        }
                    ],
                },
                status={
                    "addresses": [{"value": "203.0.113.9"}],
                    "conditions": good("Accepted", "Programmed"),
                    "listeners": [
                        {
                            "name": "https",
                            "attachedRoutes": 1,
                            "conditions": good("Accepted", "Programmed", "ResolvedRefs"),
                        }
                    ],
                },
            ),
            "route": _object(
                "HTTPRoute",
                "cart",
                spec={
                    "hostnames": ["cart.shop.test"],
                    "parentRefs": [parent],
                    "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
                },
                status={
                    "parents": [
                        {
                            "parentRef": parent,
                            "controllerName": CONTROLLER,
                            "conditions": good("Accepted", "ResolvedRefs"),
                        }
                    ]
                },
            ),
            "service": _object("Service", "web", spec={"ports": [{"port": 80, "name": "http"}]}),
            "slice": {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": "web-1",
                    "namespace": "shop",
                    "labels": {"kubernetes.io/service-name": "web"},
                },
                "endpoints": [{"addresses": ["10.0.0.1"]}],
            },
            "secret": _object("Secret", "cert", type="kubernetes.io/tls"),
            "authority": _object("ConfigMap", "ca", data={"ca.crt": pem}),
            "grant": _object("ReferenceGrant", "unrelated", "elsewhere", spec={"from": [], "to": []}),
        }
    )


def listener(documents: Documents) -> dict[str, Any]:
    """The spec of the only listener."""
    found: dict[str, Any] = documents["gateway"]["spec"]["listeners"][0]
    return found


def rule(documents: Documents) -> dict[str, Any]:
    """The only rule of the route."""
    found: dict[str, Any] = documents["route"]["spec"]["rules"][0]
    return found


def judged(documents: Documents) -> World:
    return World(Scene(read_documents(documents.values())))


def as_live(documents: Documents, **states: str) -> World:
    """The same world as a cluster would hold it: every kind known but those named, with their states."""
    offline = read_documents(documents.values())
    store = Store()
    for part in ("classes", "gateways", "routes", "services", "endpoint_slices", "secrets", "grants"):
        store.put_many((part, one) for one in getattr(offline, part).values())
    for kind in (
        "GatewayClass",
        "Gateway",
        "HTTPRoute",
        "Service",
        "EndpointSlice",
        "Secret",
        "ReferenceGrant",
    ):
        store.set_state(kind, KindState("live"))
    for kind, state in states.items():
        store.set_state(kind, KindState(state))  # type: ignore[arg-type]
    return World(Scene(store.snapshot()))


def gateway_conditions(documents: Documents) -> dict[str, Computed]:
    found = judged(documents)
    (gateway,) = found.snapshot.gateways.values()
    return {one.type: one for one in found.computed_gateway(gateway)}


def listener_conditions(documents: Documents, number: int = 0) -> dict[str, Computed]:
    found = judged(documents)
    bound = found.topology.listeners(ObjectRef("Gateway", "shop", "main", group=GROUP))[number]
    return {one.type: one for one in found.computed_listener(bound).conditions}


def route_conditions(found: World) -> dict[str, Computed]:
    (route,) = found.snapshot.routes.values()
    (state,) = found.computed_route(route)
    return {one.type: one for one in state.conditions}


def told(documents: Documents) -> dict[str, Finding]:
    return {one.rule: one for one in diagnose(read_documents(documents.values()))}
