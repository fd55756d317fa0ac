"""A process that wakes up does not write before it has looked whether the hosts are still its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults_kit import HOST, NEW, OLD, SmallWorld
from pointsman.checklists.checks.checklist import load_checklist
from pointsman.checklists.journal.file import Journal, read_journal
from pointsman.checklists.machine.advance import start as start_state
from pointsman.checklists.machine.events import HoldingChanged, RunStarted, WriteIntended
from pointsman.checklists.machine.view import Confirm, RunView
from pointsman.checklists.plans.load import load_plan, plan_digest, plan_to_json
from pointsman.checklists.records.rfc2136 import Rfc2136
from pointsman.checklists.running.leasing import Holding
from pointsman.checklists.running.ports import Ports, RunClock
from pointsman.checklists.running.run import CutoverRun


class StubLease:
    """A Lease that is lost when it is told to be."""

    def __init__(self) -> None:
        self.lost = False

    def holding(self) -> Holding:
        return Holding(not self.lost, "ben@laptop has it" if self.lost else "by the Lease")

    def publish(self, view: RunView) -> None:
        pass


def test_consent_that_comes_with_the_waking_writes_nothing(
    world: SmallWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = load_plan(world.plan_file(checklist="own.yaml"))
    clock, lease = RunClock(), StubLease()
    journal = Journal.create("abcd1234", tmp_path / "state")
    checks = load_checklist(plan.checklist).checks
    first = RunStarted(clock.began, "abcd1234", plan_to_json(plan), plan_digest(plan), checks, True)
    journal.append(first)
    ports = Ports(Rfc2136(plan), clock=clock, lease=lease)  # type: ignore[arg-type]
    run = CutoverRun(journal, start_state(first), ports)
    # it has looked once, and does not come to look again before the consent does
    monkeypatch.setattr("pointsman.checklists.running.held._LOOK_S", 600.0)
    run._start()
    try:
        view = run.wait(lambda view: view.waiting_for is not None, 30)
        assert view.waiting_for is not None
        # it slept; somebody else took the Lease, and the name was typed into its terminal meanwhile
        lease.lost = True
        run.send(Confirm("lower-ttl", HOST, view.waiting_for.change_id))
        run.wait(lambda view: "ben@laptop has it" in view.message, 30)
    finally:
        run.stop()
    events = [entry.event for entry in read_journal(journal.path)]
    assert not any(isinstance(event, WriteIntended) for event in events)
    lost = [event for event in events if isinstance(event, HoldingChanged) and not event.held]
    assert len(lost) == 1
    assert world.ttl() == 2
    assert world.addresses() == (OLD,) != (NEW,)
