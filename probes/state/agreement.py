"""Findings where claimed and computed part, one for each thing; what other rules tell already is left out.

A claim of an older generation is no disagreement (GW109, GW210 and GW409 tell it), nor is one that rests on
what no spec says. FAIL is only said where traffic surely suffers whatever the claim is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...cluster.knowledge.claim_quirks import Quirk, quirk_of
from ...cluster.knowledge.controllers import controller_of
from ...cluster.objects import Gateway, ListenerSet, Route
from ...cluster.policies import Policy
from ...cluster.refs import ObjectRef
from ...cluster.rules.computed import Computed
from ...cluster.rules.topology import BoundListener
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .comparing import (
    Comparison,
    gateway_comparisons,
    listener_comparisons,
    listener_set_comparisons,
    policy_comparisons,
    route_comparisons,
)
from .routes import entries_for
from .words import condition_line, kubectl_get, safe_ref
from .world import World

# computed reasons that a rule of its own tells, with or without a claim
_TOLD_OF_ROUTES = frozenset({"BackendNotFound", "RefNotPermitted"})
_TOLD_OF_POLICIES = frozenset({"Conflicted", "TargetNotFound"})


def route_agreement(world: World, route: Route) -> Iterator[Finding]:
    """Where a route's parents and the specs differ, and what is broken where none has spoken.

    ResolvedRefs is the same for every parent, and told once.
    """
    if _plainly_agrees(world, route):
        return
    told: set[str] = set()
    for one in _differing(route_comparisons(world, route), route.meta.generation):
        if one.claimed.type == "ResolvedRefs":
            if "ResolvedRefs" in told:
                continue
            told.add("ResolvedRefs")
        yield _difference("GW117", route.ref, one, route.meta.generation)
    yield from _unspoken_route(world, route)


def _plainly_agrees(world: World, route: Route) -> bool:
    """Whether every parent is answered, and each answer is the computed one; so it is for most routes."""
    for state in world.computed_route(route):
        own, _foreign = entries_for(world, route, state.attachment)
        wanted = {one.type: one.status for one in state.conditions}
        if not own or any(wanted.get(one.type) != one.status for entry in own for one in entry.conditions):
            return False
    return True


def _unspoken_route(world: World, route: Route) -> Iterator[Finding]:
    states = world.computed_route(route)
    broken = {one.type: one for state in states for one in state.conditions if _breaks_a_rule(one)}
    if not broken:
        return
    if any(entry.conditions for state in states for entry in entries_for(world, route, state.attachment)[0]):
        return
    for one in broken.values():
        yield finding(
            "GW126",
            Verdict.FAIL,
            route.ref,
            f"by the specs {_computed_words(one)}",
            reproduce=kubectl_get(route.ref),
        )


def _breaks_a_rule(one: Computed) -> bool:
    """Whether it is the route's own rules that are at fault, in a way that no other rule tells."""
    if one.status != "False":
        return False
    if one.type == "Accepted":
        return "IncompatibleFilters" in one.reasons
    return not set(one.reasons) <= _TOLD_OF_ROUTES


def listener_agreement(world: World, bound: BoundListener) -> Iterator[Finding]:
    """Where a listener's conditions and the specs differ; conflicts and Secrets have rules of their own."""
    certificates = {one.fault for one in world.certificate_faults(bound)} & {"missing", "not-granted"}
    if bound.conflict or certificates:
        return
    status = world.listener_status(bound)
    if status is None or not status.conditions:
        yield from _unspoken_listener(world, bound)
        return
    holder = world.snapshot.gateways.get(bound.owner) or world.snapshot.listener_sets.get(bound.owner)
    generation = holder.meta.generation if holder else 0
    differing = list(_differing(listener_comparisons(world, bound), generation))
    yield from _together("GW311", bound.ref, differing, generation)


def _unspoken_listener(world: World, bound: BoundListener) -> Iterator[Finding]:
    conditions = world.computed_listener(bound).conditions
    broken = [one for one in conditions if one.status == "False" and one.type != "Conflicted"]
    if not broken:
        return
    dead = any(one.type == "Programmed" for one in broken)
    yield finding(
        "GW312",
        Verdict.FAIL if dead else Verdict.WARN,
        bound.ref,
        f"by the specs {_computed_words(broken[0])}",
        evidence=[_computed_words(one) for one in broken],
        reproduce=kubectl_get(bound.owner),
    )


def gateway_agreement(world: World, gateway: Gateway) -> Iterator[Finding]:
    """Where a Gateway's conditions and the specs differ."""
    generation = gateway.meta.generation
    differing = list(_differing(gateway_comparisons(world, gateway), generation))
    if any(_is_hollow(one) for one in differing) and _all_dead(world, gateway):
        # GW211 tells that no listener carries traffic
        differing = [one for one in differing if not _is_hollow(one)]
    yield from _together("GW220", gateway.ref, differing, generation)


