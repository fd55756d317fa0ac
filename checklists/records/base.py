"""What every way of changing DNS records shares: sets, an exact change with its inverse, the protocol."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import msgspec

from ...cluster.errors import UserError
from ..plans.model import Plan
from ..terms import Purpose

TYPES = ("A", "AAAA", "CNAME", "HTTPS")
"""The types that decide where a client goes: they are read and changed together."""

WriteOutcomeKind = Literal["applied", "precondition-failed", "refused", "unknown", "not-applied"]


@dataclass(frozen=True, slots=True, order=True)
class RecordSet:
    """All records of one type of one host; ``ttl`` in seconds, ``values`` sorted in presentation form."""

    host: str
    type: str
    ttl: int
    values: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """As zone-file lines with the absolute name."""
        return tuple(f"{self.host}. {self.ttl} {self.type} {value}" for value in self.values)


@dataclass(frozen=True, slots=True)
class RecordsRead:
    """The plan's hosts as ``server`` holds them: every set of ``TYPES``, and the zone's SOA data as text."""

    sets: tuple[RecordSet, ...]
    soa: str
    server: str
    serial: int = 0


@dataclass(frozen=True, slots=True)
class ObjectPatch:
    """One annotation of one object, from ``before`` to ``after``; None: it is not there.

    ``back`` is what undoing it leaves: as a rule ``before``.
    """

    kind: str
    group: str
    namespace: str
    name: str
    key: str
    before: str | None
    after: str | None
    back: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """``- `` and ``+ `` lines of the annotation."""
        where = f"{self.kind} {self.namespace}/{self.name} {self.key}"
        gone = () if self.before is None else (f"- {where}: {self.before}",)
        come = () if self.after is None else (f"+ {where}: {self.after}",)
        return (*gone, *come)

    def inverted(self) -> ObjectPatch:
        """The patch that undoes this one."""
        return replace(self, before=self.after, after=self.back, back=self.after)


@dataclass(frozen=True, slots=True)
class RecordChange:
    """From exactly ``before`` to exactly ``after``: both are all sets of ``TYPES`` of the hosts.

    ``via`` are patches of objects, in their order, by which somebody else (external-dns) is led to do it.
    """

    purpose: Purpose
    zone: str
    hosts: tuple[str, ...]
    before: tuple[RecordSet, ...]
    after: tuple[RecordSet, ...]
    via: tuple[ObjectPatch, ...] = ()

    @property
    def diff(self) -> tuple[str, ...]:
        """``- `` and ``+ `` lines of what differs: records first, then the objects that lead there."""
        gone = [f"- {line}" for line in _lines(self.before) if line not in _lines(self.after)]
        come = [f"+ {line}" for line in _lines(self.after) if line not in _lines(self.before)]
        return (*gone, *come, *(line for patch in self.via for line in patch.lines))

    @property
    def differing(self) -> tuple[tuple[RecordSet | None, RecordSet | None], ...]:
        """Each set that changes as (before, after); None: there is none."""
        before = {(item.host, item.type): item for item in self.before}
        after = {(item.host, item.type): item for item in self.after}
        keys = sorted(before.keys() | after.keys())
        return tuple((before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key))

    @property
    def inverse_diff(self) -> tuple[str, ...]:
        """The lines of the change that undoes this one."""
        return self.inverted().diff

    @property
    def precondition(self) -> str:
        """What must still be so for the change to be made, in words."""
        annotations = " and the annotations" if self.via else ""
        return (
            f"the records of {', '.join(self.hosts)}{annotations} are still as read; else nothing is changed"
        )

    @property
    def digest(self) -> str:
        """Tells this exact change from every other (16 hexadecimal digits)."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]

    def inverted(self) -> RecordChange:
        """The change that undoes this one: the lowered TTL stays low when the switch is undone."""
        purpose: Purpose = "raise-ttl" if self.purpose == "lower-ttl" else "roll-back"
        # what was added first is taken away last, so that at no moment nobody wants the name
        via = tuple(patch.inverted() for patch in reversed(self.via))
        return replace(self, purpose=purpose, before=self.after, after=self.before, via=via)


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """How a write ended. ``now`` is what was there afterwards, where it could be read.

    ``unknown``: it may or may not have been made; it has to be read before anything else is done.
    """

    kind: WriteOutcomeKind
    detail: str
    now: tuple[RecordSet, ...] = ()


class RecordReadError(UserError):
    """The records could not be read: an UNKNOWN, never an empty set."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a way of changing records can do.

    ``writes``: False where a person makes the change. ``compare_and_swap``: the server itself refuses a
    change of what is no longer as read; without it, Pointsman reads once more just before writing, and a
    change by somebody else in that moment can be overwritten. ``atomic``: all sets of all hosts change
    together. ``rehearses``: a name of no traffic can be made and removed.
    """

    writes: bool
    compare_and_swap: bool = False
    atomic: bool = False
    rehearses: bool = False


