"""What the external-dns that owns the plan's names would do, from the live cluster and the name server."""

from __future__ import annotations

from dataclasses import dataclass

from ....cluster.errors import UserError
from ....cluster.refs import GATEWAY_GROUP, ObjectRef
from ....cluster.snapshot import Snapshot
from ....cluster.text import clean
from ....probes.state.external_dns.edits import DnsWorld, settled, simulate
from ....probes.state.external_dns.flags import Flags
from ....probes.state.external_dns.foresee import Forecast, reads
from ....probes.state.external_dns.held import names_to_read
from ....probes.state.external_dns.instances import (
    Instance,
    instances_of,
    responsible,
    told_to_all,
    world_of,
)
from ....probes.wire.dns.registry import RegistryFacts, read_registry
from ...plans.model import Plan
from ...terms import Purpose
from ..base import ObjectPatch
from .handover import Handover, edits_of, routes_towards


@dataclass(frozen=True, slots=True)
class Outlook:
    """The external-dns of this cluster, what the first authoritative server holds, and who is responsible.

    ``owner`` None: ``why`` says why it cannot be told.
    """

    plan: Plan
    snapshot: Snapshot
    facts: RegistryFacts
    instances: tuple[Instance, ...]
    owner: Instance | None
    why: str = ""

    def world(self, flags: Flags) -> DnsWorld:
        """The world as an external-dns with these flags sees it."""
        return world_of(self.snapshot, flags, self.facts.sets, self.facts.texts)

    def unseen(self) -> tuple[str, ...]:
        """The kinds that an external-dns reads and that are not all known here, and why."""
        kinds = {kind for one in self.instances for kind in reads(one.flags)}
        states = {kind: self.snapshot.state_of(kind) for kind in sorted(kinds)}
        return tuple(
            f"{kind} objects are {state.state} {clean(state.detail, 120)}: what it would do is not known"
            for kind, state in states.items()
            if state.state not in ("live", "absent") or state.namespaces is not None
        )

    def handover(self) -> Handover:
        """UserError: nobody, or nobody known, owns the names."""
        if self.facts.unread:
            raise UserError(f"{self.facts.server}: {clean(self.facts.unread[0], 160)}", "is it reachable?")
        if self.unseen():
            raise UserError(self.unseen()[0], "name a kubeconfig that may list them everywhere")
        if self.owner is None:
            raise UserError(self.why, "dns.external_dns.owner in the plan names an owner id")
        gateway = ObjectRef(
            "Gateway", self.plan.gateway.namespace, self.plan.gateway.name, group=GATEWAY_GROUP
        )
        named = frozenset(
            ObjectRef(one.kind, one.namespace, one.name, group=GATEWAY_GROUP) for one in self.plan.routes
        )
        flags = self.owner.flags
        routes = routes_towards(self.snapshot, flags, gateway, self.plan.hosts, named)
        return Handover(self.world(flags), self.plan.hosts, routes, self.plan.dns.low_ttl)

    def checked_patches(self, purpose: Purpose) -> tuple[ObjectPatch, ...]:
        """The patches of a forward change, once the simulation says that they do it, and can be undone.

        UserError: they would not, and what external-dns would do instead.
        """
        handover = self.handover()
        patches = handover.patches(purpose)
        problem = why_not(handover, self.plan, purpose, patches)
        if problem:
            raise UserError(problem, "see docs/external-dns.md, or `pointsman check` for the whole picture")
        return patches


async def look_around(plan: Plan, snapshot: Snapshot) -> Outlook:
    """Ask the plan's first authoritative server, and put it beside the cluster. Never raises for a server."""
    instances = instances_of(snapshot)
    names = names_to_read(plan.hosts, told_to_all(instances))
    facts = await read_registry(plan.dns.authoritative[0], plan.hosts, names)
    told = plan.dns.external_dns.owner if plan.dns.external_dns else ""
    owner, why = responsible(instances, facts.texts, told)
    return Outlook(plan, snapshot, facts, instances, owner, why)


def why_not(handover: Handover, plan: Plan, purpose: Purpose, patches: tuple[ObjectPatch, ...]) -> str:
    """Why the patches would not do what the plan wants, by the simulation; empty where they would."""
    world = handover.world
    edits = edits_of(patches)
    for forecast in simulate(world, edits, plan.hosts):
        problem = _problem(forecast, plan, purpose)
        if problem:
            return problem
    if purpose != "switch":
        return ""
    after = world
    for edit in edits:
        after = edit(after)
    back = edits_of(tuple(one.inverted() for one in reversed(patches)))
    for forecast in simulate(settled(after, plan.hosts), back, plan.hosts):
        if set(forecast.addresses_after) & set(plan.new.addresses):
            return f"{forecast.host}: undoing the switch would leave the record at the new side"
    return ""


def _problem(forecast: Forecast, plan: Plan, purpose: Purpose) -> str:
    host = clean(forecast.host, 253)
    if forecast.unsure:
        return f"{host}: what external-dns would do is not known: {clean(forecast.unsure[0], 200)}"
    if purpose == "lower-ttl":
        if forecast.changes:
            return f"{host}: this would also move the record: {after_words(forecast)}"
        high = {kind: ttl for kind, ttl in forecast.ttls_after.items() if not 0 < ttl <= plan.dns.low_ttl}
        return f"{host}: its TTL would stay {max(high.values())} s" if high else ""
    if set(forecast.addresses_after) != set(plan.new.addresses):
        return f"{host}: the record would not come to the new side: {after_words(forecast)}"
    high = {kind: ttl for kind, ttl in forecast.ttls_after.items() if ttl != plan.dns.low_ttl}
    return f"{host}: its TTL would become {max(high.values())} s" if high else ""


def after_words(forecast: Forecast) -> str:
    """What stands after the next round, and why, in one line."""
    values = ", ".join(clean(one, 120) for one in forecast.addresses_after) or "no record at all"
    reasons = [step.why for step in forecast.steps if step.why]
    reasons += [f"{one.ref}: {one.why}" for one in forecast.ignored]
    return clean(f"{values} ({'; '.join(dict.fromkeys(reasons[:3]))})" if reasons else values, 400)
