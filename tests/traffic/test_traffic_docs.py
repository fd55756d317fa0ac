"""docs/watch.md says of each controller what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
from pointsman.probes.watching.decision import WatchPolicy
from pointsman.probes.watching.traffic.families import FAMILIES, Families
from pointsman.probes.watching.traffic.flow import BLOCK_REQUESTS, BLOCK_S, LONGEST_BLOCK_S

DOCUMENT = (Path(__file__).parents[2] / "docs" / "watch.md").read_text()
_WORDS = (
    ("errors_5xx", "5xx"),
    ("not_found", "404"),
    ("handshakes", "handshakes"),
    ("handshake_failures", "failed ones"),
)


def row(families: Families) -> str:
    """What the table has to say of one controller."""
    told = {field for family in (*families.answers, *families.more) for field in family.tells}
    names = ", ".join(f"`{family.name}`" for family in families.answers)
    hosts = "yes" if any(family.host for family in families.answers) else "no"
    words = [word for field, word in _WORDS if field in told]
    tells = ", ".join(["requests", *words])
    return f"| `{families.name}` | {families.port}`{families.path}` | {names} | {tells} | {hosts} |"


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_table_is_what_is_read(name: str) -> None:
    assert row(FAMILIES[name]) in DOCUMENT


def test_the_numbers_are_those_of_the_code() -> None:
    policy = WatchPolicy()
    text = " ".join(DOCUMENT.split())
    assert f"threshold is {policy.cusum_threshold:g}" in text
    least = f"at least {BLOCK_S:.0f} seconds and {BLOCK_REQUESTS:.0f} requests"
    assert f"{least}, and {LONGEST_BLOCK_S:.0f} seconds at most" in text
