"""What the two edges are told to serve: the new one from Gateways and routes, the old one from Ingresses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from .controller_conditions import Json
from .controller_gateways import GatewayState, ListenerState
from .controller_routes import RouteState
from .controller_view import ClusterView, annotation, host_covers, name_of, namespace_of, spec_of
from .edge_model import EVERY_HOST, EdgeRule, Faults, VirtualHost
from .pki import Certificate

Certificates = Callable[[str, str], Certificate | None]
"""The certificate of a TLS Secret, by namespace and name."""

RuleKind = Literal["Exact", "Prefix"]
_BACKEND_BROKEN, _NO_ENDPOINTS = 500, 503


@dataclass(slots=True)
class EdgeSetup:
    """The whole routing of one edge, and what is to go wrong on it."""

    hosts: dict[str, VirtualHost] = field(default_factory=dict)
    faults: dict[str, Faults] = field(default_factory=dict)

    def add_fault(self, host: str, fault: Faults) -> None:
        known = self.faults.get(host)
        self.faults[host] = known.merged(fault) if known else fault


def read_fault(obj: Json) -> Faults | None:
    """The fault asked for by the annotation `practice.pointsman.dev/fault` (a JSON object with Faults' keys).

    None where there is none, and where the annotation cannot be read: a slip of the pen breaks nothing.
    """
    text = annotation(obj, "fault")
    if not text:
        return None
    try:
        wish = json.loads(text)
    except ValueError:
        return None
    if not isinstance(wish, dict):
        return None
    known: dict[str, Any] = {}
    for item in fields(Faults):
        value, usual = wish.get(item.name), item.default
        if isinstance(usual, bool) or isinstance(value, bool):
            good = isinstance(usual, bool) and isinstance(value, bool)
        elif isinstance(usual, tuple):
            good = isinstance(value, list) and bool(value) and all(isinstance(entry, str) for entry in value)
            value = tuple(value or ())
        else:
            good = isinstance(value, int | float) and value >= 0
        if good:
            known[item.name] = value
    return Faults(**known) if known else None


# ---- the new side ------------------------------------------------------------------------------------


def new_side(
    view: ClusterView,
    gateways: Iterable[GatewayState],
    routes: Iterable[RouteState],
    certificates: Certificates,
) -> EdgeSetup:
    """Hosts of every listener that terminates or passes TLS; a listener without a route answers 404."""
    setup = EdgeSetup()
    listeners: list[ListenerState] = []
    for state in gateways:
        listeners += [item for item in state.all_listeners() if item.accepted and _speaks_tls(item)]
        if fault := read_fault(state.gateway):
            setup.add_fault(EVERY_HOST, fault)
    rules: dict[str, tuple[ListenerState, list[EdgeRule]]] = {}
    for route in sorted(routes, key=lambda item: item.route["metadata"].get("creationTimestamp") or "9999"):
        fault = read_fault(route.route)
        for host, listener in _hosts_of(route, listeners):
            found = rules.setdefault(host, (listener, []))[1]
            taken = {(rule.kind, rule.path) for rule in found}
            # two routes with the same match: the older one has it
            found += [rule for rule in _rules_of(view, route) if (rule.kind, rule.path) not in taken]
            if fault:
                setup.add_fault(host, fault)
    for listener in listeners:
        if listener.hostname and not _passes(listener):
            rules.setdefault(listener.hostname, (listener, []))
    for host, (listener, found) in rules.items():
        certificate = _passthrough_certificate(view, host, certificates) if _passes(listener) else None
        _add_host(setup, host, found, listener, certificates, certificate)
    return setup


def _speaks_tls(listener: ListenerState) -> bool:
    return listener.protocol in ("HTTPS", "TLS")


def _passes(listener: ListenerState) -> bool:
    return (listener.spec.get("tls") or {}).get("mode") == "Passthrough"


def _hosts_of(state: RouteState, listeners: list[ListenerState]) -> Iterator[tuple[str, ListenerState]]:
    """(host, listener) where the listener is the one that a handshake for the host meets."""
    for parent in state.parents:
        for listener, hosts in parent.listeners:
            for host in hosts:
                if host != EVERY_HOST and listener is _most_specific(host, listeners):
                    yield host, listener


def _most_specific(host: str, listeners: Iterable[ListenerState]) -> ListenerState | None:
    covering = [item for item in listeners if host_covers(item.hostname, host)]
    return max(
        covering, key=lambda item: (not item.hostname.startswith("*"), len(item.hostname)), default=None
    )


def _add_host(
    setup: EdgeSetup,
    host: str,
    rules: list[EdgeRule],
    listener: ListenerState,
    certificates: Certificates,
    certificate: Certificate | None = None,
) -> None:
    certificate = certificate or _listener_certificate(listener, certificates)
    setup.hosts[host] = VirtualHost(host, tuple(rules), certificate)
    if certificate is None:
        # Envoy would refuse the handshake; a controller that falls back shows its default certificate
        setup.add_fault(host, Faults(default_certificate=True))


def _listener_certificate(listener: ListenerState, certificates: Certificates) -> Certificate | None:
    if not listener.has_certificate:
        return None
    for ref in (listener.spec.get("tls") or {}).get("certificateRefs") or ():
        namespace = str(ref.get("namespace") or namespace_of(listener.owner))
        found = certificates(namespace, str(ref.get("name", "")))
        if found:
            return found
    return None


def _passthrough_certificate(view: ClusterView, host: str, certificates: Certificates) -> Certificate | None:
    """Passed through, the backend's own certificate is met: the one of any Secret that names the host."""
    for secret in view.all("Secret"):
        found = certificates(namespace_of(secret), name_of(secret))
        if found and host in found.names:
            return found
    return None


def _rules_of(view: ClusterView, state: RouteState) -> list[EdgeRule]:
    rules: list[EdgeRule] = []
    for index, rule in enumerate(spec_of(state.route).get("rules") or ()):
        answers = _answers(view, state, index, rule)
        for kind, path in _matches(str(state.route["kind"]), rule):
            if any((old.kind, old.path) == (kind, path) for old in rules):
                continue
            rules += [replace(answer, kind=kind, path=path) for answer in answers]
    return rules


def _matches(route_kind: str, rule: Mapping[str, Any]) -> Iterator[tuple[RuleKind, str]]:
    """The paths of a rule. Matches on headers, methods or queries are beyond this edge and left out."""
    if route_kind == "TLSRoute":
        yield "Prefix", "/"
        return
    matches: Iterable[Mapping[str, Any]] = rule.get("matches") or ({},)
    for match in matches:
        if route_kind == "GRPCRoute":
            method = match.get("method") or {}
            service, name = method.get("service"), method.get("method")
            if service and name:
                yield "Exact", f"/{service}/{name}"
            else:
                yield "Prefix", f"/{service}" if service else "/"
        elif not (match.get("headers") or match.get("queryParams") or match.get("method")):
            path = match.get("path") or {}
            kind, value = path.get("type", "PathPrefix"), str(path.get("value") or "/")
            if kind in ("Exact", "PathPrefix"):
                yield ("Exact" if kind == "Exact" else "Prefix"), value


def _answers(view: ClusterView, state: RouteState, index: int, rule: Mapping[str, Any]) -> list[EdgeRule]:
    headers: tuple[tuple[str, str], ...] = ()
    for one_filter in rule.get("filters") or ():
        if redirect := one_filter.get("requestRedirect"):
            return [_redirect(redirect)]
        change = one_filter.get("responseHeaderModifier") or {}
        headers += tuple(
            (str(item.get("name")), str(item.get("value")))
            for item in (*(change.get("set") or ()), *(change.get("add") or ()))
        )
    if state.route["kind"] == "GRPCRoute":
        headers += (("content-type", "application/grpc"), ("grpc-status", "0"))
    answers = []
    for number, ref in enumerate(rule.get("backendRefs") or ()):
        weight = 1 if ref.get("weight") is None else int(ref["weight"])
        if weight <= 0:
            continue
        namespace, name = str(ref.get("namespace") or namespace_of(state.route)), str(ref.get("name"))
        status = _BACKEND_BROKEN if (index, number) in state.broken else 200
        if status == 200 and not view.ready_endpoints(namespace, name):
            status = _NO_ENDPOINTS
        answers.append(_backend(namespace, name, ref.get("port"), status, headers, weight))
    return answers or [EdgeRule("/", "Prefix", "", status=_BACKEND_BROKEN)]


def _redirect(redirect: Mapping[str, Any]) -> EdgeRule:
    path = (redirect.get("path") or {}).get("replaceFullPath") or ""
    target = (
        f"{redirect.get('scheme') or 'https'}://{redirect['hostname']}" if redirect.get("hostname") else ""
    )
    location = f"{target}{path}" or "/"
    status = int(redirect.get("statusCode") or 302)
    return EdgeRule("/", "Prefix", "", status=status, headers=(("location", location),))


def _backend(
    namespace: str,
    name: str,
    port: Any,
    status: int,
    headers: tuple[tuple[str, str], ...] = (),
    weight: int = 1,
) -> EdgeRule:
    return EdgeRule("/", "Prefix", f"{namespace}/{name}:{port}", status, "", headers, weight)


# ---- the old side ------------------------------------------------------------------------------------


def is_nginx(view: ClusterView, ingress: Json, controller: str) -> bool:
    """Whether an Ingress belongs to a class of that controller, by field or by the old annotation."""
    classes = {
        name_of(item) for item in view.all("IngressClass") if spec_of(item).get("controller") == controller
    }
    by_annotation = (ingress["metadata"].get("annotations") or {}).get("kubernetes.io/ingress.class")
    return (spec_of(ingress).get("ingressClassName") or by_annotation) in classes


def old_side(view: ClusterView, ingresses: Iterable[Json], certificates: Certificates) -> EdgeSetup:
    """Hosts of the Ingresses given; a Service unknown or without endpoints answers 503, as in nginx."""
    setup = EdgeSetup()
    for ingress in ingresses:
        namespace, spec = namespace_of(ingress), spec_of(ingress)
        secrets = {
            host: str(item.get("secretName"))
            for item in spec.get("tls") or ()
            if item.get("secretName")
            for host in item.get("hosts") or ()
        }
        fault = read_fault(ingress)
        for rule in spec.get("rules") or ():
            host = str(rule.get("host") or "")
            if not host:
                continue
            known = setup.hosts.get(host)
            rules = [*(known.rules if known else ())]
            rules += [
                _ingress_rule(view, namespace, path) for path in (rule.get("http") or {}).get("paths") or ()
            ]
            certificate = certificates(namespace, secrets[host]) if host in secrets else None
            setup.hosts[host] = VirtualHost(
                host, tuple(rules), certificate or (known.certificate if known else None)
            )
            if fault:
                setup.add_fault(host, fault)
    return setup


def _ingress_rule(view: ClusterView, namespace: str, path: Mapping[str, Any]) -> EdgeRule:
    service = (path.get("backend") or {}).get("service") or {}
    name, port = str(service.get("name", "")), (service.get("port") or {}).get("number")
    known = view.get("Service", namespace, name) is not None
    status = 200 if known and view.ready_endpoints(namespace, name) else _NO_ENDPOINTS
    rule = _backend(namespace, name, port, status)
    kind: RuleKind = "Exact" if path.get("pathType") == "Exact" else "Prefix"
    return replace(rule, path=str(path.get("path") or "/"), kind=kind)
