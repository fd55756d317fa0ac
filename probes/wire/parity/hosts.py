"""What is asked of a cluster's hosts: the paths of both sides, from Ingresses and from routes. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ....cluster.kubernetes_objects import Ingress
from ....cluster.objects import Route
from ...state.twin.new import NewSide
from ...state.twin.old import OldSide, class_of, is_nginx
from ...state.twin.twin import hosts_of
from ...state.world import World
from .paths import HostRules


def ingress_hosts(world: World, ingresses: Iterable[Ingress]) -> tuple[HostRules, ...]:
    """Each host of the Ingresses once, with the patterns of both sides: new ones may be wider."""
    found: dict[str, HostRules] = {}
    for ingress in ingresses:
        for host in hosts_of(ingress):
            if not host or host in found:
                continue
            old = OldSide(world, host, class_of(ingress), nginx=is_nginx(world, ingress))
            new = NewSide(world, host)
            patterns = tuple(dict.fromkeys((*old.patterns, *new.patterns)))
            tls = old.has_tls or bool(new.secure_listeners)
            found[host] = HostRules(host, patterns, tls=tls)
    return tuple(found.values())


def route_hosts(world: World, routes: Iterable[Route]) -> tuple[HostRules, ...]:
    """Each host that HTTPRoutes and GRPCRoutes name, with what their matches cover."""
    found: dict[str, HostRules] = {}
    for route in routes:
        if route.kind not in ("HTTPRoute", "GRPCRoute"):
            continue
        for name in route.spec.hostnames:
            host = name.lower()
            if host not in found:
                new = NewSide(world, host)
                tls = bool(new.secure_listeners)
                found[host] = HostRules(host, new.patterns, tls=tls)
    return tuple(found.values())


def all_hosts(world: World) -> tuple[HostRules, ...]:
    """The hosts of every Ingress, and those that only routes name."""
    snapshot = world.snapshot
    found = {
        one.host: one for one in route_hosts(world, (snapshot.routes[ref] for ref in sorted(snapshot.routes)))
    }
    ingresses = (snapshot.ingresses[ref] for ref in sorted(snapshot.ingresses))
    found.update({one.host: one for one in ingress_hosts(world, ingresses)})
    return tuple(found[host] for host in sorted(found))
