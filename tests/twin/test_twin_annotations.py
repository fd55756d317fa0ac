"""Annotations: the table is whole, and each is judged by what the new side really has."""

from __future__ import annotations

import re
from typing import Any

import pytest
from corpus_truth import SHARED
from pointsman.cluster.knowledge.annotation_table import FAMILIES, family_of
from pointsman.cluster.knowledge.annotations import FOREIGN_PREFIXES, foreign_controller
from pointsman.cluster.knowledge.controllers import CONTROLLERS
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.store import KindState, Store, read_documents
from pointsman.probes.state.twin.durations import nginx_seconds, route_seconds
from pointsman.probes.state.twin.hosts import CHECKS
from pointsman.probes.state.twin.twin import twin_of
from pointsman.probes.state.world import World
from twin_kit import (
    GROUP,
    HOST,
    INGRESS,
    Json,
    findings,
    gateway,
    ingress,
    nginx,
    policy,
    route,
    rule,
    states,
)

FACTS = SHARED / "facts" / "annotations.md"
GATEWAY = gateway()
ROOT: tuple[str, str, str] = ("/", "Prefix", "a")
GRADES = {"N": "native", "N~": "lossy", "X": "experimental", "P": "policy", "-": "none"}


# --- the table -----------------------------------------------------------------------------------


def keys_in(text: str) -> set[str]:
    """The annotations that a row of the facts names: ``a(-b,-c)``, ``a-b/c`` and ``a, b`` written out."""
    found: set[str] = set()
    for base, endings in re.findall(r"([a-z0-9-]+)\(((?:-[a-z]+,?)+)\)", text):
        found |= {base, *(base + ending for ending in endings.split(","))}
    text = re.sub(r"\([^()]*\)", "", text)
    for group in re.split(r",| \+ | / ", text):
        words = group.split()
        if not words or not re.fullmatch(r"[a-z][a-z0-9/*-]+", words[0]):
            continue
        first, *others = words[0].split("/")
        stem = first.rpartition("-")[0]
        found |= {
            first,
            *(
                stem + other if other.startswith("-") else other if "-" in other else f"{stem}-{other}"
                for other in others
            ),
        }
    return {key for key in found if not key.endswith("*")}


def rows_of_facts() -> list[tuple[int, str, str]]:
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|", FACTS.read_text(), re.MULTILINE)
    return [(int(number), text, grade.strip()) for number, text, grade in rows]


@pytest.mark.skipif(not FACTS.is_file(), reason=f"no facts at {FACTS}; set POINTSMAN_SHARED")
def test_every_annotation_of_the_facts_is_in_the_table_with_its_grade() -> None:
    rows = rows_of_facts()
    assert [number for number, _, _ in rows] == list(range(1, 41))
    seen = 0
    for _, text, grades in rows:
        allowed = {GRADES[grade] for grade in grades.split("/")}
        for key in keys_in(text):
            family = family_of(key)
            assert family is not None, key
            assert family.grade in allowed, (key, family.grade, grades)
            seen += 1
    assert seen > 80


def test_the_table_is_sound() -> None:
    keys = [key for family in FAMILIES for key in family.keys]
    assert len(keys) == len(set(keys))
    known = {entry.id for entry in CONTROLLERS}
    for family in FAMILIES:
        assert not family.check or family.check in CHECKS
        assert family.check or family.grade in ("policy", "none")
        assert {one.controller for one in family.policies} <= known
    # 8 and 9 are one annotation, told apart by its value
    assert {family.number for family in FAMILIES} == set(range(1, 41)) - {9}


def test_security_is_what_keeps_somebody_out() -> None:
    wanted = ("auth-url", "auth-type", "auth-tls-secret", "whitelist-source-range", "enable-modsecurity")
    assert all(family_of(key).security for key in (*wanted, "denylist-source-range"))  # type: ignore[union-attr]
    assert not any(family_of(key).security for key in ("limit-rps", "proxy-body-size"))  # type: ignore[union-attr]


# --- what is carried over ------------------------------------------------------------------------


FIELDS = {"URLRewrite": "urlRewrite", "CORS": "cors"}


def filtered(kind: str, **spec: Any) -> dict[str, Any]:
    return {"filters": [{"type": kind, FIELDS.get(kind, kind[0].lower() + kind[1:]): spec}]}


