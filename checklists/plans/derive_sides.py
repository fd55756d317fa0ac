"""Where the old and the new side are to be reached, and where their own counters stand. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...cluster.knowledge.controllers import Controller, controller_of
from ...cluster.kubernetes_objects import LoadBalancerIngress, Workload
from ...cluster.refs import ObjectRef
from ...cluster.routing.ingress import INGRESS_NGINX
from ...cluster.text import clean
from ...probes.state.twin.old import class_of
from .derived import Doubt, Entry
from .find import Found
from .model import Side
from .seen import Seen

# IngressClass.spec.controller, by the beginning that each controller documents
_OLD_CONTROLLERS = {
    INGRESS_NGINX: "ingress-nginx",
    "traefik.io/ingress-controller": "traefik",
    "ingress-controllers.konghq.com/kong": "kong-kic",
    "haproxy-ingress.github.io/controller": "haproxy-ingress",
    "haproxy.org/ingress-controller": "haproxytech",
    "projectcontour.io/": "contour",
    "cilium.io/ingress-controller": "cilium",
}
# how the readers of counters call them, where that differs
_COUNTED = {
    "kong-kic": "kong",
    "kong-operator": "kong",
    "haproxytech": "haproxy",
    "haproxy-ingress": "haproxy",
}
_WITHOUT_COUNTERS = frozenset({"aws-load-balancer-controller", "gke", "airlock"})
# the controller's own pods carry the traffic
_PROXY_IS_CONTROLLER = frozenset({"traefik", "kong-kic", "haproxy-ingress", "haproxytech"})


@dataclass(frozen=True, slots=True)
class Reached:
    """The addresses of a side; ``names`` were resolved to get them; ``source`` says who gave them."""

    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    source: str = ""


def balancer_names(found: Found) -> tuple[str, ...]:
    """The host names that either side's load balancer goes by: somebody has to resolve them."""
    given = [value for value, _ in (*_old_given(found), *_new_given(found))]
    return tuple(sorted({value for value in given if not _is_ip(value)}))


def reached(found: Found, seen: Seen) -> tuple[Reached, Reached]:
    """The old and the new side."""
    return _reached(_old_given(found), seen), _reached(_new_given(found), seen)


def chosen(side: Reached, now: Iterable[str] = ()) -> Side | None:
    """One address of each family: of several the one that DNS has now. None where none is known."""
    there = set(now)
    ranked = sorted(side.addresses, key=lambda one: one not in there)
    four = next((one for one in ranked if ":" not in one), "")
    six = next((one for one in ranked if ":" in one), "")
    if not four and not six:
        return None
    return Side(four, six) if four else Side(six)


def _reached(given: Iterable[tuple[str, str]], seen: Seen) -> Reached:
    addresses: dict[str, None] = {}
    names: dict[str, None] = {}
    source = ""
    for value, words in given:
        source = source or words
        if _is_ip(value):
            addresses[str(ipaddress.ip_address(value))] = None
        elif value:
            names[value] = None
            addresses |= dict.fromkeys(seen.addresses.get(value, ()))
    return Reached(tuple(addresses), tuple(names), source)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _old_given(found: Found) -> list[tuple[str, str]]:
    given = [
        (value, f"status.loadBalancer of {clean(ingress.ref, 300)}")
        for ingress in found.ingresses
        for value in _balanced(ingress.status.load_balancer.ingress)
    ]
    if given:
        return given
    services = found.world.index.old_services if _old_id(found) == "ingress-nginx" else ()
    return [
        (value, f"status.loadBalancer of {clean(service.ref, 300)}, for the Ingresses have none")
        for service in services
        for value in _balanced(service.status.load_balancer.ingress)
    ]


def _new_given(found: Found) -> list[tuple[str, str]]:
    if found.gateway is None:
        return []
    name = clean(found.gateway.ref, 300)
    addresses = found.gateway.status.addresses
    given = [(one.value, f"status.addresses of {name}") for one in addresses if one.value]
    if given:
        return given
    return [
        (value, f"status.loadBalancer of {clean(service.ref, 300)}, for {name} names no address")
        for service in found.world.index.services_of(found.gateway)
        for value in _balanced(service.status.load_balancer.ingress)
    ]


def _balanced(entries: Iterable[LoadBalancerIngress]) -> Iterator[str]:
    for entry in entries:
        yield from (value for value in (entry.ip, entry.hostname) if value)


# -- fields


