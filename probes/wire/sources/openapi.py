"""OpenAPI 3 and Swagger 2: every GET operation whose parameters the document itself gives values for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ....cluster.errors import UserError
from ....cluster.text import clean
from ....cluster.yaml_text import parse_text
from .opened import Opened
from .tally import Tally, place_of

_MOST_BYTES = 16_000_000
_MOST_OPERATIONS = 20_000
_MOST_REASONS = 20
_MOST_HOPS = 20
_FIELD = re.compile(r"\{([^{}/]{1,200})\}")


def read_openapi(source: Opened) -> tuple[Tally, int, int, list[str]]:
    """The tally, the GET operations read, those left out, and notes with the reason for each of these.

    Raises UserError where it is no such description.
    """
    document = _document(source)
    base, note = _base(document)
    tally, entries, reasons = Tally(source.name), 0, list[str]()
    for path, item in _paths(document, source.name).items():
        resolved = _resolve(document, item)
        operation = resolved.get("get") if isinstance(resolved, Mapping) else None
        if not isinstance(operation, Mapping):
            continue
        entries += 1
        if entries > _MOST_OPERATIONS:
            raise UserError(f"{source.name}: more than {_MOST_OPERATIONS} GET operations", "split it")
        target, reason = _target(document, str(path), resolved, operation)
        place = place_of(f"{base}{target}") if not reason else None
        if place is None:
            reasons.append(f"{clean(path, 120)}: {reason or 'not a path'}")
            continue
        tally.add("GET", place, origin=f"{source.name} {clean(path, 200)}")
    notes = [note] if note else []
    notes += [f"left out {reason}" for reason in reasons[:_MOST_REASONS]]
    if len(reasons) > _MOST_REASONS:
        notes.append(f"{len(reasons) - _MOST_REASONS} more operations left out for such reasons")
    return tally, entries, len(reasons), notes


def _document(source: Opened) -> Mapping[Any, Any]:
    parts = parse_text(source.whole(_MOST_BYTES).removeprefix(b"\xef\xbb\xbf"), source.name)
    content = parts[0].content if parts else None
    if not isinstance(content, Mapping) or not ({"openapi", "swagger"} & content.keys()):
        raise UserError(f"{source.name}:1: neither `openapi` nor `swagger` is there", "give OpenAPI 3 or 2")
    return content


def _paths(document: Mapping[Any, Any], name: str) -> Mapping[Any, Any]:
    paths = document.get("paths")
    if paths is None:
        return {}
    if not isinstance(paths, Mapping):
        raise UserError(f"{name}: paths: expected a mapping of paths", "see the OpenAPI specification")
    return paths


def _base(document: Mapping[Any, Any]) -> tuple[str, str]:
    """What stands before every path (a URL or a path, no slash at its end), and a note about it."""
    if "swagger" in document:
        path = _text(document.get("basePath")).rstrip("/")
        host = _text(document.get("host"))
        schemes = document.get("schemes")
        scheme = "http" if schemes == ["http"] else "https"
        return (f"{scheme}://{host}{path}" if host else path), ""
    servers = document.get("servers")
    if not isinstance(servers, list) or not servers or not isinstance(servers[0], Mapping):
        return "", ""
    variables = servers[0].get("variables")
    url = _FIELD.sub(lambda match: _variable(variables, match[1]), _text(servers[0].get("url"))).rstrip("/")
    note = f"only the first of {len(servers)} servers is used: {clean(url, 100)}" if len(servers) > 1 else ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", f"the server {clean(url, 100)} is no URL"
    if parts.scheme in ("http", "https") and parts.netloc:
        return f"{parts.scheme}://{parts.netloc}{parts.path}", note
    return (url if url.startswith("/") else ""), note


def _variable(variables: object, name: str) -> str:
    entry = variables.get(name) if isinstance(variables, Mapping) else None
    return _text(entry.get("default")) if isinstance(entry, Mapping) else ""


def _target(
    document: Mapping[Any, Any], path: str, item: Mapping[Any, Any], operation: Mapping[Any, Any]
) -> tuple[str, str]:
    """Path and query of the operation, or why they cannot be written."""
    parameters = {**_parameters(document, item), **_parameters(document, operation)}
    values: dict[str, str] = {}
    query: list[str] = []
    for (where, name), parameter in parameters.items():
        if where != "path" and parameter.get("required") is not True:
            continue
        value = _value(document, parameter)
        if where in ("header", "cookie"):
            return "", f"it needs the {where} {clean(name, 60)}"
        if where in ("path", "query") and value is None:
            return "", f"no example, default or enum for {clean(name, 60)}"
        if where == "path":
            values[name] = quote(value or "", safe="", errors="replace")
        elif where == "query":
            query.append(
                f"{quote(name, safe='', errors='replace')}={quote(value or '', safe='', errors='replace')}"
            )
    missing = next((name for name in _FIELD.findall(path) if not values.get(name)), None)
    if missing is not None:
        return "", f"no example, default or enum for {clean(missing, 60)}"
    filled = _FIELD.sub(lambda match: values[match[1]], path)
    return (f"{filled}?{'&'.join(query)}" if query else filled), ""


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _parameters(
    document: Mapping[Any, Any], holder: Mapping[Any, Any]
) -> dict[tuple[str, str], Mapping[Any, Any]]:
    listed = holder.get("parameters")
    found: dict[tuple[str, str], Mapping[Any, Any]] = {}
    for entry in listed if isinstance(listed, list) else ():
        parameter = _resolve(document, entry)
        if isinstance(parameter, Mapping):
            found[_text(parameter.get("in")), _text(parameter.get("name"))] = parameter
    return found


def _value(document: Mapping[Any, Any], parameter: Mapping[Any, Any]) -> str | None:
    """The first value that the document gives: example, default, then the first of an enum."""
    schema = _resolve(document, parameter.get("schema"))
    holders = [parameter, *([schema] if isinstance(schema, Mapping) else [])]
    for name in ("example", "x-example", "examples", "default", "enum"):
        for holder in holders:
            text = _written(_one_of(document, holder.get(name)))
            if text:
                return text
    return None


def _one_of(document: Mapping[Any, Any], given: Any) -> Any:
    """One value: the first of a list, or of named examples."""
    if isinstance(given, Mapping):
        first = _resolve(document, next(iter(given.values()), None))
        return first.get("value") if isinstance(first, Mapping) else None
    return given[0] if isinstance(given, list) and given else given


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def _resolve(document: Mapping[Any, Any], node: Any) -> Any:
    """What a local reference (RFC 6901 pointer behind ``#``) leads to; None where that is nowhere."""
    for _ in range(_MOST_HOPS):
        if not isinstance(node, Mapping) or not isinstance(node.get("$ref"), str):
            return node
        reference = node["$ref"]
        if not reference.startswith("#/"):
            return None
        node = document
        for part in reference[2:].split("/")[:50]:
            key = part.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, Mapping) else None
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
