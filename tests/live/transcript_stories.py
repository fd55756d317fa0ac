"""What is typed and asked in the transcripts: stories, each a list of steps in a namespace of its own."""

from __future__ import annotations

import shlex
from typing import Any

from transcripts_kit import Allowed, Ask, Kubectl, Step

Json = dict[str, Any]
GATEWAY = "gateway.networking.k8s.io"
V1 = f"{GATEWAY}/v1"
ROUTES = f"/apis/{V1}/namespaces/shop/httproutes"
META = "g=meta.k8s.io;v=v1"
TABLE = f"application/json;as=Table;{META}"
PARTIAL = f"application/json;as=PartialObjectMetadata;{META}"
PARTIAL_LIST = f"application/json;as=PartialObjectMetadataList;{META}"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def k(line: str, stdin: Any = "", user: str = "admin") -> Kubectl:
    return Kubectl(tuple(shlex.split(line)), stdin, user)


def reader(line: str) -> Kubectl:
    return k(line, user="user-0")


def get(path: str, accept: str = "application/json", **query: str) -> Ask:
    return Ask("GET", path, accept=accept, query=tuple(query.items()))


def route(name: str, spec: Json | None = None, **meta: Any) -> Json:
    return {
        "apiVersion": V1,
        "kind": "HTTPRoute",
        "metadata": {"name": name, **meta},
        "spec": {"hostnames": ["a.example.com"], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}
        if spec is None
        else spec,
    }


def gateway(name: str, *listeners: Json, **spec: Any) -> Json:
    listeners = listeners or ({"name": "http", "port": 80, "protocol": "HTTP"},)
    return {
        "apiVersion": V1,
        "kind": "Gateway",
        "metadata": {"name": name},
        "spec": {"gatewayClassName": "envoy", "listeners": list(listeners), **spec},
    }


def _post(namespace: str, body: Json, **query: str) -> Ask:
    plural = {"HTTPRoute": "httproutes", "Gateway": "gateways"}[body["kind"]]
    path = f"/apis/{V1}/namespaces/{namespace}/{plural}"
    return Ask("POST", path, body, query=tuple(query.items()))


def _patch(path: str, body: Any, content_type: str = MERGE, **query: str) -> Ask:
    return Ask("PATCH", path, body, content_type, query=tuple(query.items()))


READING: list[Step] = [
    *(
        k(f"get {what}")
        for what in (
            "gateways -A -o wide",
            "httproutes -A -o wide",
            "gc -o wide",
            "svc -n shop -o wide",
            "pods -n shop -o wide",
            "deploy -n shop -o wide",
            "ing -A",
            "ingressclass",
            "ns --show-labels",
            "endpointslices,cm,secrets -n shop",
            "refgrant,btlspolicy,listenersets,grpcroutes,tlsroutes -A -o wide",
            "gateway main -n infra -o yaml",
            "httproutes -n shop -o json",
            "deploy www -n shop -o yaml",
            "ing -n shop -o yaml",
            "crd -o name",
            "httproutes -A --chunk-size=3 -o name",
            "svc -A --field-selector spec.type=LoadBalancer -o name",
            "pods -n shop --field-selector status.phase=Running,spec.nodeName!=x -o name",
            "httproute nope -n shop",
            "httproute -n nowhere",
            "foos",
        )
    ),
    *(
        k(f"describe {what}")
        for what in (
            "gateway main -n infra",
            "httproute -n shop www",
            "ing -n shop",
            "svc -n shop www",
            "deploy -n shop www",
        )
    ),
    k("wait --for=condition=Accepted gateway/main -n infra --timeout=1s"),
    k("wait --for=delete httproute/nope -n shop --timeout=1s"),
    k("wait --for=jsonpath={.spec.gatewayClassName}=envoy gateway/main -n infra --timeout=9s"),
    k("wait --for=condition=Established crd/httproutes.gateway.networking.k8s.io --timeout=9s"),
    k("rollout status deployment/www -n shop --timeout=9s"),
    k("get events -n infra"),
    k("version"),
    k("cluster-info"),
    k("api-versions"),
    k("api-resources --api-group=gateway.networking.k8s.io -o wide"),
    k("explain httproute"),
    k("explain httproute.spec.rules.matches.path"),
    k("explain gateway.spec.listeners --recursive"),
    k("explain httproute.spec.nonsense"),
]

