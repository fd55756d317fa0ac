"""Each reason of the API, computed from one thing that is wrong; and Unknown where something is not read."""

from __future__ import annotations

from typing import Any

import pytest
from pointsman.cluster.refs import ObjectRef
from pointsman.cluster.rules.computed import Computed
from specs_kit import (
    GROUP,
    Documents,
    as_live,
    gateway_conditions,
    judged,
    listener,
    listener_conditions,
    route_conditions,
    rule,
    told,
    world,
)


def said(one: Computed) -> tuple[str, str]:
    return one.status, one.reason


def test_a_sound_world_is_true_throughout_and_has_no_findings() -> None:
    documents = world()
    for conditions in (
        gateway_conditions(documents),
        listener_conditions(documents),
        route_conditions(judged(documents)),
    ):
        wrong = [one for one in conditions.values() if one.status != "True" and one.type != "Conflicted"]
        assert not wrong
    assert told(documents) == {}


@pytest.mark.parametrize(
    ("change", "kind", "status", "reason"),
    [
        ({"protocol": "HTTPS2"}, "Accepted", "False", "UnsupportedProtocol"),
        ({"protocol": "example.com/own"}, "Accepted", "Unknown", "UnsupportedProtocol"),
        ({"tls": {"certificateRefs": [{"name": "gone"}]}}, "ResolvedRefs", "False", "InvalidCertificateRef"),
        ({"tls": {"certificateRefs": [{"name": "gone"}]}}, "Programmed", "False", "Invalid"),
        ({"tls": {"certificateRefs": [{"name": "gone"}]}}, "Accepted", "True", "Accepted"),
        (
            {"tls": {"certificateRefs": [{"name": "cert", "kind": "Thing"}]}},
            "ResolvedRefs",
            "False",
            "InvalidCertificateRef",
        ),
        (
            {"tls": {"certificateRefs": [{"name": "cert"}, {"name": "gone"}]}},
            "Programmed",
            "True",
            "Programmed",
        ),
        (
            {"tls": {"certificateRefs": [{"name": "cert", "namespace": "pay"}]}},
            "ResolvedRefs",
            "False",
            "RefNotPermitted",
        ),
        ({"tls": None}, "Programmed", "False", "Invalid"),
        ({"tls": {"options": {"example.com/cert": "x"}}}, "Programmed", "True", "Programmed"),
        ({"allowedRoutes": {"kinds": [{"kind": "TCPRoute"}]}}, "ResolvedRefs", "False", "InvalidRouteKinds"),
        ({"allowedRoutes": {"kinds": [{"kind": "TCPRoute"}]}}, "Programmed", "False", "Invalid"),
        (
            {"allowedRoutes": {"kinds": [{"kind": "TCPRoute"}, {"kind": "HTTPRoute"}]}},
            "Programmed",
            "True",
            "Programmed",
        ),
        (
            {"allowedRoutes": {"kinds": [{"group": "x.io", "kind": "HTTPRoute"}]}},
            "ResolvedRefs",
            "False",
            "InvalidRouteKinds",
        ),
    ],
)
def test_listeners(change: dict[str, Any], kind: str, status: str, reason: str) -> None:
    documents = world()
    listener(documents).update(change)
    assert said(listener_conditions(documents)[kind]) == (status, reason)


def with_validation(reference: dict[str, Any], port: int = 0) -> Documents:
    documents = world()
    validation = {"validation": {"caCertificateRefs": [reference]}}
    frontend: dict[str, Any] = {"default": validation}
    if port:
        frontend = {"default": {}, "perPort": [{"port": port, "tls": validation}]}
    documents["gateway"]["spec"]["tls"] = {"frontend": frontend}
    return documents


@pytest.mark.parametrize(
    ("reference", "resolved", "accepted"),
    [
        ({"kind": "ConfigMap", "name": "ca"}, "ResolvedRefs", "Accepted"),
        ({"kind": "ConfigMap", "name": "gone"}, "InvalidCACertificateRef", "NoValidCACertificate"),
        ({"kind": "Service", "name": "web"}, "InvalidCACertificateKind", "NoValidCACertificate"),
        ({"kind": "ConfigMap", "name": "ca", "namespace": "pay"}, "RefNotPermitted", "NoValidCACertificate"),
    ],
)
def test_validation_of_clients(reference: dict[str, Any], resolved: str, accepted: str) -> None:
    for documents in (with_validation(reference), with_validation(reference, 443)):
        conditions = listener_conditions(documents)
        assert conditions["ResolvedRefs"].reason == resolved
        assert conditions["Accepted"].reason == accepted
    other_port = listener_conditions(with_validation(reference, 8443))
    assert other_port["ResolvedRefs"].status == "True"


