"""Findings about classes, Gateways and ListenerSets."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.objects import Gateway, GatewayClass, ListenerSet
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .conditions import CLASS, GATEWAY, LISTENER_SET, is_unclaimed, judge_conditions, status_of
from .words import condition_line, kubectl_get, safe_ref
from .world import World


def class_findings(world: World, gateway_class: GatewayClass) -> Iterator[Finding]:
    """Whether anybody claims and accepts the class."""
    ref = gateway_class.ref
    conditions = gateway_class.status.conditions
    if is_unclaimed(conditions) or (not conditions and not world.silent(conditions)):
        yield finding(
            "GW201",
            Verdict.FAIL,
            ref,
            f"no controller has claimed it; it asks for "
            f"{clean(gateway_class.spec.controller_name or 'none', 160)}",
            evidence=[condition_line(one) for one in conditions],
            reproduce=kubectl_get(ref),
        )
        return
    yield from judge_conditions(
        CLASS, ref, conditions, gateway_class.meta.generation, source=gateway_class.spec.controller_name
    )


def gateway_findings(world: World, gateway: Gateway) -> Iterator[Finding]:
    """A Gateway's class, its claim, its address, and whether any listener backs the claim."""
    ref = gateway.ref
    conditions = gateway.status.conditions
    yield from _class_of(world, gateway)
    if is_unclaimed(conditions) or (not conditions and not gateway.status.listeners):
        if not world.silent(conditions, gateway.status.listeners):
            yield finding(
                "GW209",
                Verdict.FAIL,
                ref,
                f"no controller has answered; its class is {clean(gateway.spec.gateway_class_name, 100)}",
                evidence=[condition_line(one, gateway.meta.generation) for one in conditions],
                reproduce=kubectl_get(ref),
            )
        return
    yield from judge_conditions(
        GATEWAY,
        ref,
        conditions,
        gateway.meta.generation,
        source=world.topology.controller_of(gateway) or "",
    )
    if status_of(conditions, "Programmed") == "True":
        if not gateway.status.addresses:
            yield finding(
                "GW206",
                Verdict.WARN,
                ref,
                "it is programmed, but its status names no address",
                reproduce=kubectl_get(ref),
            )
        yield from _hollow(world, gateway)


def _class_of(world: World, gateway: Gateway) -> Iterator[Finding]:
    name = gateway.spec.gateway_class_name
    if world.topology.gateway_class(name) or not world.snapshot.state_of("GatewayClass").knows(""):
        return
    known = sorted(one.meta.name for one in world.snapshot.classes.values())
    yield finding(
        "GW203",
        Verdict.FAIL,
        gateway.ref,
        f"GatewayClass {clean(name, 100)} does not exist",
        evidence=[f"classes: {clean(', '.join(known[:10]), 400) or 'none'}"],
        reproduce=kubectl_get(gateway.ref),
    )


def _hollow(world: World, gateway: Gateway) -> Iterator[Finding]:
    bound = world.topology.listeners(gateway.ref)
    reasons = [(one, *world.dead_because(one)) for one in bound]
    if bound and all(reason for _, reason, _ in reasons):
        yield finding(
            "GW211",
            Verdict.FAIL,
            gateway.ref,
            "it says Programmed=True, but not one of its listeners carries traffic",
            evidence=[f"{one.ref}: {reason}" for one, reason, _ in reasons[:8]],
            reproduce=kubectl_get(gateway.ref),
        )


def listener_set_findings(world: World, listener_set: ListenerSet) -> Iterator[Finding]:
    """A ListenerSet's claim and its parent."""
    ref = listener_set.ref
    parent = listener_set.spec.parent_ref.target(ref.namespace).whole
    conditions = listener_set.status.conditions
    yield from judge_conditions(LISTENER_SET, ref, conditions, listener_set.meta.generation)
    gateway = world.snapshot.gateways.get(parent)
    if gateway is None:
        if parent.kind == "Gateway" and world.snapshot.state_of("Gateway").knows(parent.namespace):
            yield finding(
                "GW216",
                Verdict.FAIL,
                ref,
                f"{safe_ref(parent)} does not exist",
                reproduce=kubectl_get(ref),
            )
        return
    if world.topology.set_allowed(gateway, listener_set) is False and not conditions:
        yield finding(
            "GW214",
            Verdict.FAIL,
            ref,
            f"{safe_ref(parent)} does not let in ListenerSets from its namespace (allowedListeners)",
            reproduce=kubectl_get(parent),
        )
