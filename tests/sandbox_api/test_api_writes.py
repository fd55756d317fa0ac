"""Writes over real HTTPS, with their preconditions; rights; reviews; faults; the pod proxy."""

from __future__ import annotations

import time

import aiohttp
import pytest
from pointsman.sandbox.apiserver import ProxyAnswer

GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/infra/gateways"
MAIN = f"{GATEWAYS}/main"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/infra/leases"
SERVICES = "/api/v1/namespaces/infra/services"


@pytest.fixture
def main(storage, make_gateway):
    return storage.apply(make_gateway())


@pytest.fixture
def infra(storage):
    storage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "infra"}})


async def test_create(api, storage, infra, make_gateway):
    status, kept = await api.post(GATEWAYS, make_gateway(status={"addresses": [{"value": "1.2.3.4"}]}))
    assert status == 201
    assert kept == storage.get("Gateway", "infra", "main")
    assert kept["metadata"]["generation"] == 1
    # a status in a create is not believed
    assert "addresses" not in kept["status"]
    status, refusal = await api.post(GATEWAYS, make_gateway())
    assert (status, refusal["reason"]) == (409, "AlreadyExists")
    assert refusal["message"] == 'gateways.gateway.networking.k8s.io "main" already exists'


async def test_create_with_a_generated_name(api, infra):
    body = {"metadata": {"generateName": "run-"}, "spec": {"holderIdentity": "me"}}
    status, kept = await api.post(LEASES, body)
    assert status == 201
    assert kept["metadata"]["name"].startswith("run-")
    assert len(kept["metadata"]["name"]) == len("run-") + 5


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"apiVersion": "gateway.networking.k8s.io/v9"}, 400, "does not match the expected API version"),
        ({"kind": "HTTPRoute"}, 422, 'kind: Invalid value: "HTTPRoute": must be Gateway'),
        ({"metadata": {"name": "x", "namespace": "other"}}, 400, "namespace of the provided object"),
        ({"metadata": {"namespace": "infra"}}, 422, "name or generateName is required"),
        ({"metadata": {"name": "Not_A_Name"}}, 422, "lowercase RFC 1123 subdomain"),
        ({"metadata": {"name": "x", "resourceVersion": "3"}}, 500, "should not be set"),
        ({"metadata": {"name": "x", "labels": {"a": 1}}}, 400, "map of strings"),
        ({"metadata": {"name": 7}}, 400, "must be a string"),
        ({"metadata": []}, 400, "not an object"),
        ({"spec": "text"}, 400, "not an object"),
    ],
)
async def test_creates_that_are_refused(api, storage, infra, make_gateway, change, code, words):
    before = storage.version
    status, refusal = await api.post(GATEWAYS, {**make_gateway(), **change})
    assert (status, refusal["kind"], refusal["code"]) == (code, "Status", code)
    assert words in refusal["message"]
    assert storage.version == before


async def test_create_into_a_namespace_that_does_not_exist(api, make_gateway):
    status, refusal = await api.post(GATEWAYS, make_gateway())
    assert (status, refusal["message"]) == (404, 'namespaces "infra" not found')


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"a": "\xff"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"a: [", "application/yaml", 400),
        (b"x", "text/plain", 415),
        (b"k8s\x00garbage", "application/vnd.kubernetes.protobuf", 400),
        (b'"' + b"x" * 3_200_000 + b'"', "application/json", 413),
    ],
)
async def test_bodies_that_are_no_objects(api, infra, body, content_type, code):
    status, refusal = await api.call("POST", GATEWAYS, body, content_type)
    assert (status, refusal["kind"]) == (code, "Status")


async def test_replace_needs_the_present_version(api, storage, main):
    changed = {**main, "spec": {**main["spec"], "gatewayClassName": "other"}}
    status, kept = await api.put(MAIN, changed)
    assert (status, kept["metadata"]["generation"]) == (200, 2)
    status, refusal = await api.put(MAIN, changed)
    assert (status, refusal["reason"]) == (409, "Conflict")
    assert "the object has been modified" in refusal["message"]
    without = {**changed, "metadata": {"name": "main", "namespace": "infra"}}
    status, refusal = await api.put(MAIN, without)
    assert (status, refusal["reason"]) == (422, "Invalid")
    assert "must be specified for an update" in refusal["message"]
    other_uid = {**kept, "metadata": {**kept["metadata"], "uid": "other"}}
    status, refusal = await api.put(MAIN, other_uid)
    assert (status, "UID in precondition" in refusal["message"]) == (409, True)


