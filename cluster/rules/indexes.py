"""Look-ups by something else than an object's own ref: by target, address, image, label.

Answers are in the order of refs. Where an answer hangs on more than one part its method says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ..knowledge.controllers import CONTROLLERS, Controller, runs
from ..kubernetes_objects import Crd, EndpointSlice, NetworkPolicy, Secret, Service, Workload
from ..objects import FromNamespaces, Gateway, LabelSelector, ListenerSet, Object, Route
from ..policies import Policy, TargetSelector
from ..refs import GATEWAY_GROUP, ObjectRef
from .scene import Index, Scene
from .semantics import namespace_allowed, selector_matches
from .topology import BoundListener, Topology

_GATEWAY_NAME = f"{GATEWAY_GROUP}/gateway-name"
_KONG_ANNOTATION = "konghq.com/upstream-policy"
_KONG_POLICY = ("configuration.konghq.com", "KongUpstreamPolicy")
_EG_OWNER = "gateway.envoyproxy.io/owning-gateway-name"
_EG_OWNER_NAMESPACE = "gateway.envoyproxy.io/owning-gateway-namespace"
# the old side's: it knows no Gateway API, and so is not among the controllers
_OLD_CONTROLLER = Controller("ingress-nginx", "ingress-nginx", (), ("ingress-nginx/controller",))
# parts whose objects a policy may choose by their labels
_CHOOSABLE = ("routes", "gateways", "listener_sets", "services")


class PolicyIndex:
    """Which policies are for what."""

    def __init__(self, scene: Scene, topology: Topology) -> None:
        self._topology = topology
        self._spec_of = scene.spec_of
        self._snapshot = scene.snapshot
        self._named: Index[ObjectRef, Policy] = scene.index("policies", _targets_of)
        self._sections: Index[ObjectRef, Policy] = scene.index(
            "policies", lambda one: {target.whole for target in _targets_of(one) if target.section}
        )
        self._choosing: Index[str, Policy] = scene.index(
            "policies", lambda one: {selector.kind for selector in one.spec.target_selectors}
        )
        self._labelled: dict[str, Index[tuple[str, str], Object]] = {
            part: scene.index(part, lambda one: one.meta.labels.items(), specs=True) for part in _CHOOSABLE
        }
        self._on = scene.query(self._find_on)
        self._any = scene.query(self._find_any)

    @property
    def any_at_all(self) -> bool:
        """Whether there is any policy; most questions about policies end here."""
        return self._any(())

    def _find_any(self, key: tuple[()]) -> bool:
        return bool(self._snapshot.policies)

    def on(self, target: ObjectRef) -> tuple[Policy, ...]:
        """The policies for exactly this target (an object or one of its sections).

        By name, by selector, by a Service's annotation (Kong), or, for a policy that names nothing, by what
        its status says. Reads policies and Services; where there are selectors, also labels of the target
        and of its namespace.
        """
        return self._on(target) if self.any_at_all else ()

    def about(self, whole: ObjectRef) -> tuple[Policy, ...]:
        """The policies for an object or any of its sections."""
        found = {one.ref: one for target in (whole, *self.sections_of(whole)) for one in self.on(target)}
        return tuple(found[ref] for ref in sorted(found))

    def sections_of(self, whole: ObjectRef) -> tuple[ObjectRef, ...]:
        """The sections of an object that some policy names."""
        if not self.any_at_all:
            return ()
        targets = (target for policy in self._sections[whole] for target in _targets_of(policy))
        return tuple(sorted({one for one in targets if one.section and one.whole == whole}))

    def selected_by(self, policy: Policy) -> tuple[ObjectRef, ...]:
        """What a policy's targetSelectors choose; empty where it has none or they match nothing."""
        found: set[ObjectRef] = set()
        for selector in policy.spec.target_selectors:
            found.update(self._chosen(policy, selector))
        return tuple(sorted(found))

    def _find_on(self, target: ObjectRef) -> tuple[Policy, ...]:
        found = {one.ref: one for one in self._named[target]}
        for policy in self._annotated(target):
            found[policy.ref] = policy
        if not target.section:
            for policy in self._choosing[target.kind]:
                if any(self._chooses(policy, one, target) for one in policy.spec.target_selectors):
                    found[policy.ref] = policy
        return tuple(found[ref] for ref in sorted(found))

    def _annotated(self, target: ObjectRef) -> Iterator[Policy]:
        """Kong attaches its policy by an annotation of the Service."""
        if (target.group, target.kind) != ("", "Service"):
            return
        service: Service | None = self._spec_of("services", target)
        name = service.meta.annotations.get(_KONG_ANNOTATION) if service else None
        if name:
            ref = ObjectRef(_KONG_POLICY[1], target.namespace, name, group=_KONG_POLICY[0])
            policy = self._snapshot.policies.get(ref)
            if policy is not None:
                yield policy

    def _chooses(self, policy: Policy, selector: TargetSelector, target: ObjectRef) -> bool:
        part = _part_of(target)
        if part is None or not _is_for(selector, target):
            return False
        obj: Object | None = self._spec_of(part, target)
        return obj is not None and self._allows(policy, selector, target, obj.meta.labels)

    def _allows(
        self, policy: Policy, selector: TargetSelector, target: ObjectRef, labels: Mapping[str, str]
    ) -> bool:
        rule = selector.namespaces or FromNamespaces(from_="Same")
        namespace = self._topology.namespace_labels(target.namespace)
        allowed = namespace_allowed(rule, policy.meta.namespace, target.namespace, namespace)
        wanted = LabelSelector(
            match_labels=selector.match_labels, match_expressions=selector.match_expressions
        )
        return bool(allowed) and selector_matches(wanted, labels)

    def _chosen(self, policy: Policy, selector: TargetSelector) -> Iterator[ObjectRef]:
        for part in _CHOOSABLE:
            for obj in self._candidates(part, selector):
                if _is_for(selector, obj.ref) and self._allows(policy, selector, obj.ref, obj.meta.labels):
                    yield obj.ref

    def _candidates(self, part: str, selector: TargetSelector) -> Iterable[Object]:
        # one label leaves few to look at; only a selector without any must look at all
        for pair in selector.match_labels.items():
            return self._labelled[part][pair]
        everything: Mapping[ObjectRef, Object] = getattr(self._snapshot, part)
        return everything.values()


