"""What the headers of caches say: RFC 9211, RFC 9111, RFC 9213 and the vendors' own words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.http.facts import HttpFacts, HttpRequest
from pointsman.probes.wire.warm.caches import age_of, cache_state, uncacheable, vary
from pointsman.probes.wire.warm.facts import WarmFacts, WarmFetch, WarmPlan
from pointsman.probes.wire.warm.judge import judge, passes, warmth

REQUEST = HttpRequest("http://a.test/", "127.0.0.1")


def answer(*headers: tuple[str, str], status: int = 200) -> HttpFacts:
    return HttpFacts(REQUEST, status, headers)


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("ExampleCache; hit", "hit"),
        ("ExampleCache; hit; ttl=376", "hit"),
        ("ExampleCache; hit; ttl=-412", "stale"),
        ("ExampleCache; hit=?0; fwd=uri-miss", "miss"),
        ("ExampleCache; fwd=uri-miss; stored", "miss"),
        ("ExampleCache; fwd=vary-miss; stored; collapsed", "miss"),
        ("ExampleCache; fwd=partial", "miss"),
        ("ExampleCache; fwd=stale; fwd-status=304", "stale"),
        ("ExampleCache; fwd=request", "bypass"),
        ("ExampleCache; fwd=method", "bypass"),
        ("ExampleCache; fwd=bypass; detail=hit", "bypass"),
        ("OriginCache; hit; ttl=1100, \"CDN, hit; Company\"; fwd=uri-miss", "miss"),
        ("OriginCache; fwd=uri-miss, \"a\\\"; hit, b\"; hit", "hit"),
        ("ReverseProxyCache; key=\"hit; fwd=stale\"; hit", "hit"),
        ("hit-cache", ""),
        ("Cache; fwd=invented", ""),
        (", ,", ""),
        ('"unclosed; hit', ""),
    ],
)  # fmt: skip
def test_cache_status(value: str, state: str) -> None:
    assert cache_state(answer(("cache-status", value))) == state


def test_cache_status_in_several_lines_is_one_list() -> None:
    facts = answer(("cache-status", "origin; hit"), ("cache-status", "edge; fwd=uri-miss"))
    assert cache_state(facts) == "miss"


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("x-cache", "TCP_MEM_HIT from a23 (AkamaiGHost/10)", "hit"),
        ("x-cache", "TCP_REFRESH_HIT from a23", "stale"),
        ("x-cache", "RefreshHit from cloudfront", "stale"),
        ("x-cache", "Miss from cloudfront", "miss"),
        ("x-cache", "MISS, HIT", "hit"),
        ("x-cache", "a whitelist", ""),
        ("x-cache-status", "UPDATING", "stale"),
        ("x-cache-status", "BYPASS", "bypass"),
        ("x-proxy-cache", "EXPIRED", "stale"),
        ("cf-cache-status", "DYNAMIC", "bypass"),
        ("x-vercel-cache", "HIT", "hit"),
        ("x-varnish", "32770 3", "hit"),
        ("x-varnish", "32770", "miss"),
        ("age", "7", "hit"),
        ("age", "0", ""),
        ("age", "-5", ""),
        ("age", "soon", ""),
    ],
)
def test_words_of_vendors(name: str, value: str, state: str) -> None:
    assert cache_state(answer((name, value))) == state


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ((), ""),
        ((("cache-control", "max-age=60"),), ""),
        ((("cache-control", "Max-Age=0, s-maxage=60"),), ""),
        ((("cache-control", "max-age=60"), ("cache-control", "NO-STORE")), "Cache-Control: no-store"),
        ((("cache-control", "private, max-age=60"),), "Cache-Control: private"),
        ((("cache-control", 'private="set-cookie", max-age=60'),), ""),
        ((("cache-control", 'x="a, no-store", max-age=60'),), ""),
        ((("cache-control", "no-cache"),), "Cache-Control: no-cache"),
        ((("cache-control", "max-age=0"),), "Cache-Control: max-age=0"),
        ((("cache-control", "no-store"), ("cdn-cache-control", "max-age=60")), ""),
        ((("cdn-cache-control", "no-store"),), "CDN-Cache-Control: no-store"),
        ((("set-cookie", "sid=(hidden); Path=/"), ("cache-control", "max-age=60")), "Set-Cookie: sid"),
        ((("vary", "Accept-Encoding"), ("vary", "*")), "Vary: *"),
    ],
)
def test_what_no_shared_cache_keeps(headers: tuple[tuple[str, str], ...], reason: str) -> None:
    assert uncacheable(answer(*headers)) == reason


def test_a_status_that_is_kept_only_when_told() -> None:
    assert uncacheable(answer(status=302)) == "status 302 without a lifetime"
    assert uncacheable(answer(("cache-control", "max-age=5"), status=302)) == ""
    assert uncacheable(answer(status=301)) == ""


def test_vary_names_each_header_once() -> None:
    assert vary(answer(("vary", "Accept-Encoding, Cookie"), ("vary", "cookie,,"))) == (
        "accept-encoding",
        "cookie",
    )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["cache-status", "x-cache", "cache-control", "age", "vary", "set-cookie"]),
            st.text(st.sampled_from('";,=\\? hitfwd-stalemiss0123x*'), max_size=40) | st.text(max_size=20),
        ),
        max_size=4,
    )
)  # fmt: skip
def test_any_header_is_read(headers: list[tuple[str, str]]) -> None:
    facts = answer(*headers)
    assert cache_state(facts) in ("hit", "miss", "stale", "bypass", "")
    assert age_of(facts) is None or 0 <= (age_of(facts) or 0) < 10**10
    assert isinstance(uncacheable(facts), str)
    assert len(vary(facts)) <= 20


def fetched(url: str, number: int, cache: str, first_byte_ms: float = 1.0, **more: object) -> WarmFetch:
    return WarmFetch(url, number, 200, cache, first_byte_ms=first_byte_ms, **more)  # type: ignore[arg-type]


def judged(*fetches: WarmFetch, **more: object) -> dict[str, Verdict]:
    urls = tuple(dict.fromkeys(fetch.url for fetch in fetches))
    facts = WarmFacts(WarmPlan(urls, "192.0.2.1"), fetches, **more)  # type: ignore[arg-type]
    return {one.name: one.verdict for one in judge(facts)}


def test_before_and_after() -> None:
    plan = WarmPlan(("/a", "/b"), "192.0.2.1")
    seen = (fetched("/b", 1, "miss", 9.0), fetched("/a", 1, "miss", 7.0), fetched("/a", 2, "hit"))
    facts = WarmFacts(plan, seen)
    assert [(one.url, one.first.cache, one.last.cache, one.cold) for one in warmth(facts)] == [
        ("/a", "miss", "hit", False),
        ("/b", "miss", "miss", False),
    ]
    first, last = passes(facts)
    assert (first.states, first.hit_share, first.first_byte_ms) == ({"miss": 2}, 0.0, 9.0)
    assert (last.states, last.hit_share, last.fetches) == ({"hit": 1}, 1.0, 1)
    assert passes(WarmFacts(plan, (fetched("/a", 1, ""),)))[0].hit_share is None


def test_each_situation_has_its_verdict() -> None:
    cold = [fetched("/a", 1, "miss"), fetched("/a", 2, "miss")]
    assert judged(*cold) == {"cache-still-cold": Verdict.WARN}
    large = [fetched("/a", number, "miss", cut_short=True) for number in (1, 2)]
    assert judged(*large) == {"too-large-to-warm": Verdict.WARN}
    told = [fetched("/a", number, "miss", uncacheable="Cache-Control: private") for number in (1, 2)]
    assert judged(*told) == {"not-cacheable": Verdict.SKIP, "warmed": Verdict.PASS}
    # a cache that is set to overrule the header did keep it
    overruled = [fetched("/a", number, "hit", uncacheable="Set-Cookie: sid") for number in (1, 2)]
    assert judged(*overruled) == {"warmed": Verdict.PASS}
    passed = [fetched("/a", number, "bypass") for number in (1, 2)]
    assert judged(*passed) == {"not-cacheable": Verdict.SKIP, "warmed": Verdict.PASS}
    varied = [fetched("/a", 2, "hit", vary=("accept-encoding", "origin", "cookie"))]
    assert judged(*varied) == {"one-variant-warmed": Verdict.WARN, "warmed": Verdict.PASS}
    usual = [fetched("/a", 2, "hit", vary=("accept-encoding", "origin"))]
    assert judged(*usual) == {"warmed": Verdict.PASS}
    early = judged(fetched("/a", 1, "miss"), stopped="it was interrupted", cause="interrupted")
    assert early == {"warm-up-unfinished": Verdict.UNKNOWN}
