"""A DNS zone in memory: record sets with TTLs, a serial that grows with each change, and its listeners."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
from dns.rdtypes.ANY.SOA import SOA

from .errors import SandboxError

_log = logging.getLogger(__name__)

Name = dns.name.Name
RdataType = dns.rdatatype.RdataType
RecordSet = dns.rdataset.ImmutableRdataset
Records = dict[Name, dict[RdataType, RecordSet]]

MAX_TTL = 2**31 - 1  # RFC 2181, section 8


@dataclass(frozen=True, slots=True)
class ZoneEvent:
    """One record set that changed; ``old`` or ``new`` is None where it did not or does not exist.

    ``name`` is absolute, in text, without the last dot; ``time`` is that of time.monotonic(). The SOA record,
    which changes with every other, makes no event of its own.
    """

    name: str
    rdtype: RdataType
    old: RecordSet | None
    new: RecordSet | None
    serial: int
    time: float


class Outcome(Enum):
    """What a look-up met: data, a CNAME to follow, the name without that type, or no such name."""

    FOUND = "found"
    ALIAS = "alias"
    NO_DATA = "no data"
    NO_NAME = "no name"


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a look-up; ``record_sets`` is empty for NO_DATA and NO_NAME."""

    outcome: Outcome
    record_sets: tuple[RecordSet, ...] = ()


class Zone:
    """Names are relative to the zone ("store", "@"), or absolute with a last dot; any case.

    Change it with ``set``, ``delete`` or, several records in one serial, ``change``. It may be changed from
    any thread; the callbacks run in the thread that changed it.
    """

    def __init__(self, origin: str, *, soa_ttl: int = 60, minimum: int = 5, serial: int = 1) -> None:
        """The smaller of ``minimum`` and ``soa_ttl`` (seconds) is how long a missing name is remembered."""
        self.origin = dns.name.from_text(origin)
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[ZoneEvent], None]] = []
        server = f"ns1.{self.origin}"
        soa = f"{server} hostmaster.{self.origin} {serial} 3600 600 604800 {minimum}"
        self._records: Records = {
            self.origin: {
                dns.rdatatype.SOA: record_set(soa_ttl, "SOA", [soa], self.origin),
                dns.rdatatype.NS: record_set(soa_ttl, "NS", [server], self.origin),
            }
        }
        self._existing: frozenset[Name] = _existing_names(self._records, self.origin)

    @property
    def serial(self) -> int:
        """The SOA's serial number."""
        return self._soa()[0].serial

    @property
    def soa(self) -> RecordSet:
        """The SOA record set as it is served."""
        return self._records[self.origin][dns.rdatatype.SOA]

    @property
    def negative_ttl(self) -> int:
        """Seconds for which a missing name or type may be remembered (RFC 2308, section 5)."""
        soa, ttl = self._soa()
        return min(ttl, soa.minimum)

    @property
    def records(self) -> Mapping[Name, Mapping[RdataType, RecordSet]]:
        """All record sets now: a picture that later changes leave alone."""
        return self._records

    def name(self, text: str) -> Name:
        """``text`` as an absolute name; SandboxError where it is no name or is not in this zone."""
        try:
            name = dns.name.from_text(text, self.origin)
        except dns.exception.DNSException as error:
            raise SandboxError(f"{text!r} is not a DNS name: {error}") from None
        if not name.is_subdomain(self.origin):
            raise SandboxError(f"{name} is not in the zone {self.origin}")
        return name

    def get(self, name: str, rdtype: str) -> RecordSet | None:
        """The record set stored under exactly this name (no wildcard, no alias), or None."""
        return self._records.get(self.name(name), {}).get(_type(rdtype))

    def set(self, name: str, ttl: int, rdtype: str, *values: str) -> None:
        """Replace one record set; SandboxError where it cannot stand (a CNAME beside others, a bad value)."""
        with self.change() as change:
            change.set(self.name(name), record_set(ttl, rdtype, list(values), self.origin))

    def delete(self, name: str, rdtype: str | None = None) -> None:
        """Delete one record set, or every one of the name; nothing happens where there is none."""
        with self.change() as change:
            change.delete(self.name(name), None if rdtype is None else _type(rdtype))

    @contextmanager
    def change(self) -> Iterator[ZoneChange]:
        """Several changes as one: all or, if the block raises, none.

        The serial grows once, and not at all where nothing is new.
        """
        with self._lock:
            change = ZoneChange(self.origin, self._records)
            yield change
            events = self._commit(change)
        for event in events:
            self._tell(event)

    def on_change(self, callback: Callable[[ZoneEvent], None]) -> Callable[[], None]:
        """Call ``callback`` after each change of a record set; returns what unsubscribes it."""
        self._callbacks.append(callback)

        def unsubscribe() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return unsubscribe

    def copy(self) -> Zone:
        """The zone as it is now, to be served by a server that falls behind; nobody listens to it."""
        twin = Zone(str(self.origin))
        with self._lock:
            twin._records, twin._existing = self._records, self._existing
        return twin

    def look_up(self, name: Name, rdtype: RdataType) -> Found:
        """What the zone says of ``name``, by wildcard too (RFC 4592); an alias is returned, not followed."""
        records, existing = self._records, self._existing
        node = records.get(name)
        if node is None:
            if name in existing:
                return Found(Outcome.NO_DATA)
            node = records.get(_source_of_synthesis(name, existing))
            if node is None:
                return Found(Outcome.NO_NAME)
        if rdtype == dns.rdatatype.ANY:
            return Found(Outcome.FOUND, tuple(node.values()))
        if rdtype in node:
            return Found(Outcome.FOUND, (node[rdtype],))
        if dns.rdatatype.CNAME in node:
            return Found(Outcome.ALIAS, (node[dns.rdatatype.CNAME],))
        return Found(Outcome.NO_DATA)

    def _soa(self) -> tuple[SOA, int]:
        soa = self.soa[0]
        assert isinstance(soa, SOA)
        return soa, self.soa.ttl

    def _commit(self, change: ZoneChange) -> list[ZoneEvent]:
        before, after = self._records, change.records
        touched = [
            (name, rdtype)
            for name, rdtype in sorted(change.touched)
            if not same(before.get(name, {}).get(rdtype), after.get(name, {}).get(rdtype))
        ]
        if not touched:
            return []
        old_serial = self.serial
        apex = after[self.origin]
        soa = apex[dns.rdatatype.SOA][0]
        assert isinstance(soa, SOA)
        if not serial_is_newer(soa.serial, old_serial):
            renewed = soa.replace(serial=next_serial(old_serial))
            ttl = apex[dns.rdatatype.SOA].ttl
            after[self.origin] = {**apex, dns.rdatatype.SOA: _frozen(dns.rdataset.from_rdata(ttl, renewed))}
        self._records, self._existing = after, _existing_names(after, self.origin)
        now = time.monotonic()
        return [
            ZoneEvent(
                name.to_text(omit_final_dot=True),
                rdtype,
                before.get(name, {}).get(rdtype),
                after.get(name, {}).get(rdtype),
                self.serial,
                now,
            )
            for name, rdtype in touched
            if rdtype != dns.rdatatype.SOA
        ]

    def _tell(self, event: ZoneEvent) -> None:
        for callback in tuple(self._callbacks):
            try:
                callback(event)
            except Exception:  # noqa: BLE001 - the change is made; one bad listener must not deny it to the others
                _log.exception("a listener of the zone %s failed", self.origin)


