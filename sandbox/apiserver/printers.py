"""What `kubectl get` prints of each kind: CRDs' columns by JSONPath, those of built-in kinds computed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from .builtin_columns import BUILTIN_COLUMNS
from .kinds import Column, Resource
from .printing import Cell, PrintedColumn, age_of

Json = dict[str, Any]


def printed_columns(resource: Resource) -> list[PrintedColumn]:
    """The columns of a kind, the name first."""
    name = PrintedColumn("Name", lambda document: str(document["metadata"].get("name", "")))
    builtin = BUILTIN_COLUMNS.get((resource.key[0], resource.kind))
    if builtin is not None and any(column.name == name.name for column in builtin):
        return builtin
    if builtin is not None:
        return [name, *builtin]
    return [name, *(_custom_column(column) for column in resource.columns)]


def _custom_column(column: Column) -> PrintedColumn:
    try:
        steps = json_path(column.path)
    except ValueError:
        # one odd column of an applied CRD must not make the kind unlistable
        return PrintedColumn(column.name, lambda document: None, column.type, column.priority)
    if column.type == "date":
        return PrintedColumn(
            column.name, lambda document: age_of(_first(steps, document)), "date", column.priority
        )

    def cell(document: Json) -> Cell:
        value = _first(steps, document)
        if column.type in ("integer", "number", "boolean"):
            return value if isinstance(value, (bool, int, float)) else None
        if isinstance(value, (dict, list)):
            return msgspec.json.encode(value).decode()
        return None if value is None else str(value)

    return PrintedColumn(column.name, cell, column.type, column.priority)


# -- the part of JSONPath that CRD columns use --

_STEP = re.compile(
    r"""\.(?P<name>(?:[^.\[\\]|\\.)+)
      | \[(?P<star>\*)\]
      | \[(?P<index>-?\d+)\]
      | \['(?P<quoted>[^']*)'\]
      | \[\?\(@\.(?P<field>[\w.]+)\s*==\s*(?P<quote>["'])(?P<wanted>.*?)(?P=quote)\)\]""",
    re.VERBOSE,
)
Step = Callable[[Any], list[Any]]


def json_path(path: str) -> list[Step]:
    """The steps of a simple JSONPath. Raises ValueError for what CRD columns cannot use either."""
    path = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    steps: list[Step] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise ValueError(f"JSONPath {path!r} is not understood at {position}")
        steps.append(_step(match))
        position = match.end()
    return steps


def _step(match: re.Match[str]) -> Step:
    if match["star"]:
        return lambda value: list(value.values() if isinstance(value, dict) else value or ())
    if match["index"]:
        index = int(match["index"])
        return lambda value: (
            [value[index]] if isinstance(value, list) and -len(value) <= index < len(value) else []
        )
    if match["field"]:
        field, wanted = match["field"], match["wanted"]
        return lambda value: [
            item for item in value or () if isinstance(item, dict) and item.get(field) == wanted
        ]
    name = match["quoted"] if match["quoted"] is not None else match["name"].replace("\\.", ".")
    return lambda value: [value[name]] if isinstance(value, dict) and name in value else []


def _first(steps: list[Step], document: Json) -> Any:
    """A CRD column shows the first result only."""
    values: list[Any] = [document]
    for step in steps:
        values = [found for value in values if isinstance(value, (dict, list)) for found in step(value)]
    return values[0] if values else None
