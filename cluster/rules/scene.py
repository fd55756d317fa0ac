"""A Snapshot as those who judge it see it: with indexes, and with answers that are worked out once.

A scene stands still (one Snapshot, as for a command) or moves (the screens: it follows a cluster, and only
what a change concerns is worked out again). Who judges cannot tell the difference.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Hashable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    ValuesView,
)
from dataclasses import fields
from typing import Any, Generic, TypeVar, cast

from ..objects import Object
from ..refs import ObjectRef
from ..snapshot import Snapshot
from .ledger import Ledger, Query

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
T = TypeVar("T", bound=Object)

_ANY_KEY = "any key"
_PARTS = tuple(field.name for field in fields(Snapshot) if field.name not in ("version", "kinds", "offline"))


class Scene:
    """A scene that stands still. ``snapshot`` is what is judged."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def spec_of(self, part: str, ref: ObjectRef) -> Any:
        """An object of which only spec, labels and annotations may be looked at, or None.

        Whoever asks this way is not asked again when nothing but the status has changed, and most changes
        are that.
        """
        return getattr(self.snapshot, part).get(ref)

    def query(self, work: Callable[[K], V]) -> Callable[[K], V]:
        """``work`` with its answers kept. It must read the cluster through this scene only."""
        answers: dict[K, V] = {}

        def ask(key: K) -> V:
            if key not in answers:
                answers[key] = work(key)
            return answers[key]

        return ask

    def aside(self, work: Callable[[K], V]) -> Callable[[K], V]:
        """``work`` with its answers kept while one other answer is in the making, and no longer.

        For what the judges of one object all ask, and nobody else: cheap to work out, dear to keep.
        """
        return self.query(work)

    def index(self, part: str, keys_of: Callable[[T], Iterable[K]], *, specs: bool = False) -> Index[K, T]:
        """The objects of a part of the Snapshot (``routes``) by something else than their ref.

        With ``specs`` no more may be looked at of what is found than ``spec_of`` allows.
        """
        return Index(getattr(self.snapshot, part), keys_of, specs=specs)


class Index(Generic[K, T]):
    """Objects by a key of theirs; an object may have several, or none. Built when first asked."""

    def __init__(
        self,
        objects: Mapping[ObjectRef, T],
        keys_of: Callable[[T], Iterable[K]],
        ledger: Ledger | None = None,
        *,
        specs: bool = False,
    ) -> None:
        self._objects = objects
        self._specs = specs
        self._keys_of = keys_of
        self._ledger = ledger
        self._found: dict[K, dict[ObjectRef, T]] | None = None

    def __getitem__(self, key: K) -> tuple[T, ...]:
        """The objects with that key, in the order of their refs."""
        if self._ledger is not None and (reading := self._ledger.reading) is not None:
            reading[self, key] = None
        bucket = self._built().get(key)
        if not bucket:
            return ()
        return tuple(bucket[ref] for ref in sorted(bucket)) if len(bucket) > 1 else tuple(bucket.values())

    def __contains__(self, key: K) -> bool:
        """Whether any object has that key; cheaper than to ask for them."""
        if self._ledger is not None and (reading := self._ledger.reading) is not None:
            reading[self, key] = None
        return key in self._built()

    def __iter__(self) -> Iterator[K]:
        """Every key that some object has, in no order."""
        if self._ledger is not None and (reading := self._ledger.reading) is not None:
            reading[self, _ANY_KEY] = None
        return iter(self._built())

    def replace(self, ref: ObjectRef, old: T | None, new: T | None, same_spec: bool) -> Iterator[Hashable]:
        """Follow one changed object; yields what whoever asked for its keys has noted."""
        if self._found is None:
            return
        quiet = self._specs and same_spec
        for key in self._keys_of(old) if old is not None else ():
            bucket = self._found.get(key)
            if bucket is not None:
                bucket.pop(ref, None)
                if not bucket:
                    del self._found[key]
            if not quiet:
                yield (self, key)
        for key in self._keys_of(new) if new is not None else ():
            self._found.setdefault(key, {})[ref] = cast("T", new)
            if not quiet:
                yield (self, key)
        if not quiet:
            yield (self, _ANY_KEY)

    def _built(self) -> dict[K, dict[ObjectRef, T]]:
        if self._found is None:
            self._found = {}
            for ref, obj in self._objects.items():
                for key in self._keys_of(obj):
                    self._found.setdefault(key, {})[ref] = obj
        return self._found


