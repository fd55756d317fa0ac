"""Everything that is wrong with a Snapshot, as findings."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.store import Snapshot
from ..verdict import Finding
from .agreement import (
    gateway_agreement,
    listener_agreement,
    listener_set_agreement,
    policy_agreement,
    route_agreement,
)
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
    world = world_of(snapshot)
    unique = dict.fromkeys(_all(world))
    return tuple(sorted(unique, key=_order))


def _order(finding: Finding) -> tuple[int, str, str, str]:
    return -finding.verdict.badness, finding.rule, str(finding.subject), finding.summary


def _all(world: World) -> Iterator[Finding]:
    snapshot = world.snapshot
    yield from reading_findings(snapshot)
    for gateway_class in snapshot.classes.values():
        yield from class_findings(world, gateway_class)
    for ref, gateway in snapshot.gateways.items():
        yield from gateway_findings(world, gateway)
        yield from gateway_agreement(world, gateway)
        yield from claimed_listener_findings(world, gateway)
        for bound in world.topology.listeners(ref):
            yield from computed_listener_findings(world, bound)
            yield from listener_agreement(world, bound)
    for listener_set in snapshot.listener_sets.values():
        yield from listener_set_findings(world, listener_set)
        yield from listener_set_agreement(world, listener_set)
        yield from claimed_listener_findings(world, listener_set)
    for route in snapshot.routes.values():
        yield from route_findings(world, route)
        yield from backend_findings(world, route)
        yield from route_agreement(world, route)
    for policy in snapshot.policies.values():
        yield from policy_findings(world, policy)
        yield from policy_agreement(world, policy)
    yield from competing_policies(world)
    yield from deep_chains(world)
    yield from version_findings(world)
    yield from ingress_findings(world)
