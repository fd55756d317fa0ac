"""The Gateway API's rules as pure functions. Each cites where its rule stands.

API: https://gateway-api.sigs.k8s.io/reference/spec/ (the doc comments of apis/v1, v1.6). Nothing here
looks at a status: these are the answers that a controller ought to give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..objects import (
    FromNamespaces,
    GatewayClass,
    GroupKind,
    LabelSelector,
    Listener,
    ParentRef,
    ReferenceGrant,
    SelectorRequirement,
)
from ..refs import GATEWAY_GROUP

# Kinds that a listener of each protocol carries where allowedRoutes.kinds is empty
# (API: AllowedRoutes.kinds; ProtocolType).
_DEFAULT_KINDS: Mapping[str, frozenset[str]] = {
    "HTTP": frozenset({"HTTPRoute", "GRPCRoute"}),
    "HTTPS": frozenset({"HTTPRoute", "GRPCRoute"}),
    "TLS": frozenset({"TLSRoute", "TCPRoute"}),
    "TCP": frozenset({"TCPRoute"}),
    "UDP": frozenset({"UDPRoute"}),
}
# a connection that is passed through is chosen by its SNI, which only a TLSRoute names
_PASSED_THROUGH = frozenset({"TLSRoute"})
_UNQUALIFIED_PROTOCOLS = frozenset({"HBONE"})
_TERMINATED = frozenset({"HTTPS", "TLS"})
_HOSTNAME_PROTOCOLS = frozenset({"HTTP", "HTTPS", "TLS"})
# routes that have hostnames to intersect (API: TCPRoute and UDPRoute have none)
_HOSTNAME_ROUTES = frozenset({"HTTPRoute", "GRPCRoute", "TLSRoute"})


# --- hostnames -----------------------------------------------------------------------------------


def hostnames_intersect(listener: str, route: str) -> bool:
    """Whether two hostnames share a name. A wildcard covers one or more labels, never the apex.

    API: Listener.hostname, HTTPRoute.spec.hostnames. Case does not matter (RFC 4343).
    """
    a, b = listener.lower(), route.lower()
    if a == b:
        return True
    if a.startswith("*.") and b.startswith("*."):
        return a[1:].endswith(b[1:]) or b[1:].endswith(a[1:])
    if a.startswith("*."):
        return b.endswith(a[1:]) and len(b) > len(a) - 1
    if b.startswith("*."):
        return a.endswith(b[1:]) and len(a) > len(b) - 1
    return False


def served_hostnames(listener_hostname: str | None, route_hostnames: Iterable[str]) -> tuple[str, ...] | None:
    """The route's hostnames that a listener lets through; None where nothing intersects.

    A listener without a hostname lets everything through; a route without hostnames takes the
    listener's. An empty tuple means every host.
    """
    names = tuple(route_hostnames)
    if not listener_hostname:
        return names
    if not names:
        return (listener_hostname,)
    return tuple(name for name in names if hostnames_intersect(listener_hostname, name)) or None


# --- who may attach ------------------------------------------------------------------------------


def selector_matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Kubernetes label selection: every part must hold; an empty selector matches everything."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _requirement_holds(requirement, labels) for requirement in selector.match_expressions
    )


def _requirement_holds(requirement: SelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False


def namespace_allowed(
    rule: FromNamespaces,
    own_namespace: str,
    other_namespace: str,
    labels: Mapping[str, str] | None,
    *,
    default: str = "Same",
) -> bool | None:
    """Whether ``other_namespace`` is let in by a Gateway or listener that stands in ``own_namespace``.

    None where it hangs on labels of a namespace that could not be read. API: RouteNamespaces.from
    (default Same); for allowedListeners the default is None (GEP-1713).
    """
    match rule.from_ or default:
        case "All":
            return True
        case "Same":
            return own_namespace == other_namespace
        case "Selector":
            if labels is None:
                return None
            return selector_matches(rule.selector or LabelSelector(), labels)
        case _:
            return False


def protocol_supported(protocol: str) -> bool | None:
    """Whether a listener's protocol is one of the API's; None for one of a controller's own.

    API: ProtocolType; a controller's own protocol carries a domain, ``example.com/bar``, as HBONE, which
    Istio's waypoints listen to, ought to.
    """
    if protocol in _DEFAULT_KINDS:
        return True
    return None if own_protocol(protocol) or protocol in _UNQUALIFIED_PROTOCOLS else False


def own_protocol(protocol: str) -> bool:
    """Whether a protocol is named as a controller's own: ``example.com/bar`` (API: ProtocolType)."""
    return "/" in protocol


def carried_kinds(listener: Listener) -> frozenset[str] | None:
    """The API's route kinds that a listener can carry; None where only its controller can say.

    API: ProtocolType, TLSModeType. TLS carries TLSRoutes in both modes, TCPRoutes only when terminating.
    """
    if listener.protocol == "TLS" and listener.tls is not None and listener.tls.mode == "Passthrough":
        return _PASSED_THROUGH
    return _DEFAULT_KINDS.get(listener.protocol)


def supported_kinds(listener: Listener) -> tuple[GroupKind, ...] | None:
    """The kinds that status.listeners[].supportedKinds ought to name; None where only its controller can say.

    API: ListenerStatus.supportedKinds: those of allowedRoutes.kinds that the protocol can carry, else all
    that it can.
    """
    carried = carried_kinds(listener)
    if carried is None:
        return None
    wanted = listener.allowed_routes.kinds
    if wanted:
        return tuple(one for one in wanted if one.group == GATEWAY_GROUP and one.kind in carried)
    return tuple(GroupKind(kind=kind) for kind in sorted(carried))


