"""Servers that send too much, too slowly or for ever: a verdict in time, and little memory."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
import tracemalloc
import zlib

import pytest
from h2.connection import H2Connection
from http_kit import Handler, certified, says, serving, speaks_h2, to, told
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from pointsman.probes.verdict import Verdict, worst
from pointsman.probes.wire.http.facts import BODY_LIMIT, HttpExpectation, HttpFacts
from pointsman.probes.wire.http.judge import judge
from pointsman.probes.wire.http.observe import observe

DEADLINE = 1.5


def endless(start: bytes, more: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(start)
        while True:
            writer.write(more)
            await writer.drain()
            # drain waits only where a buffer is full, and this server shares its loop with who asks
            await asyncio.sleep(0)

    return handle


def frames(*first: Frame, again: Frame) -> Handler:
    settings = SettingsFrame().serialize()
    return endless(
        settings + b"".join(frame.serialize() for frame in first), again.serialize() * max(1, 4096 // 20)
    )


async def bounded(handler: Handler, **options: object) -> tuple[HttpFacts, float, float]:
    """The facts, the seconds it took, and the most memory in MiB."""
    options.setdefault("timeout_s", DEADLINE)
    async with serving(handler) as port:
        tracemalloc.start()
        began = time.monotonic()
        try:
            facts = await observe(to(port, **options))
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    return facts, time.monotonic() - began, peak / 2**20


HEAD = b"HTTP/1.1 200 OK\r\n"
HTTP1 = {
    "thousands of headers": (endless(HEAD, b"X-A: 1\r\n" * 100), "headers"),
    "a header line without end": (endless(HEAD + b"X-A: ", b"a" * 4096), "headers"),
    "a status line without end": (endless(b"HTTP/1.1 200 ", b"a" * 4096), "headers"),
    "interim answers": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50), "interim"),
}


@pytest.mark.parametrize("case", HTTP1)
async def test_http1_bombs_break_a_bound(case: str) -> None:
    handler, limit = HTTP1[case]
    facts, seconds, mebibytes = await bounded(handler)
    assert (facts.error, facts.limit) == ("protocol", limit), facts.error_detail
    assert told(judge(facts)) == [("answer-out-of-bounds", "FAIL")]
    assert seconds < DEADLINE + 0.5
    assert mebibytes < 8


_PARTIAL = HeadersFrame(1, data=b"\x88")
HTTP2 = {
    "PING": (frames(again=PingFrame(0, b"12345678")), "frames"),
    "SETTINGS": (frames(again=SettingsFrame(0, settings={4: 70_000})), "frames"),
    "WINDOW_UPDATE": (frames(again=WindowUpdateFrame(0, window_increment=1)), "frames"),
    "CONTINUATION": (frames(_PARTIAL, again=ContinuationFrame(1, b"\x00\x01a\x01b")), None),
    "empty DATA": (frames(HeadersFrame(1, b"\x88", flags=["END_HEADERS"]), again=DataFrame(1)), "frames"),
    "garbage": (endless(b"\x00\x40\x00", b"\xff" * 4096), ""),
    "SSH": (endless(b"SSH-2.0-OpenSSH_9.2p1\r\n", b"x"), ""),
}


@pytest.mark.parametrize("case", HTTP2)
async def test_http2_floods_break_a_bound(case: str) -> None:
    handler, limit = HTTP2[case]
    facts, seconds, mebibytes = await bounded(handler, protocol="h2")
    assert facts.error == "protocol", facts.error_detail
    if limit is not None:
        assert facts.limit == limit
    assert worst(one.verdict for one in judge(facts)) is Verdict.FAIL
    assert seconds < DEADLINE + 0.5
    assert mebibytes < 8


async def test_a_header_list_that_inflates_breaks_a_bound() -> None:
    # HPACK: one long header, then one byte for each time it is said again
    def answer(connection: H2Connection, stream: int, _headers: object, _body: object) -> None:
        block = connection.encoder.encode([(b":status", b"200"), (b"x-a", b"b" * 3000)]) + b"\xbe" * 1000
        frame = HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"])
        connection._data_to_send += frame.serialize()

    facts, _, mebibytes = await bounded(speaks_h2(answer), protocol="h2")
    assert (facts.error, facts.limit) == ("protocol", "headers"), facts.error_detail
    assert mebibytes < 8


@pytest.mark.parametrize("protocol", ["http/1.1", "http/1.0", "h2"])
async def test_a_gigabyte_is_read_up_to_its_limit(protocol: str) -> None:
    chunked = endless(HEAD + b"Content-Length: 1073741824\r\n\r\n", b"x" * 65536)
    if protocol == "h2":
        begin = HeadersFrame(1, b"\x88", flags=["END_HEADERS"])
        chunked = endless(
            SettingsFrame().serialize() + begin.serialize(), DataFrame(1, b"x" * 16000).serialize()
        )
    facts, seconds, mebibytes = await bounded(chunked, protocol=protocol, timeout_s=5)
    assert facts.error in ("", "protocol")
    if protocol != "h2":
        # a server that sends beyond the window breaks HTTP/2 itself
        assert (facts.status, facts.body_bytes, facts.body_complete) == (200, BODY_LIMIT, False)
    assert seconds < 5
    assert mebibytes < 12


async def test_an_http2_body_stops_at_the_window() -> None:
    def answer(connection: H2Connection, stream: int, _headers: object, _body: object) -> None:
        connection.send_headers(stream, [(b":status", b"200")])
        left = connection.local_flow_control_window(stream)
        while left > 0:
            size = min(left, connection.max_outbound_frame_size)
            connection.send_data(stream, b"x" * size)
            left -= size

    facts, seconds, _ = await bounded(speaks_h2(answer), protocol="h2", timeout_s=5)
    assert (facts.status, facts.body_bytes, facts.body_complete) == (200, BODY_LIMIT, False)
    assert seconds < 5


async def longest_gap(gaps: list[float]) -> None:
    """Notes how long the loop kept others waiting; for ever."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.001)
        gaps.append(time.monotonic() - began)


