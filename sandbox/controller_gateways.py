"""Classes, Gateways, ListenerSets and their listeners: what holds, and the statuses that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .controller_conditions import Condition, Json, render, verdict
from .controller_view import (
    GATEWAY_GROUP,
    ROUTE_KINDS,
    ClusterView,
    age_order,
    generation_of,
    host_covers,
    name_of,
    namespace_of,
    selects,
    spec_of,
)

_KINDS_BY_PROTOCOL = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute",),
    "TCP": ("TCPRoute",),
    "UDP": ("UDPRoute",),
}
_FAMILY = {"HTTP": "http", "HTTPS": "tls", "TLS": "tls", "TCP": "tcp", "UDP": "udp"}


@dataclass(slots=True)
class ListenerState:
    """One listener of a Gateway or a ListenerSet, as far as it was worked out."""

    gateway: Json
    owner: Json
    spec: Json
    conflict: str = ""
    overlapping: bool = False
    kinds: tuple[str, ...] = ()
    refs_problem: tuple[str, str] | None = None
    has_certificate: bool = True
    attached: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def name(self) -> str:
        return str(self.spec.get("name", ""))

    @property
    def protocol(self) -> str:
        return str(self.spec.get("protocol", ""))

    @property
    def port(self) -> int:
        return int(self.spec.get("port") or 0)

    @property
    def hostname(self) -> str:
        return str(self.spec.get("hostname") or "")

    @property
    def known_protocol(self) -> bool:
        return self.protocol in _KINDS_BY_PROTOCOL

    @property
    def accepted(self) -> bool:
        return not self.conflict and self.known_protocol

    @property
    def programmed(self) -> bool:
        return self.accepted and self.has_certificate

    def admits_namespace(self, view: ClusterView, namespace: str) -> bool:
        wish = (self.spec.get("allowedRoutes") or {}).get("namespaces") or {}
        source = wish.get("from", "Same")
        if source == "Selector":
            return selects(wish.get("selector"), view.labels_of_namespace(namespace))
        return source == "All" or (source == "Same" and namespace == namespace_of(self.owner))


@dataclass(slots=True)
class GatewayState:
    """A Gateway of ours with its own listeners and those of the ListenerSets that it took in."""

    gateway: Json
    listeners: list[ListenerState]
    sets: list[tuple[Json, str, list[ListenerState]]] = field(default_factory=list)
    """ListenerSet, why it is not accepted ("" if it is), its listeners."""

    def all_listeners(self) -> list[ListenerState]:
        return self.listeners + [item for _, problem, found in self.sets if not problem for item in found]

    @property
    def accepted(self) -> bool:
        return any(listener.accepted for listener in self.all_listeners())

    @property
    def programmed(self) -> bool:
        return any(listener.programmed for listener in self.all_listeners())


def read_gateways(
    view: ClusterView, controller_name: str, knows_listener_sets: bool = True
) -> list[GatewayState]:
    """Every Gateway whose class names this controller, with its listeners judged.

    A release from before ListenerSets overlooks them, however many the CRDs admit.
    """
    classes = {
        name_of(item)
        for item in view.all("GatewayClass")
        if spec_of(item).get("controllerName") == controller_name
    }
    found: list[GatewayState] = []
    for gateway in view.all("Gateway"):
        if spec_of(gateway).get("gatewayClassName") not in classes:
            continue
        state = GatewayState(gateway, _listeners(view, gateway, gateway))
        for candidate in view.all("ListenerSet") if knows_listener_sets else ():
            parent = spec_of(candidate).get("parentRef") or {}
            namespace = parent.get("namespace") or namespace_of(candidate)
            if (parent.get("name"), namespace) != (name_of(gateway), namespace_of(gateway)):
                continue
            problem = "" if _admits_set(view, gateway, candidate) else "NotAllowed"
            state.sets.append((candidate, problem, _listeners(view, gateway, candidate)))
        _mark_conflicts(state)
        found.append(state)
    return found


def _listeners(view: ClusterView, gateway: Json, owner: Json) -> list[ListenerState]:
    states = []
    for spec in spec_of(owner).get("listeners") or ():
        state = ListenerState(gateway, owner, spec)
        _settle_kinds(state)
        _settle_certificates(view, state)
        states.append(state)
    return states


def _admits_set(view: ClusterView, gateway: Json, listener_set: Json) -> bool:
    wish = (spec_of(gateway).get("allowedListeners") or {}).get("namespaces") or {}
    source, namespace = wish.get("from", "None"), namespace_of(listener_set)
    if source == "Selector":
        return selects(wish.get("selector"), view.labels_of_namespace(namespace))
    return source == "All" or (source == "Same" and namespace == namespace_of(gateway))


def _settle_kinds(state: ListenerState) -> None:
    possible = _KINDS_BY_PROTOCOL.get(state.protocol, ())
    wished = (state.spec.get("allowedRoutes") or {}).get("kinds") or ()
    if not wished:
        state.kinds = possible
        return
    good = [
        str(item.get("kind"))
        for item in wished
        if (item.get("group") or GATEWAY_GROUP) == GATEWAY_GROUP and item.get("kind") in possible
    ]
    state.kinds = tuple(dict.fromkeys(good))
    if len(good) < len(wished):
        state.refs_problem = (
            "InvalidRouteKinds",
            f"A {state.protocol} listener carries {', '.join(possible)}",
        )


def _settle_certificates(view: ClusterView, state: ListenerState) -> None:
    tls = state.spec.get("tls") or {}
    terminates = state.protocol == "HTTPS" or (state.protocol == "TLS" and tls.get("mode") != "Passthrough")
    if not terminates:
        return
    refs = tls.get("certificateRefs") or ()
    problems = [problem for ref in refs if (problem := _certificate_problem(view, state.owner, ref))]
    if not refs:
        problems = [("InvalidCertificateRef", "The listener names no certificate")]
    state.has_certificate = len(problems) < max(1, len(refs))
    if problems:
        state.refs_problem = problems[0]


def _certificate_problem(view: ClusterView, owner: Json, ref: Mapping[str, Any]) -> tuple[str, str] | None:
    group, kind, name = str(ref.get("group") or ""), ref.get("kind") or "Secret", str(ref.get("name", ""))
    namespace = str(ref.get("namespace") or namespace_of(owner))
    if (group, kind) != ("", "Secret"):
        return "InvalidCertificateRef", f"A certificate of kind {group or 'core'}/{kind} is not supported"
    source = (GATEWAY_GROUP, str(owner["kind"]), namespace_of(owner))
    if not view.granted(source, ("", "Secret", namespace, name)):
        return (
            "RefNotPermitted",
            f"Certificate ref to secret {namespace}/{name} not permitted by any ReferenceGrant.",
        )
    secret = view.get("Secret", namespace, name)
    if secret is None:
        return "InvalidCertificateRef", f"Secret {namespace}/{name} does not exist."
    if secret.get("type") != "kubernetes.io/tls" or not (secret.get("data") or {}).get("tls.crt"):
        return (
            "InvalidCertificateRef",
            f"Secret {namespace}/{name} holds no certificate of type kubernetes.io/tls.",
        )
    return None


def _mark_conflicts(state: GatewayState) -> None:
    """Two listeners are distinct by port, protocol family and hostname; within one object no twin wins.

    Between objects the Gateway goes first, then the oldest ListenerSet.
    """
    taken: list[ListenerState] = []
    sets = sorted((item for item in state.sets if not item[1]), key=lambda item: age_order(item[0]))
    for group in [state.listeners, *(found for _, _, found in sets)]:
        for listener in group:
            # a ListenerSet loses to what is there already, and its own twins lose to each other
            rivals = [*taken, *(other for other in group if other is not listener)]
            listener.conflict = next((why for other in rivals if (why := _conflict(listener, other))), "")
        taken += [listener for listener in group if not listener.conflict]
    served = [item for item in taken if _FAMILY.get(item.protocol) == "tls"]
    for listener in served:
        listener.overlapping = any(
            other is not listener
            and other.port == listener.port
            and _overlap(listener.hostname, other.hostname)
            for other in served
        )


def _conflict(one: ListenerState, other: ListenerState) -> str:
    if one.port != other.port or not (one.known_protocol and other.known_protocol):
        return ""
    ours, theirs = _FAMILY[one.protocol], _FAMILY[other.protocol]
    if "udp" in (ours, theirs) and ours != theirs:
        return ""
    if ours != theirs or ours in ("tcp", "udp"):
        return "ProtocolConflict"
    return "HostnameConflict" if one.hostname == other.hostname else ""


def _overlap(one: str, other: str) -> bool:
    return host_covers(one, other) or host_covers(other, one)


# ---- statuses ----------------------------------------------------------------------------------------


def gateway_status(state: GatewayState, address: str, now: str) -> Json:
    """The status of a Gateway; its `addresses` hold the edge's address once anything is programmed."""
    gateway, old = state.gateway, state.gateway.get("status") or {}
    dead = [listener.name for listener in state.listeners if not listener.programmed]
    if not state.accepted:
        accepted = Condition("Accepted", False, "ListenersNotValid", "No listener of this Gateway is valid")
    elif dead:
        accepted = Condition(
            "Accepted", True, "ListenersNotValid", f"Listeners not programmed: {', '.join(dead)}"
        )
    else:
        accepted = Condition("Accepted", True, "Accepted", "The Gateway has been scheduled by Envoy Gateway")
    programmed = verdict(
        "Programmed",
        None if state.programmed else ("Invalid", "No listener of this Gateway could be programmed"),
        "Address assigned to the Gateway, 1/1 envoy replicas available",
    )
    status: Json = {
        "conditions": render(
            [accepted, programmed], generation_of(gateway), old.get("conditions"), now, keep_foreign=True
        ),
        "listeners": _listener_statuses(state.listeners, gateway, old.get("listeners"), now),
    }
    if state.programmed:
        status["addresses"] = [{"type": "IPAddress", "value": address}]
    taken_in = sum(1 for _, problem, _ in state.sets if not problem)
    if taken_in:
        status["attachedListenerSets"] = taken_in
    return status


