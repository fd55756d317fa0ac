"""The Storage by itself: what seeding keeps and fills, generations, events, kinds that come and go."""

from __future__ import annotations

import pytest
from pointsman.sandbox.apiserver import Storage


def test_a_new_gateway_gets_identity_and_the_pending_status_of_its_crd(storage, make_gateway):
    kept = storage.apply(make_gateway())
    assert kept["metadata"]["generation"] == 1
    assert kept["metadata"]["uid"]
    assert kept["metadata"]["creationTimestamp"].endswith("Z")
    assert [(c["type"], c["status"], c["reason"]) for c in kept["status"]["conditions"]] == [
        ("Accepted", "Unknown", "Pending"),
        ("Programmed", "Unknown", "Pending"),
    ]
    assert kept["status"]["conditions"][0]["lastTransitionTime"] == "1970-01-01T00:00:00Z"
    assert storage.get("Gateway", "infra", "main") == kept


def test_a_seeded_status_and_generation_are_kept_so_that_staleness_can_be_shown(storage, make_route):
    document = make_route("cart")
    document["metadata"]["generation"] = 4
    document["status"] = {"parents": [{"conditions": [{"type": "Accepted", "observedGeneration": 3}]}]}
    kept = storage.apply(document)
    assert kept["metadata"]["generation"] == 4
    assert kept["status"] == document["status"]


def test_generation_grows_with_the_spec_only(storage, make_route):
    storage.apply(make_route("cart"))
    storage.set_status("HTTPRoute", "shop", "cart", {"parents": []})
    labelled = storage.get("HTTPRoute", "shop", "cart")
    labelled["metadata"]["labels"] = {"team": "shop"}
    assert storage.apply(labelled)["metadata"]["generation"] == 1
    changed = storage.get("HTTPRoute", "shop", "cart")
    changed["spec"]["hostnames"] = ["other.example.com"]
    kept = storage.apply(changed)
    assert kept["metadata"]["generation"] == 2
    assert kept["status"] == {"parents": []}


def test_nothing_changed_means_no_new_version_and_no_event(storage, make_route):
    storage.apply(make_route("cart"))
    seen = []
    storage.subscribe(lambda kind, document: seen.append(kind))
    before = storage.version
    storage.apply(make_route("cart"))
    storage.set_status("HTTPRoute", "shop", "cart", {"parents": []})
    storage.set_status("HTTPRoute", "shop", "cart", {"parents": []})
    assert seen == ["MODIFIED"]
    assert storage.version == before + 1


def test_copies_belong_to_the_caller(storage, make_route):
    document = make_route("cart")
    storage.apply(document)["spec"]["hostnames"].append("a")
    storage.get("HTTPRoute", "shop", "cart")["spec"]["hostnames"].append("b")
    document["spec"]["hostnames"].append("c")
    assert storage.get("HTTPRoute", "shop", "cart")["spec"]["hostnames"] == ["cart.example.com"]


def test_subscribers_see_one_order_even_of_changes_made_by_a_subscriber(storage, make_gateway):
    seen = []

    def controller(kind, document):
        if kind == "ADDED" and document["kind"] == "Gateway":
            storage.set_status("Gateway", "infra", "main", {"conditions": []})

    storage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "infra"}})
    storage.subscribe(controller)
    stop = storage.subscribe(
        lambda kind, document: seen.append((kind, document["metadata"]["resourceVersion"]))
    )
    storage.apply(make_gateway())
    versions = [int(version) for _, version in seen]
    assert [kind for kind, _ in seen] == ["ADDED", "MODIFIED"]
    assert versions == sorted(versions)
    stop()
    storage.delete("Gateway", "infra", "main")
    assert len(seen) == 2


def test_a_failing_subscriber_stops_nobody(storage, make_route, caplog):
    seen = []

    def failing(kind, document):
        raise RuntimeError("broken controller")

    storage.subscribe(failing)
    storage.subscribe(lambda kind, document: seen.append(document["kind"]))
    storage.apply(make_route("cart"))
    assert seen == ["Namespace", "HTTPRoute"]
    assert "broken controller" in caplog.text


