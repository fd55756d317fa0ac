"""What the sides' own counts may say: alarm, hold, doubt, and never pass alone; absent is unknown."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.probes.watching.decision import (
    TrafficTally,
    WatchDecision,
    WatchPolicy,
    WatchTally,
    WatchVerdict,
    decide,
)
from pointsman.probes.watching.sequential import DifferenceTest, ShareTest
from pointsman.probes.watching.state import OK, SideView, slower
from pointsman.probes.watching.traffic.facts import Counts, Reading
from pointsman.probes.watching.traffic.flow import Before, Flow

POLICY = WatchPolicy(min_samples=100, min_time_s=60, max_time_s=1e9)


class Side:
    """A source's readings, ten seconds apart."""

    def __init__(self, by_host: bool = False, source: str = "test", handshakes: bool = False) -> None:
        self.by_host, self.source = by_host, source
        self.at = 0.0
        self.counts = Counts(0.0, 0.0, 0.0, *((0.0, 0.0) if handshakes else ()))

    def read(self, **more: float) -> Reading:
        values = {name: getattr(self.counts, name) for name in Counts.__slots__}
        for name, value in more.items():
            values[name] += value
        self.counts = Counts(**values)
        self.at += 10.0
        hosts = {"a.test": self.counts} if self.by_host else {}
        return Reading(self.at, 10.0, self.source, self.counts, hosts, 1, 1, True, 10.0, by_host=self.by_host)


def nothing(source: str = "test") -> Reading:
    return Reading(99.0, 0.0, source, pods=2, answered=0, problems=("not allowed to get pods/proxy",))


def before(share: float = 0.0, blocks: int = 30, requests: float = 200.0, **more: float) -> Before:
    side, seen = Side(), Before.of(("a.test",))
    for _ in range(blocks + 1):
        seen = seen.add(side.read(requests=requests, errors_5xx=share * requests, **more))
    return seen


def watched(
    new: list[dict[str, float]],
    old: list[dict[str, float]] | None = None,
    base: Before | None = None,
    new_base: Before | None = None,
    **sides: bool,
) -> TrafficTally:
    """A tally of these blocks of ten seconds."""
    tally = TrafficTally.of(("a.test",), base, new_base)
    new_side, old_side = Side(**sides), Side(**sides)
    tally = tally.add(new_side.read(), old_side.read() if old is not None else None)
    for number, block in enumerate(new):
        tally = tally.add(new_side.read(**block), old_side.read(**old[number]) if old is not None else None)
    return tally


def probes(new: int = 200, old: int = 200, new_errors: int = 0, old_errors: int = 0) -> WatchTally:
    """Requests of our own to both sides, one a second, errors last."""
    tally = WatchTally.of(POLICY)
    for number in range(max(new, old)):
        if number < new:
            tally = tally.add(True, number >= new - new_errors, float(number), f"/{number % 2}")
        if number < old:
            tally = tally.add(False, number >= old - old_errors, float(number), f"/{number % 2}")
    return tally


def decided(traffic: TrafficTally | None, tally: WatchTally | None = None) -> WatchDecision:
    tally = tally or probes()
    return decide(POLICY, tally, max(tally.last_new_s, tally.last_old_s) + 1, traffic)


WELL = {"requests": 200.0, "errors_5xx": 0.0}
ILL = {"requests": 200.0, "errors_5xx": 60.0}


def test_without_counts_the_probes_decide_and_nothing_is_said() -> None:
    decision = decided(None)
    assert decision.verdict is WatchVerdict.PASS
    assert "count" not in decision.reason


def test_absent_counts_keep_the_probes_verdict_and_are_said() -> None:
    tally = TrafficTally.of(("a.test",)).add(nothing(), nothing())
    decision = decided(tally)
    assert decision.verdict is WatchVerdict.PASS
    assert "not known: not allowed to get pods/proxy" in decision.reason
    assert decided(tally, probes(new=10)).verdict is WatchVerdict.INCONCLUSIVE


def test_good_counts_do_not_pass_what_the_probes_do_not() -> None:
    tally = watched([WELL] * 500, [WELL] * 500, before())
    decision = decided(tally, probes(new=10, old=10))
    assert decision.verdict is WatchVerdict.INCONCLUSIVE
    assert "new 0 5xx in 100000 requests (0 %)" in decision.reason
    assert decided(tally).verdict is WatchVerdict.PASS


def test_users_of_the_new_side_alone_fail() -> None:
    decision = decided(watched([ILL] * 12, [WELL] * 12, before(0.001)))
    assert decision.verdict is WatchVerdict.ABORT
    assert "by its own count the new side fails while the old one does not" in decision.reason
    assert "new 720 5xx in 2400 requests (30 %)" in decision.reason
    assert "before 0.1 %" in decision.reason


