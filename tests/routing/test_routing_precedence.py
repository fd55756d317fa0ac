"""Which route, rule and match win on the Gateway side; comments name the sentence of the API (apis/v1)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.routing.match import best_hostname, host_matches, prefix_matches
from pointsman.cluster.routing.trace import parse_line, trace
from routing_kit import (
    Document,
    backends,
    end,
    exact,
    gateway,
    gateway_trace,
    header,
    http_route,
    prefix,
    regex,
    rule,
    service,
    why,
    world,
)

A, B = service("a"), service("b")
OLD, NEW = "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"
GET = "GET http://shop.example"


# each: two rules of two routes that both match, the request, and why the second loses
_TIES: list[tuple[str, Any, Any, str, str]] = [
    # HTTPRouteRule.matches: "Exact" path match
    ("exact before prefix", exact("/x"), prefix("/x"), "/x", "path-type"),
    (
        "exact before more headers",
        exact("/x"),
        prefix("/x", headers=[header("h", "1")]),
        "/x -H h:1",
        "path-type",
    ),
    # "Prefix" path match with largest number of characters
    ("longer prefix", prefix("/x/y"), prefix("/x"), "/x/y/z", "shorter-prefix"),
    ("longer prefix before method", prefix("/x/y"), prefix("/x", method="GET"), "/x/y", "shorter-prefix"),
    # Method match
    ("method", prefix("/x", method="GET"), prefix("/x"), "/x", "no-method"),
    (
        "method before headers",
        prefix("/x", method="GET"),
        prefix("/x", headers=[header("a", "1"), header("b", "2")]),
        "/x -H a:1 -H b:2",
        "no-method",
    ),
    # Largest number of header matches
    (
        "more headers",
        prefix("/x", headers=[header("a", "1"), header("b", "2")]),
        prefix("/x", headers=[header("a", "1")], queryParams=[header("q", "1"), header("r", "2")]),
        "'/x?q=1&r=2' -H a:1 -H b:2",
        "fewer-headers",
    ),
    # Largest number of query param matches
    (
        "more query parameters",
        prefix("/x", queryParams=[header("q", "1"), header("r", "2")]),
        prefix("/x", queryParams=[header("q", "1")]),
        "'/x?q=1&r=2'",
        "fewer-queries",
    ),
]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("name", "better", "worse", "request_end", "reason"), _TIES, ids=[t[0] for t in _TIES]
)
def test_the_match_decides(
    name: str, better: Document, worse: Document, request_end: str, reason: str, swapped: bool
) -> None:
    # the worse one is older and first by name, so that only the match can speak for the better one
    routes = [
        http_route("z-better", [rule("a", better)], created=NEW),
        http_route("a-worse", [rule("b", worse)], created=OLD),
    ]
    found = gateway_trace(
        world(gateway(), A, B, *(reversed(routes) if swapped else routes)),
        f"{GET.split()[0]} http://shop.example{request_end}" if request_end[0] == "/" else
        f"GET 'http://shop.example{request_end[1:]}",
    )  # fmt: skip
    assert backends(found) == ["a"]
    assert why(found, "a-worse") == {reason}
    assert not found.doubts


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        # HTTPRouteSpec.hostnames: characters in a matching non-wildcard hostname, then in the hostname
        ((["shop.example"], NEW, "z"), (["*.example"], OLD, "a"), "less-specific-hostname"),
        ((["*.shop.example"], NEW, "z"), (["*.example"], OLD, "a"), "less-specific-hostname"),
        ((["*.example"], NEW, "z"), ([], OLD, "a"), "less-specific-hostname"),
        # "The oldest Route based on creation timestamp"
        ((["shop.example"], OLD, "z"), (["shop.example"], NEW, "a"), "newer-route"),
        # "The Route appearing first in alphabetical order by {namespace}/{name}"
        ((["shop.example"], OLD, "a"), (["shop.example"], OLD, "z"), "name-order"),
        # a manifest without a time cannot claim to be older
        ((["shop.example"], NEW, "z"), (["shop.example"], None, "a"), "newer-route"),
    ],
)
def test_the_route_decides_where_matches_tie(better: Any, worse: Any, reason: str) -> None:
    host = "www.shop.example" if "*.shop.example" in better[0] else "shop.example"
    routes = [
        http_route(f"{name}-{backend}", [rule(backend, prefix("/"))], hosts, created=created)
        for (hosts, created, name), backend in ((better, "a"), (worse, "b"))
    ]
    for order in (routes, routes[::-1]):
        found = gateway_trace(world(gateway(), A, B, *order), f"GET http://{host}/x")
        assert backends(found) == ["a"]
        assert why(found, f"{worse[2]}-b") == {reason}


def test_the_first_rule_and_match_decide_within_a_route() -> None:
    # "If ties still exist within an HTTPRoute, ... the FIRST matching rule (in list order)"
    rules = [rule("b", exact("/other")), rule("a", prefix("/x"), prefix("/x")), rule("b", prefix("/x"))]
    found = gateway_trace(world(gateway(), A, B, http_route("r", rules)), f"{GET}/x")
    assert found.winner is not None
    assert (backends(found), found.winner.rule, found.winner.match) == (["a"], 2, 1)
    assert [(one.rule, one.match, one.reason) for one in found.losses] == [
        (1, 1, "path"), (2, 2, "match-order"), (3, 1, "rule-order"),
    ]  # fmt: skip


def test_a_closer_host_wins_over_a_better_match() -> None:
    routes = [
        http_route("wild", [rule("b", exact("/x", method="GET"))], ["*.example"]),
        http_route("closer", [rule("a", prefix("/"))], ["shop.example"]),
    ]
    found = gateway_trace(world(gateway(), A, B, *routes), f"{GET}/x")
    assert (backends(found), found.doubts) == (["a"], ())


def test_going_on_to_a_wider_host_is_left_open() -> None:
    # data planes with one table a host do not: https://github.com/envoyproxy/gateway/issues/5500
    routes = [
        http_route("wild", [rule("a")], ["*.example"]),
        http_route("closer", [rule("b", prefix("/only"))], ["shop.example"]),
    ]
    found = gateway_trace(world(gateway(), A, B, *routes), f"{GET}/x")
    assert backends(found) == ["a"]
    assert "404" in found.doubts[0]


@pytest.mark.parametrize(
    ("match", "sent", "matched"),
    [
        (prefix("/"), "/", True),
        (prefix("/foo"), "/foo/", True),
        (prefix("/foo/"), "/foo", True),
        (prefix("/foo"), "/foobar", False),
        (prefix("/foo"), "/Foo", False),
        (exact("/foo"), "/foo/", False),
        ({"method": "POST"}, "/", False),
        # HTTPHeaderMatch.name: case-insensitive; "only the first entry with an equivalent name"
        ({"headers": [header("VERSION", "1"), header("version", "2")]}, "/ -H 'Version: 1'", True),
        ({"headers": [header("version", "1")]}, "/ -H 'version: 2'", False),
        ({"headers": [header("version", "1"), header("color", "x")]}, "/ -H 'version: 1'", False),
        ({"headers": [header("version", "[0-9]+", "RegularExpression")]}, "/ -H 'version: 12'", True),
        ({"headers": [header("version", "[0-9]+", "RegularExpression")]}, "/ -H 'version: v12'", False),
        ({"headers": [header("Host", "shop.example")]}, "/", True),
        # HTTPQueryParamMatch: names are case-sensitive; a repeated one counts with its first value
        ({"queryParams": [header("q", "1")]}, "/?q=1&q=2", True),
        ({"queryParams": [header("q", "2")]}, "/?q=1&q=2", False),
        ({"queryParams": [header("Q", "1")]}, "/?q=1", False),
        ({"queryParams": [header("q", ""), header("q", "2")]}, "/?q=", True),
        ({}, "/anything", True),
    ],
)
def test_what_a_match_takes(match: Document, sent: str, matched: bool) -> None:
    path, _, rest = sent.partition(" ")
    found = gateway_trace(world(gateway(), A, http_route("r", [rule("a", match)])), f"{GET}'{path}' {rest}")
    assert end(found) == ("a" if matched else "404")


def test_an_expression_takes_part_but_its_place_is_open() -> None:
    routes = [http_route("r", [rule("a", regex("/x/[0-9]+")), rule("b", prefix("/x"))])]
    found = gateway_trace(world(gateway(), A, B, *routes), f"{GET}/x/12")
    assert backends(found) == ["a"]
    assert "implementation-specific" in found.doubts[0]
    alone = gateway_trace(world(gateway(), A, B, *routes), f"{GET}/x/y")
    assert (backends(alone), alone.doubts) == (["b"], ())


def test_an_expression_that_cannot_be_evaluated_leaves_the_answer_open() -> None:
    hostile = http_route("r", [rule("a", regex("/(a+)+$")), rule("b", prefix("/"))])
    found = gateway_trace(world(gateway(), A, B, hostile), f"{GET}/{'a' * 60}!")
    assert backends(found) == ["b"]
    assert "several ways" in found.doubts[0]
    # what an Exact match takes, no expression takes from it
    sure = http_route("r", [rule("a", exact("/x")), rule("b", regex("/.*"))])
    assert gateway_trace(world(gateway(), A, B, sure), f"{GET}/x").doubts == ()


# --- GRPCRoute and TLSRoute ----------------------------------------------------------------------


def grpc(name: str, *rules: Document, hosts: tuple[str, ...] = ("shop.example",), **more: Any) -> Document:
    return http_route(name, rules, hosts, kind="GRPCRoute", **more)


CALL = "POST http://shop.example/pkg.Cart/Add -H 'content-type: application/grpc'"


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        # GRPCRouteRule.matches: characters in a matching service, in a matching method, header matches
        ({"method": {"service": "pkg.Cart"}}, {"method": {"method": "Add"}}, "shorter-service"),
        (
            {"method": {"service": "pkg.Cart", "method": "Add"}},
            {"method": {"service": "pkg.Cart"}},
            "shorter-method",
        ),
        (
            {"method": {"method": "Add"}, "headers": [header("a", "1")]},
            {"method": {"method": "Add"}},
            "fewer-headers",
        ),
    ],
)
def test_grpc_matches_by_service_method_and_headers(better: Document, worse: Document, reason: str) -> None:
    routes = [grpc("z", rule("a", better), created=NEW), grpc("a", rule("b", worse), created=OLD)]
    found = gateway_trace(world(gateway(), A, B, *routes), f"{CALL} -H a:1")
    assert (backends(found), why(found, "a")) == (["a"], {reason})
    assert not found.doubts


def test_grpc_does_not_take_another_method() -> None:
    found = gateway_trace(world(gateway(), A, grpc("r", rule("a", {"method": {"method": "Remove"}}))), CALL)
    assert (end(found), why(found, "r")) == ("404", {"method"})


@pytest.mark.parametrize(("http_created", "expected"), [(OLD, "b"), (NEW, "a")])
def test_one_kind_a_host_the_older_one(http_created: str, expected: str) -> None:
    # GRPCRouteSpec.hostnames: "MUST accept exactly one of these two routes ... The oldest Route"
    middle = "2025-06-01T00:00:00Z"
    routes = [
        grpc("g", rule("a"), created=middle),
        http_route("h", [rule("b")], ["*.example"], created=http_created),
        http_route("apart", [rule("b")], ["other.test"], created=OLD),
    ]
    found = gateway_trace(world(gateway(), A, B, *routes), CALL)
    assert backends(found) == [expected]
    assert why(found, "h" if expected == "a" else "g") == {"other-kind-on-host"}


_TLS = {"name": "tls", "port": 443, "protocol": "TLS", "tls": {"mode": "Passthrough"}}


def test_passthrough_goes_by_the_name_of_the_handshake() -> None:
    routes = [
        http_route("wide", [rule("b")], ["*.example"], kind="TLSRoute", created=OLD),
        http_route("close", [rule("a")], ["shop.example"], kind="TLSRoute", created=NEW),
    ]
    found = gateway_trace(
        world(gateway(_TLS), A, B, *routes), "https://shop.example/ -H 'Host: other.example'"
    )
    assert (found.outcome.kind, backends(found)) == ("passthrough", ["a"])
    assert why(found, "wide") == {"less-specific-hostname"}
    none = gateway_trace(world(gateway(_TLS), A, B, *routes), "https://shop.test/")
    assert (none.outcome.kind, end(none)) == ("refused", "refused")


# --- properties ----------------------------------------------------------------------------------

_HOSTS = st.sampled_from(["shop.example", "*.example", "*.shop.example", "a.shop.example"])
_MATCHES = st.one_of(
    st.builds(prefix, st.sampled_from(["/", "/a", "/a/b", "/a/"])),
    st.builds(exact, st.sampled_from(["/a", "/a/b"])),
    st.builds(prefix, st.just("/a"), method=st.sampled_from(["GET", "POST"])),
    st.builds(lambda n: prefix("/a", headers=[header(f"h{i}", "1") for i in range(n)]), st.integers(1, 3)),
)
_ROUTES = st.lists(
    st.tuples(
        st.lists(_HOSTS, max_size=2, unique=True), st.lists(_MATCHES, max_size=2), st.sampled_from([OLD, NEW])
    ),
    min_size=1,
    max_size=5,
)
_REQUESTS = st.builds(
    "{} http://{}{} -H h0:1 -H h1:1".format,
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["shop.example", "a.shop.example", "b.example"]),
    st.sampled_from(["/", "/a", "/a/b", "/a/b/c", "/ab"]),
)


def _documents(specs: list[tuple[list[str], list[Document], str]]) -> list[Document]:
    return [
        http_route(f"r{number}", [rule("a", *matches)], hosts, created=created)
        for number, (hosts, matches, created) in enumerate(specs)
    ]


@settings(max_examples=150, deadline=None)
@given(_ROUTES, _REQUESTS, st.randoms(use_true_random=False))
def test_the_winner_does_not_hang_on_the_order_of_the_input(
    specs: Any, request_line: str, random: Any
) -> None:
    documents = _documents(specs)
    first = gateway_trace(world(gateway(), A, *documents), request_line)
    random.shuffle(documents)
    again = gateway_trace(world(gateway(), A, *documents), request_line)
    assert (first.winner, first.outcome) == (again.winner, again.outcome)
    assert sorted(map(repr, first.losses)) == sorted(map(repr, again.losses))


@settings(max_examples=150, deadline=None)
@given(_ROUTES, _REQUESTS, st.data())
def test_taking_a_loser_away_changes_no_winner(specs: Any, request_line: str, data: Any) -> None:
    documents = _documents(specs)
    found = gateway_trace(world(gateway(), A, *documents), request_line)
    kept = found.winner.ref.name if found.winner else ""
    dropped = data.draw(st.sampled_from([one["metadata"]["name"] for one in documents]))
    rest = [one for one in documents if one["metadata"]["name"] == kept or one["metadata"]["name"] != dropped]
    assert gateway_trace(world(gateway(), A, *rest), request_line).winner == found.winner


@settings(max_examples=100, deadline=None)
@given(_ROUTES, _REQUESTS)
def test_every_match_either_wins_or_is_said_to_lose(specs: Any, request_line: str) -> None:
    documents = _documents(specs)
    found = gateway_trace(world(gateway(), A, *documents), request_line)
    said = {(loss.ref.name, loss.rule, loss.match) for loss in found.losses}
    if found.winner:
        said.add((found.winner.ref.name, found.winner.rule, found.winner.match))
    for one in documents:
        name = one["metadata"]["name"]
        whole = (name, 0, 0) in said
        matches = one["spec"]["rules"][0].get("matches") or [{}]
        assert whole or {(name, 1, place) for place in range(1, len(matches) + 1)} <= said


_ELEMENTS = st.lists(st.text("ab", max_size=2), max_size=4)


@given(_ELEMENTS, _ELEMENTS, st.booleans())
def test_prefixes_are_compared_element_by_element(short: list[str], long: list[str], slash: bool) -> None:
    # PathMatchPathPrefix: "matched on a path element by element basis"; a trailing slash is ignored
    short = [one for one in short if one]
    path = "/" + "/".join(long)
    value = "/" + "/".join(short) + ("/" if slash else "")
    assert prefix_matches(value, path) == (path[1:].split("/")[: len(short)] == short)


@given(
    st.lists(_HOSTS | st.just(""), max_size=4), st.sampled_from(["shop.example", "a.shop.example", "example"])
)
def test_the_best_hostname_matches_and_none_that_matches_is_closer(patterns: list[str], host: str) -> None:
    best = best_hostname(patterns, host)
    matching = [one for one in patterns if host_matches(one, host)]
    assert (best is None) == (not matching)
    if best is not None and host in matching:
        assert best == host


def test_ten_thousand_routes_are_traced_well_under_a_second() -> None:
    import time

    routes = [
        http_route(f"r{number}", [rule("a", prefix(f"/p{number % 50}"))], [f"h{number // 10}.example"])
        for number in range(10_000)
    ]
    snapshot = world(gateway(), A, *routes)
    began = time.process_time()
    found = trace(snapshot, parse_line("http://h7.example/p3/x"))
    took = time.process_time() - began
    assert end(found[0]) == "404"
    assert len(found[0].losses) == 10_000
    assert took < 1.0
