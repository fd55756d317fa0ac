"""What is asked of name servers, what each answered, and the dig command that asks the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from ..address import split_endpoint

AUTHORITATIVE = "authoritative"
RESOLVER = "resolver"


@dataclass(frozen=True, slots=True)
class DnsTarget:
    """``name`` is asked of every server, for every type. Servers are ``ip:port`` (port 53 may be left out).

    ``zone`` is where the SOA is asked for; empty: the closest one that the server names. ``timeout_s`` is
    for each question, in seconds.
    """

    name: str
    authoritative: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    types: tuple[str, ...] = ("A", "AAAA", "CNAME", "HTTPS")
    timeout_s: float = 3.0
    zone: str = ""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """Records of one owner and type: ``owner`` is lower case with the final dot, ``ttl`` in seconds."""

    owner: str
    type: str
    ttl: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """One question's answer. ``error`` is empty, or timeout, refused, malformed, unreachable or local.

    ``rcode`` is the name (NOERROR, NXDOMAIN, ...), empty where nothing came. ``rrsets`` is the answer
    section, CNAMEs of the chain first. ``extended`` are extended DNS errors (RFC 8914) as text.
    """

    type: str
    rcode: str = ""
    aa: bool = False
    rrsets: tuple[RecordSet, ...] = ()
    over_tcp: bool = False
    extended: tuple[str, ...] = ()
    elapsed_ms: float = 0.0
    error: str = ""
    error_detail: str = ""


@dataclass(frozen=True, slots=True)
class DnsServerFacts:
    """One server: ``kind`` is authoritative or resolver; ``serial`` and ``soa_minimum`` come from its
    SOA.
    """

    address: str
    kind: str
    answers: tuple[DnsAnswer, ...] = ()
    serial: int | None = None
    soa_minimum: int | None = None

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
    """What every server answered about one name."""

    target: DnsTarget
    servers: tuple[DnsServerFacts, ...] = ()

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
    """

    low_ttl: int
    old_address: str = ""
    new_address: str = ""
    expect: str = ""
    old_also: tuple[str, ...] = ()
    new_also: tuple[str, ...] = ()

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
    parts = ["dig"]
    if server:
        try:
            address, port = split_endpoint(server, 53)
        except ValueError:
            address, port = server, 53
        parts += [f"@{address}", "-p", str(port)]
    parts += ["+norecurse"] if kind == AUTHORITATIVE else []
    return " ".join(shlex.quote(part) for part in [*parts, target.name, type_name])
