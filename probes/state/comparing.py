"""Claimed beside computed: every condition that a controller wrote and the specs also give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ...cluster.knowledge.controllers import controller_of
from ...cluster.objects import Condition, Gateway, ListenerSet, Route
from ...cluster.policies import Policy
from ...cluster.refs import ObjectRef
from ...cluster.rules.computed import Computed
from ...cluster.rules.topology import Attachment, BoundListener
from .conditions import is_unclaimed, reasons_of
from .routes import entries_for
from .world import World

Scope = Literal["Listener", "Gateway", "ListenerSet", "Route", "BackendTLSPolicy"]
Outcome = Literal["agree", "disagree", "undetermined", "beyond", "left-out"]

# what only the controller can know: addresses, resources, a data plane that is not ready yet, what it does
# not support, and what is inside the objects that a reference names
_BEYOND_SPECS = frozenset(
    {
        "AddressNotAssigned",
        "AddressNotUsable",
        "NoResources",
        "Pending",
        "ParentNotProgrammed",
        "PortUnavailable",
        "UnsupportedValue",
        "UnsupportedAddress",
        "UnsupportedProtocol",
        "InvalidParameters",
        # of a Secret that is there: what is inside is not read
        "InvalidCertificateRef",
    }
)
# what two certificates name stands inside their Secrets
_BEYOND_WHERE_TRUE = frozenset({"OverlappingCertificates"})
# forbidden to be False: where they are absent nothing is said, and many controllers never say them
_ONLY_TRUE = frozenset({"OverlappingTLSConfig", "InsecureFrontendValidationMode"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition, claimed and computed. ``parent`` is set for routes, ``controller`` where it is known.

    ``outcome``: agree and disagree are about the status; ``undetermined`` where either side is Unknown;
    ``beyond`` where the claim rests on what no spec says (an address that is not assigned); ``left-out``
    where the controller has found an object that the documents we read do not hold.
    """

    scope: Scope
    subject: ObjectRef
    claimed: Condition
    computed: Computed
    outcome: Outcome
    controller: str = ""
    parent: ObjectRef | None = None
    attachment: Attachment | None = None

    @property
    def same_reason(self) -> bool:
        """Whether the claimed reason is among the computed ones."""
        return bool(set(reasons_of(self.claimed)) & set(self.computed.reasons))


def compare(
    claimed: Condition,
    computed: Computed,
    *,
    offline: bool = False,
    own_reasons: frozenset[str] = frozenset(),
) -> Outcome:
    """How one claimed condition stands to the computed one of its type.

    ``own_reasons``: reasons of the controller's own, for faults of objects that only it can read.
    """
    if computed.status == "Unknown" or claimed.status not in ("True", "False"):
        return "undetermined"
    if claimed.status == computed.status:
        return "agree"
    beyond = _BEYOND_SPECS | own_reasons if claimed.status == "False" else _BEYOND_WHERE_TRUE
    if set(reasons_of(claimed)) & beyond:
        return "beyond"
    if offline and computed.absent and claimed.status == "True":
        return "left-out"
    return "disagree"


def compared(
    world: World,
    scope: Scope,
    subject: ObjectRef,
    claimed: Iterable[Condition],
    computed: Iterable[Computed],
    controller: str = "",
    attachment: Attachment | None = None,
) -> Iterator[Comparison]:
    """The comparisons of one list of conditions. A condition of negative polarity that is absent is False."""
    claimed = tuple(claimed)
    if not claimed or is_unclaimed(claimed):
        return
    parent = attachment.parent if attachment else None
    offline = world.snapshot.offline
    refused = any(one.status == "False" for one in claimed)
    known = controller_of(controller) if refused else None
    own_reasons = known.own_reasons if known else frozenset()
    by_type = {one.type: one for one in claimed}
    wanted = {one.type: one for one in computed}
    conflict = wanted.get("Conflicted")
    if conflict is not None and conflict.status == "True":
        # not said is said: a controller may leave it away where it sees no conflict
        by_type.setdefault("Conflicted", Condition(type="Conflicted", status="False"))
    for kind in _ONLY_TRUE & by_type.keys():
        wanted.setdefault(kind, Computed(kind, "False", ()))
    for kind, ours in wanted.items():
        theirs = by_type.get(kind)
        if theirs is not None:
            outcome = compare(theirs, ours, offline=offline, own_reasons=own_reasons)
            yield Comparison(scope, subject, theirs, ours, outcome, controller, parent, attachment)


def gateway_comparisons(world: World, gateway: Gateway) -> Iterator[Comparison]:
    """A Gateway's own conditions."""
    controller = world.topology.controller_of(gateway) or ""
    yield from compared(
        world, "Gateway", gateway.ref, gateway.status.conditions, world.computed_gateway(gateway), controller
    )


def listener_comparisons(world: World, bound: BoundListener) -> Iterator[Comparison]:
    """The conditions of a listener of a Gateway or ListenerSet."""
    status = world.listener_status(bound)
    if status is None:
        return
    gateway = world.snapshot.gateways.get(bound.gateway)
    controller = (world.topology.controller_of(gateway) or "") if gateway else ""
    yield from compared(
        world, "Listener", bound.ref, status.conditions, world.computed_listener(bound).conditions, controller
    )


def listener_set_comparisons(world: World, listener_set: ListenerSet) -> Iterator[Comparison]:
    """A ListenerSet's own conditions."""
    target = listener_set.spec.parent_ref.target(listener_set.meta.namespace).whole
    gateway = world.snapshot.gateways.get(target)
    controller = (world.topology.controller_of(gateway) or "") if gateway else ""
    computed = world.computed_listener_set(listener_set)
    yield from compared(
        world, "ListenerSet", listener_set.ref, listener_set.status.conditions, computed, controller
    )


def route_comparisons(world: World, route: Route) -> Iterator[Comparison]:
    """A route's conditions for every parent that it names, as the parent's own controller wrote them."""
    for state in world.computed_route(route):
        own, _foreign = entries_for(world, route, state.attachment)
        for entry in own:
            yield from compared(
                world,
                "Route",
                route.ref,
                entry.conditions,
                state.conditions,
                entry.controller_name,
                state.attachment,
            )


def policy_comparisons(world: World, policy: Policy) -> Iterator[Comparison]:
    """A BackendTLSPolicy's conditions for every ancestor."""
    computed = world.computed_policy(policy)
    for ancestor in policy.status.ancestors if computed else ():
        yield from compared(
            world, "BackendTLSPolicy", policy.ref, ancestor.conditions, computed, ancestor.controller_name
        )


def all_comparisons(world: World) -> Iterator[Comparison]:
    """Every comparison of a Snapshot: for counting, not for judging."""
    snapshot = world.snapshot
    for ref, gateway in snapshot.gateways.items():
        yield from gateway_comparisons(world, gateway)
        for bound in world.topology.listeners(ref):
            yield from listener_comparisons(world, bound)
    for listener_set in snapshot.listener_sets.values():
        yield from listener_set_comparisons(world, listener_set)
    for route in snapshot.routes.values():
        yield from route_comparisons(world, route)
    for policy in snapshot.policies.values():
        yield from policy_comparisons(world, policy)
