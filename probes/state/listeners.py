"""Findings about listeners: their own conditions, computed conflicts, and their certificates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...cluster.knowledge.controllers import controller_of
from ...cluster.objects import Gateway, ListenerSet, ListenerStatus
from ...cluster.rules.references import CertificateFault
from ...cluster.rules.semantics import listeners_conflict
from ...cluster.rules.topology import BoundListener
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .conditions import LISTENER, judge_conditions, status_of
from .grants import Wanted, mend_words, near_miss
from .words import kubectl_get, kubectl_list, safe_ref
from .world import World


def claimed_listener_findings(world: World, owner: Gateway | ListenerSet) -> Iterator[Finding]:
    """What the status says of each listener, also of those that the spec no longer names."""
    ref = owner.ref
    for entry in owner.status.listeners:
        subject = ref.part(clean(entry.name, 253))
        for found in judge_conditions(LISTENER, subject, entry.conditions, owner.meta.generation):
            if found.rule == "GW301":
                found = replace(found, evidence=(*found.evidence, *rival_lines(world, owner, entry.name)))
            yield found
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
            evidence=[_listener_line(bound), *_rivals_of(world, bound)],
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


def rival_lines(world: World, owner: Gateway | ListenerSet, name: str) -> list[str]:
    """With whom a listener is in conflict, and who keeps the port; empty where the specs show nobody."""
    gateway = owner.ref
    if isinstance(owner, ListenerSet):
        gateway = owner.spec.parent_ref.target(owner.meta.namespace).whole
    for bound in world.topology.listeners(gateway):
        if bound.owner == owner.ref and bound.listener.name == name:
            return _rivals_of(world, bound)
    return []


def _rivals_of(world: World, bound: BoundListener) -> list[str]:
    """GEP-1713: the Gateway's own listeners come first, then the older ListenerSet, then the first by name;
    inside one Gateway or ListenerSet nobody wins."""
    lines: list[str] = []
    before = True
    for other in world.topology.listeners(bound.gateway):
        if other.ref == bound.ref:
            before = False
            continue
        reason = listeners_conflict(bound.listener, other.listener)
        if not reason:
            continue
        if other.owner == bound.owner:
            outcome = "inside one object neither wins"
        elif before:
            outcome = "that one comes first and keeps the port"
        else:
            outcome = "this one comes first and keeps the port"
        lines.append(f"{reason} with {_listener_line(other)}; {outcome}")
    return lines[:8]


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
        elsewhere, mend = _elsewhere(world, bound, fault)
        return finding(
            "GW307",
            Verdict.WARN if resolved else Verdict.FAIL,
            bound.ref,
            f"certificate {secret}: {fault.detail}{elsewhere}{doubtful}",
            why=_without_certificate(world, bound),
            mend=mend,
            evidence=[_listener_line(bound)],
            reproduce=kubectl_list("secrets", secret.namespace),
        )
    wanted = Wanted(bound.owner.group, bound.owner.kind, bound.owner.namespace, fault.secret)
    miss = near_miss(world, wanted)
    return finding(
        "GW308",
        Verdict.FAIL,
        bound.ref,
        f"certificate {secret}: {fault.detail}"
        + (f"; the nearest one is {miss.words}" if miss else "")
        + (", but the controller accepts it" if resolved else ""),
        why=_without_certificate(world, bound),
        mend=mend_words(wanted, miss),
        evidence=[_listener_line(bound)],
        reproduce=kubectl_list("referencegrants.gateway.networking.k8s.io", secret.namespace),
    )


def _elsewhere(world: World, bound: BoundListener, fault: CertificateFault) -> tuple[str, str]:
    """Where a Secret of that name does exist: the listener looks in its own object's namespace, not in the
    application's."""
    others = [one for one in world.index.secrets_named(fault.secret.name) if one != fault.secret]
    if not others:
        return "", ""
    first = safe_ref(others[0])
    named = ", ".join(sorted({safe_ref(one).namespace for one in others})[:3])
    wanted = Wanted(bound.owner.group, bound.owner.kind, bound.owner.namespace, others[0])
    mend = (
        f"issue or mirror it into {safe_ref(fault.secret).namespace}, or name namespace {first.namespace} in "
        f"the certificateRef and add {mend_words(wanted, None)}"
    )
    return f"; there is one in {named}, where {bound.owner.kind}s do not look", mend


def _without_certificate(world: World, bound: BoundListener) -> str:
    gateway = world.snapshot.gateways.get(bound.gateway)
    controller = controller_of(world.topology.controller_of(gateway) or "") if gateway else None
    return (
        f"{controller.no_certificate} ({controller.title})"
        if controller and controller.no_certificate
        else ""
    )


def _listener_line(bound: BoundListener) -> str:
    listener = bound.listener
    host = clean(listener.hostname or "*", 253)
    return f"{bound.ref}: {clean(listener.protocol, 20)} port {listener.port}, host {host}"
