"""Which kinds Pointsman reads, where they live, and into which part of a Snapshot they go."""

from __future__ import annotations

from dataclasses import dataclass

from .kubernetes_objects import (
    ConfigMap,
    Crd,
    EndpointSlice,
    Ingress,
    IngressClass,
    Issuer,
    Namespace,
    NetworkPolicy,
    Pod,
    Secret,
    Service,
    Workload,
)
from .objects import Gateway, GatewayClass, ListenerSet, Mesh, Object, ReferenceGrant, Route
from .policies import Policy
from .refs import GATEWAY_GROUP

EXPERIMENTAL_GROUP = "gateway.networking.x-k8s.io"
_CERT_MANAGER = "cert-manager.io"


@dataclass(frozen=True, slots=True)
class KindSpec:
    """One kind. ``part`` is the Snapshot's attribute; ``metadata_only`` is asked for without contents.

    ``versions`` are those that are understood, best first; empty means whatever the cluster prefers.
    """

    kind: str
    group: str
    plural: str
    part: str
    struct: type[Object]
    versions: tuple[str, ...] = ()
    namespaced: bool = True
    metadata_only: bool = False
    field_selector: str = ""
    label_selector: str = ""


def _gateway(kind: str, plural: str, part: str, struct: type[Object], *versions: str) -> KindSpec:
    return KindSpec(kind, GATEWAY_GROUP, plural, part, struct, versions, namespaced=kind != "GatewayClass")


# In the order in which they are wanted first: what the first screen shows comes first.
KINDS: tuple[KindSpec, ...] = (
    _gateway("GatewayClass", "gatewayclasses", "classes", GatewayClass, "v1", "v1beta1"),
    _gateway("Gateway", "gateways", "gateways", Gateway, "v1", "v1beta1"),
    _gateway("HTTPRoute", "httproutes", "routes", Route, "v1", "v1beta1"),
    _gateway("GRPCRoute", "grpcroutes", "routes", Route, "v1", "v1alpha2"),
    _gateway("TLSRoute", "tlsroutes", "routes", Route, "v1", "v1alpha3", "v1alpha2"),
    _gateway("TCPRoute", "tcproutes", "routes", Route, "v1", "v1alpha2"),
    _gateway("UDPRoute", "udproutes", "routes", Route, "v1", "v1alpha2"),
    _gateway("ListenerSet", "listenersets", "listener_sets", ListenerSet, "v1"),
    _gateway("ReferenceGrant", "referencegrants", "grants", ReferenceGrant, "v1", "v1beta1", "v1alpha2"),
    _gateway("BackendTLSPolicy", "backendtlspolicies", "policies", Policy, "v1", "v1alpha3"),
    KindSpec("XListenerSet", EXPERIMENTAL_GROUP, "xlistenersets", "listener_sets", ListenerSet),
    KindSpec("XMesh", EXPERIMENTAL_GROUP, "xmeshes", "meshes", Mesh, namespaced=False),
    KindSpec("Service", "", "services", "services", Service, ("v1",)),
    KindSpec(
        "EndpointSlice", "discovery.k8s.io", "endpointslices", "endpoint_slices", EndpointSlice, ("v1",)
    ),
    KindSpec(
        "Secret",
        "",
        "secrets",
        "secrets",
        Secret,
        ("v1",),
        metadata_only=True,
        field_selector="type=kubernetes.io/tls",
    ),
    KindSpec("Namespace", "", "namespaces", "namespaces", Namespace, ("v1",), namespaced=False),
    KindSpec("Ingress", "networking.k8s.io", "ingresses", "ingresses", Ingress, ("v1",)),
    KindSpec(
        "IngressClass",
        "networking.k8s.io",
        "ingressclasses",
        "ingress_classes",
        IngressClass,
        ("v1",),
        namespaced=False,
    ),
    KindSpec(
        "CustomResourceDefinition",
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "crds",
        Crd,
        ("v1",),
        namespaced=False,
    ),
    KindSpec("Deployment", "apps", "deployments", "workloads", Workload, ("v1",)),
    KindSpec("DaemonSet", "apps", "daemonsets", "workloads", Workload, ("v1",)),
    KindSpec(
        "NetworkPolicy", "networking.k8s.io", "networkpolicies", "network_policies", NetworkPolicy, ("v1",)
    ),
    KindSpec("Issuer", _CERT_MANAGER, "issuers", "issuers", Issuer),
    KindSpec("ClusterIssuer", _CERT_MANAGER, "clusterissuers", "issuers", Issuer, namespaced=False),
)

# never listed as a whole: only where a known controller runs, see pods.py
POD = KindSpec("Pod", "", "pods", "pods", Pod, ("v1",))
# taken from documents, and never asked of a cluster
OFFLINE_KINDS: tuple[KindSpec, ...] = (
    KindSpec("ConfigMap", "", "configmaps", "config_maps", ConfigMap, ("v1",)),
)

ROUTE_KINDS = tuple(spec.kind for spec in KINDS if spec.part == "routes")

# kinds of the core cluster: always served, so "absent" is never an answer for them
_ALL = (*KINDS, POD, *OFFLINE_KINDS)
PARTS: tuple[str, ...] = (*dict.fromkeys(spec.part for spec in _ALL), "undecodable")

_BY_GROUP_KIND = {(spec.group, spec.kind): spec for spec in _ALL}


def kind_spec(group: str, kind: str) -> KindSpec | None:
    """The entry for a kind, or None for one that is not in the fixed list."""
    return _BY_GROUP_KIND.get((group, kind))


def policy_spec(group: str, kind: str, plural: str, *, namespaced: bool = True) -> KindSpec:
    """The entry for a policy (or a custom backend) that discovery found."""
    return KindSpec(kind, group, plural, "policies", Policy, namespaced=namespaced)
