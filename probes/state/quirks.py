"""Findings about what single controllers do otherwise, where the objects show that it matters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...cluster.knowledge.controller_data import Controller
from ...cluster.knowledge.controllers import controller_of
from ...cluster.objects import Gateway, ListenerSet, Route
from ...cluster.rules.computed_authorities import frontend_validation
from ...cluster.rules.topology import Attachment, BoundListener
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .conditions import status_of
from .routes import entries_for, parent_words, route_of_rule
from .words import kubectl_get
from .world import World

_LAYER4 = frozenset({"TCPRoute", "UDPRoute", "TLSRoute"})
_LAYER7 = frozenset({"HTTPRoute", "GRPCRoute"})
_ENTRY_POINT = re.compile(r"--entrypoints\.[^.=]+\.address=\S*?:(\d+)(?:/\w+)?", re.IGNORECASE)


def controller_for(world: World, gateway: Gateway) -> tuple[Controller | None, str]:
    """What is known of the controller of a Gateway's class, and its controllerName (empty if not known)."""
    name = world.topology.controller_of(gateway) or ""
    return controller_of(name), name


# --- routes --------------------------------------------------------------------------------------


def route_quirk_findings(world: World, route: Route) -> Iterator[Finding]:
    """Kinds and filters that a parent's controller does not serve, and fields that it ignores."""
    told: set[tuple[str, str]] = set()
    for attachment in world.topology.attachments(route):
        name = (world.topology.controller_at(attachment.gateway) or "") if attachment.gateway else ""
        controller = controller_of(name)
        if controller is None:
            continue
        yield from _unserved(world, route, attachment, controller, name)
        where = f"{parent_words(attachment)} is of {clean(name, 160)}"
        yield from _unserved_filters(route, controller, where, told)
        for index, field in _ignored_fields(route, controller):
            if (controller.id, f"{index} {field}") in told:
                continue
            told.add((controller.id, f"{index} {field}"))
            yield finding(
                "GW147",
                Verdict.WARN,
                route_of_rule(route, index),
                f"{field} is set, and {controller.title} ignores it",
                evidence=[f"spec.rules[{index}].{field}", where],
                reproduce=kubectl_get(route.ref),
            )


def _unserved_filters(
    route: Route, controller: Controller, where: str, told: set[tuple[str, str]]
) -> Iterator[Finding]:
    for index, rule in enumerate(route.spec.rules if route.kind == "HTTPRoute" else ()):
        for kind in dict.fromkeys(one.type for one in rule.filters):
            if kind not in controller.unserved_filters or (controller.id, f"{index} {kind}") in told:
                continue
            told.add((controller.id, f"{index} {kind}"))
            yield finding(
                "GW149",
                Verdict.FAIL,
                route_of_rule(route, index),
                f"{controller.title} knows no filter {kind}, and answers 500 for the whole rule",
                evidence=[where],
                reproduce=kubectl_get(route.ref),
            )


def _ignored_fields(route: Route, controller: Controller) -> Iterator[tuple[int, str]]:
    for index, rule in enumerate(route.spec.rules):
        for field in controller.ignored:
            if getattr(rule, field, None):
                yield index, field


def _unserved(
    world: World, route: Route, attachment: Attachment, controller: Controller, name: str
) -> Iterator[Finding]:
    own, _ = entries_for(world, route, attachment)
    if any(status_of(entry.conditions, "Accepted") == "True" for entry in own):
        return
    where = parent_words(attachment)
    if not controller.serves(name, route.kind):
        yield finding(
            "GW146",
            Verdict.FAIL,
            route.ref,
            f"{where}: {controller.title} ({clean(name, 100)}) serves no {route.kind}",
            reproduce=kubectl_get(route.ref),
        )
        return
    for gate in controller.gates:
        if gate.kind != route.kind:
            continue
        args = world.index.arguments_of(controller.id)
        if any(gate.seen_by in one for one in args) and not any(gate.argument in one for one in args):
            yield finding(
                "GW146",
                Verdict.WARN,
                route.ref,
                f"{where}: {controller.title} serves {route.kind} only with {gate.argument}, "
                "which is not among its arguments",
                reproduce=kubectl_get(route.ref),
            )


