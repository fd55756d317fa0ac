"""Dynamic updates (RFC 2136): check the prerequisites, then apply all of the message or none of it."""

from __future__ import annotations

from collections.abc import Iterable

import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.update
from dns.rcode import Rcode
from dns.rdtypes.ANY.SOA import SOA

from .dns_zone import Name, RdataType, RecordSet, Zone, ZoneChange, serial_is_newer

_ANY, _NONE = dns.rdataclass.ANY, dns.rdataclass.NONE
_META_TYPES = frozenset({dns.rdatatype.ANY, dns.rdatatype.AXFR, dns.rdatatype.IXFR, dns.rdatatype.OPT})


class UpdateRefused(Exception):  # noqa: N818 - an answer of the protocol, not a fault of the program
    """The update was not applied; ``rcode`` says why, as RFC 2136 wants it."""

    def __init__(self, rcode: Rcode) -> None:
        super().__init__(dns.rcode.to_text(rcode))
        self.rcode = rcode


def apply_update(zone: Zone, update: dns.update.UpdateMessage) -> None:
    """Apply ``update`` to ``zone`` as one change, or raise UpdateRefused and leave the zone as it was."""
    with zone.change() as change:
        _require_all(change, update.prerequisite)
        _scan(zone, update.update)
        for record in update.update:
            _apply(change, record)


def _require_all(change: ZoneChange, prerequisites: Iterable[dns.rrset.RRset]) -> None:
    """RFC 2136, section 3.2: the five forms, in the order of the message; whole sets are compared last."""
    expected: dict[tuple[Name, RdataType], set[dns.rdata.Rdata]] = {}
    for record in prerequisites:
        if not record.name.is_subdomain(change.origin):
            raise UpdateRefused(Rcode.NOTZONE)
        if record.ttl:
            raise UpdateRefused(Rcode.FORMERR)
        if record.deleting is None:
            expected.setdefault((record.name, record.rdtype), set()).update(record)
        else:
            _require_one(change, record)
    for (name, rdtype), values in expected.items():
        if set(change.node(name).get(rdtype, ())) != values:
            raise UpdateRefused(Rcode.NXRRSET)


def _require_one(change: ZoneChange, record: dns.rrset.RRset) -> None:
    node = change.node(record.name)
    wanted = record.deleting == _ANY
    if record.rdtype == dns.rdatatype.ANY:
        if wanted != bool(node):
            raise UpdateRefused(Rcode.NXDOMAIN if wanted else Rcode.YXDOMAIN)
    elif wanted != (record.rdtype in node):
        raise UpdateRefused(Rcode.NXRRSET if wanted else Rcode.YXRRSET)


def _scan(zone: Zone, records: Iterable[dns.rrset.RRset]) -> None:
    """RFC 2136, section 3.4.1: refuse a malformed message before any of it is applied."""
    for record in records:
        if not record.name.is_subdomain(zone.origin):
            raise UpdateRefused(Rcode.NOTZONE)
        if record.deleting is not None and record.ttl:
            raise UpdateRefused(Rcode.FORMERR)
        deletes_all = record.deleting == _ANY and record.rdtype == dns.rdatatype.ANY
        if record.rdtype in _META_TYPES and not deletes_all:
            raise UpdateRefused(Rcode.FORMERR)


def _apply(change: ZoneChange, record: dns.rrset.RRset) -> None:
    if record.deleting is None:
        _add(change, record)
    elif record.deleting == _NONE:
        _remove_values(change, record)
    elif record.rdtype == dns.rdatatype.ANY:
        change.delete(record.name)
    else:
        change.delete(record.name, record.rdtype)


def _add(change: ZoneChange, record: dns.rrset.RRset) -> None:
    """RFC 2136, section 3.4.2.2: what cannot stand is passed over in silence."""
    node = change.node(record.name)
    existing = node.get(record.rdtype)
    if record.rdtype == dns.rdatatype.SOA:
        if record.name != change.origin or not _is_newer_soa(record, existing):
            return
    elif record.rdtype == dns.rdatatype.CNAME:
        if node.keys() - {dns.rdatatype.CNAME}:
            return
    elif dns.rdatatype.CNAME in node:
        return
    values: list[dns.rdata.Rdata] = list(record)
    if existing is not None and not dns.rdatatype.is_singleton(record.rdtype):
        values = [value for value in existing if value not in record] + values
    # All of a set have one TTL (RFC 2181, section 5.2): that of the newest.
    change.set(record.name, _set_of(record.ttl, values))


def _remove_values(change: ZoneChange, record: dns.rrset.RRset) -> None:
    existing = change.node(record.name).get(record.rdtype)
    if existing is None or record.rdtype == dns.rdatatype.SOA:
        return
    values = [value for value in existing if value not in record]
    if len(values) == len(existing):
        return
    if values:
        change.set(record.name, _set_of(existing.ttl, values))
    else:
        change.delete(record.name, record.rdtype)


def _is_newer_soa(record: dns.rrset.RRset, existing: RecordSet | None) -> bool:
    new, old = record[0], existing[0] if existing else None
    return isinstance(new, SOA) and isinstance(old, SOA) and serial_is_newer(new.serial, old.serial)


def _set_of(ttl: int, values: list[dns.rdata.Rdata]) -> RecordSet:
    return dns.rdataset.ImmutableRdataset(dns.rdataset.from_rdata_list(ttl, values))
