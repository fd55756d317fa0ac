"""What can be found of a name before a cutover: how each situation is made, and what must be said of it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dns.dnssec
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from misbehaving_name_server import DROPS, FLAPS, GARBAGE, MUTED, NO_AA, NO_EDNS, SLOW, TRUNCATES
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.dns.facts import EVERYTHING
from real_name_servers import NameServers
from served_zones import (
    BIND,
    DNSMASQ,
    KNOT,
    KNOT2,
    NOBODY,
    POWERDNS,
    PRODUCTS,
    UNBOUND,
    UNBOUND2,
    Zone,
)

OLD, NEW = "192.0.2.1", "192.0.2.2"
OLD6, NEW6 = "2001:db8::1", "2001:db8::2"
FAIL, WARN, UNKNOWN = Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN
Prepare = Callable[[NameServers, str], None]


@dataclass(frozen=True, slots=True)
class Situation:
    """``label`` in ``zone`` is asked. ``rule`` must be found with ``verdict``, and beside it only ``also``.

    ``says`` must stand in the finding's summary. ``shows`` (a regular expression) must be found in what its
    own command prints, and each of ``dig`` (server, arguments, expression) in what dig prints when the test
    asks by itself. ``prepare`` runs before the name is asked for: it fills caches and changes records.
    A look ``before_s`` seconds before leaves its sightings. ``extras`` and ``timeout_s`` keep it short.
    """

    number: int
    title: str
    rule: str
    verdict: Verdict
    zone: Zone
    says: str
    shows: str
    dig: tuple[tuple[str, str, str], ...] = ()
    also: frozenset[str] = frozenset()
    label: str = "www"
    resolvers: tuple[str, ...] = ()
    expect: str = ""
    policy: Mapping[str, Any] = field(default_factory=dict)
    prepare: Prepare | None = None
    before_s: float = 0.0
    extras: tuple[str, ...] = EVERYTHING
    timeout_s: float = 3.0

    @property
    def name(self) -> str:
        """The name that is asked for."""
        return self.zone.name if self.label == "@" else f"{self.label}.{self.zone.name}"

    @property
    def proved_by(self) -> tuple[str, ...]:
        """The products that take part; what stands in no product's place is the server of our own."""
        zone = self.zone
        taking_part = (*zone.servers, *zone.listed, *zone.delegated, zone.secondary, *self.resolvers)
        names = [PRODUCTS.get(name, "our own") for name in taking_part if name not in ("", NOBODY)]
        return tuple(dict.fromkeys(names))


def cached(servers: NameServers, name: str, *types: str, server: str = UNBOUND) -> None:
    """Makes a resolver look ``name`` up."""
    for kind in types:
        servers.ask(server, name, kind)


def _lowered_too_late(servers: NameServers, name: str) -> None:
    cached(servers, name, "A")
    servers.update(KNOT, "lowered.test", ("www", 60, "A", OLD))


def _ipv6_added(servers: NameServers, name: str) -> None:
    cached(servers, name, "AAAA")
    servers.update(KNOT, "negative.test", ("www", 60, "AAAA", OLD6))


def _name_added_in_gap(servers: NameServers, name: str) -> None:
    cached(servers, f"wwv.{name.partition('.')[2]}", "A")
    servers.update(KNOT, "gap.test", ("www", 60, "A", OLD))


def _one_serial_ahead(servers: NameServers, name: str) -> None:
    servers.update(KNOT, "second.test", ("other", 60, "A", OLD))


def _target_cached(servers: NameServers, name: str) -> None:
    cached(servers, "lb.flat.test", "A")
    time.sleep(1.1)


def _moved_behind_a_cache(servers: NameServers, name: str) -> None:
    cached(servers, name, "A")
    servers.update(KNOT, "moved.test", ("www", 60, "A", NEW))


def _server_lost(servers: NameServers, name: str) -> None:
    cached(servers, name, "A", "AAAA", "CNAME", "HTTPS", server=UNBOUND2)
    servers.mute()
    time.sleep(1.1)


def signatures_expired(zone: Zone) -> Zone:
    """The zone with signatures that ended yesterday."""
    made = dns.zone.from_text(zone.serves(zone.servers[0]), origin=f"{zone.name}.", relativize=False)
    key = ec.generate_private_key(ec.SECP256R1())
    dnskey = dns.dnssec.make_dnskey(key.public_key(), "ECDSAP256SHA256", flags=257)
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    dns.dnssec.sign_zone(
        made, keys=[(key, dnskey)], dnskey_ttl=300, inception=now - 30 * day, expiration=now - day
    )
    return Zone(zone.name, zone.records, zone.servers, presigned=made.to_text(relativize=False))


