"""Which backend of ingress-nginx answers: the main one, its canary, or the default backend.

Read in kubernetes/ingress-nginx (v1.x): rootfs/etc/nginx/lua/balancer.lua (route_to_alternative_balancer),
internal/ingress/controller/controller.go (mergeAlternativeBackends, custom default backends).
"""

from __future__ import annotations

from dataclasses import replace

from ..kubernetes_objects import Ingress, IngressServiceBackend, IngressServicePort
from ..refs import ObjectRef
from ..rules.references import Endpoints
from ..snapshot import Snapshot
from ..text import clean
from .backends import ingress_share
from .bounded_regex import evaluate
from .model import Draft, Share
from .nginx_table import Location, Table, annotation
from .request import Request


def nginx_shares(
    snapshot: Snapshot,
    table: Table,
    found: Location,
    request: Request,
    endpoints: Endpoints,
    draft: Draft,
) -> tuple[Share, ...]:
    """The backends of a location that has an upstream, with their parts for this request."""
    assert found.upstream is not None
    main = found.upstream
    primary = ingress_share(snapshot, endpoints, main.namespace, main.backend)
    primary = _instead(snapshot, endpoints, found.ingress, main.namespace, primary, draft)
    merged = table.canaries.get(main.key)
    if merged is None or primary.status:
        # without a main backend there is no balancer, and so no canary either
        return (primary,)
    ingress, canary = merged
    share, why = canary_share(ingress, request)
    other = ingress_share(snapshot, endpoints, canary.namespace, canary.backend, share)
    draft.notes.append(f"canary {ingress.ref}: {why}")
    if other.status:
        draft.notes.append(f"the canary's backend cannot answer ({other.detail}): the main one takes all")
        return (primary,)
    return tuple(one for one in (replace(primary, share=1 - share), other) if one.share > 0)


def canary_share(ingress: Ingress, request: Request) -> tuple[float, str]:
    """The canary's part for this request, and by what: the header, then the cookie, then the weight."""
    name = annotation(ingress, "canary-by-header")
    header = request.header(name) if name else None
    if header is not None:
        value, pattern = (annotation(ingress, f"canary-by-header-{what}") for what in ("value", "pattern"))
        shown = f"header {clean(name, 60)}"
        if value:
            if header == value:
                return 1.0, f"{shown} has its value"
        elif pattern:
            # an expression may match anywhere in the header
            if evaluate(f".*?(?:{pattern})", header, whole=False).matched:
                return 1.0, f"{shown} matches its pattern"
        elif header in ("always", "never"):
            return float(header == "always"), f"{shown} says {header}"
    cookie_name = annotation(ingress, "canary-by-cookie")
    cookie = request.cookie(cookie_name) if cookie_name else None
    if cookie in ("always", "never"):
        return float(cookie == "always"), f"cookie {clean(cookie_name, 60)} says {cookie}"
    weight = _number(annotation(ingress, "canary-weight"), 0)
    # balancer.lua: a total below 100 counts as 100
    total = max(_number(annotation(ingress, "canary-weight-total"), 100), 100)
    return min(weight / total, 1.0), f"weight {weight} of {total}"


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else default


def _instead(
    snapshot: Snapshot,
    endpoints: Endpoints,
    ingress: Ingress | None,
    namespace: str,
    share: Share,
    draft: Draft,
) -> Share:
    """The default-backend annotation takes over where the Service has no endpoints."""
    name = annotation(ingress, "default-backend")
    if not name or not share.status:
        return share
    service = snapshot.services.get(ObjectRef("Service", namespace, name))
    if service is None or not service.spec.ports or not endpoints.ready(namespace, name):
        return share
    draft.notes.append(f"{share.ref} cannot answer ({share.detail}): default-backend takes over")
    number = service.spec.ports[0].port
    backend = IngressServiceBackend(name=name, port=IngressServicePort(number=number))
    return ingress_share(snapshot, endpoints, namespace, backend)
