"""Requests by address against real servers, and what is judged from the answers."""

from __future__ import annotations

import asyncio
import hashlib
import shlex
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_kit import answers, loopback
from pointsman.cluster.text import clean
from pointsman.probes.verdict import Verdict, worst
from pointsman.probes.wire.http.commands import reproduce
from pointsman.probes.wire.http.facts import (
    HeaderMatch,
    HttpExpectation,
    HttpFacts,
    HttpRequest,
    HttpTimings,
)
from pointsman.probes.wire.http.judge import judge
from pointsman.probes.wire.http.observe import observe
from wire_pki import HOST, NOW, server_context, shared_authority

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nhi"


def request(port: int, path: str = "/", scheme: str = "http", **options: object) -> HttpRequest:
    return HttpRequest(f"{scheme}://{HOST}:{port}{path}", "127.0.0.1", **options)  # type: ignore[arg-type]


def names(facts: HttpFacts, expectation: HttpExpectation | None = None) -> list[tuple[str, str]]:
    return [(finding.name, str(finding.verdict)) for finding in judge(facts, expectation)]


async def test_the_request_carries_the_name_not_the_address() -> None:
    heads: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)

    async with loopback(keep) as port:
        asked = request(port, "/a/../b//c%2Fd?x=1&y", headers=(("X-Trace", "1"),))
        facts = await observe(asked)
    lines = heads[0].decode().split("\r\n")
    assert lines[0] == "GET /a/../b//c%2Fd?x=1&y HTTP/1.1"
    assert f"Host: {HOST}:{port}" in lines
    assert "X-Trace: 1" in lines
    assert any(line.startswith("User-Agent: pointsman/") and "cutover probe" in line for line in lines)
    assert (facts.status, facts.body_bytes, facts.body_sample) == (200, 2, "hi")
    assert facts.body_sha256 == hashlib.sha256(b"hi").hexdigest()
    assert facts.header("Content-Type") == "text/plain"
    times = facts.timings_ms
    assert times.connect is not None
    assert times.first_byte is not None
    assert 0 < times.connect <= times.first_byte <= times.total
    assert names(facts) == [("answers-as-expected", "PASS")]


async def test_tls_is_verified_against_the_name(tmp_path: Path) -> None:
    ca = shared_authority()
    roots = tmp_path / "roots.pem"
    roots.write_bytes(ca.root.pem)
    good = server_context(tmp_path, ca.leaf(), ca.intermediate)
    async with answers(OK, context=good) as port:
        facts = await observe(request(port, scheme="https", ca_file=str(roots)))
        assert facts.error == "", facts.error_detail
        assert facts.timings_ms.tls is not None
        other = HttpRequest(f"https://other.test:{port}/", "127.0.0.1", ca_file=str(roots))
        wrong = await observe(other)
        assert wrong.error == "tls"
        assert "other.test" in wrong.error_detail
        untrusted = await observe(request(port, scheme="https"))
        assert untrusted.error == "tls"
        assert names(untrusted) == [("tls-failed", "FAIL")]
    expired = server_context(tmp_path, ca.leaf(ends=NOW - timedelta(hours=1)), ca.intermediate)
    async with answers(OK, context=expired) as port:
        facts = await observe(request(port, scheme="https", ca_file=str(roots)))
    assert "expired" in facts.error_detail
    async with answers(OK) as port:
        plain = await observe(request(port, scheme="https", ca_file=str(roots), timeout_s=0.5))
    assert plain.error in ("tls", "timeout")
    missing = await observe(request(port, scheme="https", ca_file=str(tmp_path / "none.pem")))
    assert names(missing) == [("could-not-ask", "UNKNOWN")]


async def test_redirects_are_not_followed_and_hostile_text_is_cleaned() -> None:
    reply = b"HTTP/1.1 301 Moved\r\nLocation: https://x.test/\xe2\x80\xae\r\nContent-Length: 0\r\n\r\n"
    async with answers(reply) as port:
        facts = await observe(request(port))
    assert facts.status == 301
    (only,) = judge(facts, HttpExpectation(statuses=(200,)))
    assert only.name == "unexpected-status"
    assert all(line.isprintable() for line in (only.summary, *only.evidence))


async def test_a_body_is_read_up_to_its_limit_only() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with loopback(endless) as port:
        facts = await observe(request(port, timeout_s=20))
    assert facts.error == ""
    assert facts.body_bytes == 1024 * 1024
    assert not facts.body_complete
    assert facts.body_sha256 == hashlib.sha256(b"x" * 1024 * 1024).hexdigest()
    assert len(facts.body_sample) == 4096
    assert names(facts, HttpExpectation(body_contains=("y",))) == [("body-unexpected", "UNKNOWN")]


