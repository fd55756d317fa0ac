"""Whether a request matches: hosts, paths, methods, headers and query parameters, each by its API's words.

API: the doc comments of HTTPRouteMatch, HTTPPathMatch, HTTPHeaderMatch, HTTPQueryParamMatch, GRPCRouteMatch
and GRPCMethodMatch (apis/v1, v1.6). Python's ``re`` stands in for the data plane's engine where a pattern
can be evaluated safely; where it cannot, the answer is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..objects import PathMatch, RouteMatch
from ..text import clean
from .bounded_regex import evaluate
from .request import Request

# what an absent type means in each match (API defaults)
_EXACT = "Exact"
_REGEX = "RegularExpression"
# the first part of the rank of an HTTPRoute's match
EXACT_RANK, REGEX_RANK, _PREFIX_RANK = 2, 1, 0


@dataclass(frozen=True, slots=True)
class Matching:
    """``matched`` None: it could not be evaluated. ``reason`` is a fixed word of what did not match.

    ``rank`` sorts matches, the better first; ``regex`` says that an implementation-specific expression
    takes part in it; ``how`` is the match in words.
    """

    matched: bool | None
    reason: str = ""
    detail: str = ""
    rank: tuple[int, ...] = ()
    regex: bool = False
    how: str = ""


# --- hosts ---------------------------------------------------------------------------------------


def host_matches(pattern: str, host: str) -> bool:
    """A hostname of a listener or route against the request's; a wildcard covers one or more labels.

    API: Hostname. Both are compared in lower case; an empty pattern matches every host.
    """
    pattern = pattern.lower()
    if not pattern or pattern == "*":
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return pattern == host


def host_rank(pattern: str) -> tuple[int, int]:
    """How specific a matching hostname is: characters if it is no wildcard, then characters.

    API: HTTPRouteSpec.hostnames ("precedence must be given to rules from the HTTPRoute with ...").
    """
    if not pattern or pattern == "*":
        return (0, 0)
    return (0 if pattern.startswith("*") else len(pattern), len(pattern))


def best_hostname(patterns: Iterable[str], host: str) -> str | None:
    """The most specific of the hostnames that match; None where none does."""
    matching = [pattern for pattern in patterns if host_matches(pattern, host)]
    return max(matching, key=host_rank, default=None)


# --- paths ---------------------------------------------------------------------------------------


def prefix_matches(prefix: str, path: str) -> bool:
    """Element by element: /foo matches /foo, /foo/ and /foo/bar, never /foobar. A final slash is ignored.

    API: PathMatchPathPrefix; the same for Ingress (networking/v1, PathTypePrefix).
    """
    base = prefix.rstrip("/")
    return not base or path == base or path.startswith(f"{base}/")


def _path(match: PathMatch, path: str) -> tuple[bool | None, str]:
    if match.type == "PathPrefix":
        return prefix_matches(match.value, path), ""
    if match.type == _EXACT:
        return match.value == path, ""
    if match.type == _REGEX:
        answer = evaluate(match.value, path, whole=True)
        return answer.matched, answer.why
    return None, f"path type {clean(match.type, 40)} is not known"


# --- the whole match -----------------------------------------------------------------------------


def match_http(match: RouteMatch, request: Request) -> Matching:
    """One HTTPRouteMatch; its parts are ANDed. ``rank``: path type, length, method, headers, query.

    The API leaves the place of a RegularExpression path open; here it stands between Exact and prefix,
    where most data planes put it, and ``regex`` says so.
    """
    path = match.path or PathMatch()
    fits, why = _path(path, request.path)
    shown = f"{clean(path.type, 20)} {clean(path.value, 120)}"
    if fits is False:
        return Matching(False, "path", f"path {clean(request.path, 120)} is not {shown}")
    if isinstance(match.method, str) and match.method != request.method:
        return Matching(False, "method", f"method is {request.method}, not {clean(match.method, 20)}")
    headers, queries = _first_entries(match.headers, fold=True), _first_entries(match.query_params)
    unsure = why
    for words, entries, read in (
        ("header", headers, request.header),
        ("query", queries, request.parameter),
    ):
        for entry in entries:
            holds, detail = _value(words, entry, read(str(entry.get("name", ""))))
            if holds is False:
                return Matching(False, words, detail)
            unsure = unsure or (detail if holds is None else "")
    method = isinstance(match.method, str)
    rank = (
        {_EXACT: EXACT_RANK, _REGEX: REGEX_RANK}.get(path.type, _PREFIX_RANK),
        len(path.value) if path.type == "PathPrefix" else 0,
        int(method),
        len(headers),
        len(queries),
    )
    regex = path.type == _REGEX or any(one.get("type") == _REGEX for one in (*headers, *queries))
    how = ", ".join([shown, *([f"method {request.method}"] if method else []), *_named(headers, queries)])
    if fits is None or unsure:
        return Matching(None, "not-evaluated", f"{shown}: {clean(unsure, 160)}", rank, regex, how)
    return Matching(True, rank=rank, regex=regex, how=how)


def match_grpc(match: RouteMatch, request: Request) -> Matching:
    """One GRPCRouteMatch: the path is /service/method. ``rank``: service, method, headers.

    API: GRPCMethodMatch; GRPCRouteRule.matches for the order.
    """
    wanted: Mapping[str, Any] = match.method if isinstance(match.method, dict) else {}
    service, _, method = request.path.lstrip("/").partition("/")
    regex = wanted.get("type") == _REGEX
    unsure = ""
    for name, given in (("service", service), ("method", method)):
        value = wanted.get(name)
        if not value:
            continue
        if regex:
            answer = evaluate(str(value), given, whole=True)
            holds, unsure = answer.matched, unsure or answer.why
        else:
            holds = str(value) == given
        if holds is False:
            return Matching(False, "method", f"{name} {clean(given, 80)} is not {clean(value, 80)}")
    headers = _first_entries(match.headers, fold=True)
    for entry in headers:
        holds, detail = _value("header", entry, request.header(str(entry.get("name", ""))))
        if holds is False:
            return Matching(False, "header", detail)
        unsure = unsure or (detail if holds is None else "")
    asked = [str(wanted.get(part) or "") for part in ("service", "method")]
    rank = (*map(len, asked), len(headers))
    shown = f"{clean(asked[0] or 'any service', 80)}/{clean(asked[1] or 'any method', 80)}"
    regex = regex or any(one.get("type") == _REGEX for one in headers)
    how = ", ".join([shown, *_named(headers, ())])
    if unsure:
        return Matching(None, "not-evaluated", f"{shown}: {clean(unsure, 160)}", rank, regex, how)
    return Matching(True, rank=rank, regex=regex, how=how)


def _first_entries(entries: Iterable[dict[str, Any]], *, fold: bool = False) -> tuple[dict[str, Any], ...]:
    """Only the first entry of each name counts (API: HTTPHeaderMatch.name, HTTPQueryParamMatch.name);
    header names do not distinguish case.
    """
    first: dict[str, dict[str, Any]] = {}
    for entry in entries:
        name = str(entry.get("name", ""))
        first.setdefault(name.lower() if fold else name, entry)
    return tuple(first.values())


def _value(words: str, entry: Mapping[str, Any], given: str | None) -> tuple[bool | None, str]:
    name, wanted = clean(entry.get("name", ""), 80), str(entry.get("value", ""))
    if given is None:
        return False, f"{words} {name} is not sent"
    kind = entry.get("type", _EXACT)
    if kind == _EXACT:
        return given == wanted, f"{words} {name} is {clean(given, 60)!r}, not {clean(wanted, 60)!r}"
    if kind != _REGEX:
        return None, f"{words} {name}: match type {clean(kind, 40)} is not known"
    answer = evaluate(wanted, given, whole=True)
    if answer.matched is None:
        return None, f"{words} {name}: {answer.why}"
    return answer.matched, f"{words} {name} is {clean(given, 60)!r}, which does not match {clean(wanted, 60)}"


def _named(headers: Iterable[Mapping[str, Any]], queries: Iterable[Mapping[str, Any]]) -> list[str]:
    return [f"header {clean(one.get('name', ''), 60)}" for one in headers] + [
        f"query {clean(one.get('name', ''), 60)}" for one in queries
    ]
