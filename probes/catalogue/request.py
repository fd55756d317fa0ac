"""GW8 and MIG8: what one request would meet, worked out from the specs."""

from __future__ import annotations

from .rule import Rule

_SOURCE = (
    "Gateway API v1.6: HTTPRouteRule.matches, HTTPRouteSpec.hostnames, HTTPBackendRef; Listener.hostname"
)
_OLD_SOURCE = "networking/v1 Ingress; ingress-nginx user guide: ingress-path-matching, annotations"

REQUEST_RULES: tuple[Rule, ...] = (
    Rule(
        "GW801",
        "request-fails",
        "The request fails on the Gateway side",
        "A client gets an error, or no connection, instead of a backend's answer.",
        "See which rule takes it and why the others lose; correct the route, its listener or its backend.",
        _SOURCE,
    ),
    Rule(
        "GW802",
        "request-cannot-be-told",
        "What the Gateway side answers cannot be told",
        "The API leaves it open, or something that decides it could not be read or evaluated.",
        "Ask the data plane itself with the command shown, or write the rules so that nothing is left open.",
        _SOURCE,
    ),
    Rule(
        "GW803",
        "request-answered",
        "The request is answered on the Gateway side",
        "A backend that is well, or a redirect, takes it.",
        "Nothing.",
        _SOURCE,
    ),
    Rule(
        "GW804",
        "request-status-contradicts",
        "The controller's status contradicts what the specs give",
        "By the specs the request is answered; the controller says that a part of its way does not work.",
        "Mend what the condition says, or wait until the controller has seen the newest generation.",
        "Gateway API v1.6: ListenerConditionType, RouteConditionType",
    ),
    Rule(
        "MIG801",
        "sides-end-differently",
        "The Ingress side and the Gateway side end the request differently",
        "After the cutover this request gets another answer than before.",
        "Compare the winning rules of both sides, and correct the route before the cutover.",
        _OLD_SOURCE,
    ),
    Rule(
        "MIG802",
        "request-fails-on-ingress",
        "The request fails on the Ingress side",
        "The old side is no measure for the new one where it fails itself.",
        "See which path takes it and why the others lose.",
        _OLD_SOURCE,
    ),
    Rule(
        "MIG803",
        "request-open-on-ingress",
        "What the Ingress side answers cannot be told",
        "It hangs on the controller, or something that decides it could not be read or evaluated.",
        "Ask the controller itself with the command shown.",
        _OLD_SOURCE,
    ),
    Rule(
        "MIG804",
        "request-answered-by-ingress",
        "The request is answered on the Ingress side",
        "A backend that is well, or a redirect, takes it.",
        "Nothing.",
        _OLD_SOURCE,
    ),
)