class MovingScene(Scene):
    """A scene that follows a cluster from Snapshot to Snapshot."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.now = Snapshot()
        self._indexes: dict[str, list[Index[Any, Any]]] = {}
        self._watched = {part: Watched(part, self.ledger) for part in _PARTS}
        self._kinds = Watched("kinds", self.ledger)
        watched: dict[str, Any] = dict(self._watched)
        super().__init__(Snapshot(kinds=cast("Any", self._kinds), **watched))

    def spec_of(self, part: str, ref: ObjectRef) -> Any:
        """As in a scene that stands still; noted apart from the object."""
        reading = self.ledger.reading
        if reading is not None:
            reading["spec", ref] = None
        return self._watched[part].current.get(ref)

    def query(self, work: Callable[[K], V]) -> Query[K, V]:
        """``work`` with its answers kept for as long as nothing changes that they were worked out from."""
        return Query(self.ledger, work)

    def aside(self, work: Callable[[K], V]) -> Callable[[K], V]:
        """As in a scene that stands still, but what was read counts for the answer in the making."""
        ledger = self.ledger
        made_for: dict[Hashable, None] | None = None
        answers: dict[K, V] = {}

        def ask(key: K) -> V:
            nonlocal made_for
            if ledger.reading is None:
                return work(key)
            if made_for is not ledger.reading:
                made_for = ledger.reading
                answers.clear()
            if key not in answers:
                answers[key] = work(key)
            return answers[key]

        return ask

    def index(self, part: str, keys_of: Callable[[T], Iterable[K]], *, specs: bool = False) -> Index[K, T]:
        """As in a scene that stands still; it follows the changes."""
        objects = cast("Mapping[ObjectRef, T]", self._watched[part].silent())
        made = Index(objects, keys_of, self.ledger, specs=specs)
        self._indexes.setdefault(part, []).append(made)
        return made

    def move(self, snapshot: Snapshot, changed: frozenset[ObjectRef] | None) -> dict[str, set[ObjectRef]]:
        """Go on to ``snapshot``; answers that this concerns are renewed.

        ``changed`` are the refs that may differ from the last one; None means that nobody knows, and all are
        compared. Returns the refs that really differ, by part. Raises what a judge raises: the scene is of no
        use then, and another must be begun.
        """
        touched: list[Hashable] = []
        differing: dict[str, set[ObjectRef]] = {}
        for part, watched in self._watched.items():
            before, after = getattr(self.now, part), getattr(snapshot, part)
            if before is after:
                continue
            watched.current = after
            refs = differing.setdefault(part, set())
            for ref in _candidates(before, after, changed):
                old, new = before.get(ref), after.get(ref)
                if old is not new:
                    refs.add(ref)
                    touched.append(ref)
                    same_spec = _same_spec(old, new)
                    if not same_spec:
                        touched.append(("spec", ref))
                    for index in self._indexes.get(part, ()):
                        touched.extend(index.replace(ref, old, new, same_spec))
            if refs:
                touched.append(part)
        touched += self._kinds_that_differ(snapshot)
        self.now = snapshot
        self.ledger.change(touched)
        return differing

    def _kinds_that_differ(self, snapshot: Snapshot) -> list[Hashable]:
        before, after = self.now.kinds, snapshot.kinds
        self._kinds.current = after
        if before is after:
            return []
        touched: list[Hashable] = [
            ("kinds", kind) for kind in {*before, *after} if before.get(kind) != after.get(kind)
        ]
        return [*touched, "kinds"] if touched else []


def _same_spec(old: Object | None, new: Object | None) -> bool:
    if old is None or new is None or not hasattr(old, "status"):
        return False
    return (
        getattr(old, "spec", None) == getattr(new, "spec", None)
        and old.metadata.labels == new.metadata.labels
        and old.metadata.annotations == new.metadata.annotations
        # Policies keep theirs as plain fields
        and getattr(old, "fields", None) == getattr(new, "fields", None)
    )


def _candidates(
    before: Mapping[ObjectRef, Any], after: Mapping[ObjectRef, Any], changed: frozenset[ObjectRef] | None
) -> Iterable[ObjectRef]:
    if changed is not None:
        return changed
    return [*after, *(ref for ref in before if ref not in after)]


class Watched(Mapping[Any, Any]):
    """A part of the Snapshot that notes what is read of it: one object, or, where it is gone through, all."""

    def __init__(self, part: str, ledger: Ledger) -> None:
        self.current: Mapping[Any, Any] = {}
        self._part = part
        self._ledger = ledger
        # refs are unique over all parts; kinds are plain words
        self._plain = part != "kinds"

    def silent(self) -> Mapping[Any, Any]:
        """The same part for one who keeps step with it by other means."""
        return _Silent(self)

    def __getitem__(self, key: Any) -> Any:
        reading = self._ledger.reading
        if reading is not None:
            reading[key if self._plain else (self._part, key)] = None
        return self.current[key]

    def get(self, key: Any, default: Any = None) -> Any:
        """As for any Mapping; without the detour by an exception."""
        reading = self._ledger.reading
        if reading is not None:
            reading[key if self._plain else (self._part, key)] = None
        return self.current.get(key, default)

    def __contains__(self, key: object) -> bool:
        reading = self._ledger.reading
        if reading is not None:
            reading[key if self._plain else (self._part, key)] = None
        return key in self.current

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def keys(self) -> KeysView[Any]:
        """All of them."""
        return self._all().keys()

    def items(self) -> ItemsView[Any, Any]:
        """All of them; noted once, not one by one."""
        return self._all().items()

    def values(self) -> ValuesView[Any]:
        """All of them; noted once, not one by one."""
        return self._all().values()

    def _all(self) -> Mapping[Any, Any]:
        reading = self._ledger.reading
        if reading is not None:
            reading[self._part] = None
        return self.current


class _Silent(Mapping[Any, Any]):
    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def __getitem__(self, key: Any) -> Any:
        return self._watched.current[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._watched.current)

    def __len__(self) -> int:
        return len(self._watched.current)
