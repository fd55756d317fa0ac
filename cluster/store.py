"""All objects now (Store), and one immutable moment of them (Snapshot)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, cast

from .decode import decode_document, unroll
from .kinds import KINDS, PARTS
from .kubernetes_objects import (
    Crd,
    EndpointSlice,
    Ingress,
    IngressClass,
    Namespace,
    Secret,
    Service,
    Workload,
)
from .objects import (
    Gateway,
    GatewayClass,
    ListenerSet,
    Object,
    Policy,
    ReferenceGrant,
    Route,
    Undecodable,
)
from .refs import ObjectRef

State = Literal["loading", "live", "stale", "denied", "absent", "failed", "unseen"]

_EMPTY: Mapping[ObjectRef, Any] = MappingProxyType({})
_NO_KINDS: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[ObjectRef, Any]:
    return _EMPTY


def _no_kinds() -> Mapping[str, Any]:
    return _NO_KINDS


@dataclass(frozen=True, slots=True)
class KindState:
    """How far a kind can be trusted. ``since`` is Unix time in seconds, when the state began.

    ``namespaces`` None means the whole cluster; else only these could be read, others are unknown.
    ``absent``: the cluster does not serve the kind, so there are none. ``unseen``: reading from files,
    and the files hold none, which says nothing of any cluster. ``detail`` says why, in one clean line.
    """

    state: State
    detail: str = ""
    since: float = 0.0
    namespaces: tuple[str, ...] | None = None

    def knows(self, namespace: str) -> bool:
        """Whether an object missing from the snapshot can be taken as not existing in ``namespace``."""
        if self.state not in ("live", "stale", "absent"):
            return False
        return self.namespaces is None or namespace in self.namespaces


_UNSEEN = KindState("unseen", "none among the documents")
_LOADING = KindState("loading")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the cluster. Every mapping is keyed by the whole object's ref, and never changes.

    ``kinds`` is keyed by kind (``HTTPRoute``); a discovered policy whose kind another one also has, by
    ``kind.group``. ``offline`` says that it was read from documents and not from a cluster.
    """

    version: int = 0
    classes: Mapping[ObjectRef, GatewayClass] = field(default_factory=_nothing)
    gateways: Mapping[ObjectRef, Gateway] = field(default_factory=_nothing)
    listener_sets: Mapping[ObjectRef, ListenerSet] = field(default_factory=_nothing)
    routes: Mapping[ObjectRef, Route] = field(default_factory=_nothing)
    grants: Mapping[ObjectRef, ReferenceGrant] = field(default_factory=_nothing)
    policies: Mapping[ObjectRef, Policy] = field(default_factory=_nothing)
    ingresses: Mapping[ObjectRef, Ingress] = field(default_factory=_nothing)
    ingress_classes: Mapping[ObjectRef, IngressClass] = field(default_factory=_nothing)
    services: Mapping[ObjectRef, Service] = field(default_factory=_nothing)
    endpoint_slices: Mapping[ObjectRef, EndpointSlice] = field(default_factory=_nothing)
    secrets: Mapping[ObjectRef, Secret] = field(default_factory=_nothing)
    namespaces: Mapping[ObjectRef, Namespace] = field(default_factory=_nothing)
    crds: Mapping[ObjectRef, Crd] = field(default_factory=_nothing)
    workloads: Mapping[ObjectRef, Workload] = field(default_factory=_nothing)
    undecodable: Mapping[ObjectRef, Undecodable] = field(default_factory=_nothing)
    kinds: Mapping[str, KindState] = field(default_factory=_no_kinds)
    offline: bool = False

    def state_of(self, kind: str) -> KindState:
        """How far ``kind`` can be trusted; a kind nobody has spoken of yet is loading (unseen offline)."""
        return self.kinds.get(kind) or (_UNSEEN if self.offline else _LOADING)

    @staticmethod
    def from_documents(documents: Iterable[Mapping[str, Any]]) -> Snapshot:
        """The world that these parsed documents describe; Lists are unrolled, other kinds left out.

        A kind that occurs counts as live: within the documents the world is closed. Kinds that do not
        occur are ``unseen``. Never raises for what is inside a document.
        """
        store = Store(offline=True)
        for document in unroll(documents):
            decoded = decode_document(document)
            if decoded is not None:
                part, obj = decoded
                store.put(part, obj)
                if part != "undecodable":
                    store.set_state(obj.kind, KindState("live", "from documents"))
        return store.snapshot()