def _targets_of(policy: Policy) -> set[ObjectRef]:
    """What a policy names; for one that names nothing and chooses nothing, what its status speaks of."""
    targets = set(policy.targets)
    if targets or policy.spec.target_selectors or (policy.group, policy.kind) == _KONG_POLICY:
        return targets
    return {one.ancestor_ref.target(policy.meta.namespace) for one in policy.status.ancestors}


def _is_for(selector: TargetSelector, target: ObjectRef) -> bool:
    group = GATEWAY_GROUP if selector.group is None else selector.group
    return selector.kind == target.kind and group == target.group


def _part_of(target: ObjectRef) -> str | None:
    if (target.group, target.kind) == ("", "Service"):
        return "services"
    if target.group != GATEWAY_GROUP:
        return None
    parts = {"Gateway": "gateways", "ListenerSet": "listener_sets"}
    return parts.get(target.kind) or ("routes" if target.kind.endswith("Route") else None)


class Indexes:
    """All other look-ups."""

    def __init__(self, scene: Scene, topology: Topology) -> None:
        self._topology = topology
        self._spec_of = scene.spec_of
        self.policies = PolicyIndex(scene, topology)
        self._index_gateways(scene)
        self._index_services(scene)
        self._secrets: Index[str, Secret] = scene.index("secrets", lambda one: (one.meta.name,))
        self._network_policies: Index[str, NetworkPolicy] = scene.index(
            "network_policies", lambda one: (one.meta.namespace,)
        )
        self._running: Index[str, Workload] = scene.index("workloads", _roles)
        self._workloads: Index[str, Workload] = scene.index("workloads", lambda one: (one.meta.namespace,))
        self._proxies: Index[tuple[str, str], Workload] = scene.index("workloads", _proxied)
        self._gateway_crds: Index[str, Crd] = scene.index("crds", lambda one: (one.spec.group,))
        self._bundle = scene.query(self._find_bundle)
        self._old_services = scene.query(self._find_old_services)

    # --- Gateways --------------------------------------------------------------------------------

    def _index_gateways(self, scene: Scene) -> None:
        self._places: Index[tuple[int, str], Gateway] = scene.index("gateways", _places, specs=True)
        self._set_places: Index[tuple[int, str], ListenerSet] = scene.index(
            "listener_sets", _places, specs=True
        )
        self._requested: Index[str, Gateway] = scene.index(
            "gateways", lambda one: {address.value for address in one.spec.addresses}, specs=True
        )
        self._addressed: Index[str, Gateway] = scene.index(
            "gateways", lambda one: {address.value for address in one.status.addresses}
        )
        self._naming: Index[tuple[ObjectRef, str], Route] = scene.index(
            "routes",
            lambda one: {
                (parent.target(one.meta.namespace).whole, one.kind) for parent in one.spec.parent_refs
            },
            specs=True,
        )
        self._at = scene.query(self._find_at)

    def gateways_at(self, port: int, hostname: str | None) -> tuple[BoundListener, ...]:
        """The listeners of all Gateways on one port with the same hostname (None and empty are the same)."""
        return self._at((port, (hostname or "").lower()))

    def _find_at(self, place: tuple[int, str]) -> tuple[BoundListener, ...]:
        owners = {one.ref for one in self._places[place]}
        for listener_set in self._set_places[place]:
            owners.add(listener_set.spec.parent_ref.target(listener_set.meta.namespace).whole)
        return tuple(
            bound
            for owner in sorted(owners)
            for bound in self._topology.listeners(owner)
            if (bound.listener.port, (bound.listener.hostname or "").lower()) == place
        )

    def gateways_with(self, address: str) -> tuple[ObjectRef, ...]:
        """The Gateways whose status names an address."""
        return tuple(one.ref for one in self._addressed[address])

    def gateways_asking_for(self, address: str) -> tuple[ObjectRef, ...]:
        """The Gateways that request an address in spec.addresses."""
        return tuple(one.ref for one in self._requested[address])

    def route_kinds_at(self, gateway: ObjectRef, kinds: Iterable[str]) -> tuple[str, ...]:
        """Those of ``kinds`` of which some route names a Gateway, directly or through its ListenerSets."""
        owners = [gateway, *(one.ref for one in self._topology.listener_sets_of(gateway))]
        return tuple(kind for kind in kinds if any((owner, kind) in self._naming for owner in owners))

    # --- Services and what stands behind them ------------------------------------------------------

    def _index_services(self, scene: Scene) -> None:
        self._owned: Index[tuple[str, str], Service] = scene.index("services", _owner_of_service)
        self._balancing: Index[str, Service] = scene.index("services", _balanced_addresses)
        self._balancers: Index[str, Service] = scene.index(
            "services", lambda one: (one.meta.namespace,) if one.spec.type == "LoadBalancer" else ()
        )
        self._slices: Index[tuple[str, str], EndpointSlice] = scene.index(
            "endpoint_slices",
            lambda one: ((one.meta.namespace, one.service),) if one.service else (),
        )

    def services_of(self, gateway: Gateway) -> tuple[Service, ...]:
        """The Services in front of a Gateway's proxies: by the labels that controllers set (GEP-1762), or
        as the load balancers of its addresses."""
        named = self._owned[gateway.meta.namespace, gateway.meta.name]
        if named:
            return named
        found = {
            one.ref: one for address in gateway.status.addresses for one in self.services_at(address.value)
        }
        return tuple(found.values())

    def services_at(self, address: str) -> tuple[Service, ...]:
        """The Services whose load balancer has ``address`` (an IP or a host name)."""
        return self._balancing[address] if address else ()

    def slices_of(self, namespace: str, service: str) -> tuple[EndpointSlice, ...]:
        """The EndpointSlices of a Service."""
        return self._slices[namespace, service]

    # --- workloads -------------------------------------------------------------------------------

    def workloads_running(self, controller_id: str) -> tuple[Workload, ...]:
        """The Deployments and DaemonSets that run a known controller's image."""
        return self._running[controller_id]

    def arguments_of(self, controller_id: str) -> tuple[str, ...]:
        """The arguments of a known controller's containers, in lower case."""
        return tuple(
            argument.lower()
            for workload in self.workloads_running(controller_id)
            for container in workload.spec.template.spec.containers
            for argument in container.args
        )

    def workloads_in(self, namespace: str) -> tuple[Workload, ...]:
        """The Deployments and DaemonSets of a namespace."""
        return self._workloads[namespace]

    def proxies_of(self, gateway: ObjectRef) -> tuple[Workload, ...]:
        """The workloads that carry a Gateway's traffic and say so by their labels."""
        return self._proxies[gateway.namespace, gateway.name]

    @property
    def old_controllers(self) -> tuple[Workload, ...]:
        """The workloads that run ingress-nginx."""
        return self._running[_OLD_CONTROLLER.id]

    @property
    def old_services(self) -> tuple[Service, ...]:
        """The load balancers in front of ingress-nginx."""
        return self._old_services(())

    def _find_old_services(self, key: tuple[()]) -> tuple[Service, ...]:
        found = {
            service.ref: service
            for workload in self.old_controllers
            for service in self._balancers[workload.meta.namespace]
            if service.spec.selector
            and service.spec.selector.items() <= workload.spec.template.metadata.labels.items()
        }
        return tuple(found.values())

    # --- the rest --------------------------------------------------------------------------------

    def secrets_named(self, name: str) -> tuple[ObjectRef, ...]:
        """The Secrets of that name in any namespace."""
        return tuple(one.ref for one in self._secrets[name])

    def pods_behind(self, service: Service) -> tuple[Mapping[str, str], ...]:
        """The labels of the pods behind a Service, by the workloads that make them; its selector where none
        is known to; none where it selects nothing."""
        selector = service.spec.selector
        if not selector:
            return ()
        made = [one.spec.template.metadata.labels for one in self.workloads_in(service.meta.namespace)]
        return tuple(labels for labels in made if selector.items() <= labels.items()) or (selector,)

    def admission_to(self, service: Service) -> tuple[NetworkPolicy, ...]:
        """The NetworkPolicies that say who may send to the pods behind a Service; none: everybody may."""
        pods = self.pods_behind(service)
        return tuple(
            one
            for one in self._network_policies[service.meta.namespace]
            # API: NetworkPolicySpec.policyTypes: without any it is for ingress
            if (not one.spec.policy_types or "Ingress" in one.spec.policy_types)
            and any(selector_matches(one.spec.pod_selector, labels) for labels in pods)
        )

    def crd_of(self, group: str, kind: str) -> Crd | None:
        """The CRD that defines a kind."""
        return self._topology.crd_of(group, kind)

    def usual_bundle(self) -> str:
        """The bundle-version of most of the Gateway API's CRDs; empty where none has one."""
        return self._bundle(())

    def _find_bundle(self, key: tuple[()]) -> str:
        counted = Counter(
            crd.bundle_version for crd in self._gateway_crds[GATEWAY_GROUP] if crd.bundle_version
        )
        return max(counted, key=lambda bundle: (counted[bundle], bundle), default="")