def side_entry(key: str, side: Reached, took: Side | None, doubts: list[Doubt], whose: str) -> Entry:
    """The plan's ``old`` or ``new``."""
    shown = [clean(name, 253) for name in side.names]
    if took is None:
        why = f"{', '.join(shown)} could not be resolved" if shown else f"{whose} says nothing of an address"
        doubts.append(Doubt(key, why))
        return Entry(key, None, (f"not known: {why}",), "{address: ADDRESS}")
    notes = [f"from {side.source}"]
    if shown:
        notes.append(f"these are the addresses of {', '.join(shown)} now")
        notes.append("not known: whether they stay; those of a load balancer with a name may change")
    others = [one for one in side.addresses if one not in took.addresses]
    if others:
        notes.append(f"not known: what is to become of {', '.join(others)}: a plan has one of each family")
    fields = [Entry("address", took.address)]
    fields += [Entry("ipv6", took.ipv6)] if took.ipv6 else []
    return Entry(key, tuple(fields), tuple(notes))


def port_entry(found: Found, port: int) -> Entry | None:
    """The plan's ``port``, where it is not 443."""
    wanted = port or port_of(found)
    if wanted == 443:
        return None
    names = sorted({clean(bound.ref, 300) for host in found.hosts for bound in host.listeners})
    source = "asked for" if port else f"from the TLS listeners {', '.join(names[:3])}"
    return Entry("port", wanted, (f"{source}; both sides are asked at it",))


def port_of(found: Found) -> int:
    """The port of the listeners that take the hosts over TLS: 443 where it is one of them, or none is."""
    ports = sorted({bound.listener.port for host in found.hosts for bound in host.listeners})
    return 443 if 443 in ports or not ports else ports[0]


# -- their own counters


def traffic_entry(found: Found) -> Entry | None:
    """The plan's ``traffic``: the pods whose counters say what each side really carries."""
    old = _pods(_old_id(found), _old_workloads(found))
    new = _pods(_new_id(found), _new_workloads(found))
    notes = ["each controller's own counters, read from its pods: they see the clients, probes do not"]
    notes += [f"not known: {words}" for words in (old, new) if isinstance(words, str)]
    sides = [("old", old), ("new", new)]
    known = tuple(Entry(key, (Entry("pods", pods),)) for key, pods in sides if isinstance(pods, tuple))
    return Entry("traffic", known or None, tuple(notes), "{}")


def _pods(controller: str, workloads: tuple[Workload, ...]) -> tuple[Entry, ...] | str:
    """The fields of one side's pods, or why they are not known."""
    if not controller:
        return "which controller it is"
    if controller in _WITHOUT_COUNTERS:
        return f"{controller} counts outside of the cluster"
    usable = [one for one in workloads if one.spec.selector.match_labels]
    if not usable:
        return f"no Deployment or DaemonSet of {controller} was found"
    first = min(usable, key=lambda one: one.ref)
    labels = sorted(first.spec.selector.match_labels.items())
    kept = [f"{name}={value}" for name, value in labels if not {",", "=", " "} & set(f"{name}{value}")]
    if not kept:
        return f"how the pods of {clean(first.ref, 300)} are to be selected"
    others = [clean(one.ref, 200) for one in usable if one.ref != first.ref]
    more = f", and not {', '.join(others)}" if others else ""
    return (
        Entry("controller", _COUNTED.get(controller, controller), (f"from {clean(first.ref, 300)}{more}",)),
        Entry("namespace", first.meta.namespace),
        Entry("selector", ",".join(kept)),
    )


def _old_id(found: Found) -> str:
    for ingress in found.ingresses:
        ref = ObjectRef("IngressClass", "", class_of(ingress), group="networking.k8s.io")
        known = found.world.snapshot.ingress_classes.get(ref)
        if known is not None:
            name = known.spec.controller
            return next((one for begins, one in _OLD_CONTROLLERS.items() if name.startswith(begins)), "")
    return "ingress-nginx" if found.world.index.old_controllers else ""


def _old_workloads(found: Found) -> tuple[Workload, ...]:
    index, controller = found.world.index, _old_id(found)
    return index.old_controllers if controller == "ingress-nginx" else index.workloads_running(controller)


def _controller(found: Found) -> Controller | None:
    name = found.world.topology.controller_at(found.gateway_ref)
    return controller_of(name) if name else None


def _new_id(found: Found) -> str:
    known = _controller(found)
    return known.id if known is not None else ""


def _new_workloads(found: Found) -> tuple[Workload, ...]:
    labelled = found.world.index.proxies_of(found.gateway_ref)
    if not labelled and _new_id(found) in _PROXY_IS_CONTROLLER:
        return found.world.index.workloads_running(_new_id(found))
    return labelled
