"""DNS messages as bytes: questions written, replies read. Pure.

Reading a reply is what asking costs most, so the frame of a message and the commonest records are read here
and all other record data by dnspython, once for each different piece of data.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from functools import lru_cache
from socket import AF_INET6, inet_ntoa, inet_ntop
from typing import Any, NamedTuple

from ....cluster.text import clean
from .answers import RecordSet, ServiceRecord
from .records import (
    LONGEST_TEXT,
    MOST_VALUES,
    TYPES,
    MalformedError,
    contained,
    foreign,
    name_at,
    options,
    type_name,
)

_RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS"}
_PAYLOAD = 1232  # the size that no common path fragments (DNS flag day 2020)
_MOST_RECORDS = 4000
_MOST_SETS = 50
# their data holds no name that may be compressed, so equal bytes are equal data wherever they stand
_SELF_CONTAINED = frozenset({16, 43, 46, 64, 65, 257})
_NOT_SHOWN = frozenset({41, 46, 50, 250})

_header = struct.Struct("!HHHHHH")
_record = struct.Struct("!HHIH")
_plain_name = re.compile(r"(?:[A-Za-z0-9_*-]{1,63}\.)+")


class Question(NamedTuple):
    """What is asked: ``recurse`` of a resolver, ``dnssec`` sets DO, ``unchecked`` sets CD.

    ``subnet`` is a client subnet such as ``193.0.0.0/24`` (RFC 7871); ``sections`` keeps the reply's
    authority and additional records.
    """

    name: str
    type: str
    recurse: bool = False
    dnssec: bool = False
    unchecked: bool = False
    subnet: str = ""
    sections: bool = False


class Written:
    """A question's bytes behind the id, in parts; ``owner`` is the name as replies write it, if plain."""

    __slots__ = ("extension", "flags", "owner", "section")

    def __init__(self, flags: bytes, section: bytes, extension: bytes, owner: str) -> None:
        self.flags = flags
        self.section = section
        self.extension = extension
        self.owner = owner

    def message(self, message_id: bytes, *, edns: bool = True) -> bytes:
        """The whole message."""
        if edns:
            return b"".join((message_id, self.flags, _WITH_ONE_EXTRA, self.section, self.extension))
        return b"".join((message_id, self.flags, _WITHOUT_EXTRA, self.section))


def write(question: Question) -> Written:
    """The bytes of ``question``. Raises ValueError for what is no name, type or subnet."""
    encoded, owner = name_to_wire(question.name)
    section = encoded + (
        _ASKED_TYPES.get(question.type) or type_number(question.type).to_bytes(2, "big") + _IN
    )
    # a resolver is asked with AD: that is how it is asked to say whether it validated (RFC 6840, 5.7)
    flags = (0x0120 if question.recurse else 0) | (0x0010 if question.unchecked else 0)
    extension = _PLAIN_EXTENSION
    if question.dnssec or question.subnet:
        options = _subnet_option(question.subnet) if question.subnet else b""
        extension = _extension(question.dnssec, options)
    return Written(flags.to_bytes(2, "big"), section, extension, owner)


_IN = b"\0\1"
_ASKED_TYPES = {name: number.to_bytes(2, "big") + _IN for name, number in TYPES.items()}


def _extension(dnssec: bool, options: bytes) -> bytes:
    return struct.pack("!BHHIH", 0, 41, _PAYLOAD, 0x8000 if dnssec else 0, len(options)) + options


_PLAIN_EXTENSION = _extension(False, b"")
_WITH_ONE_EXTRA, _WITHOUT_EXTRA = b"\0\1\0\0\0\0\0\1", b"\0\1\0\0\0\0\0\0"


@lru_cache(maxsize=8192)
def name_to_wire(name: str) -> tuple[bytes, str]:
    """A name's bytes, and its text as replies write it where it needs no escapes, else empty.

    Raises ValueError for what is no name (RFC 1035, section 2.3.4).
    """
    dotted = name if name.endswith(".") else name + "."
    if _plain_name.fullmatch(dotted) and len(dotted) <= 254:
        labels = dotted.encode("ascii").split(b".")
        return b"".join(bytes((len(label),)) + label for label in labels), dotted.lower()
    import dns.exception
    import dns.name

    try:
        return dns.name.from_text(name).to_wire() or b"", ""
    except (dns.exception.DNSException, UnicodeError, ValueError) as error:
        raise ValueError(f"not a DNS name: {error}") from None


