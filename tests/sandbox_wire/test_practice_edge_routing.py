from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.sandbox.edge_counters import EdgeCounters, agent_prefix
from pointsman.sandbox.edge_metrics import envoy_metrics, nginx_metrics
from pointsman.sandbox.edge_model import EdgeRule, Faults, VirtualHost
from pointsman.sandbox.edge_routing import Routing, Turns, falls_due, host_of, matches, rules_for

RULES = (
    EdgeRule("/", "Prefix", "root"),
    EdgeRule("/api", "Prefix", "api"),
    EdgeRule("/api/v2/", "Prefix", "v2"),
    EdgeRule("/api/v2/exact", "Exact", "exact"),
    EdgeRule("/login", "Exact", "login"),
)


@pytest.mark.parametrize(
    ("path", "backend"),
    [
        ("/", "root"),
        ("/apis", "root"),
        ("/api", "api"),
        ("/api/", "api"),
        ("/api/v1", "api"),
        ("/api/v2", "v2"),
        ("/api/v2/x", "v2"),
        ("/api/v2/exact", "exact"),
        ("/api/v2/exact/", "v2"),
        ("/API", "root"),
        ("/login", "login"),
        ("/login/", "root"),
        ("/api%2Fv2", "root"),
    ],
)
def test_exact_first_then_the_longest_prefix(path: str, backend: str) -> None:
    (rule,) = rules_for(VirtualHost("a.test", RULES), path)
    assert rule.backend == backend


def test_without_a_catch_all_there_may_be_no_rule() -> None:
    assert rules_for(VirtualHost("a.test", RULES[1:]), "/other") == ()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.shop.test", "a.shop.test"),
        ("b.shop.test", "*.shop.test"),
        ("c.b.shop.test", "*.b.shop.test"),
        ("d.c.b.shop.test", "*.b.shop.test"),
        ("shop.test", None),
        ("other.test", None),
        ("", None),
    ],
)
def test_the_exact_host_then_the_longest_wildcard(name: str, found: str | None) -> None:
    names = ("a.shop.test", "*.shop.test", "*.b.shop.test")
    host = Routing({name: VirtualHost(name, ()) for name in names}).find(name)
    assert (host and host.host) == found


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("Store.Shop.TEST", "store.shop.test"),
        ("store.shop.test:8443", "store.shop.test"),
        ("store.shop.test.:8443", "store.shop.test."),
        ("[::1]:8443", "[::1]"),
        ("[::1]", "[::1]"),
        ("", ""),
    ],
)
def test_the_host_header(header: str, host: str) -> None:
    assert host_of(header) == host


segments = st.lists(st.text("ab", min_size=1, max_size=2), max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)


@given(prefix=segments, path=segments)
def test_a_prefix_holds_itself_and_what_is_below_it(prefix: str, path: str) -> None:
    elements = [part for part in prefix.split("/") if part]
    assert matches(prefix, path) == ([part for part in path.split("/") if part][: len(elements)] == elements)


@given(weights=st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_the_turns_share_by_weight_exactly(weights: list[int]) -> None:
    turns = Turns(tuple(EdgeRule("/", "Prefix", str(n), weight=w) for n, w in enumerate(weights)))
    total = sum(weights)
    if not total:
        assert turns.next() is None
        return
    drawn = [turns.next() for _ in range(2 * total)]
    counted = Counter(rule.backend for rule in drawn if rule)
    assert counted == {str(n): 2 * w for n, w in enumerate(weights) if w}


def test_ten_of_a_hundred_are_spread_out() -> None:
    turns = Turns((EdgeRule("/", "Prefix", "good", weight=90), EdgeRule("/", "Prefix", "bad", weight=10)))
    bad = [n for n in range(100) if (rule := turns.next()) and rule.backend == "bad"]
    assert len(bad) == 10
    assert {later - earlier for earlier, later in pairwise(bad)} == {10}


@given(share=st.floats(0, 1), count=st.integers(1, 500))
def test_the_share_that_falls_due_is_never_more_than_one_off(share: float, count: int) -> None:
    due = sum(falls_due(number, share) for number in range(1, count + 1))
    assert abs(due - count * share) <= 1


def test_shares_that_binary_cannot_hold() -> None:
    assert sum(falls_due(number, 0.29) for number in range(1, 101)) == 29
    assert sum(falls_due(number, 0.1) for number in range(1, 11)) == 1


faults = st.builds(
    Faults,
    missing_intermediate=st.booleans(),
    refuse_handshake=st.booleans(),
    error_share=st.sampled_from([0.0, 0.5, 1.0]),
    error_status=st.sampled_from([500, 503]),
    delay_s=st.sampled_from([0.0, 1.0]),
    missing_paths=st.sampled_from([(), ("/a",)]),
)


@given(one=faults, other=faults)
def test_merged_faults_are_all_of_both(one: Faults, other: Faults) -> None:
    both = one.merged(other)
    assert both.missing_intermediate == (one.missing_intermediate or other.missing_intermediate)
    assert both.refuse_handshake == (one.refuse_handshake or other.refuse_handshake)
    assert (both.error_share, both.error_status) in {
        (fault.error_share, fault.error_status)
        for fault in (one, other)
        if fault.error_share == max(one.error_share, other.error_share)
    }
    assert both.delay_s == max(one.delay_s, other.delay_s)
    assert set(both.missing_paths) == {*one.missing_paths, *other.missing_paths}


@pytest.mark.parametrize(
    ("agent", "prefix"),
    [
        ("curl/8.1 libcurl/8.1", "curl"),
        ("pointsman-probe/0.1 (watch)", "pointsman-probe"),
        ("Go http client", "Go"),
        ("", "-"),
    ],
)
def test_agent_prefix(agent: str, prefix: str) -> None:
    assert agent_prefix(agent) == prefix


def test_counting_tells_probes_from_clients() -> None:
    counters = EdgeCounters()
    for agent in ("pointsman/1", "pointsman-watch/1", "curl/8"):
        counters.count_request("a.test", "GET", 200, agent)
    counters.count_request("b.test", "GET", 503, "curl/8")
    assert counters.by_class("a.test") == {"2xx": 3}
    assert counters.by_class() == {"2xx": 3, "5xx": 1}
    assert counters.total("a.test") == 3
    assert counters.total("a.test", without_agents=("pointsman",)) == 1
    assert counters.total(without_agents=("pointsman",)) == 2


def test_a_flood_of_agents_does_not_grow_the_table() -> None:
    counters = EdgeCounters()
    for number in range(500):
        counters.count_request("a.test", "GET", 200, f"agent{number}/1")
    assert len(counters.agents) == 65
    assert counters.total("a.test") == 500


def test_metrics_names_and_escapes() -> None:
    counters = EdgeCounters()
    counters.count_request('a"\\\n.test', "GET", 200, "curl")
    counters.count_request("_", "GET", 404, "curl")
    text = nginx_metrics(counters, "practice-old")
    assert r'host="a\"\\\n.test"' in text
    assert text.count("nginx_ingress_controller_requests{") == 1
    assert text.endswith(" 1\n")
    text = envoy_metrics(counters, "127.0.0.3", 8443)
    assert 'envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="https-8443"} 2\n' in text
    assert 'rq_xx{envoy_response_code_class="4",envoy_http_conn_manager_prefix="https-8443"} 1\n' in text
    assert 'rq_xx{envoy_response_code_class="5",envoy_http_conn_manager_prefix="https-8443"} 0\n' in text
