"""One Ingress with what answers its hosts now: what every judge of its annotations is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from ....cluster.knowledge.controllers import controller_of
from ....cluster.kubernetes_objects import Ingress
from ....cluster.objects import Route, RouteFilter, RouteRule
from ....cluster.policies import Policy
from ....cluster.refs import ObjectRef
from ..world import World
from .new import NewSide
from .old import OldSide, nginx_value
from .paths import Likeness, PathTwin


class Carried(StrEnum):
    """Whether the new side carries what an annotation asks for."""

    SAME = "same"
    NEAR = "about the same"
    POLICY = "policy"
    NO_EFFECT = "no effect"
    DIFFERS = "differs"
    MISSING = "missing"
    POLICY_MISSING = "policy, missing"
    OPEN = "OPEN: waive by name"
    ENDS = "ends"
    UNKNOWN = "unknown"
    BY_HAND = "look by hand"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``words`` say where it was seen, or what is not there."""

    state: Carried
    words: str = ""


SAME = Outcome(Carried.SAME)


@dataclass(frozen=True, slots=True)
class HostTwin:
    """One host on both sides. ``has_twin``: some route is meant for it, whether or not it answers.

    ``plain_ends``: the old side answers it in the clear, and only over TLS does the new one answer at all.
    """

    host: str
    old: OldSide
    new: NewSide
    has_twin: bool
    paths: tuple[PathTwin, ...] = ()
    plain_ends: bool = False

    @property
    def detached(self) -> tuple[ObjectRef, ...]:
        """The routes that name the host and answer nothing, because no listener takes them for it."""
        return tuple(route.ref for route in self.new.named if route.ref not in self.new.all_routes)


@dataclass(frozen=True)
class Context:
    """An Ingress and its hosts that have a twin."""

    world: World
    ingress: Ingress
    hosts: tuple[HostTwin, ...]
    nginx: bool

    def value(self, key: str) -> str:
        """An annotation of ingress-nginx on it; empty where there is none."""
        return nginx_value(self.ingress, key)

    @cached_property
    def rules(self) -> tuple[tuple[Route, RouteRule], ...]:
        """The rules that answer its paths; those that only redirect to https are none of them."""
        found: dict[tuple[object, ...], tuple[Route, RouteRule]] = {}
        for twin in self.hosts:
            for path in twin.paths:
                for answer in path.answers:
                    route = self.world.snapshot.routes.get(answer.owner)
                    if route is not None and answer.spec is not None:
                        found[answer.owner, answer.rule] = (route, answer.spec)
        return tuple(found.values())

    @cached_property
    def unsure(self) -> str:
        """Why rules that answer its paths may not be among ``rules``; empty where all of them are."""
        for twin in self.hosts:
            if twin.new.unsure and any(path.likeness is Likeness.UNKNOWN for path in twin.paths):
                return twin.new.unsure
        return ""

    @cached_property
    def serving(self) -> tuple[tuple[Route, RouteRule], ...]:
        """Those of the rules that lead to backends."""
        return tuple((route, rule) for route, rule in self.rules if rule.backend_refs)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """The routes of these rules."""
        return tuple({route.ref: route for route, _ in self.rules}.values())

    @cached_property
    def gateways(self) -> tuple[ObjectRef, ...]:
        """The Gateways that take the hosts' requests."""
        return tuple(dict.fromkeys(ref for twin in self.hosts for ref in twin.new.all_gateways))

    @cached_property
    def services(self) -> tuple[ObjectRef, ...]:
        """The Services behind the rules."""
        found = (
            ObjectRef("Service", backend.namespace or route.meta.namespace, backend.name)
            for route, rule in self.rules
            for backend in rule.backend_refs
            if backend.kind == "Service"
        )
        return tuple(dict.fromkeys(found))

    @cached_property
    def controller(self) -> str:
        """The id of the controller of its Gateways (see ``controllers``); empty where it is not known."""
        for ref in self.gateways:
            name = self.world.topology.controller_at(ref)
            known = controller_of(name) if name else None
            if known is not None:
                return known.id
        return ""

    def lacking(self, passes: Callable[[RouteFilter], bool]) -> tuple[str, ...]:
        """The rules without a filter that passes the test, in words; empty where each has one."""
        return tuple(
            rule_words(route, rule)
            for route, rule in self.serving
            if not any(passes(one) for one in filters_of(rule))
        )

    def policies(self, kind: str) -> tuple[tuple[Route, tuple[Policy, ...]], ...]:
        """For each route the policies of a kind on it, on its listeners or Gateways, or on its Services."""
        shared = (*self._on_listeners, *self._on_services)
        found = []
        for route in self.routes:
            own = self.world.index.policies.about(route.ref)
            of_kind = {policy.ref: policy for policy in (*own, *shared) if policy.kind == kind}
            found.append((route, tuple(of_kind.values())))
        return tuple(found)

    @cached_property
    def _on_listeners(self) -> tuple[Policy, ...]:
        """Policies on the Gateways and ListenerSets as wholes, or on the very listeners of the hosts."""
        sections = {ref for twin in self.hosts for ref in twin.new.sections}
        holders = dict.fromkeys((*self.gateways, *(ref for twin in self.hosts for ref in twin.new.owners)))
        found: list[Policy] = []
        for ref in holders:
            for policy in self.world.index.policies.about(ref):
                named = [target for target in policy.targets if target.whole == ref]
                if not named or any(not target.section or target in sections for target in named):
                    found.append(policy)
        return tuple(found)

    @cached_property
    def _on_services(self) -> tuple[Policy, ...]:
        return tuple(policy for ref in self.services for policy in self.world.index.policies.about(ref))


def filters_of(rule: RouteRule) -> tuple[RouteFilter, ...]:
    """The filters of a rule and of its backends."""
    return (*rule.filters, *(one for backend in rule.backend_refs for one in backend.filters))


def rule_words(route: Route, rule: RouteRule) -> str:
    """A rule in words: its route and its number, from 1."""
    number = next((at for at, one in enumerate(route.spec.rules, 1) if one is rule), 0)
    return f"{route.kind} {route.meta.namespace}/{route.meta.name} #{number}"
