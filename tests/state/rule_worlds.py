"""Small clusters in which one rule each is broken, made from one in which nothing is."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from test_state_findings import CONTROLLER, GROUP, crd, good, world

Objects = dict[str, dict[str, Any]]
Change = Callable[[Objects], None]

NGF = "gateway.nginx.org/nginx-gateway-controller"
ISTIO = "istio.io/gateway-controller"
CILIUM = "io.cilium/gateway-controller"
ENVOY = "gateway.envoyproxy.io/gatewayclass-controller"
TRAEFIK = "traefik.io/gateway-controller"
ALB = "gateway.k8s.aws/alb"


def changed(*changes: Change) -> Objects:
    """The sound world with these changes made."""
    objects = world()
    for change in changes:
        change(objects)
    return objects


def of(controller: str) -> Change:
    """The Gateway's class is that controller's, which has answered everything."""

    def change(objects: Objects) -> None:
        objects["class"]["spec"]["controllerName"] = controller
        for parent in objects["route"]["status"]["parents"]:
            parent["controllerName"] = controller

    return change


def adding(**documents: dict[str, Any]) -> Change:
    return lambda objects: objects.update(deepcopy(documents))


def setting(path: str, value: Any) -> Change:
    """``gateway.spec.addresses``: sets a field; numbers are places in lists."""

    def change(objects: Objects) -> None:
        *parents, last = [int(one) if one.isdigit() else one for one in path.split(".")]
        place: Any = objects
        for one in parents:
            place = place[one]
        place[last] = deepcopy(value)

    return change


def silent(objects: Objects) -> None:
    """Nobody has answered the route, though controllers do answer others."""
    answered = objects["route"]["status"]["parents"][0]
    objects["route"]["status"] = {"parents": [{**answered, "parentRef": {"name": "former"}}]}


def kind(name: str) -> Change:
    return setting("route.kind", name)


def condition(where: str, type_: str, status: str, reason: str = "Because", message: str = "") -> Change:
    """Replaces or adds one condition of ``class``, ``gateway``, ``listener`` or ``route``."""

    def change(objects: Objects) -> None:
        if where == "listener":
            conditions = objects["gateway"]["status"]["listeners"][0]["conditions"]
        elif where == "route":
            conditions = objects["route"]["status"]["parents"][0]["conditions"]
        else:
            conditions = objects[where]["status"]["conditions"]
        conditions[:] = [one for one in conditions if one["type"] != type_]
        conditions.append(
            {"type": type_, "status": status, "reason": reason, "message": message, "observedGeneration": 1}
        )

    return change


def workload(image: str, ready: int = 1, args: list[str] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "controller", "namespace": "system"},
        "spec": {
            "replicas": 2,
            "template": {"spec": {"containers": [{"image": image, "args": args or []}]}},
        },
        "status": {"observedGeneration": 1, "readyReplicas": ready},
    }


def service(name: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [{"port": 80}], **spec},
    }


def grant(namespace: str, from_: dict[str, str], to: dict[str, str], name: str = "allow") -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "from": [{"group": GROUP, "kind": "HTTPRoute", "namespace": "shop", **from_}],
            "to": [{"group": "", "kind": "Service", **to}],
        },
    }


def second_gateway(**changes: Any) -> dict[str, Any]:
    """Another Gateway with the same listener, at another address unless ``address`` says otherwise."""
    other = world()["gateway"]
    other["metadata"] = {**other["metadata"], "name": "other"}
    other["spec"] = {**other["spec"], **{key: one for key, one in changes.items() if key != "address"}}
    other["status"] = {**other["status"], "addresses": [{"value": changes.get("address", "203.0.113.10")}]}
    return other


def listener_set(count: int = 1, api: str = f"{GROUP}/v1") -> dict[str, Any]:
    listeners = [
        {"name": f"l{number}", "port": 8000 + number, "protocol": "HTTP", "hostname": f"h{number}.shop.test"}
        for number in range(count)
    ]
    return {
        "apiVersion": api,
        "kind": "ListenerSet",
        "metadata": {"name": "more", "namespace": "infra", "generation": 1},
        "spec": {"parentRef": {"name": "main"}, "listeners": listeners},
        "status": {
            "conditions": good("Accepted", "Programmed"),
            "listeners": [{"name": one["name"], "conditions": good("Programmed")} for one in listeners],
        },
    }


def let_sets_in(objects: Objects) -> None:
    objects["gateway"]["spec"]["allowedListeners"] = {"namespaces": {"from": "Same"}}


def policy_of(
    group: str,
    kind_: str,
    target: dict[str, Any] | None = None,
    name: str = "policy",
    namespace: str = "shop",
    created: str = "2026-01-01T00:00:00Z",
    **spec: Any,
) -> dict[str, Any]:
    reference = (
        {"group": GROUP, "kind": "HTTPRoute", "name": "cart", **target} if target is not None else None
    )
    return {
        "apiVersion": f"{group}/v1",
        "kind": kind_,
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": created, "generation": 1},
        "spec": {**({"targetRefs": [reference]} if reference else {}), **spec},
    }


def answered(document: dict[str, Any], *conditions: dict[str, Any]) -> dict[str, Any]:
    """A policy with one ancestor that says these."""
    ancestor = {"group": GROUP, "kind": "Gateway", "namespace": "infra", "name": "main"}
    entry = {"ancestorRef": ancestor, "controllerName": CONTROLLER, "conditions": list(conditions)}
    return {**document, "status": {"ancestors": [entry]}}


def said(type_: str, status: str, reason: str = "Because", generation: int = 1) -> dict[str, Any]:
    return {"type": type_, "status": status, "reason": reason, "observedGeneration": generation}


def crds(bundle: str, channel: str = "standard", **versions: list[str]) -> Change:
    """The CRDs of one release; ``versions`` names those that a kind serves."""
    documents = {}
    for one in ("Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute", "ReferenceGrant", *versions):
        document = crd(one, bundle, channel)
        served = versions.get(one, ["v1", "v1beta1"])
        document["spec"]["versions"] = [{"name": name, "served": True} for name in served]
        documents[f"crd-{one}"] = document
    return adding(**documents)