HERITAGE = "heritage=external-dns,external-dns/owner=blue,external-dns/resource=ingress/shop/web"
WILDCARD = ("* 60 A 192.0.2.1",)
SITUATIONS: tuple[Situation, ...] = (
    Situation(
        1,
        "AAAA still old while A is new",
        "aaaa-left-on-old",
        FAIL,
        Zone("ipv6-left.test", (f"www 60 A {NEW}", f"www 60 AAAA {OLD6}")),
        says=f"AAAA still {OLD6}",
        shows=OLD6,
        dig=((KNOT, "A", NEW),),
        expect="new",
    ),
    Situation(
        2,
        "alias at 60 s to a target at 3600 s",
        "cname-hop-ttl",
        WARN,
        Zone("alias.test", ("www 60 CNAME lb.alias.test.", f"lb 3600 A {OLD}"), (BIND,)),
        says="3600 s",
        shows=r"lb\.alias\.test\.\s+3600",
        dig=((BIND, "A", r"www\.alias\.test\.\s+60"),),
        expect="old",
    ),
    Situation(
        3,
        "chain of four names, 60/300/30/3600 s",
        "chain-long",
        WARN,
        Zone(
            "chain.test",
            (
                "www 60 CNAME a.chain.test.",
                "a 300 CNAME b.chain.test.",
                "b 30 CNAME c.chain.test.",
                f"c 3600 A {OLD}",
            ),
            (POWERDNS,),
        ),
        says="60, 300, 30, 3600",
        shows=r"(?s)\s60\s.*\s300\s.*\s30\s.*\s3600\s",
        also=frozenset({"cname-hop-ttl"}),
    ),
    Situation(
        4,
        "one name server stale, serials differ",
        "stale-server",
        FAIL,
        Zone(
            "stale.test",
            (f"www 60 A {NEW}",),
            (KNOT, KNOT2),
            serial=12,
            instead={KNOT2: (9, (f"www 60 A {OLD}",))},
        ),
        says="at serial 9, the newest is 12",
        shows=OLD,
        dig=((KNOT, "A", NEW), (KNOT2, "SOA @", r"\s9\s")),
    ),
    Situation(
        5,
        "lame server: listed, and refuses",
        "lame-server",
        FAIL,
        Zone("lame.test", (f"www 60 A {OLD}",), (KNOT,), listed=(KNOT, BIND)),
        says="refuses to answer (REFUSED)",
        shows="status: REFUSED",
        also=frozenset({"ttl-unknown"}),
    ),
    Situation(
        6,
        "parent and zone list different servers",
        "delegation-differs",
        WARN,
        Zone(
            "parted.test",
            (f"www 60 A {OLD}",),
            (KNOT, KNOT2, BIND),
            listed=(KNOT, BIND),
            delegated=(KNOT, KNOT2),
        ),
        says="only the parent lists ns-knot2.test; only the zone itself lists ns-bind.test",
        shows=r"NS\s+ns-knot2\.test\.",
        dig=((KNOT, "NS @", r"NS\s+ns-bind\.test\."),),
    ),
    Situation(
        7,
        "dead name server",
        "name-server-silent",
        UNKNOWN,
        Zone("dead.test", (f"www 60 A {OLD}",), (KNOT,), listed=(KNOT, NOBODY)),
        says="does not answer",
        shows="no servers could be reached",
        also=frozenset({"ttl-unknown"}),
        extras=(),
        timeout_s=0.8,
    ),
    Situation(
        8,
        "TTL lowered too recently",
        "resolver-holds-old-ttl",
        FAIL,
        Zone("lowered.test", (f"www 3600 A {OLD}",)),
        says="longer than the low TTL of 60 s: wait 3",
        shows=r"\s3[56]\d\d\s+IN\s+A",
        dig=((KNOT, "A", r"\s60\s+IN\s+A"),),
        resolvers=(UNBOUND,),
        expect="old",
        prepare=_lowered_too_late,
    ),
    Situation(
        9,
        "HTTPS record's hint still old",
        "hint-left-on-old",
        FAIL,
        Zone("hint.test", (f"www 60 A {NEW}", f'www 60 HTTPS 1 . alpn="h2" ipv4hint="{OLD}"'), (BIND,)),
        says=f"hints still name {OLD}",
        shows=f"ipv4hint={OLD}",
        expect="new",
    ),
    Situation(
        10,
        "HTTPS alias without an address",
        "alias-without-address",
        FAIL,
        Zone("aliasmode.test", ("www 60 HTTPS 0 lb.aliasmode.test.", f"lb 60 A {OLD}")),
        says="only an HTTPS alias to lb.aliasmode.test.",
        shows=r"HTTPS\s+0 lb\.aliasmode",
        dig=((KNOT, "A", "ANSWER: 0"),),
    ),
    Situation(
        11,
        "absence of the AAAA cached",
        "absence-cached",
        WARN,
        Zone("negative.test", (f"www 60 A {OLD}",)),
        says="that there is no AAAA",
        shows="ANSWER: 0",
        dig=((KNOT, "AAAA", OLD6),),
        resolvers=(UNBOUND,),
        prepare=_ipv6_added,
    ),
    Situation(
        12,
        "denied by a cached NSEC gap",
        "absence-by-nsec",
        FAIL,
        Zone("gap.test", ("aaa 60 A 192.0.2.9",), signed=True),
        says="by the cached gap aaa.gap.test. to gap.test.",
        shows=r"(?s)NXDOMAIN.*NSEC\s",
        dig=((KNOT, "A", OLD),),
        resolvers=(UNBOUND,),
        prepare=_name_added_in_gap,
    ),
    Situation(
        13,
        "SOA minimum of a day",
        "negative-ttl-long",
        WARN,
        Zone("minimum.test", (f"www 60 A {OLD}",), (BIND,), minimum=86400, soa_ttl=86400),
        says="remembered for 86400 s",
        shows=r"SOA\s.*\s86400",
    ),
    Situation(
        14,
        "DNSSEC bogus",
        "dnssec-bogus",
        FAIL,
        signatures_expired(Zone("bogus.test", (f"www 60 A {OLD}",))),
        says="SERVFAIL, and NOERROR when it does not validate",
        shows="status: SERVFAIL",
        dig=((UNBOUND, "A +cd", OLD),),
        resolvers=(UNBOUND,),
    ),
    Situation(
        15,
        "NXDOMAIN",
        "no-such-name",
        FAIL,
        Zone("nothing.test", (f"other 60 A {OLD}",), (POWERDNS,)),
        says="does not exist; caches remember that for up to 300 s",
        shows="status: NXDOMAIN",
        also=frozenset({"ttl-unknown"}),
    ),
    Situation(
        16,
        "NODATA",
        "no-address",
        FAIL,
        Zone("nodata.test", ("www 60 MX 10 mail.nodata.test.",), (BIND,)),
        says="has no address",
        shows=r"(?s)status: NOERROR.*ANSWER: 0",
        also=frozenset({"ttl-unknown"}),
    ),
    Situation(
        17,
        "SERVFAIL",
        "server-failure",
        FAIL,
        Zone(
            "broken.test",
            (f"www 60 A {OLD}",),
            (KNOT, BIND),
            instead={BIND: (7, ("www 60 A not-an-address",))},
        ),
        says="SERVFAIL",
        shows="status: SERVFAIL",
        also=frozenset({"ttl-unknown"}),
    ),
    Situation(
        18,
        "a resolver refuses",
        "resolver-refuses",
        WARN,
        Zone("refusing.test", (f"www 60 A {OLD}",)),
        says="refuses to answer",
        shows="status: REFUSED",
        resolvers=(BIND,),
    ),
    Situation(
        19,
        "questions of some types dropped",
        "question-dropped",
        UNKNOWN,
        Zone("dropped.test", (f"www 60 A {OLD}",), (DROPS,)),
        says="not for AAAA",
        shows="no servers could be reached",
        dig=((DROPS, "A", OLD),),
        also=frozenset({"ttl-unknown"}),
        extras=(),
        timeout_s=0.8,
    ),
    Situation(
        20,
        "slow name server",
        "server-slow",
        WARN,
        Zone("slow.test", (f"www 60 A {OLD}",), (SLOW,)),
        says="took ",
        shows=r"Query time: [67]\d\d msec",
        policy={"slow_ms": 500.0},
        extras=(),
    ),
    Situation(
        21,
        "truncated, and TCP broken",
        "tcp-broken",
        FAIL,
        Zone("truncated.test", (f"www 60 A {OLD}",), (TRUNCATES,)),
        says="does not fit in a datagram, and over TCP",
        shows="connection refused",
        dig=((TRUNCATES, "A +ignore", r"flags: qr aa tc"),),
        also=frozenset({"ttl-unknown"}),
    ),
    Situation(
        22,
        "EDNS dropped",
        "edns-dropped",
        WARN,
        Zone("edns.test", (f"www 60 A {OLD}",), (NO_EDNS,)),
        says="answers only without EDNS",
        shows=OLD,
        dig=((NO_EDNS, "A +tries=1 +time=1", "no servers could be"),),
        extras=(),
        timeout_s=0.8,
    ),
    Situation(
        23,
        "NOERROR without authority",
        "answers-without-authority",
        FAIL,
        Zone("borrowed.test", (f"www 60 A {OLD}",), (KNOT, NO_AA)),
        says="answers without authority",
        shows=r"(?s)flags: qr;.*" + OLD,
        also=frozenset({"ttl-unknown"}),
    ),
    Situation(
        24,
        "wildcard answers a typing error",
        "wildcard-answers",
        WARN,
        Zone("wild.test", WILDCARD),
        says="made up at random",
        shows=OLD,
        label="wwww",
    ),
    Situation(
        25,
        "TXT at the name hides the wildcard",
        "wildcard-hidden",
        FAIL,
        Zone("hidden.test", (*WILDCARD, 'www 60 TXT "verification=1"'), (BIND,)),
        says="hides the wildcard",
        shows="verification=1",
        dig=((BIND, "A", "ANSWER: 0"),),
        also=frozenset({"ttl-unknown"}),
    ),
    Situation(
        26,
        "split horizon",
        "split-horizon",
        WARN,
        Zone("views.test", (f"www 60 A {OLD}",), (BIND,), inside=("www 60 A 10.1.2.3",)),
        says="answers 10.1.2.3",
        shows=r"10\.1\.2\.3",
        dig=((BIND, "A", OLD),),
        resolvers=(UNBOUND2,),
        expect="old",
    ),
    Situation(
        26,
        "split horizon",
        "split-horizon",
        WARN,
        Zone("shadow.test", (f"www 60 A {OLD}",), (POWERDNS,)),
        says="answers 10.9.8.7, as its own zone",
        shows=r"10\.9\.8\.7",
        dig=((POWERDNS, "A", OLD), (DNSMASQ, "A", r"flags: qr aa")),
        resolvers=(DNSMASQ,),
        expect="old",
    ),
    Situation(
        27,
        "old and new in one record set",
        "old-and-new-mixed",
        FAIL,
        Zone("mixed.test", (f"www 60 A {OLD}", f"www 60 A {NEW}"), (POWERDNS,)),
        says=f"{OLD}, {NEW}",
        shows=rf"(?s){OLD}.*{NEW}|{NEW}.*{OLD}",
    ),
    Situation(
        28,
        "flattened alias at the apex",
        "alias-flattened",
        WARN,
        Zone("flat.test", ("@ 3600 ALIAS lb.flat.test.", f"lb 60 A {OLD}"), (POWERDNS,)),
        says="counts the TTL of A down",
        shows=r"flat\.test\.\s+\d+\s+IN\s+A\s+" + OLD,
        label="@",
        dig=((POWERDNS, "A", r"flat\.test\.\s+5\d\s+IN\s+A\s"),),
        prepare=_target_cached,
        before_s=1.2,
    ),
    Situation(
        29,
        "behind a CDN",
        "cdn-in-front",
        WARN,
        Zone("proxied.test", ("www 60 A 104.16.132.229",)),
        says="104.16.132.229 of Cloudflare",
        shows=r"104\.16\.132\.229",
    ),
    Situation(
        30,
        "one server flaps",
        "server-flaps",
        FAIL,
        Zone("flaps.test", (f"www 60 A {OLD}",), (FLAPS,)),
        says="asked",
        shows="192.0.2.[12]",
    ),
    Situation(
        31,
        "answers differ by client subnet",
        "differs-by-subnet",
        FAIL,
        Zone(
            "regions.test",
            (f"www 60 LUA A \"; if netmask({{'203.178.0.0/24'}}) then return '{NEW}' end; return '{OLD}'\"",),
            (POWERDNS,),
        ),
        says=f"203.178.0.0/24 gets {NEW}",
        shows=OLD,
        dig=((POWERDNS, "A +subnet=203.178.0.0/24", NEW),),
    ),
    Situation(
        32,
        "external-dns of another cluster owns the name",
        "owner-elsewhere",
        FAIL,
        Zone(
            "owned.test",
            (
                f"www 60 A {OLD}",
                f'a-www 60 TXT "{HERITAGE}"',
            ),
        ),
        says="owned by external-dns blue (ingress/shop/web), not by green",
        shows="external-dns/owner=blue",
        policy={"external_dns_owner": "green"},
    ),
    Situation(
        33,
        "CAA forbids the authority in use",
        "caa-forbids",
        FAIL,
        Zone("caa.test", (f"www 60 A {OLD}", '@ 300 CAA 0 issue "pki.goog"'), (BIND,)),
        says="allows pki.goog, not letsencrypt.org",
        shows='issue "pki.goog"',
        policy={"ca_domains": ("letsencrypt.org",)},
    ),
    Situation(
        34,
        "dangling alias",
        "cname-dangles",
        FAIL,
        Zone("dangling.test", ("www 60 CNAME gone.dangling.test.",)),
        says="gone.dangling.test. does not exist",
        shows=r"CNAME\s+gone\.dangling",
        dig=((KNOT, "A", "NXDOMAIN"),),
        also=frozenset({"ttl-unknown"}),
    ),
    Situation(
        35,
        "alias loop",
        "cname-loop",
        FAIL,
        Zone("loop.test", ("www 60 CNAME a.loop.test.", "a 60 CNAME www.loop.test."), (BIND,)),
        says="in a circle",
        shows=r"CNAME\s+a\.loop",
        dig=((BIND, "A", "SERVFAIL"), (BIND, "a.@ CNAME", r"CNAME\s+www")),
        also=frozenset({"ttl-unknown", "server-failure"}),
    ),
    Situation(
        36,
        "private address in a public zone",
        "private-address",
        WARN,
        Zone("inside.test", ("www 60 A 10.20.30.40",), (POWERDNS,)),
        says="publishes 10.20.30.40",
        shows=r"10\.20\.30\.40",
    ),
    Situation(
        37,
        "TTL 0",
        "ttl-zero",
        WARN,
        Zone("zero.test", (f"www 0 A {OLD}",)),
        says="www.zero.test. 0 A",
        shows=r"\s0\s+IN\s+A",
    ),
    Situation(
        38,
        "TTL of a week",
        "ttl-very-long",
        WARN,
        Zone("week.test", (f"www 604800 A {OLD}",)),
        says="604800 s (7 days)",
        shows=r"\s604800\s",
        also=frozenset({"ttl-high"}),
    ),
    Situation(
        39,
        "secondary one serial behind",
        "serials-differ",
        WARN,
        Zone("second.test", (f"www 60 A {OLD}",), secondary=KNOT2),
        says="serials differ, the name's records do not",
        shows=r"SOA\s.*\s8\s",
        dig=((KNOT2, "SOA @", r"SOA\s.*\s7\s"),),
        prepare=_one_serial_ahead,
    ),
)

