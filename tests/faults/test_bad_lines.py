"""Every line to DNS and to the edges slow, narrow, cut, half-open or stalled: what the checks say, and when.

A slow answer is an answer; none is UNKNOWN or FAIL, never PASS, and never later than the deadline allows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest
from faults_kit import BUILTIN, HOST, OLD, SmallWorld, a_world
from lines_kit import Lines, lines_of
from pointsman.checklists.checks.checklist import CheckContext, load_checklist, run_checks
from pointsman.checklists.plans.load import Plan, load_plan
from pointsman.checklists.records.base import RecordReadError, RecordSet, lower_ttl_change
from pointsman.checklists.records.rfc2136 import Rfc2136
from pointsman.checklists.terms import CheckResult
from pointsman.probes.verdict import Verdict

CHECKS = ("requests", "tls-chain", "dns-ttl")


@pytest.fixture(scope="module")
def all_lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SmallWorld, Lines]]:
    with a_world(tmp_path_factory.mktemp("lines")) as world, lines_of(world) as lines:
        world.zone.set("store", 1, "A", OLD)
        yield world, lines


@pytest.fixture
def behind(all_lines: tuple[SmallWorld, Lines]) -> Iterator[tuple[Lines, Plan]]:
    world, lines = all_lines
    lines.heal()
    text = world.plan_text(checklist=str(BUILTIN), authoritative=f'["127.0.0.1:{lines.dns.port}"]')
    text = text.replace(f'resolvers: ["127.0.0.1:{world.resolver.port}"]', "resolvers: []")
    text = text.replace("127.0.0.2", "127.0.0.4").replace("127.0.0.3", "127.0.0.5")
    text = text.replace(f"port: {world.port}", f"port: {lines.edge_port}")
    path = world.directory / "behind.yaml"
    path.write_text(text)
    world.zone.set("store", 1, "A", "127.0.0.4")
    yield lines, load_plan(path)
    lines.heal()


def checked(plan: Plan) -> tuple[dict[str, CheckResult], float]:
    began = time.monotonic()
    results = asyncio.run(run_checks(load_checklist(plan.checklist), CheckContext(plan), only=CHECKS))
    return {result.check.id: result for result in results}, time.monotonic() - began


def told(results: dict[str, CheckResult]) -> dict[str, str]:
    return {name: f"{result.verdict} {result.headline}" for name, result in results.items()}


def test_all_is_well_without_a_fault(behind: tuple[Lines, Plan]) -> None:
    lines, plan = behind
    results, _ = checked(plan)
    assert {result.verdict for result in results.values()} <= {Verdict.PASS, Verdict.WARN}, told(results)
    assert lines.udp.carried > 0
    assert lines.new.bytes_to_client > 0


@pytest.mark.real
@pytest.mark.parametrize("fault", ["2 s away", "9600 baud"])
def test_a_slow_answer_is_an_answer(behind: tuple[Lines, Plan], fault: str) -> None:
    lines, plan = behind
    lines.latency(1.0) if fault == "2 s away" else lines.bandwidth(960)
    results, took = checked(plan)
    # within what each check may take; and what was too slow to be told is UNKNOWN, or FAIL with that word
    assert took < 60
    for name, result in results.items():
        if result.verdict not in (Verdict.PASS, Verdict.WARN):
            assert result.verdict is Verdict.UNKNOWN or "timeout" in f"{result.headline} {result.findings}", (
                name,
                told(results),
            )
    assert results["dns-ttl"].verdict in (Verdict.PASS, Verdict.WARN), told(results)


FAULTS: dict[str, Callable[[Lines], None]] = {
    "reset": Lines.reset,
    "half-open": Lines.half_open,
    "stalled": Lines.stalled,
}


@pytest.mark.parametrize("fault", ["reset", pytest.param("half-open", marks=pytest.mark.real),
                                   ])  # fmt: skip
def test_no_answer_is_no_pass(behind: tuple[Lines, Plan], fault: str) -> None:
    lines, plan = behind
    FAULTS[fault](lines)
    results, took = checked(plan)
    assert took < 60
    assert results["dns-ttl"].verdict is Verdict.UNKNOWN, told(results)
    assert results["requests"].verdict in (Verdict.FAIL, Verdict.UNKNOWN), told(results)
    assert results["tls-chain"].verdict in (Verdict.FAIL, Verdict.UNKNOWN), told(results)
    for result in results.values():
        assert result.headline, told(results)
        assert "Error" not in result.headline, told(results)
    lines.heal()
    again, _ = checked(plan)
    assert {result.verdict for result in again.values()} <= {Verdict.PASS, Verdict.WARN}, told(again)


@pytest.mark.parametrize("fault", ["reset", "half-open", "stalled"])
def test_an_update_over_a_dead_line_is_not_taken_for_made(
    all_lines: tuple[SmallWorld, Lines], behind: tuple[Lines, Plan], fault: str
) -> None:
    world, _ = all_lines
    lines, plan = behind
    world.zone.set("store", 20, "A", "127.0.0.4")
    provider = Rfc2136(plan, deadline_s=1.0)
    read = asyncio.run(provider.read())
    change = lower_ttl_change(read, plan)
    assert change is not None
    FAULTS[fault](lines)
    began = time.monotonic()
    outcome = asyncio.run(provider.apply(change))
    assert time.monotonic() - began < 15
    assert outcome.kind == "refused"
    assert "nothing was sent" in outcome.detail
    with pytest.raises(RecordReadError, match="is it reachable over TCP"):
        asyncio.run(provider.find_out(change))
    lines.heal()
    assert asyncio.run(provider.find_out(change)).kind == "not-applied"
    assert asyncio.run(provider.apply(change)).kind == "applied"
    assert asyncio.run(provider.read()).sets == (RecordSet(HOST, "A", 1, ("127.0.0.4",)),)


@pytest.mark.real
def test_an_update_through_9600_baud_is_made(
    all_lines: tuple[SmallWorld, Lines], behind: tuple[Lines, Plan]
) -> None:
    world, _ = all_lines
    lines, plan = behind
    world.zone.set("store", 20, "A", "127.0.0.4")
    provider = Rfc2136(plan)
    change = lower_ttl_change(asyncio.run(provider.read()), plan)
    assert change is not None
    lines.bandwidth(960)
    outcome = asyncio.run(provider.apply(change))
    assert outcome.kind == "applied", outcome
    lines.bandwidth(0)
    lines.latency(1.0)
    back = asyncio.run(provider.apply(change.inverted()))
    assert back.kind == "applied", back
