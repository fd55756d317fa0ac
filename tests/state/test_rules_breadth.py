"""Each rule in a world in which it is found, and in one close by in which it is not."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from pointsman.cluster.store import read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.verdict import Finding, Verdict
from rule_worlds import (
    ALB,
    CILIUM,
    ENVOY,
    GROUP,
    ISTIO,
    NGF,
    TRAEFIK,
    Change,
    adding,
    changed,
    condition,
    crds,
    grant,
    kind,
    let_sets_in,
    listener_set,
    of,
    policy_of,
    second_gateway,
    service,
    setting,
    silent,
    workload,
)

F, W, U, P = Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN, Verdict.PASS
RULE = "route.spec.rules.0"
LISTENER = "gateway.spec.listeners.0"
EG = "gateway.envoyproxy.io"
MAIN = {"kind": "Gateway", "name": "main"}
WEB = {"group": "", "kind": "Service", "name": "web"}


def find(rule: str, *changes: Change) -> list[Finding]:
    findings = diagnose(read_documents(changed(*changes).values()))
    for one in findings:
        words = shlex.split(one.reproduce)
        assert not words or words[0] == "kubectl"
    return [one for one in findings if one.rule == rule]


def only(rule: str, *changes: Change) -> Finding:
    findings = find(rule, *changes)
    assert len(findings) == 1, findings
    return findings[0]


def uses(grpc: str | None = None, **port: Any) -> Change:
    def change(objects: dict[str, dict[str, Any]]) -> None:
        objects["service"]["spec"]["ports"] = [{"port": 80, **port}]
        if grpc:
            objects["route"]["kind"] = grpc

    return change


MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "web", "port": 80}}}
CLIENTS = {
    "frontend": {"default": {"validation": {"caCertificateRefs": [{"kind": "ConfigMap", "name": "ca"}]}}}
}

LISTENERS = changed()["gateway"]["spec"]["listeners"]
tls_policy = policy_of(GROUP, "BackendTLSPolicy", WEB)
local_service = service(
    "main-nginx", "infra", externalTrafficPolicy="Local", ports=[{"port": 443}], type="LoadBalancer"
)
local_service["metadata"]["labels"] = {f"{GROUP}/gateway-name": "main"}


def proxies(count: int) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "main-nginx-1",
            "namespace": "infra",
            "labels": {"kubernetes.io/service-name": "main-nginx"},
        },
        "endpoints": [{"addresses": [f"10.0.1.{n}"], "conditions": {"ready": True}} for n in range(count)],
    }


tcp = {**changed()["route"], "kind": "TCPRoute", "metadata": {"name": "db", "namespace": "shop"}}
entry_points = workload("docker.io/traefik:v3.6.1", args=["--entryPoints.websecure.address=:8443/tcp"])
experimental = ["--providers.kubernetesgateway=true", "--providers.kubernetesgateway.experimentalchannel"]
passthrough = setting(f"{LISTENER}.tls", {"mode": "Passthrough"})

pods_alone = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "pods", "namespace": "shop"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "web"}},
        "ingress": [{"from": [{"namespaceSelector": {}}]}],
    },
}

# rule, verdict, words of the summary, the changes that bring it about, and one more that makes it go away
CASES: tuple[tuple[str, Verdict, str, list[Change], list[Change]], ...] = (
    (
        "GW141",
        W,
        "no namespace gone",
        [adding(allow=grant("pay", {"namespace": "gone"}, {}))],
        [setting("allow.spec.from.0.namespace", "shop")],
    ),
    (
        "GW142",
        W,
        "Service shop/old does not exist",
        [adding(allow=grant("shop", {}, {"name": "old"}))],
        [setting("allow.spec.to.0.name", "web")],
    ),
    (
        "GW143",
        F,
        "no endpoint has its port 80 (web",
        [uses(name="web", targetPort="http"), setting("slice.ports", [{"name": "admin", "port": 9}])],
        [setting("slice.ports", [{"name": "web", "port": 8080}])],
    ),
    ("GW144", W, "says appProtocol http;", [uses("GRPCRoute", appProtocol="http")], [uses("GRPCRoute")]),
    (
        "GW145",
        W,
        "appProtocol https",
        [
            uses(appProtocol="https"),
            adding(other=policy_of(GROUP, "BackendTLSPolicy", {**WEB, "name": "ledger"})),
        ],
        [adding(policy=tls_policy)],
    ),
    (
        "GW146",
        F,
        "Traefik (traefik.io/gateway-controller) serves no UDPRoute",
        [of(TRAEFIK), kind("UDPRoute"), silent],
        [of(NGF)],
    ),
    (
        "GW146",
        W,
        "only with experimentalchannel",
        [of(TRAEFIK), kind("TCPRoute"), silent, adding(pods=workload("traefik:v3.6", args=experimental[:1]))],
        [adding(pods=workload("traefik:v3.6", args=experimental))],
    ),
    (
        "GW147",
        W,
        "timeouts is set, and NGINX Gateway Fabric ignores it",
        [of(NGF), setting(f"{RULE}.timeouts", {"request": "5s"})],
        [of(ISTIO)],
    ),
    (
        "GW147",
        W,
        "retry is set",
        [of(NGF), setting(f"{RULE}.retry", {"attempts": 3})],
        [setting(f"{RULE}.retry", {})],
    ),
    (
        "GW148",
        W,
        "NetworkPolicy shop/pods admits only whom it names, and no selector means requests of Cilium",
        [of(CILIUM), setting("service.spec.selector", {"app": "web"}), adding(pods=pods_alone)],
        [setting("pods.spec.ingress", [{"from": []}])],
    ),
    (
        "GW148",
        W,
        "admits only",
        [of(CILIUM), setting("service.spec.selector", {"app": "web"}), adding(pods=pods_alone)],
        [setting("pods.spec.podSelector", {"matchLabels": {"app": "other"}})],
    ),
    (
        "GW149",
        F,
        "Traefik knows no filter RequestMirror, and answers 500",
        [of(TRAEFIK), setting(f"{RULE}.filters", [MIRROR])],
        [of(NGF)],
    ),
    (
        "GW149",
        F,
        "RequestMirror",
        [of(TRAEFIK), setting(f"{RULE}.filters", [MIRROR])],
        [setting(f"{RULE}.filters", [{"type": "RequestHeaderModifier"}])],
    ),
    (
        "GW230",
        F,
        "has no ready pod in Deployment system/controller",
        [of(ENVOY), adding(pods=workload("docker.io/envoyproxy/gateway:v1.8.2", ready=0))],
        [setting("pods.status.readyReplicas", 1)],
    ),
    (
        "GW230",
        F,
        "has no ready pod",
        [of(ENVOY), adding(pods=workload("docker.io/envoyproxy/gateway", ready=0))],
        [setting("pods.status", {})],
    ),
    (
        "GW231",
        W,
        "*.shop.test:443 at the same address 203.0.113.9",
        [adding(other=second_gateway(address="203.0.113.9"))],
        [setting("other.spec.listeners.0.port", 8443)],
    ),
    (
        "GW231",
        W,
        "at another address",
        [adding(other=second_gateway())],
        [setting(f"{LISTENER}.hostname", None), setting("other.spec.listeners.0.hostname", None)],
    ),
    (
        "GW232",
        W,
        "also asks for address 192.0.2.1",
        [
            adding(other=second_gateway(addresses=[{"value": "192.0.2.1"}])),
            setting("gateway.spec.addresses", [{"value": "192.0.2.1"}]),
        ],
        [setting("gateway.spec.addresses", [{"value": "192.0.2.2"}])],
    ),
    ("GW233", F, "HTTPRoute and TCPRoute name it", [of(ALB), adding(db=tcp)], [of(ENVOY)]),
    (
        "GW235",
        W,
        "66 listeners",
        [let_sets_in, adding(more=listener_set(65))],
        [adding(more=listener_set(3))],
    ),
    (
        "GW235",
        F,
        "65 listeners of its own",
        [
            setting(
                "gateway.spec.listeners",
                [{"name": f"l{at}", "port": at, "protocol": "HTTP"} for at in range(1, 66)],
            )
        ],
        [
            setting(
                "gateway.spec.listeners",
                [{"name": f"l{at}", "port": at, "protocol": "HTTP"} for at in range(1, 65)],
            )
        ],
    ),
    (
        "GW236",
        W,
        "Local and 1 ready",
        [adding(lb=local_service, pods=proxies(1))],
        [setting("lb.spec.externalTrafficPolicy", "Cluster")],
    ),
    (
        "GW236",
        P,
        "Local and 2 ready",
        [adding(lb=local_service, pods=proxies(2))],
        [setting("lb.metadata.labels", {})],
    ),
    (
        "GW237",
        F,
        "Traefik serves no ListenerSet",
        [of(TRAEFIK), adding(more={**listener_set(), "status": {}}), let_sets_in],
        [of(ENVOY)],
    ),
    (
        "GW320",
        F,
        "Traefik opens 8443",
        [
            of(TRAEFIK),
            condition("listener", "Accepted", "False", "PortUnavailable"),
            adding(pods=entry_points),
        ],
        [setting(f"{LISTENER}.port", 8443)],
    ),
    (
        "GW320",
        U,
        "cannot be told from here",
        [of(TRAEFIK), setting("gateway.status", {"listeners": []})],
        [setting("gateway.status", changed()["gateway"]["status"])],
    ),
    (
        "GW321",
        W,
        "HTTP/1.1 alone",
        [
            of(ENVOY),
            setting(
                "gateway.spec.listeners", [*LISTENERS, {**LISTENERS[0], "name": "wide", "hostname": "*.test"}]
            ),
        ],
        [of(NGF)],
    ),
    (
        "GW323",
        F,
        "wants clients' certificates on port 443; Traefik does not read it",
        [of(TRAEFIK), setting("gateway.spec.tls", CLIENTS)],
        [of(ENVOY)],
    ),
    (
        "GW323",
        F,
        "asks for none",
        [of(TRAEFIK), setting("gateway.spec.tls", CLIENTS)],
        [setting("gateway.spec.tls", {"frontend": {"default": {}}})],
    ),
    (
        "GW323",
        W,
        "asks for none",
        [
            of(TRAEFIK),
            setting("gateway.spec.tls", CLIENTS),
            setting("gateway.spec.tls.frontend.default.validation.mode", "AllowInsecureFallback"),
        ],
        [of(ENVOY)],
    ),
    ("GW322", W, "behind Cilium", [of(CILIUM), passthrough], [of(ENVOY)]),
    (
        "GW430",
        W,
        "HTTPRoute with app=none",
        [
            adding(
                policy=policy_of(
                    EG,
                    "SecurityPolicy",
                    targetSelectors=[{"kind": "HTTPRoute", "matchLabels": {"app": "none"}}],
                )
            )
        ],
        [setting("route.metadata.labels", {"app": "none"})],
    ),
    (
        "GW431",
        W,
        "it targets HTTPRoute shop/cart; a ClientTrafficPolicy is for Gateway",
        [adding(policy=policy_of(EG, "ClientTrafficPolicy", {}))],
        [setting("policy.spec.targetRefs.0", {"group": GROUP, "namespace": "infra", **MAIN})],
    ),
    (
        "GW431",
        W,
        "AuthorizationPolicy is for Gateway",
        [adding(policy=policy_of("security.istio.io", "AuthorizationPolicy", {}))],
        [setting("policy.kind", "SomebodysPolicy")],
    ),
    (
        "GW434",
        W,
        "in DNS by itself",
        [adding(policy=policy_of("kuadrant.io", "DNSPolicy", MAIN, namespace="infra"))],
        [setting("policy.kind", "TLSPolicy")],
    ),
    (
        "GW435",
        F,
        "has no section http; it has https",
        [adding(policy=policy_of(EG, "SecurityPolicy", {**MAIN, "sectionName": "http"}, namespace="infra"))],
        [setting("policy.spec.targetRefs.0.sectionName", "https")],
    ),
    (
        "GW436",
        W,
        "Service shop/web has no waypoint",
        [adding(policy=policy_of("security.istio.io", "AuthorizationPolicy", WEB))],
        [setting("namespace.metadata.labels", {"istio.io/use-waypoint": "way"})],
    ),
    (
        "GW505",
        U,
        "needs TLSRoute, and it is not among the documents",
        [
            of(CILIUM),
            crds("v1.6.1", BackendTLSPolicy=["v1"], ReferenceGrant=["v1"]),
            adding(pods=workload("quay.io/cilium/operator-generic:v1.20.1")),
        ],
        [crds("v1.6.1", TLSRoute=["v1"])],
    ),
    (
        "GW505",
        F,
        "its CRD serves v1beta1, not v1",
        [
            of(CILIUM),
            crds("v1.6.1", BackendTLSPolicy=["v1"], TLSRoute=["v1"], ReferenceGrant=["v1beta1"]),
            adding(pods=workload("quay.io/cilium/operator-generic:v1.20.1")),
        ],
        [adding(pods=workload("quay.io/cilium/operator-generic:v1.19.1"))],
    ),
    (
        "GW505",
        W,
        "its CRD is of v1.4.1, older than 1.5.0: it does not watch the kind",
        [
            of(ISTIO),
            crds("v1.4.1", TLSRoute=["v1alpha2"]),
            adding(pods=workload("docker.io/istio/pilot:1.30.2")),
        ],
        [crds("v1.5.1", TLSRoute=["v1"])],
    ),
    (
        "GW506",
        W,
        "in which TLSRoute had no v1",
        [of(ENVOY), crds("v1.6.1", TLSRoute=["v1"]), adding(pods=workload("envoyproxy/gateway:v1.7.0"))],
        [crds("v1.6.1", TLSRoute=["v1", "v1alpha2"])],
    ),
    (
        "GW507",
        W,
        "standard channel, and the field is experimental",
        [crds("v1.6.1"), setting(f"{RULE}.retry", {"attempts": 3})],
        [crds("v1.6.1", "experimental")],
    ),
    (
        "GW507",
        W,
        "the field came with 1.5",
        [crds("v1.4.1"), let_sets_in],
        [crds("v1.6.1")],
    ),
    (
        "GW508",
        W,
        "Contour 1.33 was built for Gateway API 1.3.0, and the field came with 1.4",
        [
            of("projectcontour.io/gateway-controller"),
            adding(pods=workload("ghcr.io/projectcontour/contour:v1.33.0")),
            setting("route.spec.useDefaultGateways", "All"),
        ],
        [setting("route.spec.useDefaultGateways", "")],
    ),
    (
        "GW509",
        W,
        "for TCPRoute, and its CRD is of the standard channel",
        [
            of(TRAEFIK),
            crds("v1.6.1", TCPRoute=["v1"]),
            adding(pods=workload("traefik:v3.7", args=experimental)),
        ],
        [crds("v1.6.1", "experimental", TCPRoute=["v1", "v1alpha2"])],
    ),
)


@pytest.mark.parametrize(
    ("rule", "verdict", "words", "changes", "mended"),
    CASES,
    ids=[f"{case[0]}-{number}" for number, case in enumerate(CASES)],
)
def test_it_is_found_and_goes_away(
    rule: str, verdict: Verdict, words: str, changes: list[Change], mended: list[Change]
) -> None:
    found = find(rule, *changes)
    assert found, "not found"
    assert {one.verdict for one in found} == {verdict}
    assert any(words in one.summary for one in found), [one.summary for one in found]
    assert find(rule) == [], "the sound world has it"
    assert [one for one in find(rule, *changes, *mended) if words in one.summary] == []