def test_a_fallback_to_insecure_clients_is_told_of_the_gateway() -> None:
    documents = with_validation({"kind": "ConfigMap", "name": "ca"})
    default = documents["gateway"]["spec"]["tls"]["frontend"]["default"]
    default["validation"]["mode"] = "AllowInsecureFallback"
    found = gateway_conditions(documents)["InsecureFrontendValidationMode"]
    assert said(found) == ("True", "ConfigurationChanged")


def test_listeners_in_conflict_and_their_gateway() -> None:
    documents = world()
    twin = {**listener(documents), "name": "twin"}
    documents["gateway"]["spec"]["listeners"].append(twin)
    for number in (0, 1):
        conditions = listener_conditions(documents, number)
        assert said(conditions["Conflicted"]) == ("True", "HostnameConflict")
        assert said(conditions["Accepted"]) == ("False", "HostnameConflict")
        assert said(conditions["Programmed"]) == ("False", "Invalid")
    assert said(gateway_conditions(documents)["Accepted"]) == ("False", "ListenersNotValid")
    twin["port"] = 8443
    twin["protocol"] = "INVALID"
    assert said(gateway_conditions(documents)["Accepted"]) == ("True", "ListenersNotValid")
    assert said(gateway_conditions(documents)["Programmed"]) == ("True", "Programmed")


def test_hosts_that_overlap_on_one_tls_port() -> None:
    documents = world()
    assert "OverlappingTLSConfig" not in listener_conditions(documents)
    documents["gateway"]["spec"]["listeners"].append({**listener(documents), "name": "all", "hostname": None})
    for number in (0, 1):
        found = listener_conditions(documents, number)["OverlappingTLSConfig"]
        assert said(found) == ("True", "OverlappingHostnames")


def test_a_class_that_is_not_there_leaves_the_gateway_undecided() -> None:
    documents = world()
    documents["gateway"]["spec"]["gatewayClassName"] = "other"
    assert said(gateway_conditions(documents)["Accepted"]) == ("Unknown", "Pending")


def test_the_client_certificate_of_a_gateway() -> None:
    documents = world()
    reference: dict[str, Any] = {"name": "cert"}
    documents["gateway"]["spec"]["tls"] = {"backend": {"clientCertificateRef": reference}}
    assert said(gateway_conditions(documents)["ResolvedRefs"]) == ("True", "ResolvedRefs")
    reference["name"] = "gone"
    found = gateway_conditions(documents)
    assert said(found["ResolvedRefs"]) == ("False", "InvalidClientCertificateRef")
    assert found["Accepted"].status == "True"
    reference["namespace"] = "pay"
    assert said(gateway_conditions(documents)["ResolvedRefs"]) == ("False", "RefNotPermitted")


@pytest.mark.parametrize(
    ("features", "status", "reason"),
    [
        ([], "True", "Accepted"),
        (["TLSRoute", "TLSRouteModeTerminate"], "True", "Accepted"),
        (["TLSRoute"], "False", "UnsupportedValue"),
        (["HTTPRoute"], "True", "Accepted"),
    ],
)
def test_a_tls_mode_counts_by_the_features_that_are_claimed(
    features: list[str], status: str, reason: str
) -> None:
    documents = world()
    listener(documents)["protocol"] = "TLS"
    documents["class"]["status"]["supportedFeatures"] = [{"name": name} for name in features]
    assert said(listener_conditions(documents)["Accepted"]) == (status, reason)


def test_features_as_plain_strings_of_older_releases_are_read_too() -> None:
    documents = world()
    listener(documents)["protocol"] = "TLS"
    documents["class"]["status"]["supportedFeatures"] = ["TLSRoute"]
    assert listener_conditions(documents)["Accepted"].reason == "UnsupportedValue"


# --- routes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hostnames": ["cart.other.test"]}, "NoMatchingListenerHostname"),
        ({"hostnames": ["shop.test"]}, "NoMatchingListenerHostname"),
        ({"parentRefs": [{"name": "main", "sectionName": "http"}]}, "NoMatchingParent"),
        ({"parentRefs": [{"name": "main", "port": 80}]}, "NoMatchingParent"),
        ({"parentRefs": [{"name": "gone"}]}, "NoMatchingParent"),
    ],
)
def test_routes_that_no_listener_takes(change: dict[str, Any], reason: str) -> None:
    documents = world()
    documents["route"]["spec"].update(change)
    assert said(route_conditions(judged(documents))["Accepted"]) == ("False", reason)


