"""The practice authoritative name server: answers for its zones, and takes signed updates of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
from dns.rcode import Rcode

from .dns_keys import TsigKey, keyring
from .dns_server import DnsServer, Transport
from .dns_update import UpdateRefused, apply_update
from .dns_zone import Name, Outcome, RdataType, RecordSet, Zone
from .errors import SandboxError

_log = logging.getLogger(__name__)

_UDP_PAYLOAD = 1232  # the size that no common path fragments (DNS flag day 2020)
_LONGEST_CHAIN = 16
_FUDGE_S = 300


@dataclass(frozen=True, slots=True)
class DnsFaults:
    """What a name server does wrong.

    ``drop``: no message is heard. ``lose_answers``: heard, and updates applied, but no answer arrives.
    ``delay_s`` before each answer. ``servfail`` for everything. ``not_authoritative``: answers without AA.
    """

    drop: bool = False
    lose_answers: bool = False
    delay_s: float = 0.0
    servfail: bool = False
    not_authoritative: bool = False


class AuthorityServer(DnsServer):
    """Serves its zones on UDP and TCP, one port.

    Set ``faults`` at any time. ``queries`` counts the questions by (name without the last dot, type),
    ``updates`` the updates by rcode. Several servers may serve one Zone; one that is given a ``Zone.copy``
    falls behind.
    """

    def __init__(self, zones: Zone | Iterable[Zone], keys: Iterable[TsigKey] = ()) -> None:
        self.faults = DnsFaults()
        self.queries: Counter[tuple[str, str]] = Counter()
        self.updates: Counter[str] = Counter()
        self._zones = {zone.origin: zone for zone in ((zones,) if isinstance(zones, Zone) else zones)}
        if not self._zones:
            raise SandboxError("a name server needs at least one zone")
        self._keyring = keyring(keys)
        super().__init__()

    async def _handle(self, wire: bytes, transport: Transport) -> bytes | None:
        faults = self.faults
        if faults.drop:
            return None
        if faults.delay_s:
            await asyncio.sleep(faults.delay_s)
        answer = self.respond(wire)
        if answer is None:
            return None
        query, response = answer
        if faults.lose_answers:
            return None
        if faults.not_authoritative:
            response.flags &= ~dns.flags.AA
        return to_wire(query, response, transport)

    def respond(self, wire: bytes) -> tuple[dns.message.Message, dns.message.Message] | None:
        """The query in ``wire`` and the answer to it; None for what deserves none (noise, or an answer)."""
        try:
            query = dns.message.from_wire(wire, keyring=False)
        except (dns.exception.DNSException, ValueError):
            return _malformed(wire)
        if query.flags & dns.flags.QR:
            return None
        if query.had_tsig:
            checked = self._check_signature(wire, query)
            if isinstance(checked, Rcode):
                return query, _signature_refusal(query, checked, self._keyring)
            query = checked
        return query, self._answer(query)

    def _check_signature(self, wire: bytes, query: dns.message.Message) -> dns.message.Message | Rcode:
        try:
            return dns.message.from_wire(wire, keyring=self._keyring)
        except (dns.message.UnknownTSIGKey, dns.tsig.BadKey, dns.tsig.BadAlgorithm):
            return Rcode.BADKEY
        except dns.tsig.BadTime:
            return Rcode.BADTIME
        except dns.exception.DNSException:
            return Rcode.BADSIG

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query, our_payload=_UDP_PAYLOAD, fudge=_FUDGE_S)
        if self.faults.servfail:
            response.set_rcode(Rcode.SERVFAIL)
        elif query.edns > 0:
            response.set_rcode(Rcode.BADVERS)
        elif isinstance(query, dns.update.UpdateMessage):
            response.set_rcode(self._update(query))
            self.updates[dns.rcode.to_text(response.rcode())] += 1
        elif query.opcode() != dns.opcode.QUERY:
            response.set_rcode(Rcode.NOTIMP)
        elif len(query.question) != 1:
            response.set_rcode(Rcode.FORMERR)
        else:
            self._look_up(query.question[0], response)
        return response

    def _update(self, update: dns.update.UpdateMessage) -> Rcode:
        if len(update.zone) != 1:
            return Rcode.FORMERR
        zone = self._zones.get(update.zone[0].name)
        if zone is None or update.zone[0].rdclass != dns.rdataclass.IN:
            return Rcode.NOTAUTH
        if not update.had_tsig:
            return Rcode.REFUSED
        try:
            apply_update(zone, update)
        except UpdateRefused as refusal:
            return refusal.rcode
        return Rcode.NOERROR

    def _look_up(self, question: dns.rrset.RRset, response: dns.message.Message) -> None:
        rdtype = question.rdtype
        self.queries[question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(rdtype)] += 1
        zone = self._zone_of(question.name)
        transfers = rdtype in (dns.rdatatype.AXFR, dns.rdatatype.IXFR)
        if zone is None or question.rdclass != dns.rdataclass.IN or transfers:
            response.set_rcode(Rcode.REFUSED)
            return
        response.flags |= dns.flags.AA
        self._chase(zone, question.name, rdtype, response)

    def _chase(self, zone: Zone, name: Name, rdtype: RdataType, response: dns.message.Message) -> None:
        """Add the answer, following aliases for as long as they stay in zones that are served here."""
        seen: set[Name] = set()
        while len(seen) < _LONGEST_CHAIN and name not in seen:
            seen.add(name)
            found = zone.look_up(name, rdtype)
            for record_set in found.record_sets:
                response.answer.append(as_rrset(name, record_set))
            if found.outcome is Outcome.ALIAS:
                name = found.record_sets[0][0].target
                next_zone = self._zone_of(name)
                if next_zone is None:
                    return
                zone = next_zone
                continue
            if found.outcome is not Outcome.FOUND:
                if found.outcome is Outcome.NO_NAME:
                    response.set_rcode(Rcode.NXDOMAIN)
                negative = as_rrset(zone.origin, zone.soa)
                negative.update_ttl(zone.negative_ttl)
                response.authority.append(negative)
            return

    def _zone_of(self, name: Name) -> Zone | None:
        candidate = name
        while True:
            zone = self._zones.get(candidate)
            if zone is not None or candidate == dns.name.root:
                return zone
            candidate = candidate.parent()


def as_rrset(name: Name, record_set: RecordSet) -> dns.rrset.RRset:
    """``record_set`` under ``name``, as a message wants it."""
    return dns.rrset.from_rdata_list(name, record_set.ttl, list(record_set))


def to_wire(query: dns.message.Message, response: dns.message.Message, transport: Transport) -> bytes:
    """The answer's bytes; over UDP cut to what the asker can take, with TC set: ask again by TCP."""
    if transport == "tcp":
        return response.to_wire(max_size=65535, prefer_truncation=True)
    size = min(max(query.payload, 512), _UDP_PAYLOAD) if query.edns >= 0 else 512
    return response.to_wire(max_size=size, prefer_truncation=True)


