"""What is asked of name servers, what each answered, and the dig command that asks the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from ..address import split_endpoint
from .answers import DnsAnswer, DnssecAnswer, RecordSet, ServiceRecord, SubnetAnswer
from .zones import (
    CaaLevel,
    Chain,
    Delegation,
    ListedServer,
    OwnerRecord,
    Sibling,
    Sighting,
    Walk,
)

AUTHORITATIVE = "authoritative"
RESOLVER = "resolver"

CHAIN, CAA, OWNERS, DNSSEC = "chain", "caa", "owners", "dnssec"
SIBLING, REPEAT, SUBNETS = "sibling", "repeat", "subnets"
EVERYTHING = (CHAIN, CAA, OWNERS, DNSSEC, SIBLING, REPEAT, SUBNETS)
# documentation prefixes would be answered like any unknown client; these two are far apart in the world
SUBNET_PAIR = ("193.0.0.0/24", "203.178.0.0/24")

__all__ = [
    "AUTHORITATIVE",
    "EVERYTHING",
    "RESOLVER",
    "CaaLevel",
    "Chain",
    "Delegation",
    "DnsAnswer",
    "DnsFacts",
    "DnsPolicy",
    "DnsServerFacts",
    "DnsTarget",
    "DnssecAnswer",
    "ListedServer",
    "OwnerRecord",
    "RecordSet",
    "ServerSide",
    "ServerTtl",
    "ServiceRecord",
    "Sibling",
    "Sighting",
    "SubnetAnswer",
    "TtlState",
    "Walk",
    "reproduce",
]


@dataclass(frozen=True, slots=True)
class DnsTarget:
    """``name`` is asked of every server, for every type. Servers are ``ip:port`` (port 53 may be left out).

    Resolvers may also be ``tls://ip[:port][#name]`` (RFC 7858) and ``https://host/path`` (RFC 8484);
    ``ca_file`` holds roots for those, else the system's count.
    ``zone`` is where the SOA is asked for; empty: the closest one that the server names. ``timeout_s`` is
    for each question, ``deadline_s`` for all of the target together, in seconds.

    ``walk``: find the zone's own servers too, from ``walk_from`` (``ip[:port]``: the root's, the parent's or
    the zone's servers), else from ``authoritative``, else by the system's resolver; ``port`` is theirs.
    ``extras`` are the wider questions (``EVERYTHING``); ``repeats`` is how often each server is asked the
    same for ``repeat``, ``subnets`` the client subnets for ``subnets``.
    """

    name: str
    authoritative: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    types: tuple[str, ...] = ("A", "AAAA", "CNAME", "HTTPS")
    timeout_s: float = 3.0
    zone: str = ""
    deadline_s: float = 20.0
    walk: bool = False
    walk_from: tuple[str, ...] = ()
    port: int = 53
    extras: tuple[str, ...] = ()
    repeats: int = 5
    subnets: tuple[str, ...] = SUBNET_PAIR
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class DnsServerFacts:
    """One server at one address: ``kind`` is authoritative or resolver, ``name`` its host name if known.

    ``serial``, ``soa_minimum``, ``soa_ttl`` (seconds) and ``zone`` come from its SOA. ``ns`` is its own NS
    set of the zone, sorted; None where that was not asked or not answered. ``repeated`` are further answers
    to the same A question, ``subnets`` those for other clients' subnets.
    """

    address: str
    kind: str
    answers: tuple[DnsAnswer, ...] = ()
    serial: int | None = None
    soa_minimum: int | None = None
    name: str = ""
    soa_ttl: int | None = None
    zone: str = ""
    ns: tuple[str, ...] | None = None
    dnssec: DnssecAnswer | None = None
    repeated: tuple[DnsAnswer, ...] = ()
    subnets: tuple[SubnetAnswer, ...] = ()

    @property
    def negative_ttl(self) -> int | None:
        """How long caches may hold that a name does not exist (RFC 2308, section 5), in seconds."""
        if self.soa_minimum is None or self.soa_ttl is None:
            return self.soa_minimum
        return min(self.soa_ttl, self.soa_minimum)

    def answer(self, type_name: str) -> DnsAnswer | None:
        """The answer to the question of that type, if it was asked."""
        return next((answer for answer in self.answers if answer.type == type_name), None)

    @property
    def error(self) -> str:
        """The error that every question met; empty where at least one was answered."""
        if not self.answers or any(not answer.error for answer in self.answers):
            return ""
        return self.answers[0].error

    @property
    def aa(self) -> bool:
        """Whether every answer that came was marked authoritative."""
        came = [answer for answer in self.answers if not answer.error]
        return bool(came) and all(answer.aa for answer in came)

    @property
    def rcode(self) -> str:
        """The first answer's rcode; empty where none came."""
        return next((answer.rcode for answer in self.answers if answer.rcode), "")

    @property
    def rrsets(self) -> tuple[RecordSet, ...]:
        """Every record set seen, once each, in the order of the questions."""
        seen = dict.fromkeys(rrset for answer in self.answers for rrset in answer.rrsets)
        return tuple(seen)


