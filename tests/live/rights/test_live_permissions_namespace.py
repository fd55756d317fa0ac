"""namespace.yaml on a real API server: what one namespace tells; the rest is UNKNOWN, and not missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pointsman.cluster.client.connect import connect
from pointsman.cluster.errors import ApiError
from pointsman.cluster.refs import ObjectRef
from rights_kit import READING, Json, Right, Scene, asked, documents, refused, right_of, rights_of
from rights_session import fetch_each, fetch_some_events, findings, follow, look_once, said, states

pytestmark = pytest.mark.live
OF_THE_CLUSTER = frozenset(
    {"GatewayClass", "Namespace", "CustomResourceDefinition", "IngressClass", "ClusterIssuer", "XMesh"}
)
INGRESS = ObjectRef("Ingress", "shop", "store", group="networking.k8s.io")
GATEWAYS = "gateway.networking.k8s.io"


@pytest.fixture(scope="module")
def with_all(scene: Scene) -> dict[str, frozenset[str]]:
    """What the administrator is told."""
    kubeconfig = scene.server.kubeconfig()
    return said(kubeconfig, look_once(kubeconfig))


def claims(told: dict[str, frozenset[str]]) -> set[str]:
    return {
        line
        for lines in told.values()
        for line in lines
        if not line.startswith(("UNKNOWN ", "exit code", "refused: "))
    }


def let_into(scene: Scene, user: str, *namespaces: str) -> None:
    roles: list[Json] = []
    for namespace in namespaces:
        roles += documents("namespace.yaml", user=user, namespace=namespace)
    scene.clerk.let(user, roles)


def test_one_namespace_is_told_and_the_rest_is_unknown(
    scene: Scene, with_all: dict[str, frozenset[str]]
) -> None:
    user = "user-54"
    let_into(scene, user, "shop")
    kubeconfig = scene.server.kubeconfig(user, "shop")
    mark = scene.server.audit_mark()
    snapshot = look_once(kubeconfig, ("shop",))
    found = states(snapshot)
    denied = {kind for kind, words in found.items() if words.startswith("denied")}
    assert denied == OF_THE_CLUSTER
    assert {words for kind, words in found.items() if kind not in denied} == {
        "live in shop: only namespace shop"
    }
    told = said(kubeconfig, snapshot)
    assert claims(told) <= claims(with_all), "nothing is said that the whole does not say"
    assert any(line.startswith("UNKNOWN MIG008 Ingress/shop/store") for line in told["twin"])
    assert "exit code 3" in told["route"] & told["twin"]
    why = "which Gateway these hosts have cannot be told: HTTPRoute objects could be read in shop only"
    assert told["plan"] == {f"refused: {why}; say which: --gateway NS/NAME", "exit code 2"}
    samples = [ref for ref in scene.samples if ref.namespace == "shop" and ref.kind != "NetworkPolicy"]
    assert not any(fetch_each(kubeconfig, samples).values())
    assert not fetch_some_events(kubeconfig, INGRESS)
    follow(kubeconfig, lambda known: set(known) == set(found) and known["HTTPRoute"] == found["HTTPRoute"])
    events = scene.server.audit(user, mark)
    assert {one.verb for one in asked(events)} <= READING
    assert all(one.where == "" for one in refused(events)), "in its own namespace nothing is refused"
    given = {one for one in map(right_of, answered(events)) if one.where == "shop"}
    without_object = {
        one for one in rights_of(documents("namespace.yaml")) if one.verb == "get" and one not in given
    }
    assert set(rights_of(documents("namespace.yaml"))) - without_object == given
    assert {one.resource for one in without_object} <= NONE_IN_SHOP


# of these the shop has one elsewhere, or none
NONE_IN_SHOP = frozenset(
    {"gateways", "grpcroutes", "httproutes", "ingresses", "listenersets", "referencegrants", "services"}
    | {"tlsroutes", "backendtrafficpolicies", "deployments"}
)


def answered(events: list[Json]) -> list[Json]:
    return [one for one in events if one["responseStatus"].get("code") != 403]


def test_the_namespace_of_the_context_is_found_without_being_named(scene: Scene) -> None:
    let_into(scene, "user-55", "shop")
    assert states(look_once(scene.server.kubeconfig("user-55", "shop")))["Ingress"] == (
        "live in shop: only namespace shop"
    )
    elsewhere = states(look_once(scene.server.kubeconfig("user-55", "default")))
    assert elsewhere["Ingress"].startswith("denied: not allowed")


def test_a_plan_is_checked_without_its_gateway_or_with_it(scene: Scene) -> None:
    plan = str(scene.world.info.plans["store.shop.test"])
    let_into(scene, "user-56", "shop")
    told = findings(scene.server.kubeconfig("user-56", "shop"), "check", plan, "-n", "shop")
    assert "UNKNOWN CUT004 Gateway/infra/main/" in told
    assert not [line for line in told if line.startswith(("FAIL CUT002", "FAIL CUT003", "FAIL CUT005"))]
    let_into(scene, "user-57", "shop", "infra")
    told = findings(scene.server.kubeconfig("user-57", "shop"), "check", plan, "-n", "shop", "-n", "infra")
    assert "PASS CUT003 Gateway/infra/main/https" in told
    assert not [line for line in told if line.startswith(("UNKNOWN CUT004", "FAIL CUT00"))]


# -- as somebody else


def as_another(scene: Scene, user: str, other: str) -> Path:
    document = yaml.safe_load(scene.server.kubeconfig(user).read_text())
    document["users"][0]["user"]["as"] = other
    path = scene.server.folder / f"{user}-as-{other}.kubeconfig"
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o600)
    return path


def test_as_somebody_else_nothing_but_impersonate_is_needed(scene: Scene) -> None:
    scene.clerk.let("user-58", documents("read-only.yaml", "controller-pods.yaml", user="user-58"))
    kubeconfig = as_another(scene, "user-59", "user-58")
    connection = connect(str(kubeconfig))
    try:
        with pytest.raises(ApiError) as caught:
            connection.get_json(f"/apis/{GATEWAYS}/v1/httproutes")
    finally:
        connection.close()
    assert '{apiGroups: [""], resources: [users], verbs: [impersonate]}' in str(caught.value)
    rule = {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["user-58"]}
    scene.admin.grant("user-59", [rule])
    try:
        scene.clerk.wait("user-59", {Right("", "users", "impersonate")})
        mark = scene.server.audit_mark()
        assert set(states(look_once(kubeconfig)).values()) == {"live"}
        events = scene.server.audit("user-59", mark)
        assert {one["impersonatedUser"]["username"] for one in events} == {"user-58"}
        assert not refused(events)
    finally:
        scene.admin.revoke("user-59")
