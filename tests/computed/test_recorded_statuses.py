"""What real controllers wrote into a real API server (recorded/), read and worked out anew: no Go is needed.

The manifests and how they were recorded: tests/live/cases, tests/live/record_statuses.py.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from corpus_truth import bad_conditions, tellers
from pointsman.cluster.knowledge.claim_quirks import Quirk, quirk_of
from pointsman.cluster.rules.scene import Scene
from pointsman.cluster.store import read_documents
from pointsman.probes.state.comparing import Comparison, all_comparisons
from pointsman.probes.state.diagnose import diagnose
from pointsman.probes.state.world import World
from pointsman.probes.verdict import Finding

RECORDED = {path.stem: path for path in sorted((Path(__file__).parent / "recorded").glob("*.yaml"))}
every_recording = pytest.mark.parametrize("name", RECORDED)


@cache
def documents(name: str) -> tuple[dict[str, Any], ...]:
    return tuple(yaml.load_all(RECORDED[name].read_bytes(), Loader=yaml.CSafeLoader))


@cache
def comparisons(name: str) -> tuple[Comparison, ...]:
    # a recording is a whole cluster: what is not in it was not there
    whole = replace(read_documents(documents(name)), offline=False)
    return tuple(all_comparisons(World(Scene(whole))))


@cache
def findings(name: str) -> tuple[Finding, ...]:
    return tuple(diagnose(read_documents(documents(name))))


def quirk(name: str, one: Comparison) -> Quirk | None:
    claimed = f"{one.claimed.status}/{one.claimed.reason}"
    computed = f"{one.computed.status}/{one.computed.reason}"
    return quirk_of(name.rpartition("-v")[0], one.scope, one.claimed.type, claimed, computed)


@every_recording
def test_every_disagreement_is_a_known_one(name: str) -> None:
    unexplained = [
        f"{one.subject} {one.claimed.type}: claimed {one.claimed.status}/{one.claimed.reason}, "
        f"computed {one.computed.status}/{one.computed.reasons}"
        for one in comparisons(name)
        if one.outcome == "disagree" and quirk(name, one) is None
    ]
    assert not unexplained


@every_recording
def test_enough_is_compared_and_enough_of_it_is_bad(name: str) -> None:
    outcomes = [one.outcome for one in comparisons(name)]
    assert outcomes.count("agree") > 150
    assert "left-out" not in outcomes, "an API server leaves nothing out"
    bad = [one for one in comparisons(name) if one.outcome == "agree" and one.claimed.status == "False"]
    assert len([one for one in bad if one.claimed.type != "Conflicted"]) > 30
    assert sum(one.same_reason for one in bad) / len(bad) > 0.8


@every_recording
def test_every_bad_condition_is_told(name: str) -> None:
    silent = [
        f"{subject} {condition}"
        for document in documents(name)
        for subject, condition in bad_conditions(document)
        if not tellers(findings(name), subject, condition)
    ]
    assert not silent
