"""Findings about listeners: their own conditions, computed conflicts, and their certificates."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.objects import Gateway, ListenerSet, ListenerStatus
from ...cluster.references import CertificateFault
from ...cluster.text import clean
from ...cluster.topology import BoundListener
from ..verdict import Finding, Verdict, finding
from .conditions import LISTENER, judge_conditions, status_of
from .words import kubectl_get, kubectl_list, safe_ref
from .world import World


def claimed_listener_findings(world: World, owner: Gateway | ListenerSet) -> Iterator[Finding]:
    """What the status says of each listener, also of those that the spec no longer names."""
    ref = owner.ref
    for entry in owner.status.listeners:
        subject = ref.part(clean(entry.name, 253))
        yield from judge_conditions(LISTENER, subject, entry.conditions, owner.meta.generation)
    if not owner.status.conditions and not owner.status.listeners:
        return
    if status_of(owner.status.conditions, "Accepted") == "False":
        return
    named = {entry.name for entry in owner.status.listeners}
    for listener in owner.spec.listeners:
        if listener.name not in named:
            yield finding(
                "GW309",
                Verdict.UNKNOWN,
                ref.part(clean(listener.name, 253)),
                "the status does not mention this listener",
                reproduce=kubectl_get(ref),
            )


def computed_listener_findings(world: World, bound: BoundListener) -> Iterator[Finding]:
    """Conflicts, overlaps and certificates as the specs give them."""
    status = world.listener_status(bound)
    conditions = status.conditions if status else ()
    if bound.conflict and status_of(conditions, "Conflicted") != "True":
        claimed = bool(conditions)
        yield finding(
            "GW301",
            Verdict.UNKNOWN if claimed else Verdict.FAIL,
            bound.ref,
            f"by the specs it is in conflict with listener {bound.conflict_with} ({bound.conflict})"
            + (", but the controller does not say so" if claimed else ""),
            evidence=[_listener_line(bound)],
            reproduce=kubectl_get(bound.owner),
        )
    if bound.overlaps and not status_of(conditions, "OverlappingTLSConfig"):
        yield finding(
            "GW305",
            Verdict.WARN,
            bound.ref,
            f"it shares hosts of port {bound.listener.port} with {', '.join(bound.overlaps[:5])}",
            evidence=[_listener_line(bound)],
            reproduce=kubectl_get(bound.owner),
        )
    for fault in world.certificate_faults(bound):
        found = _certificate_finding(world, bound, fault, status)
        if found is not None:
            yield found


def _certificate_finding(
    world: World, bound: BoundListener, fault: CertificateFault, status: ListenerStatus | None
) -> Finding | None:
    secret = safe_ref(fault.secret)
    if fault.fault == "unreadable":
        if not world.reportable(fault.kind):
            return None
        return finding(
            "GW310",
            Verdict.UNKNOWN,
            bound.ref,
            f"certificate {secret} cannot be judged: {fault.detail}",
            reproduce=kubectl_get(bound.owner),
        )
    resolved = status_of(status.conditions, "ResolvedRefs") == "True" if status else False
    if fault.fault == "missing":
        # some controllers also take Secrets of other types, which are not asked for
        doubtful = ", but the controller says that it resolves" if resolved else ""
        return finding(
            "GW307",
            Verdict.WARN if resolved else Verdict.FAIL,
            bound.ref,
            f"certificate {secret}: {fault.detail}{doubtful}",
            evidence=[_listener_line(bound)],
            reproduce=kubectl_list("secrets", secret.namespace),
        )
    return finding(
        "GW308",
        Verdict.FAIL,
        bound.ref,
        f"certificate {secret}: {fault.detail}" + (", but the controller accepts it" if resolved else ""),
        mend=f"a ReferenceGrant in {secret.namespace}: from {bound.owner.kind} in {bound.owner.namespace}, "
        f"to {secret.kind} {secret.name}",
        evidence=[_listener_line(bound)],
        reproduce=kubectl_list("referencegrants.gateway.networking.k8s.io", secret.namespace),
    )


def _listener_line(bound: BoundListener) -> str:
    listener = bound.listener
    host = clean(listener.hostname or "*", 253)
    return f"{bound.ref}: {clean(listener.protocol, 20)} port {listener.port}, host {host}"
