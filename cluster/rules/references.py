"""Where the references of routes and listeners lead: backends, endpoints, certificates, grants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from ..kubernetes_objects import EndpointSlice
from ..objects import BackendRef, Route, SecretRef
from ..refs import GATEWAY_GROUP, ObjectRef
from ..snapshot import Snapshot
from ..text import clean
from .scene import Index, Scene
from .semantics import grant_allows
from .topology import BoundListener, Topology

Fault = Literal["missing", "wrong-port", "no-port", "not-granted", "no-endpoints", "unreadable"]


@dataclass(frozen=True, slots=True)
class BackendFault:
    """What is wrong with one backendRef. ``share`` is its part of the rule's requests, 0 to 1 (a mirror: 0).

    ``unreadable``: a kind that decides it could not be read; ``kind`` says which.
    """

    rule: int
    backend: BackendRef
    target: ObjectRef
    fault: Fault
    detail: str
    share: float = 1.0
    mirror: bool = False
    kind: str = ""


@dataclass(frozen=True, slots=True)
class CertificateFault:
    """What is wrong with one certificateRef of a listener."""

    listener: ObjectRef
    secret: ObjectRef
    fault: Fault
    detail: str
    kind: str = ""


class Endpoints:
    """Ready endpoints by Service, summed over its slices."""

    def __init__(self, scene: Scene) -> None:
        self._slices: Index[tuple[str, str], EndpointSlice] = scene.index("endpoint_slices", _of_service)
        self._ready = scene.query(self._count)

    def ready(self, namespace: str, service: str) -> int:
        """How many endpoints are ready; 0 where there is no slice."""
        return self._ready((namespace, service))

    def _count(self, key: tuple[str, str]) -> int:
        return sum(piece.ready_count for piece in self._slices[key])


def _of_service(piece: EndpointSlice) -> tuple[tuple[str, str], ...]:
    return ((piece.meta.namespace, piece.service),) if piece.service else ()


def backend_faults(topology: Topology, endpoints: Endpoints, route: Route) -> Iterator[BackendFault]:
    """Every faulty backendRef and mirror of a route, in the spec's order. Sound ones are not listed."""
    for index, rule in enumerate(route.spec.rules):
        total = sum(backend.weight for backend in rule.backend_refs if backend.weight > 0)
        for backend in rule.backend_refs:
            share = backend.weight / total if total else 0.0
            yield from _faults(topology, endpoints, route, index, backend, share, mirror=False)
        for mirror in rule.filters:
            if mirror.request_mirror is not None:
                backend = mirror.request_mirror.backend_ref
                yield from _faults(topology, endpoints, route, index, backend, 0.0, mirror=True)


def _faults(
    topology: Topology,
    endpoints: Endpoints,
    route: Route,
    rule: int,
    backend: BackendRef,
    share: float,
    *,
    mirror: bool,
) -> Iterator[BackendFault]:
    namespace = backend.namespace or route.meta.namespace
    target = ObjectRef(backend.kind, namespace, backend.name, group=backend.group)

    def fault(kind_of_fault: Fault, detail: str, kind: str = "") -> BackendFault:
        return BackendFault(rule, backend, target, kind_of_fault, detail, share, mirror, kind)

    if namespace != route.meta.namespace:
        granted = _granted(topology, route.kind, route.meta.namespace, target)
        if granted is False:
            yield fault("not-granted", f"no ReferenceGrant in {clean(namespace, 100)} allows it")
        elif granted is None:
            yield fault("unreadable", "ReferenceGrants could not be read", "ReferenceGrant")
    if backend.kind == "Service" and backend.group in ("", "core"):
        yield from _service_faults(topology.snapshot, endpoints, backend, target, fault)


class _FaultMaker(Protocol):
    def __call__(self, kind_of_fault: Fault, detail: str, kind: str = "") -> BackendFault: ...


def _service_faults(
    snapshot: Snapshot, endpoints: Endpoints, backend: BackendRef, target: ObjectRef, fault: _FaultMaker
) -> Iterator[BackendFault]:
    service = snapshot.services.get(ObjectRef("Service", target.namespace, target.name))
    if service is None:
        if snapshot.state_of("Service").knows(target.namespace):
            yield fault("missing", "there is no such Service")
        else:
            yield fault("unreadable", "Services could not be read", "Service")
        return
    ports = tuple(port.port for port in service.spec.ports)
    if backend.port is None:
        yield fault("no-port", "the backendRef names no port, which a Service needs")
        return
    if backend.port not in ports:
        listed = ", ".join(map(str, ports)) or "none"
        yield fault("wrong-port", f"the Service has no port {backend.port}; its ports: {listed}")
        return
    if service.spec.type == "ExternalName":
        return
    if not snapshot.state_of("EndpointSlice").knows(target.namespace):
        yield fault("unreadable", "EndpointSlices could not be read", "EndpointSlice")
    elif endpoints.ready(target.namespace, target.name) == 0:
        yield fault("no-endpoints", "the Service has no ready endpoint")


def certificate_faults(topology: Topology, bound: BoundListener) -> Iterator[CertificateFault]:
    """Every certificateRef of a listener that leads nowhere, or where it may not.

    A ListenerSet does not inherit the grants of its Gateway (GEP-1713). Secrets are known by their
    metadata, and only those of type kubernetes.io/tls.
    """
    tls = bound.listener.tls
    if tls is None or tls.mode == "Passthrough":
        return
    owner = bound.owner
    for reference in tls.certificate_refs:
        namespace = reference.namespace or owner.namespace
        secret = ObjectRef(reference.kind, namespace, reference.name, group=reference.group)
        if namespace != owner.namespace:
            granted = _granted(topology, owner.kind, owner.namespace, secret, from_group=owner.group)
            if granted is False:
                detail = f"no ReferenceGrant in {clean(namespace, 100)} allows it"
                yield CertificateFault(bound.ref, secret, "not-granted", detail)
            elif granted is None:
                detail = "ReferenceGrants could not be read"
                yield CertificateFault(bound.ref, secret, "unreadable", detail, "ReferenceGrant")
        yield from _secret_faults(topology.snapshot, bound, reference, secret)


def _secret_faults(
    snapshot: Snapshot, bound: BoundListener, reference: SecretRef, secret: ObjectRef
) -> Iterator[CertificateFault]:
    if reference.kind != "Secret" or reference.group or secret in snapshot.secrets:
        return
    if snapshot.state_of("Secret").knows(secret.namespace):
        detail = "there is no Secret of type kubernetes.io/tls with that name"
        yield CertificateFault(bound.ref, secret, "missing", detail)
    else:
        yield CertificateFault(bound.ref, secret, "unreadable", "Secrets could not be read", "Secret")


def _granted(
    topology: Topology,
    from_kind: str,
    from_namespace: str,
    target: ObjectRef,
    from_group: str = GATEWAY_GROUP,
) -> bool | None:
    allowed = grant_allows(
        topology.grants_in(target.namespace),
        from_group,
        from_kind,
        from_namespace,
        target.group,
        target.kind,
        target.namespace,
        target.name,
    )
    if allowed:
        return True
    return False if topology.snapshot.state_of("ReferenceGrant").knows(target.namespace) else None