async def test_the_main_resource_and_the_status_are_written_apart(api, main):
    both = {**main, "spec": {**main["spec"], "x": 1}, "status": {"addresses": [{"value": "1.1.1.1"}]}}
    _, kept = await api.put(MAIN, both)
    assert (kept["status"], kept["spec"]["x"]) == (main["status"], 1)
    both = {**kept, "spec": {}, "status": {"addresses": [{"value": "1.1.1.1"}]}}
    _, after = await api.put(f"{MAIN}/status", both)
    assert after["status"] == {"addresses": [{"value": "1.1.1.1"}]}
    assert after["spec"] == kept["spec"]
    assert after["metadata"]["generation"] == kept["metadata"]["generation"]
    _, patched = await api.merge(f"{MAIN}/status", {"status": {"addresses": None}, "spec": {"x": 2}})
    assert (patched["status"], patched["spec"]["x"]) == ({}, 1)


async def test_identity_is_the_servers(api, main):
    patch = {"metadata": {"creationTimestamp": "2001-01-01T00:00:00Z", "generation": 99}}
    _, kept = await api.merge(MAIN, patch)
    assert kept["metadata"] == main["metadata"]


async def test_merge_patch_with_and_without_a_precondition(api, main):
    _, kept = await api.merge(MAIN, {"metadata": {"annotations": {"owner": "me"}}})
    assert kept["metadata"]["annotations"] == {"owner": "me"}
    assert kept["metadata"]["generation"] == 1
    stale = {
        "metadata": {"resourceVersion": main["metadata"]["resourceVersion"], "annotations": {"owner": "you"}}
    }
    status, refusal = await api.merge(MAIN, stale)
    assert (status, refusal["reason"]) == (409, "Conflict")
    stale["metadata"]["resourceVersion"] = kept["metadata"]["resourceVersion"]
    status, kept = await api.merge(MAIN, stale)
    assert (status, kept["metadata"]["annotations"]["owner"]) == (200, "you")


async def test_json_patch_with_test(api, main):
    status, kept = await api.json_patch(
        MAIN,
        [
            {"op": "test", "path": "/spec/gatewayClassName", "value": "practice"},
            {"op": "replace", "path": "/spec/gatewayClassName", "value": "other"},
        ],
    )
    assert (status, kept["spec"]["gatewayClassName"], kept["metadata"]["generation"]) == (200, "other", 2)
    status, refusal = await api.json_patch(
        MAIN,
        [
            {"op": "replace", "path": "/spec/gatewayClassName", "value": "third"},
            {"op": "test", "path": "/spec/gatewayClassName", "value": "practice"},
        ],
    )
    assert (status, refusal["reason"]) == (422, "Invalid")
    _, after = await api.get(MAIN)
    assert after == kept
    status, _ = await api.json_patch(MAIN, {"op": "add"})
    assert status == 400
    status, _ = await api.json_patch(MAIN, [{"op": "replace", "path": "", "value": 1}])
    assert status == 422


async def test_strategic_merge_is_for_builtin_kinds_only(api, storage, main):
    strategic = "application/strategic-merge-patch+json"
    status, refusal = await api.call("PATCH", MAIN, {"spec": {}}, strategic)
    assert (status, refusal["reason"]) == (415, "UnsupportedMediaType")
    assert "application/merge-patch+json" in refusal["message"]
    storage.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "api", "namespace": "infra"},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        }
    )
    status, kept = await api.call(
        "PATCH", f"{SERVICES}/api", {"spec": {"ports": [{"name": "https", "port": 443}]}}, strategic
    )
    assert (status, [port["port"] for port in kept["spec"]["ports"]]) == (200, [80, 443])


async def test_server_side_apply(api, infra):
    apply = "application/apply-patch+yaml"
    head = b"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: main}\n"
    body = head + b"spec: {a: 1, l: [1, 2]}"
    status, refusal = await api.call("PATCH", MAIN, body, apply)
    assert (status, "fieldManager" in refusal["message"]) == (422, True)
    status, kept = await api.call("PATCH", MAIN, body, apply, fieldManager="test")
    assert (status, kept["spec"]) == (201, {"a": 1, "l": [1, 2]})
    body = body.replace(b"a: 1, l: [1, 2]", b"b: 2, l: [3]")
    status, kept = await api.call("PATCH", MAIN, body, apply, fieldManager="test", force="true")
    assert (status, kept["spec"], kept["metadata"]["generation"]) == (200, {"b": 2, "l": [3]}, 2)


