"""docs/records.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pointsman.checklists.plans.model import CONSOLES, ExternalDnsPlan
from pointsman.checklists.records.base import TYPES, Capabilities
from pointsman.checklists.records.command import VERSION, Command, _apply_request
from pointsman.checklists.records.octodns import Octodns
from pointsman.checklists.records.providers import MAKERS, provider_for
from pointsman.checklists.records.rfc2136 import Rfc2136
from pointsman.checklists.records.show import Show
from records_kit import NEW, OLD, a_plan, a_set, change_of

DOCS = (Path(__file__).parents[2] / "docs" / "records.md").read_text()
CAPABILITIES: dict[str, Capabilities] = {
    "show": Show.capabilities,
    "rfc2136": Rfc2136.capabilities,
    "octodns": Octodns.capabilities,
    "command": Command.capabilities,
    "external-dns": provider_for(
        a_plan("external-dns", ("127.0.0.1:9",), external_dns=ExternalDnsPlan(write="annotations"))
    ).capabilities,
}


def rows(first: str) -> dict[str, list[str]]:
    """The table whose head begins with ``first``."""
    table = DOCS.partition(f"| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_table_of_ways_is_true() -> None:
    found = rows("`dns.provider`")
    assert set(found) == set(MAKERS) == set(CAPABILITIES)
    for name, able in CAPABILITIES.items():
        wanted = (able.writes, able.compare_and_swap, able.atomic, able.rehearses)
        assert tuple(cell.startswith("yes") for cell in found[name]) == wanted, name


def test_every_console_has_a_row() -> None:
    assert set(rows("`dns.console`")) == set(CONSOLES)


def test_the_contract_is_what_is_sent() -> None:
    blocks = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)]
    read, _, apply, answer = blocks
    change = change_of(a_set(OLD, 60), to=(a_set(NEW, 60),))
    sent = {"version": VERSION, "zone": change.zone, **_apply_request(change)}
    assert sorted(apply) == sorted(sent)
    assert (read["version"], apply["version"]) == (VERSION, VERSION)
    assert set(read) == {"version", "action", "zone", "hosts"}
    assert answer["outcome"] == "applied"
    assert all(kind in DOCS for kind in TYPES)