MORE: tuple[Situation, ...] = (
    Situation(
        0,
        "a high TTL on one of two servers",
        "ttl-high",
        FAIL,
        Zone("high.test", (f"www 60 A {OLD}",), (KNOT, BIND), instead={BIND: (7, (f"www 3600 A {OLD}",))}),
        says="3600 s on 1 of 2 name servers",
        shows=OLD,
        dig=((KNOT, "A", r"\s60\s"), (BIND, "A", r"\s3600\s")),
    ),
    Situation(
        0,
        "two sources of one zone",
        "servers-disagree",
        FAIL,
        Zone(
            "parts.test",
            (f"www 60 A {OLD}",),
            (KNOT, POWERDNS),
            instead={POWERDNS: (7, (f"www 60 A {NEW}",))},
        ),
        says=NEW,
        shows=OLD,
        dig=((POWERDNS, "A", NEW),),
    ),
    Situation(
        0,
        "still at the old side after the switch",
        "wrong-side",
        FAIL,
        Zone("unmoved.test", (f"www 60 A {OLD}",), (BIND,)),
        says="(old side), expected the new side",
        shows=OLD,
        expect="new",
    ),
    Situation(
        0,
        "a cache on the old side after the switch",
        "resolver-behind",
        WARN,
        Zone("moved.test", (f"www 60 A {OLD}",)),
        says=" s more",
        shows=OLD,
        dig=((KNOT, "A", NEW),),
        resolvers=(UNBOUND,),
        expect="new",
        prepare=_moved_behind_a_cache,
    ),
    Situation(
        0,
        "an expired answer, because the zone's server is gone",
        "stale-answer-served",
        WARN,
        Zone("expired.test", (f"www 1 A {OLD}",), (MUTED,)),
        says="EDE 3",
        shows=r"EDE: 3 \(Stale Answer\)",
        also=frozenset({"ttl-unknown", "walk-incomplete"}),
        resolvers=(UNBOUND2,),
        prepare=_server_lost,
        extras=(),
        timeout_s=0.8,
    ),
    Situation(
        0,
        "a resolver that is not there",
        "resolver-silent",
        WARN,
        Zone("unheard.test", (f"www 60 A {OLD}",)),
        says="does not answer",
        shows="no servers could be reached",
        resolvers=(NOBODY,),
        extras=(),
        timeout_s=0.8,
    ),
    Situation(
        0,
        "what answers there speaks no DNS",
        "answer-garbled",
        UNKNOWN,
        Zone("garbled.test", (f"www 60 A {OLD}",), (KNOT, GARBAGE)),
        says=":",
        shows="malformed|FORMERR|bad|Got bad packet|no servers",
        also=frozenset({"ttl-unknown"}),
        extras=(),
        timeout_s=0.8,
    ),
    Situation(
        0,
        "a listed name server without an address",
        "name-server-without-address",
        UNKNOWN,
        Zone("ghost.test", (f"www 60 A {OLD}",), (KNOT,), listed=(KNOT, "ghost")),
        says="ns-ghost.test. has no address",
        shows="ANSWER: 0|NXDOMAIN|REFUSED",
    ),
    Situation(
        0,
        "an external-dns owns the name, and whose was not told",
        "owner-record-found",
        WARN,
        Zone("registered.test", (f"www 60 A {OLD}", f'cname-www 60 TXT "{HERITAGE}"'), (POWERDNS,)),
        says="whether that is yours was not told",
        shows="external-dns/owner=blue",
    ),
)