async def test_a_dry_run_answers_and_keeps_nothing(api, storage, main, make_gateway):
    before = storage.version
    status, kept = await api.merge(MAIN, {"spec": {"gatewayClassName": "other"}}, dryRun="All")
    assert (status, kept["spec"]["gatewayClassName"], kept["metadata"]["generation"]) == (200, "other", 2)
    status, _ = await api.post(GATEWAYS, make_gateway("second"), dryRun="All")
    assert status == 201
    status, _ = await api.call("DELETE", MAIN, dryRun="All")
    assert status == 200
    status, _ = await api.call("DELETE", MAIN, {"dryRun": ["All"]})
    assert status == 200
    assert storage.version == before
    status, refusal = await api.merge(MAIN, {}, dryRun="Some")
    assert (status, "Unsupported value" in refusal["message"]) == (422, True)


async def test_delete_and_its_preconditions(api, storage, main):
    status, refusal = await api.call("DELETE", MAIN, {"preconditions": {"uid": "other"}})
    assert (status, refusal["reason"]) == (409, "Conflict")
    status, answer = await api.call("DELETE", MAIN, {"preconditions": {"uid": main["metadata"]["uid"]}})
    assert (status, answer["status"], answer["details"]["uid"]) == (200, "Success", main["metadata"]["uid"])
    assert storage.get("Gateway", "infra", "main") is None
    status, _ = await api.call("DELETE", MAIN)
    assert status == 404


async def test_a_finalizer_holds_an_object_until_it_is_taken_off(api, storage, make_gateway):
    document = make_gateway()
    document["metadata"]["finalizers"] = ["example.com/wait"]
    storage.apply(document)
    status, marked = await api.call("DELETE", MAIN)
    assert (status, "deletionTimestamp" in marked["metadata"]) == (200, True)
    assert storage.get("Gateway", "infra", "main")
    await api.merge(MAIN, {"metadata": {"finalizers": None}})
    assert storage.get("Gateway", "infra", "main") is None


async def test_delete_of_many(api, storage, make_gateway):
    for name in ("a", "b", "c"):
        document = make_gateway(name)
        document["metadata"]["labels"] = {"old": "yes" if name != "c" else "no"}
        storage.apply(document)
    status, listed = await api.call("DELETE", GATEWAYS, labelSelector="old=yes")
    assert (status, [item["metadata"]["name"] for item in listed["items"]]) == (200, ["a", "b"])
    assert [document["metadata"]["name"] for document in storage.list("Gateway")] == ["c"]


async def test_a_lease_is_a_lock(api, infra):
    body = {"metadata": {"name": "cutover"}, "spec": {"holderIdentity": "one"}}
    assert (await api.post(LEASES, body))[0] == 201
    assert (await api.post(LEASES, body))[0] == 409
    _, lease = await api.get(f"{LEASES}/cutover")
    lease["spec"]["holderIdentity"] = "two"
    status, taken = await api.put(f"{LEASES}/cutover", lease)
    assert (status, taken["spec"]["holderIdentity"]) == (200, "two")
    assert (await api.put(f"{LEASES}/cutover", lease))[0] == 409


async def test_events_through_both_groups(api, infra):
    body = {
        "metadata": {"name": "e", "namespace": "infra"},
        "regarding": {"kind": "Gateway", "name": "main"},
        "note": "hello",
        "eventTime": "2026-01-01T00:00:00.000000Z",
    }
    new, old = "/apis/events.k8s.io/v1/namespaces/infra/events", "/api/v1/namespaces/infra/events"
    status, kept = await api.post(new, body)
    assert (status, kept["note"], kept["apiVersion"]) == (201, "hello", "events.k8s.io/v1")
    _, listed = await api.get(old, fieldSelector="involvedObject.name=main")
    assert [(e["message"], e["apiVersion"]) for e in listed["items"]] == [("hello", "v1")]
    status, patched = await api.merge(f"{new}/e", {"note": "again"})
    assert (status, patched["note"]) == (200, "again")
    _, event = await api.get(f"{old}/e")
    assert event["message"] == "again"


@pytest.mark.parametrize(("method", "path"), [("POST", MAIN), ("PUT", GATEWAYS), ("PATCH", GATEWAYS)])
async def test_methods_that_do_not_fit_the_path(api, main, method, path):
    status, refusal = await api.call(method, path, {})
    assert (status, refusal["reason"]) == (405, "MethodNotAllowed")


async def test_the_reader_may_read_and_is_told_so(reader_api, main):
    assert (await reader_api.get(MAIN))[0] == 200
    status, refusal = await reader_api.merge(MAIN, {})
    assert (status, refusal["reason"]) == (403, "Forbidden")
    assert refusal["message"] == (
        'gateways.gateway.networking.k8s.io "main" is forbidden: User "practice-reader" cannot patch '
        'resource "gateways" in API group "gateway.networking.k8s.io" in the namespace "infra"'
    )
    assert await allowed(reader_api, "list", "gateways")
    assert not await allowed(reader_api, "patch", "gateways")


