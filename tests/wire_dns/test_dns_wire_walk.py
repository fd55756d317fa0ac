"""A small world of name servers on 127.0.0.x, all on one port: the walk, the chain and what stands around."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import dns.message
import dns.rrset
import pytest
from dns_wire_kit import Authority, Heard, Reply, Sent, serving
from pointsman.probes.wire.dns.facts import EVERYTHING, DnsFacts, DnsTarget
from pointsman.probes.wire.dns.observe import observe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127/8 on loopback")

ROOT = """
@ 300 SOA ns.root. me.root. 1 60 60 60 300
@ 300 NS ns.root.
ns.root. 300 A 127.0.0.11
test. 300 NS ns.test.
ns.test. 300 A 127.0.0.12
"""
TEST = """
@ 300 SOA ns.test. me.test. 2 60 60 60 300
@ 300 NS ns.test.
ns 300 A 127.0.0.12
shop 900 NS ns1.shop
shop 900 NS ns2.shop
shop 900 NS ns.elsewhere
ns1.shop 900 A 127.0.0.13
ns2.shop 900 A 127.0.0.14
elsewhere 900 NS ns.elsewhere
ns.elsewhere 900 A 127.0.0.15
cdn 900 NS ns.elsewhere
@ 300 CAA 0 issue "ca.test"
"""
SHOP = """
@ 300 SOA ns1 me 7 60 60 60 120
@ 300 NS ns1
@ 300 NS ns2
@ 300 NS ns3
ns1 300 A 127.0.0.13
ns2 300 A 127.0.0.14
ns3 300 A 127.0.0.14
store 60 CNAME edge
edge 300 CNAME lb.cdn.test.
a-store 300 TXT "heritage=external-dns,external-dns/owner=blue,external-dns/resource=ingress/shop/store"
plain 60 A 192.0.2.1
loop 60 CNAME pool
pool 60 CNAME loop
dangling 60 CNAME gone.cdn.test.
alias 60 HTTPS 0 lb.cdn.test.
*.wild 60 A 192.0.2.9
lost 60 CNAME x.nowhere.test.
"""
CDN = """
@ 300 SOA ns.elsewhere.test. me 9 60 60 60 300
@ 300 NS ns.elsewhere.test.
lb 30 CNAME pop
pop 3600 A 192.0.2.1
pop 3600 AAAA 2001:db8::1
"""
ELSEWHERE = """
@ 300 SOA ns me 4 60 60 60 300
@ 300 NS ns
ns 300 A 127.0.0.15
"""


@dataclass
class World:
    """The running servers: their common port, and what each heard."""

    port: int
    heard: dict[str, Heard]

    def at(self, host: str) -> str:
        return f"{host}:{self.port}"


def replies() -> dict[str, Reply]:
    shop = Authority(shop__test=SHOP)
    return {
        "127.0.0.11": Authority(__=ROOT),
        "127.0.0.12": Authority(test=TEST),
        "127.0.0.13": shop,
        "127.0.0.14": Authority(shop__test=SHOP.replace("me 7 60", "me 6 60")),
        "127.0.0.15": Authority(cdn__test=CDN, elsewhere__test=ELSEWHERE),
    }


@contextlib.asynccontextmanager
async def world(**changed: Reply) -> AsyncIterator[World]:
    """All servers; ``changed`` replaces some, by the last number of the address (``_13=...``)."""
    wanted = replies()
    for key, reply in changed.items():
        wanted[f"127.0.0.{key[1:]}"] = reply
    async with contextlib.AsyncExitStack() as stack:
        heard: dict[str, Heard] = {}
        for _ in range(20):
            port = _free_port()
            try:
                for host, reply in wanted.items():
                    _, heard[host] = await stack.enter_async_context(serving(reply, host, port))
            except OSError:
                await stack.aclose()
                continue
            break
        yield World(port, heard)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def look(running: World, name: str, **options: object) -> DnsFacts:
    target = DnsTarget(
        name,
        walk=True,
        walk_from=(running.at("127.0.0.11"),),
        port=running.port,
        extras=EVERYTHING,
        timeout_s=1.0,
        repeats=2,
    )
    return await observe(replace(target, **options))  # type: ignore[arg-type]


async def test_the_walk_finds_the_delegation_and_every_listed_server() -> None:
    async with world() as running:
        facts = await look(running, "plain.shop.test")
    walk = facts.walk
    assert walk is not None
    assert (walk.zone, walk.parent, walk.error) == ("shop.test.", "test.", "")
    (parent,) = walk.delegations
    assert parent.address == running.at("127.0.0.12")
    assert parent.ns == ("ns.elsewhere.test.", "ns1.shop.test.", "ns2.shop.test.")
    assert (parent.aa, parent.ttl, parent.signed) == (False, 900, False)
    assert {one.name: one.addresses for one in parent.glue} == {
        "ns.elsewhere.test.": ("127.0.0.15",),
        "ns1.shop.test.": ("127.0.0.13",),
        "ns2.shop.test.": ("127.0.0.14",),
    }
    listed = {one.name: (one.by_parent, one.by_child, one.addresses) for one in walk.listed}
    assert listed == {
        "ns.elsewhere.test.": (True, False, ("127.0.0.15",)),
        "ns1.shop.test.": (True, True, ("127.0.0.13",)),
        "ns2.shop.test.": (True, True, ("127.0.0.14",)),
        # what the child alone lists is resolved and asked too; the same address is one server
        "ns3.shop.test.": (False, True, ("127.0.0.14",)),
    }
    servers = {server.address: server for server in facts.authoritative}
    assert {one: server.serial for one, server in servers.items()} == {
        running.at("127.0.0.13"): 7,
        running.at("127.0.0.14"): 6,
        running.at("127.0.0.15"): None,
    }
    lame = servers[running.at("127.0.0.15")]
    assert (lame.rcode, lame.aa) == ("REFUSED", False)
    good = servers[running.at("127.0.0.13")]
    assert (good.name, good.aa, good.negative_ttl, good.zone) == ("ns1.shop.test.", True, 120, "shop.test.")
    assert good.ns == ("ns1.shop.test.", "ns2.shop.test.", "ns3.shop.test.")
    assert len(good.repeated) == 1
    assert [one.subnet for one in good.subnets] == list(facts.target.subnets)


async def test_the_chain_goes_on_in_the_next_zone_with_each_hops_ttl() -> None:
    async with world() as running:
        facts = await look(running, "store.shop.test")
    chain = facts.chain
    assert chain is not None
    assert [(hop.owner, hop.type, hop.ttl) for hop in chain.hops] == [
        ("store.shop.test.", "CNAME", 60),
        ("edge.shop.test.", "CNAME", 300),
        ("lb.cdn.test.", "CNAME", 30),
        ("pop.cdn.test.", "A", 3600),
        ("pop.cdn.test.", "AAAA", 3600),
    ]
    assert (chain.end, chain.last) == ("address", "pop.cdn.test.")
    assert [hop.zone for hop in chain.hops] == ["shop.test."] * 2 + ["cdn.test."] * 3
    assert chain.hops[2].server == running.at("127.0.0.15")


@pytest.mark.parametrize(
    ("name", "end", "last"),
    [
        ("loop.shop.test", "loop", "loop.shop.test."),
        ("dangling.shop.test", "no-name", "gone.cdn.test."),
        ("missing.shop.test", "no-name", "missing.shop.test."),
        ("shop.test", "no-data", "shop.test."),
        ("lost.shop.test", "no-name", "x.nowhere.test."),
    ],
)
async def test_chains_that_lead_nowhere_say_how(name: str, end: str, last: str) -> None:
    async with world() as running:
        facts = await look(running, name, extras=("chain",))
    assert facts.chain is not None
    assert (facts.chain.end, facts.chain.last) == (end, last), facts.chain


async def test_caa_climbs_to_the_parents_and_owners_and_siblings_are_found() -> None:
    async with world() as running:
        facts = await look(running, "store.shop.test")
        wild = await look(running, "typo.wild.shop.test", extras=("sibling",))
        alias = await look(running, "alias.shop.test", extras=("chain",))
    levels = [(level.name, level.answered, [one.value for one in level.records]) for level in facts.caa]
    assert levels == [
        ("store.shop.test.", True, []),
        ("shop.test.", True, []),
        ("test.", True, ["ca.test"]),
    ]
    (owner,) = facts.owners
    assert (owner.kind, owner.heritage, owner.owner) == ("a", True, "blue")
    assert owner.resource == "ingress/shop/store"
    assert facts.sibling is not None
    assert facts.sibling.answer.rcode == "NXDOMAIN"
    assert wild.sibling is not None
    assert wild.sibling.answer.values() == ("192.0.2.9",)
    (followed,) = alias.alias_chains
    assert (followed.begins, followed.end, followed.last) == ("lb.cdn.test.", "address", "pop.cdn.test.")


async def test_a_server_of_both_zones_does_not_hide_the_delegation() -> None:
    """It answers for the child where its neighbour refers to it: what it says is no delegation."""
    root = ROOT + "test. 300 NS ns2.test.\nns2.test. 300 A 127.0.0.17\n"
    both = Authority(test=TEST, shop__test=SHOP)
    async with world(_11=Authority(__=root), _17=both) as running:
        facts = await look(running, "plain.shop.test", extras=())
    assert facts.walk is not None
    assert (facts.walk.zone, facts.walk.parent) == ("shop.test.", "test.")
    said = {one.address: (one.aa, one.ns) for one in facts.walk.delegations}
    assert said == {
        running.at("127.0.0.12"): (False, ("ns.elsewhere.test.", "ns1.shop.test.", "ns2.shop.test.")),
        running.at("127.0.0.17"): (True, ("ns1.shop.test.", "ns2.shop.test.", "ns3.shop.test.")),
    }
    by_parent = {one.name for one in facts.walk.listed if one.by_parent}
    assert "ns3.shop.test." not in by_parent


async def test_begun_at_the_zones_own_servers_there_is_no_parent() -> None:
    async with world() as running:
        target = DnsTarget(
            "plain.shop.test", (running.at("127.0.0.13"),), walk=True, port=running.port, timeout_s=1.0
        )
        facts = await observe(target)
    assert facts.walk is not None
    assert (facts.walk.zone, facts.walk.parent, facts.walk.delegations) == ("shop.test.", "", ())
    assert {server.address for server in facts.authoritative} == {
        running.at("127.0.0.13"),
        running.at("127.0.0.14"),
    }


async def test_by_a_resolver_zone_and_parent_are_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that knows everything: the servers of the world behind one address."""
    zones = Authority(__=ROOT, test=TEST, shop__test=SHOP, cdn__test=CDN, elsewhere__test=ELSEWHERE)

    def resolver(query: dns.message.Message, wire: bytes, over: str) -> Sent:
        # a resolver answers from below the cut, whatever it was delegated to
        return zones(query, wire, over)

    async with world(_16=resolver) as running:
        resolver_text = running.at("127.0.0.16")
        monkeypatch.setattr("pointsman.probes.wire.dns.wide.system_resolvers", lambda: (resolver_text,))
        facts = await observe(
            DnsTarget("store.shop.test", walk=True, port=running.port, extras=("chain",), timeout_s=1.0)
        )
    assert facts.walk is not None
    assert (facts.walk.zone, facts.walk.parent) == ("shop.test.", "test.")
    assert facts.walk.began_at == (resolver_text,)
    assert [one.ns for one in facts.walk.delegations] == [
        ("ns.elsewhere.test.", "ns1.shop.test.", "ns2.shop.test.")
    ]
    assert facts.chain is not None
    assert facts.chain.last == "pop.cdn.test."


