"""``pointsman plan`` and ``check`` as a user runs them, against the practice shop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from plan_kit import OUTPUT, run_all, run_here
from pointsman.checklists.plans.derive import derive
from pointsman.checklists.plans.find import Wanted, find
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.plans.look import Asking, look
from pointsman.checklists.plans.model import ObjectName
from pointsman.checklists.plans.write import write_plan
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.watch import load_once
from pointsman.cluster.snapshot import Snapshot


@pytest.fixture(scope="module")
def snapshot(shop: dict[str, Any]) -> Snapshot:
    connection = connect(shop["kubeconfig"], None)
    try:
        return load_once(connection, None)
    finally:
        connection.close()


def asking(shop: dict[str, Any]) -> Asking:
    return Asking((shop["dns_authoritative"],), resolvers=(shop["dns_resolver"],), deadline_s=20)


def options(shop: dict[str, Any]) -> list[str]:
    return [
        *("--kubeconfig", shop["kubeconfig"], "--ca", shop["ca_file"], "--port", str(shop["https_port"])),
        *("--server", shop["dns_authoritative"], "--resolver", shop["dns_resolver"]),
    ]


async def test_every_host_of_the_shop_gets_a_plan_that_loads(
    shop: dict[str, Any], snapshot: Snapshot, tmp_path: Path
) -> None:
    edge = {"img.shop.test", "status.shop.test", "docs.shop.test", "mail.shop.test"}
    for name, hosts in (("edge", edge), ("main", shop["plans"].keys() - edge)):
        asked = Wanted(
            hosts=tuple(sorted(hosts)),
            gateway=ObjectName("infra", name),
            port=shop["https_port"],
            ca_file=shop["ca_file"],
        )
        seen = await look(find(snapshot, asked), asked, asking(shop))
        for host in hosts:
            one = replace(asked, hosts=(host,))
            plan = derive(find(snapshot, one), one, seen)
            file = tmp_path / f"{host}.yaml"
            file.write_text(write_plan(plan))
            assert file.read_text() == write_plan(derive(find(snapshot, one), one, seen))
            assert yaml.safe_load(file.read_text()) == plan.plain()
            read, known = load_plan(file), load_plan(shop["plans"][host])
            assert read.hosts == (host,)
            assert (read.old.address, read.new.address) == (known.old.address, known.new.address)
            assert (read.dns.zone, read.dns.authoritative) == (known.dns.zone, known.dns.authoritative)
            # a route that serves the host without TLS only is none to cut over to
            assert {str(each) for each in read.routes} <= {str(each) for each in known.routes}
            assert {str(each) for each in read.ingress} == {str(each) for each in known.ingress}


async def test_the_whole_gateway_in_waves(shop: dict[str, Any], snapshot: Snapshot, tmp_path: Path) -> None:
    asked = Wanted(gateway=ObjectName("infra", "main"), port=shop["https_port"], ca_file=shop["ca_file"])
    found = find(snapshot, asked)
    plan = derive(found, asked, await look(found, asked, asking(shop)))
    (tmp_path / "plan.yaml").write_text(write_plan(plan))
    read = load_plan(tmp_path / "plan.yaml")
    assert len(read.hosts) > 5
    assert sorted(host for wave in read.waves for host in wave) == sorted(read.hosts)
    assert len(read.waves[0]) == 1
    assert read.traffic.old.pods is not None
    assert read.traffic.old.pods.controller == "ingress-nginx"
    assert read.traffic.new.pods is not None
    assert read.traffic.new.pods.namespace == "envoy-gateway-system"
    assert {path.path: path.hosts for path in read.paths}["/api"] == ("store.shop.test",)


def test_the_command_and_its_exit_codes(shop: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "plan.yaml"
    there = tmp_path / "there.yaml"
    there.write_text("mine")
    nowhere = ("--kubeconfig", str(tmp_path / "none"))
    known = options(shop)
    written = run_here("plan", "--ingress", "shop/store", "--out", out, *known)
    shown = run_here("plan", "--ingress", "shop/store", "-o", "json", *known)
    partial = run_here("plan", "--ingress", "shop/store", "--no-ask", *known)
    wrong = run_here("plan", "--ingress", "shop/nope", *known)
    refused = run_here("plan", "--ingress", "shop/store", "--out", there, *known)
    nothing = run_here("plan", "--ingress", "shop/store", *nowhere)
    assert (written.code, written.out, written.err) == (0, "", "")
    assert load_plan(out).hosts == ("store.shop.test",)
    document = json.loads(shown.out)
    OUTPUT.validate(document)
    assert (shown.code, document["verdict"]) == (0, "PASS")
    assert document["facts"]["plan"] == yaml.safe_load(out.read_text())
    assert document["facts"]["yaml"] == out.read_text()
    assert partial.code == 3
    assert "not known: dns.zone" in partial.err
    assert yaml.safe_load(partial.out)["hosts"] == ["store.shop.test"]
    assert (wrong.code, wrong.out) == (2, "")
    assert "there is no Ingress shop/nope" in wrong.err
    assert refused.code == 2
    assert there.read_text() == "mine"
    assert (nothing.code, nothing.out) == (2, "")
    assert len(nothing.err.splitlines()) == 1


def test_a_check_in_a_pipeline(shop: dict[str, Any], tmp_path: Path) -> None:
    store, admin = shop["plans"]["store.shop.test"], shop["plans"]["admin.shop.test"]
    cluster = ("--kubeconfig", shop["kubeconfig"])
    own = yaml.safe_load(Path(store).read_text())
    (tmp_path / "checks.yaml").write_text(
        "apiVersion: pointsman/v1\nkind: Checklist\nchecks:\n"
        "  - {id: told, title: told, probe: manual, gate: before-switch, params: {question: 'on call?'}}\n"
        "  - {id: own, title: own, probe: command, gate: before-switch, params: {run: ['true']}}\n"
    )
    own["checklist"] = "checks.yaml"
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    nowhere = ("--kubeconfig", tmp_path / "none")
    commands: list[list[str | Path]] = [
        ["check", store, "--only", "tls-chain", "-o", "junit", *nowhere],
        ["check", admin, "--only", "requests", "-o", "json", *cluster],
        ["check", store, "--only", "nope", *nowhere],
        ["check", store, "--only", "routes-accepted", "-o", "markdown", *nowhere],
    ]
    passed, failed, wrong, unknown = run_all(*commands)
    told = run_here("check", tmp_path / "own.yaml", "--attest", "told", *nowhere)
    asked = run_here("check", tmp_path / "own.yaml", "-o", "junit", *nowhere)
    assert passed.code == 0, passed.err
    case = ElementTree.fromstring(passed.out).find(".//testcase")
    assert case is not None
    assert case.find("failure") is None
    assert failed.code == 1, failed.err
    document = json.loads(failed.out)
    OUTPUT.validate(document)
    assert (document["verdict"], document["command"]) == ("FAIL", "check")
    assert (wrong.code, wrong.out) == (2, "")
    assert len(wrong.err.splitlines()) == 1
    assert unknown.code == 3
    assert unknown.out.startswith("### UNKNOWN: store\n")
    assert "without the cluster" in unknown.err
    assert told.code == 0, told.out
    assert asked.code == 3
    error = ElementTree.fromstring(asked.out).find(".//error")
    assert error is not None
    assert "on call?" in error.attrib["message"]


def test_a_cutover_goes_past_a_question_that_was_answered_beforehand(
    shop: dict[str, Any], tmp_path: Path
) -> None:
    plan = yaml.safe_load(Path(shop["plans"]["store.shop.test"]).read_text())
    (tmp_path / "checks.yaml").write_text(
        "apiVersion: pointsman/v1\nkind: Checklist\nchecks:\n"
        "  - {id: told, title: told, probe: manual, gate: before-lower-ttl, params: {question: 'told?'}}\n"
    )
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan | {"checklist": "checks.yaml"}))
    nowhere = ("--kubeconfig", tmp_path / "none")
    asked = run_here("cutover", tmp_path / "plan.yaml", *nowhere)
    assert asked.code == 1
    assert "the gate before-lower-ttl is shut: told" in asked.out
    answered = run_here("cutover", tmp_path / "plan.yaml", "--attest", "told", *nowhere)
    assert answered.code == 1
    assert "confirmed by hand: told" in answered.err
    assert "writing is off for this run" in answered.out
    wrong = run_here("cutover", tmp_path / "plan.yaml", "--attest", "nope", *nowhere)
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "no manual check" in wrong.err
