"""Whether a route carries in the Gateway API's own fields what an annotation of ingress-nginx asks for.

Each check is named in ``cluster.annotation_table``. GEP numbers: redirects and rewrites HTTPRouteFilter,
CORS GEP-1767, timeouts GEP-1742, retry GEP-1731, session persistence GEP-1619, ExternalAuth GEP-1494.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ....cluster.kubernetes_objects import Service
from ....cluster.objects import RouteFilter
from ....cluster.refs import ObjectRef
from ....cluster.text import clean
from .context import SAME, Carried, Context, Outcome
from .durations import nginx_seconds, route_seconds
from .paths import Likeness

Check = Callable[[Context, str, str], Outcome]

NO_EFFECT = Outcome(Carried.NO_EFFECT)


def missing(words: str) -> Outcome:
    """The field exists in the API, and is not set."""
    return Outcome(Carried.MISSING, words)


def lacking(ctx: Context, test: Callable[[RouteFilter], bool], what: str) -> Outcome:
    """The same where every rule has such a filter, else which has none."""
    if not ctx.serving:
        return missing(f"no rule with {what}")
    without = ctx.lacking(test)
    return missing(f"no {what} in {', '.join(without[:3])}") if without else SAME


def rewrite(ctx: Context, key: str, value: str) -> Outcome:
    """rewrite-target replaces the whole path; without captures ReplaceFullPath is the same."""
    if all(path.old.path == value for twin in ctx.hosts for path in twin.paths):
        return NO_EFFECT
    without = lacking(
        ctx, lambda one: one.url_rewrite is not None and "path" in one.url_rewrite, "URLRewrite"
    )
    if without is not SAME:
        return without
    paths = [
        one.url_rewrite["path"]
        for _, rule in ctx.serving
        for one in rule.filters
        if one.url_rewrite is not None and isinstance(one.url_rewrite.get("path"), dict)
    ]
    kinds = {str(path.get("type")) for path in paths}
    if "$" in value:
        if kinds == {"ReplacePrefixMatch"}:
            return Outcome(Carried.NEAR, "by prefix; the captures themselves have no form")
        return Outcome(Carried.DIFFERS, "captures have no form: a whole path is put in their place")
    if any(path.get("replaceFullPath", value) != value for path in paths):
        return Outcome(Carried.DIFFERS, f"rewritten to {clean(paths[0].get('replaceFullPath'), 100)}")
    if "ReplacePrefixMatch" in kinds:
        return Outcome(Carried.NEAR, "ReplacePrefixMatch keeps what follows the prefix; nginx drops it")
    return SAME


def timeout(ctx: Context, key: str, value: str) -> Outcome:
    """Between two reads on the old side; of the whole request on the new one."""
    if ctx.controller == "nginx-gateway-fabric":
        return missing("NGINX Gateway Fabric ignores timeouts of a rule")
    given = [_limits(rule.timeouts) for _, rule in ctx.serving]
    if not given or not all(given):
        return missing("no timeouts in the rule")
    wanted = nginx_seconds(value)
    limits = [limit for of_rule in given for limit in of_rule]
    if wanted is None or None in limits:
        return Outcome(Carried.UNKNOWN, "the durations cannot be compared")
    # 0 is no limit (GEP-2257)
    shortest = min((limit for limit in limits if limit), default=wanted)
    if shortest < wanted:
        return Outcome(Carried.DIFFERS, f"{shortest:g} s in total, where it was {wanted:g} s between reads")
    return Outcome(Carried.NEAR, "in total, and not between reads: long streams are cut")


def _limits(timeouts: Mapping[str, Any] | None) -> list[float | None]:
    given = timeouts or {}
    return [route_seconds(str(given[name])) for name in ("request", "backendRequest") if name in given]


def backend_protocol(ctx: Context, key: str, value: str) -> Outcome:
    """HTTPS and GRPCS need a BackendTLSPolicy for the Service, GRPC a GRPCRoute or appProtocol h2c."""
    protocol = value.upper()
    if protocol == "HTTP":
        return NO_EFFECT
    if protocol not in ("HTTPS", "GRPC", "GRPCS"):
        return Outcome(Carried.OPEN, f"{clean(value, 40)} backends have no form")
    if protocol in ("HTTPS", "GRPCS"):
        found = backend_tls(ctx, key, value)
        if found.state not in (Carried.SAME, Carried.NEAR):
            return found
    if protocol == "HTTPS":
        return Outcome(Carried.SAME, "and verified, which ingress-nginx does not unless told to")
    if any(not route.kind.startswith("GRPC") for route, _ in ctx.serving):
        plain = [ref for ref in ctx.services if not _speaks_h2(ctx.world.snapshot.services.get(ref))]
        if plain:
            return missing(f"no GRPCRoute, and {plain[0].name} has no appProtocol kubernetes.io/h2c")
    return SAME


def _speaks_h2(service: Service | None) -> bool:
    ports = service.spec.ports if service else ()
    return any((port.app_protocol or "") in ("kubernetes.io/h2c", "grpc", "grpcs", "h2c") for port in ports)


def backend_tls(ctx: Context, key: str, value: str) -> Outcome:
    """A BackendTLSPolicy for each Service (GEP-1897); the client's certificate is the Gateway's."""
    protocol = ctx.value("backend-protocol").upper()
    if protocol not in ("HTTPS", "GRPCS"):
        return Outcome(Carried.NO_EFFECT, "backends are spoken to without TLS")
    if not ctx.services:
        return missing("no Service behind the rules")
    without = [ref for ref in ctx.services if not _has_backend_tls(ctx, ref)]
    state = ctx.world.snapshot.state_of("BackendTLSPolicy")
    if without and not state.knows(without[0].namespace) and state.state != "unseen":
        return Outcome(Carried.UNKNOWN, f"BackendTLSPolicy objects could not be read ({state.state})")
    if without:
        return missing(
            f"no BackendTLSPolicy for Service {', '.join(clean(ref.name, 80) for ref in without[:3])}"
        )
    if key == "proxy-ssl-secret" and not _client_certificate(ctx):
        return missing("no clientCertificateRef in the Gateway's spec.tls.backend")
    if key in ("proxy-ssl-ciphers", "proxy-ssl-protocols", "proxy-ssl-verify-depth"):
        return Outcome(Carried.OPEN, "BackendTLSPolicy has no field for it")
    if key == "proxy-ssl-verify" and value != "on":
        return Outcome(Carried.NEAR, "BackendTLSPolicy always verifies")
    return SAME


def _has_backend_tls(ctx: Context, service: ObjectRef) -> bool:
    return any(policy.kind == "BackendTLSPolicy" for policy in ctx.world.index.policies.about(service))


def _client_certificate(ctx: Context) -> bool:
    specs = (ctx.world.snapshot.gateways.get(ref) for ref in ctx.gateways)
    return any("clientCertificateRef" in str((one.spec.tls or {}).get("backend")) for one in specs if one)


def regex(ctx: Context, key: str, value: str) -> Outcome:
    """The paths themselves say whether it is carried over."""
    paths = [path for twin in ctx.hosts for path in twin.paths]
    if all(path.likeness is Likeness.SAME for path in paths):
        return Outcome(Carried.SAME, "for every request tried")
    return Outcome(Carried.NEAR, "see the paths: expressions of nginx ignore case and match prefixes")


_CORS_FIELDS = {
    "cors-allow-origin": "allowOrigins",
    "cors-allow-methods": "allowMethods",
    "cors-allow-headers": "allowHeaders",
    "cors-expose-headers": "exposeHeaders",
    "cors-allow-credentials": "allowCredentials",
    "cors-max-age": "maxAge",
}


def cors(ctx: Context, key: str, value: str) -> Outcome:
    """The CORS filter, and of it the field that the annotation means."""
    if ctx.value("enable-cors") != "true":
        return NO_EFFECT
    without = lacking(ctx, lambda one: one.cors is not None, "CORS filter")
    field = _CORS_FIELDS.get(key)
    if without is not SAME or field is None:
        return without
    wanted = _words_of(value)
    for _, rule in ctx.serving:
        for one in rule.filters:
            if one.cors is not None:
                given = one.cors.get(field)
                if _words_of(given) != wanted:
                    return Outcome(Carried.DIFFERS, f"{field} is {clean(given, 80) if given else 'not set'}")
    return SAME


def _words_of(value: object) -> set[str]:
    if isinstance(value, (list, tuple)):
        return {str(one).strip().lower() for one in value}
    return {one.strip().lower() for one in str(value).split(",") if one.strip()}


def external_auth(ctx: Context, key: str, value: str) -> Outcome:
    """The ExternalAuth filter; it has no redirect to a page to sign in at."""
    found = lacking(ctx, lambda one: one.external_auth is not None, "ExternalAuth filter")
    if found is SAME and key.startswith("auth-signin"):
        return Outcome(Carried.OPEN, "the ExternalAuth filter does not redirect to a page to sign in at")
    return Outcome(Carried.NEAR, "experimental channel") if found is SAME else found


def session(ctx: Context, key: str, value: str) -> Outcome:
    """sessionPersistence in every rule."""
    without = [route for route, rule in ctx.serving if rule.session_persistence is None]
    if without or not ctx.serving:
        return missing("no sessionPersistence in the rule")
    if key == "session-cookie-name":
        names = {str((rule.session_persistence or {}).get("sessionName", "")) for _, rule in ctx.serving}
        if names != {value}:
            return Outcome(Carried.DIFFERS, "the cookie has another name: every session starts anew")
    return Outcome(Carried.NEAR, "experimental channel; cookies of the old side are not known to the new one")


def retry(ctx: Context, key: str, value: str) -> Outcome:
    """retry in every rule."""
    if not ctx.serving or any(rule.retry is None for _, rule in ctx.serving):
        return missing("no retry in the rule")
    return Outcome(Carried.NEAR, "experimental channel")


def client_certificate(ctx: Context, key: str, value: str) -> Outcome:
    """Gateway.spec.tls.frontend (GEP-91), for a port and not for a host."""
    if ctx.value("auth-tls-verify-client") == "off":
        return NO_EFFECT
    without = [
        ref
        for ref in ctx.gateways
        if (gateway := ctx.world.snapshot.gateways.get(ref)) is None
        or not (gateway.spec.tls or {}).get("frontend")
    ]
    if without or not ctx.gateways:
        return missing("the Gateway asks no client for a certificate (spec.tls.frontend)")
    if key in ("auth-tls-secret", "auth-tls-verify-client"):
        return Outcome(Carried.NEAR, "for all hosts of the port")
    return Outcome(Carried.OPEN, "spec.tls.frontend has no field for it")


def upstream_host(ctx: Context, key: str, value: str) -> Outcome:
    """The Host header that backends see."""

    def sets_it(one: RouteFilter) -> bool:
        if one.url_rewrite is not None and one.url_rewrite.get("hostname") == value:
            return True
        return header_set(one.request_header_modifier, "host") == value

    return lacking(ctx, sets_it, f"rewrite of the host to {clean(value, 80)}")


def prefix_header(ctx: Context, key: str, value: str) -> Outcome:
    """X-Forwarded-Prefix, which backends make links from."""

    def sets_it(one: RouteFilter) -> bool:
        return header_set(one.request_header_modifier, "x-forwarded-prefix") == value

    return lacking(ctx, sets_it, "RequestHeaderModifier that sets X-Forwarded-Prefix")


def headers(ctx: Context, key: str, value: str) -> Outcome:
    """Which headers stands in a ConfigMap, which is not read."""

    def any_header(one: RouteFilter) -> bool:
        return bool(one.response_header_modifier or one.request_header_modifier)

    found = lacking(ctx, any_header, "header modifier")
    return Outcome(Carried.NEAR, f"compare it with ConfigMap {clean(value, 80)}") if found is SAME else found


def header_set(modifier: Mapping[str, Any] | None, name: str) -> str | None:
    """The value that a header modifier gives a header; None where it leaves it alone."""
    lists = ((modifier or {}).get(word) for word in ("set", "add"))
    for entry in (one for some in lists if isinstance(some, list) for one in some):
        if isinstance(entry, dict) and str(entry.get("name", "")).lower() == name:
            return str(entry.get("value", ""))
    return None


def mirror(ctx: Context, key: str, value: str) -> Outcome:
    """A RequestMirror filter; its target is a Service, not an address."""
    return lacking(ctx, lambda one: one.request_mirror is not None, "RequestMirror")


CHECKS: Mapping[str, Check] = {
    "rewrite": rewrite,
    "timeout": timeout,
    "backend-protocol": backend_protocol,
    "backend-tls": backend_tls,
    "regex": regex,
    "cors": cors,
    "external-auth": external_auth,
    "session": session,
    "retry": retry,
    "client-certificate": client_certificate,
    "upstream-host": upstream_host,
    "prefix-header": prefix_header,
    "headers": headers,
    "mirror": mirror,
}
