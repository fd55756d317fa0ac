"""gRPC health, WebSocket and event streams against servers that do it well, badly and otherwise."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest
from aiohttp import web
from h2.connection import H2Connection
from http_kit import OK, certified, says, serving, session, speaks_h2, to, told
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.text import clean
from pointsman.probes.wire.http.events import EventsFacts, judge_events, observe_events
from pointsman.probes.wire.http.facts import HttpFacts, HttpRequest
from pointsman.probes.wire.http.grpc import GrpcFacts, framed, health_of, judge_health, observe_health
from pointsman.probes.wire.http.websocket import (
    WebSocketFacts,
    judge_websocket,
    observe_websocket,
    websocket_url,
)

SERVING, NOT_SERVING = framed(b"\x08\x01"), framed(b"\x08\x02")
GRPC = [(b":status", b"200"), (b"content-type", b"application/grpc")]


def health(body: bytes, trailers: list[tuple[bytes, bytes]], asked: list[tuple[object, bytes]] | None = None):  # type: ignore[no-untyped-def]
    def answer(connection: H2Connection, stream: int, headers: dict[bytes, bytes], sent: bytes) -> None:
        if asked is not None:
            asked.append((headers, sent))
        connection.send_headers(stream, GRPC if trailers or body else [(b":status", b"200")])
        if body:
            connection.send_data(stream, body)
        if trailers:
            connection.send_headers(stream, trailers, end_stream=True)
        else:
            connection.end_stream(stream)

    return speaks_h2(answer)


OKAY = [(b"grpc-status", b"0")]


@pytest.mark.parametrize(
    ("body", "trailers", "judged", "words"),
    [
        (SERVING, OKAY, ("grpc-serving", "PASS"), "SERVING"),
        (NOT_SERVING, OKAY, ("grpc-not-serving", "FAIL"), "NOT_SERVING"),
        (framed(b""), OKAY, ("grpc-not-serving", "FAIL"), "UNKNOWN"),
        (b"", OKAY, ("grpc-not-serving", "UNKNOWN"), "no message"),
        (
            b"",
            [(b"grpc-status", b"12"), (b"grpc-message", b"no%20such")],
            ("grpc-health-unknown", "UNKNOWN"),
            "no such",
        ),
        (b"", [(b"grpc-status", b"5")], ("grpc-not-serving", "FAIL"), "NOT_FOUND"),
        (b"", [(b"grpc-status", b"14")], ("grpc-error", "FAIL"), "UNAVAILABLE"),
        (SERVING, [], ("grpc-status-missing", "FAIL"), "trailers"),
        (b"", [], ("not-grpc", "FAIL"), "200"),
    ],
)
async def test_grpc_health(
    body: bytes, trailers: list[tuple[bytes, bytes]], judged: tuple[str, str], words: str
) -> None:
    async with serving(health(body, trailers)) as port, session() as opened:
        facts = await observe_health(opened, to(port))
    (only,) = judge_health(facts)
    assert told((only,)) == [judged]
    assert words in only.summary


async def test_grpc_asks_by_name_over_tls_and_reads_a_status_in_the_headers() -> None:
    asked: list[tuple[dict[bytes, bytes], bytes]] = []
    async with (
        serving(health(SERVING, OKAY, asked), certified().server("h2")) as port,  # type: ignore[arg-type]
        session() as opened,
    ):
        facts = await observe_health(opened, to(port, "/any?x", "https"), "shop.Cart")
    headers, sent = asked[0]
    assert (headers[b":path"], headers[b":method"]) == (b"/grpc.health.v1.Health/Check", b"POST")
    assert (headers[b"te"], headers[b"content-type"]) == (b"trailers", b"application/grpc")
    assert sent == framed(b"\x0a\x09shop.Cart")
    assert (facts.code, facts.in_trailers, facts.serving) == (0, True, "SERVING")

    def only_headers(connection: H2Connection, stream: int, _headers: object, _body: object) -> None:
        connection.send_headers(stream, [*GRPC, (b"grpc-status", b"16")], end_stream=True)

    async with serving(speaks_h2(only_headers)) as port, session() as opened:
        facts = await observe_health(opened, to(port))
    assert (facts.code, facts.in_trailers) == (16, False)
    assert "UNAUTHENTICATED" in judge_health(facts)[0].summary


async def test_grpc_where_nobody_speaks_http2() -> None:
    async with serving(says(OK), certified().server("http/1.1")) as port, session() as opened:
        facts = await observe_health(opened, to(port, scheme="https"))
    assert told(judge_health(facts)) == [("http2-not-agreed", "FAIL")]


def upgraded(close: bytes, *, proof: bytes | None = None, frames: bytes = b""):  # type: ignore[no-untyped-def]
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        hashed = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        accept = proof or base64.b64encode(hashed)
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frames
        )
        if close:
            sent = await reader.readexactly(8)
            assert sent[0] == 0x88
            mask, payload = sent[2:6], sent[6:]
            assert bytes(a ^ b for a, b in zip(payload, mask, strict=False)) == b"\x03\xe8"
            writer.write(close)
        await reader.read()

    return handle


CLOSED = b"\x88\x02\x03\xe8"
LONG = b"\x82\x7e\x01\x00" + b"x" * 256


@pytest.mark.parametrize(
    ("handler", "judged", "code"),
    [
        (upgraded(CLOSED), ("websocket-open", "PASS"), 1000),
        (upgraded(CLOSED, frames=b"\x81\x02hi" + LONG), ("websocket-open", "PASS"), 1000),
        (upgraded(b"\x88\x00"), ("websocket-open", "PASS"), 1005),
        (upgraded(CLOSED, proof=b"AAAA"), ("websocket-not-proven", "FAIL"), 1000),
        (upgraded(b""), ("websocket-close-unanswered", "WARN"), None),
    ],
)
async def test_websocket(handler: object, judged: tuple[str, str], code: int | None) -> None:
    async with serving(handler) as port, session() as opened:  # type: ignore[arg-type]
        facts = await observe_websocket(opened, to(port, "/ws", timeout_s=0.7))
    assert told(judge_websocket(facts)) == [judged], facts
    assert facts.close_code == code
    assert "sec-websocket-key" not in repr(facts.http.headers)


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (200, "FAIL", "ignored"),
        (400, "FAIL", "did not reach"),
        (403, "UNKNOWN", "Origin"),
        (404, "FAIL", "no route"),
        (426, "FAIL", "did not reach"),
        (301, "FAIL", "do not follow"),
        (503, "FAIL", "no backend"),
    ],
)
async def test_a_refused_upgrade_is_told_with_its_cause(status: int, verdict: str, words: str) -> None:
    reply = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(says(reply)) as port, session() as opened:
        facts = await observe_websocket(opened, to(port, "/ws"))
    (only,) = judge_websocket(facts)
    assert told((only,)) == [("websocket-refused", verdict)]
    assert words in only.summary


async def test_websocket_and_events_of_a_real_application() -> None:
    async def socket(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        async for _ in response:
            pass
        return response

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": hello\n\n")
        await asyncio.sleep(30)
        return response

    app = web.Application()
    app.add_routes([web.get("/ws", socket), web.get("/events", stream)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with session() as opened:
            upgrade = await observe_websocket(opened, to(port, "/ws"))
            events = await observe_events(opened, to(port, "/events"))
    finally:
        await runner.cleanup()
    assert told(judge_websocket(upgrade)) == [("websocket-open", "PASS")]
    assert told(judge_events(events)) == [("events-flow", "PASS")]
    assert events.first_byte_ms is not None
    assert events.first_event_ms is not None
    assert events.http.timings_ms.total < 3000


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


@pytest.mark.parametrize(
    ("reply", "judged"),
    [
        (STREAM + b"\r\ndata: 1\r\n\r\n", ("events-flow", "PASS")),
        (STREAM + b"\r\ndata: 1\r\n", ("not-an-event-stream", "FAIL")),
        (STREAM + b"Content-Length: 100\r\n\r\ndata: 1\n", ("events-not-seen", "UNKNOWN")),
        (STREAM + b"Content-Length: 100\r\n\r\n", ("events-not-seen", "UNKNOWN")),
        (OK, ("not-an-event-stream", "FAIL")),
        (b"", ("no-answer", "FAIL")),
    ],
)
async def test_events(reply: bytes, judged: tuple[str, str]) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        if b"Content-Length: 100" in reply or not reply:
            await reader.read()

    async with serving(handle) as port, session() as opened:
        facts = await observe_events(opened, to(port, "/events", timeout_s=0.4))
    assert told(judge_events(facts)) == [judged]


def test_urls_of_websockets() -> None:
    assert websocket_url("wss://a.test/x") == "https://a.test/x"
    assert websocket_url("ws://a.test:1/") == "http://a.test:1/"
    assert websocket_url("https://a.test/") == "https://a.test/"


texts = st.text(max_size=30)
some_http = st.builds(
    HttpFacts,
    request=st.builds(HttpRequest, st.one_of(texts, st.just("https://a.test/x")), texts),
    status=st.none() | st.integers(-1, 700),
    headers=st.lists(st.tuples(st.sampled_from(["content-type", "location", "grpc-status"]), texts)).map(
        tuple
    ),
    error=st.sampled_from(["", "refused", "timeout", "tls", "local"]),
    error_detail=texts,
)


@settings(max_examples=30, deadline=None)
@given(some_http, st.binary(max_size=40), texts, st.none() | st.integers(-5, 5000), texts)
def test_judges_of_kinds_answer_anything(
    http: HttpFacts, body: bytes, text: str, number: int | None, other: str
) -> None:
    kinds = (
        judge_health(health_of(http, text, body)),
        judge_health(GrpcFacts(http, text, number, other, True, text)),
        judge_websocket(WebSocketFacts(http, number is None, text, number, other)),
        judge_events(EventsFacts(http, number, number, 3)),
    )
    for (only,) in kinds:
        for line in (only.summary, only.reproduce, *only.evidence):
            assert clean(line, 10_000) == line