def judged(
    annotations: dict[str, str], *extra: Json, paths: tuple[str, str, str] = ROOT, **fields: Any
) -> str:
    """The state of the first of ``annotations`` beside one rule with ``fields``."""
    match = fields.pop("match", "PathPrefix")
    new = route(rule(fields.pop("path", paths[0]), match, "a", **fields))
    found = states(*GATEWAY, ingress(paths, annotations=annotations), new, *extra)
    return found[next(iter(annotations)).rpartition("/")[2]]


BACKEND_TLS: Json = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "BackendTLSPolicy",
    "metadata": {"name": "tls", "namespace": "shop"},
    "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "a"}]},
}
PERSISTENT = {"sessionPersistence": {"sessionName": "shop"}}


@pytest.mark.parametrize(
    ("annotations", "fields", "without", "carried"),
    [
        (
            nginx(rewrite_target="/new"),
            filtered("URLRewrite", path={"replaceFullPath": "/new"}),
            "missing",
            "same",
        ),
        (
            nginx(rewrite_target="/new"),
            filtered("URLRewrite", path={"replaceFullPath": "/x"}),
            "missing",
            "differs",
        ),
        (nginx(proxy_read_timeout="60"), {"timeouts": {"request": "1m"}}, "missing", "about the same"),
        (nginx(proxy_read_timeout="60"), {"timeouts": {"request": "0s"}}, "missing", "about the same"),
        (nginx(proxy_read_timeout="60"), {"timeouts": {"request": "15s"}}, "missing", "differs"),
        (nginx(proxy_read_timeout="60"), {"timeouts": {"request": "soon"}}, "missing", "unknown"),
        (nginx(enable_cors="true"), filtered("CORS", allowOrigins=["*"]), "missing", "same"),
        (nginx(affinity="cookie"), PERSISTENT, "missing", "about the same"),
        (nginx(session_cookie_name="shop", affinity="cookie"), PERSISTENT, "missing", "about the same"),
        (nginx(session_cookie_name="other", affinity="cookie"), PERSISTENT, "missing", "differs"),
        (nginx(proxy_next_upstream="error"), {"retry": {"attempts": 3}}, "missing", "about the same"),
        (nginx(upstream_vhost="in.test"), filtered("URLRewrite", hostname="in.test"), "missing", "same"),
        (nginx(upstream_vhost="in.test"), filtered("URLRewrite", hostname="out.test"), "missing", "missing"),
        (
            nginx(x_forwarded_prefix="/p"),
            filtered("RequestHeaderModifier", set=[{"name": "X-Forwarded-Prefix", "value": "/p"}]),
            "missing",
            "same",
        ),
        (
            nginx(permanent_redirect="https://new.test/x"),
            filtered(
                "RequestRedirect",
                hostname="new.test",
                scheme="https",
                statusCode=301,
                path={"replaceFullPath": "/x"},
            ),
            "missing",
            "same",
        ),
        (
            nginx(auth_url="http://auth/"),
            filtered("ExternalAuth", protocol="HTTP"),
            "missing",
            "about the same",
        ),
        (nginx(backend_protocol="HTTP"), {}, "no effect", "no effect"),
        (nginx(backend_protocol="FCGI"), {}, "OPEN: waive by name", "OPEN: waive by name"),
        (nginx(configuration_snippet="x"), {}, "OPEN: waive by name", "OPEN: waive by name"),
        (nginx(enable_cors="false"), {}, "no effect", "no effect"),
        (nginx(no_such_thing="1"), {}, "unknown", "unknown"),
    ],
)
def test_native(annotations: dict[str, str], fields: dict[str, Any], without: str, carried: str) -> None:
    assert judged(annotations) == without
    assert judged(annotations, **fields) == carried


def test_cors_is_compared_field_by_field() -> None:
    both = nginx(cors_allow_origin="https://a.test, https://b.test", enable_cors="true")
    same = filtered("CORS", allowOrigins=["https://b.test", "https://a.test"])
    assert judged(both, **same) == "same"
    assert judged(both, **filtered("CORS", allowOrigins=["*"])) == "differs"


