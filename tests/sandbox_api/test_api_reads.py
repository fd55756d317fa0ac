"""Discovery, get, list, and the forms of answers, over real HTTPS."""

from __future__ import annotations

import gzip
import json
import os
import stat
import time

import pytest
import yaml
from pointsman.sandbox.apiserver import ApiServer, Storage

GATEWAYS = "/apis/gateway.networking.k8s.io/v1/gateways"
ROUTES = "/apis/gateway.networking.k8s.io/v1/httproutes"
SHOP_ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"
META = "g=meta.k8s.io;v=v1"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


async def test_both_kinds_of_discovery_say_the_same(api):
    said = set()
    _, core = await api.get("/api/v1")
    said |= {("", "v1", r["name"]) for r in core["resources"] if "/" not in r["name"]}
    _, groups = await api.get("/apis")
    for group in groups["groups"]:
        assert group["preferredVersion"] == group["versions"][0]
        for version in group["versions"]:
            _, listed = await api.get(f"/apis/{version['groupVersion']}")
            said |= {
                (group["name"], version["version"], r["name"])
                for r in listed["resources"]
                if "/" not in r["name"]
            }
    aggregated = set()
    for path in ("/api", "/apis"):
        status, document = await api.get(path, AGGREGATED)
        assert (status, document["kind"]) == (200, "APIGroupDiscoveryList")
        aggregated |= {
            (item["metadata"].get("name", ""), version["version"], resource["resource"])
            for item in document["items"]
            for version in item["versions"]
            for resource in version["resources"]
        }
    assert said == aggregated
    assert ("gateway.networking.k8s.io", "v1beta1", "httproutes") in said
    assert ("coordination.k8s.io", "v1", "leases") in said


async def test_aggregated_discovery_names_its_content_type(api):
    async with api.session.get("/apis", headers={"Accept": AGGREGATED}) as answer:
        assert answer.headers["Content-Type"] == (
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        )
    _, plain = await api.get("/apis")
    assert plain["kind"] == "APIGroupList"


async def test_every_resource_that_is_discovered_can_be_listed(api):
    _, document = await api.get("/apis", AGGREGATED)
    for item in document["items"]:
        for version in item["versions"]:
            for resource in version["resources"]:
                if "list" in resource["verbs"]:
                    path = f"/apis/{item['metadata']['name']}/{version['version']}/{resource['resource']}"
                    status, listed = await api.get(path)
                    assert (status, listed["kind"]) == (200, f"{resource['responseKind']['kind']}List")


async def test_who_has_no_token_is_only_told_the_version_and_health(anonymous_api):
    assert (await anonymous_api.get("/version"))[1]["major"] == "1"
    assert await anonymous_api.get("/readyz") == (200, "ok")
    status, refusal = await anonymous_api.get(GATEWAYS)
    assert (status, refusal["reason"], refusal["kind"]) == (401, "Unauthorized", "Status")


async def test_get_in_both_versions(api, storage, make_route):
    storage.apply(make_route("cart"))
    status, document = await api.get(f"{SHOP_ROUTES}/cart")
    assert (status, document["apiVersion"]) == (200, "gateway.networking.k8s.io/v1")
    assert document == storage.get("HTTPRoute", "shop", "cart")
    _, older = await api.get(f"{SHOP_ROUTES}/cart".replace("/v1/", "/v1beta1/"))
    assert older["apiVersion"] == "gateway.networking.k8s.io/v1beta1"
    assert older["spec"] == document["spec"]


async def test_what_is_missing(api):
    status, refusal = await api.get(f"{SHOP_ROUTES}/cart")
    assert (status, refusal["reason"]) == (404, "NotFound")
    assert refusal["message"] == 'httproutes.gateway.networking.k8s.io "cart" not found'
    assert refusal["details"] == {"name": "cart", "group": "gateway.networking.k8s.io", "kind": "httproutes"}
    for path in (
        "/apis/gateway.networking.k8s.io/v1/nosuch",
        "/apis/no.such/v1/x",
        "/nosuch",
        "/api/v2/pods",
    ):
        assert await api.get(path) == (404, "404 page not found\n")


