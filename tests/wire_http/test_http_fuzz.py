"""Random bytes for an answer: a verdict in time, and never an exception."""

from __future__ import annotations

import asyncio
import time

import msgspec
from http_kit import serving, session, to
from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pointsman.cluster.text import clean
from pointsman.probes.wire.http.asking import HttpAsk, ask
from pointsman.probes.wire.http.facts import HttpExpectation

DEADLINE = 0.25
EXPECTED = HttpExpectation(body_contains=("x",), body_patterns=("x+",), body_json=(("/a", "1"),))

lines = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 301 \r\n", b"HTTP/1.1 101 Switching Protocols\r\n"),
        *(b"HTTP/1.1 103 E\r\n\r\n", b"HTTP/1.1 304 N\r\n", b"HTTP/9.9 200\r\n", b"\r\n", b"\r\n\r\n"),
        *(b"Content-Length: 3\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n", b"Location: //x\r\n"),
        *(b"Location: /a\r\n", b"Upgrade: websocket\r\n", b"Set-Cookie: a=b\r\n", b"X: \xff\xfe\r\n"),
        *(b"Content-Type: text/event-stream\r\n", b"Connection: close\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n"),
    ]
)
http1 = st.lists(st.one_of(lines, st.binary(max_size=30)), max_size=12).map(b"".join)
frames = st.sampled_from(
    [
        SettingsFrame().serialize(),
        SettingsFrame(flags=["ACK"]).serialize(),
        HeadersFrame(1, b"\x88", flags=["END_HEADERS"]).serialize(),
        HeadersFrame(1, b"\x88\x80", flags=["END_HEADERS"]).serialize(),
        HeadersFrame(1, b"\x48\x03103", flags=["END_HEADERS"]).serialize(),
        HeadersFrame(3, b"\x88", flags=["END_HEADERS", "END_STREAM"]).serialize(),
        DataFrame(1, b"\x00\x00\x00\x00\x02\x08\x01").serialize(),
        DataFrame(1, b"x", flags=["END_STREAM"]).serialize(),
        RstStreamFrame(1, error_code=7).serialize(),
        GoAwayFrame(0, last_stream_id=0, error_code=13).serialize(),
    ]
)
http2 = st.lists(st.one_of(frames, st.binary(max_size=20)), max_size=8).map(
    lambda parts: SettingsFrame().serialize() + b"".join(parts)
)


async def one(reply: bytes, kind: str, protocol: str, stays: bool) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(reply)
        if stays:
            await writer.drain()
            await reader.read()
            await asyncio.sleep(5)

    async with serving(handle) as port, session() as opened:
        request = to(port, "/a", timeout_s=DEADLINE, protocol=protocol, follow=2)
        began = time.monotonic()
        facts, found = await ask(opened, HttpAsk(request, kind, EXPECTED))  # type: ignore[arg-type]
        assert time.monotonic() - began < DEADLINE + 1.0
    assert found
    for finding in found:
        for text in (finding.summary, finding.reproduce, *finding.evidence):
            assert clean(text, 10_000) == text
    msgspec.json.encode(facts)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(http1, st.sampled_from(["http", "websocket", "events"]), st.booleans())
def test_any_http1(reply: bytes, kind: str, stays: bool) -> None:
    asyncio.run(one(reply, kind, "http/1.1", stays))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(http2, st.sampled_from(["http", "grpc"]), st.booleans())
def test_any_http2(reply: bytes, kind: str, stays: bool) -> None:
    asyncio.run(one(reply, kind, "h2", stays))
