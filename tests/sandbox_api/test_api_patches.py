"""The three patch types: the examples of the RFCs' rules, and properties."""

from __future__ import annotations

import contextlib
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.sandbox.apiserver.patches import (
    PatchError,
    PatchSyntaxError,
    equal,
    json_patch,
    merge_patch,
    strategic_merge,
)

keys = st.sampled_from(["a", "b", "c/d", "e~f", ""])
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(keys, values, max_size=4)


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


def difference(old, new):
    """The merge patch that turns one object into another that holds no null."""
    patch = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif not equal(old[key], value):
            both = isinstance(old[key], dict) and isinstance(value, dict)
            patch[key] = difference(old[key], value) if both else value
    return patch


@settings(deadline=None, max_examples=60)
@given(objects, objects)
def test_a_merge_patch_leads_to_any_object_and_changes_no_input(old, new):
    old, new = without_nulls(old), without_nulls(new)
    before = copy.deepcopy(old)
    patch = difference(old, new)
    assert equal(merge_patch(old, patch), new)
    assert equal(old, before)


@settings(deadline=None, max_examples=60)
@given(objects, objects)
def test_a_merge_patch_applied_twice_is_as_once(target, patch):
    once = merge_patch(target, patch)
    assert equal(merge_patch(once, patch), once)


def pointer(*parts):
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


@settings(deadline=None, max_examples=60)
@given(objects, keys, values)
def test_adding_and_removing_again_restores_the_object(target, key, value):
    target.pop(key, None)
    path = pointer(key)
    added = json_patch(target, [{"op": "add", "path": path, "value": value}])
    assert equal(added[key], value)
    assert equal(json_patch(added, [{"op": "test", "path": path, "value": value}]), added)
    assert equal(json_patch(added, [{"op": "remove", "path": path}]), target)


operations = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "nonsense"]),
            "path": st.sampled_from(["", "/", "/a", "/a/0", "/a/-", "/b/c", "/c~1d", "/a/01", "a"])
            | st.none(),
            "from": st.sampled_from(["", "/a", "/b", "/a/0"]) | st.integers(),
            "value": values,
        },
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=60)
@given(objects, operations)
def test_any_json_patch_works_or_is_refused_and_is_all_or_nothing(target, patch):
    before = copy.deepcopy(target)
    with contextlib.suppress(PatchError, PatchSyntaxError):
        json_patch(target, patch)
    assert equal(target, before)


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ([{"op": "add", "path": "/list/1", "value": "x"}], {"list": ["a", "x", "b"], "n": 1}),
        ([{"op": "add", "path": "/list/-", "value": "x"}], {"list": ["a", "b", "x"], "n": 1}),
        ([{"op": "remove", "path": "/list/0"}], {"list": ["b"], "n": 1}),
        ([{"op": "replace", "path": "/n", "value": 2}], {"list": ["a", "b"], "n": 2}),
        ([{"op": "move", "from": "/n", "path": "/m"}], {"list": ["a", "b"], "m": 1}),
        ([{"op": "copy", "from": "/list/0", "path": "/m"}], {"list": ["a", "b"], "n": 1, "m": "a"}),
    ],
)
def test_json_patch_operations(patch, expected):
    assert json_patch({"list": ["a", "b"], "n": 1}, patch) == expected


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "test", "path": "/n", "value": True}],
        [{"op": "test", "path": "/n", "value": "1"}],
        [{"op": "remove", "path": "/missing"}],
        [{"op": "replace", "path": "/missing", "value": 1}],
        [{"op": "add", "path": "/list/3", "value": 1}],
        [{"op": "add", "path": "/n/below", "value": 1}],
        [{"op": "move", "from": "/list", "path": "/list/0"}],
    ],
)
def test_a_json_patch_that_does_not_fit(patch):
    with pytest.raises(PatchError):
        json_patch({"list": ["a", "b"], "n": 1}, patch)


@pytest.mark.parametrize(
    "patch", [{}, "x", [1], [{"op": "add", "path": "/a"}], [{"op": "remove", "path": "a"}], [{"path": "/a"}]]
)
def test_what_is_no_json_patch(patch):
    with pytest.raises(PatchSyntaxError):
        json_patch({"a": 1}, patch)


def test_strategic_merge_joins_known_lists_by_key_and_replaces_others():
    target = {
        "containers": [{"name": "app", "image": "app:1"}, {"name": "side", "image": "side:1"}],
        "args": ["a"],
        "ports": [{"port": 80, "name": "http"}],
        "finalizers": ["one"],
    }
    patch = {
        "$setElementOrder/containers": [{"name": "app"}],
        "containers": [{"name": "app", "image": "app:2"}, {"name": "side", "$patch": "delete"}],
        "args": ["b"],
        "ports": [{"port": 443, "name": "https"}],
        "finalizers": ["two"],
    }
    assert strategic_merge(target, patch) == {
        "containers": [{"name": "app", "image": "app:2"}],
        "args": ["b"],
        "ports": [{"port": 80, "name": "http"}, {"port": 443, "name": "https"}],
        "finalizers": ["one", "two"],
    }


def test_strategic_merge_directives():
    assert strategic_merge({"a": {"x": 1, "y": 2}}, {"a": {"$patch": "replace", "z": 3}}) == {"a": {"z": 3}}
    assert strategic_merge({"a": {"x": 1}, "b": 1}, {"a": {"$patch": "delete"}, "b": None}) == {}
    assert strategic_merge({"f": ["a", "b"]}, {"$deleteFromPrimitiveList/f": ["a"]}) == {"f": ["b"]}


@settings(deadline=None, max_examples=60)
@given(objects, objects)
def test_strategic_merge_of_plain_objects_is_a_merge_patch(target, patch):
    assert equal(strategic_merge(target, patch), merge_patch(target, patch))
