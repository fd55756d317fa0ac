"""Ports that answer badly or never: a classified error for each, within the deadline, nothing left open."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
from OpenSSL import SSL
from pointsman.probes.verdict import Verdict, worst
from pointsman.probes.wire.tls.contexts import Profile, context_for
from pointsman.probes.wire.tls.facts import TlsTarget
from pointsman.probes.wire.tls.handshake import handshake
from pointsman.probes.wire.tls.judge import judge
from pointsman.probes.wire.tls.observe import observe
from tls_fixture_kit import cases, policy_of, target_of
from tls_fixture_server import Mood, by_name, serving
from tls_wire_kit import (
    Handler,
    Visits,
    alert,
    answering,
    closes,
    floods,
    lost_syns,
    record,
    resets,
    says,
    silent,
    trickles,
)

USUAL = next(one for one in cases() if one.name == "01-ok-ecdsa")
HOST = "app.example.test"
HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def target(port: int, timeout_s: float = 3.0, attempts: int = 1) -> TlsTarget:
    return TlsTarget("127.0.0.1", port, HOST, attempts=attempts, timeout_s=timeout_s)


ANSWERS: list[tuple[str, Handler, str, str]] = [
    ("http", says(HTTP), "not-tls", "the port speaks plain HTTP"),
    ("ssh", says(b"SSH-2.0-OpenSSH_9.2\r\n"), "not-tls", "it begins 'SSH-2.0-OpenSSH_9.2'"),
    ("control", says(b"\x1b[2J\x07\x00\x01\x02"), "not-tls", "the answer is not TLS"),
    ("zeros", says(bytes(64)), "not-tls", "the answer is not TLS"),
    ("reset", resets, "reset", "reset"),
    ("close", closes, "reset", "closed"),
    ("unrecognized", says(alert(112)), "alert", "unrecognized_name (alert 112)"),
    ("handshake-failure", says(alert(40)), "alert", "handshake_failure (alert 40)"),
    ("unknown-alert", says(alert(200)), "alert", "alert 200"),
    ("wrong-message", says(record(22, b"\x0b\x00\x00\x03\x00\x00\x00")), "protocol", ""),
    ("broken-hello", says(record(22, b"\x02\x00\x00\x02\x03\x03")), "protocol", ""),
    ("long-record", says(b"\x16\x03\x03\xff\xff" + bytes(200)), "protocol", ""),
]


@pytest.mark.parametrize(
    ("handler", "error", "words"), [one[1:] for one in ANSWERS], ids=[one[0] for one in ANSWERS]
)
async def test_an_answer_that_is_no_handshake(handler: Handler, error: str, words: str) -> None:
    async with answering(handler) as port:
        facts = await observe(target(port))
    for one in (facts.named[0], facts.random_name, facts.no_name):
        assert one is not None
        assert one.error == error
        assert words in one.error_detail
        assert one.error_detail.isprintable()
        assert not one.chain
        assert not one.version
    assert worst(one.verdict for one in judge(facts, policy_of(USUAL.fixture))) is Verdict.FAIL


LATE: list[tuple[str, Handler, str]] = [
    ("silent", silent, "connected, and no answer within 0.4 s"),
    ("trickle", trickles(record(22, bytes([2, 0, 16, 0]) * 9), 0.01), "begun and not over within 0.4 s"),
    ("half", says(b"\x16\x03"), "begun and not over within 0.4 s"),
]


@pytest.mark.parametrize(("handler", "words"), [one[1:] for one in LATE], ids=[one[0] for one in LATE])
async def test_the_deadline_is_for_the_whole_target(handler: Handler, words: str) -> None:
    visits = Visits()
    async with answering(handler, visits=visits) as port:
        began = time.monotonic()
        facts = await observe(replace(target(port, 0.4, attempts=7), depth="full"))
        assert time.monotonic() - began < 1.5
        await asyncio.wait_for(visits.gone.wait(), 2)
    made = [one for one in facts.named if one.error == "timeout"]
    assert made
    assert all(words in one.error_detail for one in made)
    left = [one for one in facts.named if one.error == "not-tried"]
    assert len(made) + len(left) == 7
    assert visits.most <= 3
    assert not facts.versions


async def test_syns_that_are_lost() -> None:
    with lost_syns() as port:
        facts = await observe(target(port, 0.3))
    assert facts.named[0].error == "timeout"
    assert facts.named[0].error_detail == "no connection within 0.3 s"
    assert facts.named[0].connect_ms == 0


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    facts = await observe(target(port))
    assert facts.named[0].error == "refused"
    unreachable = await observe(replace(target(1), address="host.invalid"))
    assert unreachable.named[0].error in ("unreachable", "timeout")


@pytest.mark.parametrize(
    "data",
    [
        # a ServerHello of the largest size, begun and never ended
        floods(b"", record(22, b"\x02\xff\xff\xff" + bytes(16000))),
        # warnings without end, and records without content
        floods(b"", alert(112, level=1)),
        floods(b"", record(22, b"")),
        floods(b"", record(20, b"\x01")),
    ],
    ids=["hello", "warnings", "empty", "cipher-changes"],
)
async def test_endless_bytes_end_soon(data: Handler) -> None:
    async with answering(data) as port:
        began = time.monotonic()
        facts = await observe(target(port, 10))
        assert time.monotonic() - began < 5
    assert facts.named[0].error in ("protocol", "reset", "alert")


async def test_bytes_of_a_handshake_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL has bounds of its own, which come first today; ours holds whatever it does."""
    monkeypatch.setattr("pointsman.probes.wire.tls.handshake._MOST_BYTES", 2000)
    begun = record(22, b"\x02\x00\x20\x00" + bytes(1000))
    async with answering(floods(begun, bytes(100))) as port:
        facts = await observe(target(port, 10))
    assert facts.named[0].error == "protocol"
    assert facts.named[0].error_detail.startswith("more than")


