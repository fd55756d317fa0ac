"""How soon the watch alarms, and how often for nothing: simulated, with the product's own decision.

A watch is thousands of requests, and a share of one in a thousand needs tens of thousands of watches to be
seen. So a simulated watch jumps from error to error: between errors the evidence of every test only falls.
Where a good answer can decide as well, it goes request by request. The product's own ``decide`` is asked, and
tests/traffic/test_watch_simulation.py holds all of this against asking it after every request.

    python benchmarks/watch_simulation.py [--runs 20000] [--quick]
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median

from pointsman.probes.watching.decision import WatchPolicy, WatchTally, WatchVerdict, decide
from pointsman.probes.watching.sequential import MixtureTest
from pointsman.probes.watching.traffic.facts import Counts, Reading
from pointsman.probes.watching.traffic.flow import Before
from pointsman.probes.watching.traffic.tally import TrafficTally

REQUESTS = 6000
PER_MINUTE = 600
"""Requests of the new side in a watch, and in a minute of it; the old side has as many."""
Rate = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Case:
    """Error rates of both sides by request number."""

    name: str
    new: Rate
    old: Rate
    highest: float
    healthy: bool = False
    runs: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How one watch ended: after how many requests of the new side it alarmed, was decided, and would have
    been ended by the rule "a minute above 1 %" (None: it did not).
    """

    verdict: WatchVerdict
    alarm: int | None = None
    after: int | None = None
    by_rule: int | None = None


def constant(rate: float) -> Rate:
    return lambda _: rate


def swing(rate: float) -> Rate:
    """Ten times ``rate`` and back in the course of the watch: what both sides share is the hour."""
    return lambda number: rate * (1 + 9 * math.sin(math.pi * number / REQUESTS) ** 2)


CASES = (
    Case("healthy, 0", constant(0), constant(0), 0.0, healthy=True),
    Case("healthy, 0.05 %", constant(0.0005), constant(0.0005), 0.0005, healthy=True),
    Case("healthy, 0.1 % (= p0)", constant(0.001), constant(0.001), 0.001, healthy=True),
    Case("1 %, old 0.1 %", constant(0.01), constant(0.001), 0.01, runs=1000),
    Case("5 %, old 0.1 %", constant(0.05), constant(0.001), 0.05, runs=1000),
    Case("30 %, old 0.1 %", constant(0.3), constant(0.001), 0.3, runs=1000),
    Case("outage, old 0.1 %", constant(1.0), constant(0.001), 1.0, runs=1000),
    Case(
        "5 % from request 3,000 on",
        lambda number: 0.05 if number >= 3000 else 0.0005,
        constant(0.0005),
        0.05,
        runs=1000,
        since=3000,
    ),
    Case(
        "outage from request 3,000 on",
        lambda number: 1.0 if number >= 3000 else 0.0005,
        constant(0.0005),
        1.0,
        runs=1000,
        since=3000,
    ),
    Case("the hour: both 0.1 % to 1 % and back", swing(0.001), swing(0.001), 0.01, runs=1000),
    Case("the hour, and the new side 5 % worse",
         lambda number: 0.05 + swing(0.001)(number), swing(0.001), 0.06, runs=1000),
    Case("both sides 30 %", constant(0.3), constant(0.3), 0.3, runs=1000),
)  # fmt: skip


def errors(rate: Rate, highest: float, chance: random.Random) -> Iterator[int]:
    """The numbers (from 0) of the requests that fail, by thinning of a constant rate."""
    number = -1
    if highest <= 0:
        return
    # what changes with time is drawn at the highest rate and kept by its share of it
    while True:
        gap = 0 if highest >= 1 else int(math.log(1.0 - chance.random()) / math.log1p(-highest))
        number += gap + 1
        if number >= REQUESTS:
            return
        if chance.random() * highest < rate(number):
            yield number


