"""What a report consists of, before it is HTML or Markdown: plain texts from anywhere, never markup. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or two."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled value; ``strong`` for the one that everybody looks for."""

    label: str
    value: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Labelled values below each other."""

    kind: ClassVar[str] = "facts"
    rows: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of lines."""

    kind: ClassVar[str] = "items"
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, as many as ``head`` has."""

    kind: ClassVar[str] = "table"
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """Lines as they are; ``language`` is our own word (diff, json, sh)."""

    kind: ClassVar[str] = "code"
    lines: tuple[str, ...]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line through points: seconds since the beginning, value. ``new``, ``old`` or ``evidence``."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over time; with ``threshold`` a level that matters. ``logarithmic``: the values' axis is."""

    kind: ClassVar[str] = "chart"
    title: str
    unit: str
    curves: tuple[Curve, ...]
    threshold: float | None = None
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks that only some want to see."""

    kind: ClassVar[str] = "fold"
    title: str
    blocks: tuple[Block, ...]


Block = Paragraph | Facts | Items | Table | Code | Chart | Fold


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part; ``level`` 2 for the parts of a report, 3 for the parts of one run among several."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    summary: Facts
    sections: tuple[Section, ...]
