"""Policies: who is attached to what, who came first, and who is overridden from below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .controller_conditions import Condition, Json, render, verdict
from .controller_gateways import GatewayState
from .controller_routes import RouteState, backends_of
from .controller_view import (
    ENVOY_POLICIES,
    GATEWAY_GROUP,
    ROUTE_KINDS,
    ClusterView,
    generation_of,
    name_of,
    namespace_of,
    spec_of,
)

Target = tuple[str, str, str, str]
"""Kind, namespace, name, section of what a policy is attached to."""

_MOST_ANCESTORS = 16


def targets_of(policy: Json) -> list[Target]:
    """What a policy is attached to: always in its own namespace."""
    spec = spec_of(policy)
    refs = list(spec.get("targetRefs") or ())
    if spec.get("targetRef"):
        refs.append(spec["targetRef"])
    return [
        (str(ref.get("kind")), namespace_of(policy), str(ref.get("name")), str(ref.get("sectionName") or ""))
        for ref in refs
        if isinstance(ref, Mapping)
    ]


def policy_statuses(
    view: ClusterView, gateways: list[GatewayState], routes: list[RouteState], controller_name: str, now: str
) -> list[tuple[Json, Json]]:
    """(policy, status) for every policy that concerns a Gateway or route of ours."""
    written = []
    for kind in (*ENVOY_POLICIES, "BackendTLSPolicy"):
        owners: dict[Target, Json] = {}
        # view.all is oldest first: the first policy on a target is the one that holds it
        policies = view.all(kind)
        for policy in policies:
            for target in targets_of(policy):
                owners.setdefault(target, policy)
        for policy in policies:
            conditions: dict[Target, list[Condition]] = {}
            for target in targets_of(policy):
                found = _conditions(view, policy, target, owners, routes)
                for ancestor in _ancestors(target, gateways, routes):
                    conditions.setdefault(ancestor, found)
            status = _status(policy, conditions, controller_name, now)
            if status is not None:
                written.append((policy, status))
    return written


def _ancestors(target: Target, gateways: list[GatewayState], routes: list[RouteState]) -> list[Target]:
    """The Gateways through which the target is reached; for a route, with the section that it names."""
    kind, namespace, name, _ = target
    found: list[Target] = []
    if kind == "Gateway":
        ours = {(namespace_of(state.gateway), name_of(state.gateway)) for state in gateways}
        found += [target] if (namespace, name) in ours else []
    for route in routes:
        is_target = (route.route["kind"], namespace_of(route.route), name_of(route.route)) == target[:3]
        if is_target or (kind == "Service" and _uses(route, namespace, name)):
            for parent in route.parents:
                at = str(parent.ref.get("sectionName") or "") if is_target else ""
                found.append(("Gateway", namespace_of(parent.gateway), name_of(parent.gateway), at))
    return list(dict.fromkeys(found))


def _uses(state: RouteState, namespace: str, name: str) -> bool:
    return any(
        ref.get("name") == name and (ref.get("namespace") or namespace_of(state.route)) == namespace
        for rule in spec_of(state.route).get("rules") or ()
        for ref in backends_of(rule)
    )


def _conditions(
    view: ClusterView, policy: Json, target: Target, owners: Mapping[Target, Json], routes: list[RouteState]
) -> list[Condition]:
    kind = str(policy["kind"])
    refs_problem = _ca_problem(view, policy) if kind == "BackendTLSPolicy" else None
    problem: tuple[str, str] | None = None
    if owners[target] is not policy:
        message = f"Unable to target {target[0]} {target[2]}, another {kind} has already attached to it"
        problem = ("Conflicted", message)
    elif refs_problem:
        problem = ("NoValidCACertificate", "No CA certificate of this policy could be read")
    conditions = [verdict("Accepted", problem, "Policy has been accepted.")]
    if kind == "BackendTLSPolicy":
        conditions.append(verdict("ResolvedRefs", refs_problem, "Resolved all the Object references"))
    elif problem is None and (below := _overriders(target, owners, routes)):
        message = f"This policy is being overridden by other {kind[:-1]}ies for these: [{', '.join(below)}]"
        conditions.append(Condition("Overridden", True, "Overridden", message))
    return conditions


def _overriders(target: Target, owners: Mapping[Target, Json], routes: Iterable[RouteState]) -> list[str]:
    """What below `target` has a policy of its own: sections of a Gateway, and routes attached to it."""
    kind, namespace, name, section = target
    if kind != "Gateway":
        return []
    below = [] if section else [f"{key[2]}/{key[3]}" for key in owners if key[:3] == target[:3] and key[3]]
    for state in routes:
        route = state.route
        if not any(
            key[:3] == (route["kind"], namespace_of(route), name_of(route)) and key[0] in ROUTE_KINDS
            for key in owners
        ):
            continue
        for parent in state.parents:
            at = (namespace_of(parent.gateway), name_of(parent.gateway))
            sections = [listener.name for listener, _ in parent.listeners]
            if at == (namespace, name) and (not section or section in sections):
                below.append(f"{namespace_of(route)}/{name_of(route)}")
    return sorted(set(below))


def _ca_problem(view: ClusterView, policy: Json) -> tuple[str, str] | None:
    validation = spec_of(policy).get("validation") or {}
    if validation.get("wellKnownCACertificates"):
        return None
    for ref in validation.get("caCertificateRefs") or ():
        kind, name = ref.get("kind") or "ConfigMap", str(ref.get("name", ""))
        if kind not in ("ConfigMap", "Secret"):
            return "InvalidKind", f"A CA certificate of kind {kind} is not supported"
        holder = view.get(kind, namespace_of(policy), name)
        if holder is None or not (holder.get("data") or {}).get("ca.crt"):
            return "InvalidCACertificateRef", f"{kind} {namespace_of(policy)}/{name} holds no ca.crt"
    return None


def _status(
    policy: Json, conditions: Mapping[Target, list[Condition]], controller_name: str, now: str
) -> Json | None:
    old = [item for item in (policy.get("status") or {}).get("ancestors") or () if isinstance(item, Mapping)]
    foreign = [dict(item) for item in old if item.get("controllerName") != controller_name]
    if not conditions and len(foreign) == len(old):
        return None
    written: list[Json] = []
    for (kind, namespace, name, section), found in conditions.items():
        ref: dict[str, Any] = {"group": GATEWAY_GROUP, "kind": kind, "namespace": namespace, "name": name}
        if section:
            ref["sectionName"] = section
        previous = next(
            (
                item.get("conditions")
                for item in old
                if item.get("ancestorRef") == ref and item.get("controllerName") == controller_name
            ),
            None,
        )
        written.append(
            {
                "ancestorRef": ref,
                "controllerName": controller_name,
                "conditions": render(found, generation_of(policy), previous, now),
            }
        )
    return {"ancestors": (foreign + written)[:_MOST_ANCESTORS]}
