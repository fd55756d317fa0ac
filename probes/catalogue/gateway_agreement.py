"""Where the claims of a controller and the specs part, and what the specs give where nobody claims."""

from __future__ import annotations

from .rule import Rule

_API = "https://gateway-api.sigs.k8s.io/reference/spec/"
_WHY = "One of them is wrong about traffic; only a request can tell which."
_MEND = "Send a request through it; look for an old status, or a rule that the controller reads differently."

AGREEMENT_RULES: tuple[Rule, ...] = (
    Rule(
        "GW126",
        "route-broken-by-the-specs",
        "By the specs a rule of the route cannot work, and no controller has spoken yet",
        "A controller that keeps to the API refuses the route, or answers its requests with 500.",
        "Correct the filter or backendRef that is named before the route is applied.",
        f"{_API} HTTPRouteFilter, BackendObjectReference",
    ),
    Rule(
        "GW220",
        "gateway-claim-differs",
        "Of a Gateway the controller says one thing, the specs another",
        _WHY,
        _MEND,
        f"{_API} GatewayConditionType",
    ),
    Rule(
        "GW221",
        "listenerset-claim-differs",
        "Of a ListenerSet the controller says one thing, the specs another",
        _WHY,
        _MEND,
        "https://gateway-api.sigs.k8s.io/geps/gep-1713/",
    ),
    Rule(
        "GW311",
        "listener-claim-differs",
        "Of a listener the controller says one thing, the specs another",
        _WHY,
        _MEND,
        f"{_API} ListenerConditionType",
    ),
    Rule(
        "GW312",
        "listener-broken-by-the-specs",
        "By the specs the listener cannot work, and no controller has spoken yet",
        "A controller that keeps to the API does not configure it: nobody answers on its port and host.",
        "Correct the protocol, kinds, certificates or client validation that are named.",
        f"{_API} Listener",
    ),
    Rule(
        "GW420",
        "policy-claim-differs",
        "Of a policy the controller says one thing, the specs another",
        "Connections to its backends may not be made as it asks.",
        _MEND,
        f"{_API} BackendTLSPolicy",
    ),
)
