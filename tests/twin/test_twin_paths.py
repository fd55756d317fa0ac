"""Paths of an Ingress against routes: by example, and by brute force over a small alphabet."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.routing.bounded_regex import readable
from pointsman.cluster.store import read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.twin.answers import LONGEST_PATH, Pattern
from pointsman.probes.state.twin.samples import expression_samples
from twin_kit import HOST, Json, findings, gateway, ingress, likeness, nginx, route, rule, twin

GATEWAY = gateway(http={"port": 80, "protocol": "HTTP"})


def test_the_same_on_both_sides() -> None:
    old = ingress(("/api", "Prefix", "a"), ("/", "Prefix", "b"), ("/exact", "Exact", "a"))
    new = route(rule("/", "PathPrefix", "b"), rule("/api", "PathPrefix", "a"), rule("/exact", "Exact", "a"))
    assert set(likeness(*GATEWAY, old, new).values()) == {"same"}
    found = findings(*GATEWAY, old, new)
    assert set(found) == {"MIG001"}
    assert "HTTPRoute shop/web" in found["MIG001"].summary


@pytest.mark.parametrize(
    ("kind", "path", "match", "value", "expected", "request_"),
    [
        ("Prefix", "/a", "Exact", "/a", "narrower", "/a/x-pointsman"),
        ("Exact", "/a", "PathPrefix", "/a", "WIDER", "/a/"),
        ("Exact", "/a", "PathPrefix", "/", "WIDER", "/a/"),
        # ingress-nginx: a string, in the middle of an element too
        ("ImplementationSpecific", "/a", "PathPrefix", "/a", "narrower", "/ax"),
        ("Prefix", "/a", "RegularExpression", "/a(/.*)?", "same", None),
        ("Prefix", "/a", "RegularExpression", "/a/.*", "narrower", "/a"),
        ("Prefix", "/a", "PathPrefix", "/b", "none", None),
    ],
)
def test_one_path_against_one_match(
    kind: str, path: str, match: str, value: str, expected: str, request_: str | None
) -> None:
    one = twin(*GATEWAY, ingress((path, kind, "a")), route(rule(value, match, "a")))
    (compared,) = one.hosts[0].paths
    assert compared.likeness.value == expected
    if request_ is not None:
        assert request_ in [example.request for example in compared.examples]


def test_an_expression_is_a_prefix_and_ignores_case() -> None:
    old = ingress(("/api/v[12]", "ImplementationSpecific", "a"), annotations=nginx(use_regex="true"))
    new = route(rule("/api/v[12]", "RegularExpression", "a"))
    (compared,) = twin(*GATEWAY, old, new).hosts[0].paths
    assert compared.likeness.value == "narrower"
    told = {example.request for example in compared.examples}
    assert told & {"/API/V1", "/api/v1x", "/api/v1/"}


def test_one_ingress_makes_all_paths_of_its_host_expressions() -> None:
    """use-regex holds for the host: an Exact path of another Ingress is a prefix from then on."""
    exact = ingress(("/a", "Exact", "a"))
    new = route(rule("/a", "Exact", "a"), rule("/r", "PathPrefix", "r"))
    assert likeness(*GATEWAY, exact, new) == {"/a": "same"}
    other = ingress(("/r", "Prefix", "r"), name="other", annotations=nginx(use_regex="true"))
    assert likeness(*GATEWAY, exact, other, new) == {"/a": "narrower"}
    elsewhere = ingress(
        ("/r", "Prefix", "r"), name="other", host="x.test", annotations=nginx(use_regex="true")
    )
    assert likeness(*GATEWAY, exact, elsewhere, new) == {"/a": "same"}


def test_rewrite_target_implies_expressions_unless_it_is_the_path() -> None:
    new = route(rule("/a", "Exact", "a"))
    rewritten = ingress(("/a", "Exact", "a"), annotations=nginx(rewrite_target="/b"))
    assert likeness(*GATEWAY, rewritten, new) == {"/a": "narrower"}
    same = ingress(("/a", "Exact", "a"), annotations=nginx(rewrite_target="/a"))
    assert likeness(*GATEWAY, same, new) == {"/a": "same"}


def test_nginx_redirects_to_the_slash_and_a_gateway_does_not() -> None:
    old = ingress(("/docs/", "Exact", "a"))
    one = twin(*GATEWAY, old, route(rule("/docs/", "Exact", "a")))
    assert one.hosts[0].old.answer("/docs") is not None
    assert one.hosts[0].new.answer("/docs") is None
    assert one.hosts[0].paths[0].likeness.value == "narrower"


def test_another_backend_and_a_share_of_it() -> None:
    old = ingress(("/", "Prefix", "a"))
    moved = findings(*GATEWAY, old, route(rule("/", "PathPrefix", "b")))["MIG004"]
    assert moved.verdict == "FAIL"
    assert "shop.test/: was a:80, now b:80" in moved.evidence
    shared = findings(*GATEWAY, old, route(rule("/", "PathPrefix", "a=9", "b=1")))["MIG004"]
    assert shared.verdict == "WARN"
    assert "a:80 90 %, b:80 10 %" in shared.evidence[0]


def test_a_backend_of_weight_0_gets_nothing() -> None:
    old = ingress(("/", "Prefix", "a"))
    assert likeness(*GATEWAY, old, route(rule("/", "PathPrefix", "a=1", "b=0"))) == {"/": "same"}


def test_a_named_port_is_looked_up() -> None:
    old = ingress(("/", "Prefix", "a"))
    old["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] = {"name": "web"}
    service: Json = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"ports": [{"name": "web", "port": 80}]},
    }
    new = route(rule("/", "PathPrefix", "a"))
    assert likeness(*GATEWAY, old, new, service) == {"/": "same"}
    service["spec"]["ports"][0]["port"] = 8080
    assert likeness(*GATEWAY, old, new, service) == {"/": "different backend"}


def test_what_only_the_new_side_answers_is_told_once() -> None:
    old = ingress(("/a", "Prefix", "a"))
    second = ingress(("/b", "Prefix", "a"), name="second")
    new = route(
        rule("/a", "PathPrefix", "a"), rule("/b", "PathPrefix", "a"), rule("/admin", "PathPrefix", "a")
    )
    told = [one for one in diagnose(read_documents((*GATEWAY, old, second, new))) if one.rule == "MIG007"]
    assert [one.summary for one in told] == ["only the new side answers shop.test/admin"]


def test_default_backend_takes_what_is_left() -> None:
    old = ingress(("/a", "Prefix", "a"), defaultBackend={"service": {"name": "rest", "port": {"number": 80}}})
    new = route(rule("/a", "PathPrefix", "a"))
    assert likeness(*GATEWAY, old, new) == {"/a": "same", "/": "none"}
    whole = route(rule("/a", "PathPrefix", "a"), rule("/", "PathPrefix", "rest"))
    assert likeness(*GATEWAY, old, whole) == {"/a": "same", "/": "same"}


def test_the_most_specific_listener_of_a_port_takes_the_request() -> None:
    listeners = gateway(
        wide={"port": 80, "protocol": "HTTP", "hostname": "*.test"},
        own={"port": 80, "protocol": "HTTP", "hostname": HOST},
    )
    old = ingress(("/", "Prefix", "a"))
    new = route(rule("/", "PathPrefix", "a"), section="wide")
    assert (
        findings(*listeners, old, new)["MIG003"]
        .evidence[0]
        .startswith("HTTPRoute shop/web is attached to no")
    )
    assert likeness(*listeners, old, route(rule("/", "PathPrefix", "a"), section="own")) == {"/": "same"}


def test_a_rule_that_asks_for_a_header_answers_no_plain_request() -> None:
    old = ingress(("/", "Prefix", "a"))
    canary = rule("/", "PathPrefix", "b")
    canary["matches"][0]["headers"] = [{"name": "x-canary", "value": "always"}]
    assert likeness(*GATEWAY, old, route(canary, rule("/", "PathPrefix", "a"))) == {"/": "same"}


def test_grpc_methods_are_paths() -> None:
    old = ingress(("/pkg.Svc/Get", "Exact", "a"))
    match = {"method": {"type": "Exact", "service": "pkg.Svc", "method": "Get"}}
    new = route({"matches": [match], "backendRefs": [{"name": "a", "port": 80}]}, kind="GRPCRoute")
    assert likeness(*GATEWAY, old, new) == {"/pkg.Svc/Get": "same"}


@pytest.mark.parametrize(
    "expression", ["(x+x+)+y", "/(a|a*)*b", "/[", "/(" + "a" * 400 + ")", "/.*.*.*.*.*x"]
)
def test_an_expression_that_cannot_be_read_or_could_take_for_ever_is_unknown(expression: str) -> None:
    old = ingress((expression, "ImplementationSpecific", "a"), annotations=nginx(use_regex="true"))
    found = findings(*GATEWAY, old, route(rule("/", "PathPrefix", "a")))
    assert found["MIG008"].verdict == "UNKNOWN"


@pytest.mark.parametrize(
    "expression",
    [
        "/(.*)",
        "/api(/|$)(.*)",
        "/v[0-9]+/users/[^/]+",
        r"/files/\d{4}\.html",
        "/(?:en|de)/shop",
        "/a?b*c+",
        "/[A-Z]{2,3}/x.*?",
    ],
)
def test_samples_match_their_expression(expression: str) -> None:
    pattern = Pattern("regex", expression, readable(expression, LONGEST_PATH, ignore_case=True))
    made = expression_samples(pattern)
    assert made
    assert all(re.match(expression, one, re.IGNORECASE) for one in made)


@given(st.text(alphabet="/ab.*+?()[]{}|\\^$d1", max_size=40))
def test_no_expression_stops_the_reader(expression: str) -> None:
    pattern = Pattern("regex", expression, readable(expression, LONGEST_PATH, ignore_case=True))
    assert all(pattern.covers(one) for one in expression_samples(pattern))


# --- brute force ---------------------------------------------------------------------------------

ELEMENTS = ("a", "ab", "b", "x", "A")
UNIVERSE = ["/"] + [
    "/" + "/".join(elements) + slash
    for length in (1, 2, 3)
    for elements in itertools.product(ELEMENTS, repeat=length)
    for slash in ("", "/")
]
OldEntry = tuple[str, str, str]


def takes(kind: str, value: str, request: str) -> bool:
    """The API's words for Exact and Prefix: whole elements, and a trailing slash does not count."""
    if kind == "Exact":
        return request == value
    wanted = [one for one in value.split("/") if one]
    return [one for one in request.split("/") if one][: len(wanted)] == wanted


