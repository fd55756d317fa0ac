"""Who owns which field (`metadata.managedFields`), and server-side apply on top of it. Pure functions.

A set of fields is a set of paths; a path's steps are written as in FieldsV1: `f:name`, `k:{"name":"http"}`
for an item of a keyed list, `v:"text"` for an item of a set. How lists are taken is said by the CRD's schema,
for built-in kinds by a small table; any other list is one field.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Json = dict[str, Any]
Path = tuple[str, ...]
Fields = frozenset[Path]
BEFORE_FIRST_APPLY = "before-first-apply"

# by name, the lists of built-in kinds that are keyed, with the keys in the order of FieldsV1
_KEYED: dict[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "listeners": ("name",),
    "ownerReferences": ("uid",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_PORT_KEYS = (("containerPort", "protocol"), ("port", "protocol"))
_META = "f:metadata"
# never anybody's: what the server sets, and what every object has
_NOBODYS = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        *(
            (_META, f"f:{name}")
            for name in (
                "creationTimestamp",
                "deletionGracePeriodSeconds",
                "deletionTimestamp",
                "generation",
                "managedFields",
                "name",
                "namespace",
                "resourceVersion",
                "selfLink",
                "uid",
            )
        ),
    }
)


class Manager(NamedTuple):
    """Who wrote: `operation` is Apply or Update."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Owned:
    fields: Fields
    time: str


Owners = dict[Manager, Owned]


