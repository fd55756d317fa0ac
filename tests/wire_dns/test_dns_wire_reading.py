"""Our reading of replies beside dnspython's: the same for what it writes, and never a crash for any bytes."""

from __future__ import annotations

import contextlib
import struct

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.cluster.text import clean
from pointsman.probes.wire.dns.answers import DnsAnswer, RecordSet, quick_answer
from pointsman.probes.wire.dns.ask import Asker
from pointsman.probes.wire.dns.records import MalformedError, contained
from pointsman.probes.wire.dns.wire import Question, Reply, answers_the_question, read, write

NAME = "store.shop.test"
labels = st.binary(min_size=1, max_size=12) | st.sampled_from([b"a", b"Store", b"shop", b"*", b"x-y_z"])
hosts = st.lists(labels, min_size=1, max_size=4).map(
    lambda parts: dns.name.Name([*parts, b"test", b""])
) | st.just(dns.name.from_text("lb.Shop.test."))
ttls = st.integers(0, 2**32 - 1)
rdatas = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.just("CNAME"), hosts.map(lambda name: name.to_text())),
    st.tuples(st.just("NS"), hosts.map(lambda name: name.to_text())),
    st.tuples(
        st.just("TXT"), st.text("ab \\;=,", max_size=9).map(lambda text: f'"{text.replace(chr(92), "")}"')
    ),
    st.tuples(st.just("HTTPS"), st.sampled_from(["1 . alpn=h2,h3 ipv4hint=192.0.2.1", "0 lb.shop.test."])),
    st.tuples(st.just("CAA"), st.just('0 issue "ca.test"')),
    st.tuples(
        st.just("SOA"), hosts.map(lambda name: f"{name.to_text()} me.Shop.test. 7 60 61 62 4000000000")
    ),
    st.tuples(st.just("MX"), st.just("10 mail.shop.test.")),
    st.tuples(st.just("SRV"), st.just("1 2 443 b.shop.test.")),
)
records = st.lists(st.tuples(hosts | st.just(dns.name.from_text(NAME)), ttls, rdatas), max_size=6)


def made(asked: str, found: list[tuple[dns.name.Name, int, tuple[str, str]]], **options: object) -> bytes:
    query = dns.message.make_query(NAME, asked, use_edns=0, want_dnssec=False)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    for owner, ttl, (kind, value) in found:
        rrset = dns.rrset.from_text(owner, min(ttl, 2**31 - 1), "IN", kind, value)
        response.answer.append(rrset)
    for key, value in options.items():
        setattr(response, key, value)
    return response.to_wire(max_size=65535)


def theirs(wire: bytes) -> list[RecordSet]:
    message = dns.message.from_wire(wire)
    return [
        RecordSet(
            clean(rrset.name.to_text().lower(), 300),
            dns.rdatatype.to_text(rrset.rdtype),
            rrset.ttl,
            tuple(sorted(clean(rdata.to_text(), 300) for rdata in rrset)),
        )
        for rrset in message.answer
    ]


def ours(wire: bytes, asked: str = "A", *, sections: bool = False) -> Reply:
    question = Question(NAME, asked, sections=sections)
    return read(wire, question, write(question))


@settings(max_examples=40, deadline=None)
@given(records, st.booleans())
def test_what_dnspython_writes_is_read_as_dnspython_reads_it(
    found: list[tuple[dns.name.Name, int, tuple[str, str]]], sections: bool
) -> None:
    wire = made("A", found)
    expected = theirs(wire)
    reply = ours(wire, sections=sections)
    # of two aliases or SOAs at one name, which is a fault, dnspython keeps the last
    single = ("CNAME", "SOA")
    twice = {(one.owner, one.type) for one in reply.rrsets if one.type in single and len(one.values) > 1}
    got = {one for one in reply.rrsets if (one.owner, one.type) not in twice}
    assert got == {one for one in expected if (one.owner, one.type) not in twice}
    assert reply.fields["rcode"] == "NOERROR"
    assert reply.fields["aa"]


