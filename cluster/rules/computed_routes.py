"""What the conditions of a route ought to be for each parent, and through each listener, by the specs.

API: RouteStatus, RouteConditionType and its reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..objects import BackendRef, Route, RouteFilter
from ..refs import ObjectRef
from ..text import clean
from .computed import Computed, Doubt, settle
from .references import BackendFault
from .semantics import own_protocol
from .topology import Attachment, BoundListener, Topology

_BACKEND_REASONS = {
    "missing": "BackendNotFound",
    "wrong-port": "BackendNotFound",
    "no-port": "InvalidKind",
    "not-granted": "RefNotPermitted",
}
# the API's reasons for the words of an Attachment that are our own
_ATTACHMENT_REASONS = {"ParentMissing": "NoMatchingParent"}
# application protocols that a controller serves only where it claims the feature
_PROTOCOL_FEATURES = {
    "kubernetes.io/h2c": "HTTPRouteBackendProtocolH2C",
    "kubernetes.io/ws": "HTTPRouteBackendProtocolWebSocket",
}
_SERVICE_IMPORT = ("multicluster.x-k8s.io", "ServiceImport")


@dataclass(frozen=True, slots=True)
class ParentState:
    """What the specs say of one parentRef; ``per_listener`` is Accepted through each that it means.

    ``conditions`` is empty for a mesh parent, which is not computed.
    """

    attachment: Attachment
    conditions: tuple[Computed, ...]
    per_listener: tuple[tuple[ObjectRef, Computed], ...] = ()


def compute_route(
    topology: Topology, route: Route, faults: Iterable[BackendFault]
) -> tuple[ParentState, ...]:
    """One state for each parentRef, in the spec's order. ``faults`` are those of ``backend_faults``."""
    against_refs = tuple(_reference_doubts(topology, route, faults))
    against_rules = tuple(_filter_doubts(route))
    states = []
    for attachment in topology.attachments(route):
        if attachment.reason == "NotAGateway":
            states.append(ParentState(attachment, ()))
            continue
        accepted = settle("Accepted", (*_attachment_doubts(attachment), *against_rules))
        doubts = (*against_refs, *_protocol_doubts(topology, route, attachment))
        resolved = settle("ResolvedRefs", doubts)
        per_listener = tuple(
            (bound.ref, _through(topology, route, bound, attachment)) for bound in attachment.candidates
        )
        states.append(ParentState(attachment, (accepted, resolved), per_listener))
    return tuple(states)


def _attachment_doubts(attachment: Attachment) -> Iterator[Doubt]:
    if attachment.accepted is True:
        yield from _protocol_of_its_own(attachment)
        return
    reason = _ATTACHMENT_REASONS.get(attachment.reason, attachment.reason)
    if attachment.accepted is None or attachment.reason == "ListenersConflicted":
        # the API does not say whether a listener in conflict may accept a route, and controllers differ
        yield Doubt("Pending", attachment.detail, certain=False)
    else:
        yield Doubt(reason, attachment.detail, absent=attachment.reason == "ParentMissing")


def _protocol_of_its_own(attachment: Attachment) -> Iterator[Doubt]:
    """Through a protocol of the controller's own alone: which routes that carries, the API does not say."""
    if all(own_protocol(bound.listener.protocol) for bound in attachment.listeners):
        for bound in attachment.listeners[:1]:
            yield _carried_or_not(bound)


def _carried_or_not(bound: BoundListener) -> Doubt:
    shown = f"{bound.ref}: protocol {clean(bound.listener.protocol, 60)}"
    return Doubt("Pending", f"{shown}: only its controller can say what it carries", certain=False)


def _through(topology: Topology, route: Route, bound: BoundListener, attachment: Attachment) -> Computed:
    if any(bound is one for one in attachment.listeners):
        return settle("Accepted", [_carried_or_not(bound)] if own_protocol(bound.listener.protocol) else ())
    allowed = topology.allows(route, bound)
    if allowed is None:
        detail = "the labels of the route's namespace could not be read"
        return settle("Accepted", [Doubt("NotAllowedByListeners", detail, certain=False)])
    if not allowed:
        detail = "it does not allow this kind of route from this namespace"
        return settle("Accepted", [Doubt("NotAllowedByListeners", detail)])
    if topology.shared_hostnames(route, bound) is None:
        detail = f"no hostname in common with {clean(bound.listener.hostname or '*', 253)}"
        return settle("Accepted", [Doubt("NoMatchingListenerHostname", detail)])
    if bound.conflict:
        detail = f"it is in conflict with listener {bound.conflict_with}"
        return settle("Accepted", [Doubt("Pending", detail, certain=False)])
    return settle("Accepted", ())


