"""Listeners, backends, filters and statuses of the Gateway side, and whether both sides end alike."""

from __future__ import annotations

from typing import Any

import pytest
from pointsman.cluster.errors import UserError
from pointsman.cluster.routing.trace import find_gateway, parse_line, same_end, trace
from pointsman.cluster.store import read_documents
from pointsman.probes.state.request import request_findings, trace_verdict
from pointsman.probes.verdict import Verdict
from routing_kit import (
    Document,
    backends,
    end,
    exact,
    gateway,
    gateway_trace,
    http_route,
    ingress,
    ingress_class,
    prefix,
    rule,
    service,
    why,
    world,
)

A, B = service("a"), service("b")
ROUTE = http_route("r", [rule("a")])
PLAIN = "GET http://shop.example/"
TLS = "GET https://shop.example/"


def http(name: str, hostname: str | None = None, port: int = 80, **more: Any) -> Document:
    return {
        "name": name,
        "port": port,
        "protocol": "HTTP",
        **({"hostname": hostname} if hostname else {}),
        **more,
    }


def https(name: str, hostname: str | None = None, **more: Any) -> Document:
    return {**http(name, hostname, 443), "protocol": "HTTPS", **more}


# --- listeners -----------------------------------------------------------------------------------


def test_without_a_listener_on_the_port_the_connection_is_refused() -> None:
    found = gateway_trace(world(gateway(), A, ROUTE), "GET http://shop.example:8080/")
    assert (found.outcome.kind, found.works) == ("refused", False)
    assert gateway_trace(world(gateway(), A, ROUTE), "GET https://shop.example:80/").outcome.kind == "refused"


def test_the_most_specific_listener_keeps_the_others_routes_away() -> None:
    listeners = (http("any"), http("wild", "*.example"), http("exact", "shop.example"))
    everywhere = http_route("everywhere", [rule("a", prefix("/"))])
    narrow = http_route(
        "narrow",
        [rule("b", exact("/"))],
        parent={"name": "main", "namespace": "infra", "sectionName": "wild"},
    )
    found = gateway_trace(world(gateway(*listeners), A, B, everywhere, narrow), PLAIN)
    assert (found.listener and found.listener.section, backends(found)) == ("exact", ["a"])
    assert why(found, "wild") == why(found, "any") == {"less-specific-listener"}
    assert why(found, "narrow") == {"other-listener"}


def test_tls_is_chosen_by_sni_and_misdirected_requests_are_refused() -> None:
    listeners = (https("one", "one.example"), https("two", "two.example"), https("wild", "*.wide.example"))
    routes = http_route("r", [rule("a")], [])
    snapshot = world(gateway(*listeners), A, routes)
    assert end(gateway_trace(snapshot, "https://one.example/")) == "a"
    assert gateway_trace(snapshot, "https://none.example/").outcome.kind == "refused"
    # Listener.hostname: "If another Listener has an exact match ... SHOULD return a 421", else 404
    assert end(gateway_trace(snapshot, "https://one.example/ -H 'Host: two.example'")) == "421"
    assert end(gateway_trace(snapshot, "https://one.example/ -H 'Host: none.example'")) == "404"
    assert end(gateway_trace(snapshot, "https://a.wide.example/ -H 'Host: b.wide.example'")) == "a"


def test_listeners_in_conflict_take_nothing() -> None:
    found = gateway_trace(world(gateway(http("one"), http("two")), A, ROUTE), PLAIN)
    assert (found.outcome.kind, why(found, "one")) == ("refused", {"listener-conflict"})


def test_a_listener_without_its_certificate_shakes_no_hands() -> None:
    listener = https("tls", tls={"certificateRefs": [{"name": "gone"}]})
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "infra"},
             "type": "kubernetes.io/tls"}  # fmt: skip
    found = gateway_trace(world(gateway(listener), A, ROUTE, other), TLS)
    assert (found.outcome.kind, "handshake fails" in found.outcome.text) == ("refused", True)


def test_listener_sets_take_part() -> None:
    own = gateway(http("own", "own.example"), allowedListeners={"namespaces": {"from": "All"}})
    extra = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ListenerSet",
        "metadata": {"name": "extra", "namespace": "shop"},
        "spec": {
            "parentRef": {"name": "main", "namespace": "infra"},
            "listeners": [http("more", "shop.example")],
        },
    }
    through = http_route("through", [rule("a")], parent={"kind": "ListenerSet", "name": "extra"})
    direct = http_route("direct", [rule("b")])
    found = gateway_trace(world(own, extra, A, B, through, direct), PLAIN)
    assert (found.listener and found.listener.name, backends(found)) == ("extra", ["a"])
    closed = gateway(http("own", "own.example"))
    assert end(gateway_trace(world(closed, extra, A, through), PLAIN)) == "404"


