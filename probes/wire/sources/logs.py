"""Access logs: nginx and Apache (common, combined, with a virtual host), ingress-nginx, Envoy, JSON lines.

All of the first have the request line in quotes, so that is what is looked for; what stands around it only
says the host. User fields are never read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from .opened import Opened
from .tally import SAFE_METHODS, Place, Tally, place_of

_REQUEST = re.compile(r'"([A-Z][A-Z-]{1,19}) ((?:[^" \\]|\\.)+)(?: HTTP/\d(?:\.\d)?)?"', re.ASCII)
# Apache's vhost_combined begins with the host: "%v:%p %h %l %u ..."
_VIRTUAL_HOST = re.compile(r"([A-Za-z0-9_.-]+):\d{1,5} \S+ \S+ ", re.ASCII)
# Envoy writes the time first and the authority as the last quoted text but one
_ENVOY = re.compile(r"\[\d{4}-\d\d-\d\dT", re.ASCII)
_QUOTED = re.compile(r'"([^"]*)"')
_ESCAPED_BYTE = re.compile(r"\\x([0-9A-Fa-f]{2})", re.ASCII)
OWN_PROBE = "(cutover probe)"

_METHOD_KEYS = ("request_method", "requestMethod", "method", "http_method", "RequestMethod", "verb")
_TARGET_KEYS = (
    *("x-envoy-original-path", "request_uri", "requestUri", "requestUrl", "request_url", "request_path"),
    *("RequestPath", "path", ":path", "uri", "url", "target"),
)
_QUERY_KEYS = ("args", "query_string", "query", "request_query")
_HOST_KEYS = (
    *("authority", ":authority", "http_host", "vhost", "request_host", "RequestHost", "server_name"),
    *("domain", "host"),
)


def read_log(source: Opened) -> tuple[Tally, int, int, list[str]]:
    """The tally, the lines read, those that gave no request, and notes."""
    tally = Tally(source.name)
    lines = unclear = unsafe = own = 0
    for number, raw in source.lines():
        if raw is not None and not raw.strip():
            continue
        lines += 1
        found = _read_line(raw) if raw is not None else None
        if found is None:
            unclear += 1
            continue
        method, place = found
        if method not in SAFE_METHODS:
            unsafe += 1
        elif raw is not None and OWN_PROBE.encode() in raw:
            own += 1
        else:
            tally.add(method, place, number)
    notes = []
    if unclear:
        notes.append(f"{unclear} of {lines} lines were not understood")
    if unsafe:
        notes.append(f"{unsafe} lines with other methods than GET and HEAD left out")
    if own:
        notes.append(f"{own} lines of Pointsman's own probes left out")
    if tally.pruned:
        rare = f"those asked {tally.pruned} times or less may be missing, and counts that much too low"
        notes.append(f"too many different requests to count all: {rare}")
    return tally, lines, unclear + unsafe + own, notes


def looks_like_log(line: str) -> bool:
    """Whether a line gives a request as a log would."""
    return _read_line(line.encode("utf-8", "surrogatepass")) is not None


def _read_line(raw: bytes) -> tuple[str, Place] | None:
    text = raw.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        return _read_json(text)
    return _read_text(text)


def _read_text(text: str) -> tuple[str, Place] | None:
    match = _REQUEST.search(text)
    if match is None:
        return None
    place = place_of(_unescaped(match[2]), _text_host(text, match))
    return (match[1], place) if place is not None else None


def _text_host(text: str, match: re.Match[str]) -> str:
    if _ENVOY.search(text[: match.start()]):
        quoted = _QUOTED.findall(text, match.end())
        return quoted[-2] if len(quoted) >= 4 else ""
    virtual = _VIRTUAL_HOST.match(text)
    return virtual[1] if virtual else ""


def _unescaped(target: str) -> str:
    # nginx and Apache write what is not plain as \xHH, and a quote as \"
    if "\\" not in target:
        return target
    return _ESCAPED_BYTE.sub(r"%\1", target).replace('\\"', "%22").replace("\\\\", "%5C")


def _read_json(text: str) -> tuple[str, Place] | None:
    try:
        entry = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    wrapped = entry.get("log")
    # what a container runtime wraps round a line
    if isinstance(wrapped, str):
        inner = wrapped.strip()
        return _read_json_fields(inner) if inner.startswith("{") else _read_text(inner)
    return _from_fields(entry)


def _read_json_fields(text: str) -> tuple[str, Place] | None:
    try:
        entry = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return _from_fields(entry) if isinstance(entry, dict) else None


def _from_fields(entry: Mapping[str, Any]) -> tuple[str, Place] | None:
    line = entry.get("request")
    host = _first(entry, _HOST_KEYS)
    if isinstance(line, str):
        # nginx's "$request", and some put a method of its own beside it
        match = _REQUEST.fullmatch(f'"{line}"')
        if match is not None:
            place = place_of(match[2], host)
            return (match[1], place) if place is not None else None
    for name in ("request", "httpRequest"):
        nested = entry.get(name)
        if isinstance(nested, Mapping):
            return _named(nested, _first(nested, _HOST_KEYS) or host)
    return _named(entry, host) or _elastic(entry, host)


def _named(entry: Mapping[str, Any], host: str) -> tuple[str, Place] | None:
    method, target = _first(entry, _METHOD_KEYS), _first(entry, _TARGET_KEYS)
    if not method or not target:
        return None
    query = _first(entry, _QUERY_KEYS).removeprefix("?")
    if "?" not in target and query not in ("", "-"):
        target = f"{target}?{query}"
    place = place_of(target, host)
    return (method.upper(), place) if place is not None else None


def _elastic(entry: Mapping[str, Any], host: str) -> tuple[str, Place] | None:
    """Fields of the Elastic Common Schema, dotted or nested."""
    method = _dotted(entry, "http.request.method")
    path, query = _dotted(entry, "url.path"), _dotted(entry, "url.query")
    target = _dotted(entry, "url.original") or (f"{path}?{query}" if path and query else path)
    place = place_of(target, _dotted(entry, "url.domain") or host) if method and target else None
    return (method.upper(), place) if place is not None else None


def _dotted(entry: Mapping[str, Any], name: str) -> str:
    value: Any = entry.get(name)
    if value is None:
        value = entry
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""


def _first(entry: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = entry.get(name)
        if isinstance(value, str) and value not in ("", "-"):
            return value
    return ""