async def test_a_hundred_certificates_are_counted_and_twenty_kept() -> None:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    chain = USUAL.fixture.chain
    context.use_certificate(chain[0])
    context.use_privatekey(USUAL.fixture.key)
    for _ in range(99):
        context.add_extra_chain_cert(chain[1])
    async with serving(lambda _: context) as port:
        facts = await observe(replace(target(port, 8), name=USUAL.ask.host))
    assert not facts.named[0].error, facts.named[0].error_detail
    assert facts.named[0].certificates == 100
    assert len(facts.named[0].chain) == 20
    found = judge(facts, policy_of(USUAL.fixture))
    assert any("100 certificates are sent" in one.summary for one in found)


@pytest.mark.parametrize("after_s", [0.0, 0.002, 0.05])
async def test_a_cancellation_closes_every_socket(after_s: float) -> None:
    visits = Visits()
    async with answering(silent, visits=visits) as port:
        task = asyncio.create_task(observe(target(port, 30, attempts=3)))
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        assert visits.open == 0


async def test_an_ipv6_address() -> None:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no ::1")
    async with answering(says(alert(112)), host="::1") as port:
        facts = await observe(replace(target(port), address="::1"))
    assert facts.named[0].alert == 112
    assert facts.target.endpoint == f"[::1]:{port}"


@pytest.mark.parametrize("name", ["a" * 256, "a\0b", "ü" * 300, "."])
async def test_a_name_that_cannot_be_sent_is_our_own_fault(name: str) -> None:
    visits = Visits()
    async with answering(silent, visits=visits) as port:
        context = context_for(target(port), Profile())
        loop = asyncio.get_running_loop()
        one = await handshake(
            "127.0.0.1", port, name, context, offer="", ends_at=loop.time() + 2, timeout_s=2
        )
    assert one.error == "local"
    assert visits.begun == 0


async def test_roots_that_cannot_be_read_are_our_own_fault() -> None:
    facts = await observe(replace(target(1), ca_file="/dev/null"))
    assert facts.named[0].error == "local"
    assert worst(one.verdict for one in judge(facts, policy_of(USUAL.fixture))) is Verdict.UNKNOWN


async def test_the_whole_plan(tmp_path: Path) -> None:
    mood = Mood(versions=(SSL.TLS1_VERSION, SSL.TLS1_3_VERSION))
    async with serving(by_name(USUAL, mood), mood) as port:
        facts = await observe(replace(target_of(USUAL, port, tmp_path, 2), depth="full"))
    assert [one.offer for one in facts.versions] == ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
    assert [one.version for one in facts.versions] == ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
    assert [(one.offer, one.alpn) for one in facts.alpn] == [
        ("alpn h2", "h2"),
        ("alpn http/1.1", "http/1.1"),
        ("alpn", ""),
    ]
    rsa, ecdsa = facts.keys
    assert (rsa.offer, rsa.alert) == ("key rsa", 40)
    assert ecdsa.chain == facts.named[0].chain
    assert facts.named[0].group
    assert facts.named[0].verify_errors == ()
    assert facts.random_name is not None
    assert facts.random_name.error == "reset"
    assert 0 < facts.named[0].connect_ms < facts.named[0].elapsed_ms <= facts.elapsed_ms


async def test_a_context_is_made_once_for_each_profile() -> None:
    one = context_for(target(1), Profile(("h2",)))
    assert context_for(target(2), Profile(("h2",))) is one
    assert context_for(target(1), Profile(("h2",), verify=False)) is not one
