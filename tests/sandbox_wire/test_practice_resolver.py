from __future__ import annotations

import asyncio

import dns.asyncquery
import dns.flags
import dns.message
import pytest
from dns.rcode import Rcode
from pointsman.sandbox.dns_authority import AuthorityServer, DnsFaults
from pointsman.sandbox.dns_resolver import CachingResolver
from pointsman.sandbox.dns_zone import Zone
from pointsman.sandbox.errors import SandboxError
from sandbox_wire_kit import Clock, ask_dns, values

STORE = "store.shop.test"


async def test_the_old_answer_lingers_for_its_ttl_and_then_goes(
    resolver: CachingResolver, zone: Zone, clock: Clock
) -> None:
    assert values(await ask_dns(resolver.port, STORE)) == [f"{STORE} 20 A 127.0.0.2"]
    zone.set("store", 3, "A", "127.0.0.3")
    clock.now += 19.5
    assert values(await ask_dns(resolver.port, STORE)) == [f"{STORE} 1 A 127.0.0.2"]
    assert resolver.cached(STORE, "A") == pytest.approx(0.5)
    clock.now += 0.5
    assert resolver.cached(STORE, "A") is None
    assert values(await ask_dns(resolver.port, STORE)) == [f"{STORE} 3 A 127.0.0.3"]


async def test_the_ttl_counts_down(resolver: CachingResolver, clock: Clock) -> None:
    seen = []
    for _ in range(4):
        seen.append((await ask_dns(resolver.port, STORE, tcp=True)).answer[0].ttl)
        clock.now += 5
    assert seen == [20, 15, 10, 5]


async def test_real_seconds_pass_too(authority: AuthorityServer, zone: Zone) -> None:
    zone.set("store", 1, "A", "127.0.0.2")
    resolver = CachingResolver(authority.endpoint)
    port = await resolver.start()
    try:
        await ask_dns(port, STORE)
        zone.set("store", 1, "A", "127.0.0.3")
        left = resolver.cached(STORE, "A")
        assert left is not None
        assert 0 < left <= 1
        assert values(await ask_dns(port, STORE)) == [f"{STORE} 1 A 127.0.0.2"]
        loop = asyncio.get_running_loop()
        ends = loop.time() + 3
        while values(await ask_dns(port, STORE)) != [f"{STORE} 1 A 127.0.0.3"]:
            assert loop.time() < ends
            await asyncio.sleep(0.02)
        assert authority.queries[STORE, "A"] == 2
    finally:
        await resolver.stop()


async def test_it_answers_as_a_resolver_does(resolver: CachingResolver) -> None:
    answer = await ask_dns(resolver.port, "www.shop.test")
    assert answer.flags & dns.flags.RA
    assert answer.flags & dns.flags.RD
    assert not answer.flags & dns.flags.AA
    assert values(answer) == ["www.shop.test 60 CNAME store.shop.test.", f"{STORE} 20 A 127.0.0.2"]


async def test_each_record_set_of_a_chain_has_its_own_end(
    resolver: CachingResolver, zone: Zone, clock: Clock
) -> None:
    await ask_dns(resolver.port, "www.shop.test")
    zone.set("store", 20, "A", "127.0.0.3")
    zone.set("www", 60, "CNAME", "ns1")
    clock.now += 30
    assert values(await ask_dns(resolver.port, "www.shop.test")) == [
        "www.shop.test 30 CNAME store.shop.test.",
        f"{STORE} 20 A 127.0.0.3",
    ]
    clock.now += 30
    assert values(await ask_dns(resolver.port, "www.shop.test")) == [
        "www.shop.test 60 CNAME ns1.shop.test.",
        "ns1.shop.test 60 A 127.0.0.1",
    ]


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode"), [("missing", "A", Rcode.NXDOMAIN), ("store", "AAAA", Rcode.NOERROR)]
)
async def test_what_is_not_there_is_remembered_as_long_as_the_soa_says(
    resolver: CachingResolver, zone: Zone, clock: Clock, name: str, rdtype: str, rcode: Rcode
) -> None:
    full = f"{name}.shop.test"
    first = await ask_dns(resolver.port, full, rdtype)
    assert (first.rcode(), first.answer, first.authority[0].ttl) == (rcode, [], 5)
    zone.set(name, 20, rdtype, "127.0.0.3" if rdtype == "A" else "::1")
    clock.now += 4
    later = await ask_dns(resolver.port, full, rdtype)
    assert (later.rcode(), later.answer, later.authority[0].ttl) == (rcode, [], 1)
    assert resolver.cached(full, rdtype) == pytest.approx(1)
    clock.now += 1
    assert len((await ask_dns(resolver.port, full, rdtype)).answer) == 1


async def test_a_missing_name_is_missing_for_every_type(
    resolver: CachingResolver, authority: AuthorityServer
) -> None:
    await ask_dns(resolver.port, "missing.shop.test", "A")
    assert (await ask_dns(resolver.port, "missing.shop.test", "AAAA")).rcode() == Rcode.NXDOMAIN
    assert authority.queries.total() == 1


