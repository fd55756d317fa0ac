"""The cluster's objects, in memory: versions, history, watchers, and the kinds that are served.

Not thread-safe, and holds no lock: after the API server has started, use a Storage only from its event
loop's thread. Before that (seeding) any single thread will do; no running loop is needed.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from . import crds, events
from .history import Change, ChangeType, History, Stored, Watcher
from .kinds import CUSTOM_RESOURCES, Resource, split_api_version
from .objects import carry_over, fill_new
from .registry import Registry

Json = dict[str, Any]
# inside the class, `list` is the method
JsonList = list[Json]
Subscriber = Callable[[str, Json], None]

_log = logging.getLogger(__name__)
_FIRST_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class Storage:
    """All objects of a practice cluster.

    `bundle_version` and `channel` are what the Gateway API's CRDs say of themselves; `bundle_versions` sets
    other ones for single CRDs, by plural, so that a scenario can show a mixed set.
    """

    def __init__(
        self,
        bundle_version: str = "v1.6.1",
        channel: str = "standard",
        bundle_versions: dict[str, str] | None = None,
    ) -> None:
        self.registry = Registry()
        self.version = 1
        # whoever starts from before this version gets a 410
        self.compacted = 0
        self._objects: dict[tuple[str, str], dict[tuple[str, str], Stored]] = {}
        self._histories: dict[tuple[str, str], History] = {}
        self._sorted: dict[tuple[str, str], Sequence[Stored]] = {}
        self._subscribers: list[Subscriber] = []
        self._untold: deque[Change] = deque()
        self._telling = False
        for name in _FIRST_NAMESPACES:
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self._bundle = (bundle_version, channel)
        own_versions = bundle_versions or {}
        for resource in CUSTOM_RESOURCES:
            version = own_versions.get(resource.plural, bundle_version)
            self.apply(crds.definition(resource, version, channel))

    # -- for seeding, scenarios and controllers ---------------------------------------------------------

    def apply(self, obj: Json) -> Json:
        """Create or replace an object, its status with it, and return it as kept.

        What a manifest says of uid, creationTimestamp and generation is kept for a new object, so that stale
        statuses can be shown. For a known one the identity stays; without a `status` it keeps the old one;
        the generation grows with the specification unless the manifest names another generation. A kind that
        is not served yet is served from now on, and a missing namespace is made. An apply that changes
        nothing makes no event. Raises ValueError for a document without apiVersion, kind or name, and for
        one that cannot be said in JSON.
        """
        obj = _as_json(obj)
        resource, namespace, name = self._address_of(obj)
        metadata = dict(obj.get("metadata") or {})
        if resource.namespaced:
            metadata["namespace"] = namespace
        document = {**obj, "metadata": metadata}
        if resource.stored_as:
            document = events.as_old(document)
        existing = self.read(resource, namespace, name)
        if existing is None:
            self._ensure_namespace(namespace)
            return self.put(resource, fill_new(resource, document)).copy()
        if "status" not in obj and "status" in existing.body:
            document["status"] = existing.body["status"]
        kept = carry_over(resource, existing.body, document)
        wanted = metadata.get("generation")
        if wanted is not None and wanted != existing.body["metadata"].get("generation"):
            kept["metadata"]["generation"] = wanted
        return self.put(resource, kept).copy()

    def get(self, kind: str, namespace: str | None, name: str, group: str = "") -> Json | None:
        """A copy of the object, or None. With no group: the core kind of that name, else any group's."""
        resource = self.registry.find(kind, group)
        stored = self.read(resource, namespace or "", name) if resource else None
        return stored.copy() if stored else None

    def list(self, kind: str, namespace: str | None = None, group: str = "") -> JsonList:
        """Copies of all objects of a kind, by namespace and name; of one namespace where it is given."""
        resource = self.registry.find(kind, group)
        if resource is None:
            return []
        return [stored.copy() for stored in self.all_of(resource, namespace)]

    def set_status(self, kind: str, namespace: str | None, name: str, status: Json, group: str = "") -> None:
        """Replace the status only; no event where it is the same. LookupError for an unknown object."""
        resource = self.registry.find(kind, group)
        stored = self.read(resource, namespace or "", name) if resource else None
        if resource is None or stored is None:
            raise LookupError(f"no {kind} {namespace}/{name} to set the status of")
        self.put(resource, {**stored.body, "status": status})

    def delete(self, kind: str, namespace: str | None, name: str, group: str = "") -> bool:
        """Remove an object at once, finalizers or not; False where there was none."""
        resource = self.registry.find(kind, group)
        stored = self.read(resource, namespace or "", name) if resource else None
        if resource is None or stored is None:
            return False
        self.remove(resource, stored)
        return True

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback(type, object)` for every later change: "ADDED", "MODIFIED" or "DELETED".

        Called synchronously, in the order of the changes, also of those that a callback makes itself. The
        object is shared by all subscribers: read it only. What a callback raises is logged, not passed on.
        Returns the function that ends the subscription.
        """
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def set_bundle_version(self, plural: str, version: str, channel: str = "standard") -> None:
        """Let one Gateway API CRD claim another bundle version, for instance of an older install."""
        for stored in self.all_of(self._definitions()):
            if stored.body["spec"]["names"]["plural"] == plural:
                document = stored.copy()
                document["metadata"]["annotations"] = crds.bundle_annotations(version, channel)
                self.apply(document)

    # -- for the API server -----------------------------------------------------------------------------

    def read(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        key = (namespace if resource.namespaced else "", name)
        return self._objects.get(resource.key, {}).get(key)

    def all_of(self, resource: Resource, namespace: str | None = None) -> Sequence[Stored]:
        """Every object of a kind in the order of namespace and name. Treat the list as read-only."""
        everything = self._sorted.get(resource.key)
        if everything is None:
            objects = self._objects.get(resource.key, {})
            everything = self._sorted[resource.key] = [objects[key] for key in sorted(objects)]
        if not namespace:
            return everything
        return [stored for stored in everything if stored.namespace == namespace]

    def put(self, resource: Resource, document: Json) -> Stored:
        """Keep a finished document under the next version; one that is as before is not written again."""
        metadata = document["metadata"]
        namespace, name = metadata.get("namespace", "") if resource.namespaced else "", metadata["name"]
        old = self.read(resource, namespace, name)
        if old and _same(old.body, document):
            return old
        version = self.version + 1
        stored = _freeze(namespace, name, version, document)
        self.version = version
        self._objects.setdefault(resource.key, {})[namespace, name] = stored
        self._definition_changed(resource, old.body if old else None, stored.body)
        self._record(resource, "MODIFIED" if old else "ADDED", stored, old)
        return stored

    def draft(self, resource: Resource, document: Json) -> Stored:
        """What `put` would keep, without keeping it: the answer to a dry run."""
        metadata = document["metadata"]
        namespace = metadata.get("namespace", "") if resource.namespaced else ""
        old = self.read(resource, namespace, metadata["name"])
        if old is not None:
            return _freeze(namespace, old.name, old.version, document)
        encoded = msgspec.json.encode(document)
        return Stored(namespace, metadata["name"], self.version, msgspec.json.decode(encoded), encoded)

    def remove(self, resource: Resource, stored: Stored) -> Stored:
        """Remove an object; with a namespace goes all that is in it, with a CRD every object of its kind."""
        if resource.key == ("", "namespaces"):
            self._empty_namespace(stored.name)
        self.version += 1
        last = _freeze(stored.namespace, stored.name, self.version, stored.copy())
        self._objects[resource.key].pop((stored.namespace, stored.name), None)
        self._record(resource, "DELETED", last, stored)
        if resource.key == crds.DEFINITIONS_KEY:
            self._stop_serving(stored.body)
        return last

    def history(self, resource: Resource) -> History:
        known = self._histories.get(resource.key)
        if known is None:
            known = self._histories[resource.key] = History(self.compacted)
        return known

    def follow(self, resource: Resource) -> Watcher:
        return self.history(resource).follow()

    def compact(self, cut_watchers: bool = False) -> None:
        """Forget all history: whoever starts from an older version than the present one gets a 410."""
        self.compacted = self.version
        for history in self._histories.values():
            history.forget(self.version, cut_watchers)

    def end_watchers(self) -> None:
        for history in self._histories.values():
            history.end_watchers()

    # -- inside -----------------------------------------------------------------------------------------

    def _address_of(self, obj: Json) -> tuple[Resource, str, str]:
        metadata = obj.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        api_version, kind = obj.get("apiVersion"), obj.get("kind")
        if not (isinstance(api_version, str) and isinstance(kind, str) and isinstance(name, str) and name):
            raise ValueError("a document needs apiVersion, kind and metadata.name")
        resource = self._serve(api_version, kind, obj)
        namespace = (obj["metadata"].get("namespace") or "default") if resource.namespaced else ""
        return resource, namespace, name

    def _serve(self, api_version: str, kind: str, obj: Json) -> Resource:
        """The kind, served from now on if it was not; a custom one then has its CRD too."""
        known = self.registry.by_kind(*_group_and_kind(api_version, kind))
        resource = self.registry.ensure(api_version, kind)
        if resource is not known and resource.custom:
            if known is None and crds.looks_like_policy(obj):
                resource = replace(resource, policy="unlabelled")
            self.apply(crds.definition(resource, *self._bundle))
        return resource

    def _ensure_namespace(self, namespace: str) -> None:
        namespaces = self.registry.by_plural("", "namespaces")
        if namespace and namespaces and self.read(namespaces, "", namespace) is None:
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})

    def _record(self, resource: Resource, kind: ChangeType, new: Stored, old: Stored | None) -> None:
        everything = self._sorted.get(resource.key)
        if everything is not None:
            del self._sorted[resource.key]
        change = Change(kind, new, old)
        self.history(resource).record(change)
        self._untold.append(change)
        if not self._telling:
            self._tell()

    def _tell(self) -> None:
        """Changes made inside a callback are told after the present one, so that all see one order."""
        self._telling = True
        try:
            while self._untold:
                change = self._untold.popleft()
                if not self._subscribers:
                    continue
                document = change.new.copy()
                for subscriber in tuple(self._subscribers):
                    try:
                        subscriber(change.type, document)
                    except Exception:  # noqa: BLE001 - somebody else's bug must not stop the cluster
                        _log.exception("a subscriber of the practice cluster failed")
        finally:
            self._telling = False

    def _empty_namespace(self, namespace: str) -> None:
        for resource in self.registry:
            if resource.namespaced and resource.stored_as is None:
                for stored in self.all_of(resource, namespace):
                    self.remove(resource, stored)

    def _definitions(self) -> Resource:
        resource = self.registry.by_plural(*crds.DEFINITIONS_KEY)
        if resource is None:
            raise LookupError("CustomResourceDefinition is always served")
        return resource

    def _definition_changed(self, resource: Resource, before: Json | None, body: Json) -> None:
        """Serve what it says from now on; whoever watches the kind is sent away, to come again."""
        if resource.key != crds.DEFINITIONS_KEY:
            return
        served = crds.resource_of(body)
        if served is None:
            return
        self.registry.add(served)
        if before is not None and before.get("spec") != body.get("spec"):
            self.history(served).end_watchers()

    def _stop_serving(self, definition: Json) -> None:
        served = crds.resource_of(definition)
        if served is None:
            return
        for stored in self.all_of(served):
            self.remove(served, stored)
        self.history(served).end_watchers()
        self.registry.remove(served)


def _as_json(obj: Json) -> Json:
    """A manifest from YAML may hold dates and numbers as keys: as JSON they are texts."""
    try:
        document = msgspec.json.decode(msgspec.json.encode(obj))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a document that cannot be said in JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValueError("a document needs apiVersion, kind and metadata.name")
    return document


def _group_and_kind(api_version: str, kind: str) -> tuple[str, str]:
    return split_api_version(api_version)[0], kind


def _freeze(namespace: str, name: str, version: int, document: Json) -> Stored:
    metadata = {**document["metadata"], "resourceVersion": str(version)}
    encoded = msgspec.json.encode({**document, "metadata": metadata})
    # decoded again, so that nothing the caller still holds can change what is kept
    return Stored(namespace, name, version, msgspec.json.decode(encoded), encoded)


def _same(old: Json, new: Json) -> bool:
    metadata = {**new["metadata"], "resourceVersion": old["metadata"]["resourceVersion"]}
    return {**new, "metadata": metadata} == old
