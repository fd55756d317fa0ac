"""Findings about the old side: its successors, its own faults, and what moves or keeps its names."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.kubernetes_objects import Ingress, IngressBackend, Service, Workload
from ...cluster.objects import Gateway
from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .external_dns.flags import Flags, flags_of, is_external_dns
from .twin.findings import twin_findings
from .twin.twin import twin_of
from .words import kubectl_get, kubectl_list
from .world import World


def ingress_findings(world: World, ingress: Ingress) -> Iterator[Finding]:
    """One Ingress: its twin, and missing backends."""
    yield from twin_findings(twin_of(world, ingress))
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


def new_side_findings(world: World, gateway: Gateway) -> Iterator[Finding]:
    """A Gateway as the place to move to: whether client addresses reach it as they reach the old side.

    That Local takes traffic only where a proxy runs is told of every Gateway (GW236).
    """
    local = [one for one in world.index.old_services if one.spec.external_traffic_policy == "Local"]
    if not local or not world.hosts.with_twins:
        return
    for service in world.index.services_of(gateway):
        if service.spec.external_traffic_policy != "Local":
            yield finding(
                "MIG023",
                Verdict.WARN,
                gateway.ref,
                f"{service.ref} hides the address of clients, which the old side's shows",
                evidence=[f"{one.ref}: externalTrafficPolicy {_policy_of(one)}" for one in (service, *local)],
                reproduce=kubectl_get(service.ref),
            )


def _policy_of(service: Service) -> str:
    return clean(service.spec.external_traffic_policy or "Cluster", 20)


def external_dns_findings(world: World, workload: Workload) -> Iterator[Finding]:
    """external-dns, where some host has a twin: what it will do to the records by itself."""
    if not is_external_dns(workload):
        return
    hosts = sorted(world.hosts.with_twins)
    flags = flags_of(workload)
    words = _moving_words(flags)
    if not hosts or not words:
        return
    named = ", ".join(clean(host, 253) for host in hosts[:3]) + (
        f" and {len(hosts) - 3} more" if len(hosts) > 3 else ""
    )
    yield finding(
        "MIG030",
        Verdict.WARN,
        workload.ref,
        f"{words}: {named}",
        evidence=flags.shown[:12],
        reproduce=kubectl_get(workload.ref),
    )
    if flags.policy == "sync":
        yield finding(
            "MIG031",
            Verdict.WARN,
            workload.ref,
            f"it deletes records that no Ingress or route wants any more, of {named} too",
            evidence=[*flags.shown[:12], "--policy=sync is also what holds where none is given"],
            reproduce=kubectl_get(workload.ref),
        )


def _moving_words(flags: Flags) -> str:
    if flags.follows_gateways and flags.follows_ingresses:
        return "it reads both sides: the first owner keeps a name, and the other takes it when that goes"
    if flags.follows_gateways:
        return "it reads routes: a name moves to the Gateway as soon as its route is attached"
    if flags.follows_ingresses:
        return "it reads Ingresses only: a name that is moved by hand is put back"
    return ""
