"""What breaks a migration beside the route: certificates, networks, DNS, load balancers; and the pairs of
Ingress and Gateway that a converter made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from corpus_truth import SHARED
from pointsman.cluster.rules.hosts import host_keys
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.store import KindState, Store, read_documents
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.twin.twin import twin_of
from pointsman.probes.state.world import World
from pointsman.probes.verdict import Verdict
from twin_kit import GROUP, HOST, INGRESS, Json, findings, gateway, ingress, nginx, route, rule, twin

GATEWAY = gateway()
ROOT = ("/", "Prefix", "a")
ROUTE = route(rule("/", "PathPrefix", "a"))
FIXTURES = SHARED / "corpus/ingress2gateway/main/inputs/pkg/i2gw/providers/nginx/fixtures/annotations"


def deployment(
    name: str, image: str, namespace: str = "infra", args: tuple[str, ...] = (), **labels: str
) -> Json:
    """A Deployment; underscores of labels are the dots and slashes of nobody: use ``app``."""
    container = {"name": "main", "image": image, "args": list(args)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}},
    }


NGINX_POD = deployment(
    "nginx", "registry.k8s.io/ingress-nginx/controller:v1.13.3", "ingress-nginx", app="nginx"
)


# --- not begun, half begun, not to be seen -------------------------------------------------------


def test_an_ingress_without_a_twin_is_one_quiet_line() -> None:
    old = ingress(
        ROOT, annotations=nginx(auth_url="http://auth/", whitelist_source_range="10.0.0.0/8"), tls="c"
    )
    (found,) = diagnose(read_documents((*GATEWAY, old, NGINX_POD)))
    assert (found.rule, found.verdict) == ("MIG009", Verdict.SKIP)


def test_one_host_of_two() -> None:
    old = ingress(ROOT)
    old["spec"]["rules"].append({**old["spec"]["rules"][0], "host": "other.test"})
    found = findings(*GATEWAY, old, ROUTE)
    assert found["MIG010"].verdict is Verdict.WARN
    assert "other.test" in found["MIG010"].summary
    assert "shop.test" in found["MIG001"].summary


@pytest.mark.parametrize(
    ("state", "rules"), [("denied", {"MIG009"}), ("failed", {"MIG009"}), ("loading", set())]
)
def test_routes_that_cannot_be_seen_are_not_none(state: Any, rules: set[str]) -> None:
    store = Store()
    for part, kind in (("gateways", "Gateway"), ("classes", "GatewayClass"), ("ingresses", "Ingress")):
        whole = read_documents((*GATEWAY, ingress(ROOT)))
        store.put_many((part, one) for one in getattr(whole, part).values())
        store.set_state(kind, KindState("live"))
    store.set_state("HTTPRoute", KindState(state))
    found = [one for one in diagnose(store.snapshot()) if one.rule.startswith("MIG")]
    assert {one.rule for one in found} == rules
    assert all(one.verdict is Verdict.UNKNOWN for one in found)


def test_host_keys_are_the_names_that_may_serve_a_host() -> None:
    assert host_keys("A.b.test") == ("a.b.test", "*.b.test", "*.test", "")
    assert host_keys("*.b.test") == ("*.b.test", "*.test", "")
    assert host_keys("") == ("",)


def test_a_wildcard_ingress_and_a_wildcard_route() -> None:
    old = ingress(ROOT, host="*.test")
    assert set(findings(*GATEWAY, old, route(rule("/", "PathPrefix", "a"), host="*.test"))) == {"MIG001"}
    # a route for all that leads elsewhere is nobody's twin
    single = ingress(ROOT, host="one.test")
    assert set(findings(*GATEWAY, single, route(rule("/", "PathPrefix", "z"), host="*.test"))) == {"MIG009"}
    assert set(findings(*GATEWAY, single, route(rule("/", "PathPrefix", "a"), host="*.test"))) == {"MIG001"}


def test_an_ingress_for_any_host() -> None:
    old = ingress(ROOT, host="")
    assert set(findings(*GATEWAY, old, route(rule("/", "PathPrefix", "a"), host=""))) == {"MIG001"}


# --- certificates --------------------------------------------------------------------------------


def test_a_host_with_a_certificate_needs_a_tls_listener() -> None:
    plain = gateway(http={"port": 80, "protocol": "HTTP"})
    old = ingress(ROOT, tls="cert", annotations=nginx(ssl_redirect="false"))
    assert findings(*plain, old, ROUTE)["MIG020"].verdict is Verdict.FAIL
    assert "MIG020" not in findings(*GATEWAY, old, ROUTE)


def test_plain_http_that_only_tls_answers_is_told() -> None:
    old = ingress(ROOT)
    secure = route(rule("/", "PathPrefix", "a"), section="https")
    assert set(findings(*GATEWAY, old, secure)) == {"MIG001", "MIG025"}
    redirect = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
    plain = route(rule("/", "PathPrefix", filters=[redirect]), name="plain", host="", section="http")
    assert set(findings(*GATEWAY, old, secure, plain)) == {"MIG001"}


def test_an_ingress_whose_paths_an_older_one_has_changes_nothing() -> None:
    old = ingress(ROOT, annotations=nginx(whitelist_source_range="10.0.0.0/8"))
    first = ingress(ROOT, name="first")
    assert "MIG012" in findings(*GATEWAY, old, ROUTE)
    assert set(findings(*GATEWAY, old, first, ROUTE)) == {"MIG001"}


def test_the_certificates_are_set_side_by_side() -> None:
    old = ingress(ROOT, tls="cert")
    (copied,) = twin(*GATEWAY, old, ROUTE).tls
    assert (copied.old, copied.new, copied.same) == ("shop/cert", "infra/cert", False)
    assert "another namespace" in copied.words
    reference = {"name": "cert", "namespace": "shop"}
    https = {"port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [reference]}}
    grant: Json = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "none", "namespace": "shop"},
        "spec": {"from": [], "to": []},
    }
    (same,) = twin(*gateway(https=https), old, ROUTE, grant).tls
    assert same.same
    assert "ReferenceGrant" in same.words


def issuer(*solvers: Json, kind: str = "ClusterIssuer") -> Json:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": kind,
        "metadata": {"name": "acme"} | ({"namespace": "shop"} if kind == "Issuer" else {}),
        "spec": {"acme": {"solvers": list(solvers)}},
    }


OLD_SOLVER: Json = {"http01": {"ingress": {"ingressClassName": "nginx"}}}


@pytest.mark.parametrize(
    ("solvers", "told"),
    [
        ((OLD_SOLVER,), True),
        (({"http01": {"ingress": {"class": "nginx"}}},), True),
        (({"http01": {"ingress": {"name": "solver"}}},), True),
        (({"http01": {"ingress": {}}},), True),
        (({"http01": {"ingress": {"class": "other"}}},), False),
        (({"http01": {"gatewayHTTPRoute": {"parentRefs": []}}},), False),
        (({"dns01": {"route53": {}}},), False),
        # the most specific selector wins
        ((OLD_SOLVER, {"dns01": {}, "selector": {"dnsZones": ["test"]}}), False),
        (
            (
                {"dns01": {}, "selector": {"dnsZones": ["test"]}},
                {**OLD_SOLVER, "selector": {"dnsNames": [HOST]}},
            ),
            True,
        ),
        (({**OLD_SOLVER, "selector": {"dnsZones": ["elsewhere.test"]}},), False),
        ((), False),
    ],
)
def test_http01_on_the_old_class(solvers: tuple[Json, ...], told: bool) -> None:
    annotations = {"cert-manager.io/cluster-issuer": "acme", **nginx(ssl_redirect="false")}
    old = ingress(ROOT, tls="cert", annotations=annotations)
    assert ("MIG021" in findings(*GATEWAY, old, ROUTE, issuer(*solvers))) is told


def test_an_issuer_of_the_namespace_and_one_that_the_gateway_names() -> None:
    mine = ingress(ROOT, tls="cert", annotations={"cert-manager.io/issuer": "acme"})
    assert "MIG021" in findings(*GATEWAY, mine, ROUTE, issuer(OLD_SOLVER, kind="Issuer"))
    bare = ingress(ROOT, tls="cert")
    new_class, gate = gateway()
    gate["metadata"]["annotations"] = {"cert-manager.io/cluster-issuer": "acme"}
    assert "MIG021" in findings(new_class, gate, bare, ROUTE, issuer(OLD_SOLVER))


# --- networks ------------------------------------------------------------------------------------


def service(name: str = "a", namespace: str = "shop", **spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [{"port": 80}], **spec},
    }


def network_policy(*peers: Json, selector: dict[str, str] | None = None, **spec: Any) -> Json:
    rules: list[Json] = [{"from": list(peers)}] if peers else []
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "only", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": selector or {}}, "ingress": rules, **spec},
    }


def of_namespace(name: str) -> Json:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


SERVICE = service(selector={"app": "a"})
PROXY = deployment("proxy", "envoyproxy/envoy:v1", "envoy-system", app="envoy")
PROXY["metadata"]["labels"] |= {
    "gateway.envoyproxy.io/owning-gateway-name": "main",
    "gateway.envoyproxy.io/owning-gateway-namespace": "infra",
}


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [
        (network_policy(of_namespace("ingress-nginx")), Verdict.FAIL),
        (network_policy(of_namespace("ingress-nginx"), of_namespace("envoy-system")), None),
        (
            network_policy({**of_namespace("envoy-system"), "podSelector": {"matchLabels": {"app": "x"}}}),
            Verdict.FAIL,
        ),
        (
            network_policy(
                {**of_namespace("envoy-system"), "podSelector": {"matchLabels": {"app": "envoy"}}}
            ),
            None,
        ),
        # without a namespaceSelector only pods of its own namespace are meant
        (network_policy({"podSelector": {"matchLabels": {"app": "envoy"}}}), Verdict.FAIL),
        (network_policy({"ipBlock": {"cidr": "10.0.0.0/8"}}), Verdict.UNKNOWN),
        (network_policy(), Verdict.FAIL),
        (network_policy(of_namespace("ingress-nginx"), selector={"app": "other"}), None),
        (network_policy(of_namespace("ingress-nginx"), policyTypes=["Egress"]), None),
    ],
)
def test_network_policies(policy: Json, verdict: Verdict | None) -> None:
    found = findings(*GATEWAY, ingress(ROOT), ROUTE, SERVICE, NGINX_POD, PROXY, policy).get("MIG022")
    assert (found.verdict if found else None) is verdict


def test_a_policy_that_admits_all_opens_what_another_shuts() -> None:
    shut = network_policy(of_namespace("ingress-nginx"))
    everybody = network_policy()
    everybody["metadata"]["name"], everybody["spec"]["ingress"] = "all", [{}]
    world = (*GATEWAY, ingress(ROOT), ROUTE, SERVICE, NGINX_POD, PROXY)
    assert "ingress-nginx is" in findings(*world, shut)["MIG022"].summary
    assert "MIG022" not in findings(*world, shut, everybody)


def test_where_the_new_proxies_run_is_not_guessed() -> None:
    shut = network_policy(of_namespace("ingress-nginx"))
    found = findings(*GATEWAY, ingress(ROOT), ROUTE, SERVICE, NGINX_POD, shut)["MIG022"]
    assert found.verdict is Verdict.UNKNOWN


# --- load balancers and listeners ----------------------------------------------------------------


def balanced(name: str, address: str, namespace: str, policy: str, **selector: str) -> Json:
    entry = service(name, namespace, type="LoadBalancer", externalTrafficPolicy=policy, selector=selector)
    return {**entry, "status": {"loadBalancer": {"ingress": [{"ip": address}]}}}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Cluster", "Cluster", None),
        ("Cluster", "Local", None),
        ("Local", "Local", None),
        ("Local", "Cluster", "hides the address"),
    ],
)
def test_external_traffic_policy(old: str, new: str, words: str | None) -> None:
    new_class, gate = gateway()
    gate["status"] = {"addresses": [{"value": "203.0.113.9"}]}
    world = (
        *(new_class, gate, ingress(ROOT), ROUTE, SERVICE, NGINX_POD),
        balanced("nginx", "198.51.100.4", "ingress-nginx", old, app="nginx"),
        balanced("envoy", "203.0.113.9", "envoy-system", new, app="envoy"),
    )
    found = findings(*world).get("MIG023")
    assert (words is None) == (found is None)
    assert found is None or words in found.summary  # type: ignore[operator]


# --- external-dns --------------------------------------------------------------------------------


def external_dns(*args: str) -> Json:
    return deployment("dns", "registry.k8s.io/external-dns/external-dns:v0.20.0", "dns", args)


@pytest.mark.parametrize(
    ("args", "rules", "words"),
    [
        (("--source=ingress",), {"MIG030", "MIG031"}, "put back"),
        (
            ("--source=gateway-httproute", "--policy=upsert-only"),
            {"MIG030"},
            "as soon as its route is attached",
        ),
        (
            ("--source", "ingress", "--source", "gateway-httproute", "--policy", "sync"),
            {"MIG030", "MIG031"},
            "first",
        ),
        (("--source=service",), set(), ""),
    ],
)
def test_external_dns(args: tuple[str, ...], rules: set[str], words: str) -> None:
    found = findings(*GATEWAY, ingress(ROOT), ROUTE, external_dns(*args))
    assert set(found) == {"MIG001", *rules}
    if rules:
        assert words in found["MIG030"].summary
        assert HOST in found["MIG030"].summary
    assert set(findings(*GATEWAY, ingress(ROOT), external_dns(*args))) == {"MIG009"}, "no host has a twin"


@pytest.mark.parametrize("prefix", ["external-dns.alpha.kubernetes.io/", "external-dns.kubernetes.io/"])
def test_settings_of_external_dns_that_only_the_ingress_has(prefix: str) -> None:
    old = ingress(
        ROOT, annotations={f"{prefix}ttl": "60", f"{prefix}target": "lb.test", f"{prefix}hostname": HOST}
    )
    found = findings(*GATEWAY, old, ROUTE)["MIG032"]
    assert "target, ttl" in found.summary
    new_class, gate = gateway()
    gate["metadata"]["annotations"] = {"external-dns.alpha.kubernetes.io/target": "lb.test"}
    repeated = route(rule("/", "PathPrefix", "a"), annotations={f"{prefix}ttl": "60"})
    assert "MIG032" not in findings(new_class, gate, old, repeated)


# --- what a converter made -----------------------------------------------------------------------

# worked out by hand from the files: the path, and how it compares
PAIRS = {
    "nginx-grpc-services": {"/helloworld.Greeter/SayHello": "narrower"},
    "nginx-hsts": {"/": "same"},
    "nginx-listen-ports": {"/app": "same"},
    "nginx-proxy-hide-headers": {"/api": "same"},
    "nginx-proxy-set-headers": {"/echo": "same"},
    "nginx-rewrite": {"/app": "same"},
    # its redirect stands before the backend for the same requests, on the only listener that has a route
    "nginx-ssl-redirect": {"/": "different backend"},
}


def documents(file: Path) -> list[Json]:
    return [one for one in yaml.safe_load_all(file.read_text()) if isinstance(one, dict)]


@pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"no fixtures at {FIXTURES}; set POINTSMAN_SHARED")
@pytest.mark.parametrize("name", PAIRS)
def test_what_ingress2gateway_made_of_an_ingress(name: str) -> None:
    pair = [*documents(FIXTURES / "input" / f"{name}.yaml"), *documents(FIXTURES / "output" / f"{name}.yaml")]
    snapshot = read_documents(pair)
    (old,) = snapshot.ingresses.values()
    one = twin_of(World(Scene(snapshot)), old)
    assert {path.old.path: path.likeness.value for host in one.hosts for path in host.paths} == PAIRS[name]
    # its annotations are those of another controller: listed, and not judged
    assert {entry.key for entry in one.annotations} == set(old.meta.annotations)
    assert {entry.state.value for entry in one.annotations} == {"look by hand"}


def test_the_order_of_documents_does_not_matter() -> None:
    world = [*GATEWAY, ingress(ROOT, tls="cert"), ROUTE, SERVICE, NGINX_POD, PROXY]
    assert diagnose(read_documents(world)) == diagnose(read_documents(reversed(world)))
    assert INGRESS in read_documents(world).ingresses
