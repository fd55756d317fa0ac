"""The annotations by which external-dns lowers a TTL, hands a name over, and takes it back. Pure.

external-dns lets the resource that owns a name keep it as long as it wants it. So the new side's route is
kept out (``controller``) until the switch; the switch lets it in first and takes the name off the old object
then (``ingress-hostname-source: annotation-only`` without the name), so that at no moment nobody wants it.
The way back is the same in the opposite order: without the hold, the route would keep the name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ....cluster.errors import UserError
from ....cluster.kubernetes_objects import Ingress, Service
from ....cluster.objects import Object, Route
from ....cluster.refs import ObjectRef
from ....cluster.snapshot import Snapshot
from ....cluster.text import clean
from ....probes.state.external_dns.edits import DnsWorld, Edit, annotated
from ....probes.state.external_dns.flags import Flags
from ....probes.state.external_dns.foresee import ROUTE_KINDS, wanted_by
from ....probes.state.external_dns.routes import route_names
from ....probes.state.external_dns.wanted import CONTROLLER, ingress_hosts, setting, split, ttl_of
from ...terms import Purpose
from ..base import ObjectPatch

HELD = "held-for-cutover"
"""The value of ``controller`` that keeps external-dns off a route; only its own value would let it in."""

_AS_BEFORE = "\0"


@dataclass(frozen=True, slots=True)
class Handover:
    """The world of the external-dns that owns the plan's ``hosts``, and the routes that are to get them."""

    world: DnsWorld
    hosts: tuple[str, ...]
    routes: tuple[ObjectRef, ...]
    low_ttl: int

    def patches(self, purpose: Purpose) -> tuple[ObjectPatch, ...]:
        """The patches of ``lower-ttl`` or ``switch``. UserError: it cannot be done by annotations."""
        found = self._lower() if purpose == "lower-ttl" else self._switch()
        return tuple(one for one in found if one.before != one.after or one.back != one.before)

    # -- lower-ttl

    def _lower(self) -> Iterator[ObjectPatch]:
        # the routes are kept out first: an address of a new kind would come at once
        for ref in self.routes:
            yield from self._hold(ref)
            yield from self._ttl(self._route(ref))
        for ref in self._owners():
            owner = self._owner(ref)
            if not 0 < ttl_of(owner, self.world.flags) <= self.low_ttl:
                yield from self._ttl(owner)

    def _ttl(self, obj: Object) -> Iterator[ObjectPatch]:
        yield self._patch(obj, "ttl", str(self.low_ttl))

    def _hold(self, ref: ObjectRef) -> Iterator[ObjectPatch]:
        route = self._route(ref)
        others = self._others(route_names(route, self.world.flags))
        held = setting(route, "controller", self.world.flags) not in (None, CONTROLLER)
        if held:
            return
        if not others:
            yield self._patch(route, "controller", HELD)
            return
        yield self._patch(route, "hostname", ",".join(others))
        yield self._patch(route, "gateway-hostname-source", "annotation-only")

    # -- switch

    def _switch(self) -> Iterator[ObjectPatch]:
        for ref in self.routes:
            yield from self._ttl(self._route(ref))
            yield from self._let_in(ref)
        for ref in self._owners():
            yield from self._let_go(ref)

    def _let_in(self, ref: ObjectRef) -> Iterator[ObjectPatch]:
        """The route may make records of the plan's names; undone, it may not, whatever it was before."""
        route = self._route(ref)
        flags = self.world.flags
        controller = setting(route, "controller", flags)
        if controller not in (None, CONTROLLER, HELD):
            raise UserError(
                f"{ref} has {flags.prefix}controller: {clean(controller, 60)}, which is not Pointsman's",
                "remove it where this external-dns shall make records of the route, or correct the plan",
            )
        spec = tuple(name.lower() for name in route.spec.hostnames)
        named = route_names(route, flags)
        others = self._others(tuple(dict.fromkeys((*named, *spec))))
        if not others:
            yield self._patch(route, "controller", CONTROLLER, back=HELD)
            return
        # the route's other names stay as they are: held with it, or published
        rest = () if controller == HELD else self._others(named)
        every = ",".join((*rest, *(host for host in self.hosts if host in (*spec, *named))))
        yield self._patch(route, "hostname", every, back=",".join(rest) or None)
        yield self._patch(route, "gateway-hostname-source", "annotation-only", back="annotation-only")
        if controller == HELD:
            yield self._patch(route, "controller", CONTROLLER, back=HELD)

    def _let_go(self, ref: ObjectRef) -> Iterator[ObjectPatch]:
        """The old object no longer wants the plan's names; its others stay."""
        owner = self._owner(ref)
        if isinstance(owner, Ingress):
            rest = self._others(ingress_hosts(owner, self.world.flags))
            yield self._patch(owner, "hostname", ",".join(rest) or None)
            yield self._patch(owner, "ingress-hostname-source", "annotation-only")
        else:
            rest = self._others(split(setting(owner, "hostname", self.world.flags)))
            yield self._patch(owner, "hostname", ",".join(rest) or None)

    # -- objects

    def _others(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name and name not in self.hosts)

    def _owners(self) -> tuple[ObjectRef, ...]:
        """The Ingresses and Services that want the names now; of those, one owns each."""
        wanted = wanted_by(self.world.snapshot, self.world.flags)
        refs = {ref for one in wanted.endpoints if one.host in self.hosts for ref in one.refs}
        return tuple(sorted(ref for ref in refs if ref.kind in ("Ingress", "Service")))

    def _owner(self, ref: ObjectRef) -> Ingress | Service:
        found = self.world.snapshot.ingresses.get(ref) or self.world.snapshot.services.get(ref)
        assert found is not None
        return found

    def _route(self, ref: ObjectRef) -> Route:
        found = self.world.snapshot.routes.get(ref)
        if found is None:
            raise UserError(f"{ref} does not exist", "create the route first, then hand the name over")
        return found

    def _patch(
        self, obj: Object, short: str, after: str | None, back: str | None = _AS_BEFORE
    ) -> ObjectPatch:
        flags, ref = self.world.flags, obj.ref
        before = setting(obj, short, flags)
        undone = before if back == _AS_BEFORE else back
        key = flags.prefix + short
        return ObjectPatch(ref.kind, ref.group, ref.namespace, ref.name, key, before, after, undone)


