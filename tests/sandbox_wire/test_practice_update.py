from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import pytest
from dns.rcode import Rcode
from pointsman.sandbox.dns_authority import AuthorityServer, DnsFaults
from pointsman.sandbox.dns_keys import TsigKey
from pointsman.sandbox.dns_zone import Zone, ZoneEvent
from sandbox_wire_kit import ask_dns, values

Build = Callable[[dns.update.UpdateMessage], object]


def update_of(key: TsigKey | None, zone: str = "shop.test.") -> dns.update.UpdateMessage:
    return dns.update.UpdateMessage(zone, keyring=key.for_dnspython() if key else None)


async def send(
    server: AuthorityServer, update: dns.message.Message, *, tcp: bool = True
) -> dns.message.Message:
    transport = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await transport(update, "127.0.0.1", 2, server.port)


async def outcome(server: AuthorityServer, key: TsigKey, build: Build) -> Rcode:
    update = update_of(key)
    build(update)
    return (await send(server, update)).rcode()


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_a_switch_with_compare_and_swap(
    authority: AuthorityServer, zone: Zone, key: TsigKey, tcp: bool
) -> None:
    seen: list[ZoneEvent] = []
    zone.on_change(seen.append)
    before = zone.serial
    update = update_of(key)
    update.present("@", "SOA", zone.soa[0].to_text())
    update.present("store", "A", "127.0.0.2")
    update.replace("store", 3, "A", "127.0.0.3")
    update.add("store", 3, "TXT", '"moved"')
    answer = await send(authority, update, tcp=tcp)
    assert answer.rcode() == Rcode.NOERROR
    assert answer.had_tsig
    assert values(await ask_dns(authority.port, "store.shop.test")) == ["store.shop.test 3 A 127.0.0.3"]
    assert zone.serial == before + 1
    assert {(event.name, event.rdtype.name) for event in seen} == {
        ("store.shop.test", "A"),
        ("store.shop.test", "TXT"),
    }
    assert authority.updates == {"NOERROR": 1}


async def test_of_two_who_swap_the_same_set_only_one_wins(
    authority: AuthorityServer, zone: Zone, key: TsigKey
) -> None:
    before = zone.serial

    async def swap(number: int) -> Rcode:
        update = update_of(key)
        update.present("store", "A", "127.0.0.2")
        update.replace("store", 3, "A", f"127.0.1.{number}")
        return (await send(authority, update, tcp=number % 2 == 0)).rcode()

    rcodes = await asyncio.gather(*(swap(number) for number in range(1, 9)))
    assert sorted(rcodes) == [Rcode.NOERROR] + [Rcode.NXRRSET] * 7
    winner = rcodes.index(Rcode.NOERROR) + 1
    assert values(await ask_dns(authority.port, "store.shop.test")) == [
        f"store.shop.test 3 A 127.0.1.{winner}"
    ]
    assert zone.serial == before + 1


async def test_the_soa_line_guards_the_ttl_which_is_not_compared(
    authority: AuthorityServer, zone: Zone, key: TsigKey
) -> None:
    read = zone.soa[0].to_text()
    zone.set("store", 300, "A", "127.0.0.2")
    assert await outcome(authority, key, lambda u: u.present("store", "A", "127.0.0.2")) == Rcode.NOERROR
    assert await outcome(authority, key, lambda u: u.present("@", "SOA", read)) == Rcode.NXRRSET


@pytest.mark.parametrize(
    ("build", "rcode"),
    [
        (lambda u: u.present("store"), Rcode.NOERROR),
        (lambda u: u.present("missing"), Rcode.NXDOMAIN),
        (lambda u: u.present("store", "A"), Rcode.NOERROR),
        (lambda u: u.present("store", "AAAA"), Rcode.NXRRSET),
        (lambda u: u.present("store", "A", "127.0.0.2"), Rcode.NOERROR),
        (lambda u: u.present("store", "A", "127.0.0.3"), Rcode.NXRRSET),
        (lambda u: u.present("store", "A", "127.0.0.2", "127.0.0.3"), Rcode.NXRRSET),
        (lambda u: u.absent("missing"), Rcode.NOERROR),
        (lambda u: u.absent("store"), Rcode.YXDOMAIN),
        (lambda u: u.absent("store", "AAAA"), Rcode.NOERROR),
        (lambda u: u.absent("store", "A"), Rcode.YXRRSET),
        (lambda u: u.present("store.example.", "A"), Rcode.NOTZONE),
        (lambda u: u.absent("store.example."), Rcode.NOTZONE),
        (lambda u: u.add("store.example.", 3, "A", "127.0.0.3"), Rcode.NOTZONE),
    ],
)
async def test_prerequisites(
    authority: AuthorityServer, zone: Zone, key: TsigKey, build: Build, rcode: Rcode
) -> None:
    def guarded(update: dns.update.UpdateMessage) -> None:
        build(update)
        update.add("proof", 3, "A", "127.0.0.3")

    assert await outcome(authority, key, guarded) == rcode
    assert (zone.get("proof", "A") is not None) == (rcode == Rcode.NOERROR)


