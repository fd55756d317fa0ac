"""The rules about controllers, grants, policies and versions let nothing hostile through either."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pointsman.cluster.store import read_documents
from pointsman.probes.state.diagnose import diagnose
from rule_worlds import (
    CILIUM,
    ENVOY,
    ISTIO,
    NGF,
    TRAEFIK,
    Objects,
    adding,
    changed,
    crds,
    grant,
    let_sets_in,
    listener_set,
    of,
    policy_of,
    second_gateway,
    setting,
    workload,
)
from test_hostile_text_state import TEXT, is_safe, texts


def hostile(words: list[str], controller: str) -> Objects:
    one, two, three, four = words

    def rules(objects: Objects) -> None:
        backend = {"name": one, "namespace": "pay", "port": 80}
        web = {"name": "web", "port": 80}
        objects["route"]["spec"]["rules"] = [
            {"name": two, "backendRefs": [backend, web], "timeouts": {"request": three}, "retry": {four: 1}}
        ]
        objects["service"]["spec"] = {
            "ports": [{"port": 80, "name": one, "targetPort": two, "appProtocol": "https"}],
            "selector": {three: four},
        }

    def listeners(objects: Objects) -> None:
        first = objects["gateway"]["spec"]["listeners"][0]
        first["tls"]["certificateRefs"] = [{"name": "cert", "namespace": two}]
        objects["gateway"]["spec"]["listeners"] += [{**first, "name": three}, {**first, "hostname": four}]
        objects["gateway"]["spec"]["addresses"] = [{"value": one}]

    target = {"name": one, "sectionName": two}
    selectors = [
        {"kind": three, "matchLabels": {one: two}, "matchExpressions": [{"key": four, "operator": one}]}
    ]
    return changed(
        of(controller),
        rules,
        listeners,
        let_sets_in,
        crds(one, two, TLSRoute=[three], UDPRoute=["v1"]),
        setting("class.metadata.name", "practice"),
        adding(
            more=listener_set(),
            other=second_gateway(address="203.0.113.9", addresses=[{"value": one}]),
            far=grant("pay", {"namespace": two}, {"name": three}),
            near=grant("pay", {}, {"name": four}, name="near"),
            a=policy_of("gateway.nginx.org", "ClientSettingsPolicy", {}, "a", body={one: two}),
            b=policy_of("gateway.nginx.org", "ClientSettingsPolicy", {}, "b", body={one: three}),
            c=policy_of("gateway.envoyproxy.io", "SecurityPolicy", target, "c", targetSelectors=selectors),
            d=policy_of(
                "security.istio.io", "AuthorizationPolicy", {"group": "", "kind": "Service"} | target, "d"
            ),
            pods=workload(
                f"envoyproxy/gateway:{four}", ready=0, args=[one, f"--entrypoints.{two}.address=:1"]
            ),
        ),
    )


@pytest.mark.parametrize("controller", [CILIUM, ENVOY, ISTIO, NGF, TRAEFIK])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words=st.lists(TEXT, min_size=4, max_size=4))
def test_findings_are_clean(controller: str, words: list[Any]) -> None:
    findings = diagnose(read_documents(hostile(words, controller).values()))
    assert len({one.rule for one in findings}) > 5
    for finding in findings:
        for text in texts(finding):
            assert is_safe(text), (finding.rule, text[:200])