def test_a_filter_in_one_of_two_rules_is_not_enough() -> None:
    old = ingress(("/a", "Prefix", "a"), ("/b", "Prefix", "a"), annotations=nginx(enable_cors="true"))
    cors = filtered("CORS", allowOrigins=["*"])
    half = route(rule("/a", "PathPrefix", "a", **cors), rule("/b", "PathPrefix", "a"))
    assert states(*GATEWAY, old, half) == {"enable-cors": "missing"}
    assert "HTTPRoute shop/web #2" in findings(*GATEWAY, old, half)["MIG011"].evidence[0]
    whole = route(rule("/a", "PathPrefix", "a", **cors), rule("/b", "PathPrefix", "a", **cors))
    assert states(*GATEWAY, old, whole) == {"enable-cors": "same"}


def test_captures_have_no_native_form() -> None:
    captured = nginx(rewrite_target="/$2")
    paths = ("/app(/|$)(.*)", "ImplementationSpecific", "a")
    prefix = filtered("URLRewrite", path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"})
    assert judged(captured, paths=paths, path="/app", **prefix) == "about the same"
    full = filtered("URLRewrite", path={"type": "ReplaceFullPath", "replaceFullPath": "/"})
    assert judged(captured, paths=paths, path="/app", **full) == "differs"


def test_https_to_the_backend_is_a_policy_of_the_service() -> None:
    assert judged(nginx(backend_protocol="HTTPS")) == "missing"
    assert judged(nginx(backend_protocol="HTTPS"), BACKEND_TLS) == "same"
    elsewhere = {**BACKEND_TLS, "metadata": {"name": "tls", "namespace": "other"}}
    assert judged(nginx(backend_protocol="HTTPS"), elsewhere) == "missing"
    settings = nginx(proxy_ssl_secret="shop/client", backend_protocol="HTTPS")
    assert judged(settings, BACKEND_TLS) == "missing"


def test_grpc_is_a_grpcroute_or_the_services_own_word() -> None:
    assert judged(nginx(backend_protocol="GRPC")) == "missing"
    service: Json = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"ports": [{"port": 80, "appProtocol": "kubernetes.io/h2c"}]},
    }
    assert judged(nginx(backend_protocol="GRPC"), service) == "same"


def test_the_redirect_to_https_is_asked_of_the_plain_listener() -> None:
    old = ingress(ROOT, tls="cert")
    secure = route(rule("/", "PathPrefix", "a"), section="https")
    assert states(*GATEWAY, old, secure) == {"ssl-redirect": "missing"}, "implied by tls"
    served = route(rule("/", "PathPrefix", "a"))
    assert states(*GATEWAY, old, served) == {"ssl-redirect": "missing"}
    for code, state in ((301, "about the same"), (308, "same")):
        redirect = filtered("RequestRedirect", scheme="https", statusCode=code)
        plain = route(rule("/", "PathPrefix", **redirect), name="plain", host="", section="http")
        assert states(*GATEWAY, old, secure, plain) == {"ssl-redirect": state}
    off = ingress(ROOT, tls="cert", annotations=nginx(ssl_redirect="false"))
    assert states(*GATEWAY, off, secure) == {"ssl-redirect": "no effect"}


def test_a_host_that_only_a_redirect_for_all_answers_has_no_twin() -> None:
    redirect = filtered("RequestRedirect", scheme="https", statusCode=301)
    everyone = route(rule("/", "PathPrefix", **redirect), name="plain", host="", section="http")
    assert set(findings(*GATEWAY, ingress(ROOT, tls="cert"), everyone)) == {"MIG009"}


def test_canary_weights() -> None:
    main = ingress(ROOT)
    canary = ingress(
        ("/", "Prefix", "b"), name="canary", annotations=nginx(canary="true", canary_weight="20")
    )
    ref = INGRESS.whole.__class__("Ingress", "shop", "canary", group="networking.k8s.io")

    def weight(*services: str) -> str:
        snapshot = read_documents((*GATEWAY, main, canary, route(rule("/", "PathPrefix", *services))))
        one = twin_of(World(Scene(snapshot)), snapshot.ingresses[ref])
        return {entry.short: entry.state.value for entry in one.annotations}["canary-weight"]

    assert weight("a=80", "b=20") == "same"
    assert weight("a=50", "b=50") == "differs"
    assert weight("a") == "missing"
    # the main Ingress expects the canary's backend beside its own
    assert set(findings(*GATEWAY, main, canary, route(rule("/", "PathPrefix", "a=80", "b=20")))) == {"MIG001"}


