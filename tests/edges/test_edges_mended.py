"""What the nights on real servers brought to light, each told small; and no practice world is in them."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from pointsman.checklists.checks.checklist import load_checklist
from pointsman.checklists.plans.load import load_plan
from pointsman.cluster.errors import UserError
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.http.facts import is_secret
from pointsman.probes.wire.warm.facts import WarmFacts, WarmFetch, WarmPlan
from pointsman.probes.wire.warm.judge import judge
from pty_kit import run_inside
from routing_kit import ingress, ingress_class, ingress_trace, service, world

TESTS = Path(__file__).parents[1]
HEAD = "apiVersion: pointsman/v1\nkind: Checklist\n"
PLAN = """\
apiVersion: pointsman/v1
kind: CutoverPlan
name: store
hosts: [store.shop.test]
gateway: infra/main
old: {address: 127.0.0.2}
new: {address: 127.0.0.3}
paths: [/healthz]
dns: {provider: show, zone: shop.test., authoritative: ["127.0.0.1:9"], low_ttl: 60}
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_what_the_plan_expects_is_no_error_of_the_warm_up() -> None:
    url = "https://shop.test/admin"
    plan = WarmPlan((url,), "127.0.0.1", passes=1)
    facts = WarmFacts(plan, (WarmFetch(url, 1, 403),))
    # where all of them refuse, it is not even a WARN
    assert [one.verdict for one in judge(facts) if one.rule == "HTTP051"] == [Verdict.FAIL]
    for expected, wrong in (((403,), False), ((401,), True), ((), True)):
        found = judge(replace(facts, plan=replace(plan, expected={url: expected})))
        assert any(one.rule == "HTTP051" for one in found) is wrong, expected


def test_what_browsers_may_do_is_no_secret() -> None:
    assert not is_secret("Access-Control-Allow-Credentials")
    assert is_secret("X-Credentials")


def test_a_comma_and_a_question_mark_are_told_as_what_they_are(tmp_path: Path) -> None:
    comma = "accept: [{path: /*, field: PAR051, reason: both refuse, each in its own words}]\n"
    with pytest.raises(
        UserError, match=r"plan.yaml:\d+: .*unknown field.*a comma ends a text: put it in quo"
    ):
        load_plan(written(tmp_path, "plan.yaml", PLAN + comma))
    asked = PLAN.replace("[/healthz]", "[{path: /item?id=7, statuses: [200]}]")
    with pytest.raises(UserError, match=r"plan.yaml:8: not YAML: .*a text with \? .* needs quotes"):
        load_plan(written(tmp_path, "plan.yaml", asked))


def test_the_checklist_without_a_cluster_asks_a_person_for_what_only_it_knows() -> None:
    usual, without = load_checklist("pre-cutover").checks, load_checklist("without-cluster").checks
    left_out = {one.probe for one in usual} - {one.probe for one in without}
    assert left_out == {"routes-accepted", "old-side-idle"}
    asked = [(one.id, one.gate) for one in without if one.probe == "manual"]
    before = "before-lower-ttl"
    assert asked == [("gateway-told", before), ("owner-told", before), ("idle-told", "before-retire")]
    assert [one.number for one in without] == list(range(1, len(without) + 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("leave_out: [parity]\n", "leave_out: there is nothing to leave out"),
        ("include: pre-cutover\nleave_out: [parities]\n", r"leave_out\[0\]: expected one of routes-accepted"),
        ("include: pre-cutover\nleave_out: []\n", "leave_out: expected at least 1 item"),
    ],
)
def test_what_cannot_be_left_out_is_said(tmp_path: Path, text: str, words: str) -> None:
    own = "checks: [{id: own, title: own, probe: requests, gate: before-switch}]\n"
    with pytest.raises(UserError, match=words):
        load_checklist(written(tmp_path, "checks.yaml", HEAD + text + own))


def test_what_is_left_out_may_be_put_back_otherwise(tmp_path: Path) -> None:
    own = "checks: [{id: parity, title: own, probe: parity, gate: before-switch}]\n"
    path = written(tmp_path, "checks.yaml", f"{HEAD}include: pre-cutover\nleave_out: [parity]\n{own}")
    checks = load_checklist(path).checks
    assert [one.id for one in checks].count("parity") == 1
    assert checks[-1].gate == "before-switch"
    assert len({one.number for one in checks}) == len(checks) == len(load_checklist("pre-cutover").checks)


def test_without_a_cluster_the_way_on_is_named(tmp_path: Path) -> None:
    plan = written(tmp_path, "plan.yaml", PLAN)
    ended = run_inside("check", str(plan), "--only", "routes-accepted")
    assert ended.returncode == 3
    assert "checklist: without-cluster" in " ".join(ended.stdout.split())
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("without the cluster: ")


@pytest.mark.parametrize(
    ("target", "path", "location"),
    [
        ("https://other.test/$1", "/go/a?q=1", "https://other.test/a?q=1"),
        ("https://other.test/?from=$1", "/go/a?q=1", "https://other.test/?from=a&q=1"),
        ("$scheme://other.test/$1?", "/go/a?q=1", "http://other.test/a"),
    ],
)
def test_a_rewrite_to_another_address_is_a_redirect(target: str, path: str, location: str) -> None:
    moved = ingress(
        "moved",
        [("/go/(.*)", "ImplementationSpecific", "store")],
        "shop.test",
        annotations={"rewrite-target": target},
    )
    snapshot = world(ingress_class("nginx", "k8s.io/ingress-nginx"), service("store"), moved)
    found = ingress_trace(snapshot, f"'http://shop.test{path}'").outcome
    assert (found.kind, found.status, found.location) == ("redirect", 302, location)


def test_a_rollback_of_no_run_is_one_line() -> None:
    ended = run_inside("rollback", "00000000", "--write")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "no run 00000000" in ended.stderr


def imported(path: Path) -> set[str]:
    """The modules that a file of the tests imports, by their whole names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_no_part_of_the_practice_world_is_in_the_nights() -> None:
    """Followed through every helper; the program itself is kept from it by the import contracts."""
    helpers = {path.stem: path for path in TESTS.rglob("*.py")}
    seen: set[Path] = set()
    left = [path for path in (TESTS / "edges").glob("*.py") if path != Path(__file__)]
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        names = imported(path)
        assert not [name for name in names if name.startswith("pointsman.sandbox")], path
        left += [helpers[name] for name in names if name in helpers]
    assert {"signed_servers", "real_name_servers", "pty_kit", "edges_world"} <= {path.stem for path in seen}