class Jumping:
    """The product's tally, moved over good requests in one step. Both sides take turns, the new one first."""

    def __init__(self, policy: WatchPolicy) -> None:
        self.policy = policy
        self.tally = WatchTally.of(policy)
        p1 = min(10 * policy.p0, 0.95)
        self._down = math.log1p(-p1) - math.log1p(-policy.p0)

    def good_until(self, new: int, old: int) -> None:
        """So many requests of each side have been answered in all, every one since the last error well."""
        tally = self.tally
        more_new, more_old = new - tally.new.requests, old - tally.old.requests
        if more_new:
            self._good_of_new(more_new)
        if more_old:
            self._good_of_old(more_old)

    def _good_of_new(self, more: int) -> None:
        tally = self.tally
        test = replace(tally.new, requests=tally.new.requests + more)
        # the peak after the first good request, for a test that has not met an error before
        if test.errors == 0:
            first = replace(tally.new, requests=tally.new.requests + 1)
            test = replace(test, peak=max(tally.new.peak, first.log_evidence))
        cusum = replace(tally.cusum, value=max(0.0, tally.cusum.value + more * self._down))
        sides = replace(tally.sides, new_requests=tally.sides.new_requests + more)
        self.tally = replace(tally, new=test, cusum=cusum, sides=sides, failing_in_a_row=0)

    def _good_of_old(self, more: int) -> None:
        tally = self.tally
        test = replace(tally.old, requests=tally.old.requests + more)
        if test.errors == 0:
            first = replace(tally.old, requests=tally.old.requests + 1)
            test = replace(test, peak=max(tally.old.peak, first.log_evidence))
        sides = replace(tally.sides, old_requests=tally.sides.old_requests + more)
        self.tally = replace(tally, old=test, sides=sides, old_good_meanwhile=tally.old_good_meanwhile + more)

    def answered(self, event: int, failed: bool) -> None:
        """One request: paths in turn, as the watch asks them."""
        number = event // 2
        path = "/a" if number % 2 else "/b"
        self.tally = self.tally.add(event % 2 == 0, failed, number * 60 / PER_MINUTE, path)

    def decided(self, number: int) -> WatchVerdict:
        """What the product would say now, had it heard of good requests a moment ago."""
        at_s = number * 60 / PER_MINUTE
        fresh = replace(self.tally, first_s=0.0, last_new_s=at_s, last_old_s=at_s)
        return decide(self.policy, fresh, at_s).verdict


