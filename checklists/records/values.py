"""Record sets as other programs write them, in the one form in which they can be compared. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import dns.exception
import dns.name
import dns.rdata

from ...cluster.text import clean
from .base import TYPES, RecordSet

_LONGEST_TTL = 2**31 - 1


def record_set(host: str, kind: str, ttl: int, values: Iterable[str]) -> RecordSet:
    """The set with its values as DNS itself writes them; a name without a final dot is absolute all the same.

    Raises ValueError, with what is wrong in one line.
    """
    if kind not in TYPES:
        raise ValueError(f"{clean(kind, 20)} is not one of {', '.join(TYPES)}")
    # True is an int in Python, and no TTL
    if isinstance(ttl, bool) or not 0 <= ttl <= _LONGEST_TTL:
        raise ValueError(f"TTL {clean(ttl, 30)} is not from 0 to {_LONGEST_TTL}")
    found = sorted({_as_dns_writes_it(kind, value) for value in values})
    if not found:
        raise ValueError(f"{clean(host, 80)} {kind} has no value")
    return RecordSet(host.lower().rstrip("."), kind, ttl, tuple(found))


def _as_dns_writes_it(kind: str, value: str) -> str:
    try:
        return dns.rdata.from_text("IN", kind, value, origin=dns.name.root, relativize=False).to_text()
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{clean(value, 80)} is no {kind} value: {clean(error, 120)}") from None
