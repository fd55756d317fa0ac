"""Everything that is wrong with a cluster, as findings: which judge is asked of what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...cluster.objects import Gateway, ListenerSet, Object, Route
from ...cluster.snapshot import Snapshot
from ..verdict import Finding
from .backends import backend_findings
from .gateways import class_findings, gateway_findings, listener_set_findings
from .ingress import ingress_findings
from .listeners import claimed_listener_findings, computed_listener_findings
from .policies import competing_policies, deep_chains, policy_findings
from .reading import reading_findings
from .routes import route_findings
from .versions import version_findings
from .world import World, world_of


def diagnose(snapshot: Snapshot) -> tuple[Finding, ...]:
    """All findings, worst first, then by rule and subject: the same input gives the same order.

    What hangs on a kind that could not be read is UNKNOWN, never FAIL or PASS.
    """
    return tuple(sorted(_all(world_of(snapshot)), key=finding_order))


def finding_order(finding: Finding) -> tuple[int, str, str, str]:
    """Sort key: worst first, then by rule, subject and words."""
    return -finding.verdict.badness, finding.rule, str(finding.subject), finding.summary


def _all(world: World) -> Iterator[Finding]:
    for judge_whole in WHOLE:
        yield from dict.fromkeys(judge_whole(world))
    for part in PER_OBJECT:
        for obj in getattr(world.snapshot, part).values():
            yield from judge_of(part, obj, world)


def _of_gateway(world: World, gateway: Gateway) -> Iterator[Finding]:
    yield from gateway_findings(world, gateway)
    yield from claimed_listener_findings(world, gateway)
    for bound in world.topology.listeners(gateway.ref):
        yield from computed_listener_findings(world, bound)


def _of_listener_set(world: World, listener_set: ListenerSet) -> Iterator[Finding]:
    yield from listener_set_findings(world, listener_set)
    yield from claimed_listener_findings(world, listener_set)


def _of_route(world: World, route: Route) -> Iterator[Finding]:
    yield from route_findings(world, route)
    yield from backend_findings(world, route)


Judge = Callable[[World, Any], Iterator[Finding]]

# asked of each object of a part of the Snapshot, and again when something changes that the answer rests on
PER_OBJECT: dict[str, Judge] = {
    "classes": class_findings,
    "gateways": _of_gateway,
    "listener_sets": _of_listener_set,
    "routes": _of_route,
    "policies": policy_findings,
}
# asked once of the whole picture: only where the objects that are gone through are few
WHOLE: tuple[Callable[[World], Iterator[Finding]], ...] = (
    reading_findings,
    competing_policies,
    deep_chains,
    version_findings,
    ingress_findings,
)


def judge_of(part: str, obj: Object, world: World) -> tuple[Finding, ...]:
    """The findings of one object, each once."""
    return tuple(dict.fromkeys(PER_OBJECT[part](world, obj)))
