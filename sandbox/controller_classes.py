"""GatewayClasses: claimed by controllerName, and told whether the CRDs fit the controller that runs."""

from __future__ import annotations

import re

from .controller_conditions import Condition, Json, render
from .controller_view import GATEWAY_GROUP, ClusterView, generation_of, name_of, spec_of

ENVOY_GATEWAY = "gateway.envoyproxy.io/gatewayclass-controller"

# which Gateway API each Envoy Gateway release is built against (its go.mod)
_BUILT_AGAINST = {"1.5": "1.3.0", "1.6": "1.4.1", "1.7": "1.4.1", "1.8": "1.5.1", "1.9": "1.6.1"}

FEATURES = (
    "BackendTLSPolicy",
    "GRPCRoute",
    "Gateway",
    "GatewayAddressEmpty",
    "GatewayHTTPListenerIsolation",
    "GatewayInfrastructurePropagation",
    "GatewayPort8080",
    "GatewayStaticAddresses",
    "HTTPRoute",
    "HTTPRouteBackendProtocolH2C",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendTimeout",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRouteParentRefPort",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteSchemeRedirect",
    "ReferenceGrant",
    "TLSRoute",
    "UDPRoute",
)


def expected_version(view: ClusterView) -> str:
    """The Gateway API version that the running controller was built for; "" if its image does not say."""
    for deployment in view.all("Deployment"):
        pod = (spec_of(deployment).get("template") or {}).get("spec") or {}
        for container in pod.get("containers") or ():
            found = re.search(r"envoyproxy/gateway:v(\d+\.\d+)\.", str(container.get("image", "")))
            if found:
                return _BUILT_AGAINST.get(found[1], "")
    return ""


def knows_listener_sets(view: ClusterView) -> bool:
    """ListenerSet came with Gateway API 1.5; a controller of unknown age is taken for a new one."""
    major, _, rest = expected_version(view).partition(".")
    return not major or (int(major), int(rest.partition(".")[0])) >= (1, 5)


def installed_version(view: ClusterView) -> str:
    """The bundle version that the Gateway CRD is marked with; "" where there is no mark."""
    crd = view.get("CustomResourceDefinition", "", f"gateways.{GATEWAY_GROUP}")
    marks = (crd or {}).get("metadata", {}).get("annotations") or {}
    return str(marks.get(f"{GATEWAY_GROUP}/bundle-version", "")).removeprefix("v")


def class_status(view: ClusterView, gateway_class: Json, now: str) -> Json:
    """Accepted goes to every class of ours: CRDs of another release are served as well as it goes."""
    expected, installed = expected_version(view), installed_version(view)
    conditions = [Condition("Accepted", True, "Accepted", f"{name_of(gateway_class)}: valid GatewayClass")]
    if expected and installed:
        fits = expected.split(".")[:2] == installed.split(".")[:2]
        message = f"Gateway API CRD bundle version v{installed}; this controller was built for v{expected}"
        reason = "SupportedVersion" if fits else "UnsupportedVersion"
        conditions.append(Condition("SupportedVersion", fits, reason, message))
    old = (gateway_class.get("status") or {}).get("conditions")
    return {
        "conditions": render(conditions, generation_of(gateway_class), old, now, keep_foreign=True),
        "supportedFeatures": [{"name": name} for name in FEATURES],
    }