def winner(entries: list[OldEntry], request: str) -> OldEntry | None:
    """Exact before Prefix, then the longest."""
    taking = [one for one in entries if takes(one[1], one[0], request)]
    return max(taking, key=lambda one: (one[1] == "Exact", len(one[0])), default=None)


def by_brute_force(old: list[OldEntry], new: list[OldEntry], own: OldEntry) -> str:
    """The same question, asked of every request there is."""
    mine = [request for request in UNIVERSE if winner(old, request) == own]
    answered = {request: winner(new, request) for request in mine}
    matches = {one for one in answered.values() if one is not None}
    if not mine:
        return "unknown"
    if not matches:
        return "none"
    if any(one is not None and one[2] != own[2] for one in answered.values()):
        return "different backend"
    if None in answered.values():
        return "narrower"
    wider = any(winner(old, request) is None and winner(new, request) in matches for request in UNIVERSE)
    return "WIDER" if wider else "same"


paths = st.lists(st.sampled_from(("a", "ab", "b")), max_size=2).map(lambda elements: "/" + "/".join(elements))
entries = st.lists(
    st.tuples(paths, st.sampled_from(("Exact", "Prefix")), st.sampled_from(("one", "two"))),
    min_size=1,
    max_size=5,
    unique_by=lambda entry: entry[:2],
)


