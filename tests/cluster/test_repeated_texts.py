"""Texts that objects repeat are held once, and nothing else about the objects changes by it."""

import json

import pytest
from pointsman.cluster import repeated
from pointsman.cluster.decode import decode_object
from pointsman.cluster.kinds import KindSpec, kind_spec
from pointsman.cluster.objects import Route
from pointsman.cluster.refs import GATEWAY_GROUP

VERSION = f"{GATEWAY_GROUP}/v1"


def route_spec() -> KindSpec:
    found = kind_spec(GATEWAY_GROUP, "HTTPRoute")
    assert found is not None
    return found


def route(name: str, message: str = "the route is fine") -> Route:
    parent = {"group": GATEWAY_GROUP, "kind": "Gateway", "namespace": "infra", "name": "edge"}
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 3,
    }
    document = {
        "metadata": {"name": name, "namespace": "team-one", "uid": name, "resourceVersion": "7"},
        "spec": {
            "parentRefs": [parent],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/checkout"}}],
                    "backendRefs": [{"kind": "Service", "name": "cart", "port": 80}],
                }
            ],
        },
        "status": {
            "parents": [
                {"parentRef": parent, "controllerName": "example.net/controller", "conditions": [condition]}
            ]
        },
    }
    part, obj = decode_object(route_spec(), VERSION, json.dumps(document).encode())
    assert part == "routes"
    assert isinstance(obj, Route)
    return obj


def texts(one: Route) -> list[str]:
    said = one.status.parents[0]
    condition = said.conditions[0]
    backend = one.spec.rules[0].backend_refs[0]
    path = one.spec.rules[0].matches[0].path
    assert path is not None
    return [
        one.ref.group,
        one.meta.namespace,
        str(one.spec.parent_refs[0].namespace),
        one.spec.parent_refs[0].name,
        said.controller_name,
        condition.type,
        condition.reason,
        condition.message,
        str(condition.last_transition_time),
        backend.name,
        path.type,
        path.value,
    ]


def test_two_objects_that_say_the_same_hold_one_text() -> None:
    first, second = texts(route("one")), texts(route("two"))
    assert first == second
    different = [text for text, other in zip(first, second, strict=True) if text is not other]
    assert different == []


def test_sharing_changes_no_value() -> None:
    one = route("one")
    condition = one.status.parents[0].conditions[0]
    assert (condition.type, condition.status, condition.reason) == ("Accepted", "True", "Accepted")
    assert one.spec.parent_refs[0].section_name is None
    assert one == route("one")
    assert hash(condition) == hash(route("one").status.parents[0].conditions[0])


def test_texts_that_are_never_repeated_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, str] = {}
    monkeypatch.setattr(repeated, "_kept", kept)
    monkeypatch.setattr(repeated, "_MOST", 50)
    for number in range(500):
        route(f"route-{number}", message=f"something of its own: {number}")
        # what one object brings may come on top before room is made
        assert len(kept) < 50 + 20
    route("long", message="x" * 10_000)
    assert all(len(text) <= 200 for text in kept)