@settings(max_examples=40, deadline=None)
@given(records, st.data())
def test_no_bytes_crash_the_reader(
    found: list[tuple[dns.name.Name, int, tuple[str, str]]], data: st.DataObject
) -> None:
    wire = bytearray(made("A", found))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(4, len(wire) - 1))
        wire[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(12, len(wire)))
    question = Question(NAME, "A", sections=data.draw(st.booleans()))
    written = write(question)
    for piece in (bytes(wire), bytes(wire[:cut])):
        if not answers_the_question(piece, written):
            continue
        try:
            reply = read(piece, question, written)
        except MalformedError:
            continue
        for rrset in reply.rrsets:
            for text in (rrset.owner, *rrset.values):
                assert clean(text, 2000) == text


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200))
def test_nor_do_any_bytes_behind_the_question(tail: bytes) -> None:
    question = Question(NAME, "A", sections=True)
    written = write(question)
    head = b"\0\0\x84\0\0\1\0\2\0\1\0\1"
    with contextlib.suppress(MalformedError):
        read(head + written.section + tail, question, written)


def test_an_answer_made_quickly_is_the_same() -> None:
    known = {"rcode": "NOERROR", "aa": True, "elapsed_ms": 1.5, "rrsets": (RecordSet("a.", "A", 1, ("x",)),)}
    assert quick_answer("A", **known) == DnsAnswer("A", **known)  # type: ignore[arg-type]
    assert msgspec.json.encode(quick_answer("A", **known)) == msgspec.json.encode(DnsAnswer("A", **known))  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        quick_answer("A", nonsense=1)


def test_loops_of_names_end() -> None:
    written = write(Question(NAME, "A"))
    at = 12 + len(written.section)
    itself = b"\xc0" + bytes((at,)) + b"\0\1\0\1\0\0\0\0\0\4abcd"
    ahead = b"\xc0" + bytes((at + 16,)) + b"\0\1\0\1\0\0\0\0\0\4abcd\xc0" + bytes((at,))
    for tail in (itself, ahead):
        with pytest.raises(MalformedError, match="points"):
            read(b"\0\0\x84\0\0\1\0\1\0\0\0\0" + written.section + tail, Question(NAME, "A"), written)


def test_negative_ttl_edns_errors_and_scope() -> None:
    query = dns.message.make_query(NAME, "A", use_edns=0)
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.NXDOMAIN)
    soa = "ns.shop.test. me.shop.test. 7 60 60 60 300"
    response.authority.append(dns.rrset.from_text("shop.test.", 120, "IN", "SOA", soa))
    options = [
        dns.edns.EDEOption(dns.edns.EDECode.STALE_ANSWER, "kept\x1b[31m"),
        dns.edns.ECSOption("192.0.2.0", 24, 20),
    ]
    response.use_edns(0, options=options)
    reply = ours(response.to_wire())
    assert reply.fields["negative_ttl"] == 120
    assert reply.fields["extended_codes"] == (3,)
    assert reply.fields["extended"] == ("EDE 3 (Stale Answer): kept\\027[31m",)
    assert reply.fields["scope"] == 20
    assert reply.fields["rcode"] == "NXDOMAIN"
    # an answer that holds what was asked is no absence
    response.answer.append(dns.rrset.from_text(NAME + ".", 5, "IN", "A", "192.0.2.1"))
    assert "negative_ttl" not in ours(response.to_wire()).fields


def test_https_records_are_taken_apart() -> None:
    text = '1 . alpn="h2,h3" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1'
    wire = made("HTTPS", [(dns.name.from_text(NAME), 60, ("HTTPS", text))])
    (service,) = ours(wire, "HTTPS").fields["services"]
    assert (service.priority, service.alias, service.port) == (1, False, 8443)
    assert service.ipv4hint == ("192.0.2.1", "192.0.2.2")
    assert service.ipv6hint == ("2001:db8::1",)
    assert service.alpn == ("h2", "h3")


