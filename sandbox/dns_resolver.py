"""The practice caching resolver: an old answer lingers here for exactly as long as its TTL allows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rcode import Rcode
from dns.rdtypes.ANY.SOA import SOA

from .dns_authority import to_wire
from .dns_server import DnsServer, Transport
from .dns_zone import Name, RdataType
from .errors import SandboxError

_UDP_PAYLOAD = 1232
_LONGEST_CHAIN = 16
_UPSTREAM_TIMEOUT_S = 2.0
_MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class _Entry:
    """One remembered record set, or (``records`` is None) that there is none, with the SOA that said so."""

    expires: float
    records: dns.rrset.RRset | None = None
    rcode: Rcode = Rcode.NOERROR
    soa: dns.rrset.RRset | None = None


class _Unanswered(Exception):  # noqa: N818 - becomes SERVFAIL
    """The authority did not answer, or not with authority."""


class CachingResolver(DnsServer):
    """Answers from its cache while the TTL lasts, and asks the authority otherwise; UDP and TCP, one port.

    Each record set of a chain is cached by itself, with its own TTL; a missing name or type for the smaller
    of the SOA's TTL and minimum (RFC 2308). Questions without RD are answered from the cache only: NOERROR
    and nothing in it where the cache has nothing. ``clock`` gives seconds that never go back.
    """

    def __init__(
        self,
        authority: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        min_ttl: int = 0,
        timeout_s: float = _UPSTREAM_TIMEOUT_S,
    ) -> None:
        """``authority`` is ``ip:port``; ``min_ttl`` (seconds) stretches short TTLs, as some resolvers do."""
        self._authority = _parse_endpoint(authority)
        self._clock = clock
        self._min_ttl = min_ttl
        self._timeout_s = timeout_s
        self._cache: dict[tuple[Name, RdataType], _Entry] = {}
        super().__init__()

    def flush(self) -> None:
        """Forget everything."""
        self._cache.clear()

    def cached(self, name: str, rdtype: str) -> float | None:
        """Seconds that what is known of ``name`` (its absence, too) still stays; None if not cached."""
        key = (dns.name.from_text(name), dns.rdatatype.from_text(rdtype))
        entry = self._remembered(*key)
        return None if entry is None else entry.expires - self._clock()

    async def _handle(self, wire: bytes, transport: Transport) -> bytes | None:
        try:
            query = dns.message.from_wire(wire, keyring=False)
        except (dns.exception.DNSException, ValueError):
            return None
        if query.flags & dns.flags.QR:
            return None
        response = dns.message.make_response(query, recursion_available=True, our_payload=_UDP_PAYLOAD)
        if query.edns > 0:
            response.set_rcode(Rcode.BADVERS)
        elif query.opcode() != dns.opcode.QUERY:
            response.set_rcode(Rcode.NOTIMP)
        elif len(query.question) != 1:
            response.set_rcode(Rcode.FORMERR)
        elif query.question[0].rdclass != dns.rdataclass.IN or _is_meta(query.question[0].rdtype):
            response.set_rcode(Rcode.REFUSED)
        else:
            question = query.question[0]
            try:
                await self._resolve(question.name, question.rdtype, response)
            except _Unanswered:
                response.answer, response.authority = [], []
                response.set_rcode(Rcode.SERVFAIL)
        return to_wire(query, response, transport)

    async def _resolve(self, name: Name, rdtype: RdataType, response: dns.message.Message) -> None:
        may_ask = bool(response.flags & dns.flags.RD)
        for _ in range(_LONGEST_CHAIN):
            entry = self._best(name, rdtype)
            if entry is None:
                if not may_ask:
                    return
                fresh = await self._ask(name, rdtype)
                entry = fresh.get((name, rdtype)) or fresh.get((name, dns.rdatatype.CNAME))
                if entry is None:
                    raise _Unanswered
            if entry.records is None:
                response.set_rcode(entry.rcode)
                if entry.soa is not None:
                    response.authority.append(self._aged(entry.soa, entry))
                return
            response.answer.append(self._aged(entry.records, entry))
            if entry.records.rdtype == rdtype:
                return
            name = entry.records[0].target
        raise _Unanswered

    def _best(self, name: Name, rdtype: RdataType) -> _Entry | None:
        entry = self._remembered(name, rdtype)
        if entry is not None or rdtype == dns.rdatatype.CNAME:
            return entry
        alias = self._remembered(name, dns.rdatatype.CNAME)
        return alias if alias is not None and alias.records is not None else None

    def _remembered(self, name: Name, rdtype: RdataType) -> _Entry | None:
        """The live entry; that a name does not exist (NXDOMAIN) holds for every type of it (RFC 2308, 5)."""
        now = self._clock()
        for key in ((name, dns.rdatatype.ANY), (name, rdtype)):
            entry = self._cache.get(key)
            if entry is not None and entry.expires > now:
                return entry
            self._cache.pop(key, None)
        return None

    def _aged(self, records: dns.rrset.RRset, entry: _Entry) -> dns.rrset.RRset:
        # Rounded up: a TTL of 0 would say "do not cache" of what is cached still.
        remaining = max(0, math.ceil(entry.expires - self._clock()))
        return dns.rrset.from_rdata_list(records.name, remaining, list(records))

    async def _ask(self, name: Name, rdtype: RdataType) -> dict[tuple[Name, RdataType], _Entry]:
        """What the authority says, by name and type; whatever has a TTL is in the cache afterwards."""
        query = dns.message.make_query(name, rdtype, use_edns=0, payload=_UDP_PAYLOAD, flags=0)
        address, port = self._authority
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(
                query, address, timeout=self._timeout_s, port=port, ignore_errors=True
            )
        except (dns.exception.DNSException, OSError, EOFError):
            raise _Unanswered from None
        if answer.rcode() not in (Rcode.NOERROR, Rcode.NXDOMAIN) or not answer.flags & dns.flags.AA:
            raise _Unanswered
        now = self._clock()
        fresh = {
            (rrset.name, rrset.rdtype): _Entry(now + max(rrset.ttl, self._min_ttl), rrset)
            for rrset in answer.answer
        }
        fresh.update(self._negative(name, rdtype, answer, now))
        for key, entry in fresh.items():
            self._remember(key, entry)
        missing = fresh.get((name, dns.rdatatype.ANY))
        return {**fresh, (name, rdtype): missing} if missing is not None else fresh

    def _negative(
        self, name: Name, rdtype: RdataType, answer: dns.message.Message, now: float
    ) -> dict[tuple[Name, RdataType], _Entry]:
        """What the answer denies: the last name of its chain, or that name's type."""
        denied = name
        for rrset in answer.answer:
            if rrset.name == denied and rrset.rdtype == rdtype:
                return {}
            if rrset.name == denied and rrset.rdtype == dns.rdatatype.CNAME:
                denied = rrset[0].target
        soa = next((rrset for rrset in answer.authority if rrset.rdtype == dns.rdatatype.SOA), None)
        if soa is None or not isinstance(soa[0], SOA):
            return {}
        rcode = answer.rcode()
        ttl = max(min(soa.ttl, soa[0].minimum), self._min_ttl)
        covers = dns.rdatatype.ANY if rcode == Rcode.NXDOMAIN else rdtype
        return {(denied, covers): _Entry(now + ttl, None, rcode, soa)}

    def _remember(self, key: tuple[Name, RdataType], entry: _Entry) -> None:
        now = self._clock()
        if entry.expires <= now:
            return
        if len(self._cache) >= _MOST_ENTRIES:
            self._cache = {kept: old for kept, old in self._cache.items() if old.expires > now}
            while len(self._cache) >= _MOST_ENTRIES:
                self._cache.pop(next(iter(self._cache)))
        if entry.records is not None:
            self._cache.pop((key[0], dns.rdatatype.ANY), None)
        self._cache[key] = entry


def _is_meta(rdtype: RdataType) -> bool:
    return dns.rdatatype.is_metatype(rdtype) or rdtype == dns.rdatatype.ANY


def _parse_endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    if not address or not port.isdecimal():
        raise SandboxError(f"{text!r} is not address:port")
    return address.strip("[]"), int(port)