async def test_a_dangling_alias_is_nxdomain_with_its_alias(resolver: CachingResolver, zone: Zone) -> None:
    zone.set("dangling", 60, "CNAME", "missing")
    for _ in range(2):
        answer = await ask_dns(resolver.port, "dangling.shop.test")
        assert answer.rcode() == Rcode.NXDOMAIN
        assert values(answer) == ["dangling.shop.test 60 CNAME missing.shop.test."]


async def test_without_rd_only_the_cache_answers(
    resolver: CachingResolver, authority: AuthorityServer
) -> None:
    query = dns.message.make_query(STORE, "A", flags=0)
    empty = await dns.asyncquery.udp(query, "127.0.0.1", 2, resolver.port)
    assert (empty.rcode(), empty.answer, empty.authority) == (Rcode.NOERROR, [], [])
    assert authority.queries.total() == 0
    await ask_dns(resolver.port, STORE)
    known = await dns.asyncquery.udp(
        dns.message.make_query(STORE, "A", flags=0), "127.0.0.1", 2, resolver.port
    )
    assert values(known) == [f"{STORE} 20 A 127.0.0.2"]


async def test_a_flush_forgets(resolver: CachingResolver, zone: Zone) -> None:
    await ask_dns(resolver.port, STORE)
    zone.set("store", 20, "A", "127.0.0.3")
    resolver.flush()
    assert resolver.cached(STORE, "A") is None
    assert values(await ask_dns(resolver.port, STORE)) == [f"{STORE} 20 A 127.0.0.3"]


async def test_ttl_0_is_never_cached(
    resolver: CachingResolver, authority: AuthorityServer, zone: Zone
) -> None:
    zone.set("store", 0, "A", "127.0.0.2")
    assert values(await ask_dns(resolver.port, STORE)) == [f"{STORE} 0 A 127.0.0.2"]
    zone.set("store", 0, "A", "127.0.0.3")
    assert values(await ask_dns(resolver.port, STORE)) == [f"{STORE} 0 A 127.0.0.3"]
    assert authority.queries[STORE, "A"] == 2


async def test_a_minimum_ttl_stretches_short_ones(
    authority: AuthorityServer, zone: Zone, clock: Clock
) -> None:
    zone.set("store", 3, "A", "127.0.0.2")
    resolver = CachingResolver(authority.endpoint, clock=clock, min_ttl=60)
    port = await resolver.start()
    assert values(await ask_dns(port, STORE)) == [f"{STORE} 60 A 127.0.0.2"]
    await resolver.stop()


@pytest.mark.parametrize(
    "fault", [DnsFaults(drop=True), DnsFaults(servfail=True), DnsFaults(not_authoritative=True)]
)
async def test_a_sick_authority_is_servfail_and_nothing_is_kept_of_it(
    resolver: CachingResolver, authority: AuthorityServer, fault: DnsFaults
) -> None:
    authority.faults = fault
    answer = await ask_dns(resolver.port, STORE)
    assert (answer.rcode(), answer.answer) == (Rcode.SERVFAIL, [])
    authority.faults = DnsFaults()
    assert values(await ask_dns(resolver.port, STORE)) == [f"{STORE} 20 A 127.0.0.2"]


async def test_what_is_cached_outlives_the_authority(
    resolver: CachingResolver, authority: AuthorityServer
) -> None:
    await ask_dns(resolver.port, STORE)
    await authority.stop()
    assert values(await ask_dns(resolver.port, STORE)) == [f"{STORE} 20 A 127.0.0.2"]
    assert (await ask_dns(resolver.port, "ns1.shop.test")).rcode() == Rcode.SERVFAIL


async def test_a_name_elsewhere_and_a_loop_are_servfail(resolver: CachingResolver, zone: Zone) -> None:
    zone.set("loop", 60, "CNAME", "loop")
    assert (await ask_dns(resolver.port, "elsewhere.example")).rcode() == Rcode.SERVFAIL
    assert (await ask_dns(resolver.port, "loop.shop.test")).rcode() == Rcode.SERVFAIL


async def test_a_big_answer_comes_by_tcp_and_is_cut_for_udp(resolver: CachingResolver, zone: Zone) -> None:
    zone.set("big", 60, "TXT", *(f'"{number:0200d}"' for number in range(20)))
    assert (await ask_dns(resolver.port, "big.shop.test", "TXT")).flags & dns.flags.TC
    assert len((await ask_dns(resolver.port, "big.shop.test", "TXT", tcp=True)).answer[0]) == 20


async def test_noise_is_passed_over(resolver: CachingResolver) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", resolver.port)
    )
    transport.sendto(b"")
    transport.sendto(b"\0\1nonsense")
    transport.sendto(dns.message.make_response(dns.message.make_query(STORE, "A")).to_wire())
    transport.close()
    assert values(await ask_dns(resolver.port, STORE))


@pytest.mark.parametrize("text", ["", "127.0.0.1", "127.0.0.1:", ":53", "127.0.0.1:dns"])
def test_a_bad_authority_is_one_clear_line(text: str) -> None:
    with pytest.raises(SandboxError, match="is not address:port"):
        CachingResolver(text)