@pytest.fixture
def twenty_routes(storage, make_route):
    for number in range(20):
        document = make_route(f"r{number:02}", "shop" if number % 2 else "other")
        document["metadata"]["labels"] = {"parity": "odd" if number % 2 else "even"}
        storage.apply(document)
    return storage


def names(listed):
    return [item["metadata"]["name"] for item in listed["items"]]


async def test_a_list_has_an_order_and_a_version(api, twenty_routes):
    _, listed = await api.get(ROUTES)
    assert listed["metadata"] == {"continue": "", "resourceVersion": str(twenty_routes.version)}
    assert names(listed) == [f"r{n:02}" for n in range(0, 20, 2)] + [f"r{n:02}" for n in range(1, 20, 2)]
    _, one_namespace = await api.get(SHOP_ROUTES)
    assert names(one_namespace) == [f"r{n:02}" for n in range(1, 20, 2)]


async def test_selectors_of_lists(api, twenty_routes):
    _, listed = await api.get(ROUTES, labelSelector="parity in (odd)", limit=3)
    assert names(listed) == ["r01", "r03", "r05"]
    assert "remainingItemCount" not in listed["metadata"]
    _, listed = await api.get(ROUTES, fieldSelector="metadata.name=r04")
    assert names(listed) == ["r04"]
    status, refusal = await api.get(ROUTES, fieldSelector="spec.x=1")
    assert (status, refusal["message"]) == (400, "field label not supported: spec.x")


async def test_pages_are_of_one_moment(api, twenty_routes, make_route):
    _, page = await api.get(ROUTES, limit=7)
    assert page["metadata"]["remainingItemCount"] == 13
    first_version = page["metadata"]["resourceVersion"]
    twenty_routes.delete("HTTPRoute", "shop", "r19")
    twenty_routes.apply(make_route("late"))
    collected = names(page)
    while token := page["metadata"].get("continue"):
        _, page = await api.get(ROUTES, **{"limit": 7, "continue": token})
        assert page["metadata"]["resourceVersion"] == first_version
        collected += names(page)
    assert len(collected) == 20
    assert "r19" in collected
    assert "late" not in collected


async def test_continue_tokens_expire_and_bad_ones_are_refused(api, twenty_routes):
    _, page = await api.get(ROUTES, limit=7)
    token = page["metadata"]["continue"]
    twenty_routes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "more"}})
    twenty_routes.compact()
    status, refusal = await api.get(ROUTES, **{"limit": 7, "continue": token})
    assert (status, refusal["reason"]) == (410, "Expired")
    for bad in ("nonsense", "%00", "e30", "é"):
        status, refusal = await api.get(ROUTES, **{"limit": 7, "continue": bad})
        assert (status, refusal["reason"]) == (400, "BadRequest")


async def test_versions_in_lists(api, twenty_routes):
    _, everything = await api.get(ROUTES, limit=5, resourceVersion=0)
    assert len(everything["items"]) == 20
    status, refusal = await api.get(ROUTES, resourceVersion=10_000)
    assert (status, refusal["reason"]) == (504, "Timeout")
    status, _ = await api.get(ROUTES, resourceVersion=3, resourceVersionMatch="Exact")
    assert status == 410
    status, _ = await api.get(ROUTES, resourceVersion="x")
    assert status == 400


