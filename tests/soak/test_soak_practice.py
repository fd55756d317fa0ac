"""The soak in the practice world: others are counted exactly, and only nobody is a proof."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pointsman.checklists.machine.view import RunView
from pointsman.probes.verdict import Verdict
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


def quiet_for(seconds: float) -> object:
    def quiet(view: RunView) -> bool:
        drain = view.drain
        since = drain.quiet_since if drain is not None else None
        return since is not None and drain is not None and (drain.quiet_until or 0.0) - since >= seconds

    return quiet


def test_a_straggler_is_counted_exactly_and_keeps_the_old_side(world: SoakWorld, tmp_path: Path) -> None:
    with world.run(world.plan(tmp_path, soak=1.5, quiet=1.5), tmp_path / "state") as run:
        run.wait(quiet_for(0.4), 20)  # type: ignore[arg-type]
        world.pin()
        view = run.wait(lambda view: view.finished, 15)
        assert view.outcome == "stopped-at-gate"
        verdict, headline = idle(view)
        assert verdict is Verdict.FAIL
        assert "the old side is still used" in headline
        assert f"({HOST} " in headline
        assert "a minute" in headline
        assert view.drain is not None
        assert view.drain.verdict is Verdict.FAIL
        world.unpin()
        # the gate is asked again by itself, once nobody has come for long enough
        view = run.wait(lambda view: view.outcome == "done", 15)
        assert idle(view)[0] is Verdict.PASS
        assert "others come less often than" in idle(view)[1]
        recorded = counts(run)
    assert sum(event.others or 0 for event in recorded) == world.pinned > 5
    assert sum(event.per_host.get(HOST, 0) for event in recorded) == world.pinned
    ours = sum(event.ours for event in recorded)
    assert 0 < ours <= world.ours_at_old()
    assert len(recorded) < 30


@pytest.mark.real
def test_a_restarted_pod_makes_it_begin_anew(world: SoakWorld, tmp_path: Path) -> None:
    with world.run(world.plan(tmp_path, soak=1.0, quiet=2.0), tmp_path / "state") as run:
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
    with world.run(world.plan(tmp_path, soak=1.0, quiet=1.0), tmp_path / "state") as run:
        run.wait(quiet_for(0.2), 20)  # type: ignore[arg-type]
        with world.without_ingress("shop", "store"):
            # a client that nobody counts
            world.pin()
            view = run.wait(lambda view: view.finished, 15)
            world.unpin()
            assert view.outcome == "stopped-at-gate"
            verdict, headline = idle(view)
        assert verdict is Verdict.UNKNOWN
        assert "Ingress shop/store does not exist any more, so its requests are not counted" in headline
        view = run.wait(lambda view: view.outcome == "done", 15)
    assert idle(view)[0] is Verdict.PASS


@pytest.mark.real
def test_a_raised_ttl_is_said_while_soaking(world: SoakWorld, tmp_path: Path) -> None:
    with world.run(world.plan(tmp_path, soak=30.0), tmp_path / "state") as run:
        run.wait(lambda view: view.phase == "soak", 20)
        world.set_ttl(300)
        view = run.wait(lambda view: view.drain is not None and bool(view.drain.raised), 10)
        assert f"hands out {HOST} with 300 s" in view.message
        world.set_ttl(1)
        run.wait(lambda view: view.drain is not None and not view.drain.raised, 10)


@pytest.mark.real
def test_shoppers_leave_when_their_resolver_lets_go(tmp_path: Path) -> None:
    with (
        soak_world(replace(SOAK, old_ttl=4, low_ttl=3), rate_per_s=40.0) as shop,
        shop.run(shop.plan(tmp_path, watch=2.0, soak=2.0, quiet=1.0), tmp_path / "state") as run,
    ):
        before = run.wait(lambda view: view.phase == "watch", 20)
        at_switch = shop.others_at_old()
        view = run.wait(lambda view: view.finished, 25)
        assert view.outcome == "done", (view.message, idle(view))
        drain = view.drain
        assert drain is not None
        assert drain.forecast_at is not None
        assert drain.last_old is not None
        assert drain.last_old <= drain.forecast_at + 1.0
        assert before.now - 1.0 <= drain.last_old
        recorded = counts(run)
        came = shop.others_at_old() - at_switch
    counted = sum(event.others or 0 for event in recorded)
    # those of the moments between the switch and the first look are not in it, and no one else is missing
    assert came - 40 <= counted <= came
    assert counted > 5
