"""What Pointsman reads of the kinds that are not part of the Gateway API."""

from __future__ import annotations

from typing import Any

import msgspec

from .objects import Conditions, LabelSelector, Meta, Object, Part

# --- Ingress -------------------------------------------------------------------------------------


class IngressServicePort(Part, frozen=True):
    name: str = ""
    number: int = 0


class IngressServiceBackend(Part, frozen=True):
    name: str = ""
    port: IngressServicePort = msgspec.field(default_factory=IngressServicePort)


class IngressResource(Part, frozen=True):
    api_group: str | None = None
    kind: str = ""
    name: str = ""


class IngressBackend(Part, frozen=True):
    service: IngressServiceBackend | None = None
    resource: IngressResource | None = None


class IngressPath(Part, frozen=True):
    path: str = ""
    path_type: str = ""
    backend: IngressBackend = msgspec.field(default_factory=IngressBackend)


class IngressHttp(Part, frozen=True):
    paths: tuple[IngressPath, ...] = ()


class IngressRule(Part, frozen=True):
    host: str = ""
    http: IngressHttp = msgspec.field(default_factory=IngressHttp)


class IngressTls(Part, frozen=True):
    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(Part, frozen=True):
    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] = ()
    tls: tuple[IngressTls, ...] = ()


class LoadBalancerIngress(Part, frozen=True):
    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Part, frozen=True):
    ingress: tuple[LoadBalancerIngress, ...] = ()


class BalancedStatus(Part, frozen=True):
    load_balancer: LoadBalancerStatus = msgspec.field(default_factory=LoadBalancerStatus)


class Ingress(Object, frozen=True):
    spec: IngressSpec = msgspec.field(default_factory=IngressSpec)
    status: BalancedStatus = msgspec.field(default_factory=BalancedStatus)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of its rules in their order, each once; a rule without a host gives none."""
        return tuple(dict.fromkeys(rule.host for rule in self.spec.rules if rule.host))


class IngressClassSpec(Part, frozen=True):
    controller: str = ""


class IngressClass(Object, frozen=True):
    spec: IngressClassSpec = msgspec.field(default_factory=IngressClassSpec)


# --- Services and endpoints ----------------------------------------------------------------------


class ServicePort(Part, frozen=True):
    name: str = ""
    port: int = 0
    protocol: str = "TCP"
    app_protocol: str | None = None
    target_port: int | str | None = None


class ServiceSpec(Part, frozen=True):
    type: str = "ClusterIP"
    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] = msgspec.field(default_factory=dict)
    external_name: str = ""
    external_traffic_policy: str = ""


class Service(Object, frozen=True):
    spec: ServiceSpec = msgspec.field(default_factory=ServiceSpec)
    status: BalancedStatus = msgspec.field(default_factory=BalancedStatus)


class EndpointConditions(Part, frozen=True):
    """``ready`` None means unknown, which the API says to read as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Part, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = msgspec.field(default_factory=EndpointConditions)


class EndpointPort(Part, frozen=True):
    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class EndpointSlice(Object, frozen=True):
    address_type: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()

    @property
    def service(self) -> str:
        """The Service that it belongs to; empty for a slice that was made by hand."""
        return self.metadata.labels.get("kubernetes.io/service-name", "")

    @property
    def ready_count(self) -> int:
        """Endpoints that are ready, or that do not say."""
        return sum(endpoint.conditions.ready is not False for endpoint in self.endpoints)


# --- The rest ------------------------------------------------------------------------------------


class Secret(Object, frozen=True):
    """Metadata only: neither key nor certificate is ever asked for. ``type`` is known offline only."""

    type: str = ""


class ConfigMap(Object, frozen=True):
    """Read from files only: a cluster's are many, large, and asked for by nothing but CA references."""

    data: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def has_authority(self) -> bool:
        """Whether ``ca.crt`` holds something like a PEM certificate (API: caCertificateRefs)."""
        text = self.data.get("ca.crt")
        return isinstance(text, str) and "-----BEGIN CERTIFICATE-----" in text


class Namespace(Object, frozen=True):
    pass


class CrdNames(Part, frozen=True):
    kind: str = ""
    plural: str = ""


class CrdVersion(Part, frozen=True):
    name: str = ""
    served: bool = True
    storage: bool = False
    # kept whole only until it is known whether this is a policy; see decode.slim_crd
    schema: Any = None


class CrdSpec(Part, frozen=True):
    group: str = ""
    names: CrdNames = msgspec.field(default_factory=CrdNames)
    scope: str = "Namespaced"
    versions: tuple[CrdVersion, ...] = ()


