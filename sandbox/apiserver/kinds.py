"""The kinds that the practice cluster serves, as data.

Names, short names, categories and printed columns are those of the upstream CRDs (Gateway API v1.6.1, Envoy
Gateway v1.9) and of Kubernetes itself. Columns of built-in kinds are computed in `printers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GATEWAY_API = "gateway.networking.k8s.io"
ENVOY_GATEWAY = "gateway.envoyproxy.io"

FULL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Column:
    """One printed column of a custom resource: a JSONPath of the subset that CRDs allow."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


AGE = Column("Age", ".metadata.creationTimestamp", "date")
HOSTNAMES = Column("Hostnames", ".spec.hostnames")


def condition_column(name: str) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="{name}")].status')


@dataclass(frozen=True, slots=True)
class Resource:
    """One served kind. `versions` are those served, the preferred first; it is also the stored one."""

    group: str
    kind: str
    plural: str
    versions: tuple[str, ...] = ("v1",)
    singular: str = ""
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = (AGE,)
    custom: bool = False
    has_status: bool = False
    verbs: tuple[str, ...] = FULL_VERBS
    # where the objects really live, for a kind that is served under two groups (Event)
    stored_as: tuple[str, str] | None = None
    # a policy of the Gateway API: its CRD says so by a label, or only by targetRefs in its schema
    policy: str = field(default="")
    # of a CRD that was applied: version -> its structural schema
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """(group, plural) under which the objects are kept."""
        return self.stored_as or (self.group, self.plural)

    @property
    def kept_api_version(self) -> str:
        """The apiVersion that stored objects carry."""
        group, version = self.key[0], self.versions[0]
        return f"{group}/{version}" if group else version

    @property
    def qualified(self) -> str:
        """`gateways.gateway.networking.k8s.io`, or just `services` in the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def api_version(self, version: str = "") -> str:
        version = version or self.versions[0]
        return f"{self.group}/{version}" if self.group else version


def split_api_version(api_version: str) -> tuple[str, str]:
    """`apps/v1` -> ("apps", "v1"); `v1` -> ("", "v1")."""
    group, _, version = api_version.rpartition("/")
    return group, version


def _core(kind: str, plural: str, *short: str, status: bool = False, **more: object) -> Resource:
    return Resource("", kind, plural, short_names=short, has_status=status, **more)  # type: ignore[arg-type]


def _gateway(kind: str, plural: str, *columns: Column, **more: object) -> Resource:
    return Resource(
        GATEWAY_API,
        kind,
        plural,
        columns=columns or (AGE,),
        custom=True,
        has_status=kind != "ReferenceGrant",
        categories=("gateway-api",),
        **more,  # type: ignore[arg-type]
    )


def _envoy(kind: str, plural: str, *short: str, policy: bool = False) -> Resource:
    return Resource(
        ENVOY_GATEWAY,
        kind,
        plural,
        versions=("v1alpha1",),
        short_names=short,
        columns=(condition_column("Accepted"), AGE) if kind == "Backend" else (AGE,),
        custom=True,
        has_status=True,
        categories=("envoy-gateway",),
        policy="unlabelled" if policy else "",
    )


CORE_RESOURCES: tuple[Resource, ...] = (
    _core("Namespace", "namespaces", "ns", status=True, namespaced=False),
    _core("Node", "nodes", "no", status=True, namespaced=False),
    _core("Pod", "pods", "po", status=True, categories=("all",)),
    _core("Service", "services", "svc", status=True, categories=("all",)),
    _core("Secret", "secrets"),
    _core("ConfigMap", "configmaps", "cm"),
    _core("ServiceAccount", "serviceaccounts", "sa"),
    _core("Event", "events", "ev"),
    Resource("events.k8s.io", "Event", "events", short_names=("ev",), stored_as=("", "events")),
    Resource(
        "apps",
        "Deployment",
        "deployments",
        short_names=("deploy",),
        has_status=True,
        categories=("all",),
    ),
    Resource("networking.k8s.io", "Ingress", "ingresses", short_names=("ing",), has_status=True),
    Resource("networking.k8s.io", "IngressClass", "ingressclasses", namespaced=False),
    Resource("networking.k8s.io", "NetworkPolicy", "networkpolicies", short_names=("netpol",)),
    Resource("discovery.k8s.io", "EndpointSlice", "endpointslices"),
    Resource("coordination.k8s.io", "Lease", "leases"),
    # a release of the Gateway API brings one of each beside its CRDs
    *(
        Resource("admissionregistration.k8s.io", kind, plural, namespaced=False)
        for kind, plural in (
            ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
            ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
        )
    ),
    Resource(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        short_names=("crd", "crds"),
        namespaced=False,
        has_status=True,
        categories=("api-extensions",),
    ),
)

# POST only: answered from the policy, never stored
REVIEW_RESOURCES: tuple[Resource, ...] = tuple(
    Resource(group, kind, plural, namespaced=False, verbs=("create",))
    for group, kind, plural in (
        ("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
        ("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews"),
        ("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews"),
    )
)

GATEWAY_API_RESOURCES: tuple[Resource, ...] = (
    _gateway(
        "GatewayClass",
        "gatewayclasses",
        Column("Controller", ".spec.controllerName"),
        condition_column("Accepted"),
        AGE,
        Column("Description", ".spec.description", priority=1),
        versions=("v1", "v1beta1"),
        short_names=("gc",),
        namespaced=False,
    ),
    _gateway(
        "Gateway",
        "gateways",
        Column("Class", ".spec.gatewayClassName"),
        Column("Address", ".status.addresses[*].value"),
        condition_column("Programmed"),
        AGE,
        versions=("v1", "v1beta1"),
        short_names=("gtw",),
    ),
    _gateway(
        "ListenerSet",
        "listenersets",
        condition_column("Accepted"),
        condition_column("Programmed"),
        AGE,
        short_names=("lset",),
    ),
    _gateway("HTTPRoute", "httproutes", HOSTNAMES, AGE, versions=("v1", "v1beta1")),
    _gateway("GRPCRoute", "grpcroutes", HOSTNAMES, AGE),
    _gateway("TLSRoute", "tlsroutes"),
    _gateway("TCPRoute", "tcproutes"),
    _gateway("UDPRoute", "udproutes"),
    _gateway("ReferenceGrant", "referencegrants", versions=("v1", "v1beta1"), short_names=("refgrant",)),
    _gateway("BackendTLSPolicy", "backendtlspolicies", short_names=("btlspolicy",), policy="Direct"),
)

ENVOY_GATEWAY_RESOURCES: tuple[Resource, ...] = (
    _envoy("BackendTrafficPolicy", "backendtrafficpolicies", "btp", policy=True),
    _envoy("ClientTrafficPolicy", "clienttrafficpolicies", "ctp", policy=True),
    _envoy("SecurityPolicy", "securitypolicies", "sp", policy=True),
    _envoy("EnvoyProxy", "envoyproxies", "eproxy"),
    _envoy("Backend", "backends", "be"),
)

CUSTOM_RESOURCES = GATEWAY_API_RESOURCES + ENVOY_GATEWAY_RESOURCES

# Kinds without a namespace that manifests may bring, though they are not served from the start.
CLUSTER_SCOPED_KINDS = frozenset(
    {
        "CiliumGatewayClassConfig",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterTrustBundle",
        "MutatingWebhookConfiguration",
        "PersistentVolume",
        "PriorityClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "XMesh",
    }
)

BUILTIN_GROUPS = frozenset({"", "apps", "batch", "policy", "autoscaling"})


def is_builtin_group(group: str) -> bool:
    """Whether Kubernetes itself owns the group. `*.k8s.io` also holds the Gateway API, which is CRDs."""
    if group in BUILTIN_GROUPS:
        return True
    return group.endswith(".k8s.io") and not group.endswith(
        ("gateway.networking.k8s.io", ".x-k8s.io", "inference.networking.k8s.io")
    )
