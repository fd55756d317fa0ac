"""The rehearsal of the rollback on a name of no traffic, as the four changes that it is made of. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from ..plans.model import Plan
from ..records.base import RecordChange, RecordSet

STEPS = ("made", "moved", "moved back", "removed")


def rehearsal_change(plan: Plan) -> RecordChange:
    """The move of ``dns.rehearse`` from the old addresses to the new ones, with the low TTL."""
    old, new = (_sets(plan, side.addresses) for side in (plan.old, plan.new))
    return RecordChange("rehearse", plan.dns.zone, (plan.dns.rehearse,), old, new)


def _sets(plan: Plan, addresses: tuple[str, ...]) -> tuple[RecordSet, ...]:
    kinds = ((address, ipaddress.ip_address(address).version) for address in addresses)
    return tuple(
        sorted(
            RecordSet(plan.dns.rehearse, "A" if version == 4 else "AAAA", plan.dns.low_ttl, (address,))
            for address, version in kinds
        )
    )


def rehearsal_steps(change: RecordChange) -> tuple[RecordChange, ...]:
    """What ``STEPS`` names, in order: from no record to no record."""
    made = replace(change, before=(), after=change.before)
    back = replace(change, before=change.after, after=change.before)
    return (made, change, back, replace(change, after=()))


def rehearsal_diff(change: RecordChange) -> tuple[str, ...]:
    """All four steps with their lines, to be shown before consent is given."""
    lines = []
    for name, step in zip(STEPS, rehearsal_steps(change), strict=True):
        lines += [f"{name}:", *step.diff]
    return tuple(lines)


def removal(change: RecordChange, left: tuple[RecordSet, ...]) -> RecordChange:
    """The change that removes exactly ``left`` under the rehearsal's name."""
    return replace(change, before=tuple(sorted(left)), after=())


def left_by_us(plan: Plan, left: tuple[RecordSet, ...]) -> bool:
    """True where every record is one that a rehearsal of this plan makes."""
    ours = {*plan.old.addresses, *plan.new.addresses}
    return all(item.type in ("A", "AAAA") and set(item.values) <= ours for item in left)