async def test_large_lists_are_compressed_when_that_is_asked_for(api, storage, make_route):
    for number in range(200):
        storage.apply(make_route(f"r{number}", filler="x" * 1000))
    async with api.session.get(ROUTES, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        plain = await answer.read()
    async with api.session.get(ROUTES, headers={"Accept-Encoding": "gzip"}, auto_decompress=False) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed = await answer.read()
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 5


TABLES = [
    (
        "Gateway",
        GATEWAYS,
        ["Name", "Class", "Address", "Programmed", "Age"],
        ["main", "practice", "203.0.113.9", "True"],
    ),
    ("HTTPRoute", ROUTES, ["Name", "Hostnames", "Age"], ["cart", '["cart.example.com"]']),
    (
        "GatewayClass",
        "/apis/gateway.networking.k8s.io/v1/gatewayclasses",
        ["Name", "Controller", "Accepted", "Age", "Description"],
        ["practice", "example.com/practice", "Unknown"],
    ),
    (
        "Ingress",
        "/apis/networking.k8s.io/v1/ingresses",
        ["Name", "Class", "Hosts", "Address", "Ports", "Age"],
        ["store", "nginx", "store.example.com", "198.51.100.4", "80, 443"],
    ),
    (
        "Service",
        "/api/v1/services",
        ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector"],
        ["api", "LoadBalancer", "10.96.0.7", "<pending>", "80:30080/TCP,443/TCP"],
    ),
    ("Secret", "/api/v1/secrets", ["Name", "Type", "Data", "Age"], ["tls", "kubernetes.io/tls", 2]),
]


@pytest.fixture
def one_of_each(storage, make_gateway, make_route):
    storage.apply(
        make_gateway(
            status={
                "addresses": [{"value": "203.0.113.9"}, {"value": "203.0.113.10"}],
                "conditions": [
                    {"type": "Accepted", "status": "False"},
                    {"type": "Programmed", "status": "True"},
                ],
            }
        )
    )
    storage.apply(make_route("cart"))
    documents = [
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "practice"},
            "spec": {"controllerName": "example.com/practice"},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "store", "namespace": "shop"},
            "spec": {
                "ingressClassName": "nginx",
                "rules": [{"host": "store.example.com"}],
                "tls": [{"hosts": ["store.example.com"]}],
            },
            "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.4"}]}},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "api", "namespace": "shop"},
            "spec": {
                "type": "LoadBalancer",
                "clusterIP": "10.96.0.7",
                "ports": [{"port": 80, "nodePort": 30080}, {"port": 443}],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "tls", "namespace": "shop"},
            "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": "certificate", "tls.key": "key"},
        },
    ]
    for document in documents:
        storage.apply(document)
    return storage


@pytest.mark.parametrize(("kind", "path", "columns", "cells"), TABLES)
async def test_tables(api, one_of_each, kind, path, columns, cells):
    status, table = await api.get(path, f"application/json;as=Table;{META},application/json")
    assert (status, table["kind"], table["apiVersion"]) == (200, "Table", "meta.k8s.io/v1")
    assert [column["name"] for column in table["columnDefinitions"]] == columns
    (row,) = table["rows"]
    assert row["cells"][: len(cells)] == cells
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert "spec" not in row["object"]


async def test_tables_with_whole_objects_or_none(api, one_of_each):
    accept = f"application/json;as=Table;{META}"
    _, table = await api.get(GATEWAYS, accept, includeObject="Object")
    assert table["rows"][0]["object"] == one_of_each.get("Gateway", "infra", "main")
    _, table = await api.get(GATEWAYS, accept, includeObject="None")
    assert table["rows"][0]["object"] is None


async def test_secrets_as_metadata_hold_no_data(api, one_of_each):
    accept = f"application/json;as=PartialObjectMetadataList;{META}"
    async with api.session.get(
        "/api/v1/secrets", headers={"Accept": accept}, params={"fieldSelector": "type=kubernetes.io/tls"}
    ) as answer:
        # as the real server, which does not repeat what it was asked for
        assert answer.headers["Content-Type"] == "application/json"
        raw = await answer.text()
    listed = json.loads(raw)
    assert (listed["kind"], listed["items"][0]["metadata"]["name"]) == ("PartialObjectMetadataList", "tls")
    assert set(listed["items"][0]) == {"kind", "apiVersion", "metadata"}
    _, none = await api.get("/api/v1/secrets", accept, fieldSelector="type=Opaque")
    assert none["items"] is None