def watch(case: Case, chance: random.Random, policy: WatchPolicy) -> Ended:
    """One watch of REQUESTS requests to each side, ten a second."""
    jumping = Jumping(policy)
    rule = MinuteRule()
    alarm: int | None = None
    position = 0
    # request n of the new side is event 2n, that of the old one 2n + 1
    failing = _merged(errors(case.new, case.highest, chance), errors(case.old, case.highest, chance))
    for event in (*failing, 2 * REQUESTS):
        # a good answer decides only whose fault it is: where the new side fails altogether, or both fail
        if alarm is None or not (jumping.tally.everything_fails or jumping.tally.old.alarmed):
            jumping.good_until((event + 1) // 2, event // 2)
            position = event
        for each in range(position, min(event + 1, 2 * REQUESTS)):
            number, failed = each // 2, each == event
            jumping.answered(each, failed)
            if failed and each % 2 == 0:
                rule.error(number)
            if alarm is None and (jumping.tally.new.alarmed or jumping.tally.cusum.alarmed):
                alarm = number + 1
            verdict = jumping.decided(number) if alarm is not None else WatchVerdict.INCONCLUSIVE
            if verdict in (WatchVerdict.ABORT, WatchVerdict.HOLD):
                return Ended(verdict, alarm, number + 1, rule.after)
        position = event + 1
    return Ended(WatchVerdict.INCONCLUSIVE, alarm, None, rule.after)


class MinuteRule:
    """The rule of thumb: stop when in any minute more than 1 % of the requests have failed."""

    def __init__(self) -> None:
        self._errors: dict[int, int] = {}
        self.after: int | None = None

    def error(self, number: int) -> None:
        """Request ``number`` of the new side has failed."""
        minute = number // PER_MINUTE
        self._errors[minute] = self._errors.get(minute, 0) + 1
        if self.after is None and self._errors[minute] > PER_MINUTE / 100:
            self.after = number + 1


def _merged(new: Iterator[int], old: Iterator[int]) -> Iterator[int]:
    return heapq.merge((2 * number for number in new), (2 * number + 1 for number in old))


def upper_bound(found: int, runs: int) -> float:
    """The share that ``found`` in ``runs`` does not exclude at 95 % (one-sided, Clopper and Pearson)."""
    if found >= runs:
        return 1.0
    low, high = found / runs, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(
            math.exp(
                math.lgamma(runs + 1)
                - math.lgamma(k + 1)
                - math.lgamma(runs - k + 1)
                + k * math.log(middle)
                + (runs - k) * math.log1p(-middle)
            )
            for k in range(found + 1)
        ) if 0 < middle < 1 else float(middle <= 0)  # fmt: skip
        low, high = (middle, high) if below > 0.05 else (low, middle)
    return high


def simulate(case: Case, runs: int) -> tuple[str, bool]:
    """One line of the table, and whether it holds what is promised."""
    policy = WatchPolicy(min_time_s=1e9, max_time_s=1e9)
    ended = [watch(case, random.Random(f"{case.name} {seed}"), policy) for seed in range(runs)]
    aborts = [one for one in ended if one.verdict is WatchVerdict.ABORT]
    holds = [one for one in ended if one.verdict is WatchVerdict.HOLD]
    alarms = [one for one in ended if one.alarm is not None]
    rule = [one for one in ended if one.by_rule is not None]
    line = (
        f"| {case.name} | {runs:,} | {_part(len(alarms), runs)} | {_median(case, alarms, 'alarm')} "
        f"| {_part(len(aborts), runs)} | {_part(len(holds), runs)} "
        f"| {_median(case, [*aborts, *holds], 'after')} | {_part(len(rule), runs)} |"
    )
    return line, not case.healthy or upper_bound(len(aborts), runs) <= max(0.001, 3.1 / runs)


def _part(found: int, runs: int) -> str:
    bound = f" (at most {100 * upper_bound(found, runs):.3f} %)" if found < runs / 500 else ""
    return f"{100 * found / runs:.3g} %{bound}"


def _median(case: Case, ended: list[Ended], what: str) -> str:
    counts = [getattr(one, what) - case.since for one in ended if getattr(one, what) > case.since]
    return f"{median(counts):.0f}" if counts else "-"


USERS_PER_S = 20
CLUSTER = 10
"""Requests of real users a second, and how many of them fail together where one does."""


def users(share_new: float, share_old: float, chance: random.Random) -> tuple[float | None, bool]:
    """Ten minutes before the switch and ten after it, as the sides count them: seconds to ABORT, and whether
    a test that takes each request for itself would have alarmed.
    """
    before = Before.of(())
    at, counts = 0.0, Counts(0.0, 0.0)
    before = before.add(_reading(at, counts))
    for _ in range(60):
        at, counts = at + 10, _later(counts, share_old, chance)
        before = before.add(_reading(at, counts))
    tally, naive = TrafficTally.of((), before), MixtureTest()
    new, old = Counts(0.0, 0.0), Counts(0.0, 0.0)
    tally = tally.add(_reading(0.0, new), _reading(0.0, old))
    for step in range(60):
        at = 10.0 * (step + 1)
        new, old = _later(new, share_new, chance), _later(old, share_old, chance)
        tally = tally.add(_reading(at, new), _reading(at, old))
        naive = replace(naive, requests=int(new.requests or 0), errors=int(new.errors_5xx or 0))
        naive = replace(naive, peak=max(naive.peak, naive.log_evidence))
        if tally.says(old_probes_fail=False, old_probes_well=True).says == "abort":
            return at, naive.alarmed
    return None, naive.alarmed


def _later(counts: Counts, share: float, chance: random.Random) -> Counts:
    """Ten seconds more, with failures in clusters."""
    requests = max(0, round(chance.gauss(10 * USERS_PER_S, math.sqrt(10 * USERS_PER_S))))
    failed = sum(CLUSTER for _ in range(math.ceil(requests / CLUSTER)) if chance.random() < share)
    more = Counts(float(requests), float(min(failed, requests)))
    return Counts(
        (counts.requests or 0.0) + (more.requests or 0.0),
        (counts.errors_5xx or 0.0) + (more.errors_5xx or 0.0),
    )


def _reading(at: float, counts: Counts) -> Reading:
    return Reading(at, 0.0, "simulated", counts, answered=1, pods=1, complete=True, unbroken_since=0.0)


def simulate_users(runs: int) -> None:
    """What the sides' own counts add, with failures that come ten at a time."""
    print(
        "| 5xx of the new side's users (old: 0.1 %) | watches | ABORT | seconds to it "
        "| alarm, if each request stood for itself |"
    )
    print("|---|---|---|---|---|")
    for share in (0.001, 0.01, 0.05, 0.3, 1.0):
        many = runs if share <= 0.001 else max(50, runs // 20)
        ended = [users(share, 0.001, random.Random(f"{share} {seed}")) for seed in range(many)]
        seconds = [one for one, _ in ended if one is not None]
        alone = sum(naive for _, naive in ended)
        middle = f"{median(seconds):.0f}" if seconds else "-"
        aborts = _part(len(seconds), many)
        print(f"| {100 * share:g} % | {many:,} | {aborts} | {middle} | {_part(alone, many)} |", flush=True)


def main() -> int:
    """Both tables. Exit code 1 where a promise about healthy watches is not held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=20_000, help="healthy watches of each kind")
    parser.add_argument("--quick", action="store_true", help="a twentieth of everything")
    options = parser.parse_args()
    share = 20 if options.quick else 1
    print(
        "| error rate of the new side | watches | alarm | requests to it | ABORT | HOLD | requests to either "
        '| "a minute above 1 %" |'
    )
    print("|---|---|---|---|---|---|---|---|")
    began, good = time.perf_counter(), True
    for case in CASES:
        line, fine = simulate(case, max(50, (case.runs or options.runs) // share))
        print(line, flush=True)
        good = good and fine
    print()
    simulate_users(max(50, options.runs // 4 // share))
    print(f"\n{time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
