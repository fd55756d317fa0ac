"""Manifests from files: multi-document YAML, `List` kinds and JSON, as `kubectl apply` would take them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .errors import SandboxError

Json = dict[str, Any]

_SUFFIXES = (".yaml", ".yml", ".json")
_MOST_BYTES = 64 * 1024 * 1024


class _PlainLoader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: a time is text."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(slots=True)
class Manifests:
    """What was read: whole objects, and a line for each document that is none."""

    documents: list[Json] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_manifests(path: Path) -> Manifests:
    """Every object in a file, or in the YAML and JSON files of a folder and those below it.

    A document without apiVersion, kind or name is left out with a warning. SandboxError, with file and line,
    for what cannot be read at all.
    """
    found = Manifests()
    files = _files(path)
    for file in files:
        for place, document in _parse(file, _text(file)):
            _take(found, f"{file}:{place}", document)
    return found


def load_manifests(path: Path | str) -> list[Json]:
    """The objects of `read_manifests` alone."""
    return read_manifests(Path(path)).documents


def parse_manifests(text: str, name: str) -> list[Json]:
    """The objects of our own data; one that is incomplete is our mistake, and raises SandboxError."""
    found = Manifests()
    for place, document in _parse(Path(name), text):
        _take(found, f"{name}:{place}", document)
    if found.warnings:
        raise SandboxError(found.warnings[0])
    return found.documents


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise SandboxError(f"cannot load {path}: there is no such file or folder")
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
    if not files:
        raise SandboxError(f"cannot load {path}: no {', '.join(_SUFFIXES)} file in it")
    return files


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SandboxError(f"cannot load {file}: {error.strerror or error}") from None
    if len(content) > _MOST_BYTES:
        raise SandboxError(f"cannot load {file}: it is larger than {_MOST_BYTES // 2**20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SandboxError(f"{file}:{line}: not UTF-8 text") from None


def _parse(file: Path, text: str) -> Iterator[tuple[int, Any]]:
    """(line, document) of each document that holds anything."""
    try:
        if file.suffix == ".json":
            yield 1, json.loads(text)
            return
        loader = _PlainLoader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                if node is not None:
                    yield node.start_mark.line + 1, loader.construct_document(node)
        finally:
            loader.dispose()
    except json.JSONDecodeError as error:
        raise SandboxError(f"{file}:{error.lineno}: {error.msg}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SandboxError(f"{file}:{line}: {error.problem or error.context or 'not YAML'}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SandboxError(f"{file}:1: {' '.join(str(error).split())[:200]}") from None
    except RecursionError:
        raise SandboxError(f"{file}:1: nested too deeply") from None


def _take(found: Manifests, place: str, document: Any) -> None:
    if document is None:
        return
    if not isinstance(document, dict):
        found.warnings.append(f"{place}: left out: not an object but {type(document).__name__}")
        return
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
        for number, item in enumerate(items, 1):
            _take(found, f"{place} item {number}", item)
        return
    missing = _missing(document)
    if missing:
        what = document.get("kind")
        found.warnings.append(
            f"{place}: {what if isinstance(what, str) else 'document'} left out: no {missing}"
        )
        return
    found.documents.append(_plain(document))


def _missing(document: Json) -> str:
    metadata = document.get("metadata")
    for wanted in ("apiVersion", "kind"):
        if not (isinstance(document.get(wanted), str) and document[wanted]):
            return wanted
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return "" if isinstance(name, str) and name else "metadata.name"


def _plain(value: Any) -> Any:
    """Only what JSON has: YAML also knows sets, bytes, keys that are numbers, and numbers that are none."""
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)
