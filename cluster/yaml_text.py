"""YAML and JSON from anywhere, read within bounds: every document with the line where it begins.

The C loader is ten times as fast as the one in Python, but it recurses without a limit (a line of a hundred
thousand brackets ends the process) and shares aliases (a kilobyte can stand for a gigabyte), so both are
measured before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import msgspec
import yaml

from .errors import UserError
from .text import clean

# no manifest nests a third as deep
_DEEPEST = 100
_MOST_NODES_BY_ALIAS = 500_000
_MANY_OPENERS = _DEEPEST
_DEEP_BLOCK = re.compile(rb"^[ \t?:-]{100}", re.MULTILINE)
_TEMPLATE = re.compile(rb"\{\{-?[ \w.$(/\"]|\{%-? ")


class Part(NamedTuple):
    """One document of a text, or one item of a List in it; ``line`` counts from 1."""

    content: Any
    line: int


class BrokenTextError(UserError):
    """A text that is no YAML. ``line`` and ``column`` count from 1, 0 where the place is not known.

    ``template`` says that the text has the marks of one that a program fills in before it is YAML.
    """

    def __init__(self, name: str, problem: str, line: int, column: int, *, template: bool) -> None:
        where = f":{line}:{column}" if line else ""
        mend = "it looks like a template: render it first (`helm template`)" if template else "mend that line"
        super().__init__(f"{clean(name, 1000)}{where}: {problem}", mend if line or template else "")
        self.line, self.column, self.template = line, column, template


def parse_text(data: bytes, name: str) -> list[Part]:
    """All documents of ``data``; the items of a List one by one, each with its own line.

    ``name`` is the file's, for messages. Raises BrokenTextError for what is no YAML, and beyond the bounds:
    of nesting, and of what aliases expand to.
    """
    if data[:64].lstrip()[:1] == b"{":
        parts = _json_parts(data)
        if parts is not None:
            return parts
    try:
        _refuse_depth(data)
        return list(_yaml_parts(data))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # the problem's own words; the library's message would quote the line, which may hold a secret
        problem = clean(error.problem or error.context or "it cannot be read", 160)
        raise _broken(data, name, f"not YAML: {problem}", mark) from None
    except yaml.reader.ReaderError as error:
        place = error.position if isinstance(error.position, int) else 0
        before = data[:place]
        line, column = before.count(b"\n") + 1, place - (before.rfind(b"\n") + 1) + 1
        character = error.character if isinstance(error.character, int) else 0
        problem = f"not YAML: byte 0x{character:02x} has no place in text"
        raise BrokenTextError(name, problem, line, column, template=False) from None
    except _BeyondError as error:
        raise _broken(data, name, str(error), error.mark) from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        raise BrokenTextError(name, "not YAML: it cannot be read", 0, 0, template=False) from None


def _broken(data: bytes, name: str, problem: str, mark: Any) -> BrokenTextError:
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    return BrokenTextError(name, problem, line, column, template=_TEMPLATE.search(data) is not None)


class _BeyondError(Exception):
    def __init__(self, problem: str, mark: Any = None) -> None:
        super().__init__(problem)
        self.mark = mark


# -- JSON


class _List(msgspec.Struct):
    kind: str = ""
    items: list[msgspec.Raw] | None = None


def _json_parts(data: bytes) -> list[Part] | None:
    """The documents of JSON text; None where it is no JSON, which may well be YAML in braces."""
    try:
        head = _json_lists().decode(data)
        if not head.kind.endswith("List") or head.items is None:
            first_line = data[: data.index(b"{")].count(b"\n") + 1
            return [Part(msgspec.json.decode(data), first_line)]
        parts: list[Part] = []
        place, line = 0, 1
        for raw in head.items:
            text = bytes(raw)
            found = data.index(text, place)
            line += data.count(b"\n", place, found)
            parts.append(Part(msgspec.json.decode(text), line))
            line += text.count(b"\n")
            place = found + len(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return parts


@cache
def _json_lists() -> msgspec.json.Decoder[_List]:
    return msgspec.json.Decoder(_List)


# -- YAML


def _yaml_parts(data: bytes) -> Iterator[Part]:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(data)
    shares = b"*" in data and b"&" in data
    try:
        while loader.check_node():
            node: yaml.Node = loader.get_node()
            if shares:
                _refuse_expansion(node)
            lines = _item_lines(node)
            content = _Builder().build(node)
            items = content.get("items") if lines is not None else None
            if lines is None or not isinstance(items, list):
                yield Part(content, node.start_mark.line + 1)
            else:
                yield from map(Part, items, lines)
    finally:
        loader.dispose()


def _item_lines(node: yaml.Node) -> list[int] | None:
    """The lines of a List's items; None where the document is no List."""
    if not isinstance(node, yaml.MappingNode):
        return None
    fields = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    kind, items = fields.get("kind"), fields.get("items")
    if not isinstance(kind, yaml.ScalarNode) or not isinstance(items, yaml.SequenceNode):
        return None
    return [item.start_mark.line + 1 for item in items.value] if kind.value.endswith("List") else None


