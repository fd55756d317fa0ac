"""Policies of one kind at several levels of one route: who wins, field by field."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ...cluster.objects import Route
from ...cluster.policies import Policy
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.rules.topology import BoundListener
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .policies import rules_of
from .policy_levels import Layer, effective
from .policy_words import contested_lines
from .words import kubectl_get, safe_ref
from .world import World

_LEVELS = 2
# the widest first (GEP-713); a section is narrower than its whole
_RANKS = {"GatewayClass": 0, "Gateway": 10, "ListenerSet": 20, "XListenerSet": 20, "Service": 40}
_ROUTE_RANK = 30


def chain_findings(world: World, route: Route) -> Iterator[Finding]:
    """One finding for each kind of policy that applies at more than two levels on some way of a request:
    through one listener, one rule and one backend. It lists who wins for every contested field."""
    if not world.index.policies.any_at_all:
        return
    told: set[tuple[str, str]] = set()
    narrow = _narrow_ways(world, route)
    for attachment in world.topology.attachments(route):
        for bound in attachment.listeners:
            wide = _policed(world, _wide_targets(world, bound))
            for way in narrow:
                for kind, levels in _by_kind(world, (*wide, *way)).items():
                    if kind not in told and len({rank for rank, _, _ in levels}) > _LEVELS:
                        told.add(kind)
                        yield _chain(world, route, bound, levels)


_Level = tuple[int, ObjectRef, Policy]


def _rank(target: ObjectRef) -> int:
    return _RANKS.get(target.kind, _ROUTE_RANK) + (5 if target.section else 0)


def _wide_targets(world: World, bound: BoundListener) -> Iterator[ObjectRef]:
    class_name = world.topology.class_name_at(bound.gateway)
    if class_name is not None:
        yield ObjectRef("GatewayClass", "", class_name, group=GATEWAY_GROUP)
    yield bound.gateway
    if bound.owner != bound.gateway:
        yield bound.owner
    yield bound.ref


def _narrow_ways(world: World, route: Route) -> list[tuple[ObjectRef, ...]]:
    """The route, with each of its rules and their backends that have a policy of their own."""
    own = route.ref
    sections = set(world.index.policies.sections_of(own))
    base = _policed(world, (own,))
    ways = {base: None}
    for rule in route.spec.rules:
        section = own.part(rule.name) if rule.name else own
        through = (*base, section) if section in sections else base
        ways[through] = None
        for backend in rule.backend_refs:
            if backend.kind != "Service" or backend.group not in ("", "core"):
                continue
            service = ObjectRef("Service", backend.namespace or own.namespace, backend.name)
            targets = (service, *_port_sections(world, service, backend.port))
            ways[(*through, *_policed(world, targets))] = None
    return list(ways)


def _port_sections(world: World, service: ObjectRef, number: int | None) -> Iterator[ObjectRef]:
    """The sections of a Service that mean one of its ports, by name or number."""
    found = world.snapshot.services.get(service)
    for port in found.spec.ports if found else ():
        if port.port == number:
            yield from (service.part(name) for name in (port.name, str(port.port)) if name)


def _policed(world: World, targets: Iterable[ObjectRef]) -> tuple[ObjectRef, ...]:
    return tuple(target for target in targets if world.index.policies.on(target))


def _by_kind(world: World, targets: tuple[ObjectRef, ...]) -> dict[tuple[str, str], list[_Level]]:
    levels: dict[tuple[str, str], list[_Level]] = defaultdict(list)
    for target in targets:
        for policy in world.index.policies.on(target):
            levels[policy.group, policy.kind].append((_rank(target), target, policy))
    return levels


def _chain(world: World, route: Route, bound: BoundListener, levels: list[_Level]) -> Finding:
    levels = sorted(levels, key=lambda one: (one[0], one[1], one[2].ref))
    across, together = rules_of(world, levels[0][2])
    where = ", ".join(dict.fromkeys(str(safe_ref(target)) for _, target, _ in levels))
    layers = [Layer(rank, one.ref, one.meta.creation_timestamp, one.fields) for rank, _, one in levels]
    contested: list[str] = []
    if across == "adds":
        why = "all of them apply; a request must satisfy every one"
    else:
        contested = contested_lines(effective(layers, across, together))
        why = _OUTCOME[across]
    depth = len({rank for rank, _, _ in levels})
    return finding(
        "GW404",
        Verdict.WARN,
        route.ref,
        f"{clean(levels[0][2].kind, 63)} applies at {depth} levels: {clean(where, 300)}"
        + (f"; {len(contested)} fields are contested" if contested else ""),
        why=why,
        evidence=[
            *(f"{safe_ref(target)}: {policy.ref}" for _, target, policy in levels[:8]),
            *contested,
            f"on the way through {bound.ref}",
        ],
        reproduce=kubectl_get(route.ref),
    )


_OUTCOME = {
    "replaces": "the policy on the narrowest target stands alone; only its own mergeType lets wider ones in",
    "fields": "for each field the policy on the narrowest target wins",
    "sections": "defaults let the narrower level win, overrides the wider one",
    "atomic-sections": "defaults let the narrower level win, overrides the wider one; "
    "a whole section counts at once unless its strategy is merge",
}