async def test_endless_chunks_leave_the_loop_to_others_and_a_trickle_ends() -> None:
    gaps: list[float] = []
    chunks = endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 5000)
    async with serving(chunks) as port:
        watching = asyncio.create_task(longest_gap(gaps))
        facts = await observe(to(port, timeout_s=DEADLINE))
        watching.cancel()
    assert facts.body_bytes == BODY_LIMIT or facts.error == "timeout"
    assert facts.timings_ms.total < (DEADLINE + 1) * 1000
    # without a pause among the chunks it is hardly ever anybody's turn
    assert len(gaps) > 12, len(gaps)

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)

    facts, seconds, _ = await bounded(trickle, timeout_s=0.4)
    assert facts.error == "timeout"
    assert "the body took longer than 0.4 s (after 200, " in facts.error_detail
    assert 0.35 < seconds < 1.5


async def test_a_compressed_bomb_is_not_let_out() -> None:
    bomb = gzip.compress(b"\x00" * 64 * 2**20, 1)
    assert len(bomb) < 400_000
    reply = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
    facts, seconds, mebibytes = await bounded(says(reply), timeout_s=5)
    assert (facts.status, facts.decoded_bytes, facts.content_encoding) == (200, BODY_LIMIT, "gzip")
    assert facts.body_bytes == len(bomb)
    assert seconds < 5
    assert mebibytes < 8


@pytest.mark.parametrize(
    ("encoding", "body", "found"),
    [
        ("gzip", gzip.compress(b"hello"), "hello"),
        ("deflate", zlib.compress(b"hello"), "hello"),
        ("deflate", zlib.compress(b"hello")[2:-4], "hello"),
        ("br", b"hello", None),
    ],
    ids=["gzip", "deflate", "raw deflate", "br"],
)
async def test_bodies_are_matched_decoded(encoding: str, body: bytes, found: str | None) -> None:
    reply = HEAD + f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    facts, _, _ = await bounded(says(reply), headers=(("Accept-Encoding", "gzip, deflate, br"),))
    assert facts.content_encoding == encoding
    if found is not None:
        assert (facts.body_sample, facts.decoded_bytes) == (found, 5)
        assert told(judge(facts, HttpExpectation(body_contains=(found,)))) == [
            ("answers-as-expected", "PASS")
        ]


async def test_a_broken_encoding_is_told() -> None:
    for body in (b"not gzip at all", gzip.compress(b"hello" * 1000)[:-12]):
        reply = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        facts, _, _ = await bounded(says(reply))
        assert told(judge(facts)) == [("encoding-broken", "FAIL")]


async def test_tls_that_never_ends_and_is_none() -> None:
    context = certified().server("http/1.1")

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port:
        facts = await observe(to(port, scheme="https", timeout_s=0.3))
    assert (facts.error, facts.error_detail) == ("timeout", "the TLS handshake took longer than 0.3 s")
    async with serving(endless(b"\x16\x03\x03\x40\x00\x02", b"\x00" * 4096)) as port:
        facts = await observe(to(port, scheme="https", timeout_s=DEADLINE))
    assert facts.error in ("tls", "timeout", "protocol")
    async with serving(silent, context) as port:
        facts = await observe(to(port, scheme="https", timeout_s=0.3))
    assert facts.error_detail == "the first byte took longer than 0.3 s"
