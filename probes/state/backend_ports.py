"""Findings about what stands behind a Service's port: endpoints, port names, the protocol that it speaks."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.kubernetes_objects import Service, ServicePort, Workload
from ...cluster.objects import BackendRef, Route
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.rules.references import BackendFault
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .routes import route_of_rule
from .words import kubectl_get, kubectl_list, safe_ref
from .world import World

_HTTP_ROUTES = frozenset({"HTTPRoute", "GRPCRoute"})
# appProtocol values (KEP-3726, and the plain names of old): gRPC needs HTTP/2
_HTTP1 = frozenset({"http", "http/1.1", "ws", "kubernetes.io/ws", "kubernetes.io/wss"})
_TLS = frozenset({"https", "kubernetes.io/wss"})


def port_findings(world: World, route: Route) -> Iterator[Finding]:
    """Backends whose Service and port exist, and of which something else is off."""
    for index, rule in enumerate(route.spec.rules):
        for backend in rule.backend_refs:
            found = _service_port(world, route, backend)
            if found is None:
                continue
            yield from _unnamed_port(world, route, index, backend, *found)
            if found[1].app_protocol:
                yield from _protocol(world, route, route_of_rule(route, index), *found)


def _service_port(world: World, route: Route, backend: BackendRef) -> tuple[Service, ServicePort] | None:
    if backend.kind != "Service" or backend.group not in ("", "core"):
        return None
    ref = ObjectRef("Service", backend.namespace or route.meta.namespace, backend.name)
    service = world.snapshot.services.get(ref)
    if service is None:
        return None
    port = next((one for one in service.spec.ports if one.port == backend.port), None)
    return None if port is None else (service, port)


def _unnamed_port(
    world: World, route: Route, rule: int, backend: BackendRef, service: Service, port: ServicePort
) -> Iterator[Finding]:
    """Endpoints are ready, but none has this port (EndpointSlice.ports carries the Service's names)."""
    if service.spec.type == "ExternalName":
        return
    if not world.snapshot.state_of("EndpointSlice").knows(service.meta.namespace):
        return
    slices = [
        one
        for one in world.index.slices_of(service.meta.namespace, service.meta.name)
        if one.ready_count and one.ports
    ]
    names = {entry.name or "" for one in slices for entry in one.ports}
    # a single port may go unnamed on either side; controllers then match it by place
    if not names or port.name in names or (len(service.spec.ports) == 1 and "" in names):
        return
    target = port.target_port if port.target_port is not None else port.port
    yield finding(
        "GW143",
        Verdict.FAIL if backend.weight else Verdict.WARN,
        route_of_rule(route, rule),
        f"{safe_ref(service.ref)}: no endpoint has its port {port.port}"
        + (f" ({clean(port.name, 63)}" if port.name else " (unnamed")
        + f", targetPort {clean(target, 63)}); they have {clean(', '.join(sorted(names)) or 'none', 120)}",
        reproduce=kubectl_list("endpointslices.discovery.k8s.io", service.meta.namespace),
    )


def _protocol(
    world: World, route: Route, subject: ObjectRef, service: Service, port: ServicePort
) -> Iterator[Finding]:
    spoken = (port.app_protocol or "").lower()
    if route.kind == "GRPCRoute" and spoken in _HTTP1:
        yield finding(
            "GW144",
            Verdict.WARN,
            subject,
            f"{safe_ref(service.ref)} port {port.port} says appProtocol {clean(spoken, 63)}; "
            "gRPC needs HTTP/2",
            reproduce=kubectl_get(service.ref),
        )
    if route.kind in _HTTP_ROUTES and spoken in _TLS and not _has_tls_policy(world, service, port):
        yield finding(
            "GW145",
            Verdict.WARN,
            subject,
            f"{safe_ref(service.ref)} port {port.port} says appProtocol {clean(spoken, 63)}, "
            "and no BackendTLSPolicy is for it",
            reproduce=kubectl_list(f"backendtlspolicies.{GATEWAY_GROUP}", service.meta.namespace),
        )


def _has_tls_policy(world: World, service: Service, port: ServicePort) -> bool:
    if not world.snapshot.state_of("BackendTLSPolicy").knows(service.meta.namespace):
        return True
    places = (service.ref, service.ref.part(port.name), service.ref.part(str(port.port)))
    return any(
        policy.kind == "BackendTLSPolicy" for place in places for policy in world.index.policies.on(place)
    )


# --- no ready endpoint: why ----------------------------------------------------------------------


def endpoint_words(world: World, fault: BackendFault) -> tuple[str, list[str]]:
    """Why a Service has no ready endpoint, as far as objects tell: words, and lines of evidence."""
    target = fault.target
    service = world.snapshot.services.get(ObjectRef("Service", target.namespace, target.name))
    there = sum(len(one.endpoints) for one in world.index.slices_of(target.namespace, target.name))
    if there:
        return f"{fault.detail}; {there} {'is' if there == 1 else 'are'} there, and not ready", []
    if service is None or not service.spec.selector:
        return fault.detail, []
    wanted = service.spec.selector
    said = ", ".join(f"{key}={value}" for key, value in wanted.items())
    if not world.snapshot.state_of("Deployment").knows(target.namespace):
        return f"{fault.detail}: no pod with {clean(said, 160)} has an address", []
    workloads = world.index.workloads_in(target.namespace)
    matching = [one for one in workloads if wanted.items() <= _pod_labels(one).items()]
    if matching:
        lines = [f"{one.ref} has them, and {_ready(one)} ready pods" for one in matching[:4]]
        return f"{fault.detail}: no pod with {clean(said, 160)} has an address", lines
    near = sorted(
        (one for one in workloads if set(wanted.items()) & set(_pod_labels(one).items())),
        key=lambda one: (-len(set(wanted.items()) & set(_pod_labels(one).items())), one.ref),
    )
    near = near or [one for one in workloads if one.meta.name == target.name]
    lines = [f"{one.ref} gives its pods these labels: {_labels(one)}" for one in near[:3]]
    return f"its selector {clean(said, 160)} matches no pod with an address", lines


def _pod_labels(workload: Workload) -> dict[str, str]:
    return workload.spec.template.metadata.labels


def _labels(workload: Workload) -> str:
    return clean(", ".join(f"{key}={value}" for key, value in _pod_labels(workload).items()) or "none", 200)


def _ready(workload: Workload) -> int:
    status = workload.status
    return status.number_ready if workload.kind == "DaemonSet" else status.ready_replicas
