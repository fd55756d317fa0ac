"""Asks every authoritative server and every resolver about a name, each by itself."""

from __future__ import annotations

import asyncio
import errno
import time
from dataclasses import replace

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from ....cluster.text import clean
from ..address import is_address, split_endpoint
from .facts import (
    AUTHORITATIVE,
    RESOLVER,
    DnsAnswer,
    DnsFacts,
    DnsServerFacts,
    DnsTarget,
    RecordSet,
)

_MOST_SETS = 50
_MOST_VALUES = 50
_IN_FLIGHT = 32
# the first try is short, so that one lost datagram does not look like a dead server
_TRIES = (0.35, 0.65)


async def observe(target: DnsTarget) -> DnsFacts:
    """Asks all servers at once. Never raises for what the network or a server does: see
    ``DnsAnswer.error``.
    """
    gate = asyncio.Semaphore(_IN_FLIGHT)
    asked = [(address, AUTHORITATIVE) for address in target.authoritative]
    asked += [(address, RESOLVER) for address in target.resolvers]
    servers = await asyncio.gather(*(_ask_server(target, address, kind, gate) for address, kind in asked))
    return DnsFacts(target=target, servers=tuple(servers))


async def _ask_server(target: DnsTarget, address: str, kind: str, gate: asyncio.Semaphore) -> DnsServerFacts:
    async def ask(name: str, type_name: str) -> tuple[DnsAnswer, dns.message.Message | None]:
        async with gate:
            return await _ask(name, type_name, address, kind, target.timeout_s)

    questions = [ask(target.name, type_name) for type_name in target.types]
    if kind == AUTHORITATIVE:
        questions.append(ask(target.zone or target.name, "SOA"))
    replies = await asyncio.gather(*questions)
    facts = DnsServerFacts(address, kind, tuple(answer for answer, _ in replies[: len(target.types)]))
    if kind != AUTHORITATIVE:
        return facts
    serial, minimum = _soa(replies[-1][1])
    return replace(facts, serial=serial, soa_minimum=minimum)


async def _ask(
    name: str, type_name: str, server: str, kind: str, timeout_s: float
) -> tuple[DnsAnswer, dns.message.Message | None]:
    """One question, UDP first and TCP where the answer does not fit."""
    started = time.monotonic()
    answer = DnsAnswer(type=type_name)
    try:
        query = dns.message.make_query(name, type_name, use_edns=0, payload=1232)
        address, port = split_endpoint(server, 53)
        if not is_address(address):
            raise ValueError("a server must be given as an IP address")
    except (dns.exception.DNSException, ValueError, UnicodeError) as error:
        return replace(answer, error="local", error_detail=clean(f"cannot be asked: {error}", 160)), None
    if kind == AUTHORITATIVE:
        query.flags &= ~dns.flags.RD
    error_kind, detail = "timeout", f"no answer within {timeout_s:g} s"
    for share in _TRIES:
        try:
            async with asyncio.timeout(share * timeout_s):
                reply, over_tcp = await dns.asyncquery.udp_with_fallback(
                    query, address, timeout=share * timeout_s, port=port, ignore_unexpected=True
                )
        except (TimeoutError, dns.exception.Timeout):
            continue
        except (dns.exception.DNSException, OSError, EOFError, ValueError) as error:
            error_kind, detail = _classify(error)
            continue
        elapsed = round((time.monotonic() - started) * 1000, 3)
        return replace(_read(reply, answer), over_tcp=over_tcp, elapsed_ms=elapsed), reply
    elapsed = round((time.monotonic() - started) * 1000, 3)
    return replace(answer, error=error_kind, error_detail=clean(detail, 160), elapsed_ms=elapsed), None


def _classify(error: Exception) -> tuple[str, str]:
    if isinstance(error, OSError):
        if error.errno == errno.ECONNREFUSED:
            return "refused", "connection refused"
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return "local", "too many open files here"
        return "unreachable", error.strerror or "cannot be reached"
    if isinstance(error, EOFError):
        return "malformed", "the TCP connection was closed before an answer"
    return "malformed", f"{type(error).__name__}: {error}"


def _read(reply: dns.message.Message, answer: DnsAnswer) -> DnsAnswer:
    return replace(
        answer,
        rcode=dns.rcode.to_text(reply.rcode()),
        aa=bool(reply.flags & dns.flags.AA),
        rrsets=tuple(_record_set(rrset) for rrset in reply.answer[:_MOST_SETS]),
        extended=tuple(clean(error.to_text(), 160) for error in reply.extended_errors()[:5]),
    )


def _record_set(rrset: dns.rrset.RRset) -> RecordSet:
    values = sorted(clean(rdata.to_text(), 300) for rdata in list(rrset)[:_MOST_VALUES])
    return RecordSet(
        owner=clean(rrset.name.to_text().lower(), 300),
        type=dns.rdatatype.to_text(rrset.rdtype),
        ttl=rrset.ttl,
        values=tuple(values),
    )


def _soa(reply: dns.message.Message | None) -> tuple[int | None, int | None]:
    """Serial and minimum; from the authority section where the name is not the zone's own."""
    if reply is None:
        return None, None
    for rrset in (*reply.answer, *reply.authority):
        if rrset.rdtype == dns.rdatatype.SOA and len(rrset):
            soa = rrset[0]
            return int(soa.serial), int(soa.minimum)
    return None, None