def kind_allowed(listener: Listener, group: str, kind: str) -> bool:
    """Whether a listener carries routes of this kind (API: AllowedRoutes.kinds, ProtocolType)."""
    wanted = listener.allowed_routes.kinds
    if wanted and GroupKind(group=group, kind=kind) not in wanted:
        return False
    by_protocol = carried_kinds(listener)
    if by_protocol is None and protocol_supported(listener.protocol) is False:
        return False
    # a protocol of a controller's own: only it can say
    return True if by_protocol is None else group != GATEWAY_GROUP or kind in by_protocol


def unsupported_kinds(listener: Listener) -> tuple[GroupKind, ...]:
    """Kinds that allowedRoutes names though the protocol cannot carry them (InvalidRouteKinds)."""
    by_protocol = carried_kinds(listener)
    if by_protocol is None:
        return ()
    return tuple(
        entry
        for entry in listener.allowed_routes.kinds
        if entry.group == GATEWAY_GROUP and entry.kind not in by_protocol
    )


def parent_ref_selects(parent: ParentRef, listener: Listener) -> bool:
    """Whether a parentRef means this listener: sectionName and port must match where set.

    API: ParentReference.
    """
    if parent.section_name and parent.section_name != listener.name:
        return False
    return parent.port is None or parent.port == listener.port


def uses_hostnames(route_kind: str, listener: Listener) -> bool:
    """Whether hostnames take part in matching this kind of route to this listener."""
    return route_kind in _HOSTNAME_ROUTES and listener.protocol in _HOSTNAME_PROTOCOLS


# --- features ------------------------------------------------------------------------------------


def claimed_features(gateway_class: GatewayClass) -> frozenset[str] | None:
    """The features that the controller of a class claims (GEP-2162); None where it does not say."""
    named = (
        one.get("name") if isinstance(one, dict) else one for one in gateway_class.status.supported_features
    )
    return frozenset(name for name in named if isinstance(name, str)) or None


# --- references across namespaces ----------------------------------------------------------------


def grant_allows(
    grants: Iterable[ReferenceGrant],
    from_group: str,
    from_kind: str,
    from_namespace: str,
    to_group: str,
    to_kind: str,
    to_namespace: str,
    to_name: str,
) -> bool:
    """Whether any ReferenceGrant in the target's namespace allows the reference (GEP-709).

    Within one grant each ``from`` may use each ``to``; grants and entries are ORed. A reference within one
    namespace needs none.
    """
    if from_namespace == to_namespace:
        return True
    return any(
        grant.meta.namespace == to_namespace
        and any(
            entry.group == from_group and entry.kind == from_kind and entry.namespace == from_namespace
            for entry in grant.spec.from_
        )
        and any(
            entry.group == to_group and entry.kind == to_kind and (not entry.name or entry.name == to_name)
            for entry in grant.spec.to
        )
        for grant in grants
    )


# --- listeners of one Gateway --------------------------------------------------------------------


def listeners_conflict(one: Listener, other: Listener) -> str:
    """Why two listeners cannot stand together: ``ProtocolConflict``, ``HostnameConflict`` or empty.

    API: Gateway.spec.listeners ("Distinct Listeners"): HTTP by port and hostname; HTTPS and TLS share a port
    and differ by hostname; TCP and UDP by port. TCP and UDP may share a port number.
    """
    if one.port != other.port or (one.protocol == "UDP") != (other.protocol == "UDP"):
        return ""
    if _family(one.protocol) != _family(other.protocol):
        return "ProtocolConflict"
    if _family(one.protocol) in ("TCP", "UDP"):
        return "ProtocolConflict"
    if (one.hostname or "").lower() != (other.hostname or "").lower():
        return ""
    # of HTTPS beside TLS some controllers say the one reason, some the other; the API's text fits both
    return "HostnameConflict" if one.protocol == other.protocol else "ProtocolConflict"


def tls_modes_mixed(one: Listener, other: Listener) -> bool:
    """Whether two TLS listeners share a port, one terminating and one passing through.

    Only a controller with the feature TLSRouteModeMixed can serve both; else it is a ProtocolConflict.
    """
    if one.port != other.port or one.protocol != "TLS" or other.protocol != "TLS":
        return False
    return _mode(one) != _mode(other)


def _mode(listener: Listener) -> str:
    return listener.tls.mode if listener.tls is not None else "Terminate"


def _family(protocol: str) -> str:
    return "TLS" if protocol in _TERMINATED else protocol


def listeners_overlap(one: Listener, other: Listener) -> bool:
    """Whether two HTTPS listeners on one port share hosts without being the same (OverlappingTLSConfig).

    A client may then send requests for one over a connection of the other (RFC 9110 section 7.4).
    """
    if one.protocol != "HTTPS" or other.protocol != "HTTPS" or one.port != other.port:
        return False
    a, b = (one.hostname or "").lower(), (other.hostname or "").lower()
    if a == b:
        return False
    return not a or not b or hostnames_intersect(a, b)


# --- precedence ----------------------------------------------------------------------------------


def policy_order(creation_timestamp: str | None, namespace: str, name: str) -> tuple[str, str, str]:
    """Sort key of two policies of a kind on one target: the oldest wins, then the first by name (GEP-713)."""
    # an object without a time has not been through an API server: it cannot claim to be older
    return (creation_timestamp or "9999", namespace, name)