async def test_part_of_a_set_is_not_the_set(authority: AuthorityServer, zone: Zone, key: TsigKey) -> None:
    zone.set("pair", 20, "A", "127.0.0.2", "127.0.0.3")
    assert await outcome(authority, key, lambda u: u.present("pair", "A", "127.0.0.2")) == Rcode.NXRRSET
    both = await outcome(authority, key, lambda u: u.present("pair", "A", "127.0.0.3", "127.0.0.2"))
    assert both == Rcode.NOERROR


@pytest.mark.parametrize(
    ("build", "name", "rdtype", "expected"),
    [
        (lambda u: u.add("store", 9, "A", "127.0.0.3"), "store", "A", (9, {"127.0.0.2", "127.0.0.3"})),
        (lambda u: u.add("store", 9, "A", "127.0.0.2"), "store", "A", (9, {"127.0.0.2"})),
        (lambda u: u.replace("store", 9, "A", "127.0.0.3"), "store", "A", (9, {"127.0.0.3"})),
        (lambda u: u.delete("store", "A", "127.0.0.2"), "store", "A", None),
        (lambda u: u.delete("store", "A", "127.0.0.7"), "store", "A", (20, {"127.0.0.2"})),
        (lambda u: u.delete("store", "A"), "store", "A", None),
        (lambda u: u.delete("store"), "store", "A", None),
        (lambda u: u.add("www", 9, "CNAME", "ns1"), "www", "CNAME", (9, {"ns1.shop.test."})),
        (lambda u: u.add("www", 9, "A", "127.0.0.3"), "www", "A", None),
        (lambda u: u.add("store", 9, "CNAME", "ns1"), "store", "CNAME", None),
        (lambda u: u.delete("@"), "@", "NS", (60, {"ns1.shop.test."})),
        (lambda u: u.delete("@", "NS"), "@", "NS", (60, {"ns1.shop.test."})),
        (lambda u: u.delete("@", "NS", "ns1.shop.test."), "@", "NS", (60, {"ns1.shop.test."})),
    ],
)
async def test_changes(
    authority: AuthorityServer,
    zone: Zone,
    key: TsigKey,
    build: Build,
    name: str,
    rdtype: str,
    expected: tuple[int, set[str]] | None,
) -> None:
    assert await outcome(authority, key, build) == Rcode.NOERROR
    found = zone.get(name, rdtype)
    assert (found and (found.ttl, {value.to_text() for value in found})) == expected


async def test_a_newer_soa_is_taken_and_an_older_one_passed_over(
    authority: AuthorityServer, zone: Zone, key: TsigKey
) -> None:
    start = zone.serial
    soa = "ns1.shop.test. hostmaster.shop.test. {} 3600 600 604800 5"
    await outcome(authority, key, lambda u: u.add("@", 60, "SOA", soa.format(start - 1)))
    assert zone.serial == start
    await outcome(authority, key, lambda u: u.add("@", 60, "SOA", soa.format(start + 10)))
    assert zone.serial == start + 10


async def test_one_bad_record_and_none_of_the_message_is_applied(
    authority: AuthorityServer, zone: Zone, key: TsigKey
) -> None:
    before = zone.serial, dict(zone.records)

    def build(update: dns.update.UpdateMessage) -> None:
        update.replace("store", 3, "A", "127.0.0.3")
        update.add("elsewhere.example.", 3, "A", "127.0.0.3")

    assert await outcome(authority, key, build) == Rcode.NOTZONE
    assert (zone.serial, dict(zone.records)) == before


async def test_unsigned_is_refused(authority: AuthorityServer, zone: Zone) -> None:
    update = update_of(None)
    update.replace("store", 3, "A", "127.0.0.3")
    assert (await send(authority, update)).rcode() == Rcode.REFUSED
    assert str(zone.get("store", "A")) == "20 IN A 127.0.0.2"


