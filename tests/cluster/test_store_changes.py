"""What the store says has changed, against what is found by comparing everything with everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from live_helpers import a_gateway, a_route
from pointsman.cluster.decode import decode_document
from pointsman.cluster.objects import Object
from pointsman.cluster.refs import GATEWAY_GROUP, ObjectRef
from pointsman.cluster.snapshot import KindState, Snapshot
from pointsman.cluster.store import Store

NAMES = st.sampled_from(["a", "b", "c", "d"])
NAMESPACES = st.sampled_from(["shop", "pay"])


def everything(snapshot: Snapshot) -> Mapping[tuple[str, ObjectRef], Object]:
    parts = ("gateways", "routes", "undecodable")
    return {(part, ref): obj for part in parts for ref, obj in getattr(snapshot, part).items()}


def differing(before: Snapshot, after: Snapshot) -> set[ObjectRef]:
    old, new = everything(before), everything(after)
    return {key[1] for key in old.keys() | new.keys() if old.get(key) is not new.get(key)}


class Changes(RuleBasedStateMachine):
    """Any sequence of puts, removals and lists, with snapshots taken in between."""

    history = 20_000

    @initialize()
    def begin(self) -> None:
        self.store = Store()
        self.store._HISTORY = self.history  # type: ignore[misc]
        self.taken: list[Snapshot] = []
        self.versions = 0

    def made(self, kind: str, name: str, namespace: str, *, same: bool, broken: bool) -> tuple[str, Object]:
        document: dict[str, Any] = (a_route if kind == "HTTPRoute" else a_gateway)(name, namespace)
        if not same:
            self.versions += 1
        document["metadata"]["resourceVersion"] = str(self.versions)
        if broken:
            document["spec"] = "nonsense"
        entry = decode_document(document)
        assert entry is not None
        return entry

    kinds = st.sampled_from(["HTTPRoute", "Gateway"])

    @rule(kind=kinds, name=NAMES, namespace=NAMESPACES, same=st.booleans(), broken=st.booleans())
    def put(self, kind: str, name: str, namespace: str, same: bool, broken: bool) -> None:
        self.store.put(*self.made(kind, name, namespace, same=same, broken=broken))

    @rule(kind=kinds, name=NAMES, namespace=NAMESPACES)
    def remove(self, kind: str, name: str, namespace: str) -> None:
        part = "routes" if kind == "HTTPRoute" else "gateways"
        self.store.remove(part, ObjectRef(kind, namespace, name, group=GATEWAY_GROUP))

    @rule(names=st.sets(NAMES), namespace=st.none() | NAMESPACES, same=st.booleans(), broken=st.booleans())
    def relist(self, names: set[str], namespace: str | None, same: bool, broken: bool) -> None:
        entries = [
            self.made("HTTPRoute", name, namespace or "shop", same=same, broken=broken)
            for name in sorted(names)
        ]
        self.store.replace_kind("routes", "HTTPRoute", entries, GATEWAY_GROUP, namespace)
        found = {
            ref.name
            for part in ("routes", "undecodable")
            for ref in getattr(self.store.snapshot(), part)
            if ref.kind == "HTTPRoute" and (namespace is None or ref.namespace == namespace)
        }
        assert found == names

    @rule(namespaces=st.frozensets(NAMESPACES))
    def forget(self, namespaces: frozenset[str]) -> None:
        self.store.forget_outside("routes", "HTTPRoute", GATEWAY_GROUP, namespaces)

    @rule(state=st.sampled_from(["live", "stale"]))
    def speak(self, state: Any) -> None:
        self.store.set_state("HTTPRoute", KindState(state))

    @rule()
    def take(self) -> None:
        self.taken.append(self.store.snapshot())

    @invariant()
    def every_difference_is_told(self) -> None:
        if not hasattr(self, "store"):
            return
        told = {one.version: self.store.changed_since(one.version) for one in self.taken}
        newest = self.store.snapshot()
        for before in self.taken:
            changed = told[before.version]
            if changed is None:
                assert self.history < 100, "nothing is forgotten while there is room"
            else:
                assert differing(before, newest) <= changed
        assert self.store.changed_since(newest.version) == frozenset()


class ChangesInAShortMemory(Changes):
    history = 5


TestChanges = Changes.TestCase
TestChangesInAShortMemory = ChangesInAShortMemory.TestCase
TestChanges.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestChangesInAShortMemory.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def entry(name: str, version: str = "1") -> tuple[str, Object]:
    document = a_route(name)
    document["metadata"]["resourceVersion"] = version
    found = decode_document(document)
    assert found is not None
    return found


def test_only_what_changed_is_told() -> None:
    store = Store()
    store.put_many([entry(f"route-{number}") for number in range(100)])
    before = store.snapshot()
    store.put(*entry("route-7", "2"))
    # the same version once more, as after a list: nothing has changed
    store.put(*entry("route-8"))
    changed = store.changed_since(before.version)
    assert changed is not None
    assert {ref.name for ref in changed} == {"route-7"}


def test_what_cannot_be_said_is_none() -> None:
    store = Store()
    first = store.snapshot()
    assert store.changed_since(first.version + 1) is None, "there never was such a snapshot"
    assert store.changed_since(-1) is None
    store._HISTORY = 3  # type: ignore[misc]
    store.put_many([entry(f"route-{number}") for number in range(4)])
    assert store.changed_since(first.version) is None
    second = store.snapshot()
    store.put(*entry("route-0", "2"))
    assert store.changed_since(second.version) is not None


def test_an_object_that_is_only_rewritten_keeps_its_place() -> None:
    store = Store()
    store.put(*entry("one"))
    before = store.snapshot()
    part, obj = entry("one")
    store.replace_kind(part, "HTTPRoute", [(part, msgspec.structs.replace(obj))], GATEWAY_GROUP)
    assert store.snapshot() is before
