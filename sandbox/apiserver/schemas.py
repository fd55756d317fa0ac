"""What a CustomResourceDefinition's structural schema makes of an object: unknown fields go, defaults come.

A schema is the `openAPIV3Schema` of one version as the CRD has it. Objects are changed in place.
"""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]

# fields of every object, whatever the schema says of them
_ROOT_FIELDS = frozenset({"apiVersion", "kind", "metadata"})
_METADATA_FIELDS = frozenset(
    {
        "annotations",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
_KEEPS_ALL = "x-kubernetes-preserve-unknown-fields"


def prune(schema: Json, document: Json) -> list[str]:
    """Take away what the schema does not know; where each such field stood (`spec.rules[0].wieght`)."""
    unknown: list[str] = []
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        for name in [name for name in metadata if name not in _METADATA_FIELDS]:
            unknown.append(f"metadata.{name}")
            del metadata[name]
    below: list[str] = []
    _prune(schema, document, "", below, root=True)
    return unknown + sorted(below)


def _prune(schema: Json, value: Any, path: str, unknown: list[str], root: bool = False) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _prune(schema.get("items") or {}, item, f"{path}[{index}]", unknown)
        return
    if not isinstance(value, dict):
        return
    properties = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    root = root or bool(schema.get("x-kubernetes-embedded-resource"))
    for name in list(value):
        if root and name in _ROOT_FIELDS:
            continue
        place = f"{path}.{name}" if path else name
        if name in properties:
            _prune(properties[name], value[name], place, unknown)
        elif others:
            if isinstance(others, dict):
                _prune(others, value[name], place, unknown)
        elif not schema.get(_KEEPS_ALL):
            unknown.append(place)
            del value[name]


def fill_defaults(schema: Json, value: Any) -> None:
    """Give every field that is missing its default, also those below a default."""
    if isinstance(value, list):
        items = schema.get("items") or {}
        for index, item in enumerate(value):
            if item is None and _is_wanted(items):
                value[index] = copy.deepcopy(items["default"])
            fill_defaults(items, value[index])
    elif isinstance(value, dict):
        properties = schema.get("properties") or {}
        for name, below in properties.items():
            if "default" in below and (
                name not in value or (value[name] is None and not below.get("nullable"))
            ):
                value[name] = copy.deepcopy(below["default"])
        others = schema.get("additionalProperties")
        for name in value:
            below = properties.get(name, others if isinstance(others, dict) else None)
            if below is not None:
                fill_defaults(below, value[name])


def _is_wanted(schema: Json) -> bool:
    return "default" in schema and not schema.get("nullable")


def drop_nulls(schema: Json, value: Any) -> None:
    """A null where none may stand, and where no default takes its place, counts as not said."""
    if isinstance(value, list):
        for item in value:
            drop_nulls(schema.get("items") or {}, item)
    elif isinstance(value, dict):
        properties = schema.get("properties") or {}
        others = schema.get("additionalProperties")
        for name in list(value):
            below = properties.get(name, others if isinstance(others, dict) else None)
            if below is None:
                continue
            if value[name] is None and not below.get("nullable") and "default" not in below:
                del value[name]
            else:
                drop_nulls(below, value[name])


def has_rules(schema: Any) -> bool:
    """Whether there are CEL rules anywhere in it; they are not evaluated here."""
    if isinstance(schema, dict):
        return "x-kubernetes-validations" in schema or any(map(has_rules, schema.values()))
    return isinstance(schema, list) and any(map(has_rules, schema))
