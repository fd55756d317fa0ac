"""One snapshot with everything that several judges work out of it, worked out once."""

from __future__ import annotations

from ...cluster.computed import Computed
from ...cluster.computed_gateways import compute_gateway, compute_listener_set
from ...cluster.computed_listeners import ListenerState, compute_listener
from ...cluster.computed_policies import compute_backend_tls
from ...cluster.computed_routes import ParentState, compute_route
from ...cluster.objects import Condition, Gateway, ListenerSet, ListenerStatus, Policy, Route
from ...cluster.references import (
    BackendFault,
    CertificateFault,
    Endpoints,
    backend_faults,
    certificate_faults,
)
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.store import Snapshot
from ...cluster.topology import BoundListener, Topology, topology_of
from .conditions import status_of

# a listener that waits for an address is not broken by itself
_WAITING = frozenset({"Pending", "AddressNotAssigned", "AddressNotUsable"})


class World:
    """A Snapshot, its Topology, and cached answers about references and claimed listener health."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.topology: Topology = topology_of(snapshot)
        self._endpoints = Endpoints(snapshot)
        self._backends: dict[ObjectRef, tuple[BackendFault, ...]] = {}
        self._certificates: dict[ObjectRef, tuple[CertificateFault, ...]] = {}
        self._computed_listeners: dict[ObjectRef, ListenerState] = {}
        self._computed: dict[ObjectRef, tuple[Computed, ...]] = {}
        self._computed_routes: dict[ObjectRef, tuple[ParentState, ...]] = {}
        self._listener_status: dict[ObjectRef, dict[str, ListenerStatus]] = {}

    def backend_faults(self, route: Route) -> tuple[BackendFault, ...]:
        """Faulty backends of a route."""
        ref = route.ref
        if ref not in self._backends:
            self._backends[ref] = tuple(backend_faults(self.topology, self._endpoints, route))
        return self._backends[ref]

    def certificate_faults(self, bound: BoundListener) -> tuple[CertificateFault, ...]:
        """Faulty certificate references of a listener."""
        if bound.ref not in self._certificates:
            self._certificates[bound.ref] = tuple(certificate_faults(self.topology, bound))
        return self._certificates[bound.ref]

    def computed_listener(self, bound: BoundListener) -> ListenerState:
        """What the specs say of a listener."""
        if bound.ref not in self._computed_listeners:
            self._computed_listeners[bound.ref] = compute_listener(self.topology, bound)
        return self._computed_listeners[bound.ref]

    def computed_gateway(self, gateway: Gateway) -> tuple[Computed, ...]:
        """The conditions that the specs give a Gateway."""
        ref = gateway.ref
        if ref not in self._computed:
            own = (one for one in self.topology.listeners(ref) if one.owner == ref)
            states = tuple(map(self.computed_listener, own))
            self._computed[ref] = compute_gateway(self.topology, gateway, states)
        return self._computed[ref]

    def computed_listener_set(self, listener_set: ListenerSet) -> tuple[Computed, ...]:
        """The conditions that the specs give a ListenerSet."""
        ref = listener_set.ref
        if ref not in self._computed:
            parent = listener_set.spec.parent_ref.target(ref.namespace).whole
            gateway = self.snapshot.gateways.get(parent)
            above = self.computed_gateway(gateway) if gateway else None
            self._computed[ref] = compute_listener_set(self.topology, listener_set, above)
        return self._computed[ref]

    def computed_route(self, route: Route) -> tuple[ParentState, ...]:
        """What the specs say of a route, one for each parentRef."""
        ref = route.ref
        if ref not in self._computed_routes:
            self._computed_routes[ref] = compute_route(self.topology, route, self.backend_faults(route))
        return self._computed_routes[ref]

    def computed_policy(self, policy: Policy) -> tuple[Computed, ...]:
        """The conditions that the specs give a policy; empty for kinds whose rules are not the API's."""
        if (policy.group, policy.kind) != (GATEWAY_GROUP, "BackendTLSPolicy"):
            return ()
        return compute_backend_tls(self.topology, policy)

    def reportable(self, kind: str) -> bool:
        """Whether an unreadable kind is a gap in our sight (and not just files that hold none of it)."""
        return self.snapshot.state_of(kind).state != "unseen"

    def listener_status(self, bound: BoundListener) -> ListenerStatus | None:
        """What the status of the owner says of a listener, by name."""
        owner = bound.owner
        if owner not in self._listener_status:
            holder = self.snapshot.gateways.get(owner) or self.snapshot.listener_sets.get(owner)
            entries = holder.status.listeners if holder else ()
            self._listener_status[owner] = {entry.name: entry for entry in entries}
        return self._listener_status[owner].get(bound.listener.name)

    def silent(self, *claims: object) -> bool:
        """Whether an object has no status at all and is a file's, which never has one."""
        return self.snapshot.offline and not any(claims)

    def dead_because(self, bound: BoundListener) -> tuple[str, bool]:
        """Why a listener carries no traffic, and whether it only waits; an empty reason where it may.

        By its own conditions, those of its owners, and the computed conflict.
        """
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


_last: World | None = None


def world_of(snapshot: Snapshot) -> World:
    """The World of a Snapshot; the latest one is kept."""
    global _last  # noqa: PLW0603 - one slot, replaced in one assignment
    kept = _last
    if kept is None or kept.snapshot is not snapshot:
        kept = World(snapshot)
        _last = kept
    return kept