def test_a_kind_or_namespace_that_is_not_allowed_is_told_through_the_listener_too() -> None:
    documents = world()
    listener(documents)["allowedRoutes"] = {"kinds": [{"kind": "GRPCRoute"}]}
    found = judged(documents)
    (route,) = found.snapshot.routes.values()
    (state,) = found.computed_route(route)
    assert said(state.conditions[0]) == ("False", "NotAllowedByListeners")
    ((ref, through),) = state.per_listener
    assert ref.section == "https"
    assert said(through) == ("False", "NotAllowedByListeners")


def test_a_listener_in_conflict_leaves_acceptance_open() -> None:
    documents = world()
    documents["gateway"]["spec"]["listeners"].append({**listener(documents), "name": "twin"})
    assert route_conditions(judged(documents))["Accepted"].status == "Unknown"


@pytest.mark.parametrize(
    ("backend", "status", "reason"),
    [
        ({"name": "web", "port": 80}, "True", "ResolvedRefs"),
        ({"name": "gone", "port": 80}, "False", "BackendNotFound"),
        ({"name": "web", "port": 81}, "False", "BackendNotFound"),
        ({"name": "web", "port": 80, "namespace": "pay"}, "False", "RefNotPermitted"),
        ({"name": "web", "kind": "Pod"}, "False", "InvalidKind"),
        ({"name": "web", "kind": "Own", "group": "example.com"}, "Unknown", "InvalidKind"),
    ],
)
def test_references_of_routes(backend: dict[str, Any], status: str, reason: str) -> None:
    documents = world()
    rule(documents)["backendRefs"] = [backend]
    assert said(route_conditions(judged(documents))["ResolvedRefs"]) == (status, reason)
    rule(documents)["backendRefs"] = [{"name": "web", "port": 80}]
    rule(documents)["filters"] = [{"type": "RequestMirror", "requestMirror": {"backendRef": backend}}]
    assert said(route_conditions(judged(documents))["ResolvedRefs"]) == (status, reason)


def test_a_redirect_and_a_rewrite_in_one_rule() -> None:
    documents = world()
    rule(documents)["filters"] = [
        {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}},
        {"type": "URLRewrite", "urlRewrite": {"hostname": "x.test"}},
    ]
    assert said(route_conditions(judged(documents))["Accepted"]) == ("False", "IncompatibleFilters")
    documents["route"]["status"] = {}
    assert "IncompatibleFilters" in told(documents)["GW126"].summary


def test_an_application_protocol_that_the_controller_does_not_claim() -> None:
    documents = world()
    documents["service"]["spec"]["ports"][0]["appProtocol"] = "kubernetes.io/h2c"
    assert route_conditions(judged(documents))["ResolvedRefs"].status == "True"
    documents["class"]["status"]["supportedFeatures"] = [{"name": "HTTPRoute"}]
    assert said(route_conditions(judged(documents))["ResolvedRefs"]) == ("False", "UnsupportedProtocol")


@pytest.mark.parametrize("state", ["denied", "loading", "failed"])
def test_what_hangs_on_a_kind_that_is_not_read_is_unknown(state: str) -> None:
    documents = world()
    del documents["service"]
    found = route_conditions(as_live(documents, Service=state))["ResolvedRefs"]
    assert found.status == "Unknown"
    assert "Services could not be read" in found.detail
    assert route_conditions(as_live(documents))["ResolvedRefs"].status == "False"


def test_config_maps_are_not_read_from_a_cluster_and_so_their_authorities_are_unknown() -> None:
    live = as_live(with_validation({"kind": "ConfigMap", "name": "ca"}))
    (bound,) = live.topology.listeners(ObjectRef("Gateway", "shop", "main", group=GROUP))
    found = {one.type: one for one in live.computed_listener(bound).conditions}
    assert found["ResolvedRefs"].status == "Unknown"
    assert "ConfigMaps are not read" in found["ResolvedRefs"].detail


# --- BackendTLSPolicy ----------------------------------------------------------------------------


def policy(
    name: str,
    created: str = "2024-01-01T00:00:00Z",
    section: str = "",
    authority: dict[str, str] | None = None,
) -> dict[str, Any]:
    target = {"group": "", "kind": "Service", "name": "web", **({"sectionName": section} if section else {})}
    reference = {"group": "", "kind": "ConfigMap", "name": "ca", **(authority or {})}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "BackendTLSPolicy",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": created, "generation": 1},
        "spec": {
            "targetRefs": [target],
            "validation": {"caCertificateRefs": [reference], "hostname": "web.shop.test"},
        },
    }


