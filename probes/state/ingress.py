"""Findings about the old side: which Ingress hosts have a twin, and which Ingresses are broken themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ...cluster.kubernetes_objects import Ingress, IngressBackend
from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .words import kubectl_get, kubectl_list
from .world import World


def ingress_findings(world: World) -> Iterator[Finding]:
    """Twins by exact host name, and missing backends."""
    by_host: dict[str, list[ObjectRef]] = defaultdict(list)
    for ref, route in world.snapshot.routes.items():
        for name in route.spec.hostnames:
            by_host[name.lower()].append(ref)
    for ingress in world.snapshot.ingresses.values():
        for host in ingress.hosts:
            routes = sorted(by_host.get(host.lower(), ()))
            if routes:
                yield finding(
                    "MIG001",
                    Verdict.PASS,
                    ingress.ref,
                    f"{clean(host, 253)} is also answered by {', '.join(map(str, routes[:3]))}",
                    evidence=[str(route) for route in routes[:8]],
                    reproduce=kubectl_get(routes[0]),
                )
        yield from _missing_backends(world, ingress)


def _missing_backends(world: World, ingress: Ingress) -> Iterator[Finding]:
    namespace = ingress.meta.namespace
    if not world.snapshot.state_of("Service").knows(namespace):
        return
    named = {
        _service(path.backend)
        for rule in ingress.spec.rules
        for path in rule.http.paths
        if path.backend.service
    }
    if ingress.spec.default_backend is not None:
        named.add(_service(ingress.spec.default_backend))
    for name in sorted(named - {""}):
        if ObjectRef("Service", namespace, name) not in world.snapshot.services:
            yield finding(
                "MIG002",
                Verdict.WARN,
                ingress.ref,
                f"Service {namespace}/{clean(name, 253)} does not exist",
                reproduce=kubectl_list("services", namespace),
            )


def _service(backend: IngressBackend) -> str:
    return backend.service.name if backend.service else ""
