"""What docs/permissions.md says of each right, read as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rights_kit import PERMISSIONS, Right

PAGE = PERMISSIONS.parent / "permissions.md"
_CORE = "(core)"


@dataclass(frozen=True, slots=True)
class Row:
    """A resource, its verbs, and what is UNKNOWN without list: rules, and commands that end with 2."""

    resource: str
    group: str
    verbs: tuple[str, ...]
    unknown: frozenset[str]
    ending: frozenset[str]


def reading_rows() -> list[Row]:
    """The table of the read-only rights."""
    rows = []
    for resource, group, verbs, _, without in _cells("| Resource | Group | Verbs |"):
        rules, _, commands = without.partition(";")
        ending = frozenset(re.findall(r"`([a-z]+)`", commands)) if "with 2" in commands else frozenset()
        rows.append(
            Row(resource, group, tuple(verbs.split()), frozenset(re.findall(r"[A-Z]+\d{3}", rules)), ending)
        )
    return rows


def cutover_rights() -> list[Right]:
    """The rights of the table of a cutover."""
    rows = _cells("| Resource | Group | Verb | Where |")
    return [Right(group, resource, verb, where) for resource, group, verb, where, _ in rows]


def _cells(heading: str) -> Iterator[list[str]]:
    lines = PAGE.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(heading))
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        cells[1] = "" if cells[1] == _CORE else cells[1]
        yield cells