HEALTHY: tuple[Situation, ...] = tuple(
    Situation(
        0, f"{title} on {server}", "ttl-low", Verdict.PASS, zone, "60 s on ", "", label=label, resolvers=by
    )
    for title, server, zone, label, by in (
        (
            "plain",
            "knot",
            Zone("well-knot.test", (f"www 60 A {OLD}", f"www 60 AAAA {OLD6}"), (KNOT, KNOT2)),
            "www",
            (UNBOUND,),
        ),
        ("plain", "bind", Zone("well-bind.test", (f"www 60 A {OLD}",), (BIND,)), "www", (UNBOUND, DNSMASQ)),
        ("apex", "pdns", Zone("well-pdns.test", (f"@ 60 A {OLD}",), (POWERDNS,)), "@", (UNBOUND,)),
        (
            "alias",
            "pdns",
            Zone("well-alias.test", ("www 60 CNAME lb.well-alias.test.", f"lb 60 A {OLD}"), (POWERDNS,)),
            "www",
            (UNBOUND,),
        ),
        (
            "alias",
            "bind",
            Zone("well-alias2.test", ("www 60 CNAME lb.well-alias.test.",), (BIND,)),
            "www",
            (UNBOUND,),
        ),
        (
            "HTTPS",
            "knot",
            Zone("well-https.test", (f"www 60 A {OLD}", f'www 60 HTTPS 1 . alpn="h2" ipv4hint="{OLD}"')),
            "www",
            (UNBOUND,),
        ),
        (
            "HTTPS",
            "pdns",
            Zone("well-https2.test", (f"www 60 A {OLD}", "www 60 HTTPS 1 . alpn=h2"), (POWERDNS,)),
            "www",
            (UNBOUND,),
        ),
        (
            "signed",
            "knot",
            Zone("well-signed.test", (f"www 60 A {OLD}",), signed=True),
            "www",
            (UNBOUND, DNSMASQ),
        ),
        (
            "secondary",
            "knot",
            Zone("well-second.test", (f"www 60 A {OLD}",), secondary=KNOT2),
            "www",
            (UNBOUND2,),
        ),
        (
            "CAA",
            "bind",
            Zone("well-caa.test", (f"www 60 A {OLD}", '@ 300 CAA 0 issue "letsencrypt.org"'), (BIND,)),
            "www",
            (UNBOUND,),
        ),
    )
)
