"""HTTPRoute and GRPCRoute on one host: only one of the two kinds is served there.

API: GRPCRouteSpec.hostnames: of an HTTPRoute and a GRPCRoute on one listener whose hostnames intersect,
exactly one is accepted: the oldest, then the first by namespace/name.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..objects import Route
from ..refs import ObjectRef
from ..rules.topology import BoundListener, Topology

_KINDS = ("HTTPRoute", "GRPCRoute")


class KindsApart:
    """Settles the two kinds for one listener, the oldest route first."""

    def __init__(self, topology: Topology, bound: BoundListener) -> None:
        self._rivals: dict[ObjectRef, Route] = {}
        routes = topology.snapshot.routes
        if not any(ref.kind == "GRPCRoute" for ref in routes):
            return
        attached = [
            route for ref, route in routes.items() if ref.kind in _KINDS and _on(topology, bound, route)
        ]
        accepted = {kind: _Hosts() for kind in _KINDS}
        default = (bound.listener.hostname or "",)
        for route in sorted(attached, key=_age):
            names = route.spec.hostnames or default
            other = accepted["HTTPRoute" if route.kind == "GRPCRoute" else "GRPCRoute"]
            rival = next((found for name in names if (found := other.meeting(name.lower()))), None)
            if rival is not None:
                self._rivals[route.ref] = rival
                continue
            for name in names:
                accepted[route.kind].add(name.lower(), route)

    def rival_of(self, route: Route) -> Route | None:
        """The older route of the other kind for which this one gives way; None where there is none."""
        return self._rivals.get(route.ref)


def _on(topology: Topology, bound: BoundListener, route: Route) -> bool:
    return any(one.ref == bound.ref for entry in topology.attachments(route) for one in entry.listeners)


def _age(route: Route) -> tuple[str, str]:
    meta = route.meta
    return meta.creation_timestamp or "9999", f"{meta.namespace}/{meta.name}"


class _Hosts:
    """Hostnames with the first route that has each; finds one that shares a name with another hostname."""

    def __init__(self) -> None:
        self._exact: dict[str, Route] = {}
        self._wild: dict[str, Route] = {}
        self._below: dict[str, Route] = {}
        self._all: Route | None = None
        self._any: Route | None = None

    def add(self, name: str, route: Route) -> None:
        """Note that ``route`` has this hostname (empty: every host)."""
        self._any = self._any or route
        if not name:
            self._all = self._all or route
            return
        base = name.removeprefix("*.")
        (self._exact if base == name else self._wild).setdefault(base, route)
        for parent in _parents(base):
            self._below.setdefault(parent, route)

    def meeting(self, name: str) -> Route | None:
        """A route whose hostname intersects this one."""
        if not name:
            return self._any
        base = name.removeprefix("*.")
        own = self._exact.get(base) if base == name else None
        under = (self._wild.get(base) or self._below.get(base)) if base != name else None
        wider = (self._wild[parent] for parent in _parents(base) if parent in self._wild)
        return own or under or next(wider, None) or self._all


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.partition(".")[2]
        yield name
