"""A whole run that lets external-dns make the switch: rolled back, and cut off while it is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pointsman.checklists.machine.view import Confirm, RollBack, RunView
from pointsman.checklists.plans.load import Plan
from pointsman.checklists.records.external_dns.handover import HELD
from pointsman.checklists.running.run import CutoverRun
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.watch import LiveCluster
from test_external_dns_scenarios import HOST, Stage, staged

pytestmark = pytest.mark.real
PROVIDER = "pointsman.checklists.records.external_dns.provider"
CHECKLIST = """\
apiVersion: pointsman/v1
kind: Checklist
name: short
title: short
checks:
  - {id: routes, title: routes accepted, probe: routes-accepted, gate: before-lower-ttl}
  - {id: owner, title: DNS owner, probe: dns-owner, gate: before-lower-ttl}
"""


@asynccontextmanager
async def on_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Stage, Plan, LiveCluster]]:

    monkeypatch.setattr(f"{PROVIDER}.APPLY_WAIT_S", 1.0)
    checklist = tmp_path / "short.yaml"
    checklist.write_text(CHECKLIST)
    async with staged("external-dns-first-owner") as stage:
        connection = await asyncio.to_thread(connect, stage.kubeconfig, None)
        live = LiveCluster(connection, None)
        live.start()
        try:
            async with asyncio.timeout(10):
                while live.snapshot().state_of("Ingress").state != "live":  # noqa: ASYNC110 - told by no event
                    await asyncio.sleep(0.05)
            yield stage, replace(stage.plan, checklist=str(checklist)), live
        finally:
            await asyncio.to_thread(live.stop)
            await asyncio.to_thread(connection.close)


def consenting(run: CutoverRun) -> Callable[[RunView], None]:
    asked: set[str] = set()

    def consent(view: RunView) -> None:
        waiting = view.waiting_for
        if waiting is not None and waiting.purpose not in asked:
            asked.add(waiting.purpose)
            run.send(Confirm(waiting.purpose, HOST))

    run.subscribe(consent)
    return consent


async def until(run: CutoverRun, told: Callable[[RunView], bool], seconds: float = 40.0) -> RunView:
    return await asyncio.to_thread(run.wait, told, seconds)


def moves_of(stage: Stage) -> list[str]:
    assert stage.world.zone is not None
    seen: list[str] = []
    stage.world.zone.on_change(
        lambda event: (
            seen.append(f"{event.new.ttl} {event.new[0]}" if event.new else "-")
            if event.rdtype.name == "A"
            else None
        )
    )
    return seen


async def test_a_run_is_rolled_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_stage(tmp_path, monkeypatch) as (stage, plan, live):
        moves = moves_of(stage)
        run = CutoverRun.start_new(
            plan, snapshots=live.snapshot, writes_enabled=True, kubeconfig=stage.kubeconfig
        )
        try:
            consenting(run)(run.view())
            view = await until(run, lambda view: view.phase == "watch")
            run.send(RollBack(HOST))
            view = await until(run, lambda view: view.finished)
        finally:
            await asyncio.to_thread(run.stop)
        assert view.outcome == "rolled-back", view.message
        assert moves == ["1 127.0.0.2", "1 127.0.0.3", "1 127.0.0.2"]
        assert stage.annotations("Ingress") == {"ttl": "1"}
        assert stage.annotations("HTTPRoute")["controller"] == HELD


async def test_a_run_that_ended_while_the_patch_was_under_way_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_stage(tmp_path, monkeypatch) as (stage, plan, live):
        moves = moves_of(stage)
        practice = stage.world.external_dns
        assert practice is not None
        run = CutoverRun.start_new(
            plan, snapshots=live.snapshot, writes_enabled=True, kubeconfig=stage.kubeconfig
        )
        try:
            await until(run, lambda view: view.waiting_for is not None)
            run.send(Confirm("lower-ttl", HOST))
            await until(
                run, lambda view: view.waiting_for is not None and view.waiting_for.purpose == "switch"
            )
            await practice.stop()
            run.send(Confirm("switch", HOST))
            view = await until(run, lambda view: "has not moved the records yet" in view.message)
            assert view.phase == "switch"
        finally:
            await asyncio.to_thread(run.stop)
        assert moves == ["1 127.0.0.2"]
        practice.start()
        again = await asyncio.to_thread(
            lambda: CutoverRun.resume(run.run_id, snapshots=live.snapshot, writes_enabled=True)
        )
        try:
            consenting(again)(again.view())
            view = await until(again, lambda view: view.finished)
        finally:
            await asyncio.to_thread(again.stop)
        assert view.outcome == "done", view.message
        assert moves == ["1 127.0.0.2", "1 127.0.0.3"]