RIGHTS: list[Step] = [
    k("auth whoami"),
    reader("auth whoami"),
    k("auth can-i list httproutes"),
    reader("auth can-i list httproutes -n shop"),
    reader("auth can-i list httproutes"),
    reader("auth can-i get httproutes/www -n shop"),
    reader("auth can-i patch httproutes -n shop"),
    reader("auth can-i get /version"),
    reader("auth can-i get /metrics"),
    reader("auth can-i --list -n shop"),
    k("auth can-i --list -n shop"),
    reader("get httproutes -n shop"),
    reader("get httproutes -A"),
    reader("get gateway main -n infra"),
    reader("delete httproute www -n shop"),
    reader("patch httproute www -n shop --type merge -p {}"),
    reader("get nodes"),
    Ask("GET", f"/apis/{V1}/httproutes", user=""),
    Ask("GET", f"/apis/{V1}/httproutes", user="user-0"),
    Ask("GET", "/api/v1/namespaces/shop/secrets/x", user="user-0"),
    Ask("PATCH", f"{ROUTES}/www", {}, MERGE, user="user-0"),
    Ask("PATCH", f"{ROUTES}/www/status", {}, MERGE, user="user-0"),
    Ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {}}),
    Ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {}}),
    Ask(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {"spec": {"resourceAttributes": {"verb": "list", "group": GATEWAY, "resource": "httproutes"}}},
        user="user-0",
    ),
    Ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, user="user-0"),
]

HTTP: list[Step] = [
    get("/version"),
    get("/api"),
    get(f"/apis/{GATEWAY}"),
    get("/nonsense"),
    get("/apis/nonsense.example"),
    get("/apis/nonsense.example/v1/things"),
    get("/api/v1/namespaces/shop/nonsense"),
    get(f"{ROUTES}/www/nonsense"),
    get(f"{ROUTES}/www/status"),
    get(f"{ROUTES}/nope"),
    get(f"/apis/{GATEWAY}/v1beta1/namespaces/shop/httproutes/www"),
    get(f"/apis/{GATEWAY}/v1alpha2/namespaces/shop/httproutes/www"),
    get(ROUTES, TABLE),
    get(ROUTES, TABLE, includeObject="None"),
    get(ROUTES, PARTIAL_LIST, limit="2"),
    get(f"{ROUTES}/www", PARTIAL),
    get(f"{ROUTES}/www", TABLE),
    get(f"{ROUTES}/www", PARTIAL_LIST),
    get(ROUTES, PARTIAL),
    get(ROUTES, "application/xml"),
    get(ROUTES, f"application/json;as=Table;g=meta.k8s.io;v=v9,{PARTIAL_LIST}", limit="1"),
    get("/api/v1/namespaces/infra/services", TABLE),
    get("/apis/apps/v1/namespaces/infra/deployments", TABLE),
    get("/api/v1/namespaces/envoy-gateway-system/pods", TABLE),
    get("/apis/networking.k8s.io/v1/namespaces/shop/ingresses", TABLE),
    get("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", TABLE),
    get("/api/v1/namespaces/shop/secrets", TABLE, includeObject="None"),
    get("/api/v1/namespaces", TABLE, includeObject="None"),
    get(ROUTES, limit="1"),
    get(ROUTES, limit="-1"),
    get(ROUTES, limit="x"),
    get(ROUTES, **{"continue": "nonsense"}),
    get(ROUTES, resourceVersion="nonsense"),
    get(ROUTES, resourceVersion="0", limit="1"),
    get(ROUTES, resourceVersion="1", resourceVersionMatch="Nonsense"),
    get(ROUTES, resourceVersionMatch="Exact"),
    get(ROUTES, resourceVersion="0", resourceVersionMatch="Exact"),
    get(ROUTES, labelSelector="a in (b"),
    get(ROUTES, labelSelector="a==b=c"),
    get(ROUTES, labelSelector="-x"),
    get(ROUTES, labelSelector="a=,,b"),
    get(ROUTES, labelSelector="a in ()", limit="1"),
    get(ROUTES, labelSelector="!nothing", limit="1"),
    get(ROUTES, fieldSelector="spec.x=1"),
    get(ROUTES, fieldSelector="nonsense"),
    get(ROUTES, fieldSelector="metadata.name!=www", limit="1"),
    get("/api/v1/pods", fieldSelector="spec.nonsense=1"),
    Ask("PUT", ROUTES, {}),
    Ask("POST", f"{ROUTES}/www", {}),
    Ask("DELETE", "/apis/gateway.networking.k8s.io/v1/httproutes"),
    Ask("POST", f"/apis/{V1}/httproutes", route("x")),
    Ask("GET", ROUTES, query=(("watch", "1"), ("resourceVersion", "0"), ("timeoutSeconds", "1")), events=1),
    Ask(
        "GET",
        ROUTES,
        query=(("watch", "1"), ("sendInitialEvents", "true"), ("timeoutSeconds", "1")),
    ),
    Ask(
        "GET",
        ROUTES,
        query=(
            ("watch", "1"),
            ("sendInitialEvents", "true"),
            ("resourceVersionMatch", "NotOlderThan"),
            ("allowWatchBookmarks", "true"),
            ("fieldSelector", "metadata.name=www"),
            ("timeoutSeconds", "3"),
        ),
        events=2,
    ),
    Ask(
        "GET",
        ROUTES,
        accept=TABLE,
        query=(("watch", "1"), ("fieldSelector", "metadata.name=www"), ("timeoutSeconds", "3")),
        events=1,
    ),
    Ask("GET", ROUTES, query=(("watch", "1"), ("resourceVersion", "nonsense"), ("timeoutSeconds", "1"))),
    Ask("GET", ROUTES, query=(("watch", "1"), ("fieldSelector", "spec.x=1"), ("timeoutSeconds", "1"))),
]

