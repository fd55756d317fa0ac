"""Findings about routes: what controllers claim, what the specs give, and where the two part."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.objects import ParentRef, Route, RouteParentStatus
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.rules.topology import Attachment
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .conditions import ROUTE, is_unclaimed, judge_conditions, status_of
from .words import condition_line, kubectl_get, safe_ref
from .world import World


def route_findings(world: World, route: Route) -> Iterator[Finding]:
    """Everything about a route but its backends."""
    ref = route.ref
    if not route.spec.parent_refs and not route.spec.use_default_gateways:
        yield finding("GW124", Verdict.WARN, ref, "no parentRef", reproduce=kubectl_get(ref))
    for attachment in world.topology.attachments(route):
        own, foreign = entries_for(world, route, attachment)
        for entry in own:
            yield from _claimed(route, attachment, entry)
        yield from _foreign(route, attachment, own, foreign)
        if not any(one.type in ROUTE.core for entry in own for one in entry.conditions):
            yield from _unanswered(world, route, attachment, foreign)
        yield from _dead_listeners(world, route, attachment, own)
        yield from _dropped_hostnames(route, attachment)
    yield from _former_parents(route)


def entries_for(
    world: World, route: Route, attachment: Attachment
) -> tuple[list[RouteParentStatus], list[RouteParentStatus]]:
    """The status entries for one parentRef: those of the parent's controller, and those of others.

    Where it is not known which controller claims the parent, every entry counts as its own.
    """
    namespace = route.meta.namespace
    entries = [
        entry
        for entry in route.status.parents
        if same_parent(entry.parent_ref, attachment.parent_ref, namespace)
    ]
    expected = expected_controller(world, attachment)
    if not expected:
        return entries, []
    own = [entry for entry in entries if entry.controller_name == expected]
    return own, [entry for entry in entries if entry.controller_name != expected]


def expected_controller(world: World, attachment: Attachment) -> str:
    """The controllerName that ought to answer a parentRef; empty where that is not known."""
    return (world.topology.controller_at(attachment.gateway) or "") if attachment.gateway else ""


def same_parent(one: ParentRef, other: ParentRef, own_namespace: str) -> bool:
    """Whether two parentRefs of a route in ``own_namespace`` mean the same, defaults filled in."""
    return (
        one.group == other.group
        and one.kind == other.kind
        and one.name == other.name
        and (one.namespace or own_namespace) == (other.namespace or own_namespace)
        and (one.section_name or "") == (other.section_name or "")
        and one.port == other.port
    )


def parent_words(attachment: Attachment) -> str:
    """A parentRef as people name it."""
    return str(safe_ref(attachment.parent))


def _claimed(route: Route, attachment: Attachment, entry: RouteParentStatus) -> Iterator[Finding]:
    source = clean(entry.controller_name, 120)
    if is_unclaimed(entry.conditions):
        yield finding(
            "GW108",
            Verdict.FAIL,
            route.ref,
            f"{parent_words(attachment)}: no controller has claimed the route",
            evidence=[condition_line(one, route.meta.generation) for one in entry.conditions],
            reproduce=kubectl_get(route.ref),
        )
        return
    yield from judge_conditions(
        ROUTE,
        route.ref,
        entry.conditions,
        route.meta.generation,
        source=source,
        prefix=f"{parent_words(attachment)}: ",
    )


def _foreign(
    route: Route,
    attachment: Attachment,
    own: list[RouteParentStatus],
    foreign: list[RouteParentStatus],
) -> Iterator[Finding]:
    for entry in foreign:
        also = "" if own else ", and the one that owns the parent has not answered"
        yield finding(
            "GW112",
            Verdict.WARN,
            route.ref,
            f"{parent_words(attachment)}: {clean(entry.controller_name or 'an unnamed controller', 120)} "
            f"writes a status though the parent is not its own{also}",
            evidence=[
                condition_line(one, route.meta.generation, entry.controller_name) for one in entry.conditions
            ],
            reproduce=kubectl_get(route.ref),
        )


def _unanswered(
    world: World, route: Route, attachment: Attachment, foreign: list[RouteParentStatus]
) -> Iterator[Finding]:
    where = parent_words(attachment)
    reproduce = kubectl_get(route.ref)
    silent = world.silent(route.status.parents)
    if attachment.reason == "ParentMissing":
        yield finding("GW107", Verdict.FAIL, route.ref, f"{where}: {attachment.detail}", reproduce=reproduce)
    elif attachment.reason == "Unreadable":
        if world.reportable(attachment.parent_ref.kind):
            yield finding(
                "GW123", Verdict.UNKNOWN, route.ref, f"{where}: {attachment.detail}", reproduce=reproduce
            )
    elif attachment.accepted is False:
        yield finding(
            "GW122",
            Verdict.FAIL,
            route.ref,
            f"{where}: {attachment.reason}: {attachment.detail}",
            evidence=_listener_lines(attachment),
            reproduce=reproduce,
        )
    elif not silent:
        expected = expected_controller(world, attachment)
        by = f" by {clean(expected, 120)}" if expected else ""
        verdict = Verdict.FAIL if attachment.accepted and not foreign else Verdict.UNKNOWN
        yield finding("GW108", verdict, route.ref, f"{where}: no answer{by}", reproduce=reproduce)


def _listener_lines(attachment: Attachment) -> list[str]:
    return [
        f"listener {bound.ref}: {clean(bound.listener.protocol, 20)} port {bound.listener.port}, "
        f"host {clean(bound.listener.hostname or '*', 253)}, "
        f"routes from {clean(bound.listener.allowed_routes.namespaces.from_ or 'Same', 20)}"
        for bound in attachment.candidates[:8]
    ]


def _dead_listeners(
    world: World, route: Route, attachment: Attachment, own: list[RouteParentStatus]
) -> Iterator[Finding]:
    claimed = {status_of(entry.conditions, "Accepted") for entry in own}
    if "False" in claimed or (attachment.accepted is not True and "True" not in claimed):
        return
    carriers = attachment.listeners or attachment.candidates
    if not carriers:
        return
    reasons = [(bound, *world.dead_because(bound)) for bound in carriers]
    if not all(reason for _, reason, _ in reasons):
        return
    waiting = all(waits for _, _, waits in reasons)
    names = ", ".join(str(bound.ref) for bound, _, _ in reasons[:3])
    yield finding(
        "GW111",
        Verdict.WARN if waiting else Verdict.FAIL,
        route.ref,
        f"{parent_words(attachment)}: accepted, but nothing gets through {names}: {reasons[0][1]}",
        evidence=[f"{bound.ref}: {reason}" for bound, reason, _ in reasons[:8]],
        reproduce=kubectl_get(reasons[0][0].owner),
    )


def _dropped_hostnames(route: Route, attachment: Attachment) -> Iterator[Finding]:
    if attachment.dropped:
        names = ", ".join(clean(name, 100) for name in attachment.dropped[:5])
        yield finding(
            "GW121",
            Verdict.WARN,
            route.ref,
            f"{parent_words(attachment)}: no listener lets {names} through",
            evidence=_listener_lines(attachment),
            reproduce=kubectl_get(route.ref),
        )


def _former_parents(route: Route) -> Iterator[Finding]:
    namespace = route.meta.namespace
    for entry in route.status.parents:
        if any(same_parent(entry.parent_ref, parent, namespace) for parent in route.spec.parent_refs):
            continue
        if _is_default_gateway(route, entry.parent_ref):
            continue
        where = safe_ref(entry.parent_ref.target(namespace))
        yield finding(
            "GW113",
            Verdict.WARN,
            route.ref,
            f"{where}: {clean(entry.controller_name, 120)} speaks of a parent that the route does not name",
            evidence=[
                condition_line(one, route.meta.generation, entry.controller_name) for one in entry.conditions
            ],
            reproduce=kubectl_get(route.ref),
        )


def _is_default_gateway(route: Route, parent: ParentRef) -> bool:
    # with useDefaultGateways a route attaches without naming its parents (GEP-3793)
    return bool(route.spec.use_default_gateways) and parent.group == GATEWAY_GROUP


def route_of_rule(route: Route, index: int) -> ObjectRef:
    """The route with the rule as its section: its name, or its place."""
    rule = route.spec.rules[index] if index < len(route.spec.rules) else None
    name = rule.name if rule is not None else None
    return route.ref.part(clean(name, 63) if name else f"rule-{index}")