class ZoneChange:
    """A change being put together; made by ``Zone.change``."""

    def __init__(self, origin: Name, records: Records) -> None:
        self.origin = origin
        self.records: Records = {name: dict(node) for name, node in records.items()}
        self.touched: set[tuple[Name, RdataType]] = set()

    def node(self, name: Name) -> Mapping[RdataType, RecordSet]:
        """The record sets of ``name`` as they stand in this change."""
        return self.records.get(name, {})

    def set(self, name: Name, record_set: RecordSet) -> None:
        """Replace one record set; SandboxError for a CNAME beside other data, or the SOA below the apex."""
        rdtype = record_set.rdtype
        others = self.node(name).keys() - {rdtype}
        if others and (rdtype == dns.rdatatype.CNAME or dns.rdatatype.CNAME in others):
            raise SandboxError(f"{name} cannot have a CNAME beside other records (RFC 1034, section 3.6.2)")
        if (rdtype == dns.rdatatype.SOA) and name != self.origin:
            raise SandboxError(f"{name} cannot have a SOA: it is not the zone's apex")
        self.records.setdefault(name, {})[rdtype] = record_set
        self.touched.add((name, rdtype))

    def delete(self, name: Name, rdtype: RdataType | None = None) -> None:
        """Delete one record set, or all of a name; the apex keeps its SOA and NS."""
        node = self.records.get(name, {})
        for found in [rdtype] if rdtype is not None else list(node):
            if name == self.origin and found in (dns.rdatatype.SOA, dns.rdatatype.NS):
                continue
            if node.pop(found, None) is not None:
                self.touched.add((name, found))
        if not node:
            self.records.pop(name, None)


def record_set(ttl: int, rdtype: str, values: list[str], origin: Name) -> RecordSet:
    """A record set from text; names in ``values`` are relative to ``origin``. SandboxError if one is bad."""
    if not values:
        raise SandboxError(f"a {rdtype} record set needs at least one value")
    if not 0 <= ttl <= MAX_TTL:
        raise SandboxError(f"a TTL is between 0 and {MAX_TTL} seconds, not {ttl}")
    try:
        return _frozen(
            dns.rdataset.from_text_list(
                dns.rdataclass.IN, rdtype, ttl, values, origin=origin, relativize=False
            )
        )
    except (dns.exception.DNSException, ValueError) as error:
        raise SandboxError(f"{rdtype} {' '.join(values)!r} is not a record: {error}") from None


def same(one: RecordSet | None, other: RecordSet | None) -> bool:
    """Whether two record sets have the same values and the same TTL."""
    if one is None or other is None:
        return one is other
    return one.ttl == other.ttl and one == other


def next_serial(serial: int) -> int:
    """The next serial number (RFC 1982), never 0."""
    return (serial + 1) & 0xFFFFFFFF or 1


def serial_is_newer(serial: int, than: int) -> bool:
    """Whether ``serial`` comes after ``than`` in serial number arithmetic (RFC 1982, section 3.2)."""
    return 0 < ((serial - than) & 0xFFFFFFFF) < 2**31


def _frozen(rdataset: dns.rdataset.Rdataset) -> RecordSet:
    return dns.rdataset.ImmutableRdataset(rdataset)


def _type(text: str) -> RdataType:
    try:
        return dns.rdatatype.from_text(text)
    except (dns.exception.DNSException, ValueError):
        raise SandboxError(f"{text!r} is not a record type") from None


def _existing_names(records: Records, origin: Name) -> frozenset[Name]:
    """Names with records, and the empty ones between them and the apex: those exist too (RFC 4592, 2.2.2)."""
    existing = {origin}
    for name in records:
        while name not in existing:
            existing.add(name)
            name = name.parent()
    return frozenset(existing)


def _source_of_synthesis(name: Name, existing: frozenset[Name]) -> Name:
    encloser = name.parent()
    while encloser not in existing:
        encloser = encloser.parent()
    return dns.name.Name(("*", *encloser.labels))
