"""What `-n` leaves: the namespace's own objects, and what they depend on."""

from __future__ import annotations

import pytest
from pointsman.cluster.refs import GATEWAY_GROUP, ObjectRef
from pointsman.cluster.store import read_documents
from pointsman.probes.state.overview import overview
from pointsman.probes.state.scope import findings_within, rows_within
from pointsman.probes.verdict import Endpoint, Finding, Subject, Verdict


def _gateway(namespace: str, name: str) -> dict[str, object]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"gatewayClassName": "edge", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]},
    }


def _route(namespace: str, name: str, parent: dict[str, str]) -> dict[str, object]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"parentRefs": [parent]},
    }


SNAPSHOT = read_documents(
    [
        _gateway("infra", "main"),
        _gateway("infra", "other"),
        _gateway("infra", "above-set"),
        _route("shop", "store", {"name": "main", "namespace": "infra"}),
        _route("shop", "via-set", {"name": "set", "kind": "ListenerSet"}),
        _route("media", "video", {"name": "other", "namespace": "infra"}),
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "ListenerSet",
            "metadata": {"name": "set", "namespace": "shop"},
            "spec": {"parentRef": {"name": "above-set", "namespace": "infra"}, "listeners": []},
        },
    ]
)


def _about(subject: Subject) -> Finding:
    return Finding("GW000", "test", Verdict.FAIL, subject, "")


def _ref(kind: str, namespace: str, name: str, section: str = "") -> ObjectRef:
    return ObjectRef(kind, namespace, name, section, GATEWAY_GROUP)


@pytest.mark.parametrize(
    ("subject", "kept"),
    [
        (_ref("HTTPRoute", "shop", "store"), True),
        (_ref("HTTPRoute", "shop", "store", "rule-0"), True),
        (_ref("HTTPRoute", "media", "video"), False),
        (_ref("Gateway", "infra", "main", "http"), True),
        (_ref("Gateway", "infra", "above-set"), True),
        (_ref("Gateway", "infra", "other"), False),
        (_ref("GatewayClass", "", "edge"), True),
        (Endpoint("192.0.2.1:443"), True),
    ],
)
def test_findings_of_a_namespace_and_of_what_it_depends_on(subject: Subject, kept: bool) -> None:
    finding = _about(subject)
    assert findings_within(SNAPSHOT, [finding], ("shop",)) == ((finding,) if kept else ())
    assert findings_within(SNAPSHOT, [finding], None) == (finding,)


def test_rows_of_a_namespace() -> None:
    rows = rows_within(SNAPSHOT, overview(SNAPSHOT, []), ("shop",))
    assert {row.ref.name for row in rows.routes} == {"store", "via-set"}
    assert {row.ref.name for row in rows.gateways} == {"main", "above-set"}
