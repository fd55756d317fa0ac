"""Where the requests of a rule end: backends with their share and health, and what the client gets.

API: HTTPRouteRule.backendRefs and HTTPBackendRef: an invalid backend answers 500 for its share, one without
ready endpoints 503 (SHOULD). ingress-nginx answers 503 for both (rootfs/etc/nginx/lua/balancer.lua).
"""

from __future__ import annotations

from ..kubernetes_objects import IngressServiceBackend, Service
from ..objects import BackendRef, PathMatch, Route
from ..refs import ObjectRef
from ..rules.references import BackendFault, Endpoints, backend_faults
from ..rules.topology import Topology
from ..snapshot import Snapshot
from ..text import clean
from .filters import apply_filters
from .model import Outcome, Share, Step
from .request import Request


def route_shares(
    topology: Topology,
    endpoints: Endpoints,
    route: Route,
    rule: int,
    request: Request,
    matched: PathMatch | None = None,
) -> tuple[Share, ...]:
    """One entry for each backendRef of a rule (from 0), in its order."""
    backends = route.spec.rules[rule].backend_refs
    total = sum(backend.weight for backend in backends if backend.weight > 0)
    faults = [
        fault
        for fault in backend_faults(topology, endpoints, route)
        if fault.rule == rule and not fault.mirror
    ]
    shares = []
    for backend in backends:
        share = backend.weight / total if total and backend.weight > 0 else 0.0
        own = [fault for fault in faults if fault.backend is backend]
        steps = apply_filters(backend.filters, request, matched, route.meta.namespace).steps
        shares.append(_share(route, backend, share, own, steps))
    return tuple(shares)


def _share(
    route: Route, backend: BackendRef, share: float, faults: list[BackendFault], steps: tuple[Step, ...]
) -> Share:
    namespace = backend.namespace or route.meta.namespace
    ref = ObjectRef(
        clean(backend.kind, 63), clean(namespace, 63), clean(backend.name, 253), "", clean(backend.group, 253)
    )
    status, detail, unchecked, unread = 0, "", "", ""
    for fault in faults:
        if fault.fault == "unreadable":
            unchecked, unread = unchecked or fault.detail, unread or fault.kind
        elif not status:
            status, detail = (503 if fault.fault == "no-endpoints" else 500), fault.detail
    if not faults and (backend.kind != "Service" or backend.group not in ("", "core")):
        unchecked, unread = f"a {ref.kind} is not looked into", ref.kind
    port = str(backend.port or "")
    return Share(ref, port, share, status, clean(detail), clean(unchecked), unread, steps)


def shares_outcome(shares: tuple[Share, ...], kind: str) -> Outcome:
    """What the client meets behind a rule of a route of this kind."""
    grpc = kind == "GRPCRoute"
    live = [share for share in shares if share.share > 0]
    if not live:
        why = "every backend has weight 0" if shares else "the rule has no backend"
        return Outcome("error", _status_text(500, why, grpc), 500)
    broken = [share for share in live if share.status]
    if len(broken) == len(live):
        first = broken[0]
        return Outcome(
            "error", _status_text(first.status, f"{_named(first)}: {first.detail}", grpc), first.status
        )
    if broken:
        part = sum(share.share for share in broken)
        text = f"{_percent(part)} of the requests fail with {_codes(broken)}; the others are answered"
        return Outcome("backend", text)
    if len(live) == 1:
        return Outcome("backend", f"answered by {_named(live[0])}")
    return Outcome(
        "backend", "answered by " + ", ".join(f"{_named(one)} {_percent(one.share)}" for one in live)
    )


def _status_text(status: int, why: str, grpc: bool) -> str:
    return f"UNAVAILABLE (HTTP {status}): {why}" if grpc else f"{status}: {why}"


def _codes(shares: list[Share]) -> str:
    return " and ".join(str(code) for code in sorted({share.status for share in shares}))


def _named(share: Share) -> str:
    port = f":{share.port}" if share.port else ""
    return f"{share.ref}{port}"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def ingress_share(
    snapshot: Snapshot,
    endpoints: Endpoints,
    namespace: str,
    backend: IngressServiceBackend,
    share: float = 1.0,
) -> Share:
    """The backend of an Ingress: 503 where the Service, its port or its endpoints are missing."""
    port = backend.port.name or str(backend.port.number or "")
    ref = ObjectRef("Service", clean(namespace, 63), clean(backend.name, 253))
    service = snapshot.services.get(ObjectRef("Service", namespace, backend.name))
    if service is None:
        if snapshot.state_of("Service").knows(namespace):
            return Share(ref, clean(port, 63), share, 503, "there is no such Service")
        return Share(ref, clean(port, 63), share, unchecked="Services could not be read", unread="Service")
    number = _port_number(service, backend)
    if number is None:
        return Share(ref, clean(port, 63), share, 503, f"the Service has no port {clean(port, 63)}")
    shown = str(number)
    if service.spec.type == "ExternalName":
        return Share(ref, shown, share)
    if not snapshot.state_of("EndpointSlice").knows(namespace):
        unread = "EndpointSlices could not be read"
        return Share(ref, shown, share, unchecked=unread, unread="EndpointSlice")
    if endpoints.ready(namespace, backend.name) == 0:
        return Share(ref, shown, share, 503, "the Service has no ready endpoint")
    return Share(ref, shown, share)


def _port_number(service: Service, backend: IngressServiceBackend) -> int | None:
    for port in service.spec.ports:
        if backend.port.name and port.name == backend.port.name:
            return port.port
        if not backend.port.name and port.port == backend.port.number:
            return port.port
    if service.spec.type == "ExternalName" and backend.port.number:
        return backend.port.number
    return None
