"""Every annotation of an Ingress beside what carries it on the new side: the API, a policy, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ....cluster.knowledge.annotation_table import family_of
from ....cluster.knowledge.annotations import (
    CERT_MANAGER_PREFIXES,
    NGINX_DEFAULTS,
    NGINX_PREFIX,
    Family,
    Successor,
    external_dns_key,
    foreign_controller,
)
from ....cluster.policies import Policy
from ....cluster.text import clean
from .context import Carried, Context, Outcome, filters_of
from .durations import nginx_seconds, route_seconds
from .hosts import CHECKS
from .native import NO_EFFECT, header_set
from .old import is_canary

# on a canary all others are those of the main Ingress (ingress-nginx docs, "Canary")
_OF_CANARIES = ("canary", "load-balance", "upstream-hash-by", "affinity", "session-cookie")
_KONG_PLUGINS = "konghq.com/plugins"
# switches that do nothing when they are off
_SWITCHES = (
    "enable-",
    "canary",
    "use-regex",
    "ssl-redirect",
    "force-ssl-redirect",
    "ssl-passthrough",
    "from-to-www-redirect",
    "service-upstream",
    "auth-tls-pass-certificate-to-upstream",
    "http2-push-preload",
    "preserve-trailing-slash",
)
# what is said to be wanting, and may only not be seen
_WANTING = frozenset({Carried.MISSING, Carried.POLICY_MISSING, Carried.OPEN})
_STREAMED = ("proxy-buffering", "proxy-request-buffering")
# on by default: turning it off is what is asked for
_ON_BY_DEFAULT = ("enable-access-log",)


@dataclass(frozen=True, slots=True)
class AnnotationTwin:
    """One annotation. ``key`` is whole; ``becomes`` says what answers it; ``security`` as in ``Family``.

    ``implied``: it is not written there, ingress-nginx does it by itself.
    """

    key: str
    value: str
    becomes: str
    state: Carried
    words: str = ""
    security: bool = False
    implied: bool = False

    @property
    def short(self) -> str:
        """The key without ingress-nginx's prefix."""
        return self.key.removeprefix(NGINX_PREFIX)


def annotation_twins(ctx: Context) -> tuple[AnnotationTwin, ...]:
    """The annotations that some Ingress controller reads, in their order; then what TLS implies."""
    found = [
        twin
        for key, value in sorted(ctx.ingress.meta.annotations.items())
        if (twin := _twin(ctx, key, value)) is not None
    ]
    if ctx.nginx and not is_canary(ctx.ingress) and not ctx.value("ssl-redirect"):
        implied = _implied_redirect(ctx)
        found += [implied] if implied is not None else []
    return tuple(found)


def _twin(ctx: Context, key: str, value: str) -> AnnotationTwin | None:
    if key.startswith(NGINX_PREFIX):
        return _nginx_twin(ctx, key, value)
    if key.startswith(CERT_MANAGER_PREFIXES) or external_dns_key(key):
        return None
    title = foreign_controller(key)
    if not title:
        return None
    words = f"an annotation of {title}, not of ingress-nginx"
    return AnnotationTwin(key, value, "", Carried.BY_HAND, words)


def _nginx_twin(ctx: Context, key: str, value: str) -> AnnotationTwin:
    short = key.removeprefix(NGINX_PREFIX)
    family = family_of(short)
    if family is None:
        words = "not a known annotation of ingress-nginx"
        return AnnotationTwin(key, value, "", Carried.UNKNOWN, words)
    if not ctx.nginx:
        outcome = Outcome(Carried.NO_EFFECT, "another controller serves this Ingress")
    else:
        outcome = _outcome(ctx, family, short, value)
    return AnnotationTwin(key, value, family.target, outcome.state, outcome.words, family.security)


