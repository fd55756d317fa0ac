"""The new side: which route of which Gateway answers a path of a host, by the Gateway API's rules.

API: Listener (the most specific hostname of a port takes the request), HTTPRoute.hostnames and
HTTPRouteMatch (precedence). Where regular expressions stand is the controller's: here behind exact matches.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ....cluster.objects import Route, RouteMatch, RouteRule
from ....cluster.refs import ObjectRef
from ....cluster.routing.bounded_regex import readable
from ....cluster.rules.hosts import host_keys
from ....cluster.rules.topology import BoundListener
from ....cluster.text import clean
from ..world import World
from .answers import LONGEST_PATH, Answer, Covering, Pattern, Target

_TLS_PROTOCOLS = frozenset({"HTTPS", "TLS"})
_PROTOCOLS = frozenset({"HTTP", *_TLS_PROTOCOLS})


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A match of a rule that a listener leads to. ``order`` sorts them, the winner first."""

    answer: Answer
    pattern: Pattern
    order: tuple[object, ...]


class NewSide:
    """The routes for one host, over TLS or in the clear.

    ``tls`` None: over TLS where a route for the host is attached to such a listener. ``secure_listeners`` are
    the TLS listeners for the host on the Gateways of its routes, with a route or without.
    """

    def __init__(self, world: World, host: str, tls: bool | None = None) -> None:
        self.host = host.lower()
        self.unsure = unread_kinds(world)
        self._world = world
        self._answers: dict[str, Answer | None] = {}
        found = list(self._attached())
        self.secure_listeners = self._secure({bound.gateway for bound, _ in found})
        secure = any(bound.listener.protocol in _TLS_PROTOCOLS for bound, _ in found)
        self.tls = secure if tls is None else tls
        self._found = [
            (bound, route)
            for bound, route in found
            if (bound.listener.protocol in _TLS_PROTOCOLS) == self.tls
        ]
        self.routes = tuple(sorted({route.ref for _, route in self._found}))
        self.gateways = tuple(sorted({bound.gateway for bound, _ in self._found}))
        self.owners = tuple(sorted({bound.owner for bound, _ in self._found}))
        self.sections = frozenset(bound.ref for bound, _ in self._found)
        self.all_gateways = tuple(sorted({bound.gateway for bound, _ in found}))
        self.all_routes = tuple(sorted({route.ref for _, route in found}))
        self.named = self._named()

    def _attached(self) -> Iterator[tuple[BoundListener, Route]]:
        for ref in self._world.hosts.routes_for(self.host):
            route = self._world.snapshot.routes.get(ref)
            if route is None:
                continue
            for attachment in self._world.topology.attachments(route):
                if attachment.accepted is None and attachment.reason != "NotAGateway":
                    self.unsure = attachment.detail
                for bound in attachment.listeners:
                    if bound.listener.protocol in _PROTOCOLS and self._is_best(bound):
                        yield bound, route

    def _named(self) -> tuple[Route, ...]:
        """The routes meant for the host by name, attached or not; not those that only redirect to https."""
        routes = (self._world.snapshot.routes.get(ref) for ref in self._world.hosts.routes_for(self.host))
        return tuple(
            route
            for route in routes
            if route is not None
            and self.host in {name.lower() for name in route.spec.hostnames}
            and not _only_redirects(route)
        )

    def leads_to(self, targets: Iterable[Target]) -> bool:
        """Whether any rule for the host has one of these backends."""
        wanted = tuple(targets)
        given = (one for answer in self.answers for one in answer.targets)
        return any(one.same_object(other) for one in given for other in wanted)

    def _secure(self, gateways: set[ObjectRef]) -> tuple[BoundListener, ...]:
        return tuple(
            bound
            for gateway in sorted(gateways)
            for bound in self._world.topology.listeners(gateway)
            if bound.listener.protocol in _TLS_PROTOCOLS and self._is_best(bound)
        )

    def _is_best(self, bound: BoundListener) -> bool:
        """Whether no other listener of that port has a more specific hostname for this host."""
        keys = host_keys(self.host)
        own = (bound.listener.hostname or "").lower()
        if own not in keys:
            return False
        others = {
            (one.listener.hostname or "").lower()
            for one in self._world.topology.listeners(bound.gateway)
            if one.listener.port == bound.listener.port and not one.conflict
        }
        return all(keys.index(other) >= keys.index(own) for other in others if other in keys)

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """What the matches cover."""
        return tuple(one.pattern for one in self._candidates)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What each match answers, the winner of several first."""
        return tuple(one.answer for one in self._candidates)

    @property
    def rules(self) -> tuple[tuple[Route, RouteRule], ...]:
        """All rules, those too that ask for a header or a method."""
        routes = {route.ref: route for _, route in self._found}
        return tuple((routes[ref], rule) for ref in self.routes for rule in routes[ref].spec.rules)

    def answer(self, path: str) -> Answer | None:
        """The rule that answers ``path``."""
        if path not in self._answers:
            first = min(self._covering.at(path), default=None)
            self._answers[path] = None if first is None else self._candidates[first].answer
        return self._answers[path]

    @cached_property
    def _covering(self) -> Covering[int]:
        return Covering((one.pattern, place) for place, one in enumerate(self._candidates))

    @cached_property
    def _candidates(self) -> tuple[_Candidate, ...]:
        seen: dict[tuple[ObjectRef, int, str, str], _Candidate] = {}
        for bound, route in self._found:
            for candidate in self._of_route(bound, route):
                seen.setdefault(candidate.answer.place, candidate)
        return tuple(sorted(seen.values(), key=lambda one: one.order))

    def _of_route(self, bound: BoundListener, route: Route) -> Iterator[_Candidate]:
        named = [name.lower() for name in route.spec.hostnames if name.lower() in host_keys(self.host)]
        if route.spec.hostnames and not named:
            return
        # characters of a name without a wildcard, then of any (HTTPRoute.hostnames)
        specific = max(
            ((0 if name.startswith("*") else len(name), len(name)) for name in named), default=(0, 0)
        )
        age = route.meta.creation_timestamp or "9999"
        for number, rule in enumerate(route.spec.rules):
            for place, match in enumerate(rule.matches or (RouteMatch(),)):
                if not _is_plain(route, match):
                    continue
                pattern, path_type = _pattern(route, match)
                rank = {"exact": 0, "regex": 1}.get(pattern.kind, 2)
                order = (
                    *(-specific[0], -specific[1]),
                    *(rank, -len(pattern.value), 0 if match.method else 1),
                    *(age, route.ref, number, place, bound.ref),
                )
                yield _Candidate(self._answer(bound, route, number, rule, pattern, path_type), pattern, order)

    def _answer(
        self,
        bound: BoundListener,
        route: Route,
        number: int,
        rule: RouteRule,
        pattern: Pattern,
        path_type: str,
    ) -> Answer:
        return Answer(
            route.ref,
            number,
            pattern.value,
            path_type,
            targets_of(route, rule),
            redirect=redirect_words(rule),
            gateway=bound.gateway,
            spec=rule,
        )


def unread_kinds(world: World) -> str:
    """Why some route that answers may not be among those that are known; empty where all are."""
    for kind in ("Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute"):
        if gap := world.snapshot.state_of(kind).gap:
            return f"{kind} objects {gap}"
    return ""


def targets_of(route: Route, rule: RouteRule) -> tuple[Target, ...]:
    """The backends of a rule that get requests, with their shares."""
    total = sum(max(backend.weight, 0) for backend in rule.backend_refs)
    summed: dict[tuple[str, str, str, int], float] = defaultdict(float)
    for backend in rule.backend_refs:
        if backend.weight > 0:
            namespace = backend.namespace or route.meta.namespace
            key = (backend.kind, namespace, backend.name, backend.port or 0)
            summed[key] += backend.weight / total
    return tuple(Target(*key, share) for key, share in summed.items())


def _only_redirects(route: Route) -> bool:
    rules = route.spec.rules
    return bool(rules) and all(redirect_words(rule).endswith(" to https") for rule in rules)


def redirect_words(rule: RouteRule) -> str:
    """Where a rule redirects to, in words; empty where it does not."""
    for entry in rule.filters:
        if entry.request_redirect is not None:
            spec = entry.request_redirect
            path = spec.get("path")
            parts = [spec.get("scheme"), spec.get("hostname"), spec.get("port")]
            if isinstance(path, dict):
                parts.append(path.get("replaceFullPath") or path.get("replacePrefixMatch"))
            words = " ".join(clean(part, 200) for part in parts if part)
            return f"{clean(spec.get('statusCode', 302), 10)} to {words or 'itself'}"
    return ""


def _is_plain(route: Route, match: RouteMatch) -> bool:
    if match.headers or match.query_params:
        return False
    return route.kind == "GRPCRoute" or match.method in (None, "GET")


def _pattern(route: Route, match: RouteMatch) -> tuple[Pattern, str]:
    if route.kind == "TLSRoute":
        return Pattern("element", "/"), "TLS"
    if route.kind == "GRPCRoute":
        return _grpc_pattern(match)
    path = match.path
    if path is None or path.type == "PathPrefix":
        return Pattern("element", path.value if path else "/"), "Prefix"
    if path.type == "Exact":
        return Pattern("exact", path.value), "Exact"
    # a whole match, as Envoy reads it; other controllers may not
    return _whole(path.value), "Regex"


def _whole(expression: str) -> Pattern:
    return Pattern("regex", expression, readable(expression, LONGEST_PATH), whole=True)


def _grpc_pattern(match: RouteMatch) -> tuple[Pattern, str]:
    """A gRPC method is the path ``/service/method`` (GRPCMethodMatch)."""
    wanted = match.method if isinstance(match.method, dict) else {}
    service, method = str(wanted.get("service") or ""), str(wanted.get("method") or "")
    if not service and not method:
        return Pattern("element", "/"), "Prefix"
    literal = wanted.get("type", "Exact") == "Exact"
    if literal and service and method:
        return Pattern("exact", f"/{service}/{method}"), "Exact"
    if literal and service:
        return Pattern("element", f"/{service}"), "Prefix"
    parts = [re.escape(one) if literal and one else one or "[^/]+" for one in (service, method)]
    expression = f"/{parts[0]}/{parts[1]}"
    return _whole(expression), "Regex"