def test_a_route_from_a_namespace_that_is_not_let_in_loses() -> None:
    listener = http("http", allowedRoutes={"namespaces": {"from": "Same"}})
    found = gateway_trace(world(gateway(listener), A, ROUTE), PLAIN)
    assert (end(found), why(found, "r")) == ("404", {"namespace-not-allowed"})
    grpc_only = http("http", allowedRoutes={"namespaces": {"from": "All"}, "kinds": [{"kind": "GRPCRoute"}]})
    found = gateway_trace(world(gateway(grpc_only), A, ROUTE), PLAIN)
    assert (end(found), why(found, "r")) == ("404", {"kind-not-allowed"})


def test_namespace_labels_that_are_not_known_leave_it_open() -> None:
    selector = {"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}
    found = gateway_trace(
        world(gateway(http("http", allowedRoutes={"namespaces": selector})), A, ROUTE), PLAIN
    )
    assert trace_verdict(found) == Verdict.UNKNOWN


def test_a_route_of_another_gateway_is_said_to_be_elsewhere() -> None:
    elsewhere = http_route("far", [rule("a")], parent={"name": "other", "namespace": "infra"})
    found = gateway_trace(world(gateway(), A, elsewhere), PLAIN)
    assert why(found, "far") == {"other-gateway"}


# --- backends ------------------------------------------------------------------------------------


def _backend(**fields: Any) -> Document:
    return {"name": "a", "port": 80, **fields}


@pytest.mark.parametrize(
    ("refs", "expected", "kind"),
    [
        ([_backend(name="gone")], "500", "error"),
        ([_backend(port=81)], "500", "error"),
        ([_backend(name="empty")], "503", "error"),
        ([_backend(namespace="far")], "500", "error"),
        ([_backend(weight=0)], "500", "error"),
        ([], "500", "error"),
        ([_backend(weight=9), _backend(name="gone", weight=1)], "backend", "backend"),
        ([_backend(), _backend(name="gone", weight=0)], "a", "backend"),
    ],
)
def test_what_the_client_gets_from_backends(refs: list[Document], expected: str, kind: str) -> None:
    grant = {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "ReferenceGrant",
        "metadata": {"name": "none", "namespace": "elsewhere"}, "spec": {"from": [], "to": []},
    }  # fmt: skip
    parts = [gateway(), A, service("empty", ready=0), service("a", "far"), grant]
    found = gateway_trace(world(*parts, http_route("r", [{"backendRefs": refs}])), PLAIN)
    assert found.outcome.status == (int(expected) if expected.isdigit() else 0)
    assert (end(found), found.outcome.kind) == (expected, kind)
    assert found.works == (expected == "a")
    if len(refs) == 2 and expected == "backend":
        assert "10 % of the requests fail with 500" in found.outcome.text


def test_files_without_endpoints_are_not_held_against_a_route() -> None:
    found = gateway_trace(world(gateway(), A[:1], ROUTE), PLAIN)
    assert (trace_verdict(found), len(found.notes)) == (Verdict.PASS, 1)


# --- filters -------------------------------------------------------------------------------------


def _filtered(
    match: Document, *filters: Document, url: str = "http://shop.example/foo/bar?q=1", **more: Any
) -> Any:
    route = http_route("r", [rule("a", match, filters=list(filters), **more)])
    snapshot = world(gateway(http("http"), https("https"), http("alt", port=8080)), A, route)
    return gateway_trace(snapshot, f"GET '{url}'")


def _redirect(**spec: Any) -> Document:
    return {"type": "RequestRedirect", "requestRedirect": spec}


# HTTPRequestRedirectFilter.port: the rules for the port and when it is left out
@pytest.mark.parametrize(
    ("spec", "url", "location"),
    [
        ({}, "http://shop.example/foo", "http://shop.example/foo"),
        ({"scheme": "https"}, "http://shop.example/foo?q=1", "https://shop.example/foo?q=1"),
        ({"scheme": "https"}, "http://shop.example:8080/foo", "https://shop.example/foo"),
        ({"hostname": "new.example"}, "http://shop.example:8080/foo", "http://new.example:8080/foo"),
        ({"scheme": "http"}, "https://shop.example/foo", "http://shop.example/foo"),
        ({"scheme": "https", "port": 8443}, "http://shop.example/foo", "https://shop.example:8443/foo"),
        ({"port": 80}, "http://shop.example:8080/foo", "http://shop.example/foo"),
        ({"port": 443}, "http://shop.example/foo", "http://shop.example:443/foo"),
    ],
)
def test_where_a_redirect_leads(spec: Document, url: str, location: str) -> None:
    found = _filtered(prefix("/foo"), _redirect(**spec), url=url)
    assert (found.outcome.kind, found.outcome.status, found.outcome.location) == ("redirect", 302, location)
    assert trace_verdict(found) == Verdict.PASS


# HTTPPathModifier.replacePrefixMatch: the table in its doc comment
@pytest.mark.parametrize(
    ("asked", "value", "replacement", "becomes"),
    [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "", "/bar"),
        ("/foo/", "/foo", "", "/"),
        ("/foo", "/foo", "", "/"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
    ],
)
def test_a_prefix_is_replaced_as_in_the_apis_table(
    asked: str, value: str, replacement: str, becomes: str
) -> None:
    path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": replacement}
    found = _filtered(prefix(value), _redirect(path=path), url=f"http://shop.example{asked}")
    assert found.outcome.location == f"http://shop.example{becomes}"


def test_replacing_a_prefix_needs_one() -> None:
    path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}
    found = _filtered(exact("/foo"), _redirect(path=path), url="http://shop.example/foo")
    assert "not accepted" in found.doubts[0]


