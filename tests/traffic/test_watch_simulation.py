"""The simulation's shortcut (from error to error) is the product's own decision, request by request."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pointsman.probes.watching.decision import WatchPolicy, WatchTally, WatchVerdict, decide

_FILE = Path(__file__).parents[2] / "benchmarks" / "watch_simulation.py"


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("watch_simulation", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["watch_simulation"] = module
    spec.loader.exec_module(module)
    return module


def by_each_request(new: list[bool], old: list[bool], policy: WatchPolicy) -> tuple[WatchVerdict, int | None]:
    """The product as it is used: every request of both sides in turn, and a decision after each."""
    tally = WatchTally.of(policy)
    for number, (new_error, old_error) in enumerate(zip(new, old, strict=True)):
        at_s = number * 60 / 600
        path = "/a" if number % 2 else "/b"
        for on_new, error in ((True, new_error), (False, old_error)):
            tally = tally.add(on_new, error, at_s, path)
            verdict = decide(policy, tally, at_s).verdict
            if verdict in (WatchVerdict.ABORT, WatchVerdict.HOLD):
                return verdict, number + 1
    return WatchVerdict.INCONCLUSIVE, None


@pytest.mark.parametrize("rates", [(0.05, 0.001), (0.3, 0.001), (1.0, 0.001), (0.3, 0.3), (0.01, 0.002)])
def test_from_error_to_error_is_request_by_request(
    simulation: ModuleType, rates: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    length = 400
    monkeypatch.setattr(simulation, "REQUESTS", length)
    policy = WatchPolicy(min_time_s=1e9, max_time_s=1e9)
    decided = 0
    for seed in range(6):
        chance = random.Random(seed)
        new = [chance.random() < rates[0] for _ in range(length)]
        old = [chance.random() < rates[1] for _ in range(length)]
        drawn = iter((new, old))
        monkeypatch.setattr(
            simulation,
            "errors",
            lambda *_, drawn=drawn: iter([number for number, error in enumerate(next(drawn)) if error]),
        )
        case = simulation.Case("test", simulation.constant(rates[0]), simulation.constant(rates[1]), 1.0)
        ended = simulation.watch(case, chance, policy)
        verdict, after = by_each_request(new, old, policy)
        assert (ended.verdict, ended.after) == (verdict, after), seed
        decided += after is not None
    assert decided or rates[0] < 0.05


def test_the_bound_is_that_of_the_rule_of_three(simulation: ModuleType) -> None:
    assert simulation.upper_bound(0, 20_000) == pytest.approx(3 / 20_000, rel=0.01)
    assert simulation.upper_bound(5, 5) == 1.0
