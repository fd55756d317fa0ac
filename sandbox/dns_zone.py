"""A DNS zone in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dns.name
import dns.rdataset
import dns.rdatatype


@dataclass(frozen=True, slots=True)
class ZoneEvent:
    """One record set that changed; ``old`` or ``new`` is None where it did not or does not exist.

    ``name`` is absolute, in text, without the last dot; ``time`` is that of time.monotonic().
    """

    name: str
    rdtype: dns.rdatatype.RdataType
    old: dns.rdataset.Rdataset | None
    new: dns.rdataset.Rdataset | None
    serial: int
    time: float


class Zone:
    """Names are relative to the zone, or absolute with a last dot."""

    def __init__(self, origin: str, *, soa_ttl: int = 60, minimum: int = 5, serial: int = 1) -> None:
        self.origin = dns.name.from_text(origin)
        self.serial = serial

    def set(self, name: str, ttl: int, rdtype: str, *values: str) -> None:
        """Replace one record set (SOA serial + 1)."""
        raise NotImplementedError

    def delete(self, name: str, rdtype: str | None = None) -> None:
        """Delete one record set, or all of a name."""
        raise NotImplementedError

    def get(self, name: str, rdtype: str) -> dns.rdataset.Rdataset | None:
        """The record set, or None."""
        raise NotImplementedError

    def on_change(self, callback: Callable[[ZoneEvent], None]) -> Callable[[], None]:
        """Call ``callback`` after each change of a record set; returns what unsubscribes it."""
        raise NotImplementedError