async def test_every_failure_has_its_kind() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def close(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
        await reader.read()

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-x\r\n\r\n")

    kinds = {silent: "timeout", close: "reset", drip: "timeout", nonsense: "protocol"}
    for handler, kind in kinds.items():
        async with loopback(handler) as port:
            facts = await observe(request(port, timeout_s=0.4))
        assert facts.error == kind, (handler.__name__, facts.error_detail)
        assert worst(finding.verdict for finding in judge(facts)) is Verdict.FAIL
    refused = await observe(request(port))
    assert names(refused) == [("connection-refused", "FAIL")]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://a.test/ x", "127.0.0.1"),
        ("ftp://a.test/", "127.0.0.1"),
        ("http://a.test/", "a.test"),
        ("http://a.test:99999/", "127.0.0.1"),
        ("http://[::1/", "127.0.0.1"),
        ("", ""),
    ],
)
async def test_what_cannot_be_sent_is_unknown(url: str, address: str) -> None:
    facts = await observe(HttpRequest(url, address))
    assert facts.status is None
    assert names(facts) == [("could-not-ask", "UNKNOWN")], facts


async def test_a_protected_path_must_refuse_the_anonymous() -> None:
    protected = HttpExpectation(protected=True)
    for reply, wanted in (
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", ("answers-as-expected", "PASS")),
        (OK, ("open-to-anonymous", "FAIL")),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", ("server-error", "FAIL")),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", ("path-not-routed", "FAIL")),
    ):
        async with answers(reply) as port:
            assert names(await observe(request(port)), protected) == [wanted]


def answer(status: int = 200, body: str = "hi", **options: object) -> HttpFacts:
    asked = HttpRequest(f"https://{HOST}/a", "192.0.2.1")
    return HttpFacts(asked, status, body_bytes=len(body), body_sample=body, **options)  # type: ignore[arg-type]


def test_headers_bodies_and_times_are_matched() -> None:
    facts = answer(headers=(("cache-control", "no-store"),), timings_ms=HttpTimings(first_byte=900))
    expectation = HttpExpectation(
        headers=(
            HeaderMatch("Cache-Control", "no-store"),
            HeaderMatch("X-Frame-Options"),
            HeaderMatch("Cache-Control", "max-age"),
            HeaderMatch("cache-control", absent=True),
        ),
        body_contains=("hi", "ho"),
        slower_than_ms=500,
    )
    found = judge(facts, expectation)
    assert [finding.name for finding in found] == [*["header-missing"] * 3, "body-unexpected", "slow"]
    assert "expected to hold max-age" in found[1].summary


def test_the_curl_command_is_quoted_and_keeps_secrets_out() -> None:
    asked = HttpRequest(
        "https://a.test:8443/x'; rm -rf /?q=$(id)",
        "::1",
        method="POST",
        headers=(("Authorization", "Bearer s3cret"), ("X-A", "it's")),
        ca_file="/tmp/my roots.pem",
    )
    command = reproduce(asked)
    words = shlex.split(command)
    assert words[words.index("--resolve") + 1] == "a.test:8443:[::1]"
    assert words[words.index("--cacert") + 1] == "/tmp/my roots.pem"
    assert words[-1] == asked.url
    assert "s3cret" not in command
    assert "X-A: it's" in words


async def test_secrets_reach_no_fact() -> None:
    reply = b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=s3cret; HttpOnly\r\nContent-Length: 0\r\n\r\n"
    async with answers(reply) as port:
        asked = request(port, headers=(("Authorization", "Bearer s3cret"), ("Cookie", "a=s3cret")))
        facts = await observe(asked)
    assert facts.header("set-cookie") == "sid=(hidden); HttpOnly"
    assert b"s3cret" not in msgspec.json.encode(facts)
    assert "s3cret" not in repr(asked)


texts = st.text(max_size=40)
header_names = st.sampled_from(["location", "vary", "set-cookie", "x"])
anything = st.builds(
    HttpFacts,
    request=st.builds(
        HttpRequest,
        st.one_of(texts, st.just("https://a.test/x")),
        texts,
        texts,
        st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
        st.none() | texts,
    ),
    status=st.none() | st.integers(-1, 700),
    headers=st.lists(st.tuples(header_names, texts), max_size=4).map(tuple),
    http_version=texts,
    body_bytes=st.integers(0, 10),
    body_sample=texts,
    body_complete=st.booleans(),
    error=st.sampled_from(["", "refused", "timeout", "tls", "reset", "protocol", "local", "request", "new"]),
    error_detail=texts,
)


@settings(max_examples=40, deadline=None)
@given(anything, anything, texts)
def test_judges_answer_anything(old: HttpFacts, new: HttpFacts, text: str) -> None:
    expectation = HttpExpectation(headers=(HeaderMatch(text, text),), body_contains=(text,))
    for finding in (*judge(old), *judge(new, expectation)):
        for line in (finding.summary, finding.reproduce, *finding.evidence):
            assert clean(line, 10_000) == line
