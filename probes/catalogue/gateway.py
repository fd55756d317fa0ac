"""GW: the state of Gateway API objects.

GW0 reading the cluster, GW1 routes, GW2 classes, Gateways and ListenerSets, GW3 listeners, GW4 policies,
GW5 versions.
"""

from __future__ import annotations

from .gateway_agreement import AGREEMENT_RULES
from .gateway_controllers import CONTROLLER_RULES
from .gateway_infrastructure import INFRASTRUCTURE_RULES
from .gateway_references import REFERENCE_RULES
from .gateway_routes import ROUTE_RULES
from .rule import Rule

READING_RULES: tuple[Rule, ...] = (
    Rule(
        "GW001",
        "kind-not-readable",
        "A kind could not be read",
        "What depends on it cannot be judged, so neither good nor bad can be said of it.",
        "Ask for list and watch rights on that kind, or see why the API server fails to list it.",
    ),
    Rule(
        "GW002",
        "kind-stale",
        "The picture of a kind is old",
        "Changes since then are not seen: what looks healthy may no longer be.",
        "Check the connection to the API server; the picture mends itself when it answers again.",
    ),
    Rule(
        "GW004",
        "gateway-api-not-installed",
        "The cluster does not serve the Gateway API",
        "There is no Gateway to cut over to.",
        "Install the CRDs of a Gateway API release, then a controller.",
        "https://gateway-api.sigs.k8s.io/guides/",
    ),
    Rule(
        "GW003",
        "object-unreadable",
        "An object breaks the API's own types",
        "Nothing can be said of it; a controller may ignore it or fail on it.",
        "Look at it as YAML, and apply it again with `kubectl apply --server-side`, which validates it.",
    ),
)

GATEWAY_RULES: tuple[Rule, ...] = (
    *READING_RULES,
    *ROUTE_RULES,
    *INFRASTRUCTURE_RULES,
    *REFERENCE_RULES,
    *CONTROLLER_RULES,
    *AGREEMENT_RULES,
)
