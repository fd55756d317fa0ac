"""Every fixture, served by a server of this process, gets the verdict and the cause that it must get."""

from __future__ import annotations

from pathlib import Path

import pytest
from pointsman.probes.wire.tls.observe import observe
from tls_fixture_kit import Case, cases, judged, shortfalls, target_of
from tls_fixture_server import by_name, serving


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
async def test_a_fixture_gets_its_verdict_and_cause(case: Case, tmp_path: Path) -> None:
    async with serving(by_name(case)) as port:
        facts = await observe(target_of(case, port, tmp_path))
    findings = judged(case, facts)
    assert not shortfalls(case.ask, findings), [one.summary for one in findings]
