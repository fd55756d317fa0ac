"""Nothing hostile reaches a finding or a row raw: no control bytes, no bidi, no megabytes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pointsman.cluster.decode import decode_object
from pointsman.cluster.kinds import KINDS
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.store import read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.overview import overview
from pointsman.probes.verdict import Finding

EVIL = [
    "\x1b[31m",
    "\x1b]52;c;YQ==\x07",
    "\x00",
    "\u202e",
    "\u2066",
    "[bold red]",
    "\n",
    "\r",
    "x" * 1_000_000,
]
TEXT = st.sampled_from(EVIL) | st.text(max_size=20) | st.just("plain")


def texts(finding: Finding) -> Iterator[str]:
    yield from (finding.summary, finding.why, finding.mend, finding.reproduce, str(finding.subject))
    yield from finding.evidence


def is_safe(text: str) -> bool:
    return len(text) < 3000 and not any(unicodedata.category(one) in ("Cc", "Cf", "Cs") for one in text)


def hostile_world(words: list[str]) -> list[dict[str, Any]]:
    one, two, three, four = words
    condition = {"type": "Accepted", "status": "False", "reason": one, "message": two}
    vendor = {"type": three, "status": four, "reason": one, "message": two}
    return [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "c"},
            "spec": {"controllerName": one},
            "status": {"conditions": [condition, vendor]},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "g", "namespace": "n"},
            "spec": {
                "gatewayClassName": two,
                "listeners": [
                    {
                        "name": one,
                        "port": 443,
                        "protocol": "HTTPS",
                        "hostname": two,
                        "tls": {"certificateRefs": [{"name": three, "namespace": four}]},
                    },
                    {"name": two, "port": 443, "protocol": three, "hostname": two},
                ],
            },
            "status": {
                "addresses": [{"value": four}],
                "conditions": [condition, vendor],
                "listeners": [{"name": one, "conditions": [condition, vendor]}],
            },
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "r", "namespace": "n"},
            "spec": {
                "hostnames": [one, four],
                "parentRefs": [
                    {"name": "g", "sectionName": one},
                    {"name": two, "namespace": three, "kind": four},
                ],
                "rules": [{"name": four, "backendRefs": [{"name": one, "namespace": two, "port": 1}]}],
            },
            "status": {
                "parents": [
                    {
                        "parentRef": {"name": "g", "sectionName": one},
                        "controllerName": two,
                        "conditions": [condition, vendor],
                    },
                    {"parentRef": {"name": four}, "controllerName": three, "conditions": [vendor]},
                ]
            },
        },
        {
            "apiVersion": "example.com/v1",
            "kind": "DoorPolicy",
            "metadata": {"name": "p", "namespace": "n"},
            "spec": {"targetRefs": [{"group": one, "kind": two, "name": three, "sectionName": four}]},
            "status": {"ancestors": [{"ancestorRef": {"name": one}, "conditions": [condition, vendor]}]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "i", "namespace": "n"},
            "spec": {"rules": [{"host": one, "http": {"paths": [{"backend": {"service": {"name": two}}}]}}]},
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "n"}, "spec": {}},
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": one, "namespace": two},
        },
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TEXT, min_size=4, max_size=4))
def test_findings_and_rows_are_clean(words: list[str]) -> None:
    snapshot = read_documents(hostile_world(words))
    findings = diagnose(snapshot)
    assert findings
    for finding in findings:
        for text in texts(finding):
            assert is_safe(text), (finding.rule, text[:200])
    rows = overview(snapshot, findings)
    for row in rows.routes:
        assert all(is_safe(name) for name in row.hostnames)
        for parent in row.parents:
            assert is_safe(str(parent.parent))
            assert is_safe(parent.controller)
            assert is_safe(parent.detail)
    for gateway in rows.gateways:
        assert all(is_safe(text) for text in (gateway.class_name, gateway.controller, *gateway.addresses))
        for listener in gateway.listeners:
            assert is_safe(str(listener.ref))
            assert is_safe(listener.hostname + listener.protocol)
    for mapping in (snapshot.routes, snapshot.gateways, snapshot.policies, snapshot.undecodable):
        assert all(is_safe(str(ref)) for ref in mapping)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "parentRefs",
        "listeners",
        "rules",
        "hostnames",
        "targetRefs",
        "conditions",
        "parents",
        "from",
        "to",
        "tls",
    ]
)
PART = JSON | st.dictionaries(FIELDS, JSON, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KINDS), PART, PART, JSON)
def test_objects_of_wrong_types_never_crash_and_are_never_lost(
    spec: Any, specification: object, status: object, labels: object
) -> None:
    document = {
        "metadata": {"name": "x", "namespace": "n" if spec.namespaced else "", "labels": labels},
        "spec": specification,
        "status": status,
    }
    part, obj = decode_object(
        spec, "v1" if not spec.group else f"{spec.group}/v1", msgspec.json.encode(document)
    )
    assert part in (spec.part, "undecodable")
    assert obj.ref == ObjectRef(spec.kind, "n" if spec.namespaced else "", "x", group=spec.group)
    version = f"{spec.group}/v1" if spec.group else "v1"
    snapshot = read_documents([{"apiVersion": version, "kind": spec.kind, **document}])
    overview(snapshot, diagnose(snapshot))


@given(st.lists(JSON | st.dictionaries(st.sampled_from(["kind", "apiVersion", "items", "metadata"]), JSON)))
def test_any_documents_at_all(documents: list[Any]) -> None:
    snapshot = read_documents(documents)
    overview(snapshot, diagnose(snapshot))
