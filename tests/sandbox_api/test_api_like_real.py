"""Where the practice server once differed from a real kube-apiserver 1.36; tests/live compares the two."""

from __future__ import annotations

import pytest
from pointsman.sandbox.apiserver.ownership import (
    ApplyConflictError,
    Manager,
    Owned,
    after_update,
    apply,
    managed_fields,
    owners_of,
    said_fields,
    spoken,
)
from pointsman.sandbox.apiserver.protobuf import decode
from pointsman.sandbox.apiserver.registry import Registry
from pointsman.sandbox.apiserver.schemas import fill_defaults, prune
from pointsman.sandbox.apiserver.validation import causes_of

MIRRORS = "/apis/example.com/v1/namespaces/shop/mirrors"
APPLY = "application/apply-patch+yaml"
SPEC = {
    "type": "object",
    "required": ["size"],
    "x-kubernetes-validations": [{"rule": "true"}],
    "properties": {
        "size": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 9},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "host": {"type": "string", "maxLength": 12, "minLength": 1, "pattern": "^[a-z.]+$"},
        "panes": {
            "type": "array",
            "maxItems": 3,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "tint": {"type": "object", "default": {}, "properties": {"n": {"default": 1}}},
                },
            },
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "made": {"type": "string", "format": "date-time"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": SPEC,
        "status": {
            "type": "object",
            "default": {"phase": "Pending"},
            "properties": {"phase": {"type": "string", "maxLength": 8}},
        },
    },
}


def mirror(name="m", labels=None, **spec):
    metadata = {"name": name, "namespace": "shop", **({"labels": labels} if labels else {})}
    return {
        "apiVersion": "example.com/v1",
        "kind": "Mirror",
        "metadata": metadata,
        "spec": {"size": 3, **spec},
    }


@pytest.fixture
def mirrors(storage):
    storage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    storage.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "mirrors.example.com"},
            "spec": {
                "group": "example.com",
                "scope": "Namespaced",
                "names": {"kind": "Mirror", "plural": "mirrors"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "subresources": {"status": {}},
                        "schema": {"openAPIV3Schema": SCHEMA},
                    }
                ],
            },
        }
    )
    return storage


@pytest.mark.parametrize(
    ("spec", "field", "reason", "message"),
    [
        ({"size": None}, "spec.size", "Required", "Required value"),
        ({"size": "3"}, "spec.size", "TypeInvalid", 'must be of type integer: "string"'),
        ({"size": 0}, "spec.size", "Invalid", "should be greater than or equal to 1"),
        ({"size": 10}, "spec.size", "Invalid", "should be less than or equal to 9"),
        ({"size": 1.5}, "spec.size", "TypeInvalid", 'must be of type int32: "float64"'),
        ({"colour": "green"}, "spec.colour", "NotSupported", 'supported values: "red", "blue"'),
        ({"host": "a" * 13}, "spec.host", "TooLong", "may not be more than 12 bytes"),
        ({"host": ""}, "spec.host", "Invalid", "should be at least 1 chars long"),
        ({"host": "a\n"}, "spec.host", "Invalid", "should match '^[a-z.]+$'"),
        ({"panes": [{}] * 4}, "spec.panes", "TooMany", "Too many: 4: must have at most 3 items"),
        ({"panes": [{"name": "a"}] * 2}, "spec.panes[1]", "Duplicate", 'Duplicate value: {"name":"a"}'),
        ({"tags": ["a", "a"]}, "spec.tags[1]", "Duplicate", 'Duplicate value: "a"'),
        ({"made": "now"}, "spec.made", "TypeInvalid", 'must be of type date-time: "now"'),
        ({"free": []}, "spec.free", "TypeInvalid", 'must be of type object: "array"'),
    ],
)
async def test_what_a_schema_refuses(api, mirrors, spec, field, reason, message):
    before = mirrors.version
    status, refusal = await api.post(MIRRORS, mirror(**spec))
    assert (status, refusal["reason"], refusal["details"]["kind"]) == (422, "Invalid", "Mirror")
    found = {cause["field"]: cause for cause in refusal["details"]["causes"]}
    assert found[field]["reason"] == f"FieldValue{reason}"
    assert message in found[field]["message"]
    # the CEL rules come last, and not after every fault
    assert ("<nil>" in found) == (reason not in ("Invalid", "Duplicate"))
    assert mirrors.version == before


