"""YAML in which every value knows its line, so that a mistake is reported where it stands."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ...cluster.errors import UserError
from ...cluster.text import clean

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LARGEST_FILE = 1_000_000


@dataclass(frozen=True, slots=True)
class Marked:
    """One value of a YAML file and where it stands: ``field`` is dotted (``dns.low_ttl``)."""

    file: str
    line: int
    field: str
    value: Any

    def fail(self, what: str, mend: str = "") -> NoReturn:
        """Raises the UserError ``file:line: field: what``."""
        where = f"{self.file}:{self.line}"
        raise UserError(f"{where}: {self.field}: {what}" if self.field else f"{where}: {what}", mend)

    def fields(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Marked]:
        """The mapping's values; an unknown or a missing field is a mistake."""
        if not isinstance(self.value, dict):
            self.fail(f"expected a mapping, got {describe(self.value)}")
        names = tuple(known)
        for name, value in self.value.items():
            if name not in names:
                close = difflib.get_close_matches(str(name), names, n=1)
                mend = f"did you mean {close[0]}?" if close else f"known here: {', '.join(names)}"
                if value.value is None and " " in str(name):
                    mend = "inside { } a comma ends a text: put it in quotes"
                value.fail("unknown field", mend)
        for name in required:
            if name not in self.value:
                self.child(name).fail("is missing", "add it")
        return dict(self.value)

    def child(self, name: str) -> Marked:
        """A place for a field that is not there: the line of the mapping that lacks it."""
        return Marked(self.file, self.line, f"{self.field}.{name}" if self.field else name, None)

    def text(self) -> str:
        """A non-empty string."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.fail(f"expected text, got {describe(self.value)}")
        return self.value

    def choice(self, choices: Iterable[str]) -> str:
        """One of ``choices``."""
        allowed = tuple(choices)
        if self.value not in allowed:
            self.fail(f"expected one of {', '.join(allowed)}, got {describe(self.value)}")
        return str(self.value)

    def whole(self, least: int, most: int, unit: str = "") -> int:
        """A whole number from ``least`` to ``most``."""
        what = f"expected {unit + ' as ' if unit else ''}a whole number"
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self.fail(f"{what}, got {describe(self.value)}")
        if not least <= self.value <= most:
            self.fail(f"{what} from {least} to {most}, got {self.value}")
        return self.value

    def number(self, above: float, most: float) -> float:
        """A number above ``above`` and at most ``most``."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            self.fail(f"expected a number, got {describe(self.value)}")
        if not above < self.value <= most:
            self.fail(f"expected a number above {above:g} and at most {most:g}, got {self.value:g}")
        return float(self.value)

    def seconds(self) -> float:
        """A duration written as ``15s``, ``10m``, ``48h``, ``2d`` or ``500ms``; in seconds."""
        match = _DURATION.match(self.value) if isinstance(self.value, str) else None
        if match is None:
            self.fail(f"expected a duration, got {describe(self.value)}", "write it as 15s, 10m or 48h")
        return float(match[1]) * _UNITS[match[2]]

    def items(self, least: int = 0) -> tuple[Marked, ...]:
        """A list's items."""
        if not isinstance(self.value, list):
            self.fail(f"expected a list, got {describe(self.value)}")
        if len(self.value) < least:
            self.fail(f"expected at least {least} {'item' if least == 1 else 'items'}, got {len(self.value)}")
        return tuple(self.value)

    def plain(self) -> Any:
        """The value without its marks."""
        if isinstance(self.value, dict):
            return {name: item.plain() for name, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def describe(value: Any) -> str:
    """How a wrong value is quoted in an error line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f'"{clean(value, 60)}"' if isinstance(value, str) else clean(value, 60)


def load_marked(path: Path, shown: str = "") -> Marked:
    """The file's single document. UserError: not readable, too large, not YAML, more than one document."""
    name = shown or path.name
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", "check the path") from None
    if len(raw) > _LARGEST_FILE:
        raise UserError(f"{path}: larger than {_LARGEST_FILE} bytes", "is it the right file?")
    return parse_marked(raw, name)


def parse_marked(raw: bytes | str, name: str) -> Marked:
    """As ``load_marked``, from memory; ``name`` stands in the errors."""
    try:
        # only composed, never constructed: no tag can create anything
        node = yaml.compose(raw, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        mend = "mend the syntax; a text with ? : # [ ] { } or a comma in it needs quotes"
        raise UserError(f"{name}:{line}: not YAML: {clean(error.problem or error)}", mend) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: not YAML: {clean(error)}", "mend the file") from None
    if node is None:
        raise UserError(f"{name}: is empty", "write a document into it")
    return _marked(node, name, "", set())


def _marked(node: yaml.Node, name: str, field: str, above: set[int]) -> Marked:
    line = node.start_mark.line + 1
    if id(node) in above:
        Marked(name, line, field, None).fail("an alias contains itself")
    above = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        return Marked(name, line, field, _mapping(node, name, field, above))
    if isinstance(node, yaml.SequenceNode):
        items = [_marked(item, name, f"{field}[{index}]", above) for index, item in enumerate(node.value)]
        return Marked(name, line, field, items)
    constructor = yaml.SafeLoader("")
    try:
        return Marked(name, line, field, constructor.construct_object(node))
    except (yaml.YAMLError, ValueError):
        Marked(name, line, field, None).fail(
            f'cannot be read as {clean(node.tag)}: "{clean(node.value, 60)}"'
        )


def _mapping(node: yaml.MappingNode, name: str, field: str, above: set[int]) -> dict[str, Marked]:
    mapping: dict[str, Marked] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        dotted = f"{field}.{key}" if field else key
        line = key_node.start_mark.line + 1
        if key in mapping:
            Marked(name, line, dotted, None).fail("stands here twice", f"first on line {mapping[key].line}")
        value = _marked(value_node, name, dotted, above)
        # the key's line: a reader looks for the field, and a block value begins a line later
        mapping[key] = Marked(name, line, dotted, value.value)
    return mapping
