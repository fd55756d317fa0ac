"""Computed findings: what the specs give, set beside what is claimed."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from pointsman.cluster.store import KindState, Store, read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.overview import overview
from pointsman.probes.verdict import Finding, Verdict

CONTROLLER = "example.com/controller"
GROUP = "gateway.networking.k8s.io"


def good(*types: str, generation: int = 1) -> list[dict[str, Any]]:
    return [
        {"type": one, "status": "True", "reason": one, "message": "", "observedGeneration": generation}
        for one in types
    ]


def world(**changes: Any) -> dict[str, dict[str, Any]]:
    """A whole small cluster in which everything is as it should be, by name."""
    listener_ok = good("Accepted", "Programmed", "ResolvedRefs")
    objects: dict[str, dict[str, Any]] = {
        "class": {
            "apiVersion": f"{GROUP}/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "practice", "generation": 1},
            "spec": {"controllerName": CONTROLLER},
            "status": {"conditions": good("Accepted")},
        },
        "gateway": {
            "apiVersion": f"{GROUP}/v1",
            "kind": "Gateway",
            "metadata": {"name": "main", "namespace": "infra", "generation": 1},
            "spec": {
                "gatewayClassName": "practice",
                "listeners": [
                    {
                        "name": "https",
                        "port": 443,
                        "protocol": "HTTPS",
                        "hostname": "*.shop.test",
                        "tls": {"certificateRefs": [{"name": "cert"}]},
                        "allowedRoutes": {"namespaces": {"from": "All"}},
                    }
                ],
            },
            "status": {
                "addresses": [{"value": "203.0.113.9"}],
                "conditions": good("Accepted", "Programmed"),
                "listeners": [{"name": "https", "attachedRoutes": 1, "conditions": listener_ok}],
            },
        },
        "route": {
            "apiVersion": f"{GROUP}/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "cart", "namespace": "shop", "generation": 1},
            "spec": {
                "hostnames": ["cart.shop.test"],
                "parentRefs": [{"name": "main", "namespace": "infra"}],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
            "status": {
                "parents": [
                    {
                        "parentRef": {"name": "main", "namespace": "infra"},
                        "controllerName": CONTROLLER,
                        "conditions": good("Accepted", "ResolvedRefs"),
                    }
                ]
            },
        },
        "service": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"ports": [{"port": 80}]},
        },
        "slice": {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "web-1",
                "namespace": "shop",
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
        },
        "secret": {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "cert", "namespace": "infra"},
            "type": "kubernetes.io/tls",
        },
        "grant": {
            "apiVersion": f"{GROUP}/v1beta1",
            "kind": "ReferenceGrant",
            "metadata": {"name": "unrelated", "namespace": "elsewhere"},
            "spec": {"from": [], "to": []},
        },
        "namespace": {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"team": "shop"}},
        },
    }
    objects.update(changes)
    return {name: document for name, document in objects.items() if document is not None}


def found(objects: dict[str, dict[str, Any]]) -> dict[str, Finding]:
    return {one.rule: one for one in diagnose(read_documents(objects.values()))}


def test_a_healthy_world_has_no_findings_and_green_rows() -> None:
    snapshot = read_documents(world().values())
    findings = diagnose(snapshot)
    assert findings == ()
    rows = overview(snapshot, findings)
    assert [(row.claimed, row.computed, row.worst) for row in rows.routes] == [(Verdict.PASS,) * 3]
    assert [(row.claimed, row.computed, row.worst) for row in rows.gateways] == [(Verdict.PASS,) * 3]
    assert rows.gateways[0].routes == 1
    assert rows.gateways[0].addresses == ("203.0.113.9",)
    assert rows.gateways[0].listeners[0].attached_routes == 1
    assert rows.classes[0].gateways == 1


def across(weight: int = 1) -> dict[str, dict[str, Any]]:
    objects = world()
    objects["route"]["spec"]["rules"] = [
        {
            "backendRefs": [
                {"name": "web", "port": 80, "weight": 9},
                {"name": "ledger", "namespace": "pay", "port": 80, "weight": weight},
            ]
        }
    ]
    objects["ledger"] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "ledger", "namespace": "pay"},
        "spec": {"ports": [{"port": 80}], "type": "ExternalName"},
    }
    return objects


def test_a_missing_grant_is_found_whatever_the_status_says() -> None:
    findings = found(across())
    missing = findings["GW104"]
    assert missing.verdict is Verdict.FAIL
    assert str(missing.subject) == "HTTPRoute shop/cart/rule-0"
    assert "10 %" in missing.why
    assert "from HTTPRoute in shop, to Service ledger" in missing.mend
    assert "ResolvedRefs=True" in findings["GW117"].summary


def test_a_grant_that_drifted_no_longer_helps() -> None:
    objects = across()
    grant = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "allow", "namespace": "pay"},
        "spec": {
            "from": [{"group": GROUP, "kind": "HTTPRoute", "namespace": "shop"}],
            "to": [{"group": "", "kind": "Service", "name": "ledger"}],
        },
    }
    objects["allow"] = grant
    assert found(objects) == {}
    grant["spec"]["to"][0]["name"] = "ledger-old"
    assert found(objects)["GW104"].verdict is Verdict.FAIL


def test_a_backend_without_weight_only_warns() -> None:
    assert found(across(weight=0))["GW104"].verdict is Verdict.WARN


def test_wrong_port_and_no_endpoints() -> None:
    objects = world()
    objects["service"]["spec"]["ports"] = [{"port": 8080}]
    wrong = found(objects)["GW105"]
    assert "8080" in wrong.summary
    objects = world()
    objects["slice"]["endpoints"][0]["conditions"]["ready"] = False
    assert "503" in found(objects)["GW106"].why


def test_certificates() -> None:
    objects = world()
    objects["secret"]["metadata"]["name"] = "other"
    assert found(objects)["GW307"].verdict is Verdict.WARN, "the controller says that it resolves"
    objects["gateway"]["status"]["listeners"][0]["conditions"] = good("Accepted", "Programmed")
    assert found(objects)["GW307"].verdict is Verdict.FAIL
    objects = world()
    objects["gateway"]["spec"]["listeners"][0]["tls"]["certificateRefs"][0]["namespace"] = "certs"
    objects["secret"]["metadata"]["namespace"] = "certs"
    assert str(found(objects)["GW308"].subject) == "Gateway infra/main/https"


def test_a_route_that_attaches_nowhere_though_it_is_accepted() -> None:
    objects = world()
    objects["route"]["spec"]["hostnames"] = ["cart.other.test"]
    disagreement = found(objects)["GW117"]
    assert disagreement.verdict is Verdict.UNKNOWN
    assert "NoMatchingListenerHostname" in disagreement.summary
    objects["route"]["status"] = {}
    assert found(objects)["GW122"].verdict is Verdict.FAIL


def test_namespaces_by_selector_and_unknown_labels() -> None:
    objects = world()
    listener = objects["gateway"]["spec"]["listeners"][0]
    listener["allowedRoutes"] = {
        "namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}
    }
    assert found(objects) == {}
    objects["namespace"]["metadata"]["labels"] = {"team": "other"}
    assert "NotAllowedByListeners" in found(objects)["GW117"].summary
    objects["namespace"]["metadata"]["name"] = "another"
    snapshot = read_documents(objects.values())
    assert overview(snapshot, diagnose(snapshot)).routes[0].computed is Verdict.UNKNOWN


def test_a_status_of_an_older_generation_is_unknown() -> None:
    objects = world()
    objects["route"]["metadata"]["generation"] = 4
    stale = found(objects)["GW109"]
    assert stale.verdict is Verdict.UNKNOWN
    assert "generation 1, the object is at 4" in stale.summary
    snapshot = read_documents(objects.values())
    assert overview(snapshot, diagnose(snapshot)).routes[0].claimed is Verdict.UNKNOWN


def test_after_a_fall_back_the_old_generation_is_right() -> None:
    objects = world()
    objects["route"]["metadata"]["generation"] = 2
    conditions = [
        *good("Accepted", generation=1),
        *good("ResolvedRefs", generation=2),
        {
            "type": "PartiallyInvalid",
            "status": "True",
            "reason": "UnsupportedValue",
            "message": "Fall Back to the last valid configuration",
            "observedGeneration": 2,
        },
    ]
    objects["route"]["status"]["parents"][0]["conditions"] = conditions
    findings = found(objects)
    assert findings["GW110"].verdict is Verdict.WARN
    assert "GW109" not in findings
    conditions[2]["message"] = "Dropped Rule 1"
    assert found(objects)["GW110"].verdict is Verdict.FAIL


def test_a_parent_that_nobody_answers_and_one_that_is_not_there() -> None:
    objects = world()
    objects["route"]["status"] = {"parents": []}
    objects["route"]["spec"]["parentRefs"].append({"name": "gone", "namespace": "infra"})
    findings = diagnose(read_documents(objects.values()))
    assert {one.rule for one in findings} == {"GW107"}, "a file without status is not a silent controller"
    objects["route"]["status"] = {"parents": [{"parentRef": {"name": "x"}, "controllerName": "c"}]}
    assert {"GW107", "GW108", "GW113"} <= set(found(objects))


def test_another_controllers_word_is_not_ours() -> None:
    objects = world()
    mine = objects["route"]["status"]["parents"][0]
    foreign = {**mine, "controllerName": "example.com/other", "conditions": []}
    foreign["conditions"] = [{"type": "Accepted", "status": "False", "reason": "NoMatchingParent"}]
    objects["route"]["status"]["parents"] = [foreign, mine]
    findings = found(objects)
    assert set(findings) == {"GW112"}
    snapshot = read_documents(objects.values())
    assert overview(snapshot, diagnose(snapshot)).routes[0].claimed is Verdict.PASS


def test_an_unclaimed_class_and_a_missing_one() -> None:
    objects = world()
    objects["class"]["status"] = {
        "conditions": [
            {
                "type": "Accepted",
                "status": "Unknown",
                "reason": "Pending",
                "message": "Waiting for controller",
                "lastTransitionTime": "1970-01-01T00:00:00Z",
            }
        ]
    }
    assert found(objects)["GW201"].verdict is Verdict.FAIL
    objects = world()
    objects["gateway"]["spec"]["gatewayClassName"] = "nothing"
    assert "nothing" in found(objects)["GW203"].summary


def policy(name: str, created: str, target: str = "Gateway", section: str | None = None) -> dict[str, Any]:
    names = {"Gateway": "main", "HTTPRoute": "cart"}
    reference = {"group": GROUP, "kind": target, "name": names[target]}
    if section:
        reference["sectionName"] = section
    return {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "BackendTrafficPolicy",
        "metadata": {
            "name": name,
            "namespace": "infra" if target == "Gateway" else "shop",
            "creationTimestamp": created,
        },
        "spec": {"targetRefs": [reference]},
    }


def test_two_policies_on_one_target_and_who_wins() -> None:
    objects = world(new=policy("a-new", "2026-02-01T00:00:00Z"), old=policy("z-old", "2026-01-01T00:00:00Z"))
    loser = found(objects)["GW403"]
    assert str(loser.subject) == "BackendTrafficPolicy infra/a-new"
    assert "infra/z-old is older" in loser.summary


def test_a_chain_of_three_levels() -> None:
    objects = world(
        one=policy("one", "2026-01-01T00:00:00Z"),
        two=policy("two", "2026-01-01T00:00:00Z", section="https"),
    )
    assert "GW404" not in found(objects)
    objects["three"] = policy("three", "2026-01-01T00:00:00Z", "HTTPRoute")
    assert str(found(objects)["GW404"].subject) == "HTTPRoute shop/cart"


def crd(kind: str, version: str, channel: str = "standard") -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.lower()}s.{GROUP}",
            "annotations": {f"{GROUP}/bundle-version": version, f"{GROUP}/channel": channel},
        },
        "spec": {"group": GROUP, "names": {"kind": kind, "plural": f"{kind.lower()}s"}},
    }


@pytest.mark.parametrize(("installed", "rule"), [("v1.4.1", "GW502"), ("v1.5.1", None), ("v1.6.1", "GW503")])
def test_crds_against_the_controllers_release(installed: str, rule: str | None) -> None:
    objects = world(crd=crd("Gateway", installed))
    objects["class"]["spec"]["controllerName"] = "gateway.envoyproxy.io/gatewayclass-controller"
    objects["route"]["status"]["parents"][0]["controllerName"] = objects["class"]["spec"]["controllerName"]
    objects["deployment"] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "envoy-gateway", "namespace": "envoy-gateway-system"},
        "spec": {"template": {"spec": {"containers": [{"image": "docker.io/envoyproxy/gateway:v1.8.2"}]}}},
    }
    assert set(found(objects)) == ({rule} if rule else set())


def test_mixed_crds() -> None:
    objects = world(one=crd("Gateway", "v1.6.1"), two=crd("HTTPRoute", "v1.6.1"), odd=crd("Thing", "v1.2.1"))
    assert "v1.2.1" in found(objects)["GW501"].summary


def test_an_ingress_and_its_twin() -> None:
    objects = world(
        ingress={
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {
                "rules": [
                    {
                        "host": "cart.shop.test",
                        "http": {"paths": [{"path": "/", "backend": {"service": {"name": "web"}}}]},
                    }
                ]
            },
        }
    )
    twin = found(objects)["MIG001"]
    assert twin.verdict is Verdict.PASS
    assert "HTTPRoute shop/cart" in twin.summary


@pytest.mark.parametrize("state", ["denied", "failed", "loading"])
@pytest.mark.parametrize("kind", ["Service", "EndpointSlice", "Secret", "GatewayClass", "Gateway"])
def test_what_cannot_be_read_is_unknown_and_never_fail(state: Any, kind: str) -> None:
    """The same world, from a cluster that keeps one kind from us."""
    whole = read_documents(world().values())
    store = Store()
    parts = (
        "classes",
        "gateways",
        "routes",
        "grants",
        "services",
        "endpoint_slices",
        "secrets",
        "namespaces",
    )
    for part in parts:
        for ref, obj in getattr(whole, part).items():
            if ref.kind != kind:
                store.put(part, obj)
    for name in store.snapshot().kinds:
        store.set_state(name, KindState("live"))
    store.set_state(kind, KindState(state, "because"))
    snapshot = store.snapshot()
    findings = diagnose(snapshot)
    assert {one.verdict for one in findings} == {Verdict.UNKNOWN}
    assert any(one.rule == "GW001" and "because" in one.evidence for one in findings)
    rows = overview(snapshot, findings)
    computed = {row.computed for row in (*rows.routes, *rows.gateways)}
    assert Verdict.UNKNOWN in computed
    assert Verdict.FAIL not in computed
    assert kind in rows.troubled_kinds


def test_every_finding_can_be_reproduced_by_a_command_that_a_shell_reads() -> None:
    objects = across()
    objects["gateway"]["status"]["conditions"] = []
    objects["route"]["metadata"]["generation"] = 9
    for finding in found(objects).values():
        words = shlex.split(finding.reproduce)
        assert words[:2] == ["kubectl", "get"]


def test_what_is_wrong_stands_first() -> None:
    objects = across()
    objects["healthy"] = {**world()["route"], "metadata": {"name": "a", "namespace": "a", "generation": 1}}
    objects["healthy"]["spec"] = {**objects["healthy"]["spec"], "rules": []}
    snapshot = read_documents(objects.values())
    findings = diagnose(snapshot)
    ranks = [one.verdict.badness for one in findings]
    assert ranks == sorted(ranks, reverse=True)
    assert [row.ref.name for row in overview(snapshot, findings).routes] == ["cart", "a"]
    assert diagnose(read_documents(reversed(list(objects.values())))) == findings