@dataclass
class ApplyConflictError(Exception):
    """Other managers own what an apply would change; `fields` by manager."""

    fields: dict[Manager, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Author:
    """Whose write it is; `owners` where an apply has worked them out already."""

    manager: Manager
    owners: Owners | None = None


class _Item(NamedTuple):
    schema: Json | None
    name: str
    value: Any


def _parts(schema: Json | None, name: str, value: Any) -> dict[str, _Item] | None:
    """What is owned one by one in a value, by step; None where the value is one field."""
    known = schema or {}
    if isinstance(value, dict):
        if known.get("x-kubernetes-map-type") == "atomic":
            return None
        properties, others = known.get("properties") or {}, known.get("additionalProperties")
        rest = others if isinstance(others, dict) else None
        return {f"f:{key}": _Item(properties.get(key, rest), key, item) for key, item in value.items()}
    if not isinstance(value, list):
        return None
    items = known.get("items")
    if name == "finalizers" or known.get("x-kubernetes-list-type") == "set":
        return {f"v:{_written(item)}": _Item(items, "", item) for item in value}
    keys = _keys_of(schema, name, value)
    if not keys:
        return None
    return {
        f"k:{_written({key: item[key] for key in keys if key in item})}": _Item(items, "", item)
        for item in value
    }


def _keys_of(schema: Json | None, name: str, value: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(item, dict) for item in value):
        return ()
    if schema is not None:
        return tuple(sorted(schema.get("x-kubernetes-list-map-keys") or ()))
    choices = _PORT_KEYS if name == "ports" else (_KEYED.get(name, ()),)
    return next((keys for keys in choices if keys and all(keys[0] in item for item in value)), ())


def _written(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def said_fields(schema: Json | None, document: Json) -> Fields:
    """The fields that an applied document speaks of."""

    def walk(item: _Item, path: Path) -> Iterator[Path]:
        parts = _parts(*item)
        if not parts:
            yield path
            return
        for step, part in parts.items():
            if step.startswith("k:"):
                yield (*path, step)
            yield from walk(part, (*path, step))

    return _owned(walk(_Item(schema, "", document), ()))


def compared(schema: Json | None, old: Json, new: Json) -> tuple[Fields, Fields]:
    """The fields that are other or new, and those that are gone."""
    changed: set[Path] = set()
    gone: set[Path] = set()

    def everything(item: _Item, path: Path) -> Iterator[Path]:
        yield path
        for step, part in (_parts(*item) or {}).items():
            yield from everything(part, (*path, step))

    def walk(before: _Item, after: _Item, path: Path) -> None:
        if before.value == after.value:
            return
        were, are = _parts(*before), _parts(*after)
        if were is None or are is None:
            changed.add(path)
            return
        for step in were.keys() - are.keys():
            gone.update(everything(were[step], (*path, step)))
        for step in are:
            if step in were:
                walk(were[step], are[step], (*path, step))
            else:
                changed.update(everything(are[step], (*path, step)))

    walk(_Item(schema, "", old), _Item(schema, "", new), ())
    return _owned(changed), _owned(gone)


def _owned(paths: Iterator[Path] | set[Path]) -> Fields:
    return frozenset(
        path
        for path in paths
        if path and path != (_META,) and not any(path[: len(nobodys)] == nobodys for nobodys in _NOBODYS)
    )


def after_update(
    schema: Json | None, old: Json, new: Json, owners: Mapping[Manager, Owned], manager: Manager, time: str
) -> Owners:
    """The owners after a create, a replacement or a patch: what was changed is the writer's alone."""
    changed, gone = compared(schema, old, new)
    if manager.subresource:
        changed = frozenset(path for path in changed if path[0] == f"f:{manager.subresource}")
    left = {
        other: Owned(owned.fields - gone - (frozenset() if other == manager else changed), owned.time)
        for other, owned in owners.items()
    }
    if changed:
        before = left.get(manager)
        mine = (before.fields if before else frozenset()) | changed
        if before is None or mine != before.fields or changed:
            left[manager] = Owned(mine, time)
    return {other: owned for other, owned in left.items() if owned.fields}


def apply(
    schema: Json | None,
    live: Json,
    applied: Json,
    owners: Mapping[Manager, Owned],
    manager: Manager,
    force: bool,
    time: str,
) -> tuple[Json, Owners]:
    """The object and its owners after a server-side apply. Raises ApplyConflictError unless `force`."""
    said = said_fields(schema, applied)
    before = owners.get(manager)
    others = {other: owned for other, owned in owners.items() if other != manager}
    held = frozenset(path for owned in others.values() for path in owned.fields)
    merged = _merged(_Item(schema, "", live), _Item(schema, "", applied))
    for path in sorted((before.fields if before else frozenset()) - said, key=len):
        # a field that only this applier had, and that it no longer speaks of; not one that holds another's
        if not any(other[: len(path)] == path for other in held | said):
            _take_away(_Item(schema, "", merged), path)
    changed, _ = compared(schema, live, merged)
    met = {other: owned.fields & changed for other, owned in others.items()}
    conflicts = {other: sorted(map(spoken, paths)) for other, paths in met.items() if paths}
    if conflicts and not force:
        raise ApplyConflictError(conflicts)
    left = {other: Owned(owned.fields - met[other], owned.time) for other, owned in others.items()}
    left[manager] = before if before and before.fields == said and not changed else Owned(said, time)
    return merged, {other: owned for other, owned in left.items() if owned.fields}


def _merged(live: _Item, applied: _Item) -> Any:
    were, are = _parts(*live), _parts(*applied)
    if were is None or are is None or not isinstance(live.value, type(applied.value)):
        return copy.deepcopy(applied.value)
    parts = {step: item.value for step, item in were.items()}
    for step, item in are.items():
        known = were.get(step)
        parts[step] = _merged(known, item) if known else copy.deepcopy(item.value)
    if isinstance(live.value, dict):
        return {step[2:]: value for step, value in parts.items()}
    return list(parts.values())


def _take_away(item: _Item, path: Path) -> None:
    for step in path[:-1]:
        found = (_parts(*item) or {}).get(step)
        if found is None:
            return
        item = found
    last = (_parts(*item) or {}).get(path[-1])
    if last is None:
        return
    if isinstance(item.value, dict):
        del item.value[path[-1][2:]]
    else:
        item.value.remove(last.value)


def spoken(path: Path) -> str:
    """A path as the messages write it: `.spec.listeners[name="http"].port`."""
    written = []
    for step in path:
        kind, value = step[:2], step[2:]
        if kind == "f:":
            written.append(f".{value}")
        elif kind == "v:":
            written.append(f"[={value}]")
        else:
            keys = json.loads(value)
            written.append(f"[{','.join(f'{key}={_written(keys[key])}' for key in sorted(keys))}]")
    return "".join(written)


# -- managedFields as objects carry them --


def owners_of(metadata: Json) -> Owners:
    """What the object says of its owners; entries that cannot be understood count for nothing."""
    found: Owners = {}
    for entry in metadata.get("managedFields") or ():
        if not isinstance(entry, dict) or not isinstance(entry.get("fieldsV1"), dict):
            continue
        texts = [str(entry.get(name, "")) for name in ("manager", "operation", "apiVersion", "subresource")]
        fields = frozenset(_paths(entry["fieldsV1"], ()))
        found[Manager(*texts)] = Owned(fields, str(entry.get("time", "")))
    return found


def _paths(tree: Json, path: Path) -> Iterator[Path]:
    for step, below in tree.items():
        if step == ".":
            yield path
        elif below:
            yield from _paths(below, (*path, step))
        else:
            yield (*path, step)


def managed_fields(owners: Mapping[Manager, Owned]) -> list[Json]:
    """As an object carries them: appliers first, then by time."""
    entries = []
    ordered = sorted(owners.items(), key=lambda one: (one[0].operation, one[1].time, one[0].name))
    for manager, owned in ordered:
        entry: Json = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": owned.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _tree(owned.fields),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    return entries


def _tree(fields: Fields) -> Json:
    tree: Json = {}
    for path in sorted(fields):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
    for path in sorted(fields):
        node = tree
        for step in path:
            node = node[step]
        if node:
            node["."] = {}
    return tree
