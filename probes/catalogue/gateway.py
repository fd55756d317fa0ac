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
    Rule(
        "GW005",
        "file-unreadable",
        "A file of manifests cannot be read",
        "Whatever it holds is not judged, and what depends on it may be judged wrongly.",
        "Mend the named line, or render the template first (`helm template`, `kustomize build`).",
        "https://yaml.org/spec/1.2.2/",
    ),
    Rule(
        "GW006",
        "cluster-not-reached",
        "A cluster could not be asked",
        "Nothing can be said of any Gateway or Route in it.",
        "Do what the line says; the other clusters are told of all the same.",
    ),
    Rule(
        "GW007",
        "kind-not-served",
        "The cluster does not serve the kind of a document",
        "The API server refuses it, so nothing of it ever takes effect.",
        "Install the CRD of that kind, from the release and channel that the controller supports.",
        "https://gateway-api.sigs.k8s.io/guides/",
    ),
    Rule(
        "GW008",
        "object-twice",
        "An object stands twice in the files",
        "Which one is in force depends on the order in which they are applied; the one read last is judged.",
        "Remove one, or read the output of `kustomize build` instead of its parts.",
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
