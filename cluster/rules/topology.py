"""Who refers to whom, worked out from the specs alone: the computed side of every verdict.

A Topology is built once for a Snapshot. Where a kind could not be read, answers are None and say why;
they are never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..kubernetes_objects import Crd
from ..objects import (
    FromNamespaces,
    Gateway,
    GatewayClass,
    Listener,
    ListenerSet,
    ParentRef,
    ReferenceGrant,
    Route,
)
from ..policies import Policy
from ..refs import GATEWAY_GROUP, ObjectRef
from ..text import clean
from .scene import Index, Scene
from .semantics import (
    claimed_features,
    kind_allowed,
    listeners_conflict,
    listeners_overlap,
    namespace_allowed,
    parent_ref_selects,
    served_hostnames,
    uses_hostnames,
)

LISTENER_SET_GROUPS = frozenset({GATEWAY_GROUP, "gateway.networking.x-k8s.io"})


@dataclass(frozen=True, slots=True)
class BoundListener:
    """A listener where it counts: on ``gateway``, owned by the Gateway or by a ListenerSet.

    ``conflict`` is the reason why it may not be configured (``HostnameConflict``, ``ProtocolConflict``), with
    ``conflict_with`` naming the other one; ``overlaps`` names those that share hosts of its TLS port.
    """

    owner: ObjectRef
    gateway: ObjectRef
    listener: Listener
    conflict: str = ""
    conflict_with: str = ""
    overlaps: tuple[str, ...] = ()

    @property
    def ref(self) -> ObjectRef:
        return self.owner.part(clean(self.listener.name, 253))


@dataclass(frozen=True, slots=True)
class Attachment:
    """Whether one parentRef of a route attaches, by the specs.

    ``accepted`` None means that it cannot be told; ``reason`` is the API's word where there is one, else
    ``ParentMissing``, ``Unreadable``, or ``NotAGateway`` (a mesh parent: not computed). ``listeners`` accept
    the route; ``candidates`` are those the parentRef means. ``dropped`` hostnames no listener lets through.
    """

    route: ObjectRef
    parent_ref: ParentRef
    parent: ObjectRef
    gateway: ObjectRef | None
    accepted: bool | None
    reason: str
    detail: str = ""
    listeners: tuple[BoundListener, ...] = ()
    candidates: tuple[BoundListener, ...] = ()
    dropped: tuple[str, ...] = ()


class Topology:
    """Indexes over one scene, and the computed answers; each is worked out once."""

    def __init__(self, scene: Scene) -> None:
        self.snapshot = scene.snapshot
        self._spec_of = scene.spec_of
        self.listeners: Callable[[ObjectRef], tuple[BoundListener, ...]] = scene.query(self._bind)
        self._attachments = scene.query(self._attach_all)
        # a Gateway's status changes with every route: what routes ask of it are answers of their own
        self.controller_at: Callable[[ObjectRef], str | None] = scene.query(self._controller_at)
        self.features_of: Callable[[ObjectRef], frozenset[str] | None] = scene.query(self._features_of)
        self._has_gateway = scene.query(self._gateway_exists)
        self._gateway_of_set = scene.query(self._find_gateway_of_set)
        self._grants: Index[str, ReferenceGrant] = scene.index(
            "grants", lambda grant: (grant.meta.namespace,)
        )
        self._classes: Index[str, GatewayClass] = scene.index("classes", lambda one: (one.meta.name,))
        self._sets: Index[ObjectRef, ListenerSet] = scene.index(
            "listener_sets",
            lambda one: (one.spec.parent_ref.target(one.meta.namespace).whole,),
            specs=True,
        )

        self._naming: Index[ObjectRef, Route] = scene.index("routes", _parents_of, specs=True)
        self._policies: Index[ObjectRef, Policy] = scene.index("policies", lambda one: set(one.targets))
        self._crds: Index[tuple[str, str], Crd] = scene.index(
            "crds", lambda one: ((one.spec.group, one.spec.names.kind),)
        )

    def gateway_spec(self, ref: ObjectRef) -> Gateway | None:
        """A Gateway of which only the spec may be looked at, or None."""
        found: Gateway | None = self._spec_of("gateways", ref)
        return found

    def grants_in(self, namespace: str) -> tuple[ReferenceGrant, ...]:
        """The ReferenceGrants of a namespace."""
        return self._grants[namespace]

    def gateway_class(self, name: str) -> GatewayClass | None:
        """The GatewayClass of that name."""
        return next(iter(self._classes[name]), None)

    # --- Gateways and listeners ----------------------------------------------------------------

    def controller_of(self, gateway: Gateway) -> str | None:
        """The controllerName that should claim a Gateway; None where its class is missing or unreadable."""
        found = self.gateway_class(gateway.spec.gateway_class_name)
        return found.spec.controller_name if found else None

    def _controller_at(self, gateway: ObjectRef) -> str | None:
        """The controllerName that should claim the Gateway of that ref; None where that is not known."""
        found: Gateway | None = self._spec_of("gateways", gateway)
        return self.controller_of(found) if found else None

    def class_name_at(self, gateway: ObjectRef) -> str | None:
        """The name of the class of the Gateway of that ref; None where there is no such Gateway."""
        found = self.gateway_spec(gateway)
        return found.spec.gateway_class_name if found else None

    def _features_of(self, gateway: ObjectRef) -> frozenset[str] | None:
        """The features that the controller of a Gateway claims; None where it does not say."""
        found = self.gateway_spec(gateway)
        owner = self.gateway_class(found.spec.gateway_class_name) if found else None
        return claimed_features(owner) if owner else None

    def kind_served(self, group: str, kind: str) -> bool | None:
        """Whether the cluster serves a custom kind; None where CRDs could not be read."""
        if not self.snapshot.state_of("CustomResourceDefinition").knows(""):
            return None
        return self.crd_of(group, kind) is not None

    def crd_of(self, group: str, kind: str) -> Crd | None:
        """The CRD that defines a kind."""
        return next(iter(self._crds[group, kind]), None)

    def routes_naming(self, parent: ObjectRef) -> tuple[Route, ...]:
        """The routes with a parentRef to this Gateway or ListenerSet, each once."""
        return self._naming[parent]

    def policies_on(self, target: ObjectRef) -> tuple[Policy, ...]:
        """The policies that name exactly this target, section and all; selectors are not resolved."""
        return self._policies[target]

    def _gateway_exists(self, gateway: ObjectRef) -> bool:
        return self._spec_of("gateways", gateway) is not None

    def _find_gateway_of_set(self, ref: ObjectRef) -> ObjectRef | None:
        found: ListenerSet | None = self._spec_of("listener_sets", ref)
        return found.spec.parent_ref.target(ref.namespace).whole if found else None

    def namespace_labels(self, namespace: str) -> dict[str, str] | None:
        """A namespace's labels; None where it is not known. Its own name is always among them."""
        found = self.snapshot.namespaces.get(ObjectRef("Namespace", "", namespace))
        return None if found is None else {"kubernetes.io/metadata.name": namespace, **found.meta.labels}

    def set_allowed(self, gateway: Gateway, listener_set: ListenerSet) -> bool | None:
        """Whether a Gateway lets a ListenerSet in (GEP-1713: allowedListeners, default None)."""
        allowed = gateway.spec.allowed_listeners
        namespace = listener_set.meta.namespace
        return namespace_allowed(
            allowed.namespaces if allowed else FromNamespaces(),
            gateway.meta.namespace,
            namespace,
            self.namespace_labels(namespace),
            default="None",
        )

    def listener_sets_of(self, gateway: ObjectRef) -> tuple[ListenerSet, ...]:
        """The ListenerSets that name a Gateway, oldest first, then by name (GEP-1713)."""

        def order(one: ListenerSet) -> tuple[str, str, str]:
            return (one.meta.creation_timestamp or "9999", one.meta.namespace, one.meta.name)

        return tuple(sorted(self._sets[gateway], key=order))

    def _bind(self, gateway_ref: ObjectRef) -> tuple[BoundListener, ...]:
        """All listeners of a Gateway: its own, then those of the ListenerSets that it lets in."""
        gateway: Gateway | None = self._spec_of("gateways", gateway_ref)
        if gateway is None:
            return ()
        own = gateway.spec.listeners
        bound = [
            _bound(gateway_ref, gateway_ref, listener, (other for other in own if other is not listener))
            for listener in own
        ]
        standing = list(own)
        for listener_set in self.listener_sets_of(gateway_ref):
            if self.set_allowed(gateway, listener_set) is False:
                continue
            for listener in listener_set.spec.listeners:
                entry = _bound(listener_set.ref, gateway_ref, listener, standing)
                bound.append(entry)
                if not entry.conflict:
                    standing.append(listener)
        return tuple(bound)

    # --- routes --------------------------------------------------------------------------------

    def attachments(self, route: Route) -> tuple[Attachment, ...]:
        """One answer for each parentRef of a route, in the spec's order."""
        return self._attachments(route.ref)

    def attachments_of(self, route: ObjectRef) -> tuple[Attachment, ...]:
        """The same by the route's ref; none where there is no such route."""
        return self._attachments(route)

    def _attach_all(self, ref: ObjectRef) -> tuple[Attachment, ...]:
        route: Route | None = self._spec_of("routes", ref)
        return tuple(self._attach(route, ref, parent) for parent in route.spec.parent_refs) if route else ()

    def _attach(self, route: Route, ref: ObjectRef, parent: ParentRef) -> Attachment:
        target = parent.target(ref.namespace)
        if parent.kind == "Gateway" and parent.group == GATEWAY_GROUP:
            gateway_ref: ObjectRef | None = target.whole
            # a ListenerSet's listeners are reached by naming the ListenerSet only (GEP-1713)
            bound = tuple(one for one in self.listeners(target.whole) if one.owner == target.whole)
            found = self._has_gateway(target.whole)
        elif parent.kind in ("ListenerSet", "XListenerSet") and parent.group in LISTENER_SET_GROUPS:
            gateway_ref, bound, found = self._through_set(target.whole)
        else:
            return Attachment(ref, parent, target, None, None, "NotAGateway", "mesh parents are not computed")
        if not found:
            return self._without_parent(ref, parent, target)
        if gateway_ref is not None and (unsure := self._unsure_set(gateway_ref, target.whole)):
            return Attachment(ref, parent, target, gateway_ref, None, "Unreadable", unsure)
        candidates = tuple(one for one in bound if parent_ref_selects(parent, one.listener))
        return self._choose(route, Attachment(ref, parent, target, gateway_ref, None, ""), candidates)

    def _through_set(self, ref: ObjectRef) -> tuple[ObjectRef | None, tuple[BoundListener, ...], bool]:
        gateway = self._gateway_of_set(ref)
        if gateway is None:
            return None, (), False
        return gateway, tuple(one for one in self.listeners(gateway) if one.owner == ref), True

    def _unsure_set(self, gateway_ref: ObjectRef, owner: ObjectRef) -> str:
        """Why it cannot be told which listeners a ListenerSet brings to its Gateway; empty where it can."""
        if owner == gateway_ref:
            return ""
        gateway = self.gateway_spec(gateway_ref)
        if gateway is None:
            state = self.snapshot.state_of("Gateway")
            known = state.knows(gateway_ref.namespace) or state.state == "unseen"
            return "" if known else f"Gateway objects could not be read ({state.state})"
        listener_set: ListenerSet | None = self._spec_of("listener_sets", owner)
        if listener_set is not None and self.set_allowed(gateway, listener_set) is None:
            return "the labels of the ListenerSet's namespace could not be read"
        return ""

    def _without_parent(self, ref: ObjectRef, parent: ParentRef, target: ObjectRef) -> Attachment:
        state = self.snapshot.state_of(parent.kind)
        if state.knows(target.namespace):
            detail = f"{clean(target.whole, 160)} does not exist"
            return Attachment(ref, parent, target, None, False, "ParentMissing", detail)
        detail = f"{clean(parent.kind, 60)} objects could not be read ({state.state})"
        return Attachment(ref, parent, target, None, None, "Unreadable", detail)

    def _choose(self, route: Route, base: Attachment, candidates: tuple[BoundListener, ...]) -> Attachment:
        accepting: list[BoundListener] = []
        served: set[str] = set()
        unsure = allowed_somewhere = blocked = False
        for bound in candidates:
            allowed = self.allows(route, bound)
            unsure = unsure or allowed is None
            if not allowed:
                continue
            allowed_somewhere = True
            names = self.shared_hostnames(route, bound)
            blocked = blocked or (names is not None and bool(bound.conflict))
            if names is not None and not bound.conflict:
                accepting.append(bound)
                served.update(names)
        accepted, reason, detail = _outcome(candidates, accepting, unsure, allowed_somewhere, blocked)
        dropped: tuple[str, ...] = ()
        if accepting and any(uses_hostnames(route.kind, one.listener) for one in accepting):
            dropped = tuple(name for name in route.spec.hostnames if name not in served)
        return Attachment(
            base.route,
            base.parent_ref,
            base.parent,
            base.gateway,
            accepted,
            reason,
            detail,
            tuple(accepting),
            candidates,
            dropped,
        )

    def allows(self, route: Route, bound: BoundListener) -> bool | None:
        """Whether a listener allows the route's kind and namespace; None where labels could not be read."""
        if not kind_allowed(bound.listener, route.group, route.kind):
            return False
        namespace = route.meta.namespace
        return namespace_allowed(
            bound.listener.allowed_routes.namespaces,
            bound.owner.namespace,
            namespace,
            self.namespace_labels(namespace),
        )

    @staticmethod
    def shared_hostnames(route: Route, bound: BoundListener) -> tuple[str, ...] | None:
        """The route's hostnames that a listener lets through, None where there is none; empty: every host."""
        if not uses_hostnames(route.kind, bound.listener):
            return ()
        return served_hostnames(bound.listener.hostname, route.spec.hostnames)