@pytest.mark.parametrize(
    ("other", "refusal", "error"),
    [
        (TsigKey("practice-key", b"another secret" * 2), dns.tsig.PeerBadSignature, Rcode.BADSIG),
        (TsigKey("unknown-key", b"another secret" * 2), dns.tsig.PeerBadKey, Rcode.BADKEY),
        (TsigKey("practice-key", b"x" * 32, "hmac-sha512"), dns.tsig.PeerBadKey, Rcode.BADKEY),
    ],
)
async def test_a_bad_key_or_signature_is_notauth(
    authority: AuthorityServer, zone: Zone, other: TsigKey, refusal: type[Exception], error: Rcode
) -> None:
    update = update_of(other)
    update.replace("store", 3, "A", "127.0.0.3")
    with pytest.raises(refusal):
        await send(authority, update)
    answered = authority.respond(update.to_wire())
    assert answered is not None
    refused = dns.message.from_wire(answered[1].to_wire(), keyring=False)
    assert (refused.rcode(), refused.tsig_error, refused.mac) == (Rcode.NOTAUTH, error, b"")
    assert str(zone.get("store", "A")) == "20 IN A 127.0.0.2"


async def test_a_clock_that_is_off_is_badtime_and_hears_ours(
    authority: AuthorityServer, zone: Zone, key: TsigKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = update_of(key)
    update.replace("store", 3, "A", "127.0.0.3")
    real = time.time
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: real() - 3600)
        wire = update.to_wire()
    answered = authority.respond(wire)
    assert answered is not None
    query, response = answered
    refused = dns.message.from_wire(response.to_wire(), keyring=False)
    assert (refused.rcode(), refused.tsig_error) == (Rcode.NOTAUTH, Rcode.BADTIME)
    assert refused.tsig is not None
    assert abs(int.from_bytes(refused.tsig[0].other, "big") - real()) < 60
    with pytest.raises(dns.tsig.PeerBadTime):
        dns.message.from_wire(response.to_wire(), keyring=key.for_dnspython(), request_mac=query.mac)
    assert str(zone.get("store", "A")) == "20 IN A 127.0.0.2"


async def test_a_tampered_message_is_not_applied(
    authority: AuthorityServer, zone: Zone, key: TsigKey
) -> None:
    update = update_of(key)
    update.replace("store", 3, "A", "127.0.0.3")
    wire = bytearray(update.to_wire())
    where = wire.index(bytes([127, 0, 0, 3]))
    wire[where + 3] = 66
    answered = authority.respond(bytes(wire))
    assert answered is not None
    assert answered[1].rcode() == Rcode.NOTAUTH
    assert str(zone.get("store", "A")) == "20 IN A 127.0.0.2"


async def test_another_zone_is_notauth(authority: AuthorityServer, key: TsigKey) -> None:
    for name in ("other.test.", "sub.shop.test."):
        update = update_of(key, name)
        update.add("store", 3, "A", "127.0.0.3")
        assert (await send(authority, update)).rcode() == Rcode.NOTAUTH


async def test_a_signed_question_gets_a_signed_answer(authority: AuthorityServer, key: TsigKey) -> None:
    query = dns.message.make_query("store.shop.test", "A")
    query.use_tsig(key.for_dnspython())
    answer = await dns.asyncquery.udp(query, "127.0.0.1", 2, authority.port)
    assert answer.had_tsig
    assert values(answer)


async def test_a_lost_answer_is_not_a_lost_update(
    authority: AuthorityServer, zone: Zone, key: TsigKey
) -> None:
    authority.faults = DnsFaults(lose_answers=True)
    update = update_of(key)
    update.replace("store", 3, "A", "127.0.0.3")
    with pytest.raises(dns.exception.Timeout):
        await dns.asyncquery.udp(update, "127.0.0.1", 0.2, authority.port)
    assert str(zone.get("store", "A")) == "3 IN A 127.0.0.3"


async def test_servfail_applies_nothing(authority: AuthorityServer, zone: Zone, key: TsigKey) -> None:
    authority.faults = DnsFaults(servfail=True)
    rcode = await outcome(authority, key, lambda u: u.replace("store", 3, "A", "127.0.0.3"))
    assert rcode == Rcode.SERVFAIL
    assert str(zone.get("store", "A")) == "20 IN A 127.0.0.2"


async def test_a_meta_type_is_malformed(authority: AuthorityServer, key: TsigKey) -> None:
    update = update_of(key)
    update.delete("store", "AXFR")
    assert (await send(authority, update)).rcode() == Rcode.FORMERR
