"""The watch's statistics, by simulation with fixed seeds, and what is decided from them."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.probes.watching.decision import WatchPolicy, WatchTally, WatchVerdict, decide
from pointsman.probes.watching.sequential import (
    Cusum,
    MixtureTest,
    TwoSideTest,
    alternatives,
    detectable_rate,
    log_mean_exp,
)


def requests_to_alarm(rate: float, seed: int, most: int = 6000) -> int | None:
    """How many requests until the mixture alarms; None: not within ``most``."""
    chance = random.Random(seed)
    test = MixtureTest()
    for count in range(1, most + 1):
        test = test.add(chance.random() < rate)
        if test.alarmed:
            return count
    return None


@pytest.mark.parametrize(
    ("rate", "least", "most"), [(1.0, 2, 2), (0.3, 4, 8), (0.05, 40, 75), (0.01, 380, 720)]
)
def test_median_requests_to_alarm(rate: float, least: int, most: int) -> None:
    counts = [requests_to_alarm(rate, seed) for seed in range(41)]
    found = median(count or 6001 for count in counts)
    assert least <= found <= most


def test_no_false_alarm_at_the_healthy_rate() -> None:
    p0 = 0.001
    weights = [(math.log(p1 / p0), math.log1p(-p1) - math.log1p(-p0)) for p1 in alternatives(p0)]
    up, down = math.log(10.0), math.log1p(-0.01) - math.log1p(-p0)
    mixture_alarms = cusum_alarms = 0
    for seed in range(300):
        chance = random.Random(seed)
        # evidence only peaks at an error, so the runs jump from error to error
        requests = errors = 0
        chart = 0.0
        alarmed = charted = False
        while True:
            gap = int(math.log(1 - chance.random()) / math.log1p(-p0))
            requests += gap + 1
            if requests > 6000:
                break
            errors += 1
            good = requests - errors
            evidence = log_mean_exp(tuple(errors * e + good * s for e, s in weights))
            alarmed = alarmed or evidence >= math.log(1000)
            chart = max(0.0, chart + gap * down) + up
            charted = charted or chart >= Cusum().threshold
        mixture_alarms += alarmed
        cusum_alarms += charted
    assert mixture_alarms == 0
    assert cusum_alarms <= 1


def test_the_shortcut_of_the_simulation_is_the_test_itself() -> None:
    chance = random.Random(7)
    outcomes = [chance.random() < 0.02 for _ in range(400)]
    test, chart = MixtureTest().add(*outcomes), Cusum().add(*outcomes)
    errors = sum(outcomes)
    expected = log_mean_exp(
        tuple(
            errors * math.log(p1 / 0.001) + (400 - errors) * (math.log1p(-p1) - math.log1p(-0.001))
            for p1 in alternatives(0.001)
        )
    )
    assert test.log_evidence == pytest.approx(expected)
    assert chart.peak >= chart.value >= 0


def test_damage_in_the_middle_is_found_sooner_by_cusum() -> None:
    healthy = [False] * 5000
    broken = [index % 20 == 0 for index in range(400)]
    mixture, chart = MixtureTest().add(*healthy), Cusum().add(*healthy)
    by_mixture = by_chart = None
    for count, error in enumerate(broken):
        mixture, chart = mixture.add(error), chart.add(error)
        by_chart = count if by_chart is None and chart.alarmed else by_chart
        by_mixture = count if by_mixture is None and mixture.alarmed else by_mixture
    assert by_chart is not None
    assert by_chart < 120
    assert by_mixture is None or by_mixture > by_chart


def test_two_sides_blames_the_right_one_and_neither_when_alike() -> None:
    def run(new: float, old: float, seed: int) -> TwoSideTest:
        chance, test = random.Random(seed), TwoSideTest()
        for index in range(1500):
            on_new = index % 2 == 0
            test = test.add(on_new, chance.random() < (new if on_new else old))
        return test

    assert run(0.1, 0.001, 1).evidence_new_worse > 1000
    assert run(0.001, 0.1, 2).evidence_old_worse > 1000
    alike = [run(0.3, 0.3, seed) for seed in range(40)]
    assert sum(max(test.evidence_new_worse, test.evidence_old_worse) > 20 for test in alike) <= 2


def test_detectable_rate_falls_with_the_requests() -> None:
    rates = [detectable_rate(count) for count in (0, 1, 10, 100, 600, 6000)]
    assert rates[0] == 1.0
    assert rates == sorted(rates, reverse=True)
    assert 0.008 < detectable_rate(600) < 0.012


@given(st.lists(st.booleans(), max_size=60), st.floats(1e-6, 0.2), st.floats(1e-6, 0.5))
def test_evidence_is_a_number_and_order_does_not_matter(
    outcomes: list[bool], p0: float, alpha: float
) -> None:
    forth, back = MixtureTest(p0, alpha).add(*outcomes), MixtureTest(p0, alpha).add(*reversed(outcomes))
    assert not math.isnan(forth.evidence)
    assert forth.log_evidence == pytest.approx(back.log_evidence)
    assert forth.peak >= forth.log_evidence or not outcomes


@pytest.mark.parametrize(("p0", "alpha"), [(0.0, 0.1), (0.5, 0.1), (0.001, 0.0), (0.001, 1.0)])
def test_rates_without_sense_are_refused(p0: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        MixtureTest(p0=p0, alpha=alpha)


POLICY = WatchPolicy(min_samples=100, min_time_s=15.0)


def watched(
    new: list[bool], old: list[bool], policy: WatchPolicy = POLICY, paths: int = 3, per_second: int = 10
) -> WatchTally:
    """The tally after both sides' outcomes, interleaved, True being an error."""
    tally = WatchTally.of(policy)
    for index in range(max(len(new), len(old))):
        for on_new, side in ((False, old), (True, new)):
            if index < len(side):
                tally = tally.add(on_new, side[index], index / per_second, f"/{index % paths}")
    return tally