@dataclass(frozen=True, slots=True)
class DnsFacts:
    """What every server answered about one name, and what else was asked around it.

    ``walk``, ``chain``, ``caa``, ``owners`` and ``sibling`` are None or empty where they were not asked for.
    ``alias_chains`` begin at the targets of HTTPS records in alias mode. ``seen`` are sightings of former
    times, oldest first. ``cut_short`` says what the deadline left undone; ``at`` is when asking began, in
    epoch seconds.
    """

    target: DnsTarget
    servers: tuple[DnsServerFacts, ...] = ()
    walk: Walk | None = None
    chain: Chain | None = None
    alias_chains: tuple[Chain, ...] = ()
    caa: tuple[CaaLevel, ...] = ()
    owners: tuple[OwnerRecord, ...] = ()
    sibling: Sibling | None = None
    seen: tuple[Sighting, ...] = ()
    at: float = 0.0
    elapsed_ms: float = 0.0
    cut_short: str = ""

    @property
    def authoritative(self) -> tuple[DnsServerFacts, ...]:
        """The authoritative servers among them."""
        return tuple(server for server in self.servers if server.kind == AUTHORITATIVE)

    @property
    def resolvers(self) -> tuple[DnsServerFacts, ...]:
        """The resolvers among them."""
        return tuple(server for server in self.servers if server.kind == RESOLVER)


@dataclass(frozen=True, slots=True)
class DnsPolicy:
    """What the answers are judged by: ``low_ttl`` in seconds, and the two sides' addresses.

    ``expect`` is which side the name should lead to: ``old``, ``new`` or empty (either, but not both).
    ``old_also`` and ``new_also`` are further addresses of a side (its IPv6 address).

    ``ca_domains`` name the certificate authority in use, as CAA records do (``letsencrypt.org``; several
    where it has several names); ``external_dns_owner`` is one's own external-dns. Empty: not told.
    From ``slow_ms`` milliseconds on a server is slow; ``longest_negative_ttl`` is in seconds.
    """

    low_ttl: int
    old_address: str = ""
    new_address: str = ""
    expect: str = ""
    old_also: tuple[str, ...] = ()
    new_also: tuple[str, ...] = ()
    ca_domains: tuple[str, ...] = ()
    external_dns_owner: str = ""
    slow_ms: float = 1000.0
    longest_negative_ttl: int = 3600

    @property
    def old(self) -> frozenset[str]:
        """Every address of the old side."""
        return frozenset(address for address in (self.old_address, *self.old_also) if address)

    @property
    def new(self) -> frozenset[str]:
        """Every address of the new side."""
        return frozenset(address for address in (self.new_address, *self.new_also) if address)


@dataclass(frozen=True, slots=True)
class ServerTtl:
    """One authoritative server's highest TTL at the name itself; ``ttl`` None says in ``detail`` why not
    known.
    """

    address: str
    ttl: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TtlState:
    """Whether every authoritative server serves the low TTL. ``state`` is low, high or unknown.

    ``headline`` says it in one line: ``60 s on 3 of 4 name servers, ns4 did not answer``.
    """

    state: str
    headline: str
    servers: tuple[ServerTtl, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerSide:
    """Where one server sends people: old, new, mixed, other (neither address), none (no such record),
    no-answer.
    """

    address: str
    kind: str
    side: str
    ttl: int | None = None
    values: tuple[str, ...] = ()


def reproduce(target: DnsTarget, server: str = "", type_name: str = "A", kind: str = AUTHORITATIVE) -> str:
    """The dig command for one server and type, quoted for a POSIX shell; by default the first server's
    A.
    """
    if not server:
        server = next(iter((*target.authoritative, *target.resolvers)), "")
        kind = AUTHORITATIVE if target.authoritative else RESOLVER
    parts = ["dig", *(_dig_server(server) if server else ())]
    parts += ["+norecurse"] if kind == AUTHORITATIVE else []
    return " ".join(shlex.quote(part) for part in [*parts, target.name, type_name])


def _dig_server(server: str) -> list[str]:
    if server.startswith("https://"):
        host, _, path = server.removeprefix("https://").partition("/")
        port = 443
        flags = [f"+https=/{path}"]
    elif server.startswith("tls://"):
        host, _, name = server.removeprefix("tls://").partition("#")
        port = 853
        flags = ["+tls", *([f"+tls-hostname={name}"] if name else ["+tls-ca"])]
    else:
        host, port, flags = server, 53, []
    try:
        address, port = split_endpoint(host, port)
    except ValueError:
        address = host
    return [f"@{address}", "-p", str(port), *flags]
