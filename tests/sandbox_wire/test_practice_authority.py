from __future__ import annotations

import asyncio
import socket

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from dns.rcode import Rcode
from hypothesis import given
from hypothesis import strategies as st
from pointsman.sandbox.dns_authority import AuthorityServer, DnsFaults
from pointsman.sandbox.dns_zone import Zone
from pointsman.sandbox.errors import SandboxError
from sandbox_wire_kit import ask_dns, values


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize(
    ("name", "rdtype", "rcode", "expected"),
    [
        ("store.shop.test", "A", Rcode.NOERROR, ["store.shop.test 20 A 127.0.0.2"]),
        ("STORE.shop.TEST", "A", Rcode.NOERROR, ["STORE.shop.TEST 20 A 127.0.0.2"]),
        (
            "www.shop.test",
            "A",
            Rcode.NOERROR,
            ["www.shop.test 60 CNAME store.shop.test.", "store.shop.test 20 A 127.0.0.2"],
        ),
        ("www.shop.test", "CNAME", Rcode.NOERROR, ["www.shop.test 60 CNAME store.shop.test."]),
        ("any.wild.shop.test", "A", Rcode.NOERROR, ["any.wild.shop.test 30 A 127.0.0.9"]),
        ("shop.test", "NS", Rcode.NOERROR, ["shop.test 60 NS ns1.shop.test."]),
        ("store.shop.test", "AAAA", Rcode.NOERROR, []),
        ("empty.shop.test", "A", Rcode.NOERROR, []),
        ("missing.shop.test", "A", Rcode.NXDOMAIN, []),
        ("other.example", "A", Rcode.REFUSED, []),
        ("shop.test", "AXFR", Rcode.REFUSED, []),
    ],
)
async def test_answers(
    authority: AuthorityServer, name: str, rdtype: str, rcode: Rcode, expected: list[str], tcp: bool
) -> None:
    answer = await ask_dns(authority.port, name, rdtype, tcp=tcp)
    assert answer.rcode() == rcode
    assert values(answer) == expected
    assert bool(answer.flags & dns.flags.AA) == (rcode != Rcode.REFUSED)
    assert not answer.flags & dns.flags.RA
    negative = rcode != Rcode.REFUSED and not expected
    assert [rrset.rdtype.name for rrset in answer.authority] == (["SOA"] if negative else [])


async def test_a_negative_answer_carries_the_smaller_of_ttl_and_minimum(authority: AuthorityServer) -> None:
    answer = await ask_dns(authority.port, "missing.shop.test")
    (soa,) = answer.authority
    assert (soa.ttl, soa[0].minimum) == (5, 5)
    positive = await ask_dns(authority.port, "shop.test", "SOA")
    assert positive.answer[0].ttl == 60


async def test_an_alias_out_of_the_zone_ends_the_answer(authority: AuthorityServer, zone: Zone) -> None:
    zone.set("away", 60, "CNAME", "gateway.example.")
    zone.set("dangling", 60, "CNAME", "missing")
    zone.set("loop", 60, "CNAME", "loop")
    away = await ask_dns(authority.port, "away.shop.test")
    assert (away.rcode(), len(away.answer), away.authority) == (Rcode.NOERROR, 1, [])
    assert (await ask_dns(authority.port, "dangling.shop.test")).rcode() == Rcode.NXDOMAIN
    assert values(await ask_dns(authority.port, "loop.shop.test")) == [
        "loop.shop.test 60 CNAME loop.shop.test."
    ]


async def test_an_alias_into_another_zone_served_here_is_followed(zone: Zone) -> None:
    other = Zone("edge.test.")
    other.set("gateway", 7, "A", "127.0.0.3")
    zone.set("away", 60, "CNAME", "gateway.edge.test.")
    server = AuthorityServer([zone, other])
    port = await server.start()
    try:
        assert values(await ask_dns(port, "away.shop.test")) == [
            "away.shop.test 60 CNAME gateway.edge.test.",
            "gateway.edge.test 7 A 127.0.0.3",
        ]
    finally:
        await server.stop()


async def test_what_is_too_big_for_udp_is_cut_and_whole_by_tcp(
    authority: AuthorityServer, zone: Zone
) -> None:
    zone.set("big", 60, "TXT", *(f'"{number:0200d}"' for number in range(20)))
    plain = await ask_dns(authority.port, "big.shop.test", "TXT")
    assert plain.flags & dns.flags.TC
    assert len(plain.to_wire()) <= 512
    assert len((await ask_dns(authority.port, "big.shop.test", "TXT", tcp=True)).answer[0]) == 20
    query = dns.message.make_query("big.shop.test", "TXT")
    whole, by_tcp = await dns.asyncquery.udp_with_fallback(query, "127.0.0.1", 2, authority.port)
    assert by_tcp
    assert len(whole.answer[0]) == 20


