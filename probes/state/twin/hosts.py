"""Annotations that need more than the rules of one request: redirects, canaries, other names of a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ....cluster.objects import Route, RouteRule
from ....cluster.text import clean
from .answers import Answer, Target
from .context import SAME, Carried, Context, HostTwin, Outcome
from .native import CHECKS as RULE_CHECKS
from .native import NO_EFFECT, Check, missing
from .new import NewSide, targets_of

_LIKE_OLD = 308


def https_redirect(ctx: Context, key: str, value: str) -> Outcome:
    """Plain HTTP must be sent on to https, as the old side does with 308 (RFC 9110, 15.4.9)."""
    if value != "true":
        return NO_EFFECT
    codes: set[int] = set()
    for twin in ctx.hosts:
        if key == "ssl-redirect" and not twin.old.has_tls:
            continue
        plain = NewSide(ctx.world, twin.host, tls=False)
        for path in twin.paths:
            answer = plain.answer(path.old.path if path.old.path.startswith("/") else "/")
            if answer is None:
                if plain.unsure:
                    return Outcome(Carried.UNKNOWN, plain.unsure)
                return missing(f"nothing answers http://{clean(twin.host, 253)}{clean(path.old.path, 80)}")
            spec = _redirect(answer)
            if spec is None or spec.get("scheme") != "https":
                return missing(f"plain HTTP of {clean(twin.host, 253)} is served and not sent on to https")
            codes.add(redirect_code(spec))
    if not codes:
        return Outcome(Carried.NO_EFFECT, "no host of it has a certificate")
    if codes == {_LIKE_OLD}:
        return SAME
    shown = ", ".join(str(code) for code in sorted(codes))
    return Outcome(Carried.NEAR, f"{shown} where nginx answers 308: a POST may arrive as GET")


def _redirect(answer: Answer) -> Mapping[str, Any] | None:
    filters = answer.spec.filters if answer.spec else ()
    return next((one.request_redirect for one in filters if one.request_redirect is not None), None)


def redirect_code(spec: Mapping[str, Any]) -> int:
    """The status of a RequestRedirect; 302 where it gives none (HTTPRequestRedirectFilter)."""
    code = spec.get("statusCode")
    return code if isinstance(code, int) else 302


def redirect(ctx: Context, key: str, value: str) -> Outcome:
    """The whole URL, in the parts that a RequestRedirect has."""
    url = ctx.value("permanent-redirect") or ctx.value("temporal-redirect")
    if not url:
        return NO_EFFECT
    try:
        wanted = urlsplit(url if "://" in url else f"//{url}")
    except ValueError:
        return Outcome(Carried.UNKNOWN, "its value is no URL")
    default = 301 if ctx.value("permanent-redirect") else 302
    given = ctx.value("permanent-redirect-code") or ctx.value("temporal-redirect-code")
    code = int(given) if given.isdigit() else default
    specs = [_redirect(answer) for twin in ctx.hosts for path in twin.paths for answer in path.answers]
    if not specs or any(spec is None for spec in specs):
        return missing("no RequestRedirect in the rule")
    for spec in specs:
        assert spec is not None
        path = spec.get("path")
        full = path.get("replaceFullPath") if isinstance(path, dict) else None
        if wanted.hostname and spec.get("hostname") != wanted.hostname:
            return Outcome(Carried.DIFFERS, f"to host {clean(spec.get('hostname') or 'the same', 100)}")
        if wanted.path not in ("", "/") and full != wanted.path:
            return Outcome(Carried.DIFFERS, f"to path {clean(full or 'of the request', 100)}")
        if redirect_code(spec) != code:
            return Outcome(Carried.NEAR, f"{redirect_code(spec)} where it was {code}")
    return SAME


def app_root(ctx: Context, key: str, value: str) -> Outcome:
    """``/`` itself is redirected, nothing below it."""
    if value.rstrip("/") == "":
        return Outcome(Carried.NO_EFFECT, "/ is not sent to itself")
    for twin in ctx.hosts:
        answer = twin.new.answer("/")
        spec = _redirect(answer) if answer else None
        path = spec.get("path") if spec else None
        if not isinstance(path, dict) or path.get("replaceFullPath") != value:
            return missing(f"/ of {clean(twin.host, 253)} is not redirected to {clean(value, 100)}")
    return SAME


def passthrough(ctx: Context, key: str, value: str) -> Outcome:
    """A TLSRoute: the proxy does not look inside."""
    for twin in ctx.hosts:
        kinds = {ref.kind for ref in twin.new.routes}
        if "TLSRoute" not in kinds:
            return missing(f"{clean(twin.host, 253)} is answered by {', '.join(sorted(kinds)) or 'nothing'}")
    return SAME


def alias(ctx: Context, key: str, value: str) -> Outcome:
    """Every other name needs a route too."""
    names = [name.strip().lower() for name in value.split(",") if name.strip()]
    without = [
        name for name in names if not name.startswith("~") and NewSide(ctx.world, name).answer("/") is None
    ]
    if without:
        return missing(f"no route answers {clean(', '.join(without[:5]), 200)}")
    return SAME


def www(ctx: Context, key: str, value: str) -> Outcome:
    """``www.`` is sent to the name without it, or the other way round."""
    for twin in ctx.hosts:
        host = twin.host
        other = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
        answer = NewSide(ctx.world, other).answer("/")
        spec = _redirect(answer) if answer else None
        if spec is None or spec.get("hostname") != host:
            return missing(f"{clean(other, 253)} is not redirected to {clean(host, 253)}")
    return SAME


# --- canaries ------------------------------------------------------------------------------------


def canary(ctx: Context, key: str, value: str) -> Outcome:
    """The weight of its backend among those of the rule."""
    weight, total = ctx.value("canary-weight"), ctx.value("canary-weight-total") or "100"
    if not weight.isdigit() or not total.isdigit() or int(total) == 0:
        return NO_EFFECT
    wanted = int(weight) / int(total)
    for twin in ctx.hosts:
        for path in _canary_paths(twin, ctx):
            answer = twin.new.answer(path[0])
            shares = [one.share for one in (answer.targets if answer else ()) if one.same_object(path[1])]
            given = shares[0] if shares else 0.0
            if abs(given - wanted) > 0.005:
                if not shares and wanted:
                    return missing(f"{path[1]} gets no request of {clean(path[0], 80)}; it was {wanted:.0%}")
                return Outcome(Carried.DIFFERS, f"{path[1]} gets {given:.0%}, where it was {wanted:.0%}")
    return SAME


def _canary_paths(twin: HostTwin, ctx: Context) -> list[tuple[str, Target]]:
    found: list[tuple[str, Target]] = []
    for rule in ctx.ingress.spec.rules:
        for path in rule.http.paths:
            service = path.backend.service
            if rule.host.lower() == twin.old.key and service is not None:
                target = Target("Service", ctx.ingress.meta.namespace, service.name, service.port.number)
                found.append((path.path or "/", target))
    return found


def canary_header(ctx: Context, key: str, value: str) -> Outcome:
    """A rule that asks for the header, or the cookie, and leads to its backend."""
    header = "cookie" if key == "canary-by-cookie" else ctx.value("canary-by-header").lower()
    for twin in ctx.hosts:
        for _, target in _canary_paths(twin, ctx):
            matches = [
                one
                for route, rule in twin.new.rules
                if _leads_to(route, rule, target)
                for match in rule.matches
                for one in match.headers
                if str(one.get("name", "")).lower() == header
            ]
            if not matches:
                return missing(f"no rule with a match on header {clean(header, 80)} leads to {target}")
            wanted = ctx.value("canary-by-header-value") or "always"
            literal = key != "canary-by-cookie" and not ctx.value("canary-by-header-pattern")
            if literal and all(str(one.get("value")) != wanted for one in matches):
                return Outcome(Carried.DIFFERS, f"no match on the value {clean(wanted, 80)}")
    if key.endswith(("pattern", "cookie")):
        return Outcome(Carried.NEAR, "expressions are the controller's")
    return SAME


def _leads_to(route: Route, rule: RouteRule, target: Target) -> bool:
    return any(one.same_object(target) for one in targets_of(route, rule))


CHECKS: Mapping[str, Check] = {
    **RULE_CHECKS,
    "https-redirect": https_redirect,
    "redirect": redirect,
    "app-root": app_root,
    "passthrough": passthrough,
    "alias": alias,
    "www": www,
    "canary": canary,
    "canary-header": canary_header,
}