class RecordProvider(Protocol):
    """One way to change records: read, plan (``changes``, the same for all), apply, find out, show."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def read(self, hosts: tuple[str, ...] = ()) -> RecordsRead:
        """The records of ``hosts`` (none: the plan's) now. Raises RecordReadError."""

    async def apply(self, change: RecordChange) -> WriteOutcome:
        """Make exactly this change, or none; never raises for what a server answers."""

    async def find_out(self, change: RecordChange) -> WriteOutcome:
        """What became of a cut-off ``apply``, from reading alone. Raises RecordReadError."""

    def instructions(self, change: RecordChange) -> tuple[str, ...]:
        """The change as an operator could make it by hand."""


@runtime_checkable
class Prepares(Protocol):
    """A way of changing records that has more to work out than the records, and may refuse a change."""

    async def prepare(self, change: RecordChange) -> RecordChange:
        """The forward change with all that leads to it. UserError: it would not come out as it says."""


def settle(change: RecordChange, now: Iterable[RecordSet]) -> WriteOutcome:
    """What became of ``change``, judged from the records as they are now."""
    sets = tuple(sorted(now))
    if sets == tuple(sorted(change.after)):
        return WriteOutcome("applied", "the records are as the change leaves them", sets)
    if sets == tuple(sorted(change.before)):
        return WriteOutcome("not-applied", "the records are as before the change", sets)
    return WriteOutcome("precondition-failed", f"somebody else changed the records: now {words(sets)}", sets)


def words(sets: Iterable[RecordSet]) -> str:
    """Record sets in one line."""
    return "; ".join(line for item in sorted(sets) for line in item.lines) or "no records"


def lower_ttl_change(read: RecordsRead, plan: Plan) -> RecordChange | None:
    """Every TTL above the plan's down to it; None where none is above. UserError: not the plan's old side."""
    check_old_side(read.sets, plan)
    after = tuple(replace(item, ttl=min(item.ttl, plan.dns.low_ttl)) for item in read.sets)
    if after == read.sets:
        return None
    return RecordChange(
        "lower-ttl", plan.dns.zone, plan.hosts, tuple(sorted(read.sets)), tuple(sorted(after))
    )


def switch_change(read: RecordsRead, plan: Plan) -> RecordChange:
    """The hosts to the new side; A, AAAA and CNAME together. UserError: not the plan's old side."""
    check_old_side(read.sets, plan)
    after = _towards(read.sets, plan.hosts, plan.new.addresses, plan.dns.low_ttl)
    return RecordChange("switch", plan.dns.zone, plan.hosts, tuple(sorted(read.sets)), after)


def return_change(read: RecordsRead, switched: RecordChange) -> RecordChange:
    """From the records as they are now, whoever made them so, to what stood before ``switched``."""
    change = replace(switched.inverted(), before=tuple(sorted(read.sets)))
    # where somebody moved an address meanwhile, going back moves traffic, whatever we had changed
    return (
        change
        if _destinations(change.before) == _destinations(change.after)
        else replace(change, purpose="roll-back")
    )


def check_old_side(sets: Iterable[RecordSet], plan: Plan) -> None:
    """UserError where the records do not point at the plan's old side: then the plan is not of this world."""
    by_key = {(item.host, item.type): item for item in sets}
    for host in plan.hosts:
        kinds = [kind for kind in ("A", "AAAA", "CNAME") if (host, kind) in by_key]
        if not kinds:
            raise UserError(
                f"{host} has no A, AAAA or CNAME record", "is dns.zone served by dns.authoritative?"
            )
        for item in (by_key[host, kind] for kind in kinds if kind != "CNAME"):
            strange = [value for value in item.values if value not in plan.old.addresses]
            # an AAAA unknown to the plan goes with the switch; an unknown A: the plan is not of this world
            if strange and (item.type == "A" or plan.old.ipv6 or set(item.values) & set(plan.new.addresses)):
                raise UserError(
                    f"{host} has {item.type} {', '.join(item.values)}, the plan's old side is "
                    f"{', '.join(plan.old.addresses)}",
                    "correct the plan, or find out who changed the record",
                )
        https = by_key.get((host, "HTTPS"))
        if https and any("hint=" in value for value in https.values):
            raise UserError(f"{host} has an HTTPS record with an address hint", "remove the hint first")


def _towards(
    sets: Iterable[RecordSet], hosts: tuple[str, ...], addresses: tuple[str, ...], ttl: int
) -> tuple[RecordSet, ...]:
    kept = [item for item in sets if item.type == "HTTPS"]
    for host in hosts:
        for address in addresses:
            kind = "AAAA" if ipaddress.ip_address(address).version == 6 else "A"
            kept.append(RecordSet(host, kind, ttl, (address,)))
    return tuple(sorted(kept))


def _destinations(sets: Iterable[RecordSet]) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(item.host, item.type, item.values) for item in sets}


def _lines(sets: Iterable[RecordSet]) -> list[str]:
    return [line for item in sorted(sets) for line in item.lines]
