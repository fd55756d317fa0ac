"""Real name servers on loopback, each with one of the faults of a cutover, and what is judged from them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_kit import loopback
from pointsman.cluster.text import clean
from pointsman.probes.verdict import Finding, Verdict
from pointsman.probes.wire.dns.facts import (
    DnsAnswer,
    DnsFacts,
    DnsPolicy,
    DnsServerFacts,
    DnsTarget,
    RecordSet,
)
from pointsman.probes.wire.dns.judge import judge
from pointsman.probes.wire.dns.observe import observe
from pointsman.probes.wire.dns.state import propagation, ttl_state

NAME = "store.shop.test"
OLD, NEW = "192.0.2.1", "192.0.2.2"
OLD6, NEW6 = "2001:db8::1", "2001:db8::2"
POLICY = DnsPolicy(low_ttl=60, old_address=OLD, new_address=NEW, old_also=(OLD6,), new_also=(NEW6,))

Reply = Callable[[dns.message.Message], dns.message.Message | None]


def zone(*records: str, serial: int = 7, aa: bool = True, rcode: str = "NOERROR") -> Reply:
    """Answers from lines such as ``store.shop.test. 60 A 192.0.2.1``; CNAMEs stand for every type."""

    def reply(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA if aa else 0
        response.set_rcode(dns.rcode.from_text(rcode))
        question = query.question[0]
        wanted = dns.rdatatype.to_text(question.rdtype)
        for line in records:
            owner, ttl, kind, *value = line.split()
            at_name = owner == question.name.to_text()
            if kind in (wanted, "CNAME") and (at_name or any(" CNAME " in one for one in records)):
                found = dns.rrset.from_text(owner, int(ttl), "IN", kind, " ".join(value))
                same = [
                    one for one in response.answer if one.name == found.name and one.rdtype == found.rdtype
                ]
                if same:
                    same[0].update(found)
                else:
                    response.answer.append(found)
        if not response.answer or wanted == "SOA":
            soa = f"ns.shop.test. me.shop.test. {serial} 60 60 60 300"
            response.authority.append(dns.rrset.from_text("shop.test.", 300, "IN", "SOA", soa))
        return response

    return reply


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self.reply(dns.message.from_wire(data))
        if response is not None:
            self.transport.sendto(response.to_wire(max_size=65535), addr)


@contextlib.asynccontextmanager
async def server(reply: Reply) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(reply), local_addr=("127.0.0.1", 0))
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()
        await asyncio.sleep(0)


async def ask(authoritative: Sequence[Reply], resolvers: Sequence[Reply] = (), **options: object) -> DnsFacts:
    async with contextlib.AsyncExitStack() as stack:
        addresses = [await stack.enter_async_context(server(reply)) for reply in authoritative]
        caches = [await stack.enter_async_context(server(reply)) for reply in resolvers]
        target = DnsTarget(NAME, tuple(addresses), tuple(caches), timeout_s=2.0)
        return await observe(replace(target, **options))  # type: ignore[arg-type]


def names(findings: Sequence[Finding], least: Verdict = Verdict.WARN) -> set[str]:
    return {finding.name for finding in findings if finding.verdict.badness >= least.badness}


def silent(_query: dns.message.Message) -> None:
    return None


LOW = zone(f"{NAME}. 60 A {OLD}")


async def test_a_healthy_name_on_two_servers() -> None:
    facts = await ask([LOW, LOW], [zone(f"{NAME}. 12 A {OLD}", aa=False)])
    (only,) = judge(facts, POLICY)
    assert (only.name, only.verdict, only.summary) == ("ttl-low", Verdict.PASS, "60 s on 2 of 2 name servers")
    assert [server.serial for server in facts.authoritative] == [7, 7]
    assert facts.authoritative[0].soa_minimum == 300
    assert facts.authoritative[0].aa
    assert facts.authoritative[0].rrsets == (RecordSet(f"{NAME}.", "A", 60, (OLD,)),)
    assert ttl_state(facts, 60).state == "low"
    sides = propagation(facts, OLD, NEW)
    assert [(one.kind, one.side, one.ttl) for one in sides] == [
        ("authoritative", "old", 60),
        ("authoritative", "old", 60),
        ("resolver", "old", 12),
    ]


async def test_questions_carry_the_right_flags() -> None:
    flags: dict[str, set[bool]] = {"authoritative": set(), "resolver": set()}

    def noting(kind: str) -> Reply:
        def reply(query: dns.message.Message) -> dns.message.Message | None:
            flags[kind].add(bool(query.flags & dns.flags.RD))
            return LOW(query)

        return reply

    await ask([noting("authoritative")], [noting("resolver")])
    assert flags == {"authoritative": {False}, "resolver": {True}}


async def test_one_silent_server_makes_the_ttl_unknown() -> None:
    facts = await ask([LOW, silent], timeout_s=0.3)
    found = judge(facts, POLICY)
    state = ttl_state(facts, 60)
    assert state.state == "unknown"
    assert "60 s on 1 of 2 name servers" in state.headline
    assert "did not answer" in state.headline
    assert names(found, Verdict.UNKNOWN) == {"ttl-unknown", "name-server-silent"}
    assert all(finding.reproduce.startswith("dig @127.0.0.1 -p ") for finding in found)
    assert facts.authoritative[1].error == "timeout"


CASES: list[tuple[str, Verdict, list[Reply], list[Reply]]] = [
    ("ttl-high", Verdict.FAIL, [LOW, zone(f"{NAME}. 3600 A {OLD}")], []),
    ("ttl-unknown", Verdict.UNKNOWN, [], [LOW]),
    ("answers-without-authority", Verdict.FAIL, [LOW, zone(f"{NAME}. 60 A {OLD}", aa=False)], []),
    ("lame-server", Verdict.FAIL, [LOW, zone(rcode="REFUSED", aa=False)], []),
    ("servers-disagree", Verdict.FAIL, [LOW, zone(f"{NAME}. 60 A {NEW}")], []),
    ("serials-differ", Verdict.WARN, [LOW, zone(f"{NAME}. 60 A {OLD}", serial=6)], []),
    (
        "cname-hop-ttl",
        Verdict.WARN,
        [zone(f"{NAME}. 60 CNAME lb.shop.test.", f"lb.shop.test. 3600 A {OLD}")],
        [],
    ),
    ("resolver-holds-old-ttl", Verdict.FAIL, [LOW], [zone(f"{NAME}. 3597 A {OLD}", aa=False)]),
    ("resolver-silent", Verdict.WARN, [LOW], [silent]),
    ("aaaa-left-on-old", Verdict.FAIL, [zone(f"{NAME}. 60 A {NEW}", f"{NAME}. 60 AAAA {OLD6}")], []),
    ("old-and-new-mixed", Verdict.FAIL, [zone(f"{NAME}. 60 A {OLD}", f"{NAME}. 60 A {NEW}")], []),
    (
        "hint-left-on-old",
        Verdict.FAIL,
        [zone(f"{NAME}. 60 A {NEW}", f'{NAME}. 60 HTTPS 1 . alpn="h2" ipv4hint="{OLD}"')],
        [],
    ),
    ("no-such-name", Verdict.FAIL, [zone(rcode="NXDOMAIN")], []),
    ("no-address", Verdict.FAIL, [zone()], []),
    ("server-failure", Verdict.FAIL, [LOW], [zone(rcode="SERVFAIL", aa=False)]),
]


@pytest.mark.parametrize(
    ("name", "verdict", "authoritative", "resolvers"),
    CASES,
    ids=[f"{index}-{case[0]}" for index, case in enumerate(CASES)],
)
async def test_each_situation_gets_its_name(
    name: str, verdict: Verdict, authoritative: list[Reply], resolvers: list[Reply]
) -> None:
    facts = await ask(authoritative, resolvers, timeout_s=0.6 if name == "resolver-silent" else 2.0)
    found = [finding for finding in judge(facts, POLICY) if finding.name == name]
    assert found, [finding.summary for finding in judge(facts, POLICY)]
    assert {finding.verdict for finding in found} == {verdict}
    assert all(finding.evidence for finding in found)


async def test_the_expected_side_and_a_resolver_that_lags() -> None:
    moved = zone(f"{NAME}. 60 A {NEW}")
    facts = await ask([moved], [zone(f"{NAME}. 41 A {OLD}", aa=False)])
    to_new = judge(facts, replace(POLICY, expect="new"))
    assert names(to_new) == {"resolver-behind"}
    assert "for 41 s more" in next(one.summary for one in to_new if one.name == "resolver-behind")
    assert "wrong-side" in names(judge(facts, replace(POLICY, expect="old")))
    assert [one.side for one in propagation(facts, OLD, NEW)] == ["new", "old"]


async def test_a_truncated_answer_is_asked_again_over_tcp() -> None:
    def truncated(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.TC | dns.flags.AA
        return response

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        response = LOW(dns.message.from_wire(await reader.readexactly(size)))
        assert response is not None
        wire = response.to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        await writer.drain()

    loop = asyncio.get_running_loop()
    async with loopback(over_tcp) as port:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Udp(truncated), local_addr=("127.0.0.1", port)
        )
        facts = await observe(DnsTarget(NAME, (f"127.0.0.1:{port}",)))
        transport.close()
        await asyncio.sleep(0)
    assert all(answer.over_tcp for answer in facts.servers[0].answers)
    assert ttl_state(facts, 60).state == "low"


async def test_what_cannot_be_asked_is_said() -> None:
    for target in (
        DnsTarget("a" * 64 + ".test", ("127.0.0.1:53",)),
        DnsTarget(NAME, ("127.0.0.1:nonsense",)),
        DnsTarget(NAME, ("ns1.test:53",)),
        DnsTarget("a..b", ("127.0.0.1:99999",)),
    ):
        facts = await observe(target)
        assert facts.servers[0].error == "local"
        found = judge(facts, POLICY)
        assert names(found, Verdict.UNKNOWN) == {"ttl-unknown", "could-not-ask"}


async def test_no_server_at_all_is_unknown() -> None:
    (only,) = judge(await observe(DnsTarget(NAME)), POLICY)
    assert (only.name, only.verdict) == ("ttl-unknown", Verdict.UNKNOWN)


texts = st.text(max_size=20)
values = st.one_of(texts, st.sampled_from([OLD, NEW, OLD6, NEW6]))
types = st.sampled_from(["A", "AAAA", "CNAME", "HTTPS", "TXT"])
record_sets = st.builds(
    RecordSet, st.sampled_from([f"{NAME}.", "x."]) | texts, types, st.integers(0, 2**31), st.tuples(values)
)
dns_answers = st.builds(
    DnsAnswer,
    types,
    st.sampled_from(["", "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"]) | texts,
    st.booleans(),
    st.lists(record_sets, max_size=3).map(tuple),
    error=st.sampled_from(["", "", "timeout", "local", "malformed"]),
    error_detail=texts,
    extended=st.tuples(texts),
)
servers = st.builds(
    DnsServerFacts,
    texts,
    st.sampled_from(["authoritative", "resolver"]),
    st.lists(dns_answers, max_size=4).map(tuple),
    st.none() | st.integers(0, 9),
)
policies = st.builds(
    DnsPolicy, st.integers(0, 100), values, values, st.sampled_from(["", "old", "new"]) | texts
)


@settings(max_examples=50, deadline=None)
@given(st.lists(servers, max_size=3).map(tuple), policies, texts)
def test_the_judge_answers_anything(asked: tuple[DnsServerFacts, ...], policy: DnsPolicy, name: str) -> None:
    facts = DnsFacts(DnsTarget(name or NAME), asked)
    found = judge(facts, policy)
    assert found
    for finding in found:
        for line in (finding.summary, finding.reproduce, *finding.evidence):
            assert clean(line, 10_000) == line
    state = ttl_state(facts, policy.low_ttl)
    if state.state == "low":
        assert all(one.ttl is not None and one.ttl <= policy.low_ttl for one in state.servers)
    assert len(propagation(facts, OLD, [NEW, NEW6])) == len(asked)
