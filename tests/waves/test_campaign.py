"""Waves as they run: each with its own journal, consent and way back, in their order whatever is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from pointsman.checklists.journal.file import list_runs, waves_of
from pointsman.checklists.machine.events import TurnChanged
from pointsman.checklists.machine.view import Confirm, RollBack, RunView
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.running.campaign import Campaign
from pointsman.checklists.running.run import CutoverRun
from pointsman.cluster.errors import UserError
from pointsman.sandbox.scenario import Pace
from pty_kit import run
from wave_kit import ACCOUNT, CART, Practice, practice_world

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "output.schema.json"
LONGEST_S = 40.0


@pytest.fixture
def practice() -> Iterator[Practice]:
    with practice_world(Pace(old_ttl=2, low_ttl=1, watch=1.5, soak=120.0, pause=0.5)) as world:
        yield world


# what is shown here is the order of waves; the other items have tests of their own, and need a quiet machine
CHECKLIST = """\
apiVersion: pointsman/v1
kind: Checklist
name: own
title: only what a switch cannot do without
checks:
  - {id: dns-ttl, title: DNS TTL, probe: dns-ttl, gate: before-switch, why: clients must not be stranded}
"""


def plan_of(practice: Practice, *waves: list[str], soak: str = "") -> Path:
    """A plan of waves of one host each, from those of the world."""
    document = yaml.safe_load(practice.info.plans["three-hosts"].read_text())
    hosts = [host for wave in waves for host in wave]
    names = [host.split(".")[0] for host in hosts]
    document |= {
        "name": "two",
        "checklist": "own.yaml",
        "hosts": hosts,
        "waves": list(waves),
        "paths": ["/", "/healthz"],
        "ingress": [f"shop/{name}" for name in names],
        "routes": [f"HTTPRoute/shop/{name}" for name in names],
    }
    if soak:
        document["durations"] |= {"soak": soak, "quiet": "500ms"}
    file = practice.info.directory / "plans" / "two.yaml"
    (file.parent / "own.yaml").write_text(CHECKLIST)
    file.write_text(yaml.safe_dump(document))
    return file


def begin(practice: Practice, *waves: list[str]) -> Campaign:
    return Campaign.start_new(load_plan(plan_of(practice, *waves)), writes_enabled=True)


def asks(purpose: str) -> object:
    return lambda view: view.waiting_for is not None and view.waiting_for.purpose == purpose


def confirm(run_: CutoverRun, purpose: str) -> RunView:
    view = run_.wait(asks(purpose), LONGEST_S)  # type: ignore[arg-type]
    assert view.waiting_for is not None
    run_.send(Confirm(view.waiting_for.purpose, view.waiting_for.type_this, view.waiting_for.change_id))
    return view


def until(run_: CutoverRun, phase: str) -> RunView:
    return run_.wait(lambda view: view.phase == phase, LONGEST_S)


def test_an_alarm_in_the_second_wave_is_the_second_waves(practice: Practice) -> None:
    campaign = begin(practice, [ACCOUNT], [CART])
    try:
        first, second = campaign.runs
        assert {view.campaign for view in campaign.views()} == {campaign.campaign_id}
        assert [(view.wave, view.waves, view.hosts) for view in campaign.views()] == [
            (1, 2, (ACCOUNT,)),
            (2, 2, (CART,)),
        ]
        # both wait their TTL out at once, each by its own consent
        confirm(second, "lower-ttl")
        confirm(first, "lower-ttl")
        second.wait(lambda view: "wave 1 goes first" in view.message, LONGEST_S)
        second.send(Confirm("switch", CART))
        second.wait(lambda view: view.steps[-3].detail.startswith("A ") or "first" in view.message, LONGEST_S)
        assert (CART, 1, "new") not in practice.changes
        confirm(first, "switch")
        until(first, "soak")
        confirm(second, "switch")
        until(second, "rolled-back")
        assert first.view().phase == "soak"
        assert first.view().can_roll_back
    finally:
        campaign.stop()
    assert set(practice.changes[:2]) == {(ACCOUNT, 1, "old"), (CART, 1, "old")}
    assert practice.changes[2:] == [(ACCOUNT, 1, "new"), (CART, 1, "new"), (CART, 1, "old")]
    assert [one.phase for one in waves_of(campaign.campaign_id)] == ["soak", "rolled-back"]

    # any of its ids opens all of it, and the first can still go back by itself
    again = Campaign.resume(second.run_id, writes_enabled=True)
    try:
        assert [one.run_id for one in again.runs] == [first.run_id, second.run_id]
        assert again.resume_id == campaign.campaign_id
        assert again.problems == ()
        with pytest.raises(UserError, match="held by another"):
            Campaign.resume(campaign.campaign_id)
        again.send(1, RollBack(ACCOUNT))
        until(again.runs[0], "rolled-back")
    finally:
        again.stop()
    assert practice.changes[5:] == [(ACCOUNT, 1, "old")]


def test_a_wave_whose_first_is_missing_never_gets_its_turn(practice: Practice) -> None:
    campaign = begin(practice, [ACCOUNT], [CART])
    first, second = campaign.runs
    try:
        confirm(second, "lower-ttl")
        until(second, "wait-ttl")
    finally:
        campaign.stop()
    info = waves_of(first.run_id)[0]
    info.path.unlink()
    alone = Campaign.resume(campaign.campaign_id, writes_enabled=True)
    try:
        assert [view.wave for view in alone.views()] == [2]
        assert alone.problems == ("wave 1 of 2 has no journal that can be read",)
        alone.runs[0].wait(lambda view: view.phase == "confirm" and "wave 1" in view.message, LONGEST_S)
        assert alone.turn(alone.runs[0]).blocked
        assert not alone.runs[0].state.turn
    finally:
        alone.stop()
    with pytest.raises(UserError, match="no run ffffffff"):
        Campaign.resume("ffffffff")


@pytest.mark.real
def test_told_as_text_and_as_one_document(practice: Practice) -> None:
    file = str(plan_of(practice, [ACCOUNT], [CART], soak="1s"))
    kubeconfig = str(practice.info.kubeconfig)
    arguments = (file, "--write", "--kubeconfig", kubeconfig, "-o", "json")
    ended = run("cutover", *arguments, "--confirm", ACCOUNT)
    # the first is done, and nobody typed the name of the second
    assert ended.returncode == 3, ended.stderr
    document = json.loads(ended.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    facts = document["facts"]
    assert [(one["wave"], one["outcome"]) for one in facts["waves"]] == [(1, "done"), (2, "")]
    assert document["verdict"] == "UNKNOWN"
    told = ended.stderr
    assert "wave 1 |  ended: done" in told
    assert (
        f"nobody typed {CART}; go on with: pointsman resume {facts['campaign']} --write --confirm {CART}"
        in told
    )
    assert "wave 2 | " in told
    assert {one.campaign for one in list_runs()} == {facts["campaign"]}
    listed = run("journal").stdout
    assert f"wave 2 of {facts['campaign']}: {CART}" in listed


def test_a_turn_is_put_on_record_once(practice: Practice) -> None:
    campaign = begin(practice, [ACCOUNT], [CART])
    try:
        second = campaign.runs[1]
        second.wait(lambda view: view.waiting_for is not None, LONGEST_S)
        turns = [event for event in second._journal.events if isinstance(event, TurnChanged)]
        assert [event.come for event in turns] == [False]
    finally:
        campaign.stop()