A, B = f"/apis/{V1}/namespaces/writes/httproutes/a", f"/apis/{V1}/namespaces/writes/httproutes/b"
G = f"/apis/{V1}/namespaces/writes/gateways/g"
WRITES: list[Step] = [
    k("create ns writes"),
    k("create ns writes"),
    k("create ns Bad_Name"),
    k("apply -n writes -f -", route("a")),
    k("apply -n writes -f -", route("a")),
    k("apply -n writes -f -", route("a", {"hostnames": ["b.example.com"]})),
    k("get httproute a -n writes -o yaml"),
    k("diff -n writes -f -", route("a", {"hostnames": ["c.example.com"]})),
    k("create -n writes -f -", gateway("g")),
    k("get gateway g -n writes -o yaml"),
    k("""patch gateway g -n writes --type merge -p '{"spec":{"gatewayClassName":"other"}}'"""),
    k("""patch gateway g -n writes --type merge -p '{"spec":{"gatewayClassName":"other"}}'"""),
    k(
        """patch gateway g -n writes --type json -p
        '[{"op":"test","path":"/spec/gatewayClassName","value":"no"}]'"""
    ),
    k("patch gateway g -n writes -p {}"),
    k("patch gateway g -n writes --type merge -p nonsense"),
    k("patch gateway nope -n writes --type merge -p {}"),
    k(
        """patch gateway g -n writes --type merge --subresource=status
        -p '{"status":{"addresses":[{"value":"192.0.2.1"}]}}'"""
    ),
    k("get gateway g -n writes -o yaml"),
    k("label gateway g -n writes a=b"),
    k("label gateway g -n writes a=c"),
    k("label gateway g -n writes a=c --overwrite"),
    k("label gateway g -n writes a/b/c=x"),
    k("label gateway g -n writes a-"),
    k("annotate gateway g -n writes x=y"),
    k("annotate gateway g -n writes x=z --overwrite --resource-version=1"),
    k("annotate gateway g -n writes x-"),
    k("replace -n writes -f -", route("a")),
    k("delete httproute a -n writes --dry-run=server"),
    k("delete httproute a -n writes"),
    k("delete httproute a -n writes"),
    k("delete httproute a -n writes --ignore-not-found"),
    k("apply -f -", {"apiVersion": "nope.example/v1", "kind": "Thing", "metadata": {"name": "k"}}),
    k("apply -f -", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "no"}}),
    _post("writes", route("a")),
    _post("writes", route("a")),
    _post("writes", route("")),
    _post("writes", route("Bad_Name")),
    _post("nowhere", route("a")),
    _post("writes", route("b", resourceVersion="1")),
    _post("writes", route("b", namespace="elsewhere")),
    _post("writes", {**route("b"), "kind": "Gateway"} | {"apiVersion": "v1"} | {"kind": "HTTPRoute"}),
    Ask("POST", f"/apis/{V1}/namespaces/writes/httproutes", {**route("b"), "kind": "Gateway"}),
    _post("writes", route("b"), dryRun="All"),
    _post("writes", route("b"), dryRun="Some"),
    get(B),
    Ask("POST", f"/apis/{V1}/namespaces/writes/httproutes", "{"),
    Ask("POST", f"/apis/{V1}/namespaces/writes/httproutes", "[]"),
    Ask("POST", f"/apis/{V1}/namespaces/writes/httproutes", "x: [", "text/plain"),
    Ask("PUT", A, route("a")),
    Ask("PUT", A, route("a", resourceVersion="1")),
    Ask("PUT", A, route("b")),
    Ask("PUT", f"{A}x", route("ax")),
    _patch(A, {"metadata": {"resourceVersion": "1"}}),
    _patch(A, {"metadata": {"uid": "x"}}),
    _patch(A, {"metadata": {"name": "x"}}),
    _patch(A, {"metadata": {"labels": {"n": 1}}}),
    _patch(A, {}, STRATEGIC),
    _patch(A, "nonsense"),
    _patch(A, [1]),
    _patch(A, "{"),
    _patch(A, [{"op": "test", "path": "/spec/hostnames/0", "value": "no"}], JSON_PATCH),
    _patch(A, [{"op": "remove", "path": "/spec/nothing"}], JSON_PATCH),
    _patch(A, [{"op": "frob", "path": "/spec"}], JSON_PATCH),
    _patch(A, {}, JSON_PATCH),
    _patch(A, [{"op": "replace", "path": "/spec/hostnames/0", "value": "x.example.com"}], JSON_PATCH),
    _patch(A, {"spec": {"hostnames": ["y.example.com"]}}, dryRun="All"),
    _patch(A, {"status": {"parents": []}}),
    _patch(f"{A}/status", {"status": {"parents": []}, "spec": {"hostnames": ["ignored.example.com"]}}),
    _patch("/api/v1/namespaces/writes", {"metadata": {"labels": {"x": "y"}}}, STRATEGIC),
    Ask("DELETE", A, {"preconditions": {"uid": "x"}}),
    Ask("DELETE", A, {"preconditions": {"resourceVersion": "1"}}),
    Ask("DELETE", A, query=(("dryRun", "All"),)),
    _patch(A, {"metadata": {"finalizers": ["example.com/hold"]}}),
    Ask("DELETE", A),
    _patch(A, {"metadata": {"finalizers": None}}),
    get(A),
    Ask("DELETE", f"/apis/{V1}/namespaces/writes/gateways"),
]

