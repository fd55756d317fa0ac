"""Which hosts a plan is for, and who serves them: from the Ingresses, the Gateway and its routes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ...cluster.errors import UserError
from ...cluster.kubernetes_objects import Ingress
from ...cluster.objects import Gateway, Route
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.rules.topology import BoundListener
from ...cluster.snapshot import Snapshot
from ...cluster.text import clean
from ...probes.state.twin.new import NewSide
from ...probes.state.twin.old import OldSide, class_of, is_nginx
from ...probes.state.world import World, world_of
from .derived import Doubt
from .fields import HOST
from .model import ObjectName

_TLS = ("HTTPS", "TLS")
_MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan was asked for. ``hosts`` none: all of the Ingresses; ``port`` 0, ``name``: not told."""

    ingresses: tuple[ObjectName, ...] = ()
    gateway: ObjectName | None = None
    hosts: tuple[str, ...] = ()
    port: int = 0
    name: str = ""
    canary: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class FoundHost:
    """One host. ``routes`` answer it over TLS on the Gateway, through ``listeners``; ``loose`` name it and
    are attached to none of its TLS listeners.
    """

    host: str
    ingresses: tuple[Ingress, ...]
    old: OldSide
    new: NewSide
    routes: tuple[Route, ...]
    listeners: tuple[BoundListener, ...]
    loose: tuple[ObjectRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What the cluster says. ``left_out`` are names that the plan does not have, each with its reason."""

    world: World
    gateway_ref: ObjectRef
    gateway: Gateway | None
    ingresses: tuple[Ingress, ...]
    hosts: tuple[FoundHost, ...]
    left_out: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = field(default=())


def find(snapshot: Snapshot, wanted: Wanted) -> Found:
    """The hosts with all that serves them.

    UserError: an object that is named is not there, no host is left, or no one Gateway is meant.
    """
    world = world_of(snapshot)
    doubts = list(_unreadable(snapshot))
    named = tuple(_named_ingresses(snapshot, wanted, doubts))
    gateway_ref = _gateway_ref(wanted) or _only_gateway(world, named, wanted)
    gateway = _gateway(snapshot, gateway_ref, doubts)
    ingresses = named or tuple(_ingresses_at(world, gateway_ref, wanted.hosts))
    left_out: list[str] = []
    names = list(dict.fromkeys(_host_names(ingresses, wanted, left_out)))
    if not names:
        more = f": {'; '.join(left_out)}" if left_out else ""
        raise UserError(
            f"there is no host to plan for{more}", "name one with --host, or an Ingress with rules"
        )
    hosts = tuple(_host(world, name, gateway_ref, ingresses) for name in sorted(names))
    others = {one.ref: one for host in hosts for one in host.ingresses} | {one.ref: one for one in ingresses}
    unplanned = sorted({name for host in hosts for route in host.routes for name in route.spec.hostnames}
                       - {host.host for host in hosts})  # fmt: skip
    left_out += [
        f"{clean(name, 253)}: a hostname of these routes, and not asked for"
        for name in unplanned[:_MOST_NAMED]
    ]
    return Found(world, gateway_ref, gateway, tuple(others[ref] for ref in sorted(others)), hosts,
                 tuple(dict.fromkeys(left_out)), tuple(doubts))  # fmt: skip


def _unreadable(snapshot: Snapshot) -> Iterator[Doubt]:
    places = {"Ingress": "old", "Gateway": "new", "HTTPRoute": "routes"}
    for kind, place in places.items():
        state = snapshot.state_of(kind)
        if state.state in ("denied", "failed", "loading"):
            yield Doubt(place, f"{kind} objects could not be read ({state.state})")


def _named_ingresses(snapshot: Snapshot, wanted: Wanted, doubts: list[Doubt]) -> Iterator[Ingress]:
    for name in wanted.ingresses:
        ref = ObjectRef("Ingress", name.namespace, name.name, group="networking.k8s.io")
        ingress = snapshot.ingresses.get(ref)
        if ingress is not None:
            yield ingress
        elif snapshot.offline or snapshot.state_of("Ingress").knows(name.namespace):
            raise UserError(f"there is no Ingress {name}", "`pointsman twin` lists all that there are")
        elif not wanted.hosts:
            doubts.append(Doubt("ingress", f"Ingress {name} could not be read"))


def _gateway_ref(wanted: Wanted) -> ObjectRef | None:
    if wanted.gateway is None:
        return None
    return ObjectRef("Gateway", wanted.gateway.namespace, wanted.gateway.name, group=GATEWAY_GROUP)


def _only_gateway(world: World, ingresses: Iterable[Ingress], wanted: Wanted) -> ObjectRef:
    names = wanted.hosts or [host for one in ingresses for host in one.hosts]
    found = sorted({ref for host in names for ref in NewSide(world, host).all_gateways})
    if len(found) == 1:
        return found[0]
    if not found:
        kinds = ("HTTPRoute", "Gateway", *(() if wanted.hosts else ("Ingress",)))
        gaps = [f"{kind} objects {gap}" for kind in kinds if (gap := world.snapshot.state_of(kind).gap)]
        if gaps:
            raise UserError(
                f"which Gateway these hosts have cannot be told: {gaps[0]}", "say which: --gateway NS/NAME"
            )
    shown = ", ".join(f"{ref.namespace}/{ref.name}" for ref in found[:_MOST_NAMED])
    what = (
        f"the routes of these hosts are at several Gateways: {shown}" if found else "no route has these hosts"
    )
    raise UserError(what, "say which Gateway is meant: --gateway NS/NAME")


def _gateway(snapshot: Snapshot, ref: ObjectRef, doubts: list[Doubt]) -> Gateway | None:
    gateway = snapshot.gateways.get(ref)
    if gateway is None and (snapshot.offline or snapshot.state_of("Gateway").knows(ref.namespace)):
        there = ", ".join(f"{one.namespace}/{one.name}" for one in sorted(snapshot.gateways)[:_MOST_NAMED])
        raise UserError(f"there is no {ref}", f"there is {clean(there, 300)}" if there else "create it first")
    if gateway is None:
        doubts.append(Doubt("gateway", f"{ref} could not be read"))
    return gateway


def _ingresses_at(world: World, gateway: ObjectRef, hosts: tuple[str, ...]) -> Iterator[Ingress]:
    """The Ingresses of the hosts; without hosts those of which a host is answered at the Gateway."""
    for ref in sorted(world.snapshot.ingresses):
        ingress = world.snapshot.ingresses[ref]
        if hosts:
            if set(hosts) & {name.lower() for name in ingress.hosts}:
                yield ingress
        elif any(_attached(world, host, gateway) for host in ingress.hosts):
            yield ingress


def _host_names(ingresses: Iterable[Ingress], wanted: Wanted, left_out: list[str]) -> Iterator[str]:
    yield from wanted.hosts
    for ingress in ingresses:
        where = clean(ingress.ref, 300)
        if not ingress.spec.rules or any(not rule.host for rule in ingress.spec.rules):
            left_out.append(f"the rule of {where} for any host: no name can be asked for it")
        for host in ingress.hosts:
            name = host.lower()
            if "*" in name:
                left_out.append(f"{clean(name, 253)} of {where}: a wildcard; name its hosts with --host")
            elif not HOST.fullmatch(name):
                left_out.append(f"{clean(name, 253)} of {where}: no host name")
            elif not wanted.hosts:
                yield name
            elif name not in wanted.hosts:
                left_out.append(f"{name} of {where}: not asked for")


def _host(world: World, name: str, gateway: ObjectRef, ingresses: tuple[Ingress, ...]) -> FoundHost:
    having = [
        one
        for ref in world.hosts.ingresses_for(name)
        if (one := world.snapshot.ingresses.get(ref)) is not None
        and name in {host.lower() for host in one.hosts}
    ]
    first = next((one for one in ingresses if one in having), having[0] if having else None)
    old_class, nginx = (class_of(first), is_nginx(world, first)) if first is not None else ("", False)
    old = OldSide(world, name, old_class, nginx=nginx)
    new = NewSide(world, name)
    attached = _attached(world, name, gateway)
    routes = {route.ref: route for _, route in attached}
    return FoundHost(
        name,
        # the proxy of another class has other addresses
        tuple(one for one in having if class_of(one) == old_class),
        old,
        new,
        tuple(routes[ref] for ref in sorted(routes)),
        tuple({bound.ref: bound for bound, _ in attached}.values()),
        tuple(sorted(route.ref for route in new.named if route.ref not in routes)),
    )


def _attached(world: World, host: str, gateway: ObjectRef) -> list[tuple[BoundListener, Route]]:
    """The routes that answer ``host`` over TLS at ``gateway``, each with its listener."""
    found = []
    for ref in world.hosts.routes_for(host.lower()):
        route = world.snapshot.routes.get(ref)
        if route is None:
            continue
        for attachment in world.topology.attachments(route):
            found += [
                (bound, route)
                for bound in attachment.listeners
                if bound.gateway == gateway and bound.listener.protocol in _TLS
            ]
    return found