def test_filters_are_told_in_their_order() -> None:
    found = _filtered(
        prefix("/foo"),
        {"type": "URLRewrite", "urlRewrite": {"hostname": "in.example"}},
        {"type": "RequestHeaderModifier",
         "requestHeaderModifier": {"set": [{"name": "Host", "value": "x"}], "remove": ["X-Gone"]}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}}},
        {"type": "ExtensionRef",
         "extensionRef": {"group": "traefik.io", "kind": "Middleware", "name": "auth"}},
        {"type": "CORS", "cors": {"allowOrigins": ["*"]}},
        timeouts={"request": "10s"},
        retry={"attempts": 2},
    )  # fmt: skip
    assert [step.name for step in found.steps] == [
        "URLRewrite", "RequestHeaderModifier", "RequestMirror", "ExtensionRef", "CORS",
    ]  # fmt: skip
    assert "(was 'shop.example')" in found.steps[1].text
    assert "remove X-Gone (not sent)" in found.steps[1].text
    assert any("Middleware.traefik.io shop/auth" in note for note in found.notes)
    assert found.timeouts == ("request 10s", "retry attempts 2")


def test_a_preflight_is_answered_at_the_edge() -> None:
    cors = {"type": "CORS", "cors": {"allowOrigins": ["https://*.example"]}}
    snapshot = world(gateway(), A, http_route("r", [rule("a", filters=[cors])]))
    asked = (
        "OPTIONS http://shop.example/ -H 'Origin: https://a.example' -H 'Access-Control-Request-Method: PUT'"
    )
    found = gateway_trace(snapshot, asked)
    assert (found.outcome.kind, "is allowed" in found.outcome.text) == ("edge", True)
    assert end(gateway_trace(snapshot, asked.replace("OPTIONS", "GET"))) == "a"


# --- what the controller says --------------------------------------------------------------------


def _condition(kind: str, status: str, seen: int = 1, reason: str = "Because") -> Document:
    return {"type": kind, "status": status, "reason": reason, "message": "x", "observedGeneration": seen}


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        (_condition("Accepted", "True"), Verdict.PASS),
        (_condition("Accepted", "False"), Verdict.FAIL),
        (_condition("Accepted", "False", seen=1) | {"observedGeneration": None}, Verdict.FAIL),
        (_condition("Accepted", "Unknown"), Verdict.UNKNOWN),
        # all references are found, so the condition speaks of something that is not seen here
        (_condition("ResolvedRefs", "False"), Verdict.UNKNOWN),
    ],
)
def test_a_status_that_contradicts_is_said_beside_the_answer(condition: Document, verdict: Verdict) -> None:
    status = {
        "parents": [
            {
                "parentRef": {"name": "main", "namespace": "infra"},
                "controllerName": "example.net/c",
                "conditions": [{key: value for key, value in condition.items() if value is not None}],
            }
        ]
    }
    edge = {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "edge"},
        "spec": {"controllerName": "example.net/c"},
    }  # fmt: skip
    snapshot = world(edge, gateway(), A, http_route("r", [rule("a")], status=status))
    found = gateway_trace(snapshot, PLAIN)
    assert (end(found), trace_verdict(found)) == ("a", verdict)
    rules = {one.rule for one in request_findings(snapshot, parse_line(PLAIN), [found])}
    assert rules == ({"GW803"} if verdict == Verdict.PASS else {"GW803", "GW804"})