S = f"/apis/{V1}/namespaces/schema"
HTTPS = {"name": "b", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "c"}]}}
MATCH = {"path": {"type": "Exact", "value": "/x"}}
SCHEMA: list[Step] = [
    k("create ns schema"),
    k(
        "apply -n schema -f -",
        route(
            "bad",
            {"hostnames": ["UP.example.com"], "rules": [{"backendRefs": [{"name": "w", "port": 99999}]}]},
        ),
    ),
    k("apply -n schema -f -", route("bad", {"hostname": ["x.example.com"]})),
    k("apply -n schema --validate=warn -f -", route("warned", {"hostname": ["x"], "rules": [{"wieght": 1}]})),
    k("get httproute warned -n schema -o yaml"),
    k("apply -n schema --validate=ignore -f -", route("ignored", {"hostname": ["x.example.com"]})),
    _post("schema", route("strict", {"hostname": []}), fieldValidation="Strict"),
    _post(
        "schema",
        route("strict", {"hostname": []}) | {"more": 1, "status": {"x": 1}},
        fieldValidation="Strict",
    ),
    _post("schema", route("warn", {"hostname": []}, nonsense=1) | {"more": 1}),
    _post("schema", route("strict"), fieldValidation="Nonsense"),
    _post("schema", gateway("g", HTTPS)),
    _post("schema", gateway("empty") | {"spec": {}}),
    _post("schema", {name: value for name, value in gateway("none").items() if name != "spec"}),
    _post("schema", gateway("null") | {"spec": None}),
    _post("schema", gateway("few") | {"spec": {"gatewayClassName": "", "listeners": []}}),
    _post(
        "schema", gateway("many", *({"name": f"l{n}", "port": n + 1, "protocol": "TCP"} for n in range(65)))
    ),
    _post("schema", gateway("typed", {"name": 1, "port": "80", "protocol": ["HTTP"]})),
    _post("schema", gateway("floats", {"name": "a", "port": 80.5, "protocol": "HTTP"})),
    _post("schema", gateway("low", {"name": "a", "port": 0, "protocol": "HTTP"})),
    _post("schema", gateway("pattern", {"name": "A_b", "port": 1, "protocol": "no way", "hostname": "*.*"})),
    _post("schema", gateway("enum", {**HTTPS, "tls": {"mode": "Nonsense"}})),
    _post("schema", gateway("long", {"name": "a" * 254, "port": 1, "protocol": "HTTP"})),
    _post("schema", gateway("twice", HTTPS, {**HTTPS, "port": 444})),
    _post(
        "schema",
        gateway("mixed", {"name": "a", "port": 0, "protocol": "HTTP", "nothing": None, "hostname": None}),
    ),
    _post("schema", gateway("address", addresses=[{"type": "IPAddress", "value": "x" * 254}])),
    _post("schema", gateway("address", addresses=[{"type": "Hostname", "value": "gw.example.com"}])),
    _post("schema", gateway("labels", infrastructure={"labels": {str(n): "x" for n in range(9)}})),
    _post("schema", route("labels", labels={"a": "-x-", "b/c/d": "y"}, annotations={"": "z"})),
    _post("schema", route("weights", {"rules": [{"backendRefs": [{"name": "w", "port": 1, "weight": -1}]}]})),
    _post("schema", route("matches", {"rules": [{"matches": [MATCH, {**MATCH, "method": "NONE"}]}]})),
    _post("schema", route("timeouts", {"rules": [{"timeouts": {"request": "9 lightyears"}}]})),
    _post("schema", route("many", {"hostnames": [f"h{n}.example.com" for n in range(17)]})),
    _post("schema", route("text", {"hostnames": "a.example.com"})),
    _post("schema", route("list", {"hostnames": [1, None, "", "a"]})),
    _post("schema", route("ok")),
    _patch(f"{S}/httproutes/ok", {"spec": {"hostnames": ["UP"]}}),
    _patch(f"{S}/httproutes/ok", {"spec": {"nonsense": 1}}),
    _patch(f"{S}/httproutes/ok", {"spec": {"nonsense": 1}}, fieldValidation="Strict"),
    _patch(
        f"{S}/httproutes/ok",
        [{"op": "add", "path": "/spec/x", "value": 1}],
        JSON_PATCH,
        fieldValidation="Strict",
    ),
    _patch(f"{S}/httproutes/ok", [{"op": "remove", "path": "/spec/rules"}], JSON_PATCH),
    _patch(f"{S}/httproutes/ok/status", {"status": {"parents": [{"parentRef": {}}]}}),
    _patch(
        f"{S}/gateways/g/status",
        {
            "status": {
                "conditions": [{"type": "A", "status": "Maybe", "reason": "", "lastTransitionTime": "now"}]
            }
        },
    ),
    _patch(
        f"{S}/httproutes/fresh",
        route("fresh", {"hostnames": ["UP"]}),
        APPLY,
        fieldManager="me",
    ),
    _patch(f"{S}/httproutes/fresh", route("fresh", {"hostname": ["x"]}), APPLY, fieldManager="me"),
    Ask("PUT", f"{S}/httproutes/ok", route("ok", {"hostnames": 1}, resourceVersion="1")),
]

