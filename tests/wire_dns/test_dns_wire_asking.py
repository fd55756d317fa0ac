"""Many questions over a few sockets: lost, late, doubled, forged and reordered replies, TCP, no EDNS."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
import time

import dns.flags
import dns.message
import pytest
from dns_wire_kit import Sent, answer, serving
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.probes.wire.dns.answers import DnsAnswer
from pointsman.probes.wire.dns.ask import Asker
from pointsman.probes.wire.dns.facts import DnsTarget
from pointsman.probes.wire.dns.lanes import Clock
from pointsman.probes.wire.dns.observe import observe, observe_many
from pointsman.probes.wire.dns.servers import parse_server, system_resolvers
from pointsman.probes.wire.dns.wire import Question

NAME = "store.shop.test"
Query = dns.message.Message


def address_of(query: Query) -> str:
    """An address that only this name has, so that a mixed-up answer shows."""
    number = int(query.question[0].name.labels[0][1:] or 0)
    return f"10.0.{number // 250}.{number % 250}"


def own(query: Query) -> bytes:
    return answer(query, f"{query.question[0].name} 60 A {address_of(query)}")


def names(count: int, where: str, **options: object) -> list[DnsTarget]:
    return [
        DnsTarget(f"h{number}.shop.test", (where,), types=("A",), zone="h0.shop.test", **options)  # type: ignore[arg-type]
        for number in range(count)
    ]


async def ask_one(where: str, timeout_s: float = 1.0, name: str = NAME, kind: str = "A") -> DnsAnswer:
    async with Asker() as asker:
        return await asker.ask(parse_server(where), Question(name, kind), timeout_s, Clock(5.0))


async def test_each_question_gets_its_own_answer_whatever_order_they_come_in() -> None:
    dice = random.Random(3)

    def shuffled(query: Query, _wire: bytes, _over: str) -> Sent:
        wire = own(query)
        return [(wire, dice.random() * 0.05), (wire, dice.random() * 0.1)]

    async with serving(shuffled) as (where, heard):
        found = await observe_many(names(300, where))
    for number, facts in enumerate(found):
        assert facts.servers[0].answers[0].values() == (f"10.0.{number // 250}.{number % 250}",)
    assert len(heard.ports) >= 4
    # random ids: no run of numbers
    steps = {(after - before) % 65536 for before, after in zip(heard.ids, heard.ids[1:], strict=False)}
    assert len(steps) > 200


async def test_lost_datagrams_are_sent_again_and_forged_ones_are_not_believed() -> None:
    dice = random.Random(5)
    lost: set[str] = set()

    def hostile(query: Query, wire: bytes, _over: str) -> Sent:
        name = query.question[0].name.to_text()
        if name not in lost and dice.random() < 0.3:
            lost.add(name)
            return None
        forged = answer(query, f"{name} 60 A 203.0.113.66")
        other_id = bytes([forged[0] ^ 0x55, forged[1]]) + forged[2:]
        other = dns.message.make_query("other.shop.test", "A", id=query.id)
        other_question = answer(other, "other.shop.test. 60 A 203.0.113.66")
        a_question = bytes(wire)
        return [other_id, other_question, a_question, (own(query), 0.01)]

    async with serving(hostile) as (where, _):
        found = await observe_many(names(100, where, timeout_s=1.5))
    assert lost
    for number, facts in enumerate(found):
        reply = facts.servers[0].answers[0]
        assert reply.values() == (f"10.0.0.{number}",), reply
        assert reply.tries >= (2 if f"h{number}.shop.test." in lost else 1)


async def test_an_answer_from_another_place_is_not_believed() -> None:
    forger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    forger.bind(("127.0.0.1", 0))
    askers: list[set[int]] = []

    def reply(query: Query, _wire: bytes, _over: str) -> Sent:
        for port in askers[0]:
            forger.sendto(answer(query, f"{NAME}. 60 A 203.0.113.66"), ("127.0.0.1", port))
        return [(answer(query, f"{NAME}. 60 A 192.0.2.1"), 0.05)]

    async with serving(reply) as (where, heard):
        askers.append(heard.ports)
        found = await ask_one(where)
    forger.close()
    assert found.values() == ("192.0.2.1",)


async def test_a_late_answer_to_the_first_try_counts() -> None:
    async with serving(lambda query, _wire, _over: [(own_store(query), 0.5)]) as (where, _):
        found = await ask_one(where, timeout_s=1.0)
    assert (found.values(), found.tries) == (("192.0.2.1",), 2)


def own_store(query: Query) -> bytes:
    return answer(query, f"{NAME}. 60 A 192.0.2.1")


def truncated(query: Query) -> bytes:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC | dns.flags.AA
    return response.to_wire()


async def test_truncation_leads_to_tcp_and_a_broken_tcp_is_told() -> None:
    many = [f'{NAME}. 60 TXT "{"x" * 200}{number}"' for number in range(250)]

    def reply(query: Query, _wire: bytes, over: str) -> Sent:
        return truncated(query) if over == "udp" else answer(query, *many)

    async with serving(reply) as (where, heard):
        found = await ask_one(where, kind="TXT")
    assert (found.over_tcp, found.truncated, found.error) == (True, True, "")
    assert len(found.values()) == 50, "bounded, though 54 KiB came"
    assert {over for *_, over in heard.questions} == {"udp", "tcp"}
    async with serving(lambda query, _wire, _over: truncated(query), tcp=False) as (where, _):
        found = await ask_one(where)
    assert (found.error, found.tcp_error, found.truncated) == ("refused", "refused", True)


async def test_a_tcp_that_never_ends_is_left_in_time() -> None:
    def reply(query: Query, _wire: bytes, over: str) -> Sent:
        return truncated(query) if over == "udp" else None

    def endless(query: Query, _wire: bytes, over: str) -> Sent:
        other = dns.message.make_query("other.test", "A")
        return truncated(query) if over == "udp" else [(answer(other), 0.01)] * 1000

    for broken, kind in ((reply, "timeout"), (endless, "malformed")):
        async with serving(broken) as (where, _):
            started = time.monotonic()
            found = await ask_one(where, timeout_s=0.5)
        assert found.error == kind
        assert time.monotonic() - started < 1.0


async def test_a_server_that_drops_edns_is_asked_without_it() -> None:
    def drops(query: Query, _wire: bytes, _over: str) -> Sent:
        return None if query.edns >= 0 else own_store(query)

    def complains(query: Query, _wire: bytes, _over: str) -> Sent:
        return answer(query, rcode="FORMERR", aa=False) if query.edns >= 0 else own_store(query)

    for behaviour, seen in ((drops, [True, True, False]), (complains, [True, False])):
        async with serving(behaviour) as (where, heard):
            found = await ask_one(where, timeout_s=0.6)
        assert (found.values(), found.edns_dropped) == (("192.0.2.1",), True)
        assert heard.edns == seen
    # lost twice is no proof: the third answer shows that the server does speak EDNS
    asked: list[int] = []

    def slow(query: Query, _wire: bytes, _over: str) -> Sent:
        asked.append(1)
        return [(own_store(query), 0.45)] if len(asked) == 1 else None

    async with serving(slow) as (where, _):
        assert not (await ask_one(where, timeout_s=0.6)).edns_dropped


async def test_closed_ports_dead_servers_and_the_time_of_a_whole_target() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{closed.getsockname()[1]}"
        started = time.monotonic()
        found = await observe_many(names(1500, dead, timeout_s=0.4, deadline_s=1.0))
        took = time.monotonic() - started
    assert {facts.servers[0].error for facts in found} == {"timeout"}
    assert "before had no answer" in found[-1].servers[0].answers[0].error_detail
    assert took < 3.0
    # every type is silent in its own time, and all of them together within the target's
    async with serving(lambda query, _wire, _over: None) as (where, _):
        started = time.monotonic()
        facts = await observe(DnsTarget(NAME, (where,), timeout_s=9.0, deadline_s=0.3))
    assert facts.servers[0].error == "timeout"
    assert time.monotonic() - started < 0.8


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
async def test_cancelled_in_the_middle_it_leaves_no_socket_behind() -> None:
    async with serving(lambda query, _wire, over: truncated(query) if over == "udp" else None) as (where, _):
        before = len(os.listdir("/proc/self/fd"))
        task = asyncio.create_task(observe(DnsTarget(NAME, (where,), timeout_s=5.0)))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        # the server's own ends of the TCP connections close a moment later
        assert len(os.listdir("/proc/self/fd")) <= before + 5


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_ipv6_servers() -> None:
    try:
        async with serving(lambda query, _wire, _over: own_store(query), "::1") as (where, _):
            found = await ask_one(where)
    except OSError:
        pytest.skip("no IPv6 on loopback")
    assert found.values() == ("192.0.2.1",)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(max_size=80), min_size=1, max_size=3), st.booleans())
def test_any_bytes_for_an_answer_are_classified_in_time(junk: list[bytes], fitting: bool) -> None:
    def reply(query: Query, wire: bytes, over: str) -> Sent:
        head = own_store(query)[: 12 + 21] if fitting else wire[:2]
        return [head + piece for piece in junk]

    async def asked() -> DnsAnswer:
        async with serving(reply) as (where, _):
            return await ask_one(where, timeout_s=0.08)

    started = time.monotonic()
    found = asyncio.run(asked())
    assert found.error in ("", "malformed", "timeout", "refused", "unreachable")
    assert time.monotonic() - started < 2.0


async def test_cut_answers_and_garbage_have_their_words() -> None:
    def cut(query: Query, _wire: bytes, _over: str) -> Sent:
        return own_store(query)[:-3]

    def another_id(query: Query, _wire: bytes, _over: str) -> Sent:
        wire = own_store(query)
        return bytes([wire[0] ^ 1]) + wire[1:]

    for reply, words in ((cut, "longer than the message"), (another_id, "another id")):
        async with serving(reply) as (where, _):
            found = await ask_one(where, timeout_s=0.3)
        assert (found.error, words in found.error_detail) == ("malformed", True), found


def test_servers_are_read_from_their_text(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert parse_server("::1").address == "::1"
    assert parse_server("0:0::1").address == "::1"
    assert parse_server("tls://1.1.1.1#one.one.one.one")[:4] == ("tls", "1.1.1.1", 853, "one.one.one.one")
    assert parse_server("https://dns.test").url == "https://dns.test/dns-query"
    for bad in ("ns1.test", "1.2.3.4:0", "quic://1.1.1.1", "https://user@dns.test/", "tls://dns.test", ""):
        with pytest.raises(ValueError, match=r"address|port|none of|no more"):
            parse_server(bad)
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nnameserver 192.0.2.53\nsearch a b\nnameserver 2001:db8::53\nnameserver\n")
    assert system_resolvers(str(file)) == ("192.0.2.53", "2001:db8::53")
    assert system_resolvers(str(tmp_path / "none")) == ()
