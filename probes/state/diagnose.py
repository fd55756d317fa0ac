"""Everything that is wrong with a cluster, as findings: which judge is asked of what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...cluster.objects import Gateway, Object
from ...cluster.snapshot import Snapshot
from ..verdict import Finding
from .addresses import address_findings
from .admission import admission_findings
from .agreement import (
    gateway_agreement,
    listener_agreement,
    listener_set_agreement,
    policy_agreement,
    route_agreement,
)
from .backend_ports import port_findings
from .backends import backend_findings
from .controllers_health import health_findings
from .fields import gateway_field_findings, route_field_findings
from .gateways import class_findings, gateway_findings, listener_set_findings
from .grants import grant_findings
from .ingress import external_dns_findings, ingress_findings, new_side_findings
from .listeners import claimed_listener_findings, computed_listener_findings
from .policies import policy_findings
from .policy_chains import chain_findings
from .quirks import gateway_quirk_findings, listener_set_quirk_findings, route_quirk_findings
from .reading import reading_findings
from .routes import route_findings
from .versions import fit_findings, version_findings
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


def _listeners(world: World, gateway: Gateway) -> Iterator[Finding]:
    for bound in world.topology.listeners(gateway.ref):
        yield from computed_listener_findings(world, bound)
        yield from listener_agreement(world, bound)


Judge = Callable[[World, Any], Iterator[Finding]]

# asked of each object of a part of the Snapshot, and again when something changes that the answer rests on
PER_OBJECT: dict[str, tuple[Judge, ...]] = {
    "classes": (class_findings, health_findings, fit_findings),
    "gateways": (
        gateway_findings,
        gateway_agreement,
        claimed_listener_findings,
        _listeners,
        address_findings,
        new_side_findings,
        gateway_quirk_findings,
        gateway_field_findings,
    ),
    "listener_sets": (
        listener_set_findings,
        listener_set_agreement,
        claimed_listener_findings,
        listener_set_quirk_findings,
    ),
    "routes": (
        route_findings,
        backend_findings,
        route_agreement,
        port_findings,
        route_quirk_findings,
        route_field_findings,
        admission_findings,
        chain_findings,
    ),
    "grants": (grant_findings,),
    "policies": (policy_findings, policy_agreement),
    "ingresses": (ingress_findings,),
    "workloads": (external_dns_findings,),
}
# asked once of the whole picture: only where the objects that are gone through are few
WHOLE: tuple[Callable[[World], Iterator[Finding]], ...] = (
    reading_findings,
    version_findings,
)


def judge_of(part: str, obj: Object, world: World) -> tuple[Finding, ...]:
    """The findings of one object, each once."""
    return tuple(dict.fromkeys(found for judge in PER_OBJECT[part] for found in judge(world, obj)))
