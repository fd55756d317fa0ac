"""Redirects: where they lead, where they end, and what a pinned one must say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
from http_kit import HOST, certified, serving, session, to, told
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.text import clean
from pointsman.probes.wire.http.facts import HttpExpectation, HttpFacts, HttpRequest
from pointsman.probes.wire.http.judge import judge
from pointsman.probes.wire.http.observe import observe
from pointsman.probes.wire.http.redirects import Walk, next_request


@contextlib.asynccontextmanager
async def site(
    pages: Mapping[str, tuple[int, str]], heads: list[bytes] | None = None, tls: bool = False
) -> AsyncIterator[int]:
    """Pages by path: a status and a Location; every other page is a 200. PORT stands for the port."""
    ports: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heads is not None:
            heads.append(head)
        path = head.split()[1].decode()
        status, location = pages.get(path, (200, ""))
        if "N" in pages and path.startswith("/n"):
            status, location = 302, f"/n{int(path[2:]) + 1}"
        extra = f"Location: {location.replace('PORT', str(ports[0]))}\r\n" if location else ""
        cookie = "Set-Cookie: a=1\r\n" if "cookie" in path else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{extra}{cookie}Content-Length: 0\r\n\r\n".encode())

    async with serving(handle, certified().server() if tls else None) as port:
        ports.append(port)
        yield port


async def test_redirects_stay_at_the_address_while_the_host_is_the_same() -> None:
    pages = {"/a": (301, "/b"), "/b": (302, f"http://{HOST.upper()}:PORT/c#top")}
    async with site(pages) as port:
        facts = await observe(to(port, "/a", follow=5))
    assert (facts.status, facts.redirect_stop) == (200, "")
    assert [(hop.status, hop.location, hop.address) for hop in facts.redirects] == [
        (301, "/b", "127.0.0.1"),
        (302, f"http://{HOST.upper()}:{port}/c#top", "127.0.0.1"),
    ]
    assert facts.final_url.endswith("/c")
    (only,) = judge(facts)
    assert only.name == "answers-as-expected"
    assert "after 2 redirects at http://" in only.summary
    assert "-L --max-redirs 5" in only.reproduce


@pytest.mark.parametrize(
    ("pages", "path", "stop", "judged"),
    [
        ({"/a": (302, "/b"), "/b": (302, "/a")}, "/a", "loop", ("endless-redirect", "FAIL")),
        ({"N": (0, "")}, "/n0", "limit", ("endless-redirect", "FAIL")),
        ({"/cookie": (302, "/cookie")}, "/cookie", "cookie", ("redirect-not-followed", "UNKNOWN")),
        ({"/a": (302, "http://other.test/")}, "/a", "host", ("redirect-not-followed", "UNKNOWN")),
        ({"/a": (302, "app://open")}, "/a", "scheme", ("redirect-not-followed", "WARN")),
        ({"/a": (302, "")}, "/a", "location", ("redirect-elsewhere", "FAIL")),
        ({"/a": (302, "http://[::1/")}, "/a", "location", ("redirect-elsewhere", "FAIL")),
    ],
)
async def test_a_walk_that_does_not_end_is_told(
    pages: dict[str, tuple[int, str]], path: str, stop: str, judged: tuple[str, str]
) -> None:
    async with site(pages) as port:
        facts = await observe(to(port, path, follow=6))
    assert facts.redirect_stop == stop
    assert judged in told(judge(facts))
    if stop == "limit":
        assert len(facts.redirects) == 6


async def test_one_deadline_holds_for_the_whole_walk() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.15)
        number = int(head.split()[1][2:])
        writer.write(f"HTTP/1.1 302 X\r\nLocation: /n{number + 1}\r\nContent-Length: 0\r\n\r\n".encode())

    async with serving(slow) as port:
        facts = await observe(to(port, "/n0", follow=50, timeout_s=0.5))
    assert facts.error == "timeout"
    assert 1 <= len(facts.redirects) <= 3
    assert facts.timings_ms.total < 1500


async def test_another_host_is_followed_only_where_its_address_is_given_and_gets_no_secrets() -> None:
    heads: list[bytes] = []
    async with site({"/a": (307, "http://other.test:PORT/b")}, heads) as port:
        asked = to(port, "/a", follow=3, headers=(("Authorization", "x"), ("X-A", "1")))
        facts = await observe(replace(asked, resolve=(("other.test", port, "127.0.0.1"),)))
    assert facts.status == 200
    assert f"Host: other.test:{port}".encode() in heads[1]
    assert b"Authorization" in heads[0]
    assert b"Authorization" not in heads[1]
    assert b"X-A: 1" in heads[1]


async def test_the_next_hop_may_be_https() -> None:
    async with (
        site({}, tls=True) as secure,
        site({"/a": (308, f"https://{HOST}:{secure}/a")}) as port,
        session() as opened,
    ):
        facts = await opened.observe(to(port, "/a", follow=2))
    assert (facts.status, facts.tls_version) == (200, "TLSv1.3")
    assert told(judge(facts, HttpExpectation(to_https=True))) == [("answers-as-expected", "PASS")]


def answer(status: int, location: str = "", url: str = f"http://{HOST}/a?x=1", **more: object) -> HttpFacts:
    headers = (("location", location),) if location else ()
    return HttpFacts(HttpRequest(url, "192.0.2.1"), status, headers, **more)  # type: ignore[arg-type]


TO_HTTPS = HttpExpectation(to_https=True)


@pytest.mark.parametrize(
    ("facts", "judged"),
    [
        (answer(308, f"https://{HOST}/a?x=1"), [("answers-as-expected", "PASS")]),
        (answer(301, f"https://{HOST}/a?x=1"), [("redirect-changes-method", "WARN")]),
        (answer(307, f"https://{HOST}/a?x=1"), [("redirect-changes-method", "WARN")]),
        (answer(308, f"https://{HOST}/"), [("redirect-elsewhere", "WARN")]),
        (answer(308, f"https://{HOST}:443/a?x=1"), [("answers-as-expected", "PASS")]),
        (answer(308, "https://www.shop.test/a?x=1"), [("no-redirect-to-https", "FAIL")]),
        (answer(308, f"http://{HOST}/b"), [("no-redirect-to-https", "FAIL")]),
        (answer(308, "/a?x=1"), [("no-redirect-to-https", "FAIL")]),
        (answer(308), [("no-redirect-to-https", "FAIL")]),
        (answer(200), [("no-redirect-to-https", "FAIL")]),
        (answer(404), [("no-redirect-to-https", "FAIL")]),
        (answer(503), [("no-redirect-to-https", "FAIL")]),
    ],
)
def test_a_plain_request_must_be_sent_to_https(facts: HttpFacts, judged: list[tuple[str, str]]) -> None:
    assert told(judge(facts, TO_HTTPS)) == judged


@pytest.mark.parametrize(
    ("location", "wanted", "well"),
    [
        ("/b", "/b", True),
        (f"http://{HOST}/b", "/b", True),
        ("/b", f"http://{HOST}:80/b", True),
        (f"http://{HOST}:8080/b", "/b", False),
        (f"https://{HOST}/b", "/b", False),
        ("/b/", "/b", False),
        ("/B", "/b", False),
        ("", "/b", False),
    ],
)
def test_a_pinned_redirect(location: str, wanted: str, well: bool) -> None:
    found = told(judge(answer(302, location), HttpExpectation(location=wanted)))
    assert found == [("answers-as-expected", "PASS") if well else ("redirect-elsewhere", "FAIL")]


def test_what_nobody_can_want_is_told_unasked() -> None:
    url = f"https://{HOST}/a"
    itself = answer(301, url, url)
    assert told(judge(itself)) == [("endless-redirect", "FAIL")]
    assert told(judge(replace(itself, headers=(*itself.headers, ("set-cookie", "a=(hidden)"))))) == [
        ("answers-as-expected", "PASS")
    ]
    assert told(judge(answer(301, f"http://{HOST}/b", url))) == [("redirect-to-plain-http", "WARN")]
    assert told(judge(answer(301, "http://other.test/b", url))) == [("answers-as-expected", "PASS")]


def test_methods_and_schemes_of_the_next_request() -> None:
    post = HttpRequest(f"https://{HOST}/a", "192.0.2.1", "POST", (("Cookie", "a=1"),), unsafe=True, body=b"x")
    assert next_request(post, 308, "/b").stop == "method"
    way = next_request(post, 303, "/b").request
    assert way is not None
    assert (way.method, way.body, way.headers) == ("GET", b"", post.headers)
    plain = next_request(replace(post, method="GET"), 302, f"http://{HOST}/").request
    assert plain is not None
    assert plain.headers == ()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.sampled_from([301, 302, 303, 307, 308]))
def test_any_location_has_a_way_or_a_reason(location: str, status: int) -> None:
    request = HttpRequest(f"https://{HOST}/a", "192.0.2.1", follow=3)
    way = next_request(request, status, location)
    assert (way.request is None) != (way.stop == "")
    if way.request is not None:
        assert way.request.host == HOST
        assert way.request.address == request.address
    walk = Walk(request)
    facts = HttpFacts(request, status, (("location", location),))
    while walk.goes_on(facts, 1.0):
        pass
    assert len(walk.told(facts).redirects) <= 3
    for one in judge(walk.told(facts)):
        assert clean(one.summary, 10_000) == one.summary
