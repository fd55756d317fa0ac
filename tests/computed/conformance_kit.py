"""The conformance suite's inputs as a cluster would hold them, and what the specs give for every object.

The Go tests make some objects while they run (certificates, CA bundles); those that the tests mean to exist
are made here as empty shells. Nothing here looks at an expected condition.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from corpus_truth import CORPUS
from pointsman.cluster.kinds import KINDS
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.rules.computed import Computed
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.store import read_documents
from pointsman.probes.state.world import World

ROOT = CORPUS / "gateway-api" / "v1.6.1"
INPUTS = ROOT / "inputs" / "conformance"
INFRA = "gateway-conformance-infra"
CLASS = "conformance"
Expectation = tuple[str, str, str]
Document = dict[str, Any]
Change = Callable[[list[Document]], list[Document]]

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
    """EXPECTED.json: a test's manifests and its conditions: type, status, reason, by their Go names."""
    found: dict[str, dict[str, Any]] = json.loads((ROOT / "EXPECTED.json").read_text())
    return found


@cache
def _table() -> dict[str, dict[str, list[str]]]:
    text = (Path(__file__).parent / "conformance_subjects.yaml").read_text()
    found: dict[str, dict[str, list[str]]] = yaml.load(text, Loader=yaml.CSafeLoader)
    return found


def subjects(test: str, expectation: Expectation) -> tuple[str, ...]:
    """The objects that a test means, as ``conformance_subjects.yaml`` has them."""
    return tuple(_table()[test][" ".join(part for part in expectation if part)])


@cache
def _manifest(path: str) -> tuple[Document, ...]:
    text = (INPUTS / path).read_text().replace("{GATEWAY_CLASS_NAME}", CLASS)
    return tuple(one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one)


def _surroundings(test: str) -> list[Document]:
    features = [{"name": name} for name in _CLAIMED.get(test, ())]
    documents: list[Document] = [
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


# what some tests do to their objects before they look again
_NONE = ("", "", "")
_GRANT_REFUSED = ("RouteConditionResolvedRefs", "False", "RouteReasonRefNotPermitted")
_STATIC = "gateway-static-addresses"


def _without(kind: str, name: str) -> Change:
    def change(documents: list[Document]) -> list[Document]:
        return [one for one in documents if (one["kind"], one["metadata"]["name"]) != (kind, name)]

    return change


def _addresses_left(count: int) -> Change:
    def change(documents: list[Document]) -> list[Document]:
        gateway = next(one for one in documents if one["metadata"]["name"] == _STATIC)
        gateway["spec"]["addresses"] = gateway["spec"]["addresses"][-count:]
        return documents

    return change


def _reconciled(documents: list[Document]) -> list[Document]:
    policy = next(one for one in documents if one["metadata"]["name"] == "reconcile-test")
    policy["spec"]["validation"]["caCertificateRefs"][0]["name"] = "gone"
    return documents


_STEPS: dict[tuple[str, Expectation], Change] = {
    ("TCPRouteReferenceGrant", _GRANT_REFUSED): _without("ReferenceGrant", "tcp-reference-grant"),
    ("UDPRouteReferenceGrant", _GRANT_REFUSED): _without("ReferenceGrant", "udp-reference-grant"),
    (
        "BackendTLSPolicy",
        (
            "BackendTLSPolicyConditionResolvedRefs",
            "False",
            "BackendTLSPolicyReasonInvalidCACertificateRef",
        ),
    ): _reconciled,
    (
        "BackendTLSPolicy",
        ("PolicyConditionAccepted", "False", "BackendTLSPolicyReasonNoValidCACertificate"),
    ): _reconciled,
    # an address of a type that nobody supports is taken away, then one that cannot be used
    (
        "GatewayStaticAddresses",
        ("GatewayConditionAccepted", "True", "GatewayReasonAccepted"),
    ): _addresses_left(2),
    (
        "GatewayStaticAddresses",
        ("GatewayConditionProgrammed", "False", "GatewayReasonAddressNotUsable"),
    ): _addresses_left(2),
    (
        "GatewayStaticAddresses",
        ("GatewayConditionProgrammed", "True", "GatewayReasonProgrammed"),
    ): _addresses_left(1),
}


def computed(test: str, expectation: Expectation = _NONE) -> dict[str, tuple[Computed, ...]]:
    """Everything that the specs give for the objects that a test brings, and not for those of the base.

    In the state in which the test expects ``expectation``. A listener is ``holder/listener``, a route
    ``route -> parent``; each with its scope before it, such as ``Listener:``.
    """
    return _computed(test, expectation if (test, expectation) in _STEPS else _NONE)


@cache
def _computed(test: str, expectation: Expectation) -> dict[str, tuple[Computed, ...]]:
    paths = ("base/manifests.yaml", *expected()[test]["manifests"])
    documents = [*_surroundings(test), *(copy.deepcopy(one) for path in paths for one in _manifest(path))]
    step = _STEPS.get((test, expectation))
    if step is not None:
        documents = step(documents)
    world = World(Scene(read_documents(documents)))
    own = _own(test)
    found: dict[str, tuple[Computed, ...]] = {}
    for ref, gateway in world.snapshot.gateways.items():
        if ref in own:
            found[f"Gateway:{ref.name}"] = world.computed_gateway(gateway)
        for bound in world.topology.listeners(ref):
            if bound.owner in own:
                name = f"Listener:{bound.owner.name}/{bound.listener.name}"
                found[name] = world.computed_listener(bound).conditions
    for ref, listener_set in world.snapshot.listener_sets.items():
        if ref in own:
            found[f"ListenerSet:{ref.name}"] = world.computed_listener_set(listener_set)
    for ref, route in world.snapshot.routes.items():
        for state in world.computed_route(route) if ref in own else ():
            parent = state.attachment.parent
            section = f"/{parent.section}" if parent.section else ""
            found[f"Route:{ref.name} -> {parent.name}{section}"] = state.conditions
    for ref, policy in world.snapshot.policies.items():
        if ref in own:
            found[f"Policy:{ref.name}"] = world.computed_policy(policy)
    return found


def _own(test: str) -> set[ObjectRef]:
    refs = set()
    for path in expected()[test]["manifests"]:
        for one in _manifest(path):
            group = one["apiVersion"].rpartition("/")[0]
            metadata = one["metadata"]
            refs.add(ObjectRef(one["kind"], metadata.get("namespace") or "", metadata["name"], group=group))
    return refs