def listener_set_status(entry: tuple[Json, str, list[ListenerState]], parent: GatewayState, now: str) -> Json:
    listener_set, problem, listeners = entry
    old = listener_set.get("status") or {}
    reason: tuple[str, str] | None = None
    if problem:
        reason = (problem, "The Gateway does not allow ListenerSets of this namespace")
    elif not any(listener.accepted for listener in listeners):
        reason = ("ListenersNotValid", "No listener of this ListenerSet is valid")
    accepted = verdict("Accepted", reason, "The ListenerSet is part of its Gateway")
    if reason is None and not parent.programmed:
        reason = ("ParentNotProgrammed", "The Gateway is not programmed")
    elif reason is None and not any(listener.programmed for listener in listeners):
        reason = ("ListenersNotValid", "No listener of this ListenerSet could be programmed")
    status: Json = {
        "conditions": render(
            [accepted, verdict("Programmed", reason, "The ListenerSet is programmed")],
            generation_of(listener_set),
            old.get("conditions"),
            now,
        )
    }
    if not problem:
        status["listeners"] = _listener_statuses(listeners, listener_set, old.get("listeners"), now)
    return status


def _listener_statuses(
    listeners: Iterable[ListenerState], owner: Json, previous: Any, now: str
) -> list[Json]:
    before = {item.get("name"): item for item in previous or () if isinstance(item, Mapping)}
    written = []
    for listener in listeners:
        conditions = _listener_conditions(listener)
        old = before.get(listener.name, {}).get("conditions")
        written.append(
            {
                "name": listener.name,
                "supportedKinds": [
                    {"group": GATEWAY_GROUP, "kind": kind} for kind in ROUTE_KINDS if kind in listener.kinds
                ],
                "attachedRoutes": len(listener.attached),
                "conditions": render(conditions, generation_of(owner), old, now),
            }
        )
    return written


