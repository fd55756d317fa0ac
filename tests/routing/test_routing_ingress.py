"""The Ingress side by the Kubernetes API's own words, for controllers whose ways are not read."""

from __future__ import annotations

import pytest
from routing_kit import backends, end, ingress, ingress_class, ingress_trace, service, why, world

OTHER = ingress_class("other", "example.net/other")
A, B, C = service("a"), service("b"), service("c")


# HTTPIngressPath.pathType, and the table of examples in the concepts page on Ingress
@pytest.mark.parametrize(
    ("kind", "path", "asked", "matched"),
    [
        ("Prefix", "/", "/any/path", True),
        ("Exact", "/foo", "/foo", True),
        ("Exact", "/foo", "/bar", False),
        ("Exact", "/foo", "/foo/", False),
        ("Exact", "/foo/", "/foo", False),
        ("Prefix", "/foo", "/foo/", True),
        ("Prefix", "/foo/", "/foo", True),
        ("Prefix", "/aaa/bb", "/aaa/bbb", False),
        ("Prefix", "/aaa/bbb/", "/aaa/bbb", True),
        ("Prefix", "/aaa/bbb", "/aaa/bbb/ccc", True),
        ("Prefix", "/aaa/bbb", "/aaa/bbbxyz", False),
    ],
)
def test_paths_as_the_api_has_them(kind: str, path: str, asked: str, matched: bool) -> None:
    found = ingress_trace(
        world(OTHER, A, ingress("i", [(path, kind, "a")], class_name="other")), f"http://shop.example{asked}"
    )
    assert end(found) == ("a" if matched else "404")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("bar.foo.com", "b"), ("baz.bar.foo.com", "c"), ("foo.com", "c"), ("www.foo.com", "a")],
)
def test_a_wildcard_stands_for_one_label(host: str, expected: str) -> None:
    parts = [
        ingress("exact", [("/", "Prefix", "a")], "www.foo.com", class_name="other"),
        ingress("wild", [("/", "Prefix", "b")], "*.foo.com", class_name="other"),
        ingress("none", [("/", "Prefix", "c")], "", class_name="other"),
    ]
    found = ingress_trace(world(OTHER, A, B, C, *parts), f"http://{host}/")
    assert backends(found) == [expected]


def test_the_longest_path_then_exact() -> None:
    parts = ingress(
        "i", [("/a", "Prefix", "a"), ("/a/b", "Prefix", "b"), ("/a/b", "Exact", "c")], class_name="other"
    )
    snapshot = world(OTHER, A, B, C, parts)
    found = ingress_trace(snapshot, "http://shop.example/a/b")
    assert (backends(found), why(found, "i")) == (["c"], {"shorter-prefix", "path-type"})
    assert backends(ingress_trace(snapshot, "http://shop.example/a/b/c")) == ["b"]
    assert not found.doubts


def test_what_the_api_leaves_to_the_controller_is_open() -> None:
    specific = ingress("i", [("/a", "ImplementationSpecific", "a")], class_name="other")
    assert (
        "up to the controller" in ingress_trace(world(OTHER, A, specific), "http://shop.example/a").doubts[0]
    )
    twice = [ingress(name, [("/a", "Prefix", name)], class_name="other") for name in ("a", "b")]
    assert "which one counts" in ingress_trace(world(OTHER, A, B, *twice), "http://shop.example/a").doubts[0]


def test_the_default_backend_takes_the_rest() -> None:
    snapshot = world(OTHER, A, B, ingress("i", [("/a", "Prefix", "a")], class_name="other", default="b"))
    assert backends(ingress_trace(snapshot, "http://else.example/")) == ["b"]
    assert backends(ingress_trace(snapshot, "http://shop.example/a")) == ["a"]
