"""What the filters of a route rule do to one request, in their order.

API: the doc comments of HTTPRouteFilter, HTTPRequestRedirectFilter, HTTPURLRewriteFilter, HTTPPathModifier,
HTTPHeaderFilter, HTTPRequestMirrorFilter and HTTPCORSFilter (apis/v1, v1.6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..objects import PathMatch, RouteFilter
from ..text import clean
from .model import Outcome, Step
from .request import Request

_WELL_KNOWN = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Filtered:
    """``outcome`` is set where a filter answers itself (a redirect, a CORS preflight); ``open_`` are filters
    whose effect only the controller knows."""

    steps: tuple[Step, ...]
    outcome: Outcome | None = None
    open_: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def apply_filters(
    filters: Iterable[RouteFilter], request: Request, matched: PathMatch | None, namespace: str
) -> Filtered:
    """The steps, and the outcome where one of them ends the matter. ``matched`` is the path match that won;
    ``namespace`` the route's own."""
    steps: list[Step] = []
    opened: list[str] = []
    faults: list[str] = []
    outcome: Outcome | None = None
    for one in filters:
        match one.type:
            case "RequestRedirect":
                status, location, fault = redirect(one.request_redirect or {}, request, matched)
                steps.append(Step("RequestRedirect", f"{status} to {clean(location, 300)}"))
                answer = Outcome(
                    "redirect", f"redirect to {clean(location, 300)}", status, clean(location, 2000)
                )
                outcome, faults = outcome or answer, [*faults, *fault]
            case "URLRewrite":
                step, fault = _rewrite(one.url_rewrite or {}, request, matched)
                steps.append(step)
                faults += fault
            case "RequestHeaderModifier":
                steps.append(
                    Step("RequestHeaderModifier", _headers(one.request_header_modifier or {}, request))
                )
            case "ResponseHeaderModifier":
                steps.append(
                    Step("ResponseHeaderModifier", _headers(one.response_header_modifier or {}, None))
                )
            case "RequestMirror":
                steps.append(Step("RequestMirror", _mirror(one, namespace)))
            case "CORS":
                step, preflight = _cors(one.cors or {}, request)
                steps.append(step)
                outcome = outcome or preflight
            case "ExtensionRef" if one.extension_ref is not None:
                ref = one.extension_ref
                named = clean(f"{ref.kind}.{ref.group} {namespace}/{ref.name}", 200)
                steps.append(Step("ExtensionRef", f"{named}: what it does is the controller's own"))
                opened.append(f"ExtensionRef {named}")
            case _:
                steps.append(Step(clean(one.type, 40), "what it does is not worked out here"))
                opened.append(clean(one.type, 40))
    return Filtered(tuple(steps), outcome, tuple(opened), tuple(faults))


def redirect(
    spec: Mapping[str, Any], request: Request, matched: PathMatch | None
) -> tuple[int, str, tuple[str, ...]]:
    """Status, Location and faults of a RequestRedirect.

    The port is the redirect's own; else the scheme's well-known one where a scheme is set; else the
    listener's. It is left out where it is the well-known one. The query is kept.
    """
    scheme = str(spec.get("scheme") or request.scheme)
    host = str(spec.get("hostname") or request.host)
    port = spec.get("port") or (_WELL_KNOWN.get(scheme, request.port) if spec.get("scheme") else request.port)
    path, faults = _new_path(spec.get("path"), request.path, matched)
    shown = "" if port == _WELL_KNOWN.get(scheme) else f":{port}"
    bracketed = f"[{host}]" if ":" in host else host
    query = f"?{request.raw_query}" if request.raw_query else ""
    status = spec.get("statusCode")
    return status if isinstance(status, int) else 302, f"{scheme}://{bracketed}{shown}{path}{query}", faults


def _rewrite(
    spec: Mapping[str, Any], request: Request, matched: PathMatch | None
) -> tuple[Step, tuple[str, ...]]:
    path, faults = _new_path(spec.get("path"), request.path, matched)
    parts = []
    if spec.get("hostname"):
        parts.append(f"Host {clean(request.host, 120)} becomes {clean(spec['hostname'], 253)}")
    if spec.get("path") is not None:
        parts.append(f"path {clean(request.path, 120)} becomes {clean(path, 300)}")
    return Step("URLRewrite", "; ".join(parts) or "nothing"), faults


def _new_path(modifier: object, path: str, matched: PathMatch | None) -> tuple[str, tuple[str, ...]]:
    if not isinstance(modifier, Mapping):
        return path, ()
    if modifier.get("type") == "ReplaceFullPath":
        return str(modifier.get("replaceFullPath") or "/"), ()
    if modifier.get("type") == "ReplacePrefixMatch":
        if matched is not None and matched.type != "PathPrefix":
            return path, ("ReplacePrefixMatch needs a PathPrefix match: the API has the route not accepted",)
        prefix = matched.value if matched else "/"
        return replace_prefix(path, prefix, str(modifier.get("replacePrefixMatch") or "")), ()
    return path, (f"path modifier {clean(modifier.get('type'), 40)} is not known",)


def replace_prefix(path: str, prefix: str, replacement: str) -> str:
    """The path with its matched prefix replaced, element-wise as in the API's table (HTTPPathModifier)."""
    rest = path[len(prefix.rstrip("/")) :]
    return (replacement.rstrip("/") + rest) or "/"


def _headers(spec: Mapping[str, Any], request: Request | None) -> str:
    parts = []
    for verb in ("set", "add"):
        for entry in _entries(spec.get(verb)):
            name, value = clean(entry.get("name", ""), 80), clean(entry.get("value", ""), 120)
            before = request.header(str(entry.get("name", ""))) if request else None
            was = f" (was {clean(before, 60)!r})" if before is not None and verb == "set" else ""
            parts.append(f"{verb} {name}: {value}{was}")
    removed = spec.get("remove")
    for name in removed if isinstance(removed, (list, tuple)) else ():
        sent = "" if request is None or request.header(str(name)) is not None else " (not sent)"
        parts.append(f"remove {clean(name, 80)}{sent}")
    return "; ".join(parts) or "nothing"


def _entries(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, (list, tuple)) else []


def _mirror(one: RouteFilter, namespace: str) -> str:
    if one.request_mirror is None:
        return "nothing"
    backend = one.request_mirror.backend_ref
    where = clean(f"{backend.kind} {backend.namespace or namespace}/{backend.name}:{backend.port}", 200)
    return f"a copy goes to {where}; its answer is thrown away"


def _cors(spec: Mapping[str, Any], request: Request) -> tuple[Step, Outcome | None]:
    origin = request.header("origin")
    if origin is None:
        return Step("CORS", "no Origin header: nothing to do"), None
    allowed = _origin_allowed(origin, spec.get("allowOrigins"))
    word = "is allowed" if allowed else "is not allowed"
    step = Step("CORS", f"origin {clean(origin, 120)} {word}")
    if request.method != "OPTIONS" or request.header("access-control-request-method") is None:
        return step, None
    text = f"the edge answers the CORS preflight itself; origin {clean(origin, 120)} {word}"
    return step, Outcome("edge", text, 204)


def _origin_allowed(origin: str, allowed: object) -> bool:
    for one in allowed if isinstance(allowed, (list, tuple)) else ():
        pattern = str(one)
        scheme, _, host = pattern.partition("://*.")
        if pattern in ("*", origin):
            return True
        if host and origin.startswith(f"{scheme}://") and origin.endswith(f".{host}"):
            return True
    return False