def edits_of(patches: tuple[ObjectPatch, ...]) -> tuple[Edit, ...]:
    """The same patches as edits of a simulated world."""
    return tuple(
        annotated(
            ObjectRef(one.kind, one.namespace, one.name, group=one.group),
            {one.key: one.after},
        )
        for one in patches
    )


def routes_towards(
    snapshot: Snapshot, flags: Flags, gateway: ObjectRef, hosts: tuple[str, ...], named: frozenset[ObjectRef]
) -> tuple[ObjectRef, ...]:
    """The routes (of ``named``, if any) by which external-dns could publish the hosts through a Gateway."""
    kinds = {ROUTE_KINDS[source] for source in flags.sources if source in ROUTE_KINDS}
    found = []
    for ref, route in sorted(snapshot.routes.items()):
        if ref.kind not in kinds or (named and ref not in named):
            continue
        spec = {name.lower() for name in route.spec.hostnames}
        leads = any(
            _leads_to(snapshot, parent.target(ref.namespace).whole, gateway)
            for parent in route.spec.parent_refs
        )
        if leads and ({*spec, *route_names(route, flags)} & set(hosts)):
            found.append(ref)
    return tuple(found)


def _leads_to(snapshot: Snapshot, target: ObjectRef, gateway: ObjectRef) -> bool:
    listener_set = snapshot.listener_sets.get(target)
    if listener_set is None:
        return target == gateway
    return listener_set.spec.parent_ref.target(listener_set.metadata.namespace).whole == gateway
