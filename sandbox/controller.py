"""The practice controllers: Envoy Gateway's part for the new edge and ingress-nginx's for the old one.

It watches the storage, claims what names it, writes statuses as real controllers do, and configures the
edges. Everything is worked out anew on each change: a practice cluster is small.

Two annotations steer it, both settable with kubectl:
`practice.pointsman.dev/fault` (JSON, keys of Faults) on an HTTPRoute, an Ingress or a Gateway lets their
traffic fail; `practice.pointsman.dev/frozen` ("true") on any object lets the controller go on with what it
saw of it last, and leave its status as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .apiserver.storage import Storage
from .controller_classes import ENVOY_GATEWAY, class_status, knows_listener_sets
from .controller_conditions import Json, now_text
from .controller_edges import Certificates, EdgeSetup, is_nginx, new_side, old_side
from .controller_gateways import gateway_status, listener_set_status, read_gateways
from .controller_policies import policy_statuses
from .controller_routes import abandoned_status, read_routes, route_status
from .controller_view import (
    GROUP_OF,
    ROUTE_KINDS,
    ClusterView,
    Key,
    annotation,
    group_of,
    key_of,
    name_of,
    namespace_of,
    spec_of,
    well_formed,
)
from .edge_model import Faults, VirtualHost

NGINX = "k8s.io/ingress-nginx"
_COALESCE_S = 0.01
_log = logging.getLogger(__name__)
_KINDS = frozenset((group, kind) for kind, group in GROUP_OF.items())


class EdgeControl(Protocol):
    """What the controller needs of an edge."""

    address: str
    faults: dict[str, Faults]

    def configure(self, hosts: Mapping[str, VirtualHost]) -> None: ...


class PracticeController:
    """Writes statuses and configures the edges, from `start` until `stop`, in the running loop."""

    def __init__(
        self,
        storage: Storage,
        new_edge: EdgeControl,
        old_edge: EdgeControl,
        certificates: Certificates | None = None,
        controller_name: str = ENVOY_GATEWAY,
    ) -> None:
        self._storage = storage
        self._new_edge = new_edge
        self._old_edge = old_edge
        self._certificates: Certificates = certificates or (lambda _namespace, _name: None)
        self._name = controller_name
        self._seen: dict[Key, Json] = {}
        self._remembered: dict[Key, Json] = {}
        self._own_faults: dict[str, set[str]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self.rounds = 0

    async def start(self) -> None:
        """Reconcile once, at once; then after every change that matters."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = self._storage.subscribe(self._changed)
        self.reconcile()

    async def stop(self) -> None:
        if self._unsubscribe:
            self._unsubscribe()
        if self._handle:
            self._handle.cancel()
            self._handle = None

    def _changed(self, change: str, obj: Json) -> None:
        if (group_of(obj), obj.get("kind")) not in _KINDS:
            return
        key, matter = key_of(obj), _what_matters(obj)
        if change == "DELETED":
            self._seen.pop(key, None)
        elif self._seen.get(key) == matter:
            return
        else:
            self._seen[key] = matter
        if self._handle is None and self._loop is not None:
            self._handle = self._loop.call_later(_COALESCE_S, self._due)

    def _due(self) -> None:
        self._handle = None
        self.reconcile()

    def reconcile(self) -> None:
        """Work everything out and write what differs; an unreadable object stops that until mended."""
        self.rounds += 1
        try:
            self._reconcile()
        except Exception:  # noqa: BLE001
            # objects of any shape can be written to this cluster; the world must outlive them
            _log.exception("the practice controller could not reconcile")

    def _reconcile(self) -> None:
        view, now = self._read(), now_text()
        gateways = read_gateways(view, self._name, knows_listener_sets(view))
        routes = read_routes(view, gateways)
        for gateway_class in view.all("GatewayClass"):
            if spec_of(gateway_class).get("controllerName") == self._name:
                self._write(gateway_class, class_status(view, gateway_class, now))
        for state in gateways:
            self._write(state.gateway, gateway_status(state, self._new_edge.address, now))
            for entry in state.sets:
                self._write(entry[0], listener_set_status(entry, state, now))
        ours = set()
        for route in routes:
            ours.add(key_of(route.route))
            self._write(route.route, route_status(route, self._name, now))
        for kind in ROUTE_KINDS:
            for obj in view.all(kind):
                status = abandoned_status(obj, self._name) if key_of(obj) not in ours else None
                if status is not None:
                    self._write(obj, status)
        for policy, status in policy_statuses(view, gateways, routes, self._name, now):
            self._write(policy, status)
        ingresses = [item for item in view.all("Ingress") if is_nginx(view, item, NGINX)]
        for ingress in ingresses:
            self._write(ingress, {"loadBalancer": {"ingress": [{"ip": self._old_edge.address}]}})
        self._configure("new", self._new_edge, new_side(view, gateways, routes, self._certificates))
        self._configure("old", self._old_edge, old_side(view, ingresses, self._certificates))

    def _read(self) -> ClusterView:
        """All objects; a frozen one as it was seen last before it froze, with its present status."""
        objects = []
        for kind, group in GROUP_OF.items():
            for obj in self._storage.list(kind, group=group):
                if group_of(obj) != group or not well_formed(obj.get("spec")):
                    continue
                key = key_of(obj)
                self._seen.setdefault(key, _what_matters(obj))
                if annotation(obj, "frozen") == "true":
                    obj = {**self._remembered.get(key, obj), "status": obj.get("status")}
                else:
                    self._remembered[key] = obj
                objects.append(obj)
        self._remembered = {key_of(obj): self._remembered.get(key_of(obj), obj) for obj in objects}
        return ClusterView(objects)

    def _write(self, obj: Json, status: Json) -> None:
        kind, namespace, name = str(obj["kind"]), namespace_of(obj), name_of(obj)
        current = self._storage.get(kind, namespace, name, group_of(obj))
        if current is None or annotation(current, "frozen") == "true":
            return
        # fields of a status that are not ours to write stay
        merged = {**(current.get("status") or {}), **status}
        if kind == "Gateway" and "addresses" not in status:
            merged.pop("addresses", None)
        if merged != current.get("status"):
            self._storage.set_status(kind, namespace, name, merged, group_of(obj))

    def _configure(self, side: str, edge: EdgeControl, setup: EdgeSetup) -> None:
        edge.configure(setup.hosts)
        # faults that somebody set on the edge itself are not ours to remove
        for host in self._own_faults.get(side, set()) - set(setup.faults):
            edge.faults.pop(host, None)
        edge.faults.update(setup.faults)
        self._own_faults[side] = set(setup.faults)


def _what_matters(obj: Mapping[str, Any]) -> Json:
    """An object without its status and bookkeeping: our own writes change nothing of it."""
    metadata = {
        name: value
        for name, value in (obj.get("metadata") or {}).items()
        if name not in ("resourceVersion", "managedFields")
    }
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}
