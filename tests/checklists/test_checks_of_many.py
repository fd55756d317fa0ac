"""The checks of a plan with many hosts: bounded, in order, and with a headline that can be read."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace

import pytest
from cutover_kit import OLD, SmallWorld
from pointsman.checklists.checks import wire as checks_wire
from pointsman.checklists.checks.checklist import CheckContext, load_checklist, run_checks
from pointsman.checklists.checks.context import requests_to
from pointsman.checklists.plans.load import Plan
from pointsman.checklists.terms import CheckResult
from pointsman.probes.verdict import Verdict
from pointsman.probes.wire.http.facts import HttpFacts, HttpRequest
from pointsman.sandbox.edge_model import EdgeRule, Faults, VirtualHost
from pointsman.sandbox.pki import PracticeCa

HOSTS = tuple(f"h{number:02}.shop.test" for number in range(40))


@pytest.fixture
def many(small_world: SmallWorld) -> Plan:
    """A plan of forty hosts, all of them served by both edges and standing in the zone."""
    ca = PracticeCa()
    (small_world.directory / "ca.pem").write_bytes(ca.root_pem)
    certificate = ca.issue(list(HOSTS))
    rules = tuple(EdgeRule(path, "Prefix", "svc", body="ok") for path in ("/healthz", "/api"))
    served = {host: VirtualHost(host, rules, certificate) for host in HOSTS}
    for edge in (small_world.old, small_world.new):
        assert edge is not None
        small_world.thread.call(lambda edge=edge: edge.configure(served))  # type: ignore[misc]
    for host in HOSTS:
        small_world.zone.set(host.partition(".")[0], 1, "A", OLD)
    plan = small_world.plan()
    # the practice resolver would have to ask the authority forty times over at once
    return replace(plan, hosts=HOSTS, dns=replace(plan.dns, resolvers=()))


async def ask(plan: Plan, *only: str) -> dict[str, CheckResult]:
    checklist = load_checklist("pre-cutover")
    return {result.check.id: result for result in await run_checks(checklist, CheckContext(plan), only=only)}


async def test_all_well_and_never_too_many_at_once(many: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    now = most = asked = 0

    class Counting(checks_wire.Session):
        async def observe(self, request: HttpRequest) -> HttpFacts:
            nonlocal now, most, asked
            now, asked = now + 1, asked + 1
            most = max(most, now)
            try:
                return await super().observe(request)
            finally:
                now -= 1

    monkeypatch.setattr(checks_wire, "Session", Counting)
    results = await ask(many, "requests", "tls-chain") | await ask(many, "dns-ttl")
    assert {name: result.verdict for name, result in results.items()} == {
        "requests": Verdict.PASS,
        "tls-chain": Verdict.PASS,
        "dns-ttl": Verdict.PASS,
    }
    # where the new side answers well the old one is left in peace
    assert asked == 2 * len(HOSTS)
    assert 8 <= most <= 16
    assert results["requests"].headline == "80 of 80 as expected"
    assert results["tls-chain"].headline.startswith("40 hosts, the first to expire: leaf, 1 intermediate")
    assert results["dns-ttl"].headline == "low for 40 of 40 hosts: 1 s on 1 of 1 name server"
    asked_in_order = [one["request"]["url"] for one in results["requests"].facts["new"]]
    assert asked_in_order == [request.url for _, request in requests_to(many, many.new.address)]


async def test_the_few_that_are_broken_are_named(many: Plan, small_world: SmallWorld) -> None:
    assert small_world.new is not None
    small_world.new.faults[HOSTS[7]] = Faults(missing_paths=("/api",))
    small_world.new.faults[HOSTS[9]] = Faults(missing_intermediate=True)
    small_world.zone.set("h11", 3600, "A", OLD)
    results = await ask(many, "requests", "tls-chain") | await ask(many, "dns-ttl")
    requests = results["requests"]
    assert requests.headline.startswith(
        "77 of 80 as expected  h07.shop.test/api 404 (old 200)  h09.shop.test"
    )
    assert {str(one.subject.host) for one in requests.findings if one.verdict is Verdict.FAIL} == {  # type: ignore[union-attr]
        HOSTS[7],
        HOSTS[9],
    }
    assert results["tls-chain"].verdict is Verdict.FAIL
    assert results["tls-chain"].headline.startswith("1 of 40 hosts: ")
    (chain,) = [one for one in results["tls-chain"].findings if one.verdict is Verdict.FAIL]
    assert (chain.name, chain.subject.host) == ("incomplete-chain", HOSTS[9])  # type: ignore[union-attr]
    assert results["dns-ttl"].verdict is Verdict.FAIL
    assert results["dns-ttl"].headline.startswith("low for 39 of 40 hosts: 3600 s on 1 of 1 name server")


async def test_a_side_that_answers_nobody_is_not_asked_for_everything(many: Plan) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(256)
        plan = replace(many, port=silent.getsockname()[1])
        started = time.monotonic()
        asked = await checks_wire._ask(plan, requests_to(plan, "127.0.0.1", timeout_s=0.2))
        assert time.monotonic() - started < 5
    errors = [facts.error for _, facts in asked]
    assert errors.count("timeout") < 64
    assert errors.count("local") > 16
    assert "not asked: 32 requests in a row" in asked[-1][1].error_detail


async def test_what_was_late_once_is_asked_again(many: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Busy(checks_wire.Session):
        async def observe(self, request: HttpRequest) -> HttpFacts:
            asked.append(request.url)
            if request.url.startswith("https://h03.") and asked.count(request.url) == 1:
                return HttpFacts(request, error="timeout", error_detail="the first byte took longer than 5 s")
            return await super().observe(request)

    monkeypatch.setattr(checks_wire, "Session", Busy)
    (result,) = (await ask(many, "requests")).values()
    assert result.verdict is Verdict.PASS
    assert len(asked) == 2 * len(HOSTS) + 2


async def test_judging_many_leaves_the_loop_its_turn() -> None:
    from pointsman.probes.engine import in_turns

    longest, last = 0.0, time.monotonic()

    async def watch() -> None:
        nonlocal longest, last
        while True:
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    answers = await in_turns(range(60), lambda number: (time.sleep(0.005), number)[1])
    watching.cancel()
    assert answers == list(range(60))
    assert longest < 0.2
