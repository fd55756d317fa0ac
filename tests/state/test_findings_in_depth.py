"""What a finding says beyond that something is wrong: which field, who wins, the command that mends it."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
import yaml
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.store import read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.world import World
from pointsman.probes.verdict import Finding, Verdict
from rule_worlds import (
    ENVOY,
    GROUP,
    NGF,
    TRAEFIK,
    Change,
    Objects,
    adding,
    answered,
    changed,
    condition,
    crds,
    grant,
    let_sets_in,
    listener_set,
    of,
    policy_of,
    said,
    service,
    setting,
    workload,
)

LEDGER = service("ledger", "pay", type="ExternalName")
EG = "gateway.envoyproxy.io"
MAIN = {"kind": "Gateway", "name": "main"}


def find(rule: str, *changes: Change) -> list[Finding]:
    return [one for one in diagnose(read_documents(changed(*changes).values())) if one.rule == rule]


def only(rule: str, *changes: Change) -> Finding:
    findings = find(rule, *changes)
    assert len(findings) == 1, findings
    return findings[0]


def to_ledger(objects: Objects) -> None:
    objects["ledger"] = LEDGER
    objects["route"]["spec"]["rules"] = [
        {"backendRefs": [{"name": "ledger", "namespace": "pay", "port": 80}]}
    ]


# --- grants --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_", "to", "words"),
    [
        ({}, {"name": "ledger-old"}, "to[0].name is ledger-old, not ledger"),
        ({}, {"kind": "ServiceImport", "name": "ledger"}, "to[0].kind is ServiceImport, not Service"),
        ({}, {"group": "core"}, "to[0].group is core, not (empty)"),
        ({"namespace": "store"}, {}, "from[0].namespace is store, not shop"),
        ({"kind": "GRPCRoute"}, {"name": "ledger"}, "from[0].kind is GRPCRoute, not HTTPRoute"),
        ({"group": ""}, {}, f"from[0].group is (empty), not {GROUP}"),
    ],
)
def test_a_grant_that_nearly_fits_is_named_with_its_field_and_the_patch_mends_it(
    from_: dict[str, str], to: dict[str, str], words: str
) -> None:
    changes = (to_ledger, adding(allow=grant("pay", from_, to)))
    refused = only("GW104", *changes)
    assert f"the nearest one is ReferenceGrant pay/allow: {words}" in refused.summary
    command = shlex.split(refused.mend.partition("lacks: ")[2])
    assert command[:5] == ["kubectl", "patch", f"referencegrants.{GROUP}/allow", "-n", "pay"]
    (change,) = json.loads(command[-1])
    side = change["path"].split("/")[2]

    def patched(objects: Objects) -> None:
        objects["allow"]["spec"][side].append(change["value"])

    assert find("GW104", *changes, patched) == []


def test_without_a_near_grant_the_whole_manifest_is_given_and_mends_it() -> None:
    far = grant("pay", {"namespace": "store"}, {"name": "other"})
    refused = only("GW104", to_ledger, adding(allow=far))
    assert "nearest" not in refused.summary
    assert "from HTTPRoute in shop, to Service ledger" in refused.mend
    manifest = yaml.safe_load(refused.mend[refused.mend.index("{") :])
    assert find("GW104", to_ledger, adding(allow=far, new=manifest)) == []


def test_a_grant_in_the_routes_own_namespace_is_told_as_such() -> None:
    refused = only("GW104", to_ledger, adding(allow=grant("shop", {}, {})))
    assert "would allow it, but it stands in shop, not in pay" in refused.summary


# --- certificates --------------------------------------------------------------------------------


def unanswered(objects: Objects) -> None:
    objects["gateway"]["status"]["listeners"][0]["conditions"] = []


def test_a_certificate_in_the_applications_namespace() -> None:
    missing = only("GW307", unanswered, setting("secret.metadata.namespace", "shop"))
    assert "there is one in shop, where Gateways do not look" in missing.summary
    assert "mirror it into infra" in missing.mend
    assert '"kind": "Secret", "name": "cert"' in missing.mend
    nowhere = only("GW307", unanswered, setting("secret.metadata.name", "other"))
    assert "where Gateways" not in nowhere.summary


def test_what_a_client_meets_without_a_certificate_depends_on_the_controller() -> None:
    lost = (unanswered, setting("secret.metadata.name", "other"))
    assert "TRAEFIK DEFAULT CERT" in only("GW307", *lost, of(TRAEFIK)).why
    assert "refused" in only("GW307", *lost, of(NGF)).why


def test_a_certificate_grant_that_drifted() -> None:
    changes = (
        setting("secret.metadata.namespace", "certs"),
        setting("gateway.spec.listeners.0.tls.certificateRefs.0.namespace", "certs"),
        adding(allow=grant("certs", {"kind": "Gateway", "namespace": "edge"}, {"kind": "Secret"})),
    )
    refused = only("GW308", *changes)
    assert "from[0].namespace is edge, not infra" in refused.summary
    assert find("GW308", *changes, setting("allow.spec.from.0.namespace", "infra")) == []


# --- conflicts of listeners ----------------------------------------------------------------------


def clash(objects: Objects) -> None:
    document = listener_set()
    document["spec"]["listeners"][0].update(port=443, protocol="HTTPS", hostname="*.shop.test")
    document["status"] = {"conditions": [], "listeners": []}
    objects["more"] = document


def test_between_a_gateway_and_its_set_the_gateway_keeps_the_port() -> None:
    lost = only("GW301", let_sets_in, clash)
    assert lost.verdict is Verdict.FAIL
    assert str(lost.subject) == "ListenerSet infra/more/l0"
    assert any(
        "Gateway infra/main/https" in line and "that one comes first" in line for line in lost.evidence
    )


def test_a_claimed_conflict_names_the_other_listener_too() -> None:
    def twice(objects: Objects) -> None:
        listeners = objects["gateway"]["spec"]["listeners"]
        listeners.append({**listeners[0], "name": "again"})

    both = find("GW301", twice, condition("listener", "Conflicted", "True", "HostnameConflict"))
    claimed = next(one for one in both if "Conflicted=True" in one.summary)
    assert any("Gateway infra/main/again" in line and "neither wins" in line for line in claimed.evidence)


# --- endpoints -----------------------------------------------------------------------------------


def deployment(**labels: str) -> dict[str, Any]:
    document = workload("web:1")
    document["metadata"] = {"name": "web", "namespace": "shop"}
    document["spec"]["template"]["metadata"] = {"labels": labels}
    return document


@pytest.mark.parametrize(
    ("labels", "words", "line"),
    [
        ({"app": "web", "tier": "back"}, "matches no pod", "these labels: app=web, tier=back"),
        ({"app": "web", "tier": "front"}, "has an address", "has them, and 1 ready pods"),
    ],
)
def test_why_a_service_has_no_endpoint(labels: dict[str, str], words: str, line: str) -> None:
    empty = only(
        "GW106",
        setting("slice.endpoints", []),
        setting("service.spec.selector", {"app": "web", "tier": "front"}),
        adding(web=deployment(**labels)),
    )
    assert words in empty.summary
    assert any(line in one for one in empty.evidence)


def test_endpoints_that_are_there_and_not_ready() -> None:
    waiting = only("GW106", setting("slice.endpoints.0.conditions.ready", False))
    assert "1 is there, and not ready" in waiting.summary


# --- policies ------------------------------------------------------------------------------------


def limits(name: str, target: dict[str, Any], namespace: str, **spec: Any) -> dict[str, Any]:
    return policy_of(EG, "BackendTrafficPolicy", target, name, namespace, **spec)


CHAIN = adding(
    wide=limits("wide", MAIN, "infra", timeout="30s", retry={"numRetries": 5}),
    middle=limits("middle", {**MAIN, "sectionName": "https"}, "infra", timeout="20s"),
    narrow=limits("narrow", {}, "shop", timeout="10s"),
)


def test_a_deep_chain_lists_who_wins_for_each_contested_field() -> None:
    deep = only("GW404", CHAIN)
    assert str(deep.subject) == "HTTPRoute shop/cart"
    assert "applies at 3 levels" in deep.summary
    text = "\n".join(deep.evidence)
    assert 'timeout: "10s" of BackendTrafficPolicy shop/narrow wins over "20s"' in text
    assert "retry.numRetries: nobody's is in force" in text, "the narrowest replaces the wider ones whole"


def test_a_chain_whose_narrowest_policy_merges_keeps_what_only_the_wider_ones_set() -> None:
    merging = only(
        "GW404",
        CHAIN,
        setting("narrow.spec.mergeType", "StrategicMerge"),
        setting("middle.spec.mergeType", "StrategicMerge"),
    )
    text = "\n".join(merging.evidence)
    assert "timeout: " in text
    assert "retry" not in text, "nobody else sets it, so it is not contested"


def test_overrides_of_the_wider_level_win() -> None:
    def kuadrant(name: str, target: dict[str, Any], namespace: str, **spec: Any) -> dict[str, Any]:
        return policy_of("kuadrant.io", "RateLimitPolicy", target, name, namespace, **spec)

    deep = only(
        "GW404",
        adding(
            wide=kuadrant("wide", MAIN, "infra", overrides={"strategy": "merge", "limits": {"rps": 9}}),
            middle=kuadrant("middle", {**MAIN, "sectionName": "https"}, "infra", limits={"rps": 5}),
            narrow=kuadrant("narrow", {}, "shop", limits={"rps": 1}),
        ),
    )
    assert any("limits.rps: 9 of RateLimitPolicy infra/wide (overrides) wins" in one for one in deep.evidence)


def test_a_chain_of_policies_that_add_up_says_so() -> None:
    def istio(name: str, target: dict[str, Any], namespace: str) -> dict[str, Any]:
        return policy_of("security.istio.io", "AuthorizationPolicy", target, name, namespace)

    deep = only(
        "GW404",
        setting("namespace.metadata.labels", {"istio.io/use-waypoint": "way"}),
        adding(
            wide=istio("wide", {"kind": "GatewayClass", "name": "practice"}, ""),
            middle=istio("middle", MAIN, "infra"),
            narrow=istio("narrow", {"group": "", "kind": "Service", "name": "web"}, "shop"),
        ),
    )
    assert "all of them apply" in deep.why


def test_a_selector_attaches_as_a_name_does() -> None:
    chosen = policy_of(
        EG,
        "SecurityPolicy",
        name="b",
        targetSelectors=[{"kind": "HTTPRoute", "matchLabels": {"app": "cart"}}],
    )
    named = policy_of(EG, "SecurityPolicy", {}, name="a")
    label = setting("route.metadata.labels", {"app": "cart"})
    assert str(only("GW403", label, adding(a=named, b=chosen)).subject) == "SecurityPolicy shop/b"
    assert find("GW403", adding(a=named, b=chosen)) == []


def test_where_a_controller_merges_only_what_both_set_is_contested() -> None:
    def client(name: str, created: str, **body: Any) -> dict[str, Any]:
        return policy_of("gateway.nginx.org", "ClientSettingsPolicy", MAIN, name, "infra", created, body=body)

    old, new = client("old", "2025-01-01T00:00:00Z", maxSize="1m"), client("new", "2026", timeout="5s")
    assert find("GW403", adding(old=old, new=new)) == []
    contested = only("GW403", adding(old=old, new=client("new", "2026", maxSize="9m")))
    assert "wins for 1 fields" in contested.summary
    assert any(
        'body.maxSize: "1m" of ClientSettingsPolicy infra/old wins' in one for one in contested.evidence
    )


@pytest.mark.parametrize("label", ["Inherited", "inherited"])
def test_an_unknown_kind_is_read_by_its_crds_label_in_any_case(label: str) -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "houses.example.com", "labels": {f"{GROUP}/policy": label}},
        "spec": {"group": "example.com", "names": {"kind": "House", "plural": "houses"}},
    }

    def house(name: str, target: dict[str, Any], namespace: str, **spec: Any) -> dict[str, Any]:
        return policy_of("example.com", "House", target, name, namespace, **spec)

    policies = adding(
        wide=house("wide", MAIN, "infra", a=1, b=1),
        middle=house("middle", {**MAIN, "sectionName": "https"}, "infra", a=2),
        narrow=house("narrow", {}, "shop", c=3),
    )
    inherited = "\n".join(only("GW404", policies, adding(crd=crd)).evidence)
    assert "a: 2 of House infra/middle wins over 1" in inherited
    replaced = "\n".join(only("GW404", policies).evidence)
    assert "a: nobody's is in force" in replaced


def test_a_target_that_the_controller_knows_better_is_no_fail() -> None:
    lost = policy_of(GROUP, "BackendTLSPolicy", {"group": "", "kind": "Service", "name": "gone"})
    assert only("GW405", adding(p=lost)).verdict is Verdict.FAIL
    assert only("GW405", adding(p=answered(lost, said("Accepted", "True")))).verdict is Verdict.UNKNOWN


def test_a_policy_attaches_by_annotation_and_by_what_its_status_says() -> None:
    kong = policy_of("configuration.konghq.com", "KongUpstreamPolicy", name="kong")
    house = answered(policy_of("example.com", "House", name="house"), said("Accepted", "True"))
    objects = changed(
        adding(kong=kong, house=house),
        setting("service.metadata.annotations", {"konghq.com/upstream-policy": "kong"}),
    )
    index = World(Scene(read_documents(objects.values()))).index
    web = ObjectRef("Service", "shop", "web")
    main = ObjectRef("Gateway", "infra", "main", group=GROUP)
    assert [one.meta.name for one in index.policies.on(web)] == ["kong"]
    assert [one.meta.name for one in index.policies.on(main)] == ["house"]


# --- versions ------------------------------------------------------------------------------------


def test_a_controller_of_an_unknown_release_is_simply_not_told() -> None:
    for image in (
        "envoyproxy/gateway:latest",
        "envoyproxy/gateway:v9.9.9",
        "envoyproxy/gateway",
        "other:v1.8",
    ):
        findings = diagnose(
            read_documents(changed(of(ENVOY), crds("v1.2.1"), adding(pods=workload(image))).values())
        )
        assert not [one for one in findings if one.rule.startswith("GW5")], image


# --- the traps of reading a status ---------------------------------------------------------------


def test_an_invalid_parent_gets_no_status_at_all() -> None:
    def wrong_section(objects: Objects) -> None:
        objects["route"]["spec"]["parentRefs"][0]["sectionName"] = "gone"
        objects["route"]["status"] = {}

    assert "NoMatchingParent" in only("GW122", wrong_section).summary


def test_a_false_that_is_stale_is_told_as_stale_and_not_set_against_a_newer_spec() -> None:
    stale = (
        condition("route", "Accepted", "False", "NoMatchingParent"),
        setting("route.metadata.generation", 2),
    )
    assert only("GW109", *stale).verdict is Verdict.UNKNOWN
    assert "GW117" not in {one.rule for one in diagnose(read_documents(changed(*stale).values()))}
    assert only("GW117", stale[0]).verdict is Verdict.WARN


def test_an_empty_status_beside_a_spec_that_attaches() -> None:
    def unanswered_route(objects: Objects) -> None:
        entry = objects["route"]["status"]["parents"][0]
        objects["route"]["status"]["parents"] = [{**entry, "conditions": []}]

    assert "no answer by example.com/controller" in only("GW108", unanswered_route).summary


def test_a_parent_left_behind() -> None:
    def moved(objects: Objects) -> None:
        entry = objects["route"]["status"]["parents"][0]
        objects["route"]["status"]["parents"].append({**entry, "parentRef": {"name": "former"}})

    assert only("GW113", moved).verdict is Verdict.WARN
