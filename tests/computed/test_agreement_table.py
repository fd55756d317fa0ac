"""The table of docs/agreement.md: what it says is so, and the thresholds that were really reached."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from corpus_truth import needs_corpus
from pointsman.cluster.knowledge.claim_quirks import QUIRKS, quirk_of
from pointsman.cluster.knowledge.controllers import CONTROLLERS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = needs_corpus


@cache
def script() -> ModuleType:
    """The script that writes the table; its folder is no package."""
    spec = importlib.util.spec_from_file_location("agreement_script", ROOT / "benchmarks" / "agreement.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def tallies() -> dict[str, Any]:
    return {one: script().tally(one) for one in (*script().CONTROLLERS, *script().RECORDED)}


def rate(found: Any) -> float:
    agree, disagree = found.total("agree"), found.total("disagree")
    return float(agree / (agree + disagree))


def test_the_document_is_what_the_script_writes() -> None:
    assert (ROOT / "docs" / "agreement.md").read_text() == script().render(tallies())


@pytest.mark.parametrize(
    ("controller", "least"),
    [
        ("istio", 0.98),
        ("cilium", 0.975),
        ("envoy-gateway", 0.99),
        ("envoy-gateway-v1.9.1", 0.975),
        # it never looks at spec.tls.frontend, nor for listeners of several protocols on one port
        ("traefik-v3.7.13", 0.87),
    ],
)
def test_each_controller_reaches_its_rate(controller: str, least: float) -> None:
    assert rate(tallies()[controller]) >= least


def test_all_together_agree_in_more_than_97_percent() -> None:
    total = script()._sum(tallies())
    assert rate(total) >= 0.97


def test_all_together_but_traefik_agree_in_more_than_98_percent() -> None:
    """Traefik's own ways alone must not hide that the others come to agree less."""
    total = script()._sum({name: one for name, one in tallies().items() if not name.startswith("traefik")})
    assert total.total("agree") + total.total("disagree") > 3000
    assert rate(total) >= 0.985
    # where either side calls something bad, agreement is no matter of course
    assert total.total("bad") > 200
    assert total.total("bad agreed") / total.total("bad") >= 0.8


def test_every_disagreement_but_one_belongs_to_a_known_class() -> None:
    unexplained = [one for found in tallies().values() for one in found.unexplained]
    assert len(unexplained) <= 1, unexplained


def test_every_quirk_was_seen_and_is_of_a_known_controller() -> None:
    seen = {quirk for found in tallies().values() for quirk in found.explained}
    assert seen == set(QUIRKS)
    assert {one.controller for one in QUIRKS} <= {one.id for one in CONTROLLERS}


def test_a_quirk_is_that_of_its_controller_and_statuses_alone() -> None:
    found = quirk_of("istio", "Gateway", "Programmed", "True/Programmed", "False/Invalid")
    assert found is not None
    assert found.right == "specs"
    assert quirk_of("cilium", "Gateway", "Programmed", "True/Programmed", "False/Invalid") is None
    assert quirk_of("istio", "Gateway", "Programmed", "False/Invalid", "True/Programmed") is None