# --- what a rule may not say ---------------------------------------------------------------------


def _filter_doubts(route: Route) -> Iterator[Doubt]:
    """API: HTTPRouteFilter: a redirect and a rewrite cannot stand in one rule (IncompatibleFilters)."""
    for index, rule in enumerate(route.spec.rules):
        types = {one.type for one in rule.filters}
        if {"RequestRedirect", "URLRewrite"} <= types:
            yield Doubt("IncompatibleFilters", f"spec.rules[{index}] has both a redirect and a rewrite")


# --- ResolvedRefs --------------------------------------------------------------------------------


def _reference_doubts(topology: Topology, route: Route, faults: Iterable[BackendFault]) -> Iterator[Doubt]:
    for fault in faults:
        shown = f"spec.rules[{fault.rule}]: {clean(fault.target, 200)}: {fault.detail}"
        if fault.fault == "unreadable":
            if fault.kind != "EndpointSlice":
                reason = "RefNotPermitted" if fault.kind == "ReferenceGrant" else "BackendNotFound"
                yield Doubt(reason, shown, certain=False)
        elif fault.fault in _BACKEND_REASONS:
            yield Doubt(_BACKEND_REASONS[fault.fault], shown, absent=fault.fault == "missing")
    for index, backend in _backends(route):
        doubt = _kind_doubt(topology, route, backend)
        if doubt is not None:
            yield replace(doubt, detail=f"spec.rules[{index}]: {doubt.detail}")


def _backends(route: Route) -> Iterator[tuple[int, BackendRef]]:
    for index, rule in enumerate(route.spec.rules):
        yield from ((index, one) for one in rule.backend_refs)
        yield from ((index, one) for one in _mirrors(rule.filters))


def _mirrors(filters: Iterable[RouteFilter]) -> Iterator[BackendRef]:
    for one in filters:
        if one.request_mirror is not None:
            yield one.request_mirror.backend_ref


def _kind_doubt(topology: Topology, route: Route, backend: BackendRef) -> Doubt | None:
    """API: RouteReasonInvalidKind. Support Core: Service; everything else is some controllers' own."""
    group = "" if backend.group == "core" else backend.group
    if (group, backend.kind) == ("", "Service"):
        return None
    target = ObjectRef(backend.kind, backend.namespace or route.meta.namespace, backend.name, group=group)
    shown = clean(target, 200)
    if not group:
        return Doubt("InvalidKind", f"{shown}: no such kind of backend in the core group")
    if topology.kind_served(group, backend.kind) is False:
        return Doubt("InvalidKind", f"{shown}: the cluster serves no such kind")
    snapshot = topology.snapshot
    if target in snapshot.policies:
        return None
    if (group, backend.kind) != _SERVICE_IMPORT and snapshot.state_of(backend.kind).knows(target.namespace):
        return Doubt("BackendNotFound", f"{shown} does not exist", absent=True)
    return Doubt("InvalidKind", f"{shown}: only its controller can say", certain=False)


def _protocol_doubts(topology: Topology, route: Route, attachment: Attachment) -> Iterator[Doubt]:
    """API: RouteReasonUnsupportedProtocol, by the features that the controller claims; nothing without."""
    features = topology.features_of(attachment.gateway) if attachment.gateway else None
    if features is None or route.kind != "HTTPRoute":
        return
    for index, backend in _backends(route):
        namespace = backend.namespace or route.meta.namespace
        service = topology.snapshot.services.get(ObjectRef("Service", namespace, backend.name))
        if service is None or backend.kind != "Service" or backend.group:
            continue
        for port in service.spec.ports:
            needed = _PROTOCOL_FEATURES.get(port.app_protocol or "")
            if port.port == backend.port and needed and needed not in features:
                yield Doubt("UnsupportedProtocol", f"spec.rules[{index}]: the controller lacks {needed}")
