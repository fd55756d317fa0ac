"""A whole run with a way of changing records that cannot compare and swap, and what is shown to be typed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cutover_kit import HOST, NEW, OLD, SmallWorld, confirm_everything, own_checklist, waits_for
from pointsman.checklists.machine.view import RollBack
from pointsman.checklists.running.run import CutoverRun

EXAMPLE = Path(__file__).parents[2] / "docs" / "records_command.py"


@pytest.fixture(autouse=True)
def few_checks(small_world: SmallWorld) -> None:
    own_checklist(small_world.directory, only=("requests",))


# a dozen Python programs start for it
@pytest.mark.real
def test_a_cutover_by_the_users_own_command(small_world: SmallWorld) -> None:
    key = small_world.directory / "tsig.key"
    argv = f'["{sys.executable}", "{EXAMPLE}", "127.0.0.1", "{small_world.authority.port}", "{key}"]'
    plan = small_world.plan(
        checklist="own.yaml", provider=f"command\n  command: {argv}", watch="5s", soak="1h"
    )
    run = CutoverRun.start_new(plan, writes_enabled=True, state_dir=small_world.directory / "state")
    try:
        confirm_everything(run)
        view = run.wait(lambda view: view.phase == "watch" or view.finished, 60)
        assert view.phase == "watch", view.message
        assert small_world.addresses() == (NEW,)
        assert any('"id": "' in line and "records_command.py" in line for line in view.commands)
        run.send(RollBack(HOST))
        view = run.wait(lambda view: view.finished, 60)
    finally:
        run.stop()
    assert view.outcome == "rolled-back", view.message
    assert small_world.addresses() == (OLD,)
    assert sum(small_world.authority.updates.values()) == 3


def test_what_is_to_be_typed_stands_among_the_commands_before_it_is_done(small_world: SmallWorld) -> None:
    plan = small_world.plan(checklist="own.yaml", provider="show\n  console: route53\n  zone_id: Z1")
    run = CutoverRun.start_new(plan, state_dir=small_world.directory / "state")
    try:
        view = run.wait(waits_for("lower-ttl"), 20)
    finally:
        run.stop()
    assert any("aws route53 change-resource-record-sets" in line for line in view.commands)