def _places(owner: Gateway | ListenerSet) -> set[tuple[int, str]]:
    return {(listener.port, (listener.hostname or "").lower()) for listener in owner.spec.listeners}


def _owner_of_service(service: Service) -> tuple[tuple[str, str], ...]:
    return _owner_by_labels(service.meta.labels, service.meta.namespace)


def _owner_by_labels(labels: Mapping[str, str], namespace: str) -> tuple[tuple[str, str], ...]:
    if _EG_OWNER in labels:
        return ((labels.get(_EG_OWNER_NAMESPACE, namespace), labels[_EG_OWNER]),)
    return ((namespace, labels[_GATEWAY_NAME]),) if _GATEWAY_NAME in labels else ()


def _balanced_addresses(service: Service) -> set[str]:
    if service.spec.type != "LoadBalancer":
        return set()
    entries = service.status.load_balancer.ingress
    return {value for entry in entries for value in (entry.ip, entry.hostname) if value}


def _proxied(workload: Workload) -> tuple[tuple[str, str], ...]:
    labels = {**workload.meta.labels, **workload.spec.template.metadata.labels}
    return _owner_by_labels(labels, workload.meta.namespace)


def _roles(workload: Workload) -> set[str]:
    known = (*CONTROLLERS, _OLD_CONTROLLER)
    return {one.id for one in known if any(runs(image, one) for image in workload.images)}