def type_number(name: str) -> int:
    """The number of a record type. Raises ValueError for one that is not known."""
    known = TYPES.get(name)
    if known is not None:
        return known
    import dns.exception
    import dns.rdatatype

    try:
        return int(dns.rdatatype.from_text(name))
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"not a record type: {name}") from None


def _subnet_option(subnet: str) -> bytes:
    import ipaddress

    network = ipaddress.ip_network(subnet)
    address = network.network_address.packed[: (network.prefixlen + 7) // 8]
    family = 1 if network.version == 4 else 2
    return struct.pack("!HHHBB", 8, 4 + len(address), family, network.prefixlen, 0) + address


def answers_the_question(wire: bytes, written: Written) -> bool:
    """Whether a message of the right id is a reply to ``written``: the QR bit, and the question repeated.

    A server that cannot read the question may leave it out of its complaint.
    """
    if len(wire) < 12 or not wire[2] & 0x80:
        return False
    end = 12 + len(written.section)
    if wire[4:6] == b"\0\1":
        found = wire[12:end]
        return found == written.section or found.lower() == written.section.lower()
    return wire[4:6] == b"\0\0" and wire[3] & 0x0F in (1, 2, 4, 5)


def is_truncated(wire: bytes) -> bool:
    """Whether the TC bit is set."""
    return bool(wire[2] & 0x02)


class Reply(NamedTuple):
    """What a reply's bytes hold: the answer section, and the other fields of a DnsAnswer.

    ``repeats``: a reply with equal bytes behind another name's question means the same for that name.
    """

    rrsets: tuple[RecordSet, ...]
    fields: dict[str, Any]
    repeats: bool


def read(wire: bytes, question: Question, written: Written) -> Reply:
    """Read a reply that answers the question. Raises MalformedError, and nothing else."""
    try:
        return _Reading(wire, question, written).reply()
    except (IndexError, struct.error):
        raise MalformedError("it ends in the middle of a record") from None


def beside_the_name(wire: bytes, written: Written) -> bytes:
    """A reply's bytes without its id and without the asked name: the type and all that follows."""
    return wire[2:12] + wire[8 + len(written.section) :]


class _Reading:
    """One pass over a reply."""

    def __init__(self, wire: bytes, question: Question, written: Written) -> None:
        self._wire = wire
        self._question = question
        self._at = 12 + len(written.section)
        self._own = written.owner
        self._names: dict[int, tuple[str, int]] = {}
        self._services: list[ServiceRecord] = []
        self._signed = False
        self._options = b""
        self._extended_rcode = -1
        self._negative = -1
        self._own_only = True

    def reply(self) -> Reply:
        """Everything; the caller adds what it measured itself."""
        _, flags, questions, answers, authorities, additional = _header.unpack_from(self._wire)
        if answers + authorities + additional > _MOST_RECORDS:
            raise MalformedError("it announces thousands of records")
        if not questions:
            self._at, self._own = 12, ""
        sets = self._section(answers) if answers else ()
        found: dict[str, Any] = {
            "aa": flags & 0x0400 != 0,
            "ad": flags & 0x0020 != 0,
            "ra": flags & 0x0080 != 0,
        }
        if authorities:
            known = any(one.type == self._question.type for one in sets)
            self._behind("authority", authorities, found, negative=not known)
        if additional:
            self._behind("additional", additional, found)
        code = flags & 0x0F
        if self._extended_rcode > 0:
            code |= self._extended_rcode << 4
        found["rcode"] = _RCODES.get(code) or _rcode_name(code)
        found["edns"] = self._extended_rcode >= 0
        if self._negative >= 0:
            found["negative_ttl"] = self._negative
        if self._services:
            found["services"] = tuple(self._services[:MOST_VALUES])
        if self._signed:
            found["signed"] = True
        if self._options:
            found.update(options(self._options))
        repeats = self._own_only and self._own != "" and not self._question.sections
        return Reply(sets, found, repeats)

    def _behind(self, section: str, count: int, found: dict[str, Any], negative: bool = False) -> None:
        """A section behind the answer: kept where the question wants it."""
        before = self._at
        self._skip(count, negative)
        if self._question.sections:
            self._at = before
            found[section] = self._section(count)

    def _skip(self, count: int, negative: bool = False) -> None:
        """Go over records without reading them, save EDNS, signatures and how long an absence lasts."""
        wire, at = self._wire, self._at
        for _ in range(count):
            first = wire[at]
            if first >= 0xC0:
                at += 2
            elif first:
                at = name_at(wire, at)[1]
            else:
                at += 1
            number, _, ttl, length = _record.unpack_from(wire, at)
            at += 10
            end = at + length
            if end > len(wire):
                raise MalformedError("a record is longer than the message")
            if number == 41:
                self._extended_rcode, self._options = ttl >> 24, wire[at:end]
            elif number == 46:
                self._signed = True
            elif number == 6 and negative and length >= 22:
                minimum = int.from_bytes(wire[end - 4 : end], "big")
                self._negative = min(_seconds(ttl), _seconds(minimum))
            at = end
        self._at = at

    def _section(self, count: int) -> tuple[RecordSet, ...]:
        sets: dict[tuple[str, int], tuple[int, list[str]]] = {}
        wire = self._wire
        for _ in range(count):
            owner, at = self._name(self._at)
            number, rrclass, ttl, length = _record.unpack_from(wire, at)
            at += 10
            self._at = end = at + length
            if end > len(wire):
                raise MalformedError("a record is longer than the message")
            if number in _NOT_SHOWN or rrclass != 1:
                self._signed = self._signed or number == 46
                continue
            ttl = _seconds(ttl)
            value = self._value(number, at, end, owner)
            known = sets.get((owner, number))
            if known is None:
                sets[owner, number] = (ttl, [value])
            else:
                # they must be equal (RFC 2181, section 5.2); the lowest is what caches may be held to
                known[1].append(value)
                if ttl < known[0]:
                    sets[owner, number] = (ttl, known[1])
        return tuple(
            [
                RecordSet(owner, type_name(number), ttl, _values(values))
                for (owner, number), (ttl, values) in sets.items()
            ][:_MOST_SETS]
        )

    def _name(self, at: int) -> tuple[str, int]:
        """The name at ``at`` in lower case, and where it ends."""
        wire = self._wire
        if self._own and wire[at] == 0xC0 and wire[at + 1] == 12:
            return self._own, at + 2
        self._own_only = False
        known = self._names.get(at)
        if known is None:
            text, end = name_at(wire, at)
            known = self._names[at] = text.lower(), end
        return known

    def _value(self, number: int, at: int, end: int, owner: str) -> str:
        wire = self._wire
        if number == 1 and end - at == 4:
            return inet_ntoa(wire[at:end])
        if number == 28 and end - at == 16:
            return inet_ntop(AF_INET6, wire[at:end])
        if number in _SELF_CONTAINED:
            text, service = contained(number, wire[at:end])
            if service is not None:
                self._own_only = False
                self._services.append(replace(service, owner=owner))
            return text
        self._own_only = False
        if number in (2, 5):
            text, stop = name_at(wire, at)
            if stop != end:
                raise MalformedError("a name does not fill its record")
            return text if len(text) <= LONGEST_TEXT else clean(text, LONGEST_TEXT)
        return clean(foreign(number, wire, at, end).to_text(), LONGEST_TEXT)


def _values(values: list[str]) -> tuple[str, ...]:
    return tuple(values) if len(values) == 1 else tuple(sorted(set(values[:1000]))[:MOST_VALUES])


def _seconds(ttl: int) -> int:
    """RFC 2181, section 8: a TTL with the highest bit set is taken for zero."""
    return ttl if ttl < 0x80000000 else 0


def _rcode_name(code: int) -> str:
    import dns.rcode

    return str(dns.rcode.to_text(dns.rcode.Rcode.make(code)))