def _is_hollow(one: Comparison) -> bool:
    return one.computed.status == "False" and one.computed.reason in ("ListenersNotValid", "Invalid")


def _all_dead(world: World, gateway: Gateway) -> bool:
    return all(world.dead_because(one)[0] for one in world.topology.listeners(gateway.ref))


def listener_set_agreement(world: World, listener_set: ListenerSet) -> Iterator[Finding]:
    """Where a ListenerSet's conditions and the specs differ."""
    generation = listener_set.meta.generation
    differing = list(_differing(listener_set_comparisons(world, listener_set), generation))
    yield from _together("GW221", listener_set.ref, differing, generation)


def policy_agreement(world: World, policy: Policy) -> Iterator[Finding]:
    """Where a BackendTLSPolicy's conditions and the specs differ; the same for all ancestors, told once."""
    generation = policy.meta.generation
    by_type = {
        one.claimed.type: one
        for one in _differing(policy_comparisons(world, policy), generation)
        if one.computed.reason not in _TOLD_OF_POLICIES
    }
    yield from _together("GW420", policy.ref, list(by_type.values()), generation)


# --- words ---------------------------------------------------------------------------------------


def _differing(comparisons: Iterable[Comparison], generation: int) -> Iterator[Comparison]:
    for one in comparisons:
        seen = one.claimed.observed_generation
        stale = seen is not None and seen < generation
        if one.outcome == "disagree" and not stale:
            yield one


def _together(
    rule: str, subject: ObjectRef, differing: list[Comparison], generation: int
) -> Iterator[Finding]:
    """One finding for all conditions of a thing that differ: mostly one follows from the other."""
    if not differing:
        return
    first = max(differing, key=lambda one: _verdict(one).badness)
    rest = [one for one in differing if one is not first]
    evidence = [line for one in (first, *rest) for line in _evidence(one, generation)]
    yield finding(
        rule,
        _verdict(first),
        subject,
        _summary(first),
        evidence=evidence[:12],
        reproduce=kubectl_get(subject.whole),
    )


def _difference(rule: str, subject: ObjectRef, one: Comparison, generation: int) -> Finding:
    where = f"{safe_ref(one.parent)}: " if one.parent and one.claimed.type == "Accepted" else ""
    return finding(
        rule,
        _verdict(one),
        subject,
        where + _summary(one),
        evidence=_evidence(one, generation),
        reproduce=kubectl_get(subject.whole),
    )


def _verdict(one: Comparison) -> Verdict:
    if one.claimed.status == "False" or _quirk(one) is not None:
        # that it does not work another rule tells; that it ought to is worth a word
        return Verdict.WARN
    if one.scope == "Route":
        if one.attachment is not None and one.attachment.reason == "ParentMissing":
            return Verdict.FAIL
        if one.claimed.type == "ResolvedRefs":
            # the backend's own rule says FAIL where requests are lost
            return Verdict.WARN
    if one.claimed.type == "Conflicted":
        return Verdict.WARN
    return Verdict.UNKNOWN


def _quirk(one: Comparison) -> Quirk | None:
    controller = controller_of(one.controller)
    if controller is None:
        return None
    claimed = f"{one.claimed.status}/{one.claimed.reason}"
    computed = f"{one.computed.status}/{one.computed.reason}"
    return quirk_of(controller.id, one.scope, one.claimed.type, claimed, computed)


def _summary(one: Comparison) -> str:
    claimed = f"{clean(one.claimed.type, 80)}={clean(one.claimed.status, 20)}"
    who = clean(one.controller, 120) or "its controller"
    if one.computed.status == "True" and one.scope == "Route" and one.claimed.type == "Accepted":
        return f"{claimed} says {who}, but by the specs it attaches"
    if one.computed.status == "True":
        return f"{claimed} says {who}, but by the specs nothing stands against it"
    return f"{claimed} says {who}, but by the specs {_computed_words(one.computed)}"


def _computed_words(one: Computed) -> str:
    detail = f": {one.detail}" if one.detail else ""
    return clean(f"{one.type}={one.status} ({', '.join(one.reasons) or 'no reason'}){detail}", 400)


def _evidence(one: Comparison, generation: int) -> list[str]:
    lines = [
        condition_line(one.claimed, generation, one.controller),
        f"computed {_computed_words(one.computed)}",
    ]
    quirk = _quirk(one)
    if quirk is not None:
        lines.append(f"known of it: {quirk.why}")
    return lines
