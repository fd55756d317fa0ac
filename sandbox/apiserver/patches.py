"""JSON patch (RFC 6902), merge patch (RFC 7386), a plain strategic merge. Pure: inputs stay as they are."""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]

# By which field the lists of built-in kinds are merged; lists of any other name are replaced as a whole.
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "secrets": "name",
    "volumeMounts": "mountPath",
    "conditions": "type",
    "ownerReferences": "uid",
    "hostAliases": "ip",
}
# `ports` is keyed by containerPort in a container, by port in a Service, and replaced in an EndpointSlice
_PORT_KEYS = ("containerPort", "port")


class PatchError(ValueError):
    """The patch does not fit the document: a missing path, a failed test."""


class PatchSyntaxError(ValueError):
    """The patch itself is not well formed."""


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: objects are merged, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_merge(target: Any, patch: Any) -> Any:
    """Strategic merge for built-in kinds: well-known lists merge by key; `$patch` and list deletes count."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key == "$patch" or key.startswith(("$setElementOrder/", "$retainKeys")):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.partition("/")[2]
            merged[field] = [item for item in merged.get(field) or [] if item not in value]
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(key, None)
        elif isinstance(value, list):
            merged[key] = _strategic_list(key, merged.get(key) or [], value)
        else:
            merged[key] = strategic_merge(merged.get(key), value)
    return merged


def _strategic_list(field: str, target: list[Any], patch: list[Any]) -> list[Any]:
    if field == "finalizers":
        return target + [item for item in patch if item not in target]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if item.get("$patch") != "replace"]
    key = _merge_key(field, patch)
    if not key or not all(isinstance(item, dict) and key in item for item in (*target, *patch)):
        return copy.deepcopy(patch)
    merged = {item[key]: item for item in target}
    for item in patch:
        if item.get("$patch") == "delete":
            merged.pop(item[key], None)
        else:
            merged[item[key]] = strategic_merge(merged.get(item[key]), item)
    return list(merged.values())


def _merge_key(field: str, patch: list[Any]) -> str:
    if field != "ports":
        return _MERGE_KEYS.get(field, "")
    return next(
        (key for key in _PORT_KEYS if all(isinstance(item, dict) and key in item for item in patch)), ""
    )


def json_patch(document: Any, operations: Any) -> Any:
    """RFC 6902, all or nothing. Raises PatchSyntaxError or PatchError."""
    if not isinstance(operations, list) or not all(isinstance(item, dict) for item in operations):
        raise PatchSyntaxError("a JSON patch is a list of operations")
    result = copy.deepcopy(document)
    for operation in operations:
        result = _apply_operation(result, operation)
    return result


def _apply_operation(document: Any, operation: Json) -> Any:
    name, path = operation.get("op"), _pointer(operation.get("path"))
    if name in ("add", "replace", "test"):
        if "value" not in operation:
            raise PatchSyntaxError(f"operation {name} needs a value")
        return _with_value(document, str(name), path, copy.deepcopy(operation["value"]))
    if name == "remove":
        return _removed(document, path)
    if name in ("move", "copy"):
        source = _pointer(operation.get("from"))
        if name == "move" and path[: len(source)] == source and path != source:
            raise PatchError("a value cannot be moved into itself")
        value = copy.deepcopy(_value_at(document, source))
        return _added(_removed(document, source) if name == "move" else document, path, value)
    raise PatchSyntaxError(f"unknown operation {name!r}")


def _with_value(document: Any, name: str, path: list[str], value: Any) -> Any:
    if name == "test":
        if not equal(_value_at(document, path), value):
            raise PatchError(f"testing value /{'/'.join(path)} failed")
        return document
    if name == "replace":
        _value_at(document, path)
        if not path:
            return value
        parent = _value_at(document, path[:-1])
        parent[_index(parent, path[-1]) if isinstance(parent, list) else path[-1]] = value
        return document
    return _added(document, path, value)


def equal(left: Any, right: Any) -> bool:
    """JSON equality: unlike Python's, true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def _pointer(path: Any) -> list[str]:
    """RFC 6901."""
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise PatchSyntaxError(f"{path!r} is no JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _index(items: list[Any], part: str, beyond: int = 0) -> int:
    if not (part.isascii() and part.isdigit()) or (len(part) > 1 and part.startswith("0")):
        raise PatchError(f"{part!r} is no index")
    index = int(part)
    if index >= len(items) + beyond:
        raise PatchError(f"there is no item {index}")
    return index


def _value_at(document: Any, path: list[str]) -> Any:
    value = document
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list):
            value = value[_index(value, part)]
        else:
            raise PatchError(f"there is nothing at /{'/'.join(path)}")
    return value


def _added(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _value_at(document, path[:-1])
    if isinstance(parent, list):
        parent.insert(len(parent) if path[-1] == "-" else _index(parent, path[-1], beyond=1), value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise PatchError(f"nothing can be added at /{'/'.join(path)}")
    return document


def _removed(document: Any, path: list[str]) -> Any:
    if not path:
        raise PatchError("the whole document cannot be removed")
    _value_at(document, path)
    parent = _value_at(document, path[:-1])
    del parent[_index(parent, path[-1]) if isinstance(parent, list) else path[-1]]
    return document