PLAIN = {"name": "a", "port": 80, "protocol": "HTTP"}
GW = f"/apis/{V1}/namespaces/owners/gateways"
O = f"/apis/{V1}/namespaces/owners/httproutes"  # noqa: E741
OWNERS: list[Step] = [
    k("create ns owners"),
    k("apply --server-side -n owners -f -", route("ssa", labels={"l": "1", "m": "2"})),
    k("apply --server-side -n owners -f -", route("ssa", labels={"m": "2"})),
    k("get httproute ssa -n owners -o yaml --show-managed-fields"),
    k("apply --server-side -n owners -f -", route("ssa", labels={"m": "2"})),
    k(
        "apply --server-side -n owners --field-manager=other -f -",
        route("ssa", {"hostnames": ["b.example.com"]}),
    ),
    k(
        "apply --server-side -n owners --field-manager=other --force-conflicts -f -",
        route("ssa", {"hostnames": ["b.example.com"]}),
    ),
    Ask("GET", f"{O}/ssa", keep=("managedFields",)),
    _patch(f"{O}/ssa", route("ssa", labels={"m": "3"}), APPLY, fieldManager="third"),
    k("label httproute ssa -n owners m=9 --overwrite"),
    k("annotate httproute ssa -n owners note=x"),
    Ask("GET", f"{O}/ssa", keep=("managedFields",)),
    k("apply --server-side -n owners -f -", route("ssa", labels={"m": "2"})),
    _patch(f"{O}/ssa", route("ssa", managedFields=[{"manager": "x"}]), APPLY, fieldManager="me"),
    _patch(f"{O}/ssa", route("ssa"), APPLY),
    _patch(f"{O}/ssa", "{", APPLY, fieldManager="me"),
    _patch(f"{GW}/gw", gateway("gw", PLAIN, HTTPS), APPLY, fieldManager="me"),
    _patch(f"{GW}/gw", gateway("gw", PLAIN), APPLY, fieldManager="me"),
    Ask("GET", f"{GW}/gw", keep=("managedFields",)),
    k("create -n owners -f -", route("made")),
    k("get httproute made -n owners -o yaml --show-managed-fields"),
    k("apply --server-side -n owners -f -", route("made", {"hostnames": ["c.example.com"]})),
    Ask("GET", f"{O}/made", keep=("managedFields",)),
    _patch(f"{O}/made/status", {"status": {"parents": []}}, fieldManager="controller"),
    Ask("GET", f"{O}/made", keep=("managedFields",)),
    k("apply -n owners -f -", route("client")),
    k("apply -n owners -f -", route("client", {"hostnames": ["d.example.com"]})),
    Ask("GET", f"{O}/client", keep=("managedFields",)),
]

