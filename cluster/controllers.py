"""What is known of the controllers, as data: names, policy kinds, which Gateway API release each expects.

Read in the controllers' own sources and release notes (go.mod, conformance reports, docs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .kinds import KindSpec, policy_spec


@dataclass(frozen=True, slots=True)
class Controller:
    """``names`` are controllerNames. ``images`` are what the image path of its Deployment ends with.

    ``expects`` maps a release (``1.8``) to the Gateway API version that it was built against.
    ``own_reasons`` are reasons that it writes beside the API's, for faults inside objects of its own.
    """

    id: str
    title: str
    names: tuple[str, ...]
    images: tuple[str, ...] = ()
    expects: tuple[tuple[str, str], ...] = ()
    own_reasons: frozenset[str] = frozenset()


CONTROLLERS: tuple[Controller, ...] = (
    Controller(
        "nginx-gateway-fabric",
        "NGINX Gateway Fabric",
        ("gateway.nginx.org/nginx-gateway-controller",),
        ("nginx-gateway-fabric",),
        (
            ("2.0", "1.3.0"),
            ("2.1", "1.3.0"),
            ("2.2", "1.3.0"),
            ("2.3", "1.4.1"),
            ("2.4", "1.4.1"),
            ("2.5", "1.5.1"),
            ("2.6", "1.5.1"),
        ),
    ),
    Controller(
        "istio",
        "Istio",
        (
            "istio.io/gateway-controller",
            "istio.io/mesh-controller",
            "istio.io/unmanaged-gateway",
            "istio.io/eastwest-controller",
            "istio.io/agentgateway-controller",
        ),
        ("pilot",),
        (
            ("1.26", "1.3.0"),
            ("1.27", "1.3.0"),
            ("1.28", "1.4.1"),
            ("1.29", "1.4.1"),
            ("1.30", "1.5.1"),
            ("1.31", "1.6.0"),
        ),
    ),
    Controller(
        "cilium",
        "Cilium",
        ("io.cilium/gateway-controller",),
        ("cilium/operator-generic", "cilium/operator", "cilium/operator-aws", "cilium/operator-azure"),
        (("1.19", "1.4.0"), ("1.20", "1.6.1")),
    ),
    Controller(
        "envoy-gateway",
        "Envoy Gateway",
        ("gateway.envoyproxy.io/gatewayclass-controller",),
        ("envoyproxy/gateway",),
        (("1.5", "1.3.0"), ("1.6", "1.4.0"), ("1.7", "1.4.1"), ("1.8", "1.5.1"), ("1.9", "1.6.1")),
        own_reasons=frozenset(
            {
                "InvalidAddress",
                "InvalidBackendFilters",
                "InvalidBackendRef",
                "InvalidBackendTLS",
                "PartiallyInvalidCertificateRef",
                "UnsupportedAddressType",
                "UnsupportedRefValue",
            }
        ),
    ),
    Controller(
        "traefik",
        "Traefik",
        ("traefik.io/gateway-controller",),
        ("traefik",),
        (("3.5", "1.3.0"), ("3.6", "1.4.0"), ("3.7", "1.5.1")),
    ),
    Controller(
        "kong-kic",
        "Kong Ingress Controller",
        ("konghq.com/kic-gateway-controller",),
        ("kong/kubernetes-ingress-controller",),
        (("3.4", "1.3.0"), ("3.5", "1.3.0")),
    ),
    Controller(
        "kong-operator",
        "Kong Operator",
        ("konghq.com/gateway-operator",),
        ("kong/gateway-operator", "kong/kong-operator"),
        (("2.0", "1.3.0"), ("2.1", "1.4.1"), ("2.2", "1.5.1"), ("2.3", "1.6.1")),
    ),
    Controller(
        "kgateway",
        "kgateway",
        ("kgateway.dev/kgateway",),
        ("kgateway-dev/kgateway",),
        (("2.1", "1.4.0"), ("2.2", "1.4.1"), ("2.3", "1.5.1"), ("2.4", "1.6.1")),
    ),
    Controller(
        "agentgateway",
        "agentgateway",
        ("agentgateway.dev/agentgateway",),
        ("agentgateway/controller",),
        (("1.0", "1.5.1"), ("1.1", "1.5.1"), ("1.2", "1.5.1"), ("1.3", "1.6.0"), ("1.4", "1.6.0")),
    ),
    Controller(
        "contour",
        "Contour",
        ("projectcontour.io/gateway-controller",),
        ("projectcontour/contour",),
        (("1.31", "1.2.1"), ("1.32", "1.2.1"), ("1.33", "1.3.0")),
    ),
    Controller(
        "aws-load-balancer-controller",
        "AWS Load Balancer Controller",
        ("gateway.k8s.aws/alb", "gateway.k8s.aws/nlb"),
        ("aws-load-balancer-controller",),
        (
            ("2.14", "1.3.0"),
            ("3.0", "1.3.0"),
            ("3.1", "1.3.0"),
            ("3.2", "1.5.0"),
            ("3.3", "1.5.0"),
            ("3.4", "1.5.0"),
            ("3.5", "1.6.0"),
        ),
    ),
    Controller("gke", "GKE", ("networking.gke.io/gateway",)),
    Controller(
        "haproxy-ingress",
        "HAProxy Ingress",
        ("haproxy-ingress.github.io/controller",),
        ("jcmoraisjr/haproxy-ingress",),
        (("0.16", "1.0.0"), ("0.17", "1.6.1")),
    ),
    Controller("airlock", "Airlock Microgateway", ("microgateway.airlock.com/gatewayclass-controller",)),
)

# group, namespaced kinds: policies (and backends that carry conditions), whether or not their CRD says so
_POLICY_KINDS: dict[str, tuple[str, ...]] = {
    "gateway.envoyproxy.io": (
        "ClientTrafficPolicy",
        "BackendTrafficPolicy",
        "SecurityPolicy",
        "EnvoyExtensionPolicy",
        "EnvoyPatchPolicy",
        "Backend",
    ),
    "gateway.nginx.org": (
        "ClientSettingsPolicy",
        "ProxySettingsPolicy",
        "RateLimitPolicy",
        "WAFPolicy",
        "ObservabilityPolicy",
        "SnippetsPolicy",
        "UpstreamSettingsPolicy",
    ),
    "gateway.kgateway.dev": ("TrafficPolicy", "ListenerPolicy", "BackendConfigPolicy", "Backend"),
    "agentgateway.dev": ("AgentgatewayPolicy",),
    "security.istio.io": ("AuthorizationPolicy", "RequestAuthentication"),
    "networking.istio.io": ("EnvoyFilter",),
    "extensions.istio.io": ("WasmPlugin",),
    "telemetry.istio.io": ("Telemetry",),
    "kuadrant.io": ("AuthPolicy", "RateLimitPolicy", "DNSPolicy", "TLSPolicy"),
    "configuration.konghq.com": ("KongUpstreamPolicy",),
    "networking.gke.io": ("GCPGatewayPolicy", "GCPBackendPolicy", "HealthCheckPolicy"),
    "gateway.networking.x-k8s.io": ("XBackendTrafficPolicy", "XBackend"),
}
# carry the policy label, but are no policies
NOT_POLICIES = frozenset({("agentgateway.dev", "AgentgatewayParameters")})


def known_policies() -> tuple[KindSpec, ...]:
    """Policy kinds that are read wherever a cluster serves them (plurals are taken from discovery)."""
    return tuple(policy_spec(group, kind, "") for group, kinds in _POLICY_KINDS.items() for kind in kinds)


def controller_of(name: str) -> Controller | None:
    """The controller behind a controllerName, or None for one that is not known."""
    return next((entry for entry in CONTROLLERS if name in entry.names), None)


# groups whose policies add up instead of competing: several on one target are as intended
MERGING_GROUPS = frozenset(
    {"security.istio.io", "networking.istio.io", "extensions.istio.io", "telemetry.istio.io"}
)


def release_of(image: str, controller: Controller) -> str:
    """The release (``1.8``) of a controller from the image of its Deployment; empty for another's image."""
    path, _, tag = image.partition("@")[0].rpartition(":")
    if "/" in tag or not any(path == name or path.endswith(f"/{name}") for name in controller.images):
        return ""
    found = re.match(r"v?(\d+)\.(\d+)", tag)
    return f"{found[1]}.{found[2]}" if found else ""