async def test_referrals_that_never_end_and_silent_parents_end_in_time() -> None:
    def upwards(query: dns.message.Message, wire: bytes, over: str) -> Sent:
        return Authority(__=ROOT)(query, wire, over)

    def silent(query: dns.message.Message, wire: bytes, over: str) -> Sent:
        return None

    for reply, words in ((upwards, "nobody answers"), (silent, "timeout")):
        async with world(_12=reply) as running:
            started = time.monotonic()
            facts = await look(running, "store.shop.test", deadline_s=1.5, timeout_s=0.4)
        assert facts.walk is not None
        assert facts.walk.zone == ""
        assert words in facts.walk.error
        assert time.monotonic() - started < 4.0


async def test_a_world_without_end_is_left_at_the_deadline() -> None:
    """A server that refers one label deeper each time, for ever, and slowly."""

    asked: list[int] = []

    def deeper(query: dns.message.Message, wire: bytes, over: str) -> Sent:
        asked.append(1)
        name = query.question[0].name
        cut = name.split(min(len(asked) + 2, len(name.labels)))[1]
        response = dns.message.make_response(query)
        response.authority.append(dns.rrset.from_text(cut, 60, "IN", "NS", "ns.root."))
        response.additional.append(dns.rrset.from_text("ns.root.", 60, "IN", "A", "127.0.0.11"))
        return [(response.to_wire(), 0.1)]

    async with world(_11=deeper) as running:
        started = time.monotonic()
        name = ".".join("abcdefghijklmnop") + ".test"
        facts = await look(running, name, deadline_s=0.5)
        took = time.monotonic() - started
        asked.clear()
        patient = await look(running, name, deadline_s=20.0, extras=())
    # it would go on for ever
    assert took < 10.0
    assert facts.cut_short
    assert facts.walk is not None
    assert facts.walk.error
    assert patient.walk is not None
    assert "never end" in patient.walk.error


async def test_nobody_to_ask_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointsman.probes.wire.dns.wide.system_resolvers", lambda: ())
    facts = await observe(DnsTarget("store.shop.test", walk=True, extras=EVERYTHING))
    assert facts.walk is not None
    assert "nobody to ask" in facts.walk.error
    assert facts.servers == ()
    assert facts.chain is not None
    assert facts.chain.end == "no-answer"