async def allowed(api, verb, resource, group="gateway.networking.k8s.io", **more):
    attributes = {"verb": verb, "resource": resource, "group": group, **more}
    status, answer = await api.post(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {"spec": {"resourceAttributes": attributes}},
    )
    assert status == 201
    return answer["status"]["allowed"]


async def rules(api, namespace="shop"):
    _, answer = await api.post(
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": namespace}}
    )
    return {
        (group, resource): set(rule["verbs"])
        for rule in answer["status"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


async def test_rights_can_be_taken_away_and_given_back(api, server, main):
    assert (await rules(api))["*", "*"] == {"*"}
    give_back = server.policy.deny(["list", "watch"], ["gateways"])
    secrets_back = server.policy.deny(resources=["secrets"], namespaces=["shop"])
    status, refusal = await api.get("/apis/gateway.networking.k8s.io/v1/gateways")
    assert status == 403
    assert refusal["message"] == (
        'gateways.gateway.networking.k8s.io is forbidden: User "practice-admin" cannot list resource '
        '"gateways" in API group "gateway.networking.k8s.io" at the cluster scope'
    )
    assert (await api.get(MAIN))[0] == 200
    assert not await allowed(api, "list", "gateways")
    assert not await allowed(api, "get", "secrets", "", namespace="shop")
    assert await allowed(api, "get", "secrets", "", namespace="infra")
    known = await rules(api)
    assert "list" not in known["gateway.networking.k8s.io", "gateways"]
    assert "get" in known["gateway.networking.k8s.io", "gateways"]
    assert ("", "secrets") not in known
    assert (await api.get("/api/v1/namespaces/shop/secrets"))[0] == 403
    give_back()
    secrets_back()
    assert (await api.get("/apis/gateway.networking.k8s.io/v1/gateways"))[0] == 200
    assert ("*", "*") in await rules(api)


async def test_who_am_i_and_impersonation(api, reader_api):
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    _, answer = await api.post(path, {})
    assert answer["status"]["userInfo"]["username"] == "practice-admin"
    _, answer = await api.call(
        "POST", path, {}, headers={"Impersonate-User": "jane", "Impersonate-Group": "ops"}
    )
    assert answer["status"]["userInfo"] == {"username": "jane", "groups": ["ops", "system:authenticated"]}
    status, _ = await api.call("GET", MAIN, headers={"Impersonate-User": "jane"})
    assert status == 403
    status, refusal = await reader_api.call("GET", MAIN, headers={"Impersonate-User": "practice-admin"})
    assert (status, "cannot impersonate resource" in refusal["message"]) == (403, True)


async def test_reviews_that_ask_nothing(api):
    base = "/apis/authorization.k8s.io/v1"
    assert (await api.post(f"{base}/selfsubjectaccessreviews", {"spec": {}}))[0] == 422
    assert (await api.post(f"{base}/selfsubjectrulesreviews", {"spec": {}}))[0] == 400
    assert (await api.post(f"{base}/selfsubjectrulesreviews", {"spec": []}))[0] in (400, 422)


async def test_faults_on_demand(api, server, main):
    server.faults.fail_next(1, 429, retry_after_s=7)
    async with api.session.get(MAIN) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    server.faults.fail_next(2, 500, matches=lambda method, path: path.endswith("/main"))
    assert [(await api.get(p))[0] for p in (GATEWAYS, MAIN, MAIN, MAIN)] == [200, 500, 500, 200]
    server.faults.drop_next(1, lambda method, path: method == "PATCH")
    with pytest.raises(aiohttp.ClientError):
        await api.merge(MAIN, {})
    server.faults.latency_s = 0.2
    started = time.perf_counter()
    await api.get(MAIN)
    assert time.perf_counter() - started >= 0.2
    server.faults.clear()
    assert (await api.get(MAIN))[0] == 200


async def test_the_pod_proxy_asks_its_provider(api, storage, server, reader_api):
    async def metrics(path, query):
        return ProxyAnswer(f"{path}?{query}".encode())

    base = "/api/v1/namespaces/infra/pods/envoy-0:19001/proxy"
    assert (await api.get(f"{base}/stats"))[0] == 404
    storage.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "envoy-0", "namespace": "infra"}})
    status, refusal = await api.get(f"{base}/stats")
    assert (status, refusal["reason"]) == (503, "ServiceUnavailable")
    stop = server.register_pod_proxy("infra", "envoy-0", 19001, metrics)
    assert await api.get(f"{base}/stats/prometheus", usedonly="1") == (200, "/stats/prometheus?usedonly=1")
    assert await api.get(base) == (200, "/?")
    server.policy.deny(resources=["pods/proxy"], user="practice-reader")
    assert (await reader_api.get(base))[0] == 403
    stop()
    assert (await api.get(base))[0] == 503
