"""Findings about Gateways that meet: the same hosts, ports and addresses, and the Services in front."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ...cluster.objects import Gateway
from ...cluster.refs import ObjectRef
from ...cluster.rules.semantics import listeners_conflict
from ...cluster.rules.topology import BoundListener
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .words import kubectl_get
from .world import World

# API: Gateway.spec.listeners holds at most 64; how many more come from ListenerSets is a controller's choice
_MOST_LISTENERS = 64


def address_findings(world: World, gateway: Gateway) -> Iterator[Finding]:
    """What a Gateway shares with others, and how its Service hands connections to its proxies."""
    yield from _same_hosts(world, gateway)
    yield from _same_request(world, gateway)
    yield from _local_traffic(world, gateway)
    yield from _too_many(world, gateway)


def _too_many(world: World, gateway: Gateway) -> Iterator[Finding]:
    """Its own beyond the limit the API server refuses; those of its ListenerSets a controller may."""
    own, count = len(gateway.spec.listeners), len(world.topology.listeners(gateway.ref))
    if max(own, count) <= _MOST_LISTENERS:
        return
    refused = own > _MOST_LISTENERS
    whose = f"{own} listeners of its own" if refused else f"{count} listeners together with its ListenerSets"
    yield finding(
        "GW235",
        Verdict.FAIL if refused else Verdict.WARN,
        gateway.ref,
        f"{whose}; one Gateway may name {_MOST_LISTENERS}",
        reproduce=kubectl_get(gateway.ref),
    )


def _addresses(gateway: Gateway) -> set[str]:
    return {address.value for address in gateway.status.addresses if address.value}


def _same_hosts(world: World, gateway: Gateway) -> Iterator[Finding]:
    """The same port and host on another Gateway: a clash at one address, else unclear who owns the host."""
    met: dict[ObjectRef, list[str]] = defaultdict(list)
    for bound in world.topology.listeners(gateway.ref):
        listener = bound.listener
        for other in _rivals(world, gateway, bound):
            if listeners_conflict(listener, other.listener):
                met[other.gateway].append(f"{clean(listener.hostname or '*', 253)}:{listener.port}")
    own = _addresses(gateway)
    for ref, places in sorted(met.items()):
        other_gateway = world.snapshot.gateways.get(ref)
        shared = own & _addresses(other_gateway) if other_gateway else set()
        # every Gateway may have a listener for all hosts at its own address
        told = list(dict.fromkeys(place for place in places if shared or not place.startswith("*:")))
        if not told:
            continue
        at = f"at the same address {clean(min(shared), 60)}" if shared else "at another address"
        yield finding(
            "GW231",
            Verdict.WARN,
            gateway.ref,
            f"{ref} listens for the same {', '.join(told[:3])} {at}",
            evidence=[*told[:8], f"addresses: {clean(', '.join(sorted(own)) or 'none', 200)}"],
            reproduce=kubectl_get(ref),
        )


def _rivals(world: World, gateway: Gateway, bound: BoundListener) -> Iterator[BoundListener]:
    """Listeners of other Gateways for the same host; for all hosts only at the same address.

    Every Gateway may have a listener for all hosts at its own address, and with a thousand Gateways it would
    not do to compare each with each.
    """
    listener = bound.listener
    if listener.hostname:
        at_place = world.index.gateways_at(listener.port, listener.hostname)
        yield from (other for other in at_place if other.gateway != gateway.ref)
        return
    others = {ref for address in _addresses(gateway) for ref in world.index.gateways_with(address)}
    for ref in sorted(others - {gateway.ref}):
        yield from (
            other
            for other in world.topology.listeners(ref)
            if other.listener.port == listener.port and not other.listener.hostname
        )


def _same_request(world: World, gateway: Gateway) -> Iterator[Finding]:
    for value in dict.fromkeys(address.value for address in gateway.spec.addresses if address.value):
        others = sorted(one for one in world.index.gateways_asking_for(value) if one != gateway.ref)
        if others:
            yield finding(
                "GW232",
                Verdict.WARN,
                gateway.ref,
                f"{', '.join(map(str, others[:3]))} also asks for address {clean(value, 100)}",
                reproduce=kubectl_get(others[0]),
            )


def _local_traffic(world: World, gateway: Gateway) -> Iterator[Finding]:
    for service in world.index.services_of(gateway):
        if service.spec.external_traffic_policy != "Local":
            continue
        namespace, name = service.meta.namespace, service.meta.name
        if not world.snapshot.state_of("EndpointSlice").knows(namespace):
            continue
        ready = sum(piece.ready_count for piece in world.index.slices_of(namespace, name))
        yield finding(
            "GW236",
            Verdict.WARN if ready < 2 else Verdict.PASS,
            gateway.ref,
            f"{service.ref} has externalTrafficPolicy Local and {ready} ready proxies",
            reproduce=kubectl_get(service.ref),
        )
