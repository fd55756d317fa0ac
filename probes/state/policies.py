"""Findings about policies: their claims, their targets, and who wins where several meet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ...cluster.controllers import MERGING_GROUPS
from ...cluster.objects import Policy
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.semantics import policy_order
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .conditions import BACKEND, POLICY, judge_conditions, status_of
from .words import kubectl_get, kubectl_list, safe_ref
from .world import World

_MERGING_KINDS = frozenset({"EnvoyPatchPolicy"})
_LEVELS = 2


def policy_findings(world: World, policy: Policy) -> Iterator[Finding]:
    """What controllers say of one policy, and whether its targets exist."""
    ref = policy.ref
    generation = policy.meta.generation
    scope = POLICY if policy.targets or policy.spec.target_selectors or policy.status.ancestors else BACKEND
    for ancestor in policy.status.ancestors:
        where = safe_ref(ancestor.ancestor_ref.target(ref.namespace))
        source = clean(ancestor.controller_name, 120)
        yield from judge_conditions(scope, ref, ancestor.conditions, generation, source, prefix=f"{where}: ")
    yield from judge_conditions(scope, ref, policy.status.conditions, generation)
    for target in policy.targets:
        if _is_missing(world, target):
            yield finding(
                "GW405",
                Verdict.FAIL,
                ref,
                f"{safe_ref(target.whole)} does not exist",
                reproduce=kubectl_get(ref),
            )


def _is_missing(world: World, target: ObjectRef) -> bool:
    snapshot = world.snapshot
    whole = target.whole
    if target.group == GATEWAY_GROUP:
        parts = {"Gateway": snapshot.gateways, "ListenerSet": snapshot.listener_sets}
        holder = parts.get(target.kind) or (snapshot.routes if target.kind.endswith("Route") else None)
    elif (target.group, target.kind) == ("", "Service"):
        holder = snapshot.services
    else:
        return False
    if holder is None or whole in holder:
        return False
    return snapshot.state_of(target.kind).knows(target.namespace)


def competing_policies(world: World) -> Iterator[Finding]:
    """Two of a kind on one target: the oldest wins, then the first by name (GEP-713)."""
    by_target: dict[tuple[str, str, ObjectRef], list[Policy]] = defaultdict(list)
    for policy in world.snapshot.policies.values():
        if policy.group in MERGING_GROUPS or policy.kind in _MERGING_KINDS:
            continue
        for target in policy.targets:
            by_target[policy.group, policy.kind, target].append(policy)
    for (_, kind, target), policies in by_target.items():
        if len(policies) < 2:
            continue
        winner, *losers = sorted(
            policies,
            key=lambda one: policy_order(one.meta.creation_timestamp, one.meta.namespace, one.meta.name),
        )
        for loser in losers:
            claims = {status_of(one.conditions, "Accepted") for one in loser.status.ancestors}
            merged = any(status_of(one.conditions, "Merged") == "True" for one in loser.status.ancestors)
            if merged or loser is winner:
                continue
            yield finding(
                "GW403",
                Verdict.WARN,
                loser.ref,
                f"{winner.ref} is older, or first by name, and wins on {safe_ref(target)}"
                + (", yet the controller accepts both" if claims == {"True"} else ""),
                evidence=[
                    f"{one.ref} created {clean(one.meta.creation_timestamp or 'at an unknown time', 40)}"
                    for one in (winner, loser)
                ],
                reproduce=kubectl_list(f"{kind}.{loser.group}".lower(), loser.meta.namespace),
            )


def _levels(
    targets: set[ObjectRef], by_target: dict[ObjectRef, list[Policy]]
) -> dict[tuple[str, str], set[ObjectRef]]:
    levels: dict[tuple[str, str], set[ObjectRef]] = defaultdict(set)
    for target in targets:
        for policy in by_target.get(target, ()):
            levels[policy.group, policy.kind].add(target)
    return levels


def deep_chains(world: World) -> Iterator[Finding]:
    """Policies of one kind at more than two levels of one route: Gateway, listener, route, rule."""
    by_target: dict[ObjectRef, list[Policy]] = defaultdict(list)
    for policy in world.snapshot.policies.values():
        for target in policy.targets:
            by_target[target].append(policy)
    if not by_target:
        return
    sections: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
    for target in by_target:
        if target.section:
            sections[target.whole].append(target)
    for own, route in world.snapshot.routes.items():
        targets = {own, *sections.get(own, ())}
        for attachment in world.topology.attachments(route):
            for bound in attachment.listeners:
                targets |= {bound.gateway, bound.owner, bound.ref}
        for (_, kind), where in _levels(targets, by_target).items():
            if len({(one.kind, bool(one.section)) for one in where}) > _LEVELS:
                listed = ", ".join(sorted(str(safe_ref(one)) for one in where))
                yield finding(
                    "GW404",
                    Verdict.WARN,
                    own,
                    f"{clean(kind, 63)} applies at {len(where)} levels: {clean(listed, 300)}",
                    reproduce=kubectl_get(own),
                )
