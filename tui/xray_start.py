"""The request with which the x-ray of a route begins: its first host and path, through its own listener."""

from __future__ import annotations

import shlex
from urllib.parse import urlencode

from ..cluster.objects import Listener, Route, RouteMatch
from ..cluster.refs import ObjectRef
from ..cluster.routing.request import TOKEN
from ..cluster.rules.scene import Scene
from ..cluster.rules.topology import Topology
from ..cluster.snapshot import Snapshot


def request_for(snapshot: Snapshot, ref: ObjectRef) -> str:
    """``GET https://host/path -H ...`` that the first match of the route takes, as far as it can be written
    down; empty for a route that is gone."""
    route = snapshot.routes.get(ref)
    if route is None:
        return ""
    listener = _listener(snapshot, route)
    tls = listener is None or listener.protocol in ("HTTPS", "TLS")
    scheme = "https" if tls else "http"
    port = listener.port if listener else 443
    shown = "" if port == (443 if tls else 80) else f":{port}"
    matches = route.spec.rules[0].matches if route.spec.rules else ()
    match = matches[0] if matches else RouteMatch()
    words = [
        _method(route, match),
        f"{scheme}://{_host(route, listener)}{shown}{_path(match)}{_query(match)}",
    ]
    for entry in match.headers:
        # no request can hold a header of another name
        if entry.get("type", "Exact") == "Exact" and TOKEN.fullmatch(str(entry.get("name"))):
            words += ["-H", f"{entry.get('name')}: {entry.get('value')}"]
    if route.kind == "GRPCRoute":
        words += ["-H", "content-type: application/grpc"]
    return shlex.join(words)


def _listener(snapshot: Snapshot, route: Route) -> Listener | None:
    found = [
        one.listener for entry in Topology(Scene(snapshot)).attachments(route) for one in entry.listeners
    ]
    return next((one for one in found if one.protocol in ("HTTPS", "TLS")), found[0] if found else None)


def _host(route: Route, listener: Listener | None) -> str:
    names = [*route.spec.hostnames, *([listener.hostname] if listener and listener.hostname else [])]
    return names[0].replace("*.", "any.", 1) if names else "any.example"


def _method(route: Route, match: RouteMatch) -> str:
    if route.kind == "GRPCRoute":
        return "POST"
    return match.method if isinstance(match.method, str) else "GET"


def _path(match: RouteMatch) -> str:
    if isinstance(match.method, dict):
        return f"/{match.method.get('service') or 'any.Service'}/{match.method.get('method') or 'Any'}"
    path = match.path.value if match.path else "/"
    regex = match.path is not None and match.path.type == "RegularExpression"
    return "/" if regex or not path.startswith("/") else path


def _query(match: RouteMatch) -> str:
    pairs = [
        (str(one.get("name")), str(one.get("value")))
        for one in match.query_params
        if one.get("type", "Exact") == "Exact"
    ]
    return f"?{urlencode(pairs)}" if pairs else ""