def _parents_of(route: Route) -> set[ObjectRef]:
    return {one.target(route.meta.namespace).whole for one in route.spec.parent_refs}


def _outcome(
    candidates: tuple[BoundListener, ...],
    accepting: list[BoundListener],
    unsure: bool,
    allowed_somewhere: bool,
    blocked: bool,
) -> tuple[bool | None, str, str]:
    if accepting:
        return True, "Accepted", ""
    if unsure:
        return None, "Unreadable", "the labels of the route's namespace could not be read"
    if not candidates:
        return False, "NoMatchingParent", "no listener has that sectionName and port"
    if not allowed_somewhere:
        return False, "NotAllowedByListeners", "no listener allows this kind of route from this namespace"
    if blocked:
        return False, "ListenersConflicted", "every listener that it could use is in conflict with another"
    return False, "NoMatchingListenerHostname", "no listener has a hostname in common with the route"


def _bound(
    owner: ObjectRef, gateway: ObjectRef, listener: Listener, others: Iterable[Listener]
) -> BoundListener:
    conflict = conflict_with = ""
    overlaps: list[str] = []
    for other in others:
        if not conflict and (found := listeners_conflict(listener, other)):
            conflict, conflict_with = found, clean(other.name, 253)
        elif listeners_overlap(listener, other):
            overlaps.append(clean(other.name, 253))
    return BoundListener(owner, gateway, listener, conflict, conflict_with, tuple(overlaps))