class Store:
    """The objects now; safe to use from many threads. Parts are the Snapshot's attribute names."""

    # enough to diff for a screen that draws ten times a second; beyond that everything counts as changed
    _HISTORY = 20_000

    def __init__(self, *, offline: bool = False) -> None:
        self._lock = threading.Lock()
        self._parts: dict[str, dict[ObjectRef, Object]] = {part: {} for part in PARTS}
        self._frozen: dict[str, Mapping[ObjectRef, Object]] = dict.fromkeys(PARTS, _EMPTY)
        self._dirty: set[str] = set()
        self._kinds: dict[str, KindState] = {} if offline else {spec.kind: _LOADING for spec in KINDS}
        self._kinds_dirty = True
        self._version = 0
        self._offline = offline
        self._changes: deque[tuple[int, ObjectRef]] = deque(maxlen=self._HISTORY)
        self._snapshot = Snapshot(offline=offline)

    def put(self, part: str, obj: Object) -> None:
        """Add or replace one object."""
        with self._lock:
            self._forget_elsewhere(part, obj.ref)
            self._parts[part][obj.ref] = obj
            self._note(part, obj.ref)

    def put_many(self, objects: Iterable[tuple[str, Object]]) -> None:
        """Add or replace several (pairs of part and object) without forgetting any other."""
        for part, obj in objects:
            self.put(part, obj)

    def remove(self, part: str, ref: ObjectRef) -> None:
        """Forget one object, wherever it stands; one that is not there is no error."""
        with self._lock:
            for name in (part, "undecodable"):
                if self._parts[name].pop(ref, None) is not None:
                    self._note(name, ref)

    def replace_kind(
        self,
        part: str,
        kind: str,
        objects: Iterable[tuple[str, Object]],
        group: str,
        namespace: str | None = None,
    ) -> None:
        """Make a fresh list the whole truth about one kind (in one namespace, where given).

        ``objects`` are pairs of part and object, because single ones may be undecodable.
        """
        fresh = {obj.ref: (own_part, obj) for own_part, obj in objects}
        with self._lock:
            for name in (part, "undecodable"):
                gone = [
                    ref
                    for ref in self._parts[name]
                    if ref.kind == kind
                    and ref.group == group
                    and (namespace is None or ref.namespace == namespace)
                    and fresh.get(ref, ("",))[0] != name
                ]
                for ref in gone:
                    del self._parts[name][ref]
                    self._note(name, ref)
            for ref, (own_part, obj) in fresh.items():
                old = self._parts[own_part].get(ref)
                same = old is not None and old.meta.resource_version == obj.meta.resource_version
                if not (same and obj.meta.resource_version):
                    self._parts[own_part][ref] = obj
                    self._note(own_part, ref)

    def set_state(self, kind: str, state: KindState) -> None:
        """Say how far a kind can be trusted from now on."""
        with self._lock:
            if self._kinds.get(kind) != state:
                self._kinds[kind] = state
                self._kinds_dirty = True

    def drop_state(self, kind: str) -> None:
        """Forget a kind altogether (a policy whose CRD is gone)."""
        with self._lock:
            if self._kinds.pop(kind, None) is not None:
                self._kinds_dirty = True

    def state_of(self, kind: str) -> KindState:
        """How far a kind can be trusted now."""
        with self._lock:
            return self._kinds.get(kind, _LOADING)

    def snapshot(self) -> Snapshot:
        """The moment now; the very same object as before where nothing has changed."""
        with self._lock:
            if not self._dirty and not self._kinds_dirty:
                return self._snapshot
            for part in self._dirty:
                self._frozen[part] = MappingProxyType(dict(self._parts[part]))
            self._dirty.clear()
            kinds = MappingProxyType(dict(self._kinds)) if self._kinds_dirty else self._snapshot.kinds
            self._kinds_dirty = False
            self._version += 1
            self._snapshot = Snapshot(
                version=self._version,
                kinds=kinds,
                offline=self._offline,
                **cast("dict[str, Any]", self._frozen),
            )
            return self._snapshot

    def changed_since(self, version: int) -> frozenset[ObjectRef] | None:
        """The objects that changed after snapshot ``version``; None where that is too long ago to say."""
        with self._lock:
            if version >= self._version and not self._dirty:
                return frozenset()
            oldest = self._changes[0][0] if self._changes else 0
            if len(self._changes) == self._HISTORY and version < oldest:
                return None
            return frozenset(ref for at, ref in self._changes if at > version)

    def _forget_elsewhere(self, part: str, ref: ObjectRef) -> None:
        other_parts = ("undecodable",) if part != "undecodable" else tuple(PARTS)
        for name in other_parts:
            if name != part and self._parts[name].pop(ref, None) is not None:
                self._dirty.add(name)

    def _note(self, part: str, ref: ObjectRef) -> None:
        self._dirty.add(part)
        self._changes.append((self._version + 1, ref))
