"""Warming through a real server with a cache in front of it."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_kit import loopback
from pointsman.cluster.text import clean
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.http.facts import HttpFacts, HttpRequest
from pointsman.probes.wire.warm.caches import cache_state
from pointsman.probes.wire.warm.facts import WarmFacts, WarmFetch, WarmPlan
from pointsman.probes.wire.warm.judge import judge
from pointsman.probes.wire.warm.observe import observe


class Origin:
    """Answers by path: ``/cached`` hits at the second time, ``/never`` always misses, ``/down`` fails."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.now = self.most = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.005)
            hit = path in self.seen and path.startswith("/cached")
            self.seen.append(path)
            status = 503 if path == "/down" else 200
            header = "" if path == "/plain" else f"Cache-Status: edge; {'hit' if hit else 'fwd=uri-miss'}\r\n"
            writer.write(f"HTTP/1.1 {status} X\r\n{header}Content-Length: 0\r\n\r\n".encode())
            await writer.drain()
            self.now -= 1


async def run(*paths: str, **options: object) -> tuple[WarmFacts, Origin]:
    origin = Origin()
    async with loopback(origin.handle) as port:
        urls = tuple(f"http://shop.test:{port}{path}" for path in paths)
        plan = WarmPlan(urls, "127.0.0.1", **{"rate_per_s": 200.0, **options})  # type: ignore[arg-type]
        return await observe(plan), origin


async def test_a_cache_that_takes_it() -> None:
    facts, _ = await run("/cached/1", "/cached/2")
    assert [fetch.cache for fetch in facts.fetches] == ["miss", "miss", "hit", "hit"]
    (only,) = judge(facts)
    assert (only.name, only.verdict) == ("warmed", Verdict.PASS)
    assert only.summary.startswith("2 URLs fetched, 2 of 2 from a cache, first byte")
    assert "curl" in only.reproduce


async def test_a_cache_that_does_not_keep_and_none_at_all() -> None:
    facts, _ = await run("/cached", "/never")
    (only,) = judge(facts)
    assert (only.name, only.verdict) == ("cache-still-cold", Verdict.WARN)
    plain, _ = await run("/plain")
    (only,) = judge(plain)
    assert only.verdict is Verdict.PASS
    assert "no cache shows" in only.summary


async def test_errors_stop_it_early() -> None:
    facts, origin = await run(*["/down"] * 50, concurrency=2, stop_after_errors=3)
    assert facts.stopped
    assert len(origin.seen) <= 5
    (only,) = judge(facts)
    assert (only.name, only.verdict) == ("warm-up-errors", Verdict.FAIL)
    few, _ = await run("/cached", "/down", stop_after_errors=9)
    assert judge(few)[0].verdict is Verdict.WARN


async def test_rate_and_concurrency_are_kept() -> None:
    started = time.monotonic()
    _, origin = await run(
        *[f"/cached/{index}" for index in range(8)], passes=1, rate_per_s=40.0, concurrency=2
    )
    assert time.monotonic() - started >= 7 / 40
    assert origin.most <= 2


async def test_nothing_to_warm_and_nobody_there() -> None:
    facts, _ = await run()
    assert judge(facts)[0].verdict is Verdict.SKIP
    missing = await observe(WarmPlan(("https://a.test/",), "127.0.0.1", ca_file="/nonexistent.pem"))
    assert judge(missing)[0].verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ((("x-cache", "HIT, MISS"),), "miss"),
        ((("x-cache", "Hit from cloudfront"),), "hit"),
        ((("cf-cache-status", "DYNAMIC"),), "bypass"),
        ((("cf-cache-status", "EXPIRED"),), "stale"),
        ((("cache-status", "origin; hit, edge; fwd=stale"),), "stale"),
        ((("cache-status", "edge; fwd=uri-miss; stored"),), "miss"),
        ((("age", "12"),), "hit"),
        ((("age", "0"),), ""),
        ((), ""),
    ],
)
def test_cache_headers(headers: tuple[tuple[str, str], ...], state: str) -> None:
    assert cache_state(HttpFacts(HttpRequest("http://a.test/", "127.0.0.1"), 200, headers)) == state


texts = st.text(max_size=20)
fetches = st.builds(
    WarmFetch,
    texts,
    st.integers(1, 3),
    st.none() | st.integers(100, 599),
    st.sampled_from(["", "hit", "miss", "stale"]),
    st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    first_byte_ms=st.none() | st.floats(0, 1e4),
    error=texts,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(fetches, max_size=5).map(tuple), st.lists(texts, max_size=3).map(tuple), texts, texts)
def test_the_judge_answers_anything(
    seen: tuple[WarmFetch, ...], urls: tuple[str, ...], address: str, stopped: str
) -> None:
    found = judge(WarmFacts(WarmPlan(urls, address), seen, stopped))
    assert found
    for finding in found:
        for line in (finding.summary, finding.reproduce, *finding.evidence):
            assert clean(line, 10_000) == line
