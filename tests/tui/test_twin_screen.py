"""The twin on a live practice cluster: the screen, and the command that says the same."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from desk_kit import WorldFacts, open_desk
from pointsman.tui.screens.browse import BrowseScreen
from pointsman.tui.screens.twin import TwinScreen
from pointsman.tui.widgets.row_view import RowView
from pty_kit import run

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "output.schema.json"
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {nginx.ingress.kubernetes.io/auth-url: "http://auth/"}}
spec:
  ingressClassName: nginx
  rules:
    - host: shop.test
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: main, namespace: shop}
spec: {gatewayClassName: new, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  hostnames: [shop.test]
  parentRefs: [{name: main}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
"""


# -- the screen


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_t_opens_the_ingress_of_the_route_and_escape_leads_back(
    world: WorldFacts, size: tuple[int, int]
) -> None:
    async with open_desk(world, size) as desk:
        routes = desk.app.screen.query_one("#routes", RowView)
        assert routes.select(
            next(row.ref for row in desk.app.picture.overview.routes if row.ref.name == "www")
        )
        await desk.press("t")
        await desk.until_shown("INGRESS shop/www (nginx)")
        text = desk.text()
        for told in (
            "GATEWAY infra/main",
            "different backend",
            "was www:8080, now www:8080 90 %",
            "certificates",
        ):
            assert told in text
        assert max(map(len, text.splitlines())) <= size[0]
        assert "pointsman twin shop/www" in desk.app.commands
        await desk.press("escape")
        assert isinstance(desk.app.screen, BrowseScreen)


async def test_several_ingresses_of_a_host_are_a_list_to_choose_from(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        desk.app.open_twin(("pay.shop.test",))
        await desk.until_shown("INGRESSES 2")
        assert "payments/ledger" in desk.text()
        assert "shop/checkout" in desk.text()
        assert "shop/www" not in desk.text()
        await desk.press("enter")
        await desk.until_shown("INGRESS payments/ledger (nginx)")
        await desk.press("escape")
        assert "INGRESSES 2" in desk.text()


async def test_the_list_of_all_has_what_is_wrong_first(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await desk.press("colon")
        await desk.type("twin")
        await desk.press("enter")
        await desk.until_shown("INGRESSES 15")
        rows = desk.text().splitlines()
        first = next(row for row in rows if "legacy/status" in row)
        quiet = next(row for row in rows if "legacy/admin" in row)
        assert rows.index(first) < rows.index(quiet)
        assert "no twin yet" in quiet
        assert isinstance(desk.app.screen, TwinScreen)


async def test_a_host_without_an_ingress_shows_all_and_says_so(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        desk.app.open_twin(("nowhere.test",))
        await desk.until_shown("no Ingress has nowhere.test; these are all")
        assert "INGRESSES 15" in desk.text()


# -- the command


def test_one_ingress_as_text(world: WorldFacts) -> None:
    ended = run("twin", "shop/account", "--kubeconfig", world["kubeconfig"])
    assert (ended.returncode, ended.stderr) == (0, "")
    text = " ".join(ended.stdout.split())
    assert "INGRESS shop/account (nginx) GATEWAY infra/main" in text
    assert "backend-protocol: HTTPS" in text
    assert "WARN MIG012 no policy carries proxy-body-size" in text
    assert "defaults of ingress-nginx" in text
    assert max(map(len, ended.stdout.splitlines())) <= 100


def test_a_host_as_json(world: WorldFacts) -> None:
    ended = run("twin", "--host", "PAY.shop.test", "-o", "json", "--kubeconfig", world["kubeconfig"])
    document = json.loads(ended.stdout)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert document["command"] == "twin"
    named = {entry["ingress"]["name"]: entry for entry in document["facts"]["ingresses"]}
    assert set(named) == {"checkout", "ledger"}
    (path,) = named["ledger"]["hosts"][0]["paths"]
    assert (path["path"], path["likeness"]) == ("/ledger", "same")
    states = {entry["key"].rpartition("/")[2]: entry["state"] for entry in named["checkout"]["annotations"]}
    assert states["limit-rps"] == "policy"


def test_without_a_name_a_line_each(world: WorldFacts) -> None:
    ended = run("twin", "-n", "legacy", "--kubeconfig", world["kubeconfig"])
    assert ended.returncode == 1, "legacy/status answers 404"
    rows = ended.stdout.splitlines()
    assert rows[0].startswith("5 Ingresses   4 with a twin")
    assert [row.split()[0 if row.startswith("  ") else 1] for row in rows[1:]] == [
        f"legacy/{name}" for name in ("admin", "blog", "docs", "mail", "status")
    ]


def test_what_is_not_there_is_told(world: WorldFacts) -> None:
    for arguments in (("shop/nothing",), ("--host", "nothing.test")):
        ended = run("twin", *arguments, "--kubeconfig", world["kubeconfig"])
        assert (ended.returncode, ended.stdout) == (2, "")
        assert len(ended.stderr.splitlines()) == 1
        assert "there is no Ingress" in ended.stderr


def test_files_and_no_cluster(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(INGRESS)
    new.write_text(GATEWAY)
    alone = run("twin", "-f", str(old))
    assert alone.returncode == 0
    assert "no twin yet" in alone.stdout
    both = run("twin", "shop/web", "-f", str(tmp_path))
    assert both.returncode == 1, "whom the old side keeps out is let in"
    assert "FAIL" in both.stdout
    assert "auth-url" in both.stdout
    old.write_text("a: b\n  c: [")
    broken = run("twin", "-f", str(old))
    assert (broken.returncode, broken.stdout) == (2, "")
    assert f"{old}:2" in broken.stderr
    missing = run("twin", "-f", str(tmp_path / "none"))
    assert missing.returncode == 2
    assert "none: No such file or directory; name a file" in missing.stderr
