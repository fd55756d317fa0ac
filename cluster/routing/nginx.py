"""A request against ingress-nginx: which server and location take it, and what they do with it.

Read in kubernetes/ingress-nginx (v1.x): rootfs/etc/nginx/template/nginx.tmpl, template.go (buildProxyPass),
rootfs/etc/nginx/lua/lua_ingress.lua (redirect to HTTPS), balancer.lua (canary, 503); and in the nginx
manual: ngx_http_core_module, "location" (order, and the 301 to a location that ends in a slash).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from ..kubernetes_objects import Ingress
from ..refs import ObjectRef
from ..rules.references import Endpoints
from ..snapshot import Snapshot
from ..text import clean
from .backends import ingress_share, shares_outcome
from .bounded_regex import evaluate
from .model import Draft, Loss, Outcome, Share, Step, Trace, Winner
from .nginx_backends import nginx_shares
from .nginx_table import DEFAULT_SERVER, Location, Server, Table, annotation, build_table, flag
from .request import Request

_OWN_ANSWERS = (
    "auth-url",
    "auth-type",
    "auth-tls-secret",
    "whitelist-source-range",
    "allowlist-source-range",
    "denylist-source-range",
    "limit-rps",
    "limit-rpm",
    "limit-connections",
    "configuration-snippet",
    "server-snippet",
    "enable-modsecurity",
    "custom-http-errors",
)
_SHOWN = (
    "upstream-vhost",
    "backend-protocol",
    "enable-cors",
    "mirror-target",
    "affinity",
    "x-forwarded-prefix",
)


@dataclass(frozen=True, slots=True)
class _Answer:
    outcome: Outcome
    location: Location | None = None
    steps: tuple[Step, ...] = ()
    shares: tuple[Share, ...] = ()


def trace_nginx(
    snapshot: Snapshot, edge: str, ingresses: Iterable[Ingress], request: Request, endpoints: Endpoints
) -> Trace:
    """What an ingress-nginx that serves these Ingresses does with the request."""
    table = build_table(ingresses)
    draft = Draft(losses=list(table.losses))
    if request.port not in (80, 443):
        draft.notes.append(
            f"ingress-nginx listens on 80 and 443; port {request.port} is taken for one of these"
        )
    www = table.www_redirect(request.host)
    server = table.find(request.host)
    if www is not None and (server.host == DEFAULT_SERVER or server.host.startswith("*.")):
        location = f"{request.scheme}://{www}{_uri(request)}"
        answer = _Answer(_redirect(308, location, "from-to-www-redirect"))
        server = table.servers[www]
    else:
        answer = _in_server(snapshot, table, server, request, endpoints, draft)
    _lose_hosts(table, server, draft)
    return _trace(edge, server, answer, draft)


def _in_server(
    snapshot: Snapshot, table: Table, server: Server, request: Request, endpoints: Endpoints, draft: Draft
) -> _Answer:
    if request.scheme == "https":
        if server.passthrough:
            return _passthrough(snapshot, server, endpoints, draft)
        if not server.tls:
            draft.notes.append(
                "no Ingress of the host has tls: clients get the controller's fake certificate"
            )
    path = normal_path(request.path)
    if path is None:
        return _Answer(Outcome("error", "400: the path leads above the root", 400))
    if path == "/":
        for one in server.locations:
            root = annotation(one.ingress, "app-root")
            if root.startswith("/"):
                location = f"{request.scheme}://{_http_host(request)}{clean(root, 500)}"
                return _Answer(_redirect(302, location, "app-root"), one)
    slash = None if server.regex else _slash_redirect(server, path)
    if slash is not None:
        location = f"{request.scheme}://{request.host}{path}/{_query(request)}"
        return _Answer(_redirect(301, location, "nginx adds the slash that the location ends with"), slash)
    found = _choose(server, path, draft)
    if found is None:
        return _Answer(Outcome("error", "404: no location matches", 404))
    return _in_location(snapshot, table, server, found, path, request, endpoints, draft)


def normal_path(path: str) -> str | None:
    """The path as nginx compares it: decoded, without dot segments and double slashes; None above the root.

    nginx manual: ngx_http_core_module, "location" and "merge_slashes".
    """
    parts: list[str] = []
    decoded = unquote(path, errors="replace")
    pieces = re.sub(r"/+", "/", decoded).split("/")[1:]
    for place, piece in enumerate(pieces):
        last = place == len(pieces) - 1
        if piece == "..":
            if not parts:
                return None
            parts.pop()
        elif piece != ".":
            parts.append(piece)
            continue
        if last:
            parts.append("")
    return "/" + "/".join(parts)


def _slash_redirect(server: Server, path: str) -> Location | None:
    if any(one.kind == "Exact" and one.path == path for one in server.locations):
        return None
    return next((one for one in server.locations if one.path == f"{path}/"), None)


def rendered(location: Location, regex: bool) -> str:
    """The location as it stands in nginx.conf."""
    shown = clean(location.path, 160)
    if regex:
        return f'location ~* "^{shown}"'
    return f"location = {shown}" if location.kind == "Exact" else f"location {shown}"


def _choose(server: Server, path: str, draft: Draft) -> Location | None:
    """Expressions: the first in order. Else the exact one, else the longest prefix."""
    winner: Location | None = None
    if not server.regex:
        exact = [one for one in server.locations if one.kind == "Exact" and one.path == path]
        prefixes = [one for one in server.locations if one.kind != "Exact" and path.startswith(one.path)]
        winner = next(iter([*exact, *sorted(prefixes, key=lambda one: -len(one.path))]), None)
    told: dict[tuple[ObjectRef, int, int], Loss] = {}
    for one in server.locations:
        matched: bool | None
        if server.regex:
            found = evaluate(one.path, path, whole=False, ignore_case=True)
            matched = found.matched
            if matched and winner is None:
                winner = one
            elif matched is None and winner is None:
                draft.doubts.append(f"{rendered(one, regex=True)} may take it: {clean(found.why, 160)}")
        else:
            matched = path == one.path if one.kind == "Exact" else path.startswith(one.path)
        loss = _lose(server, one, winner, matched)
        # a plain prefix has two blocks: it is told once, of the one that matches
        if loss is not None and (loss.matched or (loss.ref, loss.rule, loss.match) not in told):
            told[loss.ref, loss.rule, loss.match] = loss
    if winner is not None and winner.ingress is not None:
        told.pop((winner.ingress.ref, winner.rule, winner.match), None)
    draft.losses += told.values()
    return winner


def _lose(server: Server, one: Location, winner: Location | None, matched: bool | None) -> Loss | None:
    if one.ingress is None or one.match == 0 or _same(one, winner):
        return None
    shown = rendered(one, server.regex)
    if matched is None:
        loss = ("not-evaluated", f"{shown} could not be evaluated")
    elif not matched:
        loss = ("path", f"{shown} does not match")
    elif server.regex:
        loss = ("location-order", f"{shown} matches, but stands behind the winner (longest path first)")
    else:
        loss = ("shorter-prefix", f"{shown} matches, but gives way to the exact or longer one")
    return Loss(one.ingress.ref, *loss, one.rule, one.match, bool(matched))


def _same(one: Location, other: Location | None) -> bool:
    """Whether two blocks come from one path of one Ingress."""
    if other is None or one.ingress is None or other.ingress is None:
        return False
    return (one.ingress.ref, one.rule, one.match) == (other.ingress.ref, other.rule, other.match)


def _in_location(
    snapshot: Snapshot,
    table: Table,
    server: Server,
    found: Location,
    path: str,
    request: Request,
    endpoints: Endpoints,
    draft: Draft,
) -> _Answer:
    ingress = found.ingress
    # lua, which sends on to https, runs at the end of the rewrite phase: return and rewrite come before it
    sent_away = _return(ingress, request) or _rewritten_away(found, path, request)
    sent_away = sent_away or _to_https(server, ingress, request)
    if sent_away is not None:
        return _Answer(sent_away, found)
    steps = [*_rewrite_step(found, path, draft), *_annotation_steps(ingress, draft)]
    if found.upstream is None:
        return _Answer(
            Outcome("error", "404: the default backend of the controller", 404), found, tuple(steps)
        )
    shares = nginx_shares(snapshot, table, found, request, endpoints, draft)
    draft.judge_health(shares, offline=snapshot.offline)
    return _Answer(shares_outcome(shares, "Ingress"), found, tuple(steps), shares)


def _return(ingress: Ingress | None, request: Request) -> Outcome | None:
    """temporal-redirect before permanent-redirect; both before anything else of the location."""
    for name, usual in (("temporal-redirect", 302), ("permanent-redirect", 301)):
        url = annotation(ingress, name)
        if url:
            code = annotation(ingress, f"{name}-code")
            status = int(code) if code.isdigit() and 300 <= int(code) <= 308 else usual
            for variable, value in (
                ("$request_uri", _uri(request)),
                ("$scheme", request.scheme),
                ("$host", request.host),
            ):
                url = url.replace(variable, value)
            return _redirect(status, clean(url, 2000), name)
    return None


def _to_https(server: Server, ingress: Ingress | None, request: Request) -> Outcome | None:
    """308 to https; one final slash of the URI is lost unless preserve-trailing-slash says otherwise."""
    if request.scheme != "http" or ingress is None:
        return None
    forced = flag(ingress, "force-ssl-redirect")
    if not forced and not (server.tls and flag(ingress, "ssl-redirect", default=True)):
        return None
    uri = _uri(request)
    if not flag(ingress, "preserve-trailing-slash"):
        uri = uri.removesuffix("/")
    why = "force-ssl-redirect" if forced else "ssl-redirect (the default where the Ingress has tls)"
    return _redirect(308, f"https://{request.host}{uri}", why)


def _rewritten_away(found: Location, path: str, request: Request) -> Outcome | None:
    """A target with a scheme is no rewrite but a redirect (ngx_http_rewrite_module, "rewrite")."""
    if not found.rewrites or not found.target.startswith(("http://", "https://", "$scheme")):
        return None
    target, _ = _rewritten(found, path)
    if target is None:
        return None
    target = target.replace("$scheme", request.scheme)
    if request.raw_query and not target.endswith("?"):
        target += f"{'&' if '?' in target else '?'}{request.raw_query}"
    return _redirect(302, target.removesuffix("?"), "rewrite-target")


def _rewritten(found: Location, path: str) -> tuple[str | None, str]:
    """The rewrite-target with its captures for ``path``; None and why where the path cannot be evaluated."""
    answer = evaluate(found.path, path, whole=False, ignore_case=True)
    if not answer.matched:
        return None, answer.why
    groups = answer.groups

    def group(number: re.Match[str]) -> str:
        at = int(number[1])
        return groups[at - 1] if 0 < at <= len(groups) else ""

    return re.sub(r"\$(\d)", group, found.target), ""


def _rewrite_step(found: Location, path: str, draft: Draft) -> list[Step]:
    if not found.rewrites:
        return []
    target, why = _rewritten(found, path)
    if target is None:
        draft.doubts.append(f"what rewrite-target makes of the path is not known: {clean(why, 160)}")
        return [Step("rewrite-target", clean(found.target, 200))]
    return [Step("rewrite-target", f"path {clean(path, 160)} becomes {clean(target, 300)}")]


def _annotation_steps(ingress: Ingress | None, draft: Draft) -> list[Step]:
    for name in _OWN_ANSWERS:
        if annotation(ingress, name):
            draft.notes.append(f"{name} may answer differently: its effect is not worked out here")
    return [Step(name, clean(annotation(ingress, name), 200)) for name in _SHOWN if annotation(ingress, name)]


def _passthrough(snapshot: Snapshot, server: Server, endpoints: Endpoints, draft: Draft) -> _Answer:
    draft.doubts.append("ssl-passthrough works only where the controller runs with --enable-ssl-passthrough")
    root = next((one for one in server.locations if one.path == "/" and one.upstream), None)
    if root is None or root.upstream is None:
        return _Answer(Outcome("refused", "ssl-passthrough: the host has no backend for /"))
    shares = (ingress_share(snapshot, endpoints, root.upstream.namespace, root.upstream.backend),)
    draft.judge_health(shares, offline=snapshot.offline)
    if shares[0].status:
        return _Answer(Outcome("refused", f"ssl-passthrough: {shares[0].detail}"), root, (), shares)
    return _Answer(Outcome("passthrough", f"TLS is handed on to {shares[0].ref}"), root, (), shares)


# --- words ---------------------------------------------------------------------------------------


def _redirect(status: int, location: str, why: str) -> Outcome:
    return Outcome("redirect", f"redirect to {clean(location, 300)} ({why})", status, clean(location, 2000))


def _query(request: Request) -> str:
    return f"?{request.raw_query}" if request.raw_query else ""


def _uri(request: Request) -> str:
    return f"{request.path}{_query(request)}"


def _http_host(request: Request) -> str:
    asked = request.header("host") or request.host
    usual = 80 if request.scheme == "http" else 443
    return asked if request.port == usual or ":" in asked else f"{asked}:{request.port}"


def _lose_hosts(table: Table, server: Server, draft: Draft) -> None:
    known = {(loss.ref, loss.rule) for loss in draft.losses}
    for other in table.servers.values():
        if other is server:
            continue
        for one in other.locations:
            if one.ingress is None or one.match == 0 or (one.ingress.ref, one.rule) in known:
                continue
            known.add((one.ingress.ref, one.rule))
            name = "no host" if other.host == DEFAULT_SERVER else clean(other.host, 253)
            draft.losses.append(Loss(one.ingress.ref, "hostname", f"{name} is another server", one.rule))


def _trace(edge: str, server: Server, answer: _Answer, draft: Draft) -> Trace:
    found = answer.location
    winner = None
    if found is not None and found.ingress is not None:
        host = "any host" if server.host == DEFAULT_SERVER else clean(server.host, 253)
        how = rendered(found, server.regex)
        winner = Winner(found.ingress.ref, found.rule, found.match, "", host, how)
    if server.regex:
        draft.notes.append(
            "an Ingress of this host uses expressions: all its paths are case-insensitive and open at the end"
        )
    shown = "the default server" if server.host == DEFAULT_SERVER else f"server {clean(server.host, 253)}"
    return Trace(
        side="ingress",
        edge=edge,
        outcome=answer.outcome,
        listener_text=shown,
        winner=winner,
        steps=answer.steps,
        shares=answer.shares,
        losses=tuple(draft.losses),
        doubts=tuple(draft.doubts),
        notes=tuple(dict.fromkeys(draft.notes)),
    )
