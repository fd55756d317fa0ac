"""All objects now; immutable moments of them are Snapshots."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, cast

from .decode import decode_document, unroll
from .kinds import KINDS, PARTS
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
            return self._kinds.get(kind, LOADING)

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