parameters = st.fixed_dictionaries(
    {},
    optional={
        "alpn": st.lists(
            st.sampled_from(["h2", "h3", "http/1.1", "x-y"]), min_size=1, max_size=3, unique=True
        ),
        "port": st.integers(0, 65535).map(lambda port: [str(port)]),
        "ipv4hint": st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=3),
        "ipv6hint": st.lists(st.ip_addresses(v=6).map(str), min_size=1, max_size=3),
        "key667": st.just(["hello"]),
    },
)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9), hosts, parameters, st.data())
def test_service_records_read_as_dnspython_reads_them(
    priority: int, target: dns.name.Name, wanted: dict[str, list[str]], data: st.DataObject
) -> None:
    words = " ".join(f"{key}={','.join(values)}" for key, values in wanted.items()) if priority else ""
    rdata = dns.rdata.from_text("IN", "HTTPS", f"{priority} {target} {words}")
    wire = rdata.to_wire()
    assert wire is not None
    text, service = contained(65, wire)
    assert text == clean(rdata.to_text(), 300)
    assert service is not None
    assert (service.priority, service.target) == (priority, clean(target.to_text().lower(), 300))
    if priority:
        assert list(service.ipv4hint) == wanted.get("ipv4hint", [])
        assert list(service.alpn) == wanted.get("alpn", [])
        assert not service.ech
        assert service.port == (int(wanted["port"][0]) if "port" in wanted else None)
    # what dnspython refuses, ours refuses; what it takes, ours tells alike
    broken = bytearray(wire)
    broken[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    if broken[:2] == b"\0\0":
        # alias mode: parameters are to be ignored (RFC 9460, 2.4.2), dnspython refuses them
        return
    try:
        kind = dns.rdatatype.HTTPS
        expected = dns.rdata.from_wire(dns.rdataclass.IN, kind, bytes(broken), 0, len(broken)).to_text()
    except (dns.exception.DNSException, ValueError):
        with pytest.raises((MalformedError, IndexError, struct.error)):
            contained(65, bytes(broken))
    else:
        assert contained(65, bytes(broken))[0] == clean(expected, 300)


async def test_a_reply_for_another_name_is_never_taken_for_this_one() -> None:
    """Equal bytes behind the name are read once; what it says must be the name's own."""
    async with Asker() as asker:
        for name in ("a.shop.test", "B.shop.test", "a.shoq.test"):
            # the target's end is written as a pointer into the question: equal bytes, another name
            alias = f"lb.{name.partition('.')[2]}."
            for kind, value in (("A", "192.0.2.1"), ("CNAME", alias), ("TXT", '"x"'), ("MX", f"1 {alias}")):
                question = Question(name, "A")
                query = dns.message.make_query(name, "A", use_edns=0)
                response = dns.message.make_response(query)
                response.answer.append(dns.rrset.from_text(name + ".", 60, "IN", kind, value))
                reply = asker._read(response.to_wire(), question, write(question))
                assert reply.rrsets == (RecordSet(name.lower() + ".", kind, 60, (value,)),)


def test_questions_say_what_they_should() -> None:
    message = dns.message.from_wire(
        write(Question(NAME, "A", recurse=True, unchecked=True)).message(b"\x12\x34")
    )
    assert message.id == 0x1234
    assert message.flags & (dns.flags.RD | dns.flags.AD | dns.flags.CD) == (
        dns.flags.RD | dns.flags.AD | dns.flags.CD
    )
    assert message.payload == 1232
    plain = dns.message.from_wire(write(Question("ünder.test", "HTTPS")).message(b"\0\1", edns=False))
    assert (plain.edns, plain.flags) == (-1, 0)
    assert plain.question[0].name.to_text() == "xn--nder-zra.test."
    signed = dns.message.from_wire(
        write(Question(NAME, "A", dnssec=True, subnet="193.0.0.0/24")).message(b"\0\1")
    )
    assert signed.ednsflags & dns.flags.DO
    assert signed.options[0].to_text() == "ECS 193.0.0.0/24 scope/0"
    for bad in (
        Question("a..b", "A"),
        Question("x" * 64, "A"),
        Question(NAME, "NOPE"),
        Question(NAME, "A", subnet="x"),
    ):
        with pytest.raises(ValueError, match=r"\S"):
            write(bad)
