"""Every fixture, served by a server of this process, gets the verdict and the cause that it must get."""

from __future__ import annotations

from pathlib import Path

import pytest
from pointsman.probes.wire.tls.observe import observe
from tls_fixture_kit import UNSENT_STAPLE, Case, cases, chain_der, judged, shortfalls, target_of, with_staple
from tls_fixture_server import by_name, serving

# what OpenSSL's verifier complains of, (code, depth): by it the fixtures have the faults that they are for
COMPLAINTS: dict[str, set[tuple[int, int]]] = {
    "04": {(20, 0), (21, 0)},
    "05": {(20, 1)},
    "10": {(20, 0), (21, 0)},
    "11": {(18, 0)},
    "12": {(19, 1)},
    "13": {(10, 0)},
    "15": {(9, 0)},
    "16": {(10, 1)},
    "24": {(18, 0)},
    "25": {(18, 0)},
    "26": {(20, 1)},
    "27": {(20, 0), (21, 0)},
    "32": {(26, 0)},
    "34": {(26, 1), (32, 1), (79, 1)},
    "35": {(25, 2)},
    "36": {(47, 0)},
    "37": {(7, 0)},
    "38": {(20, 0), (21, 0)},
}


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
async def test_a_fixture_gets_its_verdict_and_cause(case: Case, tmp_path: Path) -> None:
    async with serving(by_name(case)) as port:
        facts = await observe(target_of(case, port, tmp_path))
    (served,) = facts.named
    assert served.chain == chain_der(case.fixture)
    assert bool(served.staple) is bool(case.fixture.staple) or case.name == UNSENT_STAPLE
    assert {(one.code, one.depth) for one in served.verify_errors} == COMPLAINTS.get(case.name[:2], set())
    if case.name == UNSENT_STAPLE:
        facts = with_staple(facts, case.fixture.staple)
    findings = judged(case, facts)
    assert not shortfalls(case.ask, findings), [one.summary for one in findings]
    assert all(one.evidence for one in findings)
