"""Findings about single policies: their claims, their targets, and who wins where several meet on one."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.knowledge.policy_kinds import (
    DNS_WRITERS,
    WAYPOINT_GROUPS,
    Across,
    PolicyKind,
    Together,
    policy_kind,
)
from ...cluster.objects import Gateway, ListenerSet, Route
from ...cluster.policies import Policy, TargetSelector
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.rules.semantics import policy_order
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .conditions import BACKEND, POLICY, judge_conditions, status_of
from .policy_levels import Layer, effective
from .policy_words import contested_lines
from .words import kubectl_get, kubectl_list, safe_ref
from .world import World

_USE_WAYPOINT = "istio.io/use-waypoint"
_INHERITED = "inherited"


def policy_findings(world: World, policy: Policy) -> Iterator[Finding]:
    """What controllers say of one policy, whether its targets exist and can be targeted, and who wins."""
    ref = policy.ref
    generation = policy.meta.generation
    scope = POLICY if policy.targets or policy.spec.target_selectors or policy.status.ancestors else BACKEND
    for ancestor in policy.status.ancestors:
        where = safe_ref(ancestor.ancestor_ref.target(ref.namespace))
        source = clean(ancestor.controller_name, 120)
        yield from judge_conditions(scope, ref, ancestor.conditions, generation, source, prefix=f"{where}: ")
    yield from judge_conditions(scope, ref, policy.status.conditions, generation)
    for target in policy.targets:
        yield from _target_findings(world, policy, target)
    yield from _empty_selectors(world, policy)
    if (policy.group, policy.kind) in DNS_WRITERS:
        yield finding(
            "GW434",
            Verdict.WARN,
            ref,
            "it publishes the hosts of its Gateway in DNS by itself, as soon as routes attach",
            reproduce=kubectl_get(ref),
        )
    yield from competing_findings(world, policy)


def accepted(policy: Policy) -> bool:
    """Whether every controller that answers accepts the policy."""
    claims = [status_of(one.conditions, "Accepted") for one in policy.status.ancestors]
    claims.append(status_of(policy.status.conditions, "Accepted"))
    given = {claim for claim in claims if claim}
    return given == {"True"}


# --- one target ----------------------------------------------------------------------------------


def _target_findings(world: World, policy: Policy, target: ObjectRef) -> Iterator[Finding]:
    ref = policy.ref
    known = policy_kind(policy.group, policy.kind)
    if known is not None and known.targets and target.kind not in known.targets and not accepted(policy):
        yield finding(
            "GW431",
            Verdict.WARN,
            ref,
            f"it targets {safe_ref(target)}; a {clean(policy.kind, 63)} is for {', '.join(known.targets)}",
            reproduce=kubectl_get(ref),
        )
    elif _is_missing(world, target):
        yield _missing_target(world, policy, target)
    else:
        yield from _missing_section(world, policy, target)
    if policy.group in WAYPOINT_GROUPS and (target.group, target.kind) == ("", "Service"):
        yield from _without_waypoint(world, policy, target)


def _missing_target(world: World, policy: Policy, target: ObjectRef) -> Finding:
    verdict, words = Verdict.FAIL, f"{safe_ref(target.whole)} does not exist"
    if accepted(policy):
        verdict = Verdict.UNKNOWN if world.snapshot.offline else Verdict.WARN
        words += ", though its controller accepts the policy"
    return finding("GW405", verdict, policy.ref, words, reproduce=kubectl_get(policy.ref))


def _missing_section(world: World, policy: Policy, target: ObjectRef) -> Iterator[Finding]:
    sections = _sections_of(world, target) if target.section else None
    if sections is None or target.section in sections:
        return
    yield finding(
        "GW435",
        Verdict.WARN if accepted(policy) else Verdict.FAIL,
        policy.ref,
        f"{safe_ref(target.whole)} has no section {clean(target.section, 253)}; "
        f"it has {clean(', '.join(sections) or 'none', 200)}",
        reproduce=kubectl_get(policy.ref),
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


def _sections_of(world: World, target: ObjectRef) -> tuple[str, ...] | None:
    """The names that a sectionName may mean: listeners, rules, ports; None where they are not known."""
    snapshot = world.snapshot
    whole = target.whole
    holder: Gateway | ListenerSet | Route | None = (
        snapshot.gateways.get(whole) or snapshot.listener_sets.get(whole) or snapshot.routes.get(whole)
    )
    if isinstance(holder, Route):
        return tuple(rule.name for rule in holder.spec.rules if rule.name)
    if holder is not None:
        return tuple(listener.name for listener in holder.spec.listeners)
    service = snapshot.services.get(whole)
    if service is None:
        return None
    # a port without a name is meant by its number (GEP-713 leaves it open; Istio and others do so)
    return tuple(name for port in service.spec.ports for name in (port.name, str(port.port)) if name)


def _without_waypoint(world: World, policy: Policy, target: ObjectRef) -> Iterator[Finding]:
    service = world.snapshot.services.get(target.whole)
    namespace = world.topology.namespace_labels(target.namespace)
    if service is None or namespace is None:
        return
    waypoint = service.meta.labels.get(_USE_WAYPOINT) or namespace.get(_USE_WAYPOINT) or "none"
    if waypoint == "none":
        yield finding(
            "GW436",
            Verdict.WARN,
            policy.ref,
            f"{safe_ref(target.whole)} has no waypoint: neither it nor its namespace is labelled "
            f"{_USE_WAYPOINT}",
            reproduce=kubectl_get(target.whole),
        )


def _empty_selectors(world: World, policy: Policy) -> Iterator[Finding]:
    selectors = policy.spec.target_selectors
    if not selectors or world.index.policies.selected_by(policy):
        return
    if not all(_sees_all(world, policy, one) for one in selectors):
        return
    wanted = "; ".join(f"{one.kind} with {_labels(one)}" for one in selectors)
    yield finding(
        "GW430",
        Verdict.WARN,
        policy.ref,
        f"its targetSelectors match nothing: {clean(wanted, 300)}",
        reproduce=kubectl_get(policy.ref),
    )


def _sees_all(world: World, policy: Policy, selector: TargetSelector) -> bool:
    """Whether everything that a selector could match is in sight."""
    state = world.snapshot.state_of(selector.kind)
    elsewhere = selector.namespaces is not None and selector.namespaces.from_ not in (None, "Same")
    if elsewhere and (state.namespaces is not None or not world.snapshot.state_of("Namespace").knows("")):
        return False
    return state.knows(policy.meta.namespace)


def _labels(selector: TargetSelector) -> str:
    plain = [f"{key}={value}" for key, value in selector.match_labels.items()]
    return ", ".join([*plain, *(f"{one.key} {one.operator}" for one in selector.match_expressions)]) or "any"


# --- several on one target -----------------------------------------------------------------------


def rules_of(world: World, policy: Policy) -> tuple[Across, Together]:
    """How policies of this kind share a target, and what narrower ones do to wider ones.

    Of a kind that is not known its CRD's label tells (GEP-713: Direct or Inherited, in any case), and
    whether it has ``defaults`` and ``overrides``.
    """
    known: PolicyKind | None = policy_kind(policy.group, policy.kind)
    if known is not None:
        return known.across, known.together
    crd = world.index.crd_of(policy.group, policy.kind)
    label = crd.meta.labels.get(f"{GATEWAY_GROUP}/policy", "") if crd else ""
    sections = "defaults" in policy.fields or "overrides" in policy.fields
    return ("sections" if sections or label.lower() == _INHERITED else "replaces"), "oldest"


def competing_findings(world: World, policy: Policy) -> Iterator[Finding]:
    """The targets on which another policy of the kind wins over this one (GEP-713: the oldest, then the
    first by name). Where a controller merges by field, only fields that both set are contested."""
    across, together = rules_of(world, policy)
    if together == "adds":
        return
    if any(status_of(one.conditions, "Merged") == "True" for one in policy.status.ancestors):
        return
    for target in dict.fromkeys((*policy.targets, *world.index.policies.selected_by(policy))):
        rivals = [
            one
            for one in world.index.policies.on(target)
            if (one.group, one.kind) == (policy.group, policy.kind)
        ]
        winner = min(rivals, key=_order, default=policy)
        if winner.ref == policy.ref:
            continue
        contested: list[str] = []
        if together == "fields":
            layers = [Layer(0, one.ref, one.meta.creation_timestamp, one.fields) for one in rivals]
            contested = contested_lines(effective(layers, across, together), loser=policy.ref)
            if not contested:
                continue
        yield _loses(policy, winner, target, contested)


def _order(policy: Policy) -> tuple[str, str, str]:
    return policy_order(policy.meta.creation_timestamp, policy.meta.namespace, policy.meta.name)


def _loses(policy: Policy, winner: Policy, target: ObjectRef, contested: list[str]) -> Finding:
    wins = f"wins for {len(contested)} fields on" if contested else "wins on"
    return finding(
        "GW403",
        Verdict.WARN,
        policy.ref,
        f"{winner.ref} is older, or first by name, and {wins} {safe_ref(target)}"
        + (", yet the controller accepts both" if accepted(policy) else ""),
        evidence=[
            *(
                f"{one.ref} created {clean(one.meta.creation_timestamp or 'at an unknown time', 40)}"
                for one in (winner, policy)
            ),
            *contested,
        ],
        reproduce=kubectl_list(f"{policy.kind}.{policy.group}".lower(), policy.meta.namespace),
    )