def test_canary_by_header() -> None:
    main = ingress(ROOT)
    canary = ingress(
        ("/", "Prefix", "b"), name="canary", annotations=nginx(canary="true", canary_by_header="X-Try")
    )
    special = rule("/", "PathPrefix", "b")
    special["matches"][0]["headers"] = [{"name": "x-try", "value": "always"}]
    plain = rule("/", "PathPrefix", "a")
    assert "MIG011" not in findings(*GATEWAY, main, canary, route(special, plain))
    assert "MIG011" in findings(*GATEWAY, main, canary, route(plain))
    special["matches"][0]["headers"][0]["value"] = "yes"
    assert "MIG011" in findings(*GATEWAY, main, canary, route(special, plain))


def test_other_names_of_a_host() -> None:
    new = route(rule("/", "PathPrefix", "a"))
    aliased = ingress(ROOT, annotations=nginx(server_alias="two.test"))
    assert states(*GATEWAY, aliased, new) == {"server-alias": "missing"}
    new["spec"]["hostnames"].append("two.test")
    assert states(*GATEWAY, aliased, new) == {"server-alias": "same"}
    to_www = ingress(ROOT, annotations=nginx(from_to_www_redirect="true"))
    assert states(*GATEWAY, to_www, new) == {"from-to-www-redirect": "missing"}
    redirect = filtered("RequestRedirect", hostname=HOST)
    www = route(rule("/", "PathPrefix", **redirect), name="www", host=f"www.{HOST}")
    assert states(*GATEWAY, to_www, new, www) == {"from-to-www-redirect": "same"}


# --- policies ------------------------------------------------------------------------------------


def limited(*documents: Json) -> str:
    old = ingress(ROOT, annotations=nginx(limit_rps="20"))
    return states(*GATEWAY, old, route(rule("/", "PathPrefix", "a"), labels={"team": "shop"}), *documents)[
        "limit-rps"
    ]


def test_a_policy_of_the_kind_with_the_field_on_the_route_its_gateway_or_its_service() -> None:
    assert limited() == "policy, missing"
    assert limited(policy("BackendTrafficPolicy", "HTTPRoute/web", {"rateLimit": {}})) == "policy"
    assert limited(policy("BackendTrafficPolicy", "HTTPRoute/web", {"retry": {}})) == "policy, missing"
    assert limited(policy("BackendTrafficPolicy", "HTTPRoute/other", {"rateLimit": {}})) == "policy, missing"
    assert limited(policy("SecurityPolicy", "HTTPRoute/web", {"rateLimit": {}})) == "policy, missing"
    of_gateway = policy("BackendTrafficPolicy", "Gateway/main", {"rateLimit": {}})
    assert limited(of_gateway) == "policy, missing", "it is in another namespace than the Gateway"
    of_gateway["metadata"]["namespace"] = "infra"
    assert limited(of_gateway) == "policy"
    of_gateway["spec"]["targetRefs"][0]["sectionName"] = "https"
    assert limited(of_gateway) == "policy, missing", "the host is served by the plain listener"
    chosen = policy("BackendTrafficPolicy", "HTTPRoute/web", {"rateLimit": {}})
    selector = {"kind": "HTTPRoute", "group": GROUP, "matchLabels": {"team": "shop"}}
    chosen["spec"] = {"rateLimit": {}, "targetSelectors": [selector]}
    assert limited(chosen) == "policy"
    selector["matchLabels"] = {"team": "other"}
    assert limited(chosen) == "policy, missing"


def test_which_policy_hangs_on_the_controller() -> None:
    old = ingress(ROOT, annotations=nginx(whitelist_source_range="10.0.0.0/8"))
    new = route(rule("/", "PathPrefix", "a"))
    envoy = findings(*GATEWAY, old, new)["MIG012"]
    assert envoy.verdict == "FAIL"
    assert "SecurityPolicy authorization" in envoy.evidence[0]
    cilium = findings(*gateway("io.cilium/gateway-controller"), old, new)["MIG013"]
    assert cilium.verdict == "FAIL"
    unknown = findings(*gateway("example.com/own"), old, new)["MIG013"]
    assert "the controller is not known" in unknown.evidence[0]