BUILTIN: list[Step] = [
    k("create ns builtin"),
    k("create configmap c -n builtin --from-literal=a=b"),
    k("create configmap c -n builtin --from-literal=a=b"),
    k("""patch cm c -n builtin -p '{"data":{"x":"y"}}'"""),
    k("""patch cm c -n builtin --type merge -p '{"data":{"a":null}}'"""),
    k("get cm c -n builtin -o yaml"),
    k("create secret generic s -n builtin --from-literal=p=q"),
    k("get secret s -n builtin -o yaml"),
    k("create service clusterip svc -n builtin --tcp=80:8080"),
    k("get svc svc -n builtin -o yaml"),
    k("""patch svc svc -n builtin -p '{"spec":{"ports":[{"port":80,"targetPort":9090}]}}'"""),
    k("describe svc svc -n builtin"),
    k("create service externalname ext -n builtin --external-name=x.example.com"),
    k("get svc -n builtin"),
    k("create ingress i -n builtin --class=nginx --rule=store.example.com/x*=svc:80,tls=cert"),
    k("get ing i -n builtin -o yaml"),
    k("create deployment d -n builtin --image=x:1 --replicas=2"),
    k("get deploy d -n builtin -o yaml"),
    k("set image deploy/d -n builtin x=x:2"),
    k("rollout restart deploy/d -n builtin"),
    k("get deploy d -n builtin -o wide"),
    k("create sa robot -n builtin"),
    k("get sa robot -n builtin -o yaml"),
    k("replace -n builtin -f -", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}),
    k(
        "create -n builtin -f -",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "c-"}},
    ),
    k("create -n builtin -f -", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Bad_Name"}}),
    k("create -n builtin -f -", {"apiVersion": "v1", "kind": "ConfigMap"}),
    k("delete cm,secret --all -n builtin --dry-run=server"),
    k("scale deploy d -n builtin --replicas=3"),
    k("delete ns builtin --wait=false"),
]