def listener_set_quirk_findings(world: World, listener_set: ListenerSet) -> Iterator[Finding]:
    """A ListenerSet on a Gateway whose controller knows no such kind."""
    parent = listener_set.spec.parent_ref.target(listener_set.meta.namespace).whole
    name = world.topology.controller_at(parent) or ""
    controller = controller_of(name)
    if controller is None or controller.serves(name, listener_set.kind):
        return
    if status_of(listener_set.status.conditions, "Accepted") != "True":
        yield finding(
            "GW237",
            Verdict.FAIL,
            listener_set.ref,
            f"{controller.title} serves no {listener_set.kind}",
            reproduce=kubectl_get(listener_set.ref),
        )


# --- Gateways and listeners ----------------------------------------------------------------------


def gateway_quirk_findings(world: World, gateway: Gateway) -> Iterator[Finding]:
    """Kinds of routes that cannot share a Gateway, and listeners that its controller reads in its own way."""
    controller, name = controller_for(world, gateway)
    if controller is None:
        return
    kinds = set(world.index.route_kinds_at(gateway.ref, sorted(_LAYER4 | _LAYER7)))
    if controller.one_layer_per_gateway and kinds & _LAYER4 and kinds & _LAYER7:
        yield finding(
            "GW233",
            Verdict.FAIL,
            gateway.ref,
            f"{', '.join(sorted(kinds & _LAYER7))} and {', '.join(sorted(kinds & _LAYER4))} name it; "
            f"{controller.title} makes one load balancer of either kind",
            evidence=[f"controllerName {clean(name, 160)}"],
            reproduce=kubectl_get(gateway.ref),
        )
    for bound in world.topology.listeners(gateway.ref):
        yield from _listener_quirks(world, controller, bound)
        if controller.asks_no_client and (wanted := frontend_validation(gateway.spec.tls, bound.listener)):
            # without one, or with a bad one, a client is let in there by the API, too
            lenient = wanted.get("mode") == "AllowInsecureFallback"
            yield finding(
                "GW323",
                Verdict.WARN if lenient else Verdict.FAIL,
                bound.ref,
                f"the Gateway's spec.tls.frontend wants clients' certificates on port {bound.listener.port}; "
                f"{controller.title} does not read it, and asks for none",
                reproduce=kubectl_get(gateway.ref),
            )


def _listener_quirks(world: World, controller: Controller, bound: BoundListener) -> Iterator[Finding]:
    listener = bound.listener
    status = world.listener_status(bound)
    claimed = status is not None and status_of(status.conditions, "OverlappingTLSConfig") == "True"
    if controller.overlap_drops_http2 and (bound.overlaps or claimed):
        others = ", ".join(bound.overlaps[:5]) or "another listener"
        yield finding(
            "GW321",
            Verdict.WARN,
            bound.ref,
            f"it shares hosts or a certificate of port {listener.port} with {others}, "
            f"so {controller.title} offers HTTP/1.1 alone",
            reproduce=kubectl_get(bound.owner),
        )
    if controller.passthrough_hides_client and listener.tls and listener.tls.mode == "Passthrough":
        yield finding(
            "GW322",
            Verdict.WARN,
            bound.ref,
            f"TLS passes through; behind {controller.title} the backend does not see the client's address",
            reproduce=kubectl_get(bound.owner),
        )
    if controller.entry_points:
        yield from _entry_point(world, controller, bound)


def _entry_point(world: World, controller: Controller, bound: BoundListener) -> Iterator[Finding]:
    """A port that the process does not open: its arguments tell which it does, if it was set up by them."""
    status = world.listener_status(bound)
    conditions = status.conditions if status else ()
    if status_of(conditions, "Accepted") == "True":
        return
    ports = sorted(
        {int(port) for one in world.index.arguments_of(controller.id) for port in _ENTRY_POINT.findall(one)}
    )
    port = bound.listener.port
    if port in ports:
        return
    if ports:
        verdict = Verdict.FAIL
        words = f"{controller.title} opens {', '.join(map(str, ports))}"
    elif status_of(conditions, "Accepted") == "False":
        return
    else:
        verdict, words = Verdict.UNKNOWN, f"which ports {controller.title} opens cannot be told from here"
    yield finding(
        "GW320",
        verdict,
        bound.ref,
        f"port {port} must be the port of an entryPoint (not of its Service); {words}",
        reproduce=kubectl_get(bound.owner),
    )
