"""What single controllers do otherwise than the API says: `pointsman route` doubts there, and only there.

That Traefik does so is seen in tests/live/test_live_traefik.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from pointsman.cluster.snapshot import Snapshot
from routing_kit import (
    Document,
    exact,
    gateway,
    gateway_trace,
    header,
    http_route,
    prefix,
    rule,
    service,
    world,
)

TRAEFIK = "traefik.io/gateway-controller"
OTHER = "gateway.envoyproxy.io/gatewayclass-controller"
OLD, NEW = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
SECURE = [
    {"name": "wild", "port": 443, "protocol": "HTTPS", "hostname": "*.wild.example"},
    {"name": "alone", "port": 443, "protocol": "HTTPS", "hostname": "alone.example"},
]


def of(controller: str, *parts: Document | list[Document], listeners: Any = ()) -> Snapshot:
    its_class = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "edge"},
        "spec": {"controllerName": controller},
    }
    return world(its_class, gateway(*listeners), service("a"), service("b"), *parts)


def doubts(controller: str, request: str, *routes: Document, listeners: Any = ()) -> tuple[str, ...]:
    return gateway_trace(of(controller, *routes, listeners=listeners), request).doubts


@pytest.mark.parametrize(
    ("winner", "other", "request_line", "doubted"),
    [
        # the same match twice: the older route has fewer rules
        ([rule("a")], [rule("b"), rule("b", prefix("/x"))], "GET http://shop.example/", True),
        # and as many
        ([rule("a")], [rule("b")], "GET http://shop.example/", True),
        # four headers weigh more than three letters
        (
            [rule("a", prefix("/shop/ab"))],
            [rule("b", prefix("/shop", headers=[header(name, "1") for name in "abcd"]))],
            "GET http://shop.example/shop/ab -H 'a: 1' -H 'b: 1' -H 'c: 1' -H 'd: 1'",
            True,
        ),
        # a method weighs as ten letters
        (
            [rule("a", prefix("/shop/items"))],
            [rule("b", prefix("/shop", method="GET"))],
            "GET http://shop.example/shop/items",
            True,
        ),
        ([rule("a", exact("/shop"))], [rule("b", prefix("/shop"))], "GET http://shop.example/shop", False),
        ([rule("a", prefix("/shop"))], [rule("b")], "GET http://shop.example/shop", False),
        (
            [rule("a", prefix("/shop/ab"))],
            [rule("b", prefix("/shop"))],
            "GET http://shop.example/shop/ab",
            False,
        ),
    ],
)
def test_a_match_that_weighs_more_is_told_of(
    winner: list[Document], other: list[Document], request_line: str, doubted: bool
) -> None:
    routes = http_route("old", winner, created=OLD), http_route("new", other, created=NEW)
    found = gateway_trace(of(TRAEFIK, *routes), request_line)
    assert found.shares[0].ref.name == "a"
    assert any("shop/new rule-0 weighs" in one for one in found.doubts) is doubted
    assert not doubts(OTHER, request_line, *routes)


def test_a_wider_host_with_a_longer_path_weighs_more_than_the_host_itself() -> None:
    routes = (
        http_route("exact", [rule("a")], ["shop.example"]),
        http_route("wild", [rule("b", prefix("/shop"))], ["*.example"]),
    )
    found = gateway_trace(of(TRAEFIK, *routes), "GET http://shop.example/shop")
    assert found.shares[0].ref.name == "a"
    assert any("shop/wild rule-0 weighs more" in one for one in found.doubts)


@pytest.mark.parametrize(
    ("line", "doubted"),
    [
        ("GET https://nobody.example/", True),
        # misdirected: TLS was given one name, HTTP the other
        ("GET https://a.wild.example/ -H 'Host: alone.example'", True),
        ("GET https://alone.example/", False),
    ],
)
def test_a_name_of_no_listener_is_answered_all_the_same(line: str, doubted: bool) -> None:
    route = http_route("r", [rule("a")], ["alone.example"])
    found = doubts(TRAEFIK, line, route, listeners=SECURE)
    assert any("shows its default certificate" in one for one in found) is doubted
    assert not doubts(OTHER, line, route, listeners=SECURE)


def test_nothing_is_doubted_where_nobody_listens() -> None:
    route = http_route("r", [rule("a")], ["alone.example"])
    assert not doubts(TRAEFIK, "GET https://alone.example:444/", route, listeners=SECURE)
    assert not doubts(TRAEFIK, "GET http://nobody.example/", route, listeners=SECURE)


MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}}}
HEADERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}


@pytest.mark.parametrize(
    ("of_rule", "words"),
    [
        (rule("a", filters=[HEADERS, MIRROR]), "does not know the filter RequestMirror: it answers 500"),
        (rule("a", filters=[HEADERS]), ""),
        (rule(backendRefs=[{"name": "a", "port": 80, "weight": 0}]), "answers 503 where every weight is 0"),
        (rule(backendRefs=[{"name": "a", "port": 80}, {"name": "b", "port": 80, "weight": 0}]), ""),
        (rule(), ""),
    ],
)
def test_what_a_rule_does(of_rule: Document, words: str) -> None:
    line = "GET http://shop.example/"
    found = doubts(TRAEFIK, line, http_route("r", [of_rule]))
    assert [one for one in found if words in one] if words else not found
    assert not doubts(OTHER, line, http_route("r", [of_rule]))
