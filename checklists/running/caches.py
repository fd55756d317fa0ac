"""What every name server and resolver says of the plan's hosts, and whether all servers agree."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ...cluster.text import clean
from ...probes.wire.dns.facts import AUTHORITATIVE, DnsFacts, DnsServerFacts, DnsTarget
from ...probes.wire.dns.observe import observe
from ...probes.wire.dns.state import propagation
from ..machine.view import CacheRow
from ..plans.model import Plan
from ..records.base import TYPES, RecordSet

_SIDES: dict[str, Literal["old", "new", "both", "other", "none", "error"]] = {
    "old": "old",
    "new": "new",
    "mixed": "both",
    "other": "other",
    "none": "none",
    "no-answer": "error",
}


@dataclass(frozen=True, slots=True)
class Look:
    """One round of asking: ``began`` by a clock that nobody sets, ``ended`` in epoch seconds."""

    began: float
    ended: float
    facts: tuple[DnsFacts, ...]


async def ask(plan: Plan, timeout_s: float = 2.0) -> tuple[DnsFacts, ...]:
    """Every server of the plan about every host, at once."""
    targets = (
        DnsTarget(host, plan.dns.authoritative, plan.dns.resolvers, TYPES, timeout_s, plan.dns.zone)
        for host in plan.hosts
    )
    return tuple(await asyncio.gather(*(observe(target) for target in targets)))


def cache_rows(plan: Plan, facts: Iterable[DnsFacts]) -> tuple[CacheRow, ...]:
    """A row for each host and server, the authoritative ones first."""
    return tuple(row for one in facts for row in _rows(plan, one))


def _rows(plan: Plan, one: DnsFacts) -> Iterator[CacheRow]:
    by_address = {server.address: server for server in one.servers}
    for side in propagation(one, plan.old.addresses, plan.new.addresses):
        yield CacheRow(
            server=clean(side.address, 80),
            kind="authoritative" if side.kind == AUTHORITATIVE else "resolver",
            host=clean(one.target.name, 255),
            answer=_SIDES.get(side.side, "error"),
            ttl=side.ttl,
            values=tuple(clean(value, 80) for value in side.values),
            detail=_trouble(by_address[side.address]) if side.side == "no-answer" else "",
        )


def servers_without(facts: Iterable[DnsFacts], wanted: Iterable[RecordSet]) -> tuple[str, ...]:
    """The authoritative servers that do not serve exactly ``wanted``, each with why."""
    expected = tuple(wanted)
    missing = []
    for one in facts:
        host = one.target.name.rstrip(".").lower()
        sets = {item.type: item for item in expected if item.host == host}
        for server in one.authoritative:
            why = _difference(server, host, sets)
            if why:
                missing.append(f"{clean(server.address, 80)} {why}")
    return tuple(missing)


def _difference(server: DnsServerFacts, host: str, wanted: dict[str, RecordSet]) -> str:
    for kind in TYPES:
        answer = server.answer(kind)
        if answer is None or answer.error or answer.rcode not in ("NOERROR", "NXDOMAIN") or not answer.aa:
            return f"did not answer for {kind} ({_trouble(server) or 'not asked'})"
        found = next(
            (item for item in answer.rrsets if item.type == kind and item.owner.rstrip(".").lower() == host),
            None,
        )
        item = wanted.get(kind)
        if (found is None) != (item is None):
            return f"{'lacks' if found is None else 'still has'} {kind}"
        if found is not None and item is not None:
            if tuple(sorted(found.values)) != item.values:
                return f"has {kind} {clean(', '.join(found.values), 120)}"
            if found.ttl != item.ttl:
                return f"has {kind} with TTL {found.ttl}"
    return ""


def _trouble(server: DnsServerFacts) -> str:
    for answer in server.answers:
        if answer.error:
            return clean(answer.error, 40)
        if answer.rcode not in ("NOERROR", "NXDOMAIN"):
            return clean(answer.rcode, 40)
        if server.kind == AUTHORITATIVE and not answer.aa:
            return "not authoritative"
    return ""


def longest_cached_ttl(facts: Iterable[DnsFacts]) -> int:
    """The longest remaining TTL of the hosts' own records at any resolver, in seconds; 0 if none."""
    ttls = [
        item.ttl
        for one in facts
        for server in one.resolvers
        for item in server.rrsets
        if item.owner.rstrip(".").lower() == one.target.name.rstrip(".").lower()
    ]
    return max(ttls, default=0)


def longest_served_ttl(facts: Iterable[DnsFacts]) -> tuple[int, str]:
    """The longest TTL of the hosts' own records at any authoritative server, and which; 0 if none."""
    found = [
        (item.ttl, server.address)
        for one in facts
        for server in one.authoritative
        for answer in server.answers
        if answer.aa and not answer.error
        for item in answer.rrsets
        if item.owner.rstrip(".").lower() == one.target.name.rstrip(".").lower()
    ]
    return max(found, default=(0, ""))
