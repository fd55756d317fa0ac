"""Small worlds of one host on both sides, and what is said of them."""

from __future__ import annotations

from typing import Any

from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.store import read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.twin.twin import Twin, twin_of
from pointsman.probes.state.world import World
from pointsman.probes.verdict import Finding

Json = dict[str, Any]
GROUP = "gateway.networking.k8s.io"
NGINX = "nginx.ingress.kubernetes.io/"
HOST = "shop.test"
ENVOY = "gateway.envoyproxy.io/gatewayclass-controller"
INGRESS = ObjectRef("Ingress", "shop", "web", group="networking.k8s.io")


def nginx(**annotations: str) -> dict[str, str]:
    """Annotations of ingress-nginx, with underscores for dashes."""
    return {NGINX + key.replace("_", "-"): value for key, value in annotations.items()}


def backend(service: str) -> Json:
    return {"service": {"name": service, "port": {"number": 80}}}


def ingress(
    *paths: tuple[str, str, str],
    name: str = "web",
    host: str = HOST,
    annotations: dict[str, str] | None = None,
    tls: str = "",
    ingress_class: str = "nginx",
    **spec: Any,
) -> Json:
    """An Ingress; paths are (path, pathType, service)."""
    entries = [{"path": path, "pathType": kind, "backend": backend(to)} for path, kind, to in paths]
    rule = {"http": {"paths": entries}} | ({"host": host} if host else {})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "shop", "annotations": annotations or {}},
        "spec": {
            "ingressClassName": ingress_class,
            "rules": [rule] if entries else [],
            **({"tls": [{"hosts": [host], "secretName": tls}]} if tls else {}),
            **spec,
        },
    }


def rule(path: str, kind: str, *services: str, **fields: Any) -> Json:
    """A rule of a route with one match; ``a=3`` gives backend a the weight 3."""
    references = []
    for service in services:
        name, _, weight = service.partition("=")
        references.append({"name": name, "port": 80} | ({"weight": int(weight)} if weight else {}))
    return {
        "matches": [{"path": {"type": kind, "value": path}}],
        **({"backendRefs": references} if references else {}),
        **fields,
    }


def route(*rules: Json, name: str = "web", host: str = HOST, section: str = "", **fields: Any) -> Json:
    parent = {"name": "main", "namespace": "infra"} | ({"sectionName": section} if section else {})
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": fields.pop("kind", "HTTPRoute"),
        "metadata": {"name": name, "namespace": "shop", **fields},
        "spec": {"hostnames": [host] if host else [], "parentRefs": [parent], "rules": list(rules)},
    }


def gateway(controller: str = ENVOY, **listeners: Json) -> tuple[Json, Json]:
    """A class and a Gateway that lets every namespace in; by default with HTTP and HTTPS."""
    entries = listeners or {
        "http": {"port": 80, "protocol": "HTTP"},
        "https": {"port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "cert"}]}},
    }
    named = [
        {"name": name, "allowedRoutes": {"namespaces": {"from": "All"}}, **entry}
        for name, entry in entries.items()
    ]
    return (
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "new"},
            "spec": {"controllerName": controller},
        },
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "Gateway",
            "metadata": {"name": "main", "namespace": "infra"},
            "spec": {"gatewayClassName": "new", "listeners": named},
        },
    )


def policy(
    kind: str, target: str, fields: Json, group: str = "gateway.envoyproxy.io", name: str = "one"
) -> Json:
    """A policy of the shop on one of its objects (``HTTPRoute/web``, ``Service/a``)."""
    of_kind, _, called = target.partition("/")
    owner = "" if of_kind == "Service" else GROUP
    return {
        "apiVersion": f"{group}/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"targetRefs": [{"group": owner, "kind": of_kind, "name": called}], **fields},
    }


def twin(*documents: Json, ref: ObjectRef = INGRESS) -> Twin:
    """The Ingress ``shop/web`` beside its successor."""
    world = World(Scene(read_documents(documents)))
    return twin_of(world, world.snapshot.ingresses[ref])


def findings(*documents: Json) -> dict[str, Finding]:
    """The migration findings by rule; a rule that was found twice is told by the test that meets it."""
    return {one.rule: one for one in diagnose(read_documents(documents)) if one.rule.startswith("MIG")}


def likeness(*documents: Json) -> dict[str, str]:
    """How each path of ``shop/web`` compares."""
    return {path.old.path: path.likeness.value for host in twin(*documents).hosts for path in host.paths}


def states(*documents: Json) -> dict[str, str]:
    """What became of each annotation of ``shop/web``."""
    return {one.short: one.state.value for one in twin(*documents).annotations}
