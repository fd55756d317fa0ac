"""Routes: which listeners each parent gives them, whether their references resolve, and their statuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .controller_conditions import Condition, Json, render, verdict
from .controller_gateways import GatewayState, ListenerState
from .controller_view import (
    GATEWAY_GROUP,
    ROUTE_KINDS,
    ClusterView,
    generation_of,
    name_of,
    namespace_of,
    shared_hosts,
    spec_of,
)

_NAMELESS = ("TCPRoute", "UDPRoute")


@dataclass(slots=True)
class ParentState:
    """One parentRef of a route that names a Gateway or ListenerSet of ours."""

    ref: Json
    gateway: Json
    problem: tuple[str, str] | None
    listeners: list[tuple[ListenerState, tuple[str, ...]]] = field(default_factory=list)
    """Each listener that took the route, with the host names it serves for it ("*" is any)."""


@dataclass(slots=True)
class RouteState:
    route: Json
    parents: list[ParentState]
    broken: dict[tuple[int, int], tuple[str, str]]
    """(rule, backend) -> why that reference does not resolve."""

    @property
    def refs_problem(self) -> tuple[str, str] | None:
        return next(iter(self.broken.values()), None)


def read_routes(view: ClusterView, gateways: Iterable[GatewayState]) -> list[RouteState]:
    """Every route with at least one parent of ours; the listeners' `attached` sets are filled on the way."""
    states = list(gateways)
    found: list[RouteState] = []
    for kind in ROUTE_KINDS:
        for route in view.all(kind):
            parents = [
                parent
                for ref in spec_of(route).get("parentRefs") or ()
                if (parent := _parent(view, states, route, ref)) is not None
            ]
            if parents:
                found.append(RouteState(route, parents, _broken_refs(view, route)))
    return found


def _parent(view: ClusterView, gateways: list[GatewayState], route: Json, ref: Json) -> ParentState | None:
    found = _listeners_of(gateways, route, ref)
    if found is None:
        return None
    gateway, listeners = found
    kind, namespace = str(route["kind"]), namespace_of(route)
    section, port = ref.get("sectionName"), ref.get("port")
    named = [item for item in listeners if section in (None, item.name) and port in (None, item.port)]
    if not named:
        return ParentState(
            ref, gateway, ("NoMatchingParent", "No listener of that name or port on the parent")
        )
    allowing = [item for item in named if kind in item.kinds and item.admits_namespace(view, namespace)]
    if not allowing:
        message = "No listeners included by this parent ref allowed this attachment."
        return ParentState(ref, gateway, ("NotAllowedByListeners", message))
    hostnames = () if kind in _NAMELESS else tuple(spec_of(route).get("hostnames") or ())
    state = ParentState(ref, gateway, None)
    for listener in allowing:
        shared = shared_hosts(listener.hostname, hostnames)
        if shared:
            state.listeners.append((listener, shared))
            listener.attached.add((kind, namespace, name_of(route)))
    if not state.listeners:
        message = "There were no hostname intersections between the route and this parent ref's listeners."
        state.problem = ("NoMatchingListenerHostname", message)
    return state


def _listeners_of(
    gateways: list[GatewayState], route: Json, ref: Mapping[str, Any]
) -> tuple[Json, list[ListenerState]] | None:
    kind = ref.get("kind") or "Gateway"
    if (ref.get("group", GATEWAY_GROUP) or GATEWAY_GROUP) != GATEWAY_GROUP:
        return None
    wanted = (ref.get("name"), ref.get("namespace") or namespace_of(route))
    for state in gateways:
        if kind == "Gateway" and (name_of(state.gateway), namespace_of(state.gateway)) == wanted:
            return state.gateway, state.listeners
        if kind == "ListenerSet":
            for listener_set, problem, listeners in state.sets:
                if not problem and (name_of(listener_set), namespace_of(listener_set)) == wanted:
                    return state.gateway, listeners
    return None


def backends_of(rule: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The rule's backends, then those that its mirrors name: all must resolve."""
    yield from rule.get("backendRefs") or ()
    for holder in (rule, *(rule.get("backendRefs") or ())):
        for one_filter in holder.get("filters") or ():
            mirrored = (one_filter.get("requestMirror") or {}).get("backendRef")
            if mirrored:
                yield mirrored


def _broken_refs(view: ClusterView, route: Json) -> dict[tuple[int, int], tuple[str, str]]:
    broken = {}
    for rule_index, rule in enumerate(spec_of(route).get("rules") or ()):
        for index, ref in enumerate(backends_of(rule)):
            problem = _ref_problem(view, route, ref)
            if problem:
                broken[rule_index, index] = problem
    return broken


def _ref_problem(view: ClusterView, route: Json, ref: Mapping[str, Any]) -> tuple[str, str] | None:
    group, kind, name = str(ref.get("group") or ""), ref.get("kind") or "Service", str(ref.get("name", ""))
    namespace = str(ref.get("namespace") or namespace_of(route))
    if (group, kind) != ("", "Service"):
        return "InvalidKind", f"Backend kind {group or 'core'}/{kind} is not supported."
    source = (GATEWAY_GROUP, str(route["kind"]), namespace_of(route))
    if not view.granted(source, ("", "Service", namespace, name)):
        return (
            "RefNotPermitted",
            f"Backend ref to Service {namespace}/{name} not permitted by any ReferenceGrant.",
        )
    service = view.get("Service", namespace, name)
    if service is None:
        return "BackendNotFound", f"Service {namespace}/{name} not found."
    ports = {port.get("port") for port in spec_of(service).get("ports") or ()}
    if ref.get("port") not in ports:
        return "BackendNotFound", f"TCP Port {ref.get('port')} not found on Service {namespace}/{name}."
    return None


def route_status(state: RouteState, controller_name: str, now: str) -> Json:
    """The status of a route; entries of other controllers stay as they are."""
    old = [
        item for item in (state.route.get("status") or {}).get("parents") or () if isinstance(item, Mapping)
    ]
    before = [item for item in old if item.get("controllerName") == controller_name]
    written: list[Json] = []
    generation = generation_of(state.route)
    for parent in state.parents:
        previous = next((item for item in before if item.get("parentRef") == parent.ref), {})
        conditions = [
            verdict("Accepted", parent.problem, "Route is accepted"),
            _resolved(state.broken),
        ]
        written.append(
            {
                "parentRef": dict(parent.ref),
                "controllerName": controller_name,
                "conditions": render(conditions, generation, previous.get("conditions"), now),
            }
        )
    return {
        "parents": written + [dict(item) for item in old if item.get("controllerName") != controller_name]
    }


def abandoned_status(route: Json, controller_name: str) -> Json | None:
    """The status of a route that no longer names us: our entries go; None where there were none."""
    old = (route.get("status") or {}).get("parents") or []
    kept = [item for item in old if item.get("controllerName") != controller_name]
    return {"parents": kept} if len(kept) < len(old) else None


def _resolved(broken: Mapping[tuple[int, int], tuple[str, str]]) -> Condition:
    if not broken:
        return Condition(
            "ResolvedRefs", True, "ResolvedRefs", "Resolved all the Object references for the Route"
        )
    reason, message = next(iter(broken.values()))
    rule, backend = next(iter(broken))
    return Condition(
        "ResolvedRefs", False, reason, f"Failed to process route rule {rule} backendRef {backend}: {message}"
    )
