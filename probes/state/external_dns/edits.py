"""A world as external-dns sees it, and what it would be after an edit that nobody has made yet. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import msgspec

from ....cluster.kubernetes_objects import Workload
from ....cluster.objects import Condition, RouteParentStatus, RouteStatus
from ....cluster.overlay import overlay
from ....cluster.refs import ObjectRef
from ....cluster.snapshot import Snapshot
from .flags import Flags
from .foresee import Forecast, foresee
from .held import Held


@dataclass(frozen=True, slots=True)
class DnsWorld:
    """The objects, one external-dns's arguments, and the records with their owners."""

    snapshot: Snapshot
    flags: Flags
    held: tuple[Held, ...]


Edit = Callable[[DnsWorld], DnsWorld]


def simulate(world: DnsWorld, edits: Iterable[Edit], hosts: Iterable[str]) -> tuple[Forecast, ...]:
    """What external-dns would do at its next round, were all ``edits`` made at once."""
    for edit in edits:
        world = edit(world)
    return foresee(world.snapshot, world.flags, world.held, hosts)


def settled(world: DnsWorld, hosts: Iterable[str]) -> DnsWorld:
    """The world after the next round: the records as it leaves them, with their new owners."""
    held = {(one.host, one.type): one for one in world.held}
    for forecast in foresee(world.snapshot, world.flags, world.held, hosts):
        for step in forecast.steps:
            key = (forecast.host, step.type)
            if step.action == "delete":
                held.pop(key, None)
            elif step.action in ("create", "update"):
                held[key] = Held(*(*key, step.ttl, step.after, world.flags.owner, step.resource, "owned"))
    return replace(world, held=tuple(sorted(held.values())))


def annotated(ref: ObjectRef, annotations: Mapping[str, str | None]) -> Edit:
    """Annotations (whole keys) of one object set, or removed with None."""

    def edit(world: DnsWorld) -> DnsWorld:
        for part in ("ingresses", "routes", "gateways", "services"):
            objects: Mapping[ObjectRef, Any] = getattr(world.snapshot, part)
            found = objects.get(ref)
            if found is None:
                continue
            merged = {**found.metadata.annotations, **annotations}
            kept = {key: value for key, value in merged.items() if value is not None}
            meta = msgspec.structs.replace(found.metadata, annotations=kept)
            changed = {**objects, ref: msgspec.structs.replace(found, metadata=meta)}
            return _with_part(world, part, changed)
        return world

    return edit


def deleted(*refs: ObjectRef) -> Edit:
    """Ingresses, routes or Services that are not there any more."""

    def edit(world: DnsWorld) -> DnsWorld:
        for part in ("ingresses", "routes", "services"):
            objects: Mapping[ObjectRef, Any] = getattr(world.snapshot, part)
            world = _with_part(world, part, {ref: one for ref, one in objects.items() if ref not in refs})
        return world

    return edit


def applied(documents: Snapshot) -> Edit:
    """Documents laid over the cluster, as ``kubectl apply`` would; their routes are then accepted."""

    def edit(world: DnsWorld) -> DnsWorld:
        over = replace(world, snapshot=overlay(world.snapshot, documents).snapshot)
        return accepted(*documents.routes)(over)

    return edit


def accepted(*refs: ObjectRef, status: str = "True") -> Edit:
    """Routes that every parent accepts (or with ``status`` False: that none does)."""

    def edit(world: DnsWorld) -> DnsWorld:
        routes = dict(world.snapshot.routes)
        for ref in refs:
            if ref in routes:
                said = (Condition(type="Accepted", status=status),)
                parents = tuple(
                    RouteParentStatus(parent_ref=parent, conditions=said)
                    for parent in routes[ref].spec.parent_refs
                )
                routes[ref] = msgspec.structs.replace(routes[ref], status=RouteStatus(parents=parents))
        return _with_part(world, "routes", routes)

    return edit


def with_policy(policy: str) -> Edit:
    """Another ``--policy``."""
    return lambda world: replace(world, flags=replace(world.flags, policy=policy))


def _with_part(world: DnsWorld, part: str, objects: Mapping[ObjectRef, Any]) -> DnsWorld:
    changed: dict[str, Any] = {part: MappingProxyType(dict(objects))}
    return replace(world, snapshot=replace(world.snapshot, **changed))


def running(workload: Workload) -> bool:
    """Whether it is meant to run: not scaled to none."""
    return workload.spec.replicas != 0
