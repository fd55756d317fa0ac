"""Who may answer a host: routes and Ingresses by the names that they serve."""

from __future__ import annotations

from functools import lru_cache

from ..kubernetes_objects import Ingress
from ..objects import Route
from ..refs import ObjectRef
from .scene import Index, Scene
from .topology import Topology


@lru_cache(maxsize=4_096)
def host_keys(host: str) -> tuple[str, ...]:
    """The names under which ``host`` may be served, the most specific first; empty stands for any host.

    A wildcard covers one or more labels (Gateway API: Hostname; nginx: server_name).
    """
    labels = host.lower().split(".")[1:]
    parents = [f"*.{'.'.join(labels[at:])}" for at in range(len(labels))]
    return tuple(dict.fromkeys((host.lower(), *parents, "")))


class Hosts:
    """Routes and Ingresses by host, both ways."""

    def __init__(self, scene: Scene, topology: Topology) -> None:
        self._topology = topology
        self._routes: Index[str, Route] = scene.index(
            "routes", lambda one: {name.lower() for name in one.spec.hostnames}, specs=True
        )
        # they take the hostnames of their listeners
        self._without_names: Index[bool, Route] = scene.index(
            "routes", lambda one: () if one.spec.hostnames else (True,), specs=True
        )
        self._ingresses: Index[str, Ingress] = scene.index("ingresses", _ingress_hosts, specs=True)
        self._twin = scene.query(self._has_twin)
        self._twins = scene.query(self._find_twin_hosts)
        self._taken_names = scene.query(self._find_taken_names)

    def routes_for(self, host: str) -> tuple[ObjectRef, ...]:
        """The routes that may answer ``host``, by their hostnames or, without any, by their listeners'."""
        keys = host_keys(host)
        found = {route.ref for key in keys for route in self._routes[key]}
        for route in self._without_names[True]:
            if not self._taken_names(route.ref).isdisjoint(keys):
                found.add(route.ref)
        return tuple(sorted(found))

    def ingresses_for(self, host: str) -> tuple[ObjectRef, ...]:
        """The Ingresses that have a rule for ``host``, a wildcard over it, or one for any host."""
        return tuple(sorted({one.ref for key in host_keys(host) for one in self._ingresses[key]}))

    @property
    def with_twins(self) -> frozenset[str]:
        """The hosts of Ingresses that some route also names, or answers by a wildcard."""
        return self._twins(())

    def _find_twin_hosts(self, key: tuple[()]) -> frozenset[str]:
        return frozenset(name for name in self._ingresses if name and self._twin(name))

    def _has_twin(self, host: str) -> bool:
        keys = [key for key in host_keys(host) if key]
        if any(key in self._routes for key in keys):
            return True
        return any(not self._taken_names(route.ref).isdisjoint(keys) for route in self._without_names[True])

    def _find_taken_names(self, ref: ObjectRef) -> frozenset[str]:
        return frozenset(
            (bound.listener.hostname or "").lower()
            for attachment in self._topology.attachments_of(ref)
            for bound in attachment.candidates
        )


def _ingress_hosts(ingress: Ingress) -> set[str]:
    if not ingress.spec.rules:
        return {""}
    return {rule.host.lower() for rule in ingress.spec.rules}
