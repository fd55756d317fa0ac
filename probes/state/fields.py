"""Findings about fields that the installed CRDs do not have, or that came after the controller was built.

When each field came, and into which channel, is read in the CRDs of the releases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...cluster.knowledge.controllers import controller_of, expected_api, release_of
from ...cluster.objects import Gateway, Route, RouteRule
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .versions import minor_of
from .words import kubectl_get
from .world import World

Minor = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Field:
    """A field that came after 1.0. ``standard`` None: it is in the experimental channel alone."""

    kinds: tuple[str, ...]
    name: str
    experimental: Minor
    standard: Minor | None


def _of_rule(name: str) -> Callable[[RouteRule], bool]:
    return lambda rule: bool(getattr(rule, name))


def _of_filter(name: str) -> Callable[[RouteRule], bool]:
    return lambda rule: any(getattr(one, name) is not None for one in rule.filters)


RULE_FIELDS: tuple[tuple[Field, Callable[[RouteRule], bool]], ...] = (
    (Field(("HTTPRoute",), "timeouts", (1, 0), (1, 2)), _of_rule("timeouts")),
    (Field(("HTTPRoute",), "retry", (1, 2), None), _of_rule("retry")),
    (Field(("HTTPRoute", "GRPCRoute"), "sessionPersistence", (1, 1), None), _of_rule("session_persistence")),
    (Field(("HTTPRoute",), "filters.cors", (1, 3), (1, 5)), _of_filter("cors")),
    (Field(("HTTPRoute",), "filters.externalAuth", (1, 4), None), _of_filter("external_auth")),
)
DEFAULT_GATEWAYS = Field(("HTTPRoute", "GRPCRoute"), "useDefaultGateways", (1, 4), None)
GATEWAY_FIELDS: tuple[tuple[Field, Callable[[Gateway], bool]], ...] = (
    (Field(("Gateway",), "defaultScope", (1, 4), None), lambda one: bool(one.spec.default_scope)),
    (
        Field(("Gateway",), "allowedListeners", (1, 3), (1, 5)),
        lambda one: one.spec.allowed_listeners is not None,
    ),
    (Field(("Gateway",), "tls", (1, 4), (1, 5)), lambda one: bool(one.spec.tls)),
)


def _is_more_than_plain(rule: RouteRule) -> bool:
    return bool(rule.filters or rule.timeouts or rule.retry or rule.session_persistence)


def route_field_findings(world: World, route: Route) -> Iterator[Finding]:
    """Fields of a route that its CRD drops, or that came after its parents' controllers."""
    if not route.spec.use_default_gateways and not any(map(_is_more_than_plain, route.spec.rules)):
        return
    used = [
        (field, f"spec.rules[{index}].{field.name}")
        for field, is_set in RULE_FIELDS
        if route.kind in field.kinds
        for index, rule in enumerate(route.spec.rules)
        if is_set(rule)
    ]
    if route.spec.use_default_gateways:
        used.append((DEFAULT_GATEWAYS, f"spec.{DEFAULT_GATEWAYS.name}"))
    if not used:
        return
    names = [
        world.topology.controller_at(one.gateway)
        for one in world.topology.attachments(route)
        if one.gateway is not None
    ]
    yield from _judge(world, route.ref, used, names)


def gateway_field_findings(world: World, gateway: Gateway) -> Iterator[Finding]:
    """Fields of a Gateway that its CRD drops, or that came after its controller."""
    used = [(field, f"spec.{field.name}") for field, is_set in GATEWAY_FIELDS if is_set(gateway)]
    if used:
        yield from _judge(world, gateway.ref, used, [world.topology.controller_of(gateway)])


def _judge(
    world: World, ref: ObjectRef, used: list[tuple[Field, str]], controllers: list[str | None]
) -> Iterator[Finding]:
    built = _built_for(world, controllers)
    seen: set[str] = set()
    for field, path in used:
        if field.name in seen:
            continue
        seen.add(field.name)
        if lack := _dropped(world, ref, field):
            yield finding(
                "GW507",
                Verdict.WARN,
                ref,
                f"{clean(path, 80)} is set, but {lack}",
                reproduce=kubectl_get(ref),
            )
        for title, api in built:
            minor = minor_of(api)
            if minor is not None and minor < field.experimental:
                yield finding(
                    "GW508",
                    Verdict.WARN,
                    ref,
                    f"{clean(path, 80)} is set, but {title} was built for Gateway API {api}, "
                    f"and the field came with {_dotted(field.experimental)}",
                    reproduce=kubectl_get(ref),
                )


def _dropped(world: World, ref: ObjectRef, field: Field) -> str:
    crd = world.index.crd_of(GATEWAY_GROUP, ref.kind)
    have = minor_of(crd.bundle_version) if crd else None
    if crd is None or have is None:
        return ""
    experimental = crd.channel == "experimental"
    since = field.experimental if experimental else field.standard
    if since is None:
        return "the CRD is of the standard channel, and the field is experimental"
    if have < since:
        return f"the CRD is of {clean(crd.bundle_version, 40)}, and the field came with {_dotted(since)}"
    return ""


def _built_for(world: World, controllers: list[str | None]) -> list[tuple[str, str]]:
    """Title with release, and API version, of controllers by their controllerName, as far as known."""
    found: dict[tuple[str, str], None] = {}
    for name in controllers:
        controller = controller_of(name or "")
        if controller is None:
            continue
        for workload in world.index.workloads_running(controller.id):
            for image in workload.images:
                release = release_of(image, controller)
                if release and (api := expected_api(controller, release)):
                    found[f"{controller.title} {release}", api] = None
    return list(found)


def _dotted(minor: Minor) -> str:
    return f"{minor[0]}.{minor[1]}"
