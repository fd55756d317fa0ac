"""Look-ups by something else than the reference: by host, by target, by address, by image.

Each index is built once, when it is first asked for; answers are in the order of references.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache

from .controllers import CONTROLLERS
from .kubernetes_objects import NetworkPolicy, Service, Workload
from .objects import LabelSelector, Policy, TargetSelector
from .refs import ObjectRef
from .semantics import namespace_allowed, selector_matches
from .topology import Topology

_OLD_CONTROLLER = "ingress-nginx"
_EXTERNAL_DNS = "external-dns"
_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_ENVOY_OWNER = "gateway.envoyproxy.io/owning-gateway-name"
_ENVOY_OWNER_NAMESPACE = "gateway.envoyproxy.io/owning-gateway-namespace"

Index = Mapping[str, tuple[ObjectRef, ...]]


@lru_cache(maxsize=4_096)
def host_keys(host: str) -> tuple[str, ...]:
    """The names under which ``host`` may be served, the most specific first; empty stands for any host.

    A wildcard covers one or more labels (Gateway API: Hostname; nginx: server_name).
    """
    labels = host.lower().split(".")[1:]
    parents = [f"*.{'.'.join(labels[at:])}" for at in range(len(labels))]
    return tuple(dict.fromkeys((host.lower(), *parents, "")))


class Lookups:
    """Indexes over one Snapshot, through its Topology."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._snapshot = topology.snapshot

    # --- by host -------------------------------------------------------------------------------

    def routes_by_host(self, host: str) -> tuple[ObjectRef, ...]:
        """The routes that may answer ``host``, by their hostnames or, without any, by their listeners'."""
        return _merged(self._routes, host)

    def ingresses_by_host(self, host: str) -> tuple[ObjectRef, ...]:
        """The Ingresses that have a rule for ``host``, a wildcard over it, or one for any host."""
        return _merged(self._ingresses, host)

    @cached_property
    def twin_hosts(self) -> frozenset[str]:
        """The hosts of Ingresses that some route also names, or answers by a wildcard."""
        named = (name for name in self._ingresses if name)
        return frozenset(name for name in named if any(key in self._routes for key in host_keys(name) if key))

    @cached_property
    def _routes(self) -> Index:
        def entries() -> Iterator[tuple[str, ObjectRef]]:
            for ref, route in self._snapshot.routes.items():
                names: Iterable[str] = route.spec.hostnames
                if not route.spec.hostnames:
                    names = (
                        bound.listener.hostname or ""
                        for attachment in self._topology.attachments(route)
                        for bound in attachment.candidates
                    )
                yield from ((name.lower(), ref) for name in names)

        return _index(entries())

    @cached_property
    def _ingresses(self) -> Index:
        def entries() -> Iterator[tuple[str, ObjectRef]]:
            for ref, ingress in self._snapshot.ingresses.items():
                yield from ((rule.host.lower(), ref) for rule in ingress.spec.rules)
                if not ingress.spec.rules:
                    yield "", ref

        return _index(entries())

    # --- by target -----------------------------------------------------------------------------

    def policies_on(self, target: ObjectRef, labels: Mapping[str, str] | None = None) -> tuple[Policy, ...]:
        """The policies that name ``target`` or a section of it, or choose it by ``labels``."""
        named = self._policies.get(target.whole, ())
        chosen = tuple(
            policy
            for policy in self._choosing
            if labels is not None
            and any(self._chooses(policy, one, target, labels) for one in _chosen(policy))
        )
        return tuple({policy.ref: policy for policy in (*named, *chosen)}.values())

    @cached_property
    def _policies(self) -> Mapping[ObjectRef, tuple[Policy, ...]]:
        found: dict[ObjectRef, list[Policy]] = defaultdict(list)
        for _, policy in sorted(self._snapshot.policies.items()):
            for target in dict.fromkeys(one.whole for one in policy.targets):
                found[target].append(policy)
        return {target: tuple(policies) for target, policies in found.items()}

    @cached_property
    def _choosing(self) -> tuple[Policy, ...]:
        return tuple(policy for _, policy in sorted(self._snapshot.policies.items()) if _chosen(policy))

    def _chooses(
        self, policy: Policy, selector: TargetSelector, target: ObjectRef, labels: Mapping[str, str]
    ) -> bool:
        if selector.kind != target.kind or (selector.group or target.group) != target.group:
            return False
        own = policy.meta.namespace
        if selector.namespaces is None:
            allowed = own == target.namespace
        else:
            known = self._topology.namespace_labels(target.namespace)
            allowed = bool(namespace_allowed(selector.namespaces, own, target.namespace, known))
        wanted = LabelSelector(
            match_labels=selector.match_labels, match_expressions=selector.match_expressions
        )
        return allowed and selector_matches(wanted, labels)

    # --- by namespace, address and image -------------------------------------------------------

    def network_policies_in(self, namespace: str) -> tuple[NetworkPolicy, ...]:
        """The NetworkPolicies of a namespace."""
        return self._network_policies.get(namespace, ())

    @cached_property
    def _network_policies(self) -> Mapping[str, tuple[NetworkPolicy, ...]]:
        found: dict[str, list[NetworkPolicy]] = defaultdict(list)
        for ref, policy in sorted(self._snapshot.network_policies.items()):
            found[ref.namespace].append(policy)
        return {namespace: tuple(policies) for namespace, policies in found.items()}

    def services_at(self, address: str) -> tuple[Service, ...]:
        """The Services whose load balancer has ``address`` (an IP or a host name)."""
        return self._balanced.get(address, ())

    @cached_property
    def _balanced(self) -> Mapping[str, tuple[Service, ...]]:
        found: dict[str, list[Service]] = defaultdict(list)
        for _, service in sorted(self._snapshot.services.items()):
            for entry in service.status.load_balancer.ingress:
                for address in filter(None, (entry.ip, entry.hostname)):
                    found[address].append(service)
        return {address: tuple(services) for address, services in found.items()}

    def workloads_in(self, namespace: str) -> tuple[Workload, ...]:
        """The Deployments and DaemonSets of a namespace."""
        return self._by_namespace.get(namespace, ())

    @cached_property
    def _by_namespace(self) -> Mapping[str, tuple[Workload, ...]]:
        found: dict[str, list[Workload]] = defaultdict(list)
        for ref, workload in sorted(self._snapshot.workloads.items()):
            found[ref.namespace].append(workload)
        return {namespace: tuple(workloads) for namespace, workloads in found.items()}

    @property
    def old_controllers(self) -> tuple[Workload, ...]:
        """The workloads that run ingress-nginx."""
        return self._workloads.get(_OLD_CONTROLLER, ())

    @cached_property
    def old_services(self) -> tuple[Service, ...]:
        """The load balancers in front of ingress-nginx."""
        pods = [(one.ref.namespace, one.spec.template.metadata.labels) for one in self.old_controllers]
        return tuple(
            service
            for ref, service in sorted(self._snapshot.services.items())
            if service.spec.type == "LoadBalancer"
            and any(
                ref.namespace == namespace and service.spec.selector.items() <= labels.items()
                for namespace, labels in pods
            )
        )

    def controller_workloads(self, controller: str) -> tuple[Workload, ...]:
        """The workloads that run a Gateway controller, by its id in ``controllers``."""
        return self._workloads.get(controller, ())

    def proxies_of(self, gateway: ObjectRef) -> tuple[Workload, ...]:
        """The workloads that carry a Gateway's traffic and say so by their labels."""
        return self._proxies.get((gateway.namespace, gateway.name), ())

    @cached_property
    def _workloads(self) -> Mapping[str, tuple[Workload, ...]]:
        ends = [(image, entry.id) for entry in CONTROLLERS for image in entry.images]
        ends.append(("ingress-nginx/controller", _OLD_CONTROLLER))
        found: dict[str, list[Workload]] = defaultdict(list)
        for _, workload in sorted(self._snapshot.workloads.items()):
            roles = {
                role
                for image in workload.images
                for end, role in ends
                if f"/{image.partition('@')[0].rpartition(':')[0] or image}".endswith(f"/{end}")
            }
            for role in roles:
                found[role].append(workload)
        return {role: tuple(workloads) for role, workloads in found.items()}

    @cached_property
    def _proxies(self) -> Mapping[tuple[str, str], tuple[Workload, ...]]:
        found: dict[tuple[str, str], list[Workload]] = defaultdict(list)
        for ref, workload in sorted(self._snapshot.workloads.items()):
            labels = {**workload.meta.labels, **workload.spec.template.metadata.labels}
            if name := labels.get(_GATEWAY_NAME):
                found[ref.namespace, name].append(workload)
            elif name := labels.get(_ENVOY_OWNER):
                found[labels.get(_ENVOY_OWNER_NAMESPACE, ref.namespace), name].append(workload)
        return {owner: tuple(workloads) for owner, workloads in found.items()}


def is_external_dns(workload: Workload) -> bool:
    """Whether a workload runs external-dns, by its image."""
    paths = (image.partition("@")[0].rpartition(":")[0] or image for image in workload.images)
    return any(path.rpartition("/")[2] == _EXTERNAL_DNS for path in paths)


def _chosen(policy: Policy) -> tuple[TargetSelector, ...]:
    return policy.spec.target_selectors if "targetSelectors" in policy.fields else ()


def _index(entries: Iterable[tuple[str, ObjectRef]]) -> Index:
    found: dict[str, set[ObjectRef]] = defaultdict(set)
    for name, ref in entries:
        found[name].add(ref)
    return {name: tuple(sorted(refs)) for name, refs in found.items()}


def _merged(index: Index, host: str) -> tuple[ObjectRef, ...]:
    return tuple(sorted({ref for key in host_keys(host) for ref in index.get(key, ())}))
