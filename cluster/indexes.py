"""Look-ups by something else than an object's own ref, each built once for a Snapshot when first asked for.

Every method says which parts of the Snapshot it reads, so that who asks knows what the answer hangs on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from .controllers import CONTROLLERS, runs
from .kubernetes_objects import Crd, EndpointSlice, NetworkPolicy, Service, Workload
from .objects import FromNamespaces, LabelSelector, Object, ParentRef, Policy, TargetSelector
from .refs import GATEWAY_GROUP, ObjectRef
from .semantics import namespace_allowed, selector_matches
from .topology import BoundListener, Topology

_GATEWAY_NAME = f"{GATEWAY_GROUP}/gateway-name"
_KONG_ANNOTATION = "konghq.com/upstream-policy"
_EG_OWNER = "gateway.envoyproxy.io/owning-gateway-name"
_EG_OWNER_NAMESPACE = "gateway.envoyproxy.io/owning-gateway-namespace"


class Indexes:
    """The look-ups over one Topology and its Snapshot."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._snapshot = topology.snapshot

    # --- policies --------------------------------------------------------------------------------

    def policies_on(self, target: ObjectRef) -> tuple[Policy, ...]:
        """The policies for exactly this target (an object or one of its sections).

        By name, by selector, by a Service's annotation (Kong), or, for a policy that names nothing, by what
        its status says. Reads policies and services; where there are selectors, also what they select from
        and namespaces' labels.
        """
        return tuple(self._policies_by_target.get(target, ()))

    def any_policy(self) -> bool:
        """Whether any policy has a target at all. Reads what ``policies_on`` reads."""
        return bool(self._policies_by_target)

    def policed_sections(self, whole: ObjectRef) -> tuple[ObjectRef, ...]:
        """The sections of an object that some policy names. Reads policies."""
        return tuple(self._sections.get(whole, ()))

    def selected_by(self, policy: Policy) -> tuple[ObjectRef, ...]:
        """What a policy's targetSelectors choose; empty where it has none or they match nothing.

        Reads routes, gateways, listener_sets, services and namespaces.
        """
        found: dict[ObjectRef, None] = {}
        for selector in policy.spec.target_selectors:
            found.update(dict.fromkeys(self._select(selector, policy.meta.namespace)))
        return tuple(found)

    @cached_property
    def _policies_by_target(self) -> dict[ObjectRef, list[Policy]]:
        found: dict[ObjectRef, list[Policy]] = defaultdict(list)
        annotated = self._services_with_kong_policy
        for ref, policy in self._snapshot.policies.items():
            targets = (*policy.targets, *self.selected_by(policy), *annotated.get(ref, ()))
            if not targets:
                own = policy.meta.namespace
                targets = tuple(one.ancestor_ref.target(own) for one in policy.status.ancestors)
            for target in dict.fromkeys(targets):
                found[target].append(policy)
        return found

    @cached_property
    def _services_with_kong_policy(self) -> dict[ObjectRef, list[ObjectRef]]:
        found: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
        for ref, service in self._snapshot.services.items():
            name = service.meta.annotations.get(_KONG_ANNOTATION)
            if name:
                policy = ObjectRef(
                    "KongUpstreamPolicy", ref.namespace, name, group="configuration.konghq.com"
                )
                found[policy].append(ref)
        return found

    @cached_property
    def _sections(self) -> dict[ObjectRef, list[ObjectRef]]:
        found: dict[ObjectRef, list[ObjectRef]] = defaultdict(list)
        for target in self._policies_by_target:
            if target.section:
                found[target.whole].append(target)
        return found

    def _select(self, selector: TargetSelector, own: str) -> Iterator[ObjectRef]:
        labels = LabelSelector(
            match_labels=selector.match_labels, match_expressions=selector.match_expressions
        )
        group = GATEWAY_GROUP if selector.group is None else selector.group
        rule = selector.namespaces or FromNamespaces(from_="Same")
        for ref, obj in self._objects_of_kind.get((group, selector.kind), ()):
            allowed = namespace_allowed(
                rule, own, ref.namespace, self._topology.namespace_labels(ref.namespace)
            )
            if allowed and selector_matches(labels, obj.meta.labels):
                yield ref

    @cached_property
    def _objects_of_kind(self) -> dict[tuple[str, str], list[tuple[ObjectRef, Object]]]:
        snapshot = self._snapshot
        found: dict[tuple[str, str], list[tuple[ObjectRef, Object]]] = defaultdict(list)
        for part in (snapshot.routes, snapshot.gateways, snapshot.listener_sets, snapshot.services):
            for ref, obj in part.items():
                found[ref.group, ref.kind].append((ref, obj))
        return found

    # --- Gateways --------------------------------------------------------------------------------

    def gateways_at(self, port: int, hostname: str | None) -> tuple[BoundListener, ...]:
        """The listeners of all Gateways on one port with the same hostname (None and empty are the same).

        Reads gateways, listener_sets and namespaces' labels.
        """
        return tuple(self._by_port_and_host.get((port, (hostname or "").lower()), ()))

    def gateways_asking_for(self, address: str) -> tuple[ObjectRef, ...]:
        """The Gateways that request an address in spec.addresses. Reads gateways."""
        return tuple(self._by_requested_address.get(address, ()))

    def route_kinds_at(self, gateway: ObjectRef) -> tuple[str, ...]:
        """The kinds of the routes that name a Gateway, directly or through its ListenerSets, sorted.

        Reads routes and listener_sets.
        """
        return tuple(sorted(self._kinds_by_gateway.get(gateway, ())))

    def services_of(self, gateway: ObjectRef) -> tuple[Service, ...]:
        """The Services in front of a Gateway's proxies: by the labels that controllers set (GEP-1762), or
        as the load balancers of its addresses. Reads services and the Gateway."""
        named = self._services_by_gateway.get((gateway.namespace, gateway.name))
        if named:
            return tuple(named)
        found = self._snapshot.gateways.get(gateway)
        values = [address.value for address in found.status.addresses] if found else []
        return tuple(
            self._services_by_address[value] for value in values if value in self._services_by_address
        )

    @cached_property
    def _by_port_and_host(self) -> dict[tuple[int, str], list[BoundListener]]:
        found: dict[tuple[int, str], list[BoundListener]] = defaultdict(list)
        for ref in self._snapshot.gateways:
            for bound in self._topology.listeners(ref):
                found[bound.listener.port, (bound.listener.hostname or "").lower()].append(bound)
        return found

    @cached_property
    def _by_requested_address(self) -> dict[str, list[ObjectRef]]:
        found: dict[str, list[ObjectRef]] = defaultdict(list)
        for ref, gateway in self._snapshot.gateways.items():
            for value in dict.fromkeys(address.value for address in gateway.spec.addresses if address.value):
                found[value].append(ref)
        return found

    @cached_property
    def _kinds_by_gateway(self) -> dict[ObjectRef, set[str]]:
        found: dict[ObjectRef, set[str]] = defaultdict(set)
        for ref, route in self._snapshot.routes.items():
            for gateway in self._gateways_of(route.spec.parent_refs, ref.namespace):
                found[gateway].add(ref.kind)
        return found

    def _gateways_of(self, parents: Iterable[ParentRef], namespace: str) -> Iterator[ObjectRef]:
        for parent in parents:
            target = parent.target(namespace).whole
            listener_set = self._snapshot.listener_sets.get(target)
            if listener_set is not None:
                yield listener_set.spec.parent_ref.target(target.namespace).whole
            else:
                yield target

    @cached_property
    def _services_by_gateway(self) -> dict[tuple[str, str], list[Service]]:
        found: dict[tuple[str, str], list[Service]] = defaultdict(list)
        for ref, service in self._snapshot.services.items():
            labels = service.meta.labels
            if _EG_OWNER in labels:
                found[labels.get(_EG_OWNER_NAMESPACE, ref.namespace), labels[_EG_OWNER]].append(service)
            elif _GATEWAY_NAME in labels:
                found[ref.namespace, labels[_GATEWAY_NAME]].append(service)
        return found

    @cached_property
    def _services_by_address(self) -> dict[str, Service]:
        return {
            value: service
            for service in self._snapshot.services.values()
            if service.spec.type == "LoadBalancer"
            for entry in service.status.load_balancer.ingress
            for value in (entry.ip, entry.hostname)
            if value
        }

    # --- the rest --------------------------------------------------------------------------------

    def secrets_named(self, name: str) -> tuple[ObjectRef, ...]:
        """The Secrets of that name in any namespace, sorted. Reads secrets."""
        return tuple(self._secrets_by_name.get(name, ()))

    def slices_of(self, namespace: str, service: str) -> tuple[EndpointSlice, ...]:
        """The EndpointSlices of a Service. Reads endpoint_slices."""
        return tuple(self._slices.get((namespace, service), ()))

    def workloads_running(self, controller_id: str) -> tuple[Workload, ...]:
        """The Deployments and DaemonSets that run a known controller's image. Reads workloads."""
        return tuple(self._workloads_by_controller.get(controller_id, ()))

    def arguments_of(self, controller_id: str) -> tuple[str, ...]:
        """The arguments of a known controller's containers, in lower case. Reads workloads."""
        return tuple(
            argument.lower()
            for workload in self.workloads_running(controller_id)
            for container in workload.spec.template.spec.containers
            for argument in container.args
        )

    def workloads_in(self, namespace: str) -> tuple[Workload, ...]:
        """The Deployments and DaemonSets of a namespace. Reads workloads."""
        return tuple(self._workloads_by_namespace.get(namespace, ()))

    def network_policies_in(self, namespace: str) -> tuple[NetworkPolicy, ...]:
        """The NetworkPolicies of a namespace. Reads network_policies."""
        return tuple(self._network_policies.get(namespace, ()))

    def crd_of(self, group: str, kind: str) -> Crd | None:
        """The CRD that defines a kind. Reads crds."""
        return self._crds.get((group, kind))

    def usual_bundle(self) -> str:
        """The bundle-version of most of the Gateway API's CRDs; empty where none has one. Reads crds."""
        return self._usual_bundle

    @cached_property
    def _usual_bundle(self) -> str:
        counted = Counter(
            crd.bundle_version
            for crd in self._snapshot.crds.values()
            if crd.spec.group == GATEWAY_GROUP and crd.bundle_version
        )
        return max(counted, key=lambda bundle: (counted[bundle], bundle), default="")

    @cached_property
    def _secrets_by_name(self) -> dict[str, list[ObjectRef]]:
        found: dict[str, list[ObjectRef]] = defaultdict(list)
        for ref in sorted(self._snapshot.secrets):
            found[ref.name].append(ref)
        return found

    @cached_property
    def _slices(self) -> dict[tuple[str, str], list[EndpointSlice]]:
        found: dict[tuple[str, str], list[EndpointSlice]] = defaultdict(list)
        for ref, piece in self._snapshot.endpoint_slices.items():
            if piece.service:
                found[ref.namespace, piece.service].append(piece)
        return found

    @cached_property
    def _workloads_by_controller(self) -> dict[str, list[Workload]]:
        found: dict[str, list[Workload]] = defaultdict(list)
        for _, workload in sorted(self._snapshot.workloads.items()):
            for controller in CONTROLLERS:
                if any(runs(image, controller) for image in workload.images):
                    found[controller.id].append(workload)
        return found

    @cached_property
    def _workloads_by_namespace(self) -> dict[str, list[Workload]]:
        found: dict[str, list[Workload]] = defaultdict(list)
        for ref, workload in sorted(self._snapshot.workloads.items()):
            found[ref.namespace].append(workload)
        return found

    @cached_property
    def _network_policies(self) -> dict[str, list[NetworkPolicy]]:
        found: dict[str, list[NetworkPolicy]] = defaultdict(list)
        for ref, policy in sorted(self._snapshot.network_policies.items()):
            found[ref.namespace].append(policy)
        return found

    @cached_property
    def _crds(self) -> dict[tuple[str, str], Crd]:
        return {(crd.spec.group, crd.spec.names.kind): crd for crd in self._snapshot.crds.values()}