STORIES: dict[str, list[Step]] = {
    "reading": READING,
    "rights": RIGHTS,
    "http": HTTP,
    "writes": WRITES,
    "schema": SCHEMA,
    "owners": OWNERS,
    "builtin": BUILTIN,
}

_PARSER = "the words of another JSON or YAML parser"
_UNSERVED = (
    r"^(apiregistration|autoscaling|batch|certificates|flowcontrol.apiserver|node|policy|rbac.authorization"
    r"|resource|scheduling|storage)(\.k8s\.io)?/v\d\n"
)

ALLOWED: tuple[Allowed, ...] = (
    Allowed("^kubectl version", r"Server Version: .*|\n?WARNING: version.*", "another version"),
    Allowed("^GET /version", r"(?s)\{\n \"buildDate.*", "another version"),
    Allowed("^kubectl api-versions", _UNSERVED, "kinds that no probe asks for are not served"),
    Allowed(
        "^kubectl explain httproute$",
        r"(?s)apiVersion\t.*?(?=^  spec\t)",
        "of the fields of every object the real server has sentences of its own, the CRDs have others",
    ),
    Allowed("^kubectl scale", r"(?s).*", "no scale subresource: nothing here would run the Pods"),
    Allowed("as=Table", r'"description": ".*"', "descriptions of columns, which are printed nowhere"),
    Allowed(r"application/xml", r'"message": ".*"', "JSON is all that is served"),
    Allowed("continue=nonsense", r"not valid: .*", _PARSER),
    Allowed("labelSelector=", r'"message": ".*"', "the words of another parser of selectors"),
    Allowed(r"^(PUT|POST) \S+/httproutes(/www)? \{\}", r"(?s).*", "methods that no client uses there"),
    Allowed(
        "auth whoami|selfsubjectreviews",
        r'^UID.*\n|(?<=\[) |^    "",\n|^   "uid": .*\n',
        "the real server's token file gives its users a uid, and the reader an empty group",
    ),
    Allowed(r'^POST \S+ "(\{|\[\])"', r"json parse error: .*", _PARSER),
    Allowed(r'^PATCH \S+ "(nonsense|\{)"', r"error decoding patch: .*", _PARSER),
    Allowed(r'fieldManager=me "\{"', r"error decoding YAML: .*", _PARSER),
    Allowed(r'"labels": \{"n": 1\}', r"(?s).*", "refused with 400 instead of 422"),
    Allowed(
        r'^POST \S+/httproutes .*"kind": "Gateway"',
        r'(?s)"causes": .*',
        "CEL rules, which are not evaluated by the practice server",
    ),
    Allowed(
        r'^POST .*"name": "twice"',
        r'(?s)"causes": .*',
        "a CEL rule: they are not evaluated by the practice server",
    ),
)
