"""The records that routes make: hostnames of a route through listeners of its Gateways. Pure.

Source: external-dns docs/sources/gateway-api.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ....cluster.objects import Condition, Gateway, Listener, ListenerSet, ParentRef, Route
from ....cluster.refs import GATEWAY_GROUP, ObjectRef
from ....cluster.rules.semantics import hostnames_intersect, namespace_allowed
from ....cluster.snapshot import Snapshot
from .filters import matches
from .flags import Flags
from .wanted import Ignored, Wanted, endpoints, is_let_in, setting, split, ttl_of

_PROTOCOL = {
    **dict.fromkeys(("HTTPRoute", "GRPCRoute"), frozenset({"HTTP", "HTTPS"})),
    "TLSRoute": frozenset({"TLS"}),
    "TCPRoute": frozenset({"TCP", "TLS"}),
    "UDPRoute": frozenset({"UDP"}),
}


@dataclass(frozen=True, slots=True)
class _Parent:
    """A Gateway or ListenerSet that a route may go through."""

    gateway: Gateway
    owner_namespace: str
    listeners: tuple[Listener, ...]
    targets: tuple[str, ...]


def from_routes(snapshot: Snapshot, flags: Flags, kind: str, wanted: Wanted) -> None:
    """The source ``gateway-httproute`` and its sisters."""
    for ref, route in sorted(snapshot.routes.items()):
        if ref.kind != kind or ref.group != GATEWAY_GROUP:
            continue
        names = route_names(route, flags)
        why = is_let_in(route, flags)
        if why:
            wanted.ignored += [Ignored(ref, host, why) for host in names if host]
            continue
        targets, reasons = _targets(snapshot, flags, route, names)
        resource = f"{kind.lower()}/{ref.namespace}/{ref.name}"
        for host, addresses in targets.items():
            wanted.endpoints += endpoints(host, addresses, ttl_of(route, flags), resource, ref)
            if not addresses:
                wanted.ignored.append(Ignored(ref, host, "its Gateway has no address in its status"))
        served = set(targets)
        words = "; ".join(dict.fromkeys(reasons)) or "no listener takes it"
        wanted.ignored += [Ignored(ref, host, words) for host in names if host and host not in served]


def route_names(route: Route, flags: Flags) -> tuple[str, ...]:
    """The hostnames that a route asks for; the empty one stands for whatever its listeners have."""
    defined = [name.lower() for name in route.spec.hostnames]
    annotated = [] if flags.ignore_hostname else list(split(setting(route, "hostname", flags)))
    source = (setting(route, "gateway-hostname-source", flags) or "").lower()
    if source == "annotation-only":
        return tuple(dict.fromkeys(annotated))
    if source == "defined-hosts-only":
        return tuple(dict.fromkeys(defined))
    return tuple(dict.fromkeys([*(defined or [""]), *annotated]))


def _targets(
    snapshot: Snapshot, flags: Flags, route: Route, names: tuple[str, ...]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    found: dict[str, set[str]] = {}
    reasons: list[str] = []
    if not route.status.parents:
        reasons.append("no controller has accepted it")
    for entry in route.status.parents:
        parent = _parent(snapshot, flags, route, entry.parent_ref, reasons)
        if parent is None:
            continue
        if not _is_true(entry.conditions, "Accepted"):
            reasons.append(f"it is not accepted by {_target(entry.parent_ref, route)}")
            continue
        for listener in parent.listeners:
            if not _takes(snapshot, parent, listener, entry.parent_ref, route):
                continue
            for host in _through(listener.hostname or "", names):
                found.setdefault(host, set()).update(parent.targets)
    return {host: tuple(sorted(values)) for host, values in found.items()}, reasons


def _target(parent: ParentRef, route: Route) -> ObjectRef:
    return parent.target(route.metadata.namespace).whole


def _parent(
    snapshot: Snapshot, flags: Flags, route: Route, ref: ParentRef, reasons: list[str]
) -> _Parent | None:
    target = _target(ref, route)
    asked = {_target(one, route) for one in route.spec.parent_refs}
    if target not in asked or target.group != GATEWAY_GROUP:
        return None
    listener_set = snapshot.listener_sets.get(target) if target.kind == "ListenerSet" else None
    gateway = _gateway(snapshot, flags, target, listener_set)
    if gateway is None:
        reasons.append(f"{target} is not among the Gateways that it looks at")
        return None
    if listener_set is not None:
        return _through_set(snapshot, flags, gateway, listener_set, ref, reasons)
    targets = split(setting(gateway, "target", flags)) or tuple(
        one.value for one in gateway.status.addresses if one.value
    )
    listeners = _sections(gateway.spec.listeners, ref)
    return _Parent(gateway, gateway.metadata.namespace, listeners, targets)


def _gateway(
    snapshot: Snapshot, flags: Flags, target: ObjectRef, listener_set: ListenerSet | None
) -> Gateway | None:
    if target.kind == "ListenerSet":
        if listener_set is None or not flags.listener_sets:
            return None
        target = listener_set.spec.parent_ref.target(listener_set.metadata.namespace).whole
    gateway = snapshot.gateways.get(target)
    if gateway is None or (flags.gateway_name and flags.gateway_name != target.name):
        return None
    if flags.gateway_namespace and flags.gateway_namespace != target.namespace:
        return None
    return gateway if matches(flags.gateway_labels, gateway.metadata.labels) is not False else None


def _through_set(
    snapshot: Snapshot,
    flags: Flags,
    gateway: Gateway,
    listener_set: ListenerSet,
    ref: ParentRef,
    reasons: list[str],
) -> _Parent | None:
    allowed = gateway.spec.allowed_listeners
    namespace = listener_set.metadata.namespace
    let_in = allowed is not None and namespace_allowed(
        allowed.namespaces,
        gateway.metadata.namespace,
        namespace,
        _labels(snapshot, namespace),
        default="None",
    )
    if not let_in or not _is_true(listener_set.status.conditions, "Accepted"):
        reasons.append(f"{listener_set.ref} is not accepted by {gateway.ref}")
        return None
    accepted = {one.name for one in listener_set.status.listeners if _is_true(one.conditions, "Accepted")}
    listeners = tuple(one for one in _sections(listener_set.spec.listeners, ref) if one.name in accepted)
    own = split(setting(listener_set, "target", flags)) or split(setting(gateway, "target", flags))
    targets = own or tuple(one.value for one in gateway.status.addresses if one.value)
    return _Parent(gateway, namespace, listeners, targets)


def _sections(listeners: tuple[Listener, ...], ref: ParentRef) -> tuple[Listener, ...]:
    return tuple(one for one in listeners if not ref.section_name or one.name == ref.section_name)


def _takes(snapshot: Snapshot, parent: _Parent, listener: Listener, ref: ParentRef, route: Route) -> bool:
    if listener.protocol not in _PROTOCOL.get(route.kind, frozenset()):
        return False
    if ref.port is not None and ref.port != listener.port:
        return False
    namespace = route.metadata.namespace
    rule = listener.allowed_routes.namespaces
    if not namespace_allowed(rule, parent.owner_namespace, namespace, _labels(snapshot, namespace)):
        return False
    own = (route.group, route.kind)
    kinds = listener.allowed_routes.kinds
    return not kinds or own in {(one.group or GATEWAY_GROUP, one.kind) for one in kinds}


def _labels(snapshot: Snapshot, namespace: str) -> dict[str, str] | None:
    found = snapshot.namespaces.get(ObjectRef("Namespace", "", namespace))
    return found.metadata.labels if found is not None else None


def _through(listener: str, names: tuple[str, ...]) -> Iterator[str]:
    """The more special of each pair of names that meet."""
    listener = listener.lower()
    for name in names:
        name = name.lower()
        if not listener or not name:
            if listener or name:
                yield listener or name
        elif hostnames_intersect(listener, name):
            yield name if not name.startswith("*.") or len(name) >= len(listener) else listener


def _is_true(conditions: tuple[Condition, ...], name: str) -> bool:
    # the generation that the condition speaks of is not looked at (unlike everywhere else in Pointsman)
    return next((one.status == "True" for one in conditions if one.type == name), False)
