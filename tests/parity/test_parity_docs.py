"""docs/parity.md shows what the tests show."""

from __future__ import annotations

import re
from pathlib import Path

from parity_cases import CASES
from pointsman.probes.catalogue import RULES
from pointsman.probes.catalogue.parity import PARITY_RULES
from pointsman.probes.wire.parity.differences import PLACE_RULES, VARIANT_RULES
from pointsman.probes.wire.parity.question import COALESCED
from pointsman.probes.wire.parity.variants import VARIANTS

_DOCS = (Path(__file__).resolve().parents[2] / "docs" / "parity.md").read_text()


def test_the_table_is_the_list_of_cases() -> None:
    rows = [line for line in _DOCS.splitlines() if re.search(r"\| PAR\d{3} \|", line)]
    wanted = [f"| {one.behaviour} | {one.provoked} | {one.rule} | {one.verdict} |" for one in CASES]
    assert rows == [row.replace("\\|", "|") for row in wanted]
    assert len(rows) >= 20


def test_rules_and_variants_exist() -> None:
    used = {*PLACE_RULES.values(), *VARIANT_RULES.values(), *(one.rule for one in CASES)}
    assert used <= set(RULES)
    labels = {one.label for one in VARIANTS}
    assert set(VARIANT_RULES) - labels == {COALESCED}
    # what can be told is what is explained
    assert len({one.name for one in PARITY_RULES}) == len(PARITY_RULES)