async def test_forms_that_do_not_fit_are_refused(api, one_of_each):
    for path, accept in (
        (GATEWAYS, f"application/json;as=PartialObjectMetadata;{META}"),
        (GATEWAYS, "text/html"),
    ):
        status, refusal = await api.get(path, accept)
        assert (status, refusal["reason"]) == (406, "NotAcceptable")
    status, refusal = await api.get(
        f"{SHOP_ROUTES}/cart", f"application/json;as=PartialObjectMetadataList;{META}"
    )
    assert (status, refusal["message"]) == (500, "content is not a list")
    status, document = await api.get(
        f"{SHOP_ROUTES}/cart", f"application/json;as=PartialObjectMetadata;{META}"
    )
    assert (status, document["kind"]) == (200, "PartialObjectMetadata")


async def test_an_applied_crd_is_served_with_its_columns(api, storage):
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "mirrors.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Mirror", "plural": "mirrors", "shortNames": ["mi"]},
            "scope": "Cluster",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                        {"name": "Odd", "type": "string", "jsonPath": ".spec[?(@.x>1)]"},
                    ],
                }
            ],
        },
    }
    status, kept = await api.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    assert status == 201
    assert {c["type"]: c["status"] for c in kept["status"]["conditions"]}["Established"] == "True"
    status, _ = await api.post(
        "/apis/example.com/v1/mirrors",
        {"apiVersion": "example.com/v1", "kind": "Mirror", "metadata": {"name": "m"}, "spec": {"size": 3}},
    )
    assert status == 201
    _, table = await api.get("/apis/example.com/v1/mirrors", f"application/json;as=Table;{META}")
    assert table["rows"][0]["cells"] == ["m", 3, None]


async def test_openapi_says_which_kinds_take_field_validation(api):
    _, index = await api.get("/openapi/v3")
    path = index["paths"]["apis/gateway.networking.k8s.io/v1"]["serverRelativeURL"]
    _, document = await api.get(path)
    patch = document["paths"]["/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways/{name}"][
        "patch"
    ]
    assert {parameter["name"] for parameter in patch["parameters"]} >= {"fieldValidation", "dryRun"}


async def test_the_kubeconfig_is_private_and_complete(server: ApiServer, certificate_files, tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text("older")
    path.chmod(0o644)
    server.write_kubeconfig(path, certificate_files.certificate.read_bytes())
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    document = yaml.safe_load(path.read_text())
    assert document["current-context"] == "pointsman-practice"
    assert document["clusters"][0]["cluster"]["server"] == server.url
    assert "certificate-authority-data" in document["clusters"][0]["cluster"]
    assert document["users"][0]["user"]["token"] == "administrators-token"


async def test_what_was_asked_is_remembered_without_tokens(api, server: ApiServer, storage: Storage):
    await api.get("/api/v1/secrets", f"application/json;as=PartialObjectMetadataList;{META}")
    asked = server.requests[-1]
    assert (asked.user, asked.path, asked.status) == ("practice-admin", "/api/v1/secrets", 200)
    assert "administrators-token" not in f"{asked}{server.policy}"


async def test_thousands_of_routes_are_listed_quickly(api, storage, make_route):
    parents = [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "main", "namespace": "infra"}
    ]
    for number in range(5_000):
        storage.apply(make_route(f"r{number:05}", parentRefs=parents, rules=[{"backendRefs": []}] * 10))
    started = time.process_time()
    count, token = 0, ""
    while True:
        _, page = await api.get(ROUTES, **{"limit": 500, "continue": token})
        count += len(page["items"])
        token = page["metadata"].get("continue")
        if not token:
            break
    assert count == 5_000
    # CPU time, so that a busy machine is no failure; ten thousand took 1.2 to 1.8 s by the clock
    assert time.process_time() - started < 5