class Crd(Object, frozen=True):
    spec: CrdSpec = msgspec.field(default_factory=CrdSpec)

    @property
    def bundle_version(self) -> str:
        """The Gateway API release that it came from, such as ``v1.4.1``; empty for others."""
        return self.metadata.annotations.get("gateway.networking.k8s.io/bundle-version", "")

    @property
    def channel(self) -> str:
        return self.metadata.annotations.get("gateway.networking.k8s.io/channel", "")


class NetworkPolicyPeer(Part, frozen=True):
    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: dict[str, Any] | None = None


class NetworkPolicyIngressRule(Part, frozen=True):
    """``from_`` empty admits everybody (API: NetworkPolicyIngressRule.from)."""

    from_: tuple[NetworkPolicyPeer, ...] = msgspec.field(name="from", default=())
    ports: tuple[dict[str, Any], ...] = ()


class NetworkPolicySpec(Part, frozen=True):
    pod_selector: LabelSelector = msgspec.field(default_factory=LabelSelector)
    policy_types: tuple[str, ...] = ()
    ingress: tuple[NetworkPolicyIngressRule, ...] = ()


class NetworkPolicy(Object, frozen=True):
    spec: NetworkPolicySpec = msgspec.field(default_factory=NetworkPolicySpec)


class IssuerSpec(Part, frozen=True):
    acme: dict[str, Any] | None = None


class Issuer(Object, frozen=True):
    """cert-manager's Issuer and ClusterIssuer: read for the ACME solvers, which may be bound to a class."""

    spec: IssuerSpec = msgspec.field(default_factory=IssuerSpec)


class Container(Part, frozen=True):
    name: str = ""
    image: str = ""
    args: tuple[str, ...] = ()


class PodSpec(Part, frozen=True):
    containers: tuple[Container, ...] = ()


class PodTemplate(Part, frozen=True):
    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: PodSpec = msgspec.field(default_factory=PodSpec)


class WorkloadSpec(Part, frozen=True):
    replicas: int | None = None
    selector: LabelSelector = msgspec.field(default_factory=LabelSelector)
    template: PodTemplate = msgspec.field(default_factory=PodTemplate)


class WorkloadStatus(Part, frozen=True):
    """A Deployment counts ``ready_replicas``; a DaemonSet ``number_ready``, of those desired.

    ``observed_generation`` 0 means that nobody has written a status yet (or that a file has none).
    """

    observed_generation: int = 0
    ready_replicas: int = 0
    number_ready: int = 0
    desired_number_scheduled: int = 0


class Workload(Object, frozen=True):
    """A Deployment or DaemonSet: read for the images and arguments of controllers."""

    spec: WorkloadSpec = msgspec.field(default_factory=WorkloadSpec)
    status: WorkloadStatus = msgspec.field(default_factory=WorkloadStatus)

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(container.image for container in self.spec.template.spec.containers)


# --- Pods of controllers -------------------------------------------------------------------------


class OwnerReference(Part, frozen=True):
    kind: str = ""
    name: str = ""
    controller: bool = False


class PodMeta(Meta, frozen=True):
    owner_references: tuple[OwnerReference, ...] = ()


class ContainerStatus(Part, frozen=True):
    name: str = ""
    image: str = ""
    ready: bool = False
    restart_count: int = 0


class PodStatus(Part, frozen=True):
    phase: str = ""
    conditions: Conditions = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class RunningPodSpec(Part, frozen=True):
    node_name: str = ""
    containers: tuple[Container, ...] = ()


class Pod(Object, frozen=True):
    """A pod of a known controller. API: PodStatus; ``phase`` is Pending, Running, Succeeded, Failed or
    Unknown.
    """

    metadata: PodMeta = msgspec.field(default_factory=PodMeta)
    spec: RunningPodSpec = msgspec.field(default_factory=RunningPodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)

    @property
    def phase(self) -> str:
        return self.status.phase

    @property
    def ready(self) -> bool:
        """Whether its Ready condition is True: it gets traffic."""
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(container.image for container in self.spec.containers)

    @property
    def restarts(self) -> int:
        """How often its containers were started again, all together."""
        return sum(one.restart_count for one in self.status.container_statuses)

    @property
    def owner(self) -> OwnerReference | None:
        """Who manages it: a ReplicaSet or a DaemonSet, as a rule."""
        return next((one for one in self.metadata.owner_references if one.controller), None)