def test_an_unknown_kind_is_served_from_its_first_object_on(storage):
    storage.apply(
        {
            "apiVersion": "gateway.networking.x-k8s.io/v1alpha1",
            "kind": "XBackendTrafficPolicy",
            "metadata": {"name": "retry", "namespace": "shop"},
        }
    )
    resource = storage.registry.find("XBackendTrafficPolicy")
    assert (resource.plural, resource.custom) == ("xbackendtrafficpolicies", True)
    assert storage.get("CustomResourceDefinition", "", "xbackendtrafficpolicies.gateway.networking.x-k8s.io")
    assert len(storage.list("XBackendTrafficPolicy")) == 1


def test_another_version_of_a_known_kind_is_served_beside_it(storage):
    storage.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1alpha2",
            "kind": "TLSRoute",
            "metadata": {"name": "db", "namespace": "shop"},
        }
    )
    assert storage.registry.find("TLSRoute").versions == ("v1", "v1alpha2")
    assert storage.get("TLSRoute", "shop", "db")["apiVersion"] == "gateway.networking.k8s.io/v1"
    definition = storage.get("CustomResourceDefinition", "", "tlsroutes.gateway.networking.k8s.io")
    assert [version["name"] for version in definition["spec"]["versions"]] == ["v1", "v1alpha2"]


def test_crds_say_their_bundle_version_and_one_can_be_older():
    storage = Storage("v1.6.1", bundle_versions={"tlsroutes": "v1.2.1"})

    def version_of(name):
        definition = storage.get("CustomResourceDefinition", "", f"{name}.gateway.networking.k8s.io")
        return definition["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"]

    assert (version_of("gateways"), version_of("tlsroutes")) == ("v1.6.1", "v1.2.1")
    storage.set_bundle_version("gateways", "v1.4.0", "experimental")
    assert version_of("gateways") == "v1.4.0"


def test_a_deleted_crd_takes_its_objects_and_its_kind_with_it(storage, make_route):
    storage.apply(make_route("cart"))
    seen = []
    storage.subscribe(lambda kind, document: seen.append((kind, document["kind"])))
    storage.delete("CustomResourceDefinition", "", "httproutes.gateway.networking.k8s.io")
    assert ("DELETED", "HTTPRoute") in seen
    assert storage.list("HTTPRoute") == []
    assert storage.registry.find("HTTPRoute") is None


def test_a_namespace_goes_with_all_that_is_in_it(storage, make_route):
    storage.apply(make_route("cart"))
    storage.apply(make_route("cart", "other"))
    assert storage.get("Namespace", "", "shop")["metadata"]["labels"] == {
        "kubernetes.io/metadata.name": "shop"
    }
    assert storage.delete("Namespace", "", "shop")
    assert [document["metadata"]["namespace"] for document in storage.list("HTTPRoute")] == ["other"]
    assert not storage.delete("Namespace", "", "shop")


def test_events_of_either_group_are_one_store(storage):
    storage.apply(
        {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": "e", "namespace": "shop"},
            "regarding": {"kind": "Gateway", "name": "main"},
            "note": "no address",
        }
    )
    (event,) = storage.list("Event", "shop")
    assert (event["apiVersion"], event["message"], event["involvedObject"]["name"]) == (
        "v1",
        "no address",
        "main",
    )


@pytest.mark.parametrize(
    "document", [{}, {"kind": "Gateway"}, {"apiVersion": "v1", "kind": "Pod"}, {"metadata": [1]}]
)
def test_what_is_no_object_is_refused(storage, document):
    with pytest.raises(ValueError, match="apiVersion, kind"):
        storage.apply(document)


def test_the_status_of_nothing_cannot_be_set(storage):
    with pytest.raises(LookupError):
        storage.set_status("Gateway", "infra", "main", {})


def test_an_unknown_kind_that_targets_something_gets_the_crd_of_a_policy(storage):
    plain = {"apiVersion": "example.com/v1", "kind": "Lamp", "metadata": {"name": "a"}, "spec": {"watts": 5}}
    policy = {**plain, "kind": "LampRule", "spec": {"targetRef": {"kind": "Gateway", "name": "main"}}}
    storage.apply(plain)
    storage.apply(policy)

    def schema_of_spec(name):
        definition = storage.get("CustomResourceDefinition", "", f"{name}.example.com")
        return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]

    assert "properties" not in schema_of_spec("lamps")
    assert "targetRefs" in schema_of_spec("lamprules")["properties"]
