"""One scene with everything that several judges work out of it, worked out once."""

from __future__ import annotations

from ...cluster.objects import Condition, Gateway, ListenerSet, ListenerStatus, Route
from ...cluster.policies import Policy
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.rules.computed import Computed
from ...cluster.rules.computed_gateways import compute_gateway, compute_listener_set
from ...cluster.rules.computed_listeners import ListenerState, compute_listener
from ...cluster.rules.computed_policies import compute_backend_tls
from ...cluster.rules.computed_routes import ParentState, compute_route
from ...cluster.rules.hosts import Hosts
from ...cluster.rules.indexes import Indexes
from ...cluster.rules.references import (
    BackendFault,
    CertificateFault,
    Endpoints,
    backend_faults,
    certificate_faults,
)
from ...cluster.rules.scene import Scene
from ...cluster.rules.topology import BoundListener, Topology
from ...cluster.snapshot import Snapshot
from .conditions import status_of

# a listener that waits for an address is not broken by itself
_WAITING = frozenset({"Pending", "AddressNotAssigned", "AddressNotUsable"})


class World:
    """A scene, its Topology, and the answers about references and claimed health that several judges need."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.snapshot: Snapshot = scene.snapshot
        self.topology = Topology(scene)
        self.index = Indexes(scene, self.topology)
        self.hosts = Hosts(scene, self.topology)
        self._endpoints = Endpoints(scene)
        self._backends = scene.aside(self._find_backend_faults)
        self._certificates = scene.query(self._find_certificate_faults)
        self._listener_status = scene.query(self._read_listener_status)
        self._computed_listeners = scene.query(self._compute_listener)
        self._computed_gateways = scene.query(self._compute_gateway)
        self._computed_sets = scene.query(self._compute_listener_set)
        self._computed_routes = scene.aside(self._compute_route)
        self._dead = scene.query(self._find_dead)

    def backend_faults(self, route: Route) -> tuple[BackendFault, ...]:
        """Faulty backends of a route."""
        return self._backends(route.ref)

    def _find_backend_faults(self, ref: ObjectRef) -> tuple[BackendFault, ...]:
        route: Route | None = self.scene.spec_of("routes", ref)
        return tuple(backend_faults(self.topology, self._endpoints, route)) if route else ()

    def certificate_faults(self, bound: BoundListener) -> tuple[CertificateFault, ...]:
        """Faulty certificate references of a listener."""
        return self._certificates((bound.gateway, bound.ref))

    def _find_certificate_faults(self, key: tuple[ObjectRef, ObjectRef]) -> tuple[CertificateFault, ...]:
        bound = self._bound(key)
        return tuple(certificate_faults(self.topology, bound)) if bound else ()

    def computed_listener(self, bound: BoundListener) -> ListenerState:
        """What the specs say of a listener."""
        kept = self._computed_listeners((bound.gateway, bound.ref))
        return kept if kept is not None else compute_listener(self.topology, bound)

    def _compute_listener(self, key: tuple[ObjectRef, ObjectRef]) -> ListenerState | None:
        bound = self._bound(key)
        return compute_listener(self.topology, bound) if bound else None

    def computed_gateway(self, gateway: Gateway) -> tuple[Computed, ...]:
        """The conditions that the specs give a Gateway."""
        return self._computed_gateways(gateway.ref)

    def _compute_gateway(self, ref: ObjectRef) -> tuple[Computed, ...]:
        gateway = self.topology.gateway_spec(ref)
        if gateway is None:
            return ()
        own = (one for one in self.topology.listeners(ref) if one.owner == ref)
        return compute_gateway(self.topology, gateway, tuple(map(self.computed_listener, own)))

    def computed_listener_set(self, listener_set: ListenerSet) -> tuple[Computed, ...]:
        """The conditions that the specs give a ListenerSet."""
        return self._computed_sets(listener_set.ref)

    def _compute_listener_set(self, ref: ObjectRef) -> tuple[Computed, ...]:
        listener_set: ListenerSet | None = self.scene.spec_of("listener_sets", ref)
        if listener_set is None:
            return ()
        gateway = listener_set.spec.parent_ref.target(ref.namespace).whole
        above = self._computed_gateways(gateway)
        return compute_listener_set(self.topology, listener_set, above or None)

    def computed_route(self, route: Route) -> tuple[ParentState, ...]:
        """What the specs say of a route, one for each parentRef."""
        return self._computed_routes(route.ref)

    def _compute_route(self, ref: ObjectRef) -> tuple[ParentState, ...]:
        route: Route | None = self.scene.spec_of("routes", ref)
        return compute_route(self.topology, route, self._backends(ref)) if route else ()

    def computed_policy(self, policy: Policy) -> tuple[Computed, ...]:
        """The conditions that the specs give a policy; empty for kinds whose rules are not the API's."""
        if (policy.group, policy.kind) != (GATEWAY_GROUP, "BackendTLSPolicy"):
            return ()
        return compute_backend_tls(self.topology, policy)

    def _bound(self, key: tuple[ObjectRef, ObjectRef]) -> BoundListener | None:
        gateway, ref = key
        return next((one for one in self.topology.listeners(gateway) if one.ref == ref), None)

    def reportable(self, kind: str) -> bool:
        """Whether an unreadable kind is a gap in our sight, to be told for each object that needs it.

        Not where files hold none of it; nor while it loads, which is told once.
        """
        return self.snapshot.state_of(kind).state not in ("unseen", "loading")

    def listener_status(self, bound: BoundListener) -> ListenerStatus | None:
        """What the status of the owner says of a listener, by name."""
        return self._listener_status(bound.owner).get(bound.listener.name)

    def _read_listener_status(self, owner: ObjectRef) -> dict[str, ListenerStatus]:
        holder = self.snapshot.gateways.get(owner) or self.snapshot.listener_sets.get(owner)
        return {entry.name: entry for entry in holder.status.listeners} if holder else {}

    def silent(self, *claims: object) -> bool:
        """Whether an object has no status at all and is a file's, which never has one."""
        return self.snapshot.offline and not any(claims)

    def dead_because(self, bound: BoundListener) -> tuple[str, bool]:
        """Why a listener carries no traffic, and whether it only waits; an empty reason where it may.

        By its own conditions, those of its owners, and the computed conflict.
        """
        return self._dead((bound.gateway, bound.ref))

    def _find_dead(self, key: tuple[ObjectRef, ObjectRef]) -> tuple[str, bool]:
        bound = self._bound(key)
        if bound is None:
            return "it is not there", False
        status = self.listener_status(bound)
        conditions = status.conditions if status else ()
        if status_of(conditions, "Conflicted") == "True":
            return "it is in conflict with another listener", False
        if status_of(conditions, "Accepted") == "False":
            return "it is not accepted", False
        not_programmed = _not_programmed(conditions)
        if not_programmed is not None and not_programmed.reason not in _WAITING:
            return "it is not programmed", False
        gateway = self.snapshot.gateways.get(bound.gateway)
        if gateway is not None and status_of(gateway.status.conditions, "Accepted") == "False":
            return "its Gateway is not accepted", False
        if bound.conflict and not conditions:
            return f"by the specs it is in conflict with listener {bound.conflict_with}", False
        if not_programmed is not None:
            return "it waits for an address", True
        return self._gateway_waits(gateway)

    @staticmethod
    def _gateway_waits(gateway: Gateway | None) -> tuple[str, bool]:
        if gateway is None:
            return "", False
        not_programmed = _not_programmed(gateway.status.conditions)
        if not_programmed is None:
            return "", False
        return "its Gateway is not programmed", not_programmed.reason in _WAITING


def _not_programmed(conditions: tuple[Condition, ...]) -> Condition | None:
    return next((one for one in conditions if one.type == "Programmed" and one.status == "False"), None)


_last: tuple[Snapshot, World] | None = None


def world_of(snapshot: Snapshot) -> World:
    """The World of a Snapshot that stands still; the latest is kept, because several judges ask in turn."""
    global _last  # noqa: PLW0603 - one slot, replaced in one assignment
    kept = _last
    if kept is not None and kept[0] is snapshot:
        return kept[1]
    world = World(Scene(snapshot))
    _last = (snapshot, world)
    return world