def test_a_policy_that_cannot_be_read_is_unknown() -> None:
    old = ingress(ROOT, annotations=nginx(limit_rps="20"))
    whole = read_documents((*GATEWAY, old, route(rule("/", "PathPrefix", "a"))))
    store = Store()
    for part in ("classes", "gateways", "routes", "ingresses"):
        store.put_many((part, one) for one in getattr(whole, part).values())
    for kind in store.snapshot().kinds:
        store.set_state(kind, KindState("live"))
    ref = next(iter(whole.ingresses))

    def state() -> str:
        snapshot = store.snapshot()
        return twin_of(World(Scene(snapshot)), snapshot.ingresses[ref]).annotations[0].state.value

    assert state() == "policy, missing"
    store.set_state("BackendTrafficPolicy", KindState("denied", "no rights"))
    assert state() == "unknown"


def test_a_shorter_timeout_of_a_policy_is_told() -> None:
    shorter = policy(
        "BackendTrafficPolicy", "HTTPRoute/web", {"timeout": {"http": {"requestTimeout": "30s"}}}
    )
    assert judged(nginx(proxy_read_timeout="60"), shorter) == "differs"
    assert judged(nginx(proxy_read_timeout="20"), shorter) == "policy"


def test_an_extension_is_not_read_and_so_not_judged() -> None:
    traefik = gateway("traefik.io/gateway-controller")
    reference = {"group": "traefik.io", "kind": "Middleware", "name": "allow"}
    extended = {"filters": [{"type": "ExtensionRef", "extensionRef": reference}]}
    old = ingress(ROOT, annotations=nginx(whitelist_source_range="10.0.0.0/8"))
    assert findings(*traefik, old, route(rule("/", "PathPrefix", "a")))["MIG012"].verdict == "FAIL"
    found = findings(*traefik, old, route(rule("/", "PathPrefix", "a", **extended)))
    assert found["MIG015"].verdict == "UNKNOWN"


@pytest.mark.parametrize("prefix", [prefix for prefix, _ in FOREIGN_PREFIXES])
def test_annotations_of_other_controllers_are_never_dropped(prefix: str) -> None:
    key = prefix + ("thing" if prefix.endswith("/") else "")
    old = ingress(ROOT, annotations={key: "x", "example.com/own": "y"})
    found = findings(*GATEWAY, old, route(rule("/", "PathPrefix", "a")))["MIG015"]
    assert found.verdict == "UNKNOWN"
    assert foreign_controller(key) in found.evidence[0]
    assert "example.com" not in " ".join(found.evidence)


def test_hostile_values_stay_one_clean_line() -> None:
    old = ingress(ROOT, annotations={**nginx(no_such="\x1b[31m\nred"), "nginx.org/\x1b[2J": "x"})
    for one in findings(*GATEWAY, old, route(rule("/", "PathPrefix", "a"))).values():
        assert all(text.isprintable() for text in (one.summary, *one.evidence))


@pytest.mark.parametrize(
    "spec",
    [
        {"filters": [{"type": "RequestRedirect", "requestRedirect": {"statusCode": "x", "path": 3}}]},
        {"filters": [{"type": "URLRewrite", "urlRewrite": {"path": [1]}}]},
        {"filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": 5}}]},
        {"filters": [{"type": "CORS", "cors": {"allowOrigins": 5}}]},
        {"timeouts": {"request": 5}},
    ],
)
def test_what_the_api_would_refuse_is_no_error_of_ours(spec: dict[str, Any]) -> None:
    asked = nginx(
        rewrite_target="/x",
        permanent_redirect="http://[",
        enable_cors="true",
        cors_allow_origin="*",
        proxy_read_timeout="60",
        upstream_vhost="x",
        app_root="/x",
        ssl_redirect="true",
    )
    findings(
        *GATEWAY, ingress(ROOT, tls="cert", annotations=asked), route(rule("/", "PathPrefix", "a", **spec))
    )


def test_durations() -> None:
    assert [route_seconds(text) for text in ("1h2m3s", "500ms", "0s", "1.5s", "", "5")] == [
        3723.0,
        0.5,
        0.0,
        None,
        None,
        None,
    ]
    assert [nginx_seconds(text) for text in ("60", "60s", "1m", "")] == [60.0, 60.0, None, None]