def policy_conditions(*policies: dict[str, Any]) -> dict[str, tuple[tuple[str, str], tuple[str, str]]]:
    documents = world()
    documents.update({one["metadata"]["name"]: one for one in policies})
    found = judged(documents)
    answers = {}
    for ref, one in found.snapshot.policies.items():
        accepted, resolved = found.computed_policy(one)
        answers[ref.name] = (said(accepted), said(resolved))
    return answers


FINE = (("True", "Accepted"), ("True", "ResolvedRefs"))


def test_the_older_policy_wins_then_the_first_by_name() -> None:
    found = policy_conditions(policy("b", "2023-01-01T00:00:00Z"), policy("a"), policy("c"))
    assert found["b"] == FINE
    assert found["a"][0] == found["c"][0] == ("False", "Conflicted")
    found = policy_conditions(policy("b"), policy("a"))
    assert found["a"] == FINE
    assert found["b"][0] == ("False", "Conflicted")


def test_a_policy_for_a_port_and_one_for_the_service_do_not_meet() -> None:
    assert policy_conditions(policy("a"), policy("b", section="http")) == {"a": FINE, "b": FINE}
    assert policy_conditions(policy("b", section="none"))["b"][0] == ("False", "TargetNotFound")


def test_authorities_of_policies() -> None:
    assert policy_conditions(policy("p", authority={"name": "gone"}))["p"] == (
        ("False", "NoValidCACertificate"),
        ("False", "InvalidCACertificateRef"),
    )
    assert policy_conditions(policy("p", authority={"kind": "Thing", "group": "x.io"}))["p"] == (
        ("False", "NoValidCACertificate"),
        ("False", "InvalidKind"),
    )


def test_what_an_authority_in_a_secret_holds_is_left_to_its_controller() -> None:
    """Support Core is a ConfigMap alone, and of Secrets only the metadata are read."""
    unknown = ("Unknown", "InvalidCACertificateRef")
    found = policy_conditions(policy("p", authority={"kind": "Secret", "name": "cert"}))["p"]
    assert found == (("Unknown", "NoValidCACertificate"), unknown)
    conditions = listener_conditions(with_validation({"kind": "Secret", "name": "cert"}))
    assert said(conditions["ResolvedRefs"]) == unknown
    assert said(conditions["Accepted"]) == ("Unknown", "NoValidCACertificate")


# --- ListenerSets --------------------------------------------------------------------------------


def set_conditions(documents: Documents) -> dict[str, tuple[str, str]]:
    found = judged(documents)
    (listener_set,) = found.snapshot.listener_sets.values()
    return {one.type: said(one) for one in found.computed_listener_set(listener_set)}


def with_set(allowed: str | None = "Same", **changes: Any) -> Documents:
    documents = world()
    if allowed:
        documents["gateway"]["spec"]["allowedListeners"] = {"namespaces": {"from": allowed}}
    entry = {"name": "extra", "port": 80, "protocol": "HTTP", **changes}
    documents["set"] = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ListenerSet",
        "metadata": {"name": "more", "namespace": "shop"},
        "spec": {"parentRef": {"name": "main"}, "listeners": [entry]},
    }
    return documents


def test_listener_sets() -> None:
    assert set_conditions(with_set()) == {
        "Accepted": ("True", "Accepted"),
        "Programmed": ("True", "Programmed"),
    }
    for door in (None, "None"):
        assert set_conditions(with_set(door))["Accepted"] == ("False", "NotAllowed")
    clash = with_set(
        port=443, protocol="HTTPS", hostname="*.shop.test", tls={"certificateRefs": [{"name": "cert"}]}
    )
    assert set_conditions(clash)["Programmed"] == ("False", "ListenersNotValid")
    assert listener_conditions(clash)["Conflicted"].status == "False", "the Gateway's own listener wins"
    assert said(listener_conditions(clash, 1)["Programmed"]) == ("False", "HostnameConflict")
    dead = with_set()
    listener(dead)["protocol"] = "INVALID"
    assert set_conditions(dead)["Accepted"] == ("False", "ParentNotAccepted")
    gone = with_set()
    gone["gateway"]["metadata"]["name"] = "other"
    assert set_conditions(gone)["Accepted"] == ("False", "ParentNotAccepted")


def test_what_a_protocol_of_the_controllers_own_carries_is_not_known() -> None:
    documents = world()
    listener(documents).update(protocol="example.com/own", tls=None)
    assert said(route_conditions(judged(documents))["Accepted"]) == ("Unknown", "Pending")


def test_a_secret_of_another_type_is_no_certificate_where_the_type_is_known() -> None:
    documents = world()
    documents["secret"]["type"] = "Opaque"
    found = listener_conditions(documents)
    assert said(found["ResolvedRefs"]) == ("False", "InvalidCertificateRef")
    assert "Opaque" in found["ResolvedRefs"].detail
