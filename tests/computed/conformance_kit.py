"""The conformance suite's inputs as a cluster would hold them, and what the specs give for every object.

The Go tests make some objects while they run (certificates, CA bundles); those that the tests mean to exist
are made here as empty shells. Nothing here looks at an expected condition.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import yaml
from corpus_truth import CORPUS
from pointsman.cluster.computed import Computed
from pointsman.cluster.kinds import KINDS
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.store import read_documents
from pointsman.probes.state.world import World

ROOT = CORPUS / "gateway-api" / "v1.6.1"
INPUTS = ROOT / "inputs" / "conformance"
INFRA = "gateway-conformance-infra"
CLASS = "conformance"
Expectation = tuple[str, str, str]

# made by the suite before the tests run
_SECRETS = (
    (INFRA, "tls-validity-checks-certificate"),
    (INFRA, "tls-terminate-checks-certificate"),
    (INFRA, "tls-checks-client-certificate"),
    ("gateway-conformance-web-backend", "certificate"),
)
_AUTHORITIES = (
    (INFRA, "tls-checks-ca-certificate"),
    (INFRA, "mismatch-ca-certificate"),
    (INFRA, "tls-validity-checks-ca-certificate"),
    (INFRA, "tls-validity-checks-per-port-ca-certificate"),
    ("gateway-conformance-web-backend", "web-backend-cm"),
)
# the suite runs these against a class that does not claim the feature (its tests say so), the rest
# against one of which nothing is said
_CLAIMED = {
    "TLSRouteListenerMixedTerminationNotSupported": ("TLSRoute", "TLSRouteModeTerminate"),
    "TLSRouteListenerTerminateNotSupported": ("TLSRoute",),
}


@cache
def expected() -> dict[str, dict[str, Any]]:
    """EXPECTED.json: a test's manifests and its conditions as (type, status, reason) in the API's Go names."""
    found: dict[str, dict[str, Any]] = json.loads((ROOT / "EXPECTED.json").read_text())
    return found


@cache
def _manifest(path: str) -> tuple[dict[str, Any], ...]:
    text = (INPUTS / path).read_text().replace("{GATEWAY_CLASS_NAME}", CLASS)
    return tuple(one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one)


def _surroundings(test: str) -> list[dict[str, Any]]:
    features = [{"name": name} for name in _CLAIMED.get(test, ())]
    documents: list[dict[str, Any]] = [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": "example.com/conformance"},
            "status": {"supportedFeatures": features},
        }
    ]
    for namespace, name in _SECRETS:
        metadata = {"namespace": namespace, "name": name}
        documents.append(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls"}
        )
    for namespace, name in _AUTHORITIES:
        metadata = {"namespace": namespace, "name": name}
        pem = "-----BEGIN CERTIFICATE-----\n"
        documents.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": pem}}
        )
    for spec in KINDS:
        if "." in spec.group:
            names = {"kind": spec.kind, "plural": spec.plural}
            documents.append(
                {
                    "apiVersion": "apiextensions.k8s.io/v1",
                    "kind": "CustomResourceDefinition",
                    "metadata": {"name": f"{spec.plural}.{spec.group}"},
                    "spec": {"group": spec.group, "names": names},
                }
            )
    # that some grant exists makes the kind known; the suite's cluster serves it
    grant = {"namespace": "elsewhere", "name": "unrelated"}
    documents.append(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "ReferenceGrant",
            "metadata": grant,
            "spec": {"from": [], "to": []},
        }
    )
    return documents


Key = tuple[ObjectRef, str]


@cache
def computed(test: str) -> dict[Key, tuple[Computed, ...]]:
    """Everything that the specs give for the objects of a test's own manifests and the base ones.

    Keyed by object (a listener as its section) and, for routes, the parentRef as text.
    """
    paths = ("base/manifests.yaml", *expected()[test]["manifests"])
    documents = [*_surroundings(test), *(one for path in paths for one in _manifest(path))]
    world = World(read_documents(documents))
    found: dict[Key, tuple[Computed, ...]] = {}
    for ref, gateway in world.snapshot.gateways.items():
        found[ref, ""] = world.computed_gateway(gateway)
        for bound in world.topology.listeners(ref):
            found[bound.ref, ""] = world.computed_listener(bound).conditions
    for ref, listener_set in world.snapshot.listener_sets.items():
        found[ref, ""] = world.computed_listener_set(listener_set)
    for ref, route in world.snapshot.routes.items():
        for state in world.computed_route(route):
            found[ref, str(state.attachment.parent)] = state.conditions
    for ref, policy in world.snapshot.policies.items():
        found[ref, ""] = world.computed_policy(policy)
    return found


def own_refs(test: str) -> set[ObjectRef]:
    """The objects that a test brings itself, without those of the base."""
    refs = set()
    for path in expected()[test]["manifests"]:
        for one in _manifest(path):
            group = one["apiVersion"].rpartition("/")[0]
            metadata = one["metadata"]
            refs.add(ObjectRef(one["kind"], metadata.get("namespace") or "", metadata["name"], group=group))
    return refs
