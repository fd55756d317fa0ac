"""The Ingress side as ingress-nginx serves it; what each test holds to was read in its source and manual."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.routing.nginx import normal_path
from routing_kit import (
    Document,
    backends,
    end,
    ingress,
    ingress_class,
    ingress_trace,
    service,
    why,
    world,
)

NGINX = ingress_class("nginx", "k8s.io/ingress-nginx")
A, B, C = service("a"), service("b"), service("c")
OLD, NEW = "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"


def ask(request: str, *parts: Document | list[Document]) -> Any:
    return ingress_trace(world(NGINX, A, B, C, *parts), request)


def get(path: str, *parts: Document | list[Document], host: str = "shop.example") -> str:
    """The backend, or the status."""
    return end(ask(f"GET 'http://{host}{path}'", *parts))


# --- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "path", "asked", "expected"),
    [
        ("Prefix", "/foo", "/foo", "a"),
        ("Prefix", "/foo", "/foo/", "a"),
        ("Prefix", "/foo", "/foo/bar", "a"),
        ("Prefix", "/foo", "/foobar", "404"),
        ("Prefix", "/foo", "/FOO", "404"),
        # ImplementationSpecific is Prefix to ingress-nginx (internal/k8s, SetDefaultNGINXPathType)
        ("ImplementationSpecific", "/foo", "/foobar", "404"),
        ("ImplementationSpecific", "/foo", "/foo/x", "a"),
        ("Exact", "/foo", "/foo", "a"),
        ("Exact", "/foo", "/foo/", "404"),
        # nginx compares the path decoded, without dot segments and double slashes
        ("Exact", "/foo", "//foo", "a"),
        ("Exact", "/foo/bar", "/foo%2Fbar", "a"),
        ("Prefix", "/foo", "/x/../foo/y", "a"),
        ("Prefix", "/foo", "/../foo", "400"),
        # a location that ends in a slash redirects to itself
        ("Prefix", "/foo/", "/foo", "301"),
        ("Exact", "/foo/", "/foo", "301"),
    ],
)
def test_paths_without_expressions(kind: str, path: str, asked: str, expected: str) -> None:
    assert get(asked, ingress("i", [(path, kind, "a")])) == expected


@pytest.mark.parametrize(
    ("path", "asked", "expected"),
    [
        ("/foo", "/foobar", "a"),
        ("/foo", "/FOO/x", "a"),
        ("/foo", "/x/foo", "404"),
        ("/foo$", "/foobar", "404"),
        ("/api/v[0-9]+", "/API/v12/x", "a"),
        ("/foo/", "/foo", "404"),
    ],
)
def test_an_expression_is_open_at_the_end_and_ignores_case(path: str, asked: str, expected: str) -> None:
    regex = ingress("i", [(path, "ImplementationSpecific", "a")], annotations={"use-regex": "true"})
    assert get(asked, regex) == expected


def test_one_expression_makes_all_paths_of_the_host_expressions() -> None:
    plain = ingress("plain", [("/exact", "Exact", "a"), ("/pre", "Prefix", "b")])
    regex = ingress("regex", [("/x[0-9]", "ImplementationSpecific", "c")], annotations={"use-regex": "true"})
    other = ingress("other", [("/exact", "Exact", "a")], "other.example")
    assert get("/EXACTLY", plain) == "404"
    assert get("/EXACTLY", plain, regex) == "a"
    assert get("/prefix", plain, regex) == "b"
    assert get("/EXACTLY", other, regex, host="other.example") == "404"
    found = ask("http://shop.example/EXACTLY", plain, regex)
    assert found.winner.how == 'location ~* "^/exact"'
    assert "expressions" in found.notes[0]


def test_a_rewrite_makes_expressions_too_unless_it_equals_the_path() -> None:
    rewrites = ingress(
        "i", [("/foo(/|$)(.*)", "ImplementationSpecific", "a")], annotations={"rewrite-target": "/$2"}
    )
    found = ask("http://shop.example/Foo/bar/x", rewrites)
    assert backends(found) == ["a"]
    assert [(one.name, one.text) for one in found.steps] == [
        ("rewrite-target", "path /Foo/bar/x becomes /bar/x")
    ]
    assert get("/foobar", rewrites) == "404"
    # the root that every host has takes the target of the first Ingress: it rewrites, unless that is / too
    same = ingress("i", [("/foo", "Exact", "a")], annotations={"rewrite-target": "/foo"})
    assert get("/FOO", same) == "a"
    root = ingress("i", [("/", "Prefix", "a")], annotations={"rewrite-target": "/"})
    assert "~*" not in ask("http://shop.example/x", root).winner.how


def test_the_longest_path_comes_first_whoever_is_older() -> None:
    parts = [
        ingress("short", [("/a", "Prefix", "a")], created=OLD),
        ingress("long", [("/a/b", "Prefix", "b")], created=NEW),
    ]
    found = ask("http://shop.example/a/b/c", *parts)
    assert (backends(found), why(found, "short")) == (["b"], {"shorter-prefix"})
    # by length even where the shorter expression fits better
    regex = {"use-regex": "true"}
    parts = [
        ingress("wide", [("/[a-z]+/[a-z]+", "Prefix", "a")], annotations=regex),
        ingress("exact", [("/a/b", "Prefix", "b")]),
    ]
    found = ask("http://shop.example/a/b", *parts)
    assert (backends(found), why(found, "exact")) == (["a"], {"location-order"})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("z", OLD), ("a", NEW)),
        (("z", OLD), ("a", OLD)),
        (("z", None), ("a", None)),
        (("a", OLD), ("z", None)),
    ],
)
def test_of_two_with_one_path_the_older_or_the_last_by_name_counts(first: Any, second: Any) -> None:
    one, two = (
        ingress(name, [("/x", "Prefix", backend)], created=created)
        for (name, created), backend in ((first, "a"), (second, "b"))
    )
    for order in ((one, two), (two, one)):
        found = ask("http://shop.example/x", *order)
        assert (backends(found), why(found, second[0])) == (["a"], {"older-ingress"})


def test_a_hostile_expression_leaves_it_open() -> None:
    parts = ingress(
        "i", [("/(a+)+$", "Prefix", "a"), ("/", "Prefix", "b")], annotations={"use-regex": "true"}
    )
    found = ask(f"http://shop.example/{'a' * 80}!", parts)
    assert backends(found) == ["b"]
    assert "several ways" in found.doubts[0]


# --- hosts ---------------------------------------------------------------------------------------


def test_hosts_exact_then_one_label_then_the_default_server() -> None:
    parts = [
        ingress("exact", [("/", "Prefix", "a")], "a.example"),
        ingress("wild", [("/", "Prefix", "b")], "*.example"),
        ingress("none", [("/", "Prefix", "c")], ""),
    ]
    assert get("/", *parts, host="a.example") == "a"
    assert get("/", *parts, host="b.example") == "b"
    assert get("/", *parts, host="x.b.example") == "c"
    assert get("/", *parts, host="example") == "c"


def test_a_host_of_its_own_does_not_go_on_to_the_default_server() -> None:
    parts = [ingress("own", [("/only", "Prefix", "a")]), ingress("none", [("/", "Prefix", "c")], "")]
    assert get("/else", *parts) == "404"
    assert get("/else", *parts, host="unknown.example") == "c"


def test_default_backends() -> None:
    catch_all = ingress("all", default="c")
    own = ingress("own", [("/only", "Prefix", "a")], default="b")
    assert get("/x", catch_all, own, host="unknown.example") == "c"
    assert get("/x", catch_all, own) == "b"
    assert get("/x", ingress("own", [("/", "Prefix", "a")]), host="unknown.example") == "404"


def test_aliases_and_www() -> None:
    alias = ingress("i", [("/", "Prefix", "a")], annotations={"server-alias": "shop.test, other.test"})
    assert get("/", alias, host="other.test") == "a"
    www = ingress("i", [("/", "Prefix", "a")], annotations={"from-to-www-redirect": "true"})
    found = ask("https://www.shop.example/x?y=1", www)
    assert (found.outcome.status, found.outcome.location) == (308, "https://shop.example/x?y=1")
    taken = ingress("j", [("/", "Prefix", "b")], "www.shop.example")
    assert get("/", www, taken, host="www.shop.example") == "b"


# --- redirects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotations", "tls", "url", "status", "location"),
    [
        ({}, True, "http://shop.example/x?y=1", 308, "https://shop.example/x?y=1"),
        # lua_ingress.lua: one final slash is lost
        ({}, True, "http://shop.example/x/", 308, "https://shop.example/x"),
        ({"preserve-trailing-slash": "true"}, True, "http://shop.example/x/", 308, "https://shop.example/x/"),
        ({"ssl-redirect": "false"}, True, "http://shop.example/x", 0, ""),
        ({}, False, "http://shop.example/x", 0, ""),
        ({"force-ssl-redirect": "true"}, False, "http://shop.example/x", 308, "https://shop.example/x"),
        ({}, True, "https://shop.example/x", 0, ""),
        ({"permanent-redirect": "https://new.example"}, True, "http://shop.example/x", 301, "https://new.example"),
        (
            {"temporal-redirect": "https://new.example$request_uri", "permanent-redirect": "https://no.example"},
            False, "http://shop.example/x?y=1", 302, "https://new.example/x?y=1",
        ),
        (
            {"permanent-redirect": "https://new.example", "permanent-redirect-code": "308"},
            False, "http://shop.example/x", 308, "https://new.example",
        ),
        ({"app-root": "/home"}, True, "http://shop.example/", 302, "http://shop.example/home"),
        ({"app-root": "/home"}, False, "http://shop.example/x", 0, ""),
    ],
)  # fmt: skip
def test_redirects(annotations: dict[str, str], tls: bool, url: str, status: int, location: str) -> None:
    found = ask(f"'{url}'", ingress("i", [("/", "Prefix", "a")], annotations=annotations, tls=tls))
    assert (found.outcome.status, found.outcome.location) == (status, location)
    assert found.works


# --- canaries ------------------------------------------------------------------------------------


def _canary(**annotations: str) -> Document:
    named = {key.replace("_", "-"): value for key, value in annotations.items()}
    return ingress("canary", [("/", "Prefix", "b")], annotations={"canary": "true", **named})


MAIN = ingress("main", [("/", "Prefix", "a")])


@pytest.mark.parametrize(
    ("annotations", "sent", "part"),
    [
        ({"canary_weight": "30"}, "", 0.3),
        ({"canary_weight": "30", "canary_weight_total": "1000"}, "", 0.03),
        # balancer.lua: a total below 100 counts as 100
        ({"canary_weight": "30", "canary_weight_total": "50"}, "", 0.3),
        ({"canary_by_header": "X-Canary"}, "-H 'x-canary: always'", 1),
        ({"canary_by_header": "X-Canary", "canary_weight": "50"}, "-H 'x-canary: never'", 0),
        ({"canary_by_header": "X-Canary", "canary_weight": "50"}, "-H 'x-canary: other'", 0.5),
        ({"canary_by_header": "x", "canary_by_header_value": "blue"}, "-H 'x: blue'", 1),
        ({"canary_by_header": "x", "canary_by_header_value": "blue"}, "-H 'x: always'", 0),
        ({"canary_by_header": "x", "canary_by_header_pattern": "bl.e"}, "-H 'x: a-blue-one'", 1),
        ({"canary_by_header": "x", "canary_by_cookie": "c"}, "-H 'Cookie: b=1; c=always'", 1),
        ({"canary_by_cookie": "c", "canary_weight": "10"}, "-H 'Cookie: c=maybe'", 0.1),
    ],
)
def test_canaries_go_by_header_cookie_weight(annotations: dict[str, str], sent: str, part: float) -> None:
    found = ask(f"http://shop.example/ {sent}", MAIN, _canary(**annotations))
    parts = {share.ref.name: share.share for share in found.shares}
    assert parts.get("b", 0) == pytest.approx(part)
    assert sum(parts.values()) == pytest.approx(1)


def test_a_canary_follows_the_backend_to_other_paths_and_hosts() -> None:
    other = ingress("other", [("/y", "Prefix", "a")], "other.example")
    found = ask("http://other.example/y", MAIN, other, _canary(canary_weight="100"))
    assert backends(found) == ["b"]


def test_a_canary_without_its_like_has_no_effect() -> None:
    main = ingress("main", [("/x", "Prefix", "a")])
    found = ask("http://shop.example/x", main, _canary(canary_weight="100"))
    assert (backends(found), why(found, "canary")) == (["a"], {"canary-without-effect"})


def test_without_its_main_backend_a_canary_gets_nothing() -> None:
    main = ingress("main", [("/", "Prefix", "gone")])
    assert get("/", main, _canary(canary_weight="100")) == "503"


# --- backends and classes ------------------------------------------------------------------------


def test_backends_that_cannot_answer() -> None:
    empty = service("empty", ready=0)
    assert get("/", empty, ingress("i", [("/", "Prefix", "empty")])) == "503"
    assert get("/", ingress("i", [("/", "Prefix", "gone")])) == "503"
    instead = ingress("i", [("/", "Prefix", "empty")], annotations={"default-backend": "c"})
    assert get("/", empty, instead) == "c"


def test_who_serves_an_ingress() -> None:
    root = [("/", "Prefix", "a")]
    legacy = ingress("i", root, class_name=None, annotations={"kubernetes.io/ingress.class": "nginx"})
    assert get("/", legacy) == "a"
    bare = ingress("bare", root, class_name=None)
    main = ingress("main", root, "main.example")
    assert why(ask("http://shop.example/", bare, main), "bare") == {"no-class"}
    gone = ingress("gone", root, class_name="gone")
    assert why(ask("http://shop.example/", gone, main), "gone") == {"no-class"}
    default = ingress_class("std", "k8s.io/ingress-nginx", default=True)
    assert get("/", bare, default) == "a"
    found = ingress_trace(world(A, ingress("i", root)), "http://shop.example/")
    assert (backends(found), found.edge) == (["a"], "k8s.io/ingress-nginx")
    assert "taken for ingress-nginx" in found.notes[-1]


def test_what_may_answer_itself_is_named() -> None:
    found = ask(
        "http://shop.example/", ingress("i", [("/", "Prefix", "a")], annotations={"auth-url": "http://x"})
    )
    assert any(note.startswith("auth-url") for note in found.notes)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["/", "/a", "/a/", "/a/b", "/b"]), st.sampled_from(["Exact", "Prefix"])),
        max_size=5,
    ),
    st.sampled_from(["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab"]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_input_decides_nothing(paths: Any, asked: str, random: Any) -> None:
    documents = [ingress(f"i{number}", [(path, kind, "a")]) for number, (path, kind) in enumerate(paths)]
    first = ask(f"http://shop.example{asked}", MAIN, *documents)
    random.shuffle(documents)
    again = ask(f"http://shop.example{asked}", *documents, MAIN)
    assert (first.winner, first.outcome) == (again.winner, again.outcome)


@given(st.text("/.a%2Fe", max_size=20))
def test_normal_paths_stay_as_they_are(tail: str) -> None:
    once = normal_path(f"/{tail}")
    if once is not None and "%" not in once:
        assert normal_path(once) == once
        assert "//" not in once
        assert not {".", ".."} & set(once.split("/"))
