"""``pointsman route`` as a user runs it: its words, its JSON, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result
from desk_kit import WorldFacts
from pointsman.cluster.errors import UserError
from pointsman.probes.catalogue import RULES
from pointsman.tui.cli import cli

HERE = Path(__file__).resolve().parent
MANIFESTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: main, namespace: infra}
spec:
  gatewayClassName: edge
  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: main, namespace: infra}]
  hostnames: [shop.example]
  rules:
  - name: open
    matches: [{path: {type: RegularExpression, value: /x+}}, {path: {value: /open}}]
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /}}]
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /old}}]
    filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]
  - matches: [{path: {value: /none}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"""


@pytest.fixture
def manifests(tmp_path: Path) -> str:
    (tmp_path / "all.yaml").write_text(MANIFESTS)
    return str(tmp_path)


def route(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["route", *arguments], standalone_mode=False)
    if isinstance(result.exception, UserError):
        raise result.exception
    return result


def answer(*arguments: str) -> dict[str, Any]:
    """The JSON, after a look at its shape."""
    document = json.loads(route(*arguments, "-o", "json").output)
    schema = json.loads((HERE.parents[1] / "docs" / "output.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["command"] == "route"
    assert {one["rule"] for one in document["findings"]} <= set(RULES)
    return dict(document)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("http://shop.example/",), 0),
        (("http://shop.example/old", "--side", "gateway"), 0),
        (("http://shop.example/none", "--side", "gateway"), 1),
        (("http://shop.example/xx", "--side", "gateway"), 3),
        (("http://other.example/",), 1),
        (("https://shop.example/", "--side", "gateway"), 1),
        # the Ingress side has the host, and nobody listens for it on the other
        (("https://shop.example/",), 0),
    ],
)
def test_the_exit_code_says_how_it_ends(manifests: str, arguments: tuple[str, ...], code: int) -> None:
    result = route("GET", *arguments, "-f", manifests)
    assert result.return_value == code, result.output


def test_both_sides_stand_in_one_answer(manifests: str) -> None:
    text = route("http://shop.example/cart", "-f", manifests).output
    assert "Gateway infra/main" in text
    assert "k8s.io/ingress-nginx" in text
    assert "by     HTTPRoute shop/shop rule-1: PathPrefix /; host shop.example" in text
    assert "end alike" in text
    different = route("http://shop.example/old", "-f", manifests)
    assert "DIFFERENT: Ingress answered by Service shop/web:80; Gateway redirect to" in different.output


def test_the_json_holds_everything(manifests: str) -> None:
    document = answer("GET", "http://shop.example/open/x?q=1", "-H", "A: b", "-f", manifests)
    facts = document["facts"]
    assert facts["request"]["query"] == [["q", "1"]]
    assert facts["request"]["headers"] == [["A", "b"]]
    gateway, ingress = facts["traces"]
    assert (gateway["winner"]["name"], gateway["winner"]["rule"], gateway["winner"]["match"]) == (
        "shop",
        0,
        1,
    )
    assert gateway["winner"]["rule_name"] == "open"
    assert [(one["name"], one["share"]) for one in gateway["backends"]] == [("web", 1.0)]
    assert {(one["rule"], one["match"], one["reason"]) for one in gateway["lost"]} == {
        (0, 0, "path"), (1, 0, "shorter-prefix"), (2, 0, "path"), (3, 0, "path"),
    }  # fmt: skip
    assert ingress["side"] == "ingress"
    assert facts["same_end"] is True
    assert document["verdict"] == "PASS"
    assert {one["rule"] for one in document["findings"]} == {"GW803", "MIG804"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("GET", "shop.example"), "no scheme"),
        (("GET", "http://a/", "extra"), "3 words"),
        (("http://a/", "-H", "x"), "name: value"),
        (("http://a/", "--gateway", "main"), "NAMESPACE/NAME"),
        (("http://a/", "--gateway", "infra/gone"), "there are: infra/main"),
    ],
)
def test_wrong_usage_is_one_clear_line(manifests: str, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        route(*arguments, "-f", manifests)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \*.yaml"):
        route("http://a/", "-f", str(tmp_path))
    with pytest.raises(UserError, match="No such file"):
        route("http://a/", "-f", str(tmp_path / "gone.yaml"))
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(UserError, match=r"bad.yaml:2:1: not YAML: "):
        route("http://a/", "-f", str(tmp_path))


def test_hostile_text_reaches_no_terminal(tmp_path: Path) -> None:
    hostile = MANIFESTS.replace("[shop.example]", r'["\e[31mx", shop.example, "a\u202eb"]')
    hostile = hostile.replace("name: open", r'name: "[bold]\e]0;x\a"').replace(
        "value: /old", r'value: "/\e[2J"'
    )
    (tmp_path / "all.yaml").write_text(hostile)
    for url in ("http://shop.example/open", "http://other.example/"):
        for extra in ((), ("-o", "json"), ("--all",)):
            text = route(url, "-f", str(tmp_path), *extra).output
            assert all(letter.isprintable() or letter == "\n" for letter in text)


def test_a_live_cluster_is_asked_once(small_world: WorldFacts) -> None:
    cluster = ("--kubeconfig", small_world["kubeconfig"])
    assert route("http://store.example.net/", *cluster).return_value == 0
    broken = route("http://broken.example.net/", *cluster)
    assert broken.return_value == 1
    assert "500" in broken.output


NEVER_ENDING = "/(x+x+)+y"
OTHER_SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: other, namespace: shop}
spec: {ports: [{port: 80}]}
"""


AS_EXPRESSION = "annotations: {nginx.ingress.kubernetes.io/use-regex: 'true'}"


@pytest.mark.parametrize(
    ("rule", "verdict", "side", "changes"),
    [
        ("GW802", "UNKNOWN", "gateway", {"value: /x+}": f"value: {NEVER_ENDING}}}"}),
        (
            "MIG803",
            "UNKNOWN",
            "ingress",
            {
                "kind: Ingress\nmetadata: {": f"kind: Ingress\nmetadata: {{{AS_EXPRESSION}, ",
                "path: /, pathType: Prefix": f"path: {NEVER_ENDING}, pathType: ImplementationSpecific",
            },
        ),
        ("MIG802", "FAIL", "ingress", {"---\n": f"{OTHER_SERVICE}---\n"}),
    ],
)
def test_what_fails_and_what_stays_open_has_a_rule_of_its_own(
    tmp_path: Path, rule: str, verdict: str, side: str, changes: dict[str, str]
) -> None:
    manifests = MANIFESTS
    for before, after in changes.items():
        assert before in manifests
        manifests = manifests.replace(before, after, 1)
    (tmp_path / "all.yaml").write_text(manifests)
    document = answer("http://shop.example/xx", "--side", side, "-f", str(tmp_path))
    assert [(one["rule"], one["verdict"]) for one in document["findings"]] == [(rule, verdict)]