def _listener_conditions(listener: ListenerState) -> list[Condition]:
    conditions = []
    if not listener.known_protocol:
        problem: tuple[str, str] | None = (
            "UnsupportedProtocol",
            f"Protocol {listener.protocol} is unknown here",
        )
    elif listener.conflict:
        unique = "compatible protocol" if listener.conflict == "ProtocolConflict" else "unique hostname"
        message = f"All listeners for a given port must use a {unique}"
        conditions.append(Condition("Conflicted", True, listener.conflict, message))
        problem = (listener.conflict, message)
    else:
        conditions.append(Condition("Conflicted", False, "NoConflicts", "No conflicts with other listeners"))
        problem = None
    conditions.append(verdict("Accepted", problem, "Listener has been successfully translated"))
    dead = None
    if not listener.programmed:
        dead = ("Invalid", "Listener is invalid, see other Conditions for details.")
    conditions.append(
        verdict("Programmed", dead, "Sending translated listener configuration to the data plane")
    )
    conditions.append(
        verdict("ResolvedRefs", listener.refs_problem, "Listener references have been resolved")
    )
    if listener.overlapping and not listener.conflict:
        message = "Another listener of this port overlaps with this hostname; HTTP/2 is turned off for both"
        conditions.append(Condition("OverlappingTLSConfig", True, "OverlappingHostnames", message))
    return conditions
