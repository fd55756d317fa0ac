"""What may not be read is UNKNOWN: with fewer rights nothing is claimed that is not claimed with all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import pytest
from pointsman.checklists.plans.find import Wanted, find
from pointsman.checklists.plans.model import ObjectName
from pointsman.cluster.client.rights import needed_for
from pointsman.cluster.client.states import failure_state
from pointsman.cluster.errors import ApiError, UserError
from pointsman.cluster.kinds import KINDS, PARTS
from pointsman.cluster.routing.trace import find_gateway, parse_line, trace
from pointsman.cluster.snapshot import KindState, Snapshot
from pointsman.cluster.store import read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.request import request_findings, unread_sides
from pointsman.probes.verdict import Finding, Verdict
from pointsman.sandbox.scenario import load_scenario
from pointsman.sandbox.scenario_expand import expand
from pointsman.tui.telling.xray import overall, xray_lines

STORE = "https://store.shop.test/api"
DENIED = KindState("denied", "no rights", mend="ask for a ClusterRole with the rule {...}")
TTL = "external-dns.alpha.kubernetes.io/ttl"
POLICIES = ("BackendTrafficPolicy", "ClientTrafficPolicy", "SecurityPolicy")
# a finding of these lists what is carried and what is not
LISTING = frozenset({"MIG011", "MIG012", "MIG013", "MIG016"})


@cache
def whole() -> Snapshot:
    """The practice shop as its manifests have it, all kinds read."""
    values = {"old_address": "127.0.0.2", "new_address": "127.0.0.3", "ca_pem": ""}
    documents = expand(load_scenario("shop", values).documents)
    for one in documents:
        if (one["kind"], one["metadata"]["name"]) in (("Ingress", "store"), ("HTTPRoute", "store")):
            # what external-dns reads, on both sides
            one["metadata"].setdefault("annotations", {})[TTL] = "60"
    snapshot = read_documents(documents)
    kinds = {spec.kind: KindState("live") for spec in KINDS}
    kinds |= {kind: KindState("live") for kind in POLICIES}
    return replace(snapshot, offline=False, kinds=kinds)


def without(kind: str) -> Snapshot:
    """The same for somebody who may not list a kind."""
    kept = {
        part: {ref: obj for ref, obj in getattr(whole(), part).items() if ref.kind != kind} for part in PARTS
    }
    return replace(whole(), **kept, kinds={**whole().kinds, kind: DENIED})  # type: ignore[arg-type]


def only_in(*namespaces: str) -> Snapshot:
    """The same for somebody who may list some namespaces, and nothing of the cluster."""
    limited = KindState("live", "some namespaces", namespaces=namespaces)
    namespaced = {spec.kind: spec.namespaced for spec in KINDS}
    kinds = {kind: limited if namespaced.get(kind, True) else DENIED for kind in whole().kinds}
    kept = {
        part: {ref: obj for ref, obj in getattr(whole(), part).items() if ref.namespace in namespaces}
        for part in PARTS
    }
    return replace(whole(), **kept, kinds=kinds)  # type: ignore[arg-type]


def told(snapshot: Snapshot) -> tuple[Finding, ...]:
    request = parse_line(STORE)
    return (*diagnose(snapshot), *request_findings(snapshot, request, trace(snapshot, request)))


def claims(findings: Iterable[Finding]) -> set[str]:
    found: set[str] = set()
    for one in findings:
        if one.verdict is Verdict.UNKNOWN:
            continue
        claim = f"{one.verdict} {one.rule} {one.subject}"
        names = {line.partition(":")[0].partition("=")[0] for line in one.evidence}
        found |= {f"{claim} {name}" for name in names} if one.rule in LISTING else {claim}
    return found


@cache
def all_claims() -> frozenset[str]:
    return frozenset(claims(told(whole())))


@pytest.mark.parametrize("kind", [*(spec.kind for spec in KINDS), *POLICIES])
def test_without_a_kind_nothing_more_is_claimed(kind: str) -> None:
    assert claims(told(without(kind))) <= all_claims()


@pytest.mark.parametrize("namespaces", [("shop",), ("shop", "infra"), ("legacy",), ("infra",)])
def test_in_some_namespaces_nothing_more_is_claimed(namespaces: tuple[str, ...]) -> None:
    assert claims(told(only_in(*namespaces))) <= all_claims()


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("Gateway", {"GW123", "GW802", "MIG008", "MIG009", "MIG014", "MIG020", "MIG032"}),
        ("HTTPRoute", {"GW802", "MIG009"}),
        ("GRPCRoute", {"MIG009"}),
        ("TLSRoute", {"MIG009"}),
        ("ListenerSet", {"GW123", "MIG008"}),
        ("Ingress", {"MIG803"}),
        ("Namespace", {"GW802", "MIG008"}),
        ("NetworkPolicy", {"MIG022"}),
        ("GatewayClass", {"MIG014"}),
    ],
)
def test_what_hangs_on_it_is_unknown(kind: str, rules: set[str]) -> None:
    snapshot = without(kind)
    unknown = {one.rule for one in told(snapshot) if one.verdict is Verdict.UNKNOWN}
    assert rules | {"GW001"} <= unknown


@pytest.mark.parametrize(("kind", "side"), [("Gateway", "a Gateway"), ("Ingress", "an Ingress")])
def test_a_side_that_may_not_be_read_leaves_a_request_open(kind: str, side: str) -> None:
    request, snapshot = parse_line(STORE), without(kind)
    traces = trace(snapshot, request)
    assert overall(snapshot, traces) is Verdict.UNKNOWN
    lines = ["".join(str(span) for span in line) for line in xray_lines(snapshot, request, traces, 200)]
    words = f"whether {side} answers it cannot be told: {kind} objects could not be read (denied)"
    assert any(words in line for line in lines)
    assert not any("only the" in line for line in lines)
    # nobody asked that side
    other = "ingress" if kind == "Gateway" else "gateway"
    assert not unread_sides(snapshot, trace(snapshot, request, sides=other), other)


def test_a_gateway_and_a_plan_that_may_not_be_seen() -> None:
    with pytest.raises(UserError, match=r"cannot be told: Gateway objects could not be read \(denied\)"):
        find_gateway(without("Gateway"), "infra/main")
    wanted = Wanted(ingresses=(ObjectName("shop", "store"),))
    with pytest.raises(UserError, match="cannot be told: HTTPRoute objects could be read in shop only"):
        find(only_in("shop"), wanted)


def test_a_denied_kind_says_which_rule_is_lacking() -> None:
    needed = needed_for("GET", "/apis/gateway.networking.k8s.io/v1/httproutes")
    assert needed is not None
    state = failure_state(ApiError(403, "Forbidden", "not allowed", needed.mend))
    snapshot = replace(without("HTTPRoute"), kinds={**whole().kinds, "HTTPRoute": state})
    (found,) = (one for one in diagnose(snapshot) if one.rule == "GW001")
    rule = "{apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: [list]}"
    assert f"a ClusterRole with the rule {rule}" in found.mend
    assert found.reproduce == "kubectl auth can-i list httproute -A"


CORE, APPS = "/api/v1", "/apis/apps/v1"
OLD_WORDS = 'users "jo" is forbidden: User "ana" cannot impersonate resource "users" in API group ""'
NEW_WORDS = 'services is forbidden: User "ana" cannot impersonate-on:user-info:list resource "services"'


INSIDE = f"{APPS}/namespaces/a/deployments"


@pytest.mark.parametrize(
    ("method", "path", "where", "group", "resource", "verb"),
    [
        ("GET", f"{CORE}/services", "a ClusterRole", '""', "services", "list"),
        ("GET", f"{CORE}/namespaces", "a ClusterRole", '""', "namespaces", "list"),
        ("GET", f"{CORE}/namespaces/a", "a ClusterRole", '""', "namespaces", "get"),
        ("GET", f"{INSIDE}/b", "a Role in a", "apps", "deployments", "get"),
        ("GET", f"{CORE}/namespaces/a/pods/b:80/proxy/metrics", "a Role in a", '""', "pods/proxy", "get"),
        ("PATCH", f"{INSIDE}/b", "a Role in a", "apps", "deployments", "patch"),
        ("POST", INSIDE, "a Role in a", "apps", "deployments", "create"),
    ],
)
def test_the_right_that_a_request_needs(
    method: str, path: str, where: str, group: str, resource: str, verb: str
) -> None:
    needed = needed_for(method, path)
    assert needed is not None
    rule = f"{{apiGroups: [{group}], resources: [{resource}], verbs: [{verb}]}}"
    assert needed.mend == f"ask for {where} with the rule {rule}"


@pytest.mark.parametrize("words", [OLD_WORDS, NEW_WORDS])
def test_who_may_not_be_somebody_else_lacks_that_right(words: str) -> None:
    needed = needed_for("GET", f"{CORE}/services", words)
    assert needed is not None
    assert needed.rule == '{apiGroups: [""], resources: [users], verbs: [impersonate]}'


@pytest.mark.parametrize("path", ["/version", "/api", "/apis", "/apis/apps/v1", "/api/v1", "", "/", "/api//"])
def test_what_is_no_resource_needs_no_right(path: str) -> None:
    assert needed_for("GET", path) is None
