"""All objects now; immutable moments of them are Snapshots."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

from .decode import decode_document, unroll
from .kinds import KINDS, PARTS
from .kubernetes_objects import Workload
from .objects import Object
from .refs import ObjectRef
from .snapshot import EMPTY, LOADING, KindState, Snapshot

__all__ = ["KindState", "Snapshot", "Store", "put_document", "read_documents"]


class Store:
    """The objects now; safe to use from many threads. Parts are the Snapshot's attribute names."""

    # enough to diff for a screen that draws ten times a second; beyond that everything counts as changed
    _HISTORY = 20_000

    def __init__(self, *, offline: bool = False) -> None:
        self._lock = threading.Lock()
        self._parts: dict[str, dict[ObjectRef, Object]] = {part: {} for part in PARTS}
        self._frozen: dict[str, Mapping[ObjectRef, Object]] = dict.fromkeys(PARTS, EMPTY)
        self._dirty: set[str] = set()
        self._kinds: dict[str, KindState] = {} if offline else {spec.kind: LOADING for spec in KINDS}
        self._kinds_dirty = True
        self._version = 0
        self._offline = offline
        self._changes: deque[tuple[int, ObjectRef]] = deque()
        # changes up to this version may have been forgotten
        self._forgotten = 0
        self._pod_states: dict[ObjectRef, KindState] = {}
        self._snapshot = Snapshot(offline=offline)

    def put(self, part: str, obj: Object) -> None:
        """Add or replace one object."""
        self.put_many([(part, obj)])

    def put_many(self, objects: Iterable[tuple[str, Object]]) -> None:
        """Add or replace several (pairs of part and object) without forgetting any other."""
        with self._lock:
            for part, obj in objects:
                self._put(part, obj)

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
        among: Callable[[Object], bool] | None = None,
    ) -> None:
        """Make a fresh list the whole truth about one kind (in one namespace, among certain objects, where
        given).

        ``objects`` are pairs of part and object, because single ones may be undecodable.
        """
        fresh = {obj.ref: (own_part, obj) for own_part, obj in objects}
        with self._lock:
            for name in (part, "undecodable"):
                gone = [
                    ref
                    for ref, obj in self._parts[name].items()
                    if ref.kind == kind
                    and ref.group == group
                    and (namespace is None or ref.namespace == namespace)
                    and (among is None or among(obj))
                    and fresh.get(ref, ("",))[0] != name
                ]
                for ref in gone:
                    del self._parts[name][ref]
                    self._note(name, ref)
            for own_part, obj in fresh.values():
                self._put(own_part, obj)

    def forget_outside(self, part: str, kind: str, group: str, namespaces: frozenset[str]) -> None:
        """Forget the objects of a kind that are in other namespaces than these."""
        with self._lock:
            for name in (part, "undecodable"):
                gone = [
                    ref
                    for ref in self._parts[name]
                    if ref.kind == kind and ref.group == group and ref.namespace not in namespaces
                ]
                for ref in gone:
                    del self._parts[name][ref]
                    self._note(name, ref)

    def set_state(self, kind: str, state: KindState) -> None:
        """Say how far a kind can be trusted from now on; saying the same again changes nothing."""
        with self._lock:
            before = self._kinds.get(kind)
            if before is None or not before.says_the_same_as(state):
                self._kinds[kind] = state
                self._kinds_dirty = True

    def set_pod_state(self, workload: ObjectRef, state: KindState | None) -> None:
        """The same of the pods of one workload; None where they are not read any more."""
        with self._lock:
            before = self._pod_states.pop(workload, None)
            if state is not None:
                same = before is not None and before.says_the_same_as(state)
                self._pod_states[workload] = before if same and before is not None else state
            if self._pod_states.get(workload) is not before:
                self._kinds_dirty = True

    def pod_state(self, workload: ObjectRef) -> KindState:
        """How far the pods of a workload can be trusted now."""
        with self._lock:
            return self._pod_states.get(workload, LOADING)

    def drop_state(self, kind: str) -> None:
        """Forget a kind altogether (a policy whose CRD is gone)."""
        with self._lock:
            if self._kinds.pop(kind, None) is not None:
                self._kinds_dirty = True

    def state_of(self, kind: str) -> KindState:
        """How far a kind can be trusted now."""
        with self._lock:
            return self._kinds.get(kind, LOADING)

    def snapshot(self) -> Snapshot:
        """The moment now; the very same object as before where nothing has changed."""
        with self._lock:
            if not self._dirty and not self._kinds_dirty:
                return self._snapshot
            for part in self._dirty:
                self._frozen[part] = MappingProxyType(dict(self._parts[part]))
            self._dirty.clear()
            kinds, pods = self._snapshot.kinds, self._snapshot.pod_states
            if self._kinds_dirty:
                kinds = MappingProxyType(dict(self._kinds))
                pods = MappingProxyType(dict(self._pod_states))
            self._kinds_dirty = False
            self._version += 1
            self._snapshot = Snapshot(
                version=self._version,
                kinds=kinds,
                pod_states=pods,
                offline=self._offline,
                **cast("dict[str, Any]", self._frozen),
            )
            return self._snapshot

    def workloads(self) -> list[Workload]:
        """All workloads now."""
        with self._lock:
            return cast("list[Workload]", list(self._parts["workloads"].values()))

    def changed_since(self, version: int) -> frozenset[ObjectRef] | None:
        """The objects that were added, changed or removed after snapshot ``version`` was taken.

        None where that cannot be said: too much has changed since, or there never was such a version. Holds
        every object that differs between that snapshot and any taken later, before this call; and may hold
        some that changed and changed back. What is said of kinds is not among them: compare ``kinds``. Costs
        as much as has changed, not as much as there is.
        """
        with self._lock:
            if not self._forgotten <= version <= self._version:
                return None
            changed: set[ObjectRef] = set()
            for at, ref in reversed(self._changes):
                if at <= version:
                    break
                changed.add(ref)
            return frozenset(changed)

    def _put(self, part: str, obj: Object) -> None:
        ref = obj.ref
        old = self._parts[part].get(ref)
        if old is not None and not self._offline and _is_same(old, obj):
            return
        self._forget_elsewhere(part, ref)
        self._parts[part][ref] = obj
        self._note(part, ref)

    def _forget_elsewhere(self, part: str, ref: ObjectRef) -> None:
        other_parts = ("undecodable",) if part != "undecodable" else tuple(PARTS)
        for name in other_parts:
            if name != part and self._parts[name].pop(ref, None) is not None:
                self._dirty.add(name)

    def _note(self, part: str, ref: ObjectRef) -> None:
        self._dirty.add(part)
        self._changes.append((self._version + 1, ref))
        if len(self._changes) > self._HISTORY:
            self._forgotten = self._changes.popleft()[0]


def _is_same(old: Object, new: Object) -> bool:
    """Whether both are one version of one object, as the API server counts versions."""
    version = new.meta.resource_version
    return bool(version) and old.meta.resource_version == version and old.meta.uid == new.meta.uid


def read_documents(documents: Iterable[Mapping[str, Any]]) -> Snapshot:
    """The world that these parsed documents describe; Lists are unrolled, other kinds left out.

    A kind that occurs counts as live: within the documents the world is closed. Kinds that do not occur are
    ``unseen``. Never raises for what is inside a document.
    """
    store = Store(offline=True)
    for document in unroll(documents):
        put_document(store, document)
    return store.snapshot()


def put_document(store: Store, document: Mapping[str, Any]) -> ObjectRef | None:
    """Put one parsed document (no List) into an offline store; its ref, or None for kinds not read."""
    decoded = decode_document(document)
    if decoded is None:
        return None
    part, obj = decoded
    store.put(part, obj)
    if part != "undecodable":
        store.set_state(obj.kind, KindState("live", "from documents"))
    return obj.ref
