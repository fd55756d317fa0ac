"""What is known of the controllers' policies, as data: whom they may target, and who wins where several meet.

Read in the CRDs' own validation rules and the controllers' docs. ``targets`` empty means that it is not
known, and then nothing is said of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Across = Literal["replaces", "fields", "sections", "atomic-sections", "adds"]
Together = Literal["oldest", "fields", "adds"]


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """One kind of policy (or a custom backend that carries conditions).

    ``across`` says what a policy on a narrower target does to one on a wider target: it *replaces* it whole,
    wins for the *fields* that it sets, obeys *sections* ``defaults`` and ``overrides`` (GEP-713; *atomic*
    where a section takes all unless its strategy is merge), or *adds* to it. ``together`` says the same for
    several on one target: the *oldest* stands alone, or wins for its *fields*, or all of them *add* up.
    """

    group: str
    kind: str
    targets: tuple[str, ...] = ()
    across: Across = "replaces"
    together: Together = "oldest"


_EG = "gateway.envoyproxy.io"
_NGF = "gateway.nginx.org"
_SETS = ("ListenerSet", "XListenerSet")
_L7 = ("HTTPRoute", "GRPCRoute")
_ROUTES = (*_L7, "TCPRoute", "UDPRoute", "TLSRoute")
_NGF_INHERITED = ("ClientSettingsPolicy", "ProxySettingsPolicy", "RateLimitPolicy", "WAFPolicy")
# Istio reads targetRefs of these alone (no route among them), and adds up what applies
_ISTIO_TARGETS = ("Gateway", "GatewayClass", "Service", "ServiceEntry")
_ISTIO = (
    ("security.istio.io", "AuthorizationPolicy"),
    ("security.istio.io", "RequestAuthentication"),
    ("networking.istio.io", "EnvoyFilter"),
    ("extensions.istio.io", "WasmPlugin"),
    ("extensions.istio.io", "TrafficExtension"),
    ("telemetry.istio.io", "Telemetry"),
)

POLICY_KINDS: tuple[PolicyKind, ...] = (
    # a narrower policy replaces a wider one, unless its own mergeType says merge
    PolicyKind(_EG, "ClientTrafficPolicy", ("Gateway", *_SETS)),
    PolicyKind(_EG, "BackendTrafficPolicy", ("Gateway", *_SETS, *_ROUTES)),
    PolicyKind(_EG, "SecurityPolicy", ("Gateway", *_SETS, *_L7, "TCPRoute")),
    PolicyKind(_EG, "EnvoyExtensionPolicy", ("Gateway", *_SETS, *_ROUTES)),
    PolicyKind(_EG, "EnvoyPatchPolicy", ("Gateway", "GatewayClass"), "adds", "adds"),
    PolicyKind(_EG, "Backend"),
    # two on one target are refused only where they set the same field
    *(PolicyKind(_NGF, kind, ("Gateway", *_L7), "fields", "fields") for kind in _NGF_INHERITED),
    PolicyKind(_NGF, "ObservabilityPolicy", _L7, "replaces", "fields"),
    PolicyKind(_NGF, "SnippetsPolicy", ("Gateway",)),
    PolicyKind(_NGF, "UpstreamSettingsPolicy", ("Service",), "replaces", "fields"),
    PolicyKind("gateway.kgateway.dev", "TrafficPolicy", (), "fields", "fields"),
    PolicyKind("gateway.kgateway.dev", "ListenerPolicy", (), "fields", "fields"),
    PolicyKind("gateway.kgateway.dev", "BackendConfigPolicy"),
    PolicyKind("gateway.kgateway.dev", "Backend"),
    PolicyKind(
        "agentgateway.dev",
        "AgentgatewayPolicy",
        ("Gateway", *_SETS, *_L7, "Service", "AgentgatewayBackend"),
        "fields",
        "fields",
    ),
    *(PolicyKind(group, kind, _ISTIO_TARGETS, "adds", "adds") for group, kind in _ISTIO),
    PolicyKind("kuadrant.io", "AuthPolicy", ("Gateway", *_L7), "atomic-sections"),
    PolicyKind("kuadrant.io", "RateLimitPolicy", ("Gateway", *_L7), "atomic-sections"),
    PolicyKind("kuadrant.io", "TokenRateLimitPolicy", ("Gateway", *_L7), "atomic-sections"),
    PolicyKind("kuadrant.io", "DNSPolicy", ("Gateway",)),
    PolicyKind("kuadrant.io", "TLSPolicy", ("Gateway",)),
    # attached by an annotation on the Service, so it names no target itself
    PolicyKind("configuration.konghq.com", "KongUpstreamPolicy"),
    PolicyKind("networking.gke.io", "GCPGatewayPolicy", ("Gateway",)),
    PolicyKind("networking.gke.io", "GCPBackendPolicy"),
    PolicyKind("networking.gke.io", "HealthCheckPolicy"),
    PolicyKind("gateway.networking.x-k8s.io", "XBackendTrafficPolicy"),
    PolicyKind("gateway.networking.x-k8s.io", "XBackend"),
)

# direct policies of the Gateway API itself, and of controllers whose kinds are found through their CRDs
_READ_ANYWAY: tuple[PolicyKind, ...] = (
    PolicyKind("gateway.networking.k8s.io", "BackendTLSPolicy"),
    *(
        PolicyKind("microgateway.airlock.com", kind, ("HTTPRoute",))
        for kind in (
            "AccessControlPolicy",
            "ContentSecurityPolicy",
            "CustomResponsePolicy",
            "ICAPPolicy",
            "LogMaskingPolicy",
            "RateLimitPolicy",
        )
    ),
)

# carry the policy label, but are no policies
NOT_POLICIES = frozenset({("agentgateway.dev", "AgentgatewayParameters")})
# it publishes records by itself, whatever external-dns or a person is doing
DNS_WRITERS = frozenset({("kuadrant.io", "DNSPolicy")})
# Istio's policies on a Service are in force only at a waypoint
WAYPOINT_GROUPS = frozenset({"security.istio.io", "extensions.istio.io"})

_KNOWN = {(entry.group, entry.kind): entry for entry in (*POLICY_KINDS, *_READ_ANYWAY)}


def policy_kind(group: str, kind: str) -> PolicyKind | None:
    """What is known of a kind of policy; None for one of somebody's own."""
    return _KNOWN.get((group, kind))
