"""The soak in the practice world: others are counted exactly, and only nobody is a proof."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pointsman.checklists.machine.view import RunView
from pointsman.checklists.running import run as run_module
from pointsman.probes.verdict import Verdict
from pointsman.tui.cli import cli
from pointsman.tui.lines import plain
from pointsman.tui.telling.drain import drain_lines
from soak_kit import HOST, SOAK, SoakWorld, counts, soak_world


@pytest.fixture(scope="module")
def alone() -> Iterator[SoakWorld]:
    """A world without shoppers: whoever asks is known."""
    with soak_world(shoppers=False) as world:
        yield world


@pytest.fixture
def world(alone: SoakWorld) -> SoakWorld:
    """The records as they were at first."""
    alone.begin_anew()
    return alone


def idle(view: RunView) -> tuple[Verdict, str]:
    result = next(result for result in view.checks if result.check.id == "old-side-idle")
    return result.verdict, result.headline


def retire(run_id: str, *more: str) -> Result:
    return CliRunner().invoke(cli, ["retire", run_id, *more])


def quiet_for(seconds: float) -> object:
    def quiet(view: RunView) -> bool:
        drain = view.drain
        since = drain.quiet_since if drain is not None else None
        return since is not None and drain is not None and (drain.quiet_until or 0.0) - since >= seconds

    return quiet


def test_a_straggler_is_counted_exactly_and_keeps_the_old_side(world: SoakWorld, tmp_path: Path) -> None:
    with world.run(world.plan(tmp_path, soak=1.5, quiet=1.5)) as run:
        run.wait(quiet_for(0.4), 20)  # type: ignore[arg-type]
        world.pin()
        view = run.wait(lambda view: view.finished, 15)
        assert view.outcome == "stopped-at-gate"
        verdict, headline = idle(view)
        assert verdict is Verdict.FAIL
        assert "the old side is still used" in headline
        assert f"({HOST} " in headline
        assert "a minute" in headline
        # a look may fall between two of its requests: then it is only not known to be idle
        view = run.wait(lambda view: view.drain is not None and view.drain.verdict is Verdict.FAIL, 15)
        told = "\n".join(plain(line) for line in drain_lines(view, 80))
        assert "FAIL    still used by others" in told
        looks = (retire(view.run_id) for _ in range(50))
        asked = next(look for look in looks if look.exit_code != 3)
        assert asked.exit_code == 1, asked.output
        assert "NOT YET: the old side is still used" in asked.output
        world.unpin()
        # the gate is asked again by itself, once nobody has come for long enough
        view = run.wait(lambda view: view.outcome == "done", 15)
        assert idle(view)[0] is Verdict.PASS
        assert "others come less often than" in idle(view)[1]
        recorded = counts(run)
        asked = retire(view.run_id)
        assert asked.exit_code == 0, asked.output
        assert "PASS    the old side may go" in asked.output
        assert "NOT YET" not in asked.output
        document = json.loads(retire(view.run_id, "-o", "json").output)
        assert document["verdict"] == "PASS"
        assert document["facts"]["safe"] is True
        assert document["facts"]["idle"]["others"] == world.pinned
    assert sum(event.others or 0 for event in recorded) == world.pinned > 5
    assert sum(event.per_host.get(HOST, 0) for event in recorded) == world.pinned
    ours = sum(event.ours for event in recorded)
    assert 0 < ours <= world.ours_at_old()
    assert len(recorded) < 30


@pytest.mark.real
def test_a_restarted_pod_makes_it_begin_anew(world: SoakWorld, tmp_path: Path) -> None:
    with world.run(world.plan(tmp_path, soak=1.0, quiet=2.0)) as run:
        view = run.wait(quiet_for(0.4), 20)  # type: ignore[arg-type]
        before = view.now
        world.restart_old_pod()
        view = run.wait(lambda view: view.outcome == "done", 20)
        assert view.drain is not None
        assert view.drain.quiet_since is not None
        assert view.drain.quiet_since > before - 0.5
        recorded = counts(run)
    lost = [event for event in recorded if event.others is None]
    assert len(lost) == 1
    assert "set back" in lost[0].detail or "restarted" in lost[0].detail


def test_a_deleted_ingress_fakes_zero(world: SoakWorld, tmp_path: Path) -> None:
    with world.run(world.plan(tmp_path, soak=1.0, quiet=1.0)) as run:
        run.wait(quiet_for(0.2), 20)  # type: ignore[arg-type]
        with world.without_ingress("shop", "store"):
            # a client that nobody counts
            world.pin()
            view = run.wait(lambda view: view.finished, 15)
            world.unpin()
            assert view.outcome == "stopped-at-gate"
            verdict, headline = idle(view)
            assert retire(view.run_id).exit_code == 3
        assert verdict is Verdict.UNKNOWN
        assert "Ingress shop/store does not exist any more, so its requests are not counted" in headline
        view = run.wait(lambda view: view.outcome == "done", 15)
    assert idle(view)[0] is Verdict.PASS


@pytest.mark.real
def test_a_raised_ttl_is_said_while_soaking(world: SoakWorld, tmp_path: Path) -> None:
    with world.run(world.plan(tmp_path, soak=30.0)) as run:
        run.wait(lambda view: view.phase == "soak", 20)
        world.set_ttl(300)
        view = run.wait(lambda view: view.drain is not None and bool(view.drain.raised), 10)
        assert f"hands out {HOST} with 300 s" in view.message
        world.set_ttl(1)
        run.wait(lambda view: view.drain is not None and not view.drain.raised, 10)


@pytest.mark.real
def test_shoppers_leave_when_their_resolver_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with soak_world(replace(SOAK, old_ttl=7, low_ttl=6), rate_per_s=40.0) as shop:
        plan = shop.plan(tmp_path, watch=0.5, soak=2.0, quiet=1.0)
        source = shop.source_with_truth(plan)
        monkeypatch.setattr(run_module, "old_source", lambda *_: source)
        with shop.run(plan) as run:
            before = run.wait(lambda view: view.phase == "watch", 20)
            # it may rest at the gate first, until the last compliant cache has let go
            view = run.wait(lambda view: view.outcome == "done", 25)
            recorded = counts(run)
    assert view.outcome == "done", (view.message, idle(view))
    drain = view.drain
    assert drain is not None
    assert drain.forecast_at is not None
    assert drain.last_old is not None
    # looked at once a second
    assert before.now - 1.0 <= drain.last_old <= drain.forecast_at + 1.0
    least_at_first, most_at_first = source.truth[recorded[0].since]
    least_at_last, most_at_last = source.truth[recorded[-1].at]
    counted = sum(event.others or 0 for event in recorded)
    assert all(event.others is not None for event in recorded)
    assert least_at_last - most_at_first <= counted <= most_at_last - least_at_first
    assert counted > 5
    assert recorded[-1].others == 0
