"""The store: sharing, changed keys, replacing a kind, and documents from files."""

from __future__ import annotations

import pytest
from live_helpers import a_gateway, a_route
from pointsman.cluster.decode import decode_document
from pointsman.cluster.objects import Object
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.store import KindState, Store, read_documents


def decoded(name: str, version: str = "1", namespace: str = "shop") -> tuple[str, Object]:
    document = a_route(name, namespace)
    document["metadata"]["resourceVersion"] = version
    entry = decode_document(document)
    assert entry is not None
    return entry


def names(store: Store) -> set[str]:
    return {ref.name for ref in store.snapshot().routes}


def test_changed_keys_since_a_version() -> None:
    store = Store()
    store.put(*decoded("one"))
    first = store.snapshot()
    assert store.changed_since(first.version) == frozenset()
    store.put(*decoded("two"))
    part, obj = decoded("one")
    store.remove(part, obj.ref)
    second = store.snapshot()
    changed = store.changed_since(first.version)
    assert changed is not None
    assert {ref.name for ref in changed} == {"one", "two"}
    assert store.changed_since(second.version) == frozenset()
    assert {ref.name for ref in first.routes} == {"one"}


def test_replacing_a_kind_keeps_what_did_not_change() -> None:
    store = Store()
    store.put_many([decoded("one"), decoded("two")])
    before = store.snapshot()
    group = "gateway.networking.k8s.io"
    store.replace_kind("routes", "HTTPRoute", [decoded("two"), decoded("three")], group)
    after = store.snapshot()
    assert names(store) == {"two", "three"}
    two = ObjectRef("HTTPRoute", "shop", "two", group=group)
    assert after.routes[two] is before.routes[two]


def test_replacing_in_one_namespace_leaves_the_others() -> None:
    store = Store()
    store.put_many([decoded("one"), decoded("two", namespace="other")])
    store.replace_kind("routes", "HTTPRoute", [], "gateway.networking.k8s.io", "shop")
    assert names(store) == {"two"}


def test_an_object_that_becomes_unreadable_and_readable_again() -> None:
    store = Store()
    store.put(*decoded("one"))
    broken = decode_document({**a_route("one"), "spec": {"parentRefs": "nonsense"}})
    assert broken is not None
    assert broken[0] == "undecodable"
    store.put(*broken)
    assert names(store) == set()
    assert [ref.name for ref in store.snapshot().undecodable] == ["one"]
    store.put(*decoded("one", "2"))
    assert names(store) == {"one"}
    assert not store.snapshot().undecodable


def test_documents_in_lists_and_other_kinds() -> None:
    documents = [
        {"kind": "List", "apiVersion": "v1", "items": [a_gateway(), a_route()]},
        {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x"}},
        None,
        "text",
    ]
    snapshot = read_documents(documents)  # type: ignore[arg-type]
    assert (len(snapshot.gateways), len(snapshot.routes)) == (1, 1)
    assert snapshot.state_of("Gateway").state == "live"
    assert snapshot.state_of("Service").state == "unseen"
    assert not snapshot.state_of("Service").knows("shop")


@pytest.mark.parametrize(
    ("state", "namespace", "known"),
    [
        (KindState("live"), "shop", True),
        (KindState("stale"), "shop", True),
        (KindState("absent"), "shop", True),
        (KindState("loading"), "shop", False),
        (KindState("denied"), "shop", False),
        (KindState("failed"), "shop", False),
        (KindState("unseen"), "shop", False),
        (KindState("live", namespaces=("shop",)), "shop", True),
        (KindState("live", namespaces=("shop",)), "pay", False),
    ],
)
def test_what_a_state_lets_us_conclude(state: KindState, namespace: str, known: bool) -> None:
    assert state.knows(namespace) is known