def _outcome(ctx: Context, family: Family, key: str, value: str) -> Outcome:
    if is_canary(ctx.ingress) and not key.startswith(_OF_CANARIES):
        return Outcome(Carried.NO_EFFECT, "a canary takes it from the main Ingress")
    if not is_canary(ctx.ingress) and not any(twin.paths for twin in ctx.hosts):
        return Outcome(Carried.NO_EFFECT, "older Ingresses have all of its paths")
    if value.strip() in ("false", "off") and key.startswith(_SWITCHES) and key not in _ON_BY_DEFAULT:
        return NO_EFFECT
    if key in _STREAMED and value.strip() == "off":
        return Outcome(Carried.NEAR, "Gateways stream too unless a policy says otherwise")
    found = _found(ctx, family, key, value)
    if ctx.unsure and found.state in _WANTING and (CHECKS.get(family.check) or family.of(ctx.controller)):
        return Outcome(Carried.UNKNOWN, ctx.unsure)
    return found


def _found(ctx: Context, family: Family, key: str, value: str) -> Outcome:
    check = CHECKS.get(family.check)
    native = check(ctx, key, value) if check else None
    if native is not None and native.state is not Carried.MISSING:
        return native
    by_policy = _by_policy(ctx, family)
    if native is None:
        return by_policy
    if family.check == "timeout" and by_policy.state is Carried.POLICY:
        return _compared(ctx, family, value, by_policy)
    # what both lack is natively possible: that is the shorter way
    return by_policy if by_policy.state in (Carried.POLICY, Carried.UNKNOWN) else native


# the whole request's, as rule.timeouts.request
_REQUEST_TIMEOUTS = ("timeout.http.requestTimeout", "timeouts.request")


def _compared(ctx: Context, family: Family, value: str, found: Outcome) -> Outcome:
    """A policy's timeout beside the old one: a shorter one cuts what was served before."""
    wanted = nginx_seconds(value)
    for successor in family.of(ctx.controller):
        for _, policies in ctx.policies(successor.kind):
            for policy in policies:
                given = (_at(policy.fields, field) for field in _REQUEST_TIMEOUTS)
                for limit in (route_seconds(str(one)) for one in given if one is not None):
                    if wanted is not None and limit and limit < wanted:
                        words = f"{limit:g} s in total, where it was {wanted:g} s between reads"
                        return Outcome(Carried.DIFFERS, f"{found.words}: {words}")
    return found


def _by_policy(ctx: Context, family: Family) -> Outcome:
    successors = family.of(ctx.controller)
    if not successors:
        return Outcome(Carried.OPEN, "")
    for successor in successors:
        found = _carried_by(ctx, successor)
        if found is not None:
            return found
    wanted = " or ".join(dict.fromkeys(successor_words(one) for one in successors))
    unreadable = [one.kind for one in successors if not _readable(ctx, one)]
    if not ctx.controller and (gap := ctx.world.snapshot.state_of("GatewayClass").gap):
        return Outcome(Carried.UNKNOWN, f"GatewayClass objects {gap}, and so its controller is not known")
    if unreadable:
        return Outcome(Carried.UNKNOWN, f"{clean(unreadable[0], 60)} objects could not be read")
    if not ctx.controller:
        return Outcome(Carried.OPEN, "the controller is not known; others have " + wanted)
    return Outcome(Carried.POLICY_MISSING, wanted)


def _carried_by(ctx: Context, successor: Successor) -> Outcome | None:
    if successor.extension:
        return _by_extension(ctx, successor)
    of_routes = ctx.policies(successor.kind)
    with_field = [
        next((one for one in policies if _has_field(one, successor.fields)), None)
        for _, policies in of_routes
    ]
    policies = [policy for policy in with_field if policy is not None]
    if not policies:
        return None
    shown = f"{policies[0].kind} {clean(policies[0].meta.name, 80)}"
    without = [route for (route, _), policy in zip(of_routes, with_field, strict=True) if policy is None]
    if without:
        return Outcome(Carried.POLICY_MISSING, f"{shown} is not for {without[0].ref}")
    return Outcome(Carried.POLICY, shown)