async def test_defaults_come_and_unknown_fields_go(api, mirrors):
    body = mirror(panes=[{"name": "a", "nonsense": 1}], free={"kept": 1}, nothing=None, colour=None)
    async with api.session.post(MIRRORS, json=body) as answer:
        assert answer.status == 201
        assert answer.headers.getall("Warning") == [
            '299 - "unknown field \\"spec.nothing\\""',
            '299 - "unknown field \\"spec.panes[0].nonsense\\""',
        ]
        kept = await answer.json()
    assert kept["spec"] == {
        "size": 3,
        "colour": "red",
        "free": {"kept": 1},
        "panes": [{"name": "a", "tint": {"n": 1}}],
    }
    assert kept["status"] == {"phase": "Pending"}
    status, refusal = await api.post(MIRRORS, mirror("n", oops=1), fieldValidation="Strict")
    assert (status, 'strict decoding error: unknown field "spec.oops"' in refusal["message"]) == (400, True)
    status, refusal = await api.merge(f"{MIRRORS}/m", {"spec": {"oops": 1}}, fieldValidation="Strict")
    assert (status, refusal["details"]["causes"][0]["field"]) == (422, "patch")
    status, _ = await api.post(MIRRORS, mirror("n", oops=1), fieldValidation="Ignore")
    assert status == 201


async def test_a_status_is_checked_by_itself_and_an_old_fault_may_stay(api, mirrors):
    mirrors.apply(mirror("old", colour="green"))
    status, _ = await api.merge(f"{MIRRORS}/old", {"spec": {"size": 4}})
    assert status == 200
    status, refusal = await api.merge(f"{MIRRORS}/old", {"spec": {"size": 0}})
    assert [cause["field"] for cause in refusal["details"]["causes"]] == ["spec.size"]
    status, refusal = await api.merge(f"{MIRRORS}/old/status", {"status": {"phase": "x" * 9}})
    assert (status, refusal["details"]["causes"][0]["field"]) == (422, "status.phase")


async def test_explain_finds_the_schema_of_an_applied_crd(api, mirrors):
    _, document = await api.get("/openapi/v3/apis/example.com/v1")
    assert document["components"]["schemas"]["com.example.v1.Mirror"]["properties"]["spec"] == SPEC
    _, builtin = await api.get("/openapi/v3/apis/gateway.networking.k8s.io/v1")
    assert builtin["components"]["schemas"] == {}
    status, old = await api.get("/openapi/v2")
    assert (status, old["swagger"]) == (200, "2.0")


async def test_server_side_apply_minds_the_owners(api, mirrors):
    async def applied(manager, body, **more):
        return await api.call("PATCH", f"{MIRRORS}/m", body, APPLY, fieldManager=manager, **more)

    status, _ = await applied("one", mirror(labels={"a": "1", "b": "2"}, host="x.y", panes=[{"name": "p"}]))
    assert status == 201
    status, refusal = await applied("two", mirror(host="z.y"))
    assert (status, refusal["reason"]) == (409, "Conflict")
    assert refusal["message"] == 'Apply failed with 1 conflict: conflict with "one": .spec.host'
    assert refusal["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.host"}
    ]
    status, kept = await applied("two", mirror(host="z.y"), force="true")
    assert (status, kept["spec"]["host"]) == (200, "z.y")
    # what only the applier had goes, what another holds stays
    status, kept = await applied("one", mirror(labels={"b": "2"}))
    assert kept["metadata"]["labels"] == {"b": "2"}
    assert (kept["spec"]["host"], kept["spec"].get("panes")) == ("z.y", [])
    owners = {entry["manager"]: entry["fieldsV1"] for entry in kept["metadata"]["managedFields"]}
    assert owners["one"] == {"f:metadata": {"f:labels": {"f:b": {}}}, "f:spec": {"f:size": {}}}
    assert owners["two"] == {"f:spec": {"f:host": {}, "f:size": {}}}
    status, refusal = await applied("one", {**mirror(), "spec": {"size": 3, "no": 1}})
    assert (status, ".spec.no: field not declared in schema" in refusal["message"]) == (500, True)
    assert (await applied("one", {**mirror(), "metadata": {"name": "m", "managedFields": [{}]}}))[0] == 400


