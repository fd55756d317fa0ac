"""The data of records and options as text: dnspython's, each different piece read once. Pure."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Any

from ....cluster.text import clean
from .answers import ServiceRecord

TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28, "DNAME": 39, "OPT": 41, "DS": 43,
    "RRSIG": 46, "NSEC": 47, "NSEC3": 50, "SVCB": 64, "HTTPS": 65, "CAA": 257,
}  # fmt: skip
_NAMES = {number: name for name, number in TYPES.items()}
_SVCB = (64, 65)
MOST_VALUES = 50
LONGEST_TEXT = 300

_PARAMETERS = {1: "alpn", 3: "port", 4: "ipv4hint", 6: "ipv6hint"}

_parameter = struct.Struct("!HH")
_plain_protocol = re.compile(rb"[A-Za-z0-9./_-]+")
_plain_label = re.compile(rb"[A-Za-z0-9_*-]+")


class MalformedError(Exception):
    """A reply that cannot be read; the text says why."""


def type_name(number: int) -> str:
    """A record type's name; ``TYPE123`` for one that nobody named."""
    known = _NAMES.get(number)
    if known is None:
        import dns.rdatatype

        known = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(number))
    return known


def name_at(wire: bytes, at: int) -> tuple[str, int]:
    """The name at ``at`` as text with its final dot, and where it ends. Raises MalformedError, IndexError.

    A pointer may only lead backwards, so a name cannot go in circles.
    """
    labels: list[str] = []
    end, lowest, size = -1, at, 0
    while True:
        length = wire[at]
        if length == 0:
            end = at + 1 if end < 0 else end
            return (".".join(labels) + "." if labels else "."), end
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | wire[at + 1]
            end = at + 2 if end < 0 else end
            if target >= lowest:
                raise MalformedError("a name points at itself or ahead")
            at = lowest = target
            continue
        if length > 63:
            raise MalformedError("a label of a kind that does not exist")
        label = wire[at + 1 : at + 1 + length]
        at += 1 + length
        size += 1 + length
        if len(label) < length or size > 254:
            raise MalformedError("a name is longer than 255 octets or than the message")
        labels.append(_label(label))


@lru_cache(maxsize=8192)
def _label(label: bytes) -> str:
    if _plain_label.fullmatch(label):
        return label.decode("ascii")
    return "".join(_octet(octet) for octet in label)


def _octet(octet: int) -> str:
    character = chr(octet)
    if character in '"().;\\@$':
        return "\\" + character
    return character if 0x20 < octet < 0x7F else f"\\{octet:03d}"


@lru_cache(maxsize=8192)
def contained(number: int, data: bytes) -> tuple[str, ServiceRecord | None]:
    """Record data that holds no compressed name, as text; an HTTPS or SVCB record taken apart too."""
    if number in _SVCB:
        plain = _plain_service(number, data)
        if plain is not None:
            return plain
    rdata = foreign(number, data, 0, len(data))
    text = clean(rdata.to_text(), LONGEST_TEXT)
    return text, _service(number, rdata) if number in _SVCB else None


def _plain_service(number: int, data: bytes) -> tuple[str, ServiceRecord] | None:
    """A service record with nothing but ALPN, port and hints in it, as nearly all are; None: another one.

    Without it a thousand such names would pay for loading dnspython.
    """
    target, at = name_at(data, 2)
    priority = int.from_bytes(data[:2], "big")
    words = [f"{priority} {target}"]
    known: dict[str, Any] = {}
    before = -1
    while at < len(data):
        key, length = _parameter.unpack_from(data, at)
        value = data[at + 4 : at + 4 + length]
        at += 4 + length
        if key <= before or len(value) < length or not value:
            return None
        before = key
        if key == 1:
            found = _protocols(value)
        elif key == 3 and length == 2:
            known["port"] = int.from_bytes(value, "big")
            found = (str(known["port"]),)
        elif key in (4, 6):
            size, family = (4, AF_INET) if key == 4 else (16, AF_INET6)
            pieces = [value[place : place + size] for place in range(0, length, size)]
            found = tuple(inet_ntop(family, piece) for piece in pieces) if not length % size else ()
        else:
            return None
        if not found or len(found) > MOST_VALUES:
            return None
        name = _PARAMETERS[key]
        words.append(f'{name}="{",".join(found)}"')
        if key != 3:
            known[name] = found
    text = clean(" ".join(words), LONGEST_TEXT)
    return text, ServiceRecord("", type_name(number), priority, target.lower(), **known)


def _protocols(value: bytes) -> tuple[str, ...]:
    """The ids of an ALPN parameter; empty where one needs escapes."""
    found, at = [], 0
    while at < len(value):
        piece = value[at + 1 : at + 1 + value[at]]
        if len(piece) < value[at] or not _plain_protocol.fullmatch(piece):
            return ()
        found.append(piece.decode("ascii"))
        at += 1 + value[at]
    return tuple(found)


def foreign(number: int, wire: bytes, at: int, end: int) -> Any:
    """Record data as dnspython reads it. Raises MalformedError."""
    import dns.exception
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    try:
        return dns.rdata.from_wire(
            dns.rdataclass.IN, dns.rdatatype.RdataType.make(number), wire, at, end - at
        )
    except (dns.exception.DNSException, ValueError, IndexError, struct.error) as error:
        raise MalformedError(f"a {type_name(number)} record cannot be read: {type(error).__name__}") from None


def _service(number: int, rdata: Any) -> ServiceRecord:
    from dns.rdtypes.svcbbase import ParamKey

    def of(key: ParamKey, read_it: Callable[[Any], Iterable[str]]) -> tuple[str, ...]:
        param = rdata.params.get(key)
        return tuple(clean(one, 80) for one in read_it(param))[:MOST_VALUES] if param is not None else ()

    port = rdata.params.get(ParamKey.PORT)
    return ServiceRecord(
        owner="",
        type=type_name(number),
        priority=int(rdata.priority),
        target=clean(rdata.target.to_text().lower(), LONGEST_TEXT),
        alpn=of(ParamKey.ALPN, lambda param: (one.decode("ascii", "replace") for one in param.ids)),
        ipv4hint=of(ParamKey.IPV4HINT, lambda param: param.addresses),
        ipv6hint=of(ParamKey.IPV6HINT, lambda param: param.addresses),
        port=int(port.port) if port is not None else None,
        ech=ParamKey.ECH in rdata.params,
    )


def options(data: bytes) -> dict[str, Any]:
    """Extended errors (RFC 8914) and the scope of a client subnet (RFC 7871)."""
    codes: list[int] = []
    texts: list[str] = []
    found: dict[str, Any] = {}
    for code, content in _each_option(data):
        if code == 15 and len(content) >= 2 and len(codes) < 5:
            number = int.from_bytes(content[:2], "big")
            codes.append(number)
            texts.append(_extended_text(number, content[2:]))
        elif code == 8 and len(content) >= 4:
            found["scope"] = content[3]
    if codes:
        found["extended"], found["extended_codes"] = tuple(texts), tuple(codes)
    return found


def _extended_text(number: int, words: bytes) -> str:
    import dns.edns

    text = words.rstrip(b"\0").decode("utf-8", "replace")
    return clean(dns.edns.EDEOption(dns.edns.EDECode.make(number), text or None).to_text(), 160)


def _each_option(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("!HH", data, at)
        content = data[at + 4 : at + 4 + length]
        if len(content) < length:
            raise MalformedError("an EDNS option is longer than the record")
        yield code, content
        at += 4 + length