def _by_extension(ctx: Context, successor: Successor) -> Outcome | None:
    named = [
        entry.extension_ref.name
        for _, rule in ctx.rules
        for entry in filters_of(rule)
        if entry.extension_ref is not None and entry.extension_ref.kind == successor.kind
    ]
    if successor.kind == "KongPlugin":
        named += [plugins for route in ctx.routes if (plugins := route.meta.annotations.get(_KONG_PLUGINS))]
    if not named:
        return None
    return Outcome(Carried.BY_HAND, f"{successor.kind} {clean(named[0], 80)}: what it does is not read")


def _has_field(policy: Policy, fields: tuple[str, ...]) -> bool:
    return not fields or any(_at(policy.fields, field) is not None for field in fields)


def _at(spec: Mapping[str, Any], dotted: str) -> object:
    value: object = spec
    for word in dotted.split("."):
        value = value.get(word) if isinstance(value, dict) else None
    return value


def _readable(ctx: Context, successor: Successor) -> bool:
    """Whether policies of a kind would be known: the cluster is read, or does not serve the kind."""
    if successor.extension:
        return True
    states = [
        state
        for kind, state in ctx.world.snapshot.kinds.items()
        if kind == successor.kind or kind.startswith(f"{successor.kind}.")
    ]
    holders = {ref.namespace for ref in (*ctx.gateways, *ctx.services, *(one.ref for one in ctx.routes))}
    return all(state.state == "unseen" or all(map(state.knows, holders or {""})) for state in states)


def successor_words(successor: Successor) -> str:
    """A policy in words: its kind, and the field in it."""
    field = f" {' or '.join(successor.fields)}" if successor.fields else ""
    return f"{successor.kind}{field}"


def _implied_redirect(ctx: Context) -> AnnotationTwin | None:
    if not any(twin.old.has_tls for twin in ctx.hosts) or ctx.value("force-ssl-redirect") == "true":
        return None
    family = family_of("ssl-redirect")
    assert family is not None
    outcome = CHECKS[family.check](ctx, "ssl-redirect", "true")
    return AnnotationTwin(
        f"{NGINX_PREFIX}ssl-redirect",
        "true",
        family.target,
        outcome.state,
        outcome.words,
        implied=True,
    )


def default_twins(ctx: Context) -> tuple[AnnotationTwin, ...]:
    """What ingress-nginx does without being asked: those that no annotation speaks of already."""
    if not ctx.nginx or is_canary(ctx.ingress):
        return ()
    return tuple(_defaults(ctx))


def _defaults(ctx: Context) -> Iterator[AnnotationTwin]:
    for entry in NGINX_DEFAULTS:
        if ctx.value(entry.name):
            continue
        outcome = _default(ctx, entry.name, entry.check, entry.value)
        yield AnnotationTwin(
            NGINX_PREFIX + entry.name, entry.value, entry.what, outcome.state, outcome.words, implied=True
        )


def _default(ctx: Context, name: str, check: str, value: str) -> Outcome:
    if check == "hsts":
        if not any(twin.old.has_tls for twin in ctx.hosts):
            return NO_EFFECT
        if ctx.unsure:
            return Outcome(Carried.UNKNOWN, ctx.unsure)
        without = ctx.lacking(
            lambda one: header_set(one.response_header_modifier, "strict-transport-security") is not None
        )
        return Outcome(Carried.ENDS, "") if without else Outcome(Carried.NEAR, "by a header modifier")
    family = family_of(name)
    if family is None:
        return Outcome(Carried.ENDS, "")
    outcome = _outcome(ctx, family, name, value)
    gone = outcome.state in (Carried.MISSING, Carried.POLICY_MISSING)
    return Outcome(Carried.ENDS, outcome.words) if gone else outcome