async def test_updates_take_fields_over(api, mirrors):
    await api.post(MIRRORS, mirror(labels={"a": "1"}), fieldManager="maker")
    _, kept = await api.merge(f"{MIRRORS}/m", {"metadata": {"labels": {"a": "2"}}}, fieldManager="labeller")
    await api.merge(f"{MIRRORS}/m/status", {"status": {"phase": "Up"}}, fieldManager="controller")
    _, kept = await api.get(f"{MIRRORS}/m")
    found = {entry["manager"]: entry for entry in kept["metadata"]["managedFields"]}
    assert found["labeller"]["fieldsV1"] == {"f:metadata": {"f:labels": {"f:a": {}}}}
    assert "f:a" not in found["maker"]["fieldsV1"]["f:metadata"]["f:labels"]
    assert (found["controller"]["subresource"], found["controller"]["operation"]) == ("status", "Update")
    status, refusal = await api.call(
        "PATCH", f"{MIRRORS}/m", mirror(labels={"a": "3"}), APPLY, fieldManager="me"
    )
    assert (status, 'conflict with "labeller" using example.com/v1' in refusal["message"]) == (409, True)


def test_owners_survive_being_written_and_read():
    document = mirror(panes=[{"name": "p", "tint": {}}], tags=["t"])
    manager = Manager("m", "Apply", "example.com/v1")
    owners = {manager: Owned(said_fields(SCHEMA, document), "2026-01-01T00:00:00Z")}
    assert owners_of({"managedFields": managed_fields(owners)}) == owners
    names = set(map(spoken, owners[manager].fields))
    assert {'.spec.panes[name="p"]', '.spec.panes[name="p"].tint', '.spec.tags[="t"]'} <= names
    assert not any(name.startswith(".metadata") for name in names)
    other = Manager("n", "Update", "example.com/v1")
    changed = after_update(SCHEMA, document, mirror(), owners, other, "2026-01-02T00:00:00Z")
    assert set(map(spoken, changed[manager].fields)) == {".spec.size"}
    assert other not in changed
    with pytest.raises(ApplyConflictError):
        apply(SCHEMA, mirror(), mirror(size=5), owners, other._replace(operation="Apply"), False, "")


def test_the_versions_of_a_group_have_an_order():
    registry = Registry()
    for version in ("v1alpha3", "v2beta1", "odd", "v1", "v10", "v1beta1"):
        registry.ensure(f"example.com/{version}", "Mirror")
    assert registry.groups()["example.com"] == ["v10", "v1", "v2beta1", "v1beta1", "v1alpha3", "odd"]


