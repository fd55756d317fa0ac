"""Findings about NetworkPolicies that keep a Gateway's own requests out."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.knowledge.controllers import controller_of
from ...cluster.kubernetes_objects import NetworkPolicy, Service
from ...cluster.objects import Route
from ...cluster.refs import ObjectRef
from ..verdict import Finding, Verdict, finding
from .routes import route_of_rule
from .words import kubectl_list, safe_ref
from .world import World


def admission_findings(world: World, route: Route) -> Iterator[Finding]:
    """Backends whose pods admit pods alone, behind a Gateway whose requests come from no pod.

    Cilium's Gateways have an identity of their own (``ingress``), which no selector of a NetworkPolicy
    matches.
    """
    title = _outsider(world, route)
    if not title:
        return
    told: set[ObjectRef] = set()
    for index, rule in enumerate(route.spec.rules):
        for backend in rule.backend_refs:
            namespace = backend.namespace or route.meta.namespace
            ref = ObjectRef("Service", namespace, backend.name)
            service = world.snapshot.services.get(ref) if backend.kind == "Service" else None
            if service is None or ref in told:
                continue
            closed = _closed(world, service)
            if closed:
                told.add(ref)
                yield finding(
                    "GW148",
                    Verdict.WARN,
                    route_of_rule(route, index),
                    f"{safe_ref(ref)}: {closed[0].ref} admits only whom it names, "
                    f"and no selector means requests of {title}",
                    evidence=[f"{one.ref} selects its pods" for one in closed[:5]],
                    reproduce=kubectl_list("networkpolicies.networking.k8s.io", namespace),
                )


def _outsider(world: World, route: Route) -> str:
    for attachment in world.topology.attachments(route):
        name = world.topology.controller_at(attachment.gateway) if attachment.gateway else None
        controller = controller_of(name or "")
        if controller is not None and controller.comes_from_no_pod:
            return controller.title
    return ""


def _closed(world: World, service: Service) -> tuple[NetworkPolicy, ...]:
    """The policies for a Service's pods, if there are any and none of them admits everybody."""
    policies = world.index.admission_to(service)
    opens = any(not rule.from_ for one in policies for rule in one.spec.ingress)
    return () if opens else policies
