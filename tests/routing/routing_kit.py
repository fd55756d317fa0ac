"""Small worlds for the tests of routing, and what a trace says in short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pointsman.cluster.refs import GATEWAY_GROUP, ObjectRef
from pointsman.cluster.routing.trace import Trace, parse_line, trace
from pointsman.cluster.snapshot import Snapshot
from pointsman.cluster.store import read_documents

Document = dict[str, Any]
V1 = f"{GATEWAY_GROUP}/v1"


def gateway(
    *listeners: Mapping[str, Any], name: str = "main", namespace: str = "infra", **spec: Any
) -> Document:
    """A Gateway that lets routes of every namespace in; without listeners it has one for HTTP on 80."""
    chosen = listeners or ({"name": "http", "port": 80, "protocol": "HTTP"},)
    everywhere = {"allowedRoutes": {"namespaces": {"from": "All"}}}
    return {
        "apiVersion": V1,
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"gatewayClassName": "edge", "listeners": [{**everywhere, **one} for one in chosen], **spec},
    }


def service(name: str, namespace: str = "shop", port: int = 80, ready: int = 1) -> list[Document]:
    """A Service with that many ready endpoints."""
    labels = {"kubernetes.io/service-name": name}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"ports": [{"port": port}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-1", "namespace": namespace, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"]}] * ready,
            "ports": [{"port": port}],
        },
    ]


def rule(backend: str | None = None, *matches: Mapping[str, Any], **more: Any) -> Document:
    """A rule to one Service on port 80."""
    found: Document = {"matches": list(matches)} if matches else {}
    if backend:
        found["backendRefs"] = [{"name": backend, "port": 80}]
    return {**found, **more}


def prefix(value: str, **more: Any) -> Document:
    """A match on a path prefix."""
    return {"path": {"type": "PathPrefix", "value": value}, **more}


def exact(value: str, **more: Any) -> Document:
    """A match on an exact path."""
    return {"path": {"type": "Exact", "value": value}, **more}


def regex(value: str, **more: Any) -> Document:
    """A match on an expression."""
    return {"path": {"type": "RegularExpression", "value": value}, **more}


def header(name: str, value: str, kind: str = "Exact") -> Document:
    """An entry of headers or queryParams."""
    return {"name": name, "value": value, "type": kind}


def http_route(
    name: str,
    rules: Iterable[Mapping[str, Any]],
    hosts: Iterable[str] = ("shop.example",),
    *,
    namespace: str = "shop",
    created: str | None = None,
    parent: Mapping[str, Any] | None = None,
    kind: str = "HTTPRoute",
    status: Mapping[str, Any] | None = None,
) -> Document:
    """A route of ``infra/main``."""
    metadata: Document = {"name": name, "namespace": namespace, "generation": 1}
    if created:
        metadata["creationTimestamp"] = created
    return {
        "apiVersion": V1,
        "kind": kind,
        "metadata": metadata,
        "spec": {
            "parentRefs": [parent or {"name": "main", "namespace": "infra"}],
            "hostnames": list(hosts),
            "rules": list(rules),
        },
        **({"status": status} if status else {}),
    }


def ingress(
    name: str,
    paths: Iterable[tuple[str, str, str]] = (),
    host: str = "shop.example",
    *,
    annotations: Mapping[str, str] | None = None,
    created: str | None = None,
    class_name: str | None = "nginx",
    tls: bool = False,
    default: str | None = None,
    namespace: str = "shop",
) -> Document:
    """An Ingress; ``paths`` are path, path type, Service. Annotations are those of ingress-nginx."""
    metadata: Document = {"name": name, "namespace": namespace}
    if created:
        metadata["creationTimestamp"] = created
    metadata["annotations"] = {
        key if "/" in key else f"nginx.ingress.kubernetes.io/{key}": value
        for key, value in (annotations or {}).items()
    }
    spec: Document = {}
    if class_name is not None:
        spec["ingressClassName"] = class_name
    listed = [
        {"path": path, "pathType": kind, "backend": {"service": {"name": backend, "port": {"number": 80}}}}
        for path, kind, backend in paths
    ]
    if listed:
        spec["rules"] = [{**({"host": host} if host else {}), "http": {"paths": listed}}]
    if default:
        spec["defaultBackend"] = {"service": {"name": default, "port": {"number": 80}}}
    if tls:
        spec["tls"] = [{"hosts": [host], "secretName": "cert"}]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def ingress_class(name: str, controller: str, *, default: bool = False) -> Document:
    """An IngressClass."""
    notes = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": name, "annotations": notes},
        "spec": {"controller": controller},
    }


def world(*parts: Document | list[Document]) -> Snapshot:
    """The snapshot of these documents."""
    return read_documents([one for part in parts for one in (part if isinstance(part, list) else [part])])


def world_of(*paths: Path) -> Snapshot:
    """The snapshot of these files."""
    return read_documents(
        one
        for path in paths
        for one in yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader)
        if isinstance(one, dict)
    )


def gateway_trace(snapshot: Snapshot, request: str, name: str = "infra/main") -> Trace:
    """What one Gateway answers."""
    namespace, _, short = name.partition("/")
    chosen = ObjectRef("Gateway", namespace, short, group=GATEWAY_GROUP)
    (found,) = trace(snapshot, parse_line(request), gateway=chosen, sides="gateway")
    return found


def ingress_trace(snapshot: Snapshot, request: str) -> Trace:
    """What the first Ingress controller answers."""
    return trace(snapshot, parse_line(request), sides="ingress")[0]


def backends(found: Trace) -> list[str]:
    """The names of the backends that get a part."""
    return [share.ref.name for share in found.shares if share.share > 0]


def end(found: Trace) -> str:
    """The backends, else the status of the answer, in short."""
    live = [share for share in found.shares if share.share > 0]
    if live and not any(share.status for share in live):
        return "+".join(backends(found))
    return str(found.outcome.status or found.outcome.kind)


def why(found: Trace, name: str) -> set[str]:
    """The reasons for which an object lost."""
    return {loss.reason for loss in found.losses if loss.ref.name == name or loss.ref.section == name}
