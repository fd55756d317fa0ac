"""HTTP/1.0, 1.1 and 2 as they go out, what TLS and HTTP agree on, and connections that are used again."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl

import msgspec
import pytest
from h2.connection import H2Connection
from http_kit import HOST, OK, certified, says, serving, session, speaks_h2, to, told
from pointsman.probes.wire.http.facts import HttpExpectation, HttpFacts, HttpRequest, filler
from pointsman.probes.wire.http.judge import judge
from pointsman.probes.wire.http.observe import observe

Asked = list[tuple[dict[bytes, bytes], bytes]]


def hello(asked: Asked) -> object:
    def answer(connection: H2Connection, stream: int, headers: dict[bytes, bytes], body: bytes) -> None:
        asked.append((headers, body))
        connection.send_headers(stream, [(b":status", b"200"), (b"x-a", b"1")])
        connection.send_data(stream, b"hello")
        connection.send_headers(stream, [(b"x-sum", b"5")], end_stream=True)

    return answer


async def test_http10_is_written_as_http10() -> None:
    heads: list[bytes] = []
    async with serving(says(b"HTTP/1.0 200 OK\r\n\r\nall until the end", heads)) as port:
        facts = await observe(to(port, protocol="http/1.0"))
    assert heads[0].startswith(b"GET / HTTP/1.0\r\nHost: " + HOST.encode())
    assert (facts.http_version, facts.body_sample, facts.body_complete) == (
        "HTTP/1.0",
        "all until the end",
        True,
    )


async def test_a_proxy_that_refuses_http10_is_told_with_the_cause() -> None:
    async with serving(says(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")) as port:
        facts = await observe(to(port, protocol="http/1.0"))
    (only,) = judge(facts)
    assert only.name == "unexpected-status"
    assert "HTTP/1.0 is refused" in only.summary
    assert "--http1.0" in only.reproduce


async def test_what_is_sent_is_what_was_asked_byte_for_byte() -> None:
    heads: list[bytes] = []
    asked = {
        "send_host": "Unknown.example.",
        "send_target": "http://app.shop.test/a/../b%2F",
        "headers": (("x_under_score", "1"), ("X-Empty", ""), ("x-ütf".replace("ü", "u"), "ü")),
    }
    async with serving(says(OK, heads)) as port:
        facts = await observe(to(port, **asked))
    assert facts.status == 200
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"GET http://app.shop.test/a/../b%2F HTTP/1.1"
    assert b"Host: Unknown.example." in lines
    assert b"x_under_score: 1" in lines
    assert b"X-Empty: " in lines
    assert "x-utf: ü".encode() in lines


@pytest.mark.parametrize(
    "options",
    [
        {"headers": (("X-A", "b\r\nX-B: c"),)},
        {"headers": (("X A", "b"),)},
        {"send_host": "a\r\nb"},
        {"send_target": "/a b"},
        {"method": "GET / HTTP/1.1\r\nX"},
        {"method": "POST"},
        {"method": "DELETE"},
        {"headers": (("X-A", "\ud800"),)},
    ],
)
async def test_what_could_harm_is_not_sent(options: dict[str, object]) -> None:
    heads: list[bytes] = []
    async with serving(says(OK, heads)) as port:
        facts = await observe(to(port, **options))
    assert (facts.error, heads) == ("request", [])
    assert told(judge(facts)) == [("could-not-ask", "UNKNOWN")]


async def test_http2_over_tls_has_its_authority_trailers_and_tls_facts() -> None:
    asked: Asked = []
    context = certified().server("h2", "http/1.1")
    async with serving(speaks_h2(hello(asked)), context) as port:  # type: ignore[arg-type]
        facts = await observe(to(port, "/p?q=1", "https", protocol="h2", headers=(("Host", HOST),)))
    assert facts.error == "", facts.error_detail
    headers = asked[0][0]
    assert (headers[b":authority"], headers[b":path"], headers[b":scheme"]) == (
        HOST.encode(),
        b"/p?q=1",
        b"https",
    )
    assert b"host" not in headers
    assert headers[b"user-agent"].startswith(b"pointsman/")
    assert (facts.status, facts.http_version, facts.alpn) == (200, "HTTP/2", "h2")
    assert facts.trailers == (("x-sum", "5"),)
    assert facts.tls_version == "TLSv1.3"
    der = ssl.PEM_cert_to_DER_cert(certified().chain.read_text())
    assert facts.leaf_sha256 == hashlib.sha256(der).hexdigest()
    assert told(judge(facts)) == [("answers-as-expected", "PASS")]


async def test_http2_without_tls_by_prior_knowledge_and_to_a_server_that_has_none() -> None:
    asked: Asked = []
    async with serving(speaks_h2(hello(asked))) as port:  # type: ignore[arg-type]
        facts = await observe(to(port, protocol="h2", method="POST", unsafe=True, body=b"x" * 200_000))
    assert facts.status == 200
    assert asked[0][1] == b"x" * 200_000
    assert (facts.sent_bytes, facts.sent_sha256) == (200_000, hashlib.sha256(b"x" * 200_000).hexdigest())
    async with serving(says(OK)) as port:
        facts = await observe(to(port, protocol="h2"))
    assert (facts.error, facts.error_detail) == ("protocol", "the answer is HTTP/1.1, not HTTP/2")


async def test_a_server_that_does_not_agree_to_http2_is_told() -> None:
    for alpn, words in ((("http/1.1",), "chose http/1.1"), ((), "agreed to no protocol")):
        async with serving(says(OK), certified().server(*alpn)) as port:
            facts = await observe(to(port, scheme="https", protocol="h2"))
            auto = await observe(to(port, scheme="https", protocol="auto"))
        (only,) = judge(facts)
        assert (only.name, words in only.summary) == ("http2-not-agreed", True)
        assert (auto.status, auto.http_version) == (200, "HTTP/1.1")


async def test_sni_and_host_may_differ_and_the_dot_stays_out_of_sni() -> None:
    names: list[str | None] = []
    context = certified().server("http/1.1")
    context.sni_callback = lambda _ssl, name, _context: names.append(name)  # type: ignore[assignment]
    heads: list[bytes] = []
    async with serving(says(OK, heads), context) as port:
        dotted = await observe(to(port, scheme="https", host=f"{HOST}."))
        other = await observe(to(port, scheme="https", sni="other.shop.test"))
        wrong = await observe(to(port, scheme="https", sni="elsewhere.test"))
        nameless = await observe(to(port, scheme="https", sni=""))
    assert [dotted.status, other.status, wrong.error, nameless.status] == [200, 200, "tls", 200]
    assert names == [HOST, "other.shop.test", "elsewhere.test", None]
    assert f"Host: {HOST}.:{port}".encode() in heads[0]
    assert "elsewhere.test" in wrong.error_detail


async def test_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        pytest.skip("needs IPv6 on loopback")
    async with serving(says(OK), certified().server(), "::1") as port:
        roots = str(certified().roots)
        facts = await observe(HttpRequest(f"https://{HOST}:{port}/", "[::1]", ca_file=roots))
    assert facts.status == 200
    assert judge(facts)[0].subject.endpoint == f"[::1]:{port}"  # type: ignore[union-attr]
    assert f"{HOST}:{port}:[::1]" in judge(facts)[0].reproduce


async def test_trailers_interim_answers_and_http1_chunks() -> None:
    reply = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
        b"Set-Cookie: a=secret; Path=/\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 2\r\nSet-Cookie: b=secret\r\n\r\n"
    )
    async with serving(says(reply)) as port:
        facts = await observe(to(port))
    assert (facts.status, facts.interim, facts.body_sample) == (200, (103,), "hi")
    assert facts.trailers == (("x-sum", "2"), ("set-cookie", "b=(hidden)"))
    assert b"secret" not in msgspec.json.encode(facts)


async def test_an_answer_before_the_body_is_through_is_told() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        await reader.read(1000)

    body = filler(8 * 1024 * 1024)
    async with serving(refuse) as port:
        facts = await observe(to(port, method="POST", unsafe=True, body=body))
    assert facts.status == 413, facts.error_detail
    (only,) = judge(facts)
    assert "larger than a proxy" in only.summary
    assert only.reproduce.startswith(f"head -c {len(body)} /dev/zero | tr '\\0' 0 | curl ")
    assert len(msgspec.json.encode(facts)) < 5000


async def test_connections_are_used_again_only_where_that_is_asked() -> None:
    ports: set[int] = set()

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            await reader.readuntil(b"\r\n\r\n")
            ports.add(writer.get_extra_info("peername")[1])
            writer.write(OK)

    async with serving(patient, certified().server("http/1.1")) as port:
        async with session(keep=True) as kept:
            facts = [await kept.observe(to(port, scheme="https")) for _ in range(3)]
            assert [one.status for one in facts] == [200] * 3
            assert facts[0].timings_ms.connect is not None
            assert facts[2].timings_ms.connect is None
            assert facts[2].leaf_sha256 == facts[0].leaf_sha256
            assert len(ports) == 1
            # the server hangs up after the third: the next request makes a connection of its own
            again = await kept.observe(to(port, scheme="https"))
            assert (again.status, len(ports)) == (200, 2)
        async with session() as fresh:
            for _ in range(2):
                assert (await fresh.observe(to(port, scheme="https"))).status == 200
    assert len(ports) == 4


async def test_an_http2_connection_is_used_again() -> None:
    asked: Asked = []
    context = certified().server("h2")
    async with serving(speaks_h2(hello(asked)), context) as port, session(keep=True) as kept:  # type: ignore[arg-type]
        facts = [await kept.observe(to(port, scheme="https", protocol="h2")) for _ in range(4)]
    assert [one.status for one in facts] == [200] * 4
    assert [one.timings_ms.connect is None for one in facts] == [False, True, True, True]


async def test_the_timing_is_a_breakdown() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"i")

    async with serving(slow, certified().server()) as port:
        facts = await observe(to(port, scheme="https"))
    times = facts.timings_ms
    assert times.connect is not None
    assert times.tls is not None
    assert times.first_byte is not None
    assert times.connect <= times.tls <= times.first_byte - 45
    assert times.first_byte + 45 <= times.total
    assert told(judge(facts, HttpExpectation(slower_than_ms=20))) == [("slow", "WARN")]


async def test_a_secret_header_is_in_no_fact_and_no_command() -> None:
    async with serving(says(OK)) as port:
        headers = (("Authorization", "Bearer s3cret"), ("X-Auth-Token", "s3cret"), ("X-Api-Key", "s3cret"))
        facts: HttpFacts = await observe(to(port, headers=headers))
    assert b"s3cret" not in msgspec.json.encode(facts)
    (only,) = judge(facts)
    assert "s3cret" not in repr(only)
    assert '-H "X-Auth-Token: $X_AUTH_TOKEN"' in only.reproduce


async def test_a_client_certificate_that_is_wanted_is_told_as_tls() -> None:
    context = certified().server("http/1.1")
    context.load_verify_locations(certified().roots)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            # asyncio's server drops the alert that this is about
            plain, _ = listening.accept()
            with plain, pytest.raises(ssl.SSLError):
                context.wrap_socket(plain, server_side=True)

        refusing = asyncio.create_task(asyncio.to_thread(refuse))
        facts = await observe(to(listening.getsockname()[1], scheme="https"))
        await refusing
    # with TLS 1.3 the handshake succeeds, and the refusal comes when the answer is read
    assert (facts.error, facts.tls_version) == ("tls", "TLSv1.3")
    assert "certificate required" in facts.error_detail
    assert told(judge(facts)) == [("tls-failed", "FAIL")]


async def test_every_way_to_fail_over_http2_has_its_kind() -> None:
    def reset(connection: H2Connection, stream: int, _headers: object, _body: object) -> None:
        connection.reset_stream(stream, 7)

    def go_away(connection: H2Connection, _stream: int, _headers: object, _body: object) -> None:
        connection.close_connection(13, last_stream_id=0)

    def half(connection: H2Connection, stream: int, _headers: object, _body: object) -> None:
        connection.send_headers(stream, [(b":status", b"200")])
        connection.reset_stream(stream, 2)

    for answer, words in (
        (reset, "the stream was reset: REFUSED_STREAM"),
        (go_away, "the connection was ended (GOAWAY): HTTP_1_1_REQUIRED"),
        (half, "the stream was reset: INTERNAL_ERROR"),
    ):
        async with serving(speaks_h2(answer)) as port:
            facts = await observe(to(port, protocol="h2"))
        assert (facts.error, facts.error_detail, facts.status) == ("reset", words, None)
        assert told(judge(facts)) == [("connection-broken", "FAIL")]


@pytest.mark.parametrize(
    "host", ["a..b", ".a.test", f"{'x' * 64}.test", "-", "a_b.test", "xn--a.test", "*.test"]
)
async def test_odd_hosts_are_sent_or_told(host: str) -> None:
    async with serving(says(OK), certified().server()) as port:
        secure = await observe(to(port, scheme="https", host=host))
    async with serving(says(OK)) as port:
        plain = await observe(to(port, host=host))
    assert secure.error in ("request", "tls")
    assert plain.status == 200
    assert all(finding.summary for finding in (*judge(secure), *judge(plain)))
