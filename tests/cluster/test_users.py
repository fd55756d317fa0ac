"""Who refers to an object: by every field that can, and by no other."""

from __future__ import annotations

import pytest
import yaml
from pointsman.cluster.refs import GATEWAY_GROUP, ObjectRef
from pointsman.cluster.rules.users import users_of
from pointsman.cluster.snapshot import Snapshot
from pointsman.cluster.store import read_documents

_WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: edge}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: main, namespace: infra}
spec:
  gatewayClassName: edge
  listeners:
    - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert, namespace: certs}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: shop}
spec:
  parentRef: {name: main, namespace: infra}
  listeners:
    - {name: own, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: own-cert}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: store, namespace: shop}
spec:
  parentRefs: [{name: main, namespace: infra, sectionName: https}, {name: more, kind: ListenerSet}]
  rules:
    - backendRefs: [{name: store, port: 80, weight: 9}, {name: ledger, namespace: pay, port: 80}]
      filters:
        - {type: RequestMirror, requestMirror: {backendRef: {name: shadow, port: 80}}}
        - {type: ExtensionRef, extensionRef: {group: example.net, kind: Limit, name: slow}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: allow, namespace: pay}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls, namespace: shop}
spec: {targetRefs: [{group: "", kind: Service, name: store, sectionName: https}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: old, namespace: shop}
spec:
  ingressClassName: nginx
  defaultBackend: {service: {name: shadow, port: {number: 80}}}
  tls: [{hosts: [a.example], secretName: own-cert}]
  rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: store}}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: stranger, namespace: other}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: store}}}]}}]}
"""


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """A world in which everything refers to something."""
    return read_documents(list(yaml.safe_load_all(_WORLD)))


def told(snapshot: Snapshot, ref: ObjectRef) -> list[str]:
    return [f"{user.ref}: {user.how}" for user in users_of(snapshot, ref)]


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        (
            ObjectRef("GatewayClass", "", "edge", group=GATEWAY_GROUP),
            ["Gateway infra/main: gatewayClassName"],
        ),
        (
            ObjectRef("Gateway", "infra", "main", group=GATEWAY_GROUP),
            ["HTTPRoute shop/store: spec.parentRefs[0] (https)", "ListenerSet shop/more: spec.parentRef"],
        ),
        (
            ObjectRef("Gateway", "infra", "main", "https", GATEWAY_GROUP),
            ["HTTPRoute shop/store: spec.parentRefs[0] (https)", "ListenerSet shop/more: spec.parentRef"],
        ),
        (
            ObjectRef("ListenerSet", "shop", "more", group=GATEWAY_GROUP),
            ["HTTPRoute shop/store: spec.parentRefs[1]"],
        ),
        (
            ObjectRef("Service", "shop", "store"),
            [
                "BackendTLSPolicy shop/tls: targetRef (https)",
                "HTTPRoute shop/store: spec.rules[0].backendRefs, weight 9",
                "Ingress shop/old: backend",
            ],
        ),
        (
            ObjectRef("Service", "shop", "shadow"),
            ["HTTPRoute shop/store: spec.rules[0].filters, mirror", "Ingress shop/old: backend"],
        ),
        (
            ObjectRef("Service", "pay", "ledger"),
            [
                "HTTPRoute shop/store: spec.rules[0].backendRefs, weight 1",
                "ReferenceGrant pay/allow: lets others refer to it",
            ],
        ),
        (
            ObjectRef("ReferenceGrant", "pay", "allow", group=GATEWAY_GROUP),
            ["HTTPRoute shop/store: spec.rules[0].backendRefs, weight 1: Service pay/ledger"],
        ),
        (
            ObjectRef("Secret", "shop", "own-cert"),
            ["Ingress shop/old: spec.tls", "ListenerSet shop/more: listener own, certificateRefs"],
        ),
        (ObjectRef("Secret", "certs", "cert"), ["Gateway infra/main: listener https, certificateRefs"]),
        (
            ObjectRef("Limit", "shop", "slow", group="example.net"),
            ["HTTPRoute shop/store: spec.rules[0].filters, extensionRef"],
        ),
        (
            ObjectRef("IngressClass", "", "nginx", group="networking.k8s.io"),
            ["Ingress shop/old: ingressClassName"],
        ),
        # the same name elsewhere, or of another kind, is another object
        (ObjectRef("Service", "infra", "store"), []),
        (ObjectRef("Service", "other", "store"), ["Ingress other/stranger: backend"]),
        (ObjectRef("Store", "shop", "store"), []),
    ],
    ids=str,
)
def test_who_refers_to_it(snapshot: Snapshot, ref: ObjectRef, expected: list[str]) -> None:
    assert told(snapshot, ref) == expected