def test_users_of_both_sides_fail() -> None:
    decision = decided(watched([ILL] * 12, [ILL] * 12, before(0.001)))
    assert decision.verdict is WatchVerdict.HOLD
    assert "it is the backend" in decision.reason


def test_the_new_side_fails_clearly_more_than_the_old_one_that_fails_too() -> None:
    worse = {"requests": 200.0, "errors_5xx": 190.0}
    little = {"requests": 200.0, "errors_5xx": 12.0}
    assert decided(watched([worse] * 30, [little] * 30, before(0.001))).verdict is WatchVerdict.ABORT


def test_users_are_all_on_the_new_side_and_fail_there_as_they_did_not_before() -> None:
    tally = watched([ILL] * 12, None, before(0.001))
    decision = decided(tally)
    assert decision.verdict is WatchVerdict.ABORT
    assert "as the old one did not before the switch" in decision.reason
    # the old side's probes fail as well: going back would not help
    assert decided(tally, probes(new=200, old=200, new_errors=0, old_errors=20)).verdict is WatchVerdict.HOLD


def test_without_a_look_before_and_without_users_of_the_old_side_it_is_a_doubt() -> None:
    decision = decided(watched([ILL] * 12, None, None))
    assert decision.verdict is WatchVerdict.INCONCLUSIVE
    assert "whether the old one is well is not clear" in decision.reason
    assert "the probes alone would pass" in decision.reason


def test_one_burst_alarms_never_however_bad() -> None:
    burst = {"requests": 5000.0, "errors_5xx": 5000.0}
    tally = watched([WELL] * 3 + [burst] + [WELL] * 30, [WELL] * 34, before(0.001))
    assert not tally.kinds[0].new.alarmed
    assert decided(tally).verdict is WatchVerdict.PASS


def test_a_doubt_keeps_from_passing() -> None:
    burst = {"requests": 200.0, "errors_5xx": 200.0}
    decision = decided(watched([WELL, burst, burst], [WELL] * 3, before(0.001)))
    assert decision.verdict is WatchVerdict.INCONCLUSIVE
    assert "too many fail by the new side's count" in decision.reason


def test_what_was_usual_before_the_switch_is_healthy() -> None:
    usual = {"requests": 200.0, "errors_5xx": 10.0}
    assert decided(watched([usual] * 40, [usual] * 40, before(0.05))).verdict is WatchVerdict.PASS
    # a gateway whose other hosts fail by habit
    quiet = before(0.0, requests=200.0)
    habit = before(0.05, requests=200.0)
    tally = watched([usual] * 40, [WELL] * 40, quiet, habit)
    assert decided(tally).verdict is WatchVerdict.PASS


def test_a_shared_gateway_that_does_not_tell_hosts_apart_only_raises_a_doubt() -> None:
    decision = decided(watched([ILL] * 20, [WELL] * 20, before(0.001), before(0.0)))
    assert decision.verdict is WatchVerdict.INCONCLUSIVE
    assert "does not tell our hosts from others'" in decision.reason


def test_a_side_that_counts_no_errors_is_said_to_rely_on_probes() -> None:
    side = Side()
    tally = TrafficTally.of(("a.test",))
    for at in (10.0, 20.0, 30.0):
        counts = Counts(at * 100)
        note = ("it counts requests without their status: for errors rely on the probes",)
        tally = tally.add(Reading(at, 10.0, "NGF", counts, answered=1, pods=1, notes=note), side.read())
    decision = decided(tally)
    assert decision.verdict is WatchVerdict.PASS
    assert "rely on the probes" in decision.reason


def test_the_probes_verdict_stands_where_they_have_decided() -> None:
    ill = probes(new=200, old=200, new_errors=20)
    assert decided(watched([WELL] * 12, [WELL] * 12, before()), ill).verdict is WatchVerdict.ABORT
    both = probes(new=200, old=200, new_errors=20, old_errors=20)
    assert decided(watched([ILL] * 12, [WELL] * 12, before()), both).verdict is WatchVerdict.HOLD


def test_404_by_host_alarms_and_404_of_all_hosts_is_a_note() -> None:
    lost = {"requests": 200.0, "not_found": 100.0}
    base = Before.of(("a.test",))
    side = Side(by_host=True)
    for _ in range(30):
        base = base.add(side.read(requests=200.0, not_found=2.0))
    tally = watched([lost] * 12, [WELL] * 12, base, by_host=True)
    assert decided(tally).verdict is WatchVerdict.ABORT
    assert "1200 404 in 2400 requests" in decided(tally).reason
    other = watched([lost] * 12, [WELL] * 12, before())
    decision = decided(other)
    assert decision.verdict is WatchVerdict.PASS
    assert decision.notes == ("the new side counts 1200 404 in 2400 requests (50 %)",)