def _malformed(wire: bytes) -> tuple[dns.message.Message, dns.message.Message] | None:
    """FORMERR where at least the header of a query can be read."""
    if len(wire) < 12 or wire[2] & 0x80:
        return None
    query = dns.message.Message(id=int.from_bytes(wire[:2], "big"))
    response = dns.message.make_response(query)
    response.set_rcode(Rcode.FORMERR)
    return query, response


def _signature_refusal(
    query: dns.message.Message, error: Rcode, keys: dict[Name, dns.tsig.Key]
) -> dns.message.Message:
    """NOTAUTH with the TSIG error (RFC 8945, section 5.2): unsigned, save BADTIME, which tells our clock."""
    response = dns.message.make_response(query, our_payload=_UDP_PAYLOAD)
    response.set_rcode(Rcode.NOTAUTH)
    assert query.keyname is not None
    assert query.tsig is not None
    if error == Rcode.BADTIME:
        clock = int(time.time()).to_bytes(6, "big")
        key = keys[query.keyname]
        response.use_tsig(key, key.name, _FUDGE_S, None, error, clock, key.algorithm)
        response.request_mac = query.mac or b""
        return response
    unsigned = query.tsig[0].replace(time_signed=int(time.time()), mac=b"", error=error, other=b"")
    response.tsig = dns.rrset.from_rdata(query.keyname, 0, unsigned)
    return response