async def test_edns_lets_more_through(authority: AuthorityServer, zone: Zone) -> None:
    zone.set("middling", 60, "TXT", *(f'"{number:0200d}"' for number in range(4)))
    assert (await ask_dns(authority.port, "middling.shop.test", "TXT")).flags & dns.flags.TC
    answer = await ask_dns(authority.port, "middling.shop.test", "TXT", use_edns=0, payload=1232)
    assert not answer.flags & dns.flags.TC
    assert (answer.edns, answer.payload, len(answer.answer[0])) == (0, 1232, 4)
    assert (await ask_dns(authority.port, "store.shop.test", use_edns=5)).rcode() == Rcode.BADVERS


async def test_one_tcp_connection_carries_several_questions(authority: AuthorityServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", authority.port)
    for name in ("store", "ns1", "missing"):
        wire = dns.message.make_query(f"{name}.shop.test", "A").to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
    answers = []
    for _ in range(3):
        length = int.from_bytes(await reader.readexactly(2), "big")
        answers.append(dns.message.from_wire(await reader.readexactly(length)))
    writer.close()
    assert [answer.rcode() for answer in answers] == [Rcode.NOERROR, Rcode.NOERROR, Rcode.NXDOMAIN]


async def test_the_questions_are_counted(authority: AuthorityServer) -> None:
    await ask_dns(authority.port, "Store.shop.test")
    await ask_dns(authority.port, "store.shop.test", tcp=True)
    assert authority.queries == {("store.shop.test", "A"): 2}


async def test_faults(authority: AuthorityServer) -> None:
    authority.faults = DnsFaults(drop=True)
    with pytest.raises(dns.exception.Timeout):
        await ask_dns(authority.port, "store.shop.test", timeout_s=0.1)
    authority.faults = DnsFaults(delay_s=0.15)
    loop = asyncio.get_running_loop()
    asked = loop.time()
    await ask_dns(authority.port, "store.shop.test")
    assert loop.time() - asked >= 0.15
    authority.faults = DnsFaults(servfail=True)
    assert (await ask_dns(authority.port, "store.shop.test")).rcode() == Rcode.SERVFAIL
    authority.faults = DnsFaults(not_authoritative=True)
    answer = await ask_dns(authority.port, "store.shop.test")
    assert not answer.flags & dns.flags.AA
    assert values(answer)
    authority.faults = DnsFaults()
    assert (await ask_dns(authority.port, "store.shop.test")).flags & dns.flags.AA


async def test_stopping_ends_what_is_under_way_and_frees_the_port(zone: Zone) -> None:
    server = AuthorityServer(zone)
    port = await server.start()
    server.faults = DnsFaults(delay_s=60)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    wire = dns.message.make_query("store.shop.test", "A").to_wire()
    writer.write(len(wire).to_bytes(2, "big") + wire)
    await writer.drain()
    await asyncio.wait_for(server.stop(), 2)
    assert await asyncio.wait_for(reader.read(), 2) == b""
    writer.close()
    again = AuthorityServer(zone)
    assert await again.start(port=port) == port
    await again.stop()


async def test_a_taken_port_is_one_clear_line(authority: AuthorityServer, zone: Zone) -> None:
    other = AuthorityServer(zone)
    with pytest.raises(SandboxError, match=rf"cannot serve DNS on 127\.0\.0\.1:{authority.port}: "):
        await other.start(port=authority.port)
    with pytest.raises(SandboxError, match="already"):
        await authority.start()
    await other.stop()


async def test_a_port_is_free_for_both_or_not_taken_at_all(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first TCP port that the system offers is taken on UDP: the server moves on to another."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        offers = [port]

        class Socket(socket.socket):
            def bind(self, where: tuple[str, int]) -> None:  # type: ignore[override]
                if where[1] == 0 and self.type == socket.SOCK_STREAM and offers:
                    where = (where[0], offers.pop())
                super().bind(where)

        monkeypatch.setattr("pointsman.sandbox.dns_server.socket.socket", Socket)
        server = AuthorityServer(zone)
        chosen = await server.start()
        monkeypatch.undo()
        assert offers == []
        assert chosen != port
        assert values(await ask_dns(chosen, "store.shop.test"))
        await server.stop()


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"\0\1\0\0\0\1\0\0\0\0\0\0" + tail))
def test_noise_gets_formerr_or_nothing_and_breaks_nothing(noise: bytes) -> None:
    server = AuthorityServer.__new__(AuthorityServer)
    AuthorityServer.__init__(server, Zone("shop.test."))
    answered = server.respond(noise)
    if answered is not None:
        _, response = answered
        assert response.id == int.from_bytes(noise[:2], "big")
        assert response.flags & dns.flags.QR


async def test_an_answer_is_not_answered(authority: AuthorityServer) -> None:
    reply = dns.message.make_response(dns.message.make_query("store.shop.test", "A"))
    assert authority.respond(reply.to_wire()) is None
    assert authority.respond(b"\0\1") is None


async def test_other_opcodes_are_not_implemented(authority: AuthorityServer) -> None:
    notify = dns.message.make_query("shop.test", "SOA")
    notify.set_opcode(dns.opcode.NOTIFY)
    answer = await dns.asyncquery.udp(notify, "127.0.0.1", 2, authority.port)
    assert answer.rcode() == Rcode.NOTIMP


def test_a_server_needs_a_zone() -> None:
    with pytest.raises(SandboxError):
        AuthorityServer([])