def test_pass_needs_time_and_samples() -> None:
    good = watched([False] * 150, [False] * 150)
    assert decide(POLICY, good, 15.0).verdict is WatchVerdict.PASS
    early = decide(POLICY, good, 14.9)
    assert early.verdict is WatchVerdict.INCONCLUSIVE
    assert early.seconds_left == pytest.approx(0.1)
    few = decide(POLICY, watched([False] * 99, [False] * 99), 15.0)
    assert few.verdict is WatchVerdict.INCONCLUSIVE
    assert few.seconds_left is not None


def test_missing_data_never_passes() -> None:
    good = watched([False] * 150, [False] * 150)
    assert decide(POLICY, WatchTally.of(POLICY), 1000.0).verdict is WatchVerdict.INCONCLUSIVE
    assert decide(POLICY, good, 15.0 + POLICY.stale_s).verdict is WatchVerdict.INCONCLUSIVE
    assert decide(POLICY, watched([False] * 150, []), 15.0).verdict is WatchVerdict.INCONCLUSIVE
    assert decide(POLICY, good.add_missing(60), 15.0).verdict is WatchVerdict.INCONCLUSIVE


def test_an_outage_of_the_new_side_aborts_at_once() -> None:
    decision = decide(POLICY, watched([True] * 3, [False] * 3), 0.5)
    assert decision.verdict is WatchVerdict.ABORT
    assert decision.evidence >= decision.threshold


def test_an_outage_after_a_good_start_aborts() -> None:
    new = [False] * 200 + [True] * 15
    assert decide(POLICY, watched(new, [False] * 215), 22.0).verdict is WatchVerdict.ABORT


def test_both_failing_is_held() -> None:
    for share in (1, 3):
        failing = [index % share == 0 for index in range(60)]
        decision = decide(POLICY, watched(failing, failing), 6.0)
        assert decision.verdict is WatchVerdict.HOLD
        assert "backend" in decision.reason


def test_a_failing_old_side_alone_does_not_blame_the_new_one() -> None:
    decision = decide(POLICY, watched([False] * 150, [True] * 150), 15.0)
    assert decision.verdict is WatchVerdict.PASS


def test_the_new_side_clearly_worse_aborts_though_the_old_one_is_not_well() -> None:
    old = [index % 50 == 0 for index in range(300)]
    assert decide(POLICY, watched([True] * 300, old), 30.0).verdict is WatchVerdict.ABORT


def test_one_hiccup_on_one_path_is_waited_out() -> None:
    tally = watched([False] * 50, [False] * 50)
    for _ in range(4):
        tally = tally.add(True, True, 5.2, "/a")
    tally = tally.add(True, False, 5.3, "/b").add(False, False, 5.3, "/b")
    assert tally.new.alarmed
    waiting = decide(POLICY, tally, 6.0)
    assert waiting.verdict is WatchVerdict.INCONCLUSIVE
    assert "one second" in waiting.reason
    for _ in range(4):
        tally = tally.add(True, True, 7.0, "/b")
    assert decide(POLICY, tally, 7.5).verdict is WatchVerdict.ABORT


def test_errors_short_of_an_alarm_do_not_pass() -> None:
    new = [False] * 150
    new[100] = new[130] = True
    decision = decide(POLICY, watched(new, [False] * 150), 15.0)
    assert decision.verdict is WatchVerdict.INCONCLUSIVE


def test_healthy_watches_pass_and_never_abort() -> None:
    outcomes = []
    for seed in range(30):
        chance = random.Random(seed)
        sides = [[chance.random() < 0.001 for _ in range(300)] for _ in range(2)]
        outcomes.append(decide(POLICY, watched(*sides), 30.0).verdict)
    assert WatchVerdict.ABORT not in outcomes
    assert WatchVerdict.HOLD not in outcomes
    assert outcomes.count(WatchVerdict.PASS) >= 27


def test_backend_trouble_seldom_aborts() -> None:
    """Both sides fail at the same rate: a hold must come first, not an abort."""
    aborted = 0
    for seed in range(60):
        chance, tally = random.Random(seed), WatchTally.of(POLICY)
        for index in range(400):
            for on_new in (False, True):
                tally = tally.add(on_new, chance.random() < 0.3, index / 10, f"/{index % 3}")
            verdict = decide(POLICY, tally, index / 10).verdict
            if verdict is not WatchVerdict.INCONCLUSIVE:
                aborted += verdict is WatchVerdict.ABORT
                break
        else:
            pytest.fail("never decided")
    assert aborted <= 4


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 1e4), st.text(max_size=3)), max_size=60),
    st.floats(0, 1e5),
)
def test_decide_answers_anything(samples: list[tuple[bool, bool, float, str]], elapsed: float) -> None:
    tally = WatchTally.of(POLICY)
    for sample in samples:
        tally = tally.add(*sample)
    decision = decide(POLICY, tally, elapsed)
    assert decision.reason
    if not tally.new.requests:
        assert decision.verdict is not WatchVerdict.PASS
