"""Resolvers over TLS and over HTTPS, on loopback, with a certificate authority of the test's own."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import dns.message
import pytest
from aiohttp import web
from dns_wire_kit import Sent, answer, serving
from pointsman.probes.wire.dns.facts import DnsServerFacts, DnsTarget, reproduce
from pointsman.probes.wire.dns.observe import observe
from pointsman.sandbox.pki import PracticeCa

NAME = "store.shop.test"
_MESSAGE = "application/dns-message"
Answered = Callable[[web.Request, bytes], web.Response]


def own(query: dns.message.Message, _wire: bytes = b"", _over: str = "") -> bytes:
    return answer(query, f"{NAME}. 41 A 192.0.2.1", aa=False)


@pytest.fixture(scope="module")
def ca() -> PracticeCa:
    return PracticeCa()


@pytest.fixture
def roots(ca: PracticeCa, tmp_path: Path) -> str:
    path = tmp_path / "roots.pem"
    path.write_bytes(ca.root_pem)
    return str(path)


def context(ca: PracticeCa, *names: str) -> ssl.SSLContext:
    return ca.issue(names).server_context()


@contextlib.asynccontextmanager
async def over_https(ca: PracticeCa, answered: Answered) -> AsyncIterator[str]:
    """``https://127.0.0.1:port/dns-query``, answered by a function of the request and its body."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return answered(request, await request.read())

    application = web.Application()
    application.router.add_post("/dns-query", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context(ca, "127.0.0.1"))
    await site.start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/dns-query"
    finally:
        await runner.cleanup()


def good(request: web.Request, body: bytes) -> web.Response:
    assert request.content_type == _MESSAGE
    assert request.headers["User-Agent"].startswith("pointsman/")
    query = dns.message.from_wire(body)
    assert query.id == 0
    return web.Response(body=own(query), content_type=_MESSAGE)


async def ask(resolver: str, roots: str, timeout_s: float = 2.0) -> DnsServerFacts:
    target = DnsTarget(NAME, (), (resolver,), ("A", "AAAA"), timeout_s=timeout_s, ca_file=roots)
    return (await observe(target)).servers[0]


async def test_dns_over_tls_on_one_connection(ca: PracticeCa, roots: str) -> None:
    async with serving(own, tls=context(ca, "dns.test", "127.0.0.1")) as (where, heard):
        for spec in (f"tls://{where}", f"tls://{where}#dns.test"):
            server = await ask(spec, roots)
            assert server.error == ""
            assert server.answers[0].values() == ("192.0.2.1",)
            assert (server.answers[0].rrsets[0].ttl, server.answers[0].over_tcp) == (41, True)
    assert len(heard.questions) == 4


async def test_a_certificate_for_another_name_or_of_another_authority_is_told(
    ca: PracticeCa, roots: str
) -> None:
    async with serving(own, tls=context(ca, "dns.test")) as (where, _):
        server = await ask(f"tls://{where}#other.test", roots)
        assert (server.error, "other.test" in server.answers[0].error_detail) == ("tls", True)
        server = await ask(f"tls://{where}", roots)
        assert server.error == "tls"
        server = await ask(f"tls://{where}#dns.test", "")
        assert server.error in ("tls", "local")
    async with serving(own) as (where, _):
        server = await ask(f"tls://{where}", roots, timeout_s=0.5)
        assert server.error in ("tls", "timeout", "malformed")


async def test_a_resolver_that_hangs_up_after_each_answer_is_asked_again(ca: PracticeCa, roots: str) -> None:
    asked: list[int] = []

    def once(query: dns.message.Message, _wire: bytes, _over: str) -> Sent:
        asked.append(1)
        if len(asked) == 2:
            # what closes here is a connection that has served before: that says nothing of this question
            raise ConnectionResetError
        return own(query)

    async with serving(once, tls=context(ca, "127.0.0.1")) as (where, _):
        server = await ask(f"tls://{where}", roots)
    assert [one.error for one in server.answers] == ["", ""]
    assert len(asked) == 3


async def test_dns_over_https(ca: PracticeCa, roots: str) -> None:
    async with over_https(ca, good) as url:
        server = await ask(url, roots)
    assert [one.error for one in server.answers] == ["", ""]
    assert server.answers[0].values() == ("192.0.2.1",)


def sends(**options: Any) -> Answered:
    return lambda _request, _body: web.Response(**options)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (sends(status=503), "http", "status 503"),
        (sends(status=302, headers={"Location": "http://x/"}), "http", "status 302"),
        (sends(text="hello"), "http", "text/plain"),
        (sends(body=b"x", content_type=_MESSAGE), "malformed", "does not answer"),
        (sends(body=b"x" * 70_000, content_type=_MESSAGE), "malformed", "64 KiB"),
    ],
)
async def test_what_else_may_come_over_https(
    ca: PracticeCa, roots: str, reply: Answered, error: str, words: str
) -> None:
    async with over_https(ca, reply) as url:
        server = await ask(url, roots)
    assert (server.error, words in server.answers[0].error_detail) == (error, True), server.answers[0]


async def test_https_that_is_not_there_or_not_trusted(ca: PracticeCa, roots: str) -> None:
    async with over_https(ca, good) as url:
        untrusted = await ask(url, "")
        assert untrusted.error in ("tls", "local"), untrusted.answers[0]
    server = await ask(url, roots)
    assert server.error in ("refused", "unreachable"), server.answers[0]
    async with serving(lambda query, _wire, _over: None) as (where, _):
        started = time.monotonic()
        server = await ask(f"https://{where}/", roots, timeout_s=0.4)
        assert server.error == "timeout", server.answers[0]
        assert time.monotonic() - started < 2.0


def test_the_commands_that_show_the_same() -> None:
    target = DnsTarget(NAME, (), ("tls://1.1.1.1#one.test", "https://dns.test/dns-query"))
    assert reproduce(target, "tls://1.1.1.1#one.test", "A", "resolver") == (
        f"dig @1.1.1.1 -p 853 +tls +tls-hostname=one.test {NAME} A"
    )
    assert reproduce(target, "https://dns.test/dns-query", "A", "resolver") == (
        f"dig @dns.test -p 443 +https=/dns-query {NAME} A"
    )
