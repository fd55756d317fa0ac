"""What is known of the controllers, as data: names, images, which Gateway API release each expects, quirks.

Read in the controllers' own sources and release notes (go.mod, conformance reports, docs). Nothing here
decides anything; ``controllers`` and the judges do. What is not known is left out, and then nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """A CRD without which a controller does less than it seems: ``version`` must be served, and the CRD's
    bundle-version be at least ``bundle``. It holds for releases from ``since`` on (empty: for all).

    ``effect`` says what happens otherwise. ``stops``: the controller then serves no Gateway at all.
    """

    kind: str
    version: str = ""
    bundle: str = ""
    since: str = ""
    effect: str = ""
    stops: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """A kind that is served only where the controller was started with ``argument``; ``seen_by`` is the
    argument that shows that it is set up by arguments at all (and not by a file or its environment)."""

    kind: str
    argument: str
    seen_by: str


@dataclass(frozen=True, slots=True)
class Controller:
    """``names`` are controllerNames. ``images`` are what the image path of its Deployment ends with.

    ``expects`` maps a release (``1.8``, ``*`` for every one) to the Gateway API version that it was built
    against. ``unserved`` are kinds that it never serves; ``only`` says it the other way round for one of its
    names. ``ignored`` are fields of HTTPRoute rules that it accepts and does nothing with.
    ``no_certificate`` says what a client meets where a listener has no usable certificate.
    ``entry_points``: a listener's port must be one that the process itself was told to open. ``own_reasons``
    are reasons that it writes beside the API's, for faults inside objects of its own.
    """

    id: str
    title: str
    names: tuple[str, ...]
    images: tuple[str, ...] = ()
    expects: tuple[tuple[str, str], ...] = ()
    needs: tuple[Need, ...] = ()
    unserved: tuple[str, ...] = ()
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()
    gates: tuple[Gate, ...] = ()
    ignored: tuple[str, ...] = ()
    no_certificate: str = ""
    entry_points: bool = False
    overlap_drops_http2: bool = False
    # a redirect with a scheme and no port keeps a port that is neither 80 nor 443
    keeps_redirect_port: bool = False
    # TLS with a name of no listener is answered all the same, by a certificate of its own and the Host header
    answers_any_sni: bool = False
    # which of two matches wins is told by one sum over all that they name, and not step by step
    weighs_by_sum: bool = False
    # types of HTTPRoute filters that it answers with 500, and accepts
    unserved_filters: tuple[str, ...] = ()
    # it reads no Gateway.spec.tls.frontend
    asks_no_client: bool = False
    # the status where every backend of a rule has the weight 0, if it is not the API's 500
    without_weight: int = 0
    passthrough_hides_client: bool = False
    one_layer_per_gateway: bool = False
    # its requests come from no pod: NetworkPolicies that admit pods alone keep them out
    comes_from_no_pod: bool = False
    own_reasons: frozenset[str] = frozenset()

    def serves(self, name: str, kind: str) -> bool:
        """Whether it may serve a kind under one of its controllerNames; True where nothing is known."""
        return kind not in self.unserved and kind in dict(self.only).get(name, (kind,))


_UNWATCHED = "it does not watch the kind, and says so nowhere but in its log"
_CILIUM_OFF = "its Gateway API support stays off until its operator is restarted with the CRDs in place"
# pkg/config/gatewayapi, crdwatcher: what istiod filters out below a bundle version; IST0156: served versions
_ISTIO_NEEDS = (
    *(
        Need(kind, version="v1beta1", effect=_UNWATCHED)
        for kind in ("GatewayClass", "Gateway", "HTTPRoute", "ReferenceGrant")
    ),
    Need("GRPCRoute", bundle="1.1.0", effect=_UNWATCHED),
    Need("BackendTLSPolicy", bundle="1.4.0", since="1.28", effect=_UNWATCHED),
    Need("TLSRoute", bundle="1.5.0", since="1.30", effect=_UNWATCHED),
)
# operator/pkg/gateway-api: required kinds of the release after 1.19
_CILIUM_NEEDS = tuple(
    Need(kind, version="v1", since="1.20", effect=_CILIUM_OFF, stops=True)
    for kind in (
        "GatewayClass",
        "Gateway",
        "HTTPRoute",
        "GRPCRoute",
        "TLSRoute",
        "ReferenceGrant",
        "BackendTLSPolicy",
    )
)
_REFUSED = "the TLS handshake is refused"

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
        # its docs list both HTTPRoute fields as not supported
        ignored=("timeouts", "retry"),
        no_certificate=_REFUSED,
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
        needs=_ISTIO_NEEDS,
        no_certificate=_REFUSED,
    ),
    Controller(
        "cilium",
        "Cilium",
        ("io.cilium/gateway-controller",),
        ("cilium/operator-generic", "cilium/operator", "cilium/operator-aws", "cilium/operator-azure"),
        (("1.19", "1.4.0"), ("1.20", "1.6.1")),
        needs=_CILIUM_NEEDS,
        passthrough_hides_client=True,
        comes_from_no_pod=True,
    ),
    Controller(
        "envoy-gateway",
        "Envoy Gateway",
        ("gateway.envoyproxy.io/gatewayclass-controller",),
        ("envoyproxy/gateway",),
        (("1.5", "1.3.0"), ("1.6", "1.4.0"), ("1.7", "1.4.1"), ("1.8", "1.5.1"), ("1.9", "1.6.1")),
        no_certificate=_REFUSED,
        # an overlapping listener or certificate takes h2 out of ALPN
        overlap_drops_http2=True,
        # seen in 1.9.1; by the API it is the scheme's own port
        keeps_redirect_port=True,
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
        unserved=("ListenerSet", "UDPRoute"),
        gates=(Gate("TCPRoute", "experimentalchannel", "providers.kubernetesgateway"),),
        no_certificate="clients are shown TRAEFIK DEFAULT CERT (there is one certificate store for all)",
        entry_points=True,
        # all seen in 3.7.13
        answers_any_sni=True,
        weighs_by_sum=True,
        unserved_filters=("RequestMirror", "CORS", "ExternalAuth"),
        asks_no_client=True,
        without_weight=503,
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
        only=(
            ("gateway.k8s.aws/alb", ("HTTPRoute", "GRPCRoute", "ListenerSet")),
            ("gateway.k8s.aws/nlb", ("TCPRoute", "UDPRoute", "TLSRoute", "ListenerSet")),
        ),
        one_layer_per_gateway=True,
    ),
    # Google runs it; the release is the cluster's own, which no object here tells
    Controller(
        "gke",
        "GKE",
        ("networking.gke.io/gateway",),
        expects=(("1.33", "1.3.0"), ("1.34", "1.4.0"), ("1.35", "1.5.0"), ("1.36", "1.6.0")),
    ),
    Controller(
        "haproxytech",
        "HAProxy Kubernetes Ingress Controller",
        ("haproxy.org/gateway-controller",),
        ("haproxytech/kubernetes-ingress",),
        # it stayed at an old API, whatever its own release
        (("*", "0.5.0"),),
    ),
    Controller(
        "haproxy-ingress",
        "HAProxy Ingress",
        ("haproxy-ingress.github.io/controller",),
        ("jcmoraisjr/haproxy-ingress",),
        (("0.16", "1.0.0"), ("0.17", "1.6.1")),
    ),
    Controller(
        "airlock",
        "Airlock Microgateway",
        ("microgateway.airlock.com/gatewayclass-controller",),
        # 5.1 passes conformance for 1.3 to 1.6, so no one release of the API is its own
    ),
)