@pytest.mark.parametrize(
    ("reason", "seen", "verdict"),
    [
        ("Invalid", 2, Verdict.FAIL),
        ("Invalid", 1, Verdict.UNKNOWN),
        ("AddressNotAssigned", 2, Verdict.UNKNOWN),
    ],
)
def test_a_listener_that_is_not_programmed(reason: str, seen: int, verdict: Verdict) -> None:
    one = gateway()
    one["metadata"]["generation"] = 2
    one["status"] = {
        "listeners": [{"name": "http", "conditions": [_condition("Programmed", "False", seen, reason)]}]
    }
    assert trace_verdict(gateway_trace(world(one, A, ROUTE), PLAIN)) == verdict


# --- both sides ----------------------------------------------------------------------------------

NGINX = ingress_class("nginx", "k8s.io/ingress-nginx")


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        (ingress("i", [("/", "Prefix", "a")]), ROUTE, True),
        (ingress("i", [("/", "Prefix", "b")]), ROUTE, False),
        (ingress("i", [("/", "Prefix", "gone")]), ROUTE, False),
        (
            ingress("i", [("/(a+)+", "Prefix", "a")], annotations={"use-regex": "true"}, default="a"),
            ROUTE,
            None,
        ),
        # 308 on the one side, 301 on the other: failure mode 23
        (
            ingress("i", [("/", "Prefix", "a")], annotations={"force-ssl-redirect": "true"}),
            http_route("r", [rule(filters=[_redirect(scheme="https", statusCode=301)])]),
            False,
        ),
    ],
)  # fmt: skip
def test_whether_both_sides_end_alike(old: Document, new: Document, alike: bool | None) -> None:
    snapshot = world(gateway(), NGINX, A, B, old, new)
    request = parse_line("GET http://shop.example/x")
    traces = trace(snapshot, request)
    assert [one.side for one in traces] == ["gateway", "ingress"]
    assert same_end(*traces) is alike
    differs = [one for one in request_findings(snapshot, request, traces) if one.rule == "MIG801"]
    assert len(differs) == (alike is False)


def test_gateways_that_take_the_request_come_first() -> None:
    idle = gateway(name="a-idle")
    traces = trace(world(idle, gateway(), A, ROUTE), parse_line(PLAIN))
    assert [one.gateway.name for one in traces if one.gateway] == ["main", "a-idle"]
    assert [one.rule for one in request_findings(world(), parse_line(PLAIN), traces)] == ["GW803"]


def test_findings_name_the_rule_and_a_command_that_is_quoted() -> None:
    request = parse_line("""GET "http://shop.example/x?a=1&b='2'" -H "x: it's" """)
    snapshot = world(gateway(), A, ROUTE)
    (found,) = request_findings(snapshot, request, trace(snapshot, request))
    assert str(found.subject) == "HTTPRoute shop/r/rule-0"
    assert found.reproduce.endswith("""-H 'x: it'"'"'s' 'http://shop.example/x?a=1&b='"'"'2'"'"''""")


def test_nobody_to_take_it() -> None:
    request = parse_line(PLAIN)
    assert trace(world(), request) == ()
    (found,) = request_findings(world(), request, ())
    assert (found.rule, found.verdict) == ("GW801", Verdict.FAIL)


def test_gateways_are_found_by_name() -> None:
    snapshot = world(gateway())
    assert find_gateway(snapshot, "infra/main").name == "main"
    for wrong in ("main", "infra/other", "a/b/c", "/main"):
        with pytest.raises(UserError):
            find_gateway(snapshot, wrong)


@pytest.mark.parametrize(
    ("controller", "port", "doubted"),
    [
        ("gateway.envoyproxy.io/gatewayclass-controller", 8080, True),
        ("gateway.envoyproxy.io/gatewayclass-controller", 80, False),
        ("example.com/other", 8080, False),
    ],
)
def test_a_redirect_without_a_port_is_in_doubt_where_the_controller_keeps_the_listeners(
    controller: str, port: int, doubted: bool
) -> None:
    filters = [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]
    documents = [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "edge"},
            "spec": {"controllerName": controller},
        },
        gateway({"name": "http", "port": port, "protocol": "HTTP"}),
        http_route("r", [rule(filters=filters)]),
    ]
    request = parse_line(f"http://shop.example:{port}/")
    [answer] = trace(read_documents(documents), request, sides="gateway")
    assert answer.outcome.location == "https://shop.example/"
    assert any(f"keeps {port}" in one for one in answer.doubts) is doubted