def test_pure_parts_leave_what_is_right_alone():
    document = mirror(colour="blue", panes=[{"name": "a", "tint": {"n": 2}}])
    assert prune(SCHEMA, document) == []
    fill_defaults(SPEC, document["spec"])
    assert document == mirror(colour="blue", panes=[{"name": "a", "tint": {"n": 2}}])
    assert causes_of(SCHEMA, document) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "code", "words"),
    [
        ("GET", MIRRORS, {"limit": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("GET", MIRRORS, {"limit": "-1"}, 200, None),
        ("GET", MIRRORS, {"resourceVersion": "x"}, 400, "invalid resource version"),
        ("GET", MIRRORS, {"resourceVersion": "x", "watch": "1"}, 500, "ParseUint"),
        ("GET", MIRRORS, {"resourceVersionMatch": "Exact"}, 422, "unless resourceVersion is provided"),
        ("GET", MIRRORS, {"resourceVersionMatch": "No", "resourceVersion": "1"}, 422, '"NotOlderThan"'),
        ("GET", MIRRORS, {"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422, "forbidden"),
        ("GET", MIRRORS, {"watch": "1", "sendInitialEvents": "true"}, 422, "requires setting"),
        ("GET", f"{MIRRORS}/m/nonsense", {}, 404, 'mirrors.example.com "m" not found'),
        ("GET", "/api/v1/namespaces/shop/nonsense", {}, 404, "could not find the requested resource"),
        ("DELETE", "/apis/example.com/v1/mirrors", {}, 404, None),
        ("DELETE", f"{MIRRORS}/m", {"dryRun": "Some"}, 422, "DeleteOptions.meta.k8s.io"),
    ],
)
async def test_odd_requests(api, mirrors, method, path, query, code, words):
    mirrors.apply(mirror())
    status, answer = await api.call(method, path, **query)
    assert status == code
    assert words is None or words in answer["message"]


async def test_writes_are_refused_as_there(api, mirrors, make_gateway):
    await api.post(MIRRORS, mirror())
    one = f"{MIRRORS}/m"
    status, refusal = await api.put(one, mirror())
    assert (status, refusal["details"]["kind"]) == (422, "mirrors")
    status, refusal = await api.merge(one, {"metadata": {"uid": "x"}})
    assert (status, "field is immutable" in refusal["message"]) == (422, True)
    status, refusal = await api.merge(one, [1])
    assert (status, "cannot unmarshal array" in refusal["message"]) == (400, True)
    status, refusal = await api.json_patch(one, [{"op": "frob", "path": "/spec"}])
    assert (status, refusal["details"]) == (422, {})
    status, refusal = await api.merge(one, {"metadata": {"labels": {"a/b/c": "x", "d": "-"}}})
    assert (status, len(refusal["details"]["causes"])) == (422, 2)
    status, refusal = await api.call("DELETE", one, {"preconditions": {"uid": "x"}})
    assert (status, refusal["details"]["kind"]) == (409, "Mirror")
    status, refusal = await api.post(MIRRORS, mirror("Bad_Name", size=0))
    assert {cause["field"] for cause in refusal["details"]["causes"]} == {"metadata.name", "spec.size"}
    _, kept = await api.merge(one, {"metadata": {"labels": {}, "finalizers": ["a.b/c"]}})
    assert "labels" not in kept["metadata"]
    _, marked = await api.call("DELETE", one)
    assert marked["metadata"]["generation"] == kept["metadata"]["generation"] + 1
    _, last = await api.merge(one, {"metadata": {"finalizers": None}})
    assert "finalizers" not in last["metadata"]
    _, dry = await api.post(MIRRORS, mirror("dry"), dryRun="All")
    assert "resourceVersion" not in dry["metadata"]


async def test_builtin_kinds_have_their_defaults(api, storage):
    storage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    pod = {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]}]}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": pod}}
    body = {"metadata": {"name": "web"}, "spec": spec}
    _, kept = await api.post("/apis/apps/v1/namespaces/shop/deployments", body)
    assert kept["spec"]["strategy"]["type"] == "RollingUpdate"
    container = kept["spec"]["template"]["spec"]["containers"][0]
    assert (container["imagePullPolicy"], container["ports"][0]["protocol"]) == ("IfNotPresent", "TCP")
    _, kept = await api.post(
        "/api/v1/namespaces/shop/services", {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    )
    assert kept["spec"]["clusterIPs"] == [kept["spec"]["clusterIP"]]
    assert (kept["spec"]["ipFamilies"], kept["status"]) == (["IPv4"], {"loadBalancer": {}})
    storage.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {
                "name": "nginx",
                "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
            },
        }
    )
    table = "application/json;as=Table;g=meta.k8s.io;v=v1"
    _, listed = await api.get("/apis/networking.k8s.io/v1/ingressclasses", table)
    assert listed["rows"][0]["cells"][0] == "nginx (default)"
    _, listed = await api.get("/apis/apps/v1/deployments", table)
    assert listed["rows"][0]["cells"][-3:] == ["web", "web:1", "a=b"]


async def test_paths_that_are_no_kinds_have_rights_too(server, api, reader_api, anonymous_api):
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

    async def may(client, path):
        spec = {"nonResourceAttributes": {"verb": "get", "path": path}}
        return (await client.post(reviews, {"spec": spec}))[1]["status"]["allowed"]

    assert [await may(reader_api, path) for path in ("/version", "/apis/x", "/metrics")] == [
        True,
        True,
        False,
    ]
    assert await may(api, "/metrics")
    server.policy.anonymous = True
    status, refusal = await anonymous_api.get("/apis")
    assert (status, 'cannot get path "/apis"' in refusal["message"]) == (403, True)


def test_kubectl_create_of_services_and_deployments_is_understood():
    def field(number, value):
        if isinstance(value, int):
            return bytes([number << 3, value])
        raw = value.encode() if isinstance(value, str) else value
        return bytes([number << 3 | 2, len(raw)]) + raw

    def body(kind, raw):
        return b"k8s\0" + field(1, field(1, "v1") + field(2, kind)) + field(2, raw)

    text = field(1, 1) + field(2, 0) + field(3, "http")
    port = field(1, "http") + field(3, 80) + field(4, text) + field(5, 0)
    service = decode(
        body("Service", field(1, field(1, "web")) + field(2, field(1, port) + field(4, "ClusterIP")))
    )
    assert service["spec"] == {
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        "type": "ClusterIP",
    }
    container = field(1, "x") + field(2, "x:1")
    template = field(2, field(2, container))
    deployment = decode(body("Deployment", field(2, field(1, 2) + field(3, template))))
    assert deployment["spec"] == {
        "replicas": 2,
        "template": {"spec": {"containers": [{"name": "x", "image": "x:1"}]}},
    }