def test_handshakes_that_fail() -> None:
    good = {"requests": 100.0, "handshakes": 100.0, "handshake_failures": 1.0}
    bad = {"requests": 100.0, "handshakes": 50.0, "handshake_failures": 50.0}
    base, side = Before.of(("a.test",)), Side(handshakes=True)
    for _ in range(30):
        base = base.add(side.read(**good))
    assert decided(watched([bad] * 15, [good] * 15, base, handshakes=True)).verdict is WatchVerdict.ABORT
    # nothing to compare with: ingress-nginx counts none
    decision = decided(watched([bad] * 15, [good] * 15, None, handshakes=True))
    assert decision.verdict is WatchVerdict.PASS
    assert "750 of 1500 handshakes failed" in decision.notes[0]


def test_another_source_is_not_compared_with_the_one_before() -> None:
    flow, added = Flow(("a.test",)).add(Side(source="pods").read(requests=1000.0))
    assert added is None
    other = Side(source="prometheus")
    other.at = 50.0
    flow, added = flow.add(other.read(requests=5.0))
    assert added is None
    flow, added = flow.add(other.read(requests=7.0))
    assert added is not None
    assert added.requests == 7.0


def test_a_look_without_an_answer_is_made_up_for_by_the_next() -> None:
    side = Side()
    flow, _ = Flow(()).add(side.read())
    flow, added = flow.add(nothing())
    assert added is None
    assert flow.latest is not None
    assert flow.latest.problems
    side.at = 90.0
    flow, added = flow.add(side.read(requests=30.0))
    assert added is not None
    assert added.requests == 30.0


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0.001, 0.5))
@settings(max_examples=60, deadline=None)
def test_evidence_of_shares_stays_within_its_bounds(shares: list[float], healthy: float) -> None:
    test, most = ShareTest(healthy=healthy), 1.0
    for share in shares:
        before = test.evidence
        test = test.add(share)
        assert test.evidence <= 10 * before
        most *= 10
    assert test.evidence <= most


def test_evidence_of_shares_is_fair_in_the_mean_and_seldom_high() -> None:
    """A wager at fair odds: its mean is 1, so that 1/alpha is met with chance alpha at most (Ville)."""
    chance = random.Random(5)
    worth, alarms = [], 0
    for _ in range(1500):
        test = ShareTest(healthy=0.02, alpha=0.05)
        for _ in range(60):
            # all or nothing, the worst cluster there is
            test = test.add(float(chance.random() < 0.02))
        worth.append(test.evidence)
        alarms += test.alarmed
    assert alarms / 1500 <= 0.05
    assert 0.3 < sum(worth) / 1500 < 3


def test_a_difference_that_both_suffer_is_none() -> None:
    test = DifferenceTest()
    for share in (0.0, 0.5, 1.0, 0.2) * 20:
        test = test.add(share, share)
    assert test.evidence_new_worse == pytest.approx(1.0)
    for _ in range(12):
        test = test.add(0.8, 0.1)
    assert test.evidence_new_worse > 20


# ---- time to a decision, and latency


def test_seconds_left_leads_to_a_pass_an_alarm_or_nowhere() -> None:
    quiet = decide(POLICY, probes(new=50, old=50), 50.0)
    assert quiet.seconds_left == pytest.approx(50, abs=2)
    # an error in fifty: the alarm is nearer than the pass
    failing = WatchTally.of(POLICY)
    for number in range(40):
        failing = failing.add(True, number in (12, 30), float(number), f"/{number % 3}")
        failing = failing.add(False, False, float(number))
    decision = decide(POLICY, failing, 40.0)
    assert decision.verdict is WatchVerdict.INCONCLUSIVE
    assert decision.seconds_left is not None
    assert decision.seconds_left < 60
    # nothing comes any more: no end is in sight
    assert decide(POLICY, probes(new=50, old=50), 90.0).seconds_left is None
    soaking = WatchPolicy(passes=False, max_time_s=1e9)
    decision = decide(soaking, probes(), 200.0)
    assert decision.verdict is WatchVerdict.INCONCLUSIVE
    assert decision.seconds_left is None
    assert decision.reason.startswith("no alarm in 200 s")


def test_a_slower_side_is_a_note_and_no_alarm() -> None:
    fast = SideView(60, kinds=((OK, 60),), p95_ms=40.0)
    slow = SideView(60, kinds=((OK, 60),), p95_ms=400.0)
    (note,) = slower(slow, fast)
    assert note == "p95 is 10.0 times the old side's (400 ms, 40 ms)"
    assert slower(fast, slow) == ()
    assert slower(SideView(60, kinds=((OK, 60),), p95_ms=90.0), fast) == ()
    assert slower(SideView(9, kinds=((OK, 9),), p95_ms=900.0), fast) == ()
    decision = decide(POLICY, probes(), 200.0, notes=(note,))
    assert decision.verdict is WatchVerdict.PASS
    assert decision.reason.endswith(f"note: {note}")
