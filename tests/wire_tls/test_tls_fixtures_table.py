"""The table of docs/tls.md: our part of it is what we say of the served fixtures now."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

from pointsman.probes.catalogue.tls import TLS_RULES
from pointsman.probes.wire.tls.observe import observe
from tls_fixture_envoy import REFUSED, UNSERVED
from tls_fixture_kit import UNSENT_STAPLE, judged, target_of, with_staple
from tls_fixture_server import serving_all

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "tls.md"


@cache
def script() -> ModuleType:
    """The script that writes the table; its folder is no package."""
    spec = importlib.util.spec_from_file_location("tls_peers_script", ROOT / "benchmarks" / "tls_peers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def test_our_part_of_the_document_is_what_we_say(tmp_path: Path) -> None:
    """The peers' cells stay as they were measured; all that is counted and all of ours is made anew."""
    peers = script()
    text = DOCUMENT.read_text()
    rows, speed = peers.read(text)
    asked = peers.asked()
    assert [row.name for row in rows] == [case.fixture.name for case in asked]
    made = []
    async with serving_all(asked) as ports:
        for case, row in zip(asked, rows, strict=True):
            facts = await observe(target_of(case, ports[case.name], tmp_path))
            if case.name == UNSENT_STAPLE:
                facts = with_staple(facts, case.fixture.staple)
            made.append(peers.row_of(case, peers.our_cell(case, judged(case, facts)), row.peers))
    assert peers.render(made, speed) in text


def test_we_flag_every_fault_by_its_cause_and_nothing_else() -> None:
    peers = script()
    rows, _ = peers.read(DOCUMENT.read_text())
    faulty = {case.fixture.name for case in peers.asked() if case.fixture.faulty}
    assert len(faulty) == 39
    assert not [row.name for row in rows if row.ours.startswith("**")]
    assert {row.name for row in rows if "PASS" not in row.ours} == faulty


def test_a_table_with_another_verdict_would_be_seen() -> None:
    peers = script()
    rows, speed = peers.read(DOCUMENT.read_text())
    milder = replace(rows[3], ours="PASS chain-ok")
    changed = peers.render([*rows[:3], milder, *rows[4:]], speed)
    assert "| Pointsman | 38 of 39 | 38 | 1 | 0 |" in changed


def test_what_does_not_name_the_cause_is_not_counted_as_right() -> None:
    peers = script()
    case = next(one for one in peers.asked() if one.fixture.name == "24-traefik-default")
    assert peers.Said("self-signed", right=False).cell(case.fixture) == "flagged: self-signed"
    assert peers.Said().cell(case.fixture) == "silent"
    sound = next(one for one in peers.asked() if one.fixture.name == "01-ok-ecdsa")
    assert peers.Said().cell(sound.fixture) == "quiet"
    assert peers.Said("nonsense").cell(sound.fixture).startswith("**false alarm**")


def test_every_rule_is_told_and_no_other() -> None:
    text = DOCUMENT.read_text()
    told = set(
        re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+|expired|expiring|duplicate|lifetime|revoked|pathlen)`", text)
    )
    rules = {rule.name for rule in TLS_RULES}
    assert rules <= told
    assert told - rules <= {"01-ok-ecdsa", "47-ip-san", *REFUSED, *UNSERVED}


def test_what_envoy_does_not_serve_is_told_in_its_own_words() -> None:
    text = " ".join(DOCUMENT.read_text().split())
    assert f"Envoy, {46 - len(REFUSED) - len(UNSERVED)}. Three it refuses" in text
    for name, words in REFUSED.items():
        assert f'`{name}` ("{words}")' in text
    for name, counter in UNSERVED.items():
        assert f"`{name}` it loads" in text
        assert counter in text


def test_what_is_seen_otherwise_than_by_limbo_is_told_with_its_reason() -> None:
    assert script().limbo_part() in DOCUMENT.read_text(), "python benchmarks/tls_peers.py --limbo"