@settings(max_examples=150, deadline=None)
@given(entries, entries)
def test_the_samples_find_what_brute_force_finds(old: list[OldEntry], new: list[OldEntry]) -> None:
    kinds = {"Exact": "Exact", "Prefix": "PathPrefix"}
    documents = (
        *GATEWAY,
        ingress(*old, ingress_class="other"),
        route(*(rule(path, kinds[kind], service) for path, kind, service in new)),
    )
    compared = {
        (path.old.path, path.old.path_type): path.likeness.value
        for host in twin(*documents).hosts
        for path in host.paths
    }
    assert compared == {one[:2]: by_brute_force(old, new, one) for one in old}


def test_a_route_through_a_listener_set() -> None:
    new_class, gate = gateway(http={"port": 80, "protocol": "HTTP", "hostname": "elsewhere.test"})
    gate["spec"]["allowedListeners"] = {"namespaces": {"from": "All"}}
    listener_set: Json = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ListenerSet",
        "metadata": {"name": "own", "namespace": "shop"},
        "spec": {
            "parentRef": {"name": "main", "namespace": "infra"},
            "listeners": [{"name": "own", "port": 80, "protocol": "HTTP", "hostname": HOST}],
        },
    }
    new = route(rule("/", "PathPrefix", "a"))
    new["spec"]["parentRefs"] = [{"kind": "ListenerSet", "name": "own"}]
    old = ingress(("/", "Prefix", "a"))
    assert likeness(new_class, gate, listener_set, old, new) == {"/": "same"}
    # no ListenerSet among the documents says nothing of the cluster
    assert likeness(new_class, gate, old, new) == {"/": "unknown"}
