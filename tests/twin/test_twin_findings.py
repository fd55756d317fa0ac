"""What is told of a twin that differs, and that nothing is told of one that does not."""

from __future__ import annotations

import pytest
from pointsman.probes.state.twin.findings import default_findings
from pointsman.probes.verdict import Verdict
from twin_kit import Json, findings, gateway, ingress, nginx, route, rule, twin

GATEWAY = gateway()
SAME = route(rule("/", "PathPrefix", "a"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (("/", "Prefix", "a"), rule("/api", "PathPrefix", "a"), "MIG005"),
        (("/api", "Exact", "a"), rule("/api", "PathPrefix", "a"), "MIG006"),
        (("/", "Prefix", "a"), rule("/", "PathPrefix", "a"), ""),
    ],
)
def test_narrower_and_wider_are_told_apart(old: tuple[str, str, str], new: Json, told: str) -> None:
    found = findings(*GATEWAY, ingress(old), route(new)).keys() & {"MIG005", "MIG006"}
    assert found == ({told} if told else set())


def test_an_annotation_that_nobody_knows_is_not_passed_over() -> None:
    old = ingress(("/", "Prefix", "a"), annotations=nginx(no_such_thing="1"))
    assert findings(*GATEWAY, old, SAME)["MIG014"].verdict is Verdict.UNKNOWN
    assert "MIG014" not in findings(*GATEWAY, ingress(("/", "Prefix", "a")), SAME)


def test_what_nginx_did_unasked_is_told_of_a_single_ingress() -> None:
    """It is so for every Ingress, so a whole cluster is not told it each time."""
    old = ingress(("/", "Prefix", "a"), annotations=nginx(enable_cors="true"))
    (found,) = default_findings(twin(*GATEWAY, old, SAME))
    assert (found.rule, found.verdict) == ("MIG016", Verdict.SKIP)
    assert "MIG016" not in findings(*GATEWAY, old, SAME)