class _Builder:
    """Plain data of a document: thrice as fast as the library's constructor, and of any tag.

    What is not understood stays text, as an API server would see it: timestamps, `=`, binary, and the tags of
    other programs (CloudFormation, Ansible), which stand in files that are not ours to judge.
    """

    def __init__(self) -> None:
        self._built: dict[int, Any] = {}

    def build(self, node: yaml.Node) -> Any:
        """The data of a node; the same object wherever an alias names it."""
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.tag == _STRING else _scalar(node)
        found = self._built.get(id(node))
        if found is None:
            if isinstance(node, yaml.MappingNode):
                found = self._mapping(node)
            else:
                found = [self.build(one) for one in node.value]
            self._built[id(node)] = found
        return found

    def _mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        own: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for source in self._sources(value):
                    merged = {**source, **merged}
            elif isinstance(key, yaml.ScalarNode):
                own[key.value if key.tag == _STRING else _scalar(key)] = self.build(value)
            else:
                raise _BeyondError("a field's name is no text", key.start_mark)
        return {**merged, **own} if merged else own

    def _sources(self, value: yaml.Node) -> list[dict[Any, Any]]:
        # https://yaml.org/type/merge.html: one mapping or a list of them, the earlier one wins
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        if not all(isinstance(one, yaml.MappingNode) for one in sources):
            raise _BeyondError("`<<` names something that is no mapping", value.start_mark)
        return [self.build(one) for one in sources]


_STRING = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_BOOLEANS = yaml.constructor.SafeConstructor.bool_values


def _scalar(node: yaml.ScalarNode) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return _BOOLEANS[node.value.lower()]
        if kind == "int":
            return _NUMBERS.construct_yaml_int(node)
        if kind == "float":
            return _NUMBERS.construct_yaml_float(node)
    except (ValueError, OverflowError, LookupError):
        pass
    return node.value


_NUMBERS = yaml.constructor.SafeConstructor()


def _refuse_depth(data: bytes) -> None:
    """Raise _BeyondError where collections nest too deeply; looks closely only where they might."""
    openers = data.count(b"[") + data.count(b"{")
    if openers < _MANY_OPENERS and _DEEP_BLOCK.search(data) is None:
        return
    depth = 0
    for event in yaml.parse(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise _BeyondError(f"nested more than {_DEEPEST} deep", event.start_mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _refuse_expansion(root: yaml.Node) -> None:
    """Raise _BeyondError where a document, with every alias written out, is endless or too large."""
    sizes: dict[int, int] = {}
    open_now: set[int] = set()
    todo: list[tuple[yaml.Node, bool]] = [(root, False)]
    while todo:
        node, seen = todo.pop()
        key = id(node)
        if key in sizes:
            continue
        children = _children(node)
        if seen:
            open_now.discard(key)
            sizes[key] = 1 + sum(sizes[id(child)] for child in children)
            if sizes[key] > _MOST_NODES_BY_ALIAS:
                raise _BeyondError("its aliases expand to more than can be read", node.start_mark)
            continue
        if key in open_now:
            raise _BeyondError("an alias stands inside what it names", node.start_mark)
        open_now.add(key)
        todo.append((node, True))
        todo += [(child, False) for child in children if id(child) not in sizes]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []
