"""What the watch decides, from counts alone: PASS, INCONCLUSIVE, ABORT or HOLD. Pure.

Our own probes decide; what the sides count of their users (``TrafficTally``) can raise an alarm, hold or
doubt, and never passes alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from .sequential import Cusum, MixtureTest, TwoSideTest, detectable_rate
from .traffic.tally import Said, TrafficTally, percent

__all__ = [
    "TrafficTally",
    "WatchDecision",
    "WatchPolicy",
    "WatchTally",
    "WatchVerdict",
    "decide",
    "percent",
]

# the old side is taken to be innocent at this evidence: being wrong rolls back what it could have held
_ATTRIBUTION_EVIDENCE = 20.0
# five times likelier in harm than in health is no proof of harm, and no clean bill either
_DOUBT = 5.0
_CLUSTER = 2
_Item = TypeVar("_Item")


class WatchVerdict(StrEnum):
    """PASS goes on; INCONCLUSIVE watches longer; ABORT rolls back (by plan); HOLD: it is the backend, touch
    nothing.
    """

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    INCONCLUSIVE = "INCONCLUSIVE"
    ABORT = "ABORT"
    HOLD = "HOLD"


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """``p0`` is the healthy error rate, ``alpha`` the chance of a false alarm; times in seconds.

    PASS needs ``min_time_s`` AND ``min_samples`` of the new side. ``max_time_s`` 0 means three times the
    minimum time and at least a minute more. ``stale_s``: a side without a sample for so long is missing
    data. ``needs_old``: the old side is probed too, and must have been. ``passes`` False: it only waits for
    an alarm, as while soaking.
    """

    p0: float = 0.001
    alpha: float = 0.001
    min_samples: int = 600
    min_time_s: float = 600.0
    max_time_s: float = 0.0
    cusum_threshold: float = 10.5
    stale_s: float = 10.0
    needs_old: bool = True
    passes: bool = True

    @property
    def longest_s(self) -> float:
        """When the watch ends as INCONCLUSIVE if nothing else ended it."""
        return self.max_time_s or max(3 * self.min_time_s, self.min_time_s + 60)


@dataclass(frozen=True, slots=True)
class WatchTally:
    """All that the decision needs of the samples so far. Grows by ``add``; its size does not grow.

    ``error_seconds`` and ``error_paths`` hold the first few distinct ones of the new side's errors.
    ``failing_in_a_row`` counts the new side's errors since its last success.
    """

    new: MixtureTest = field(default_factory=MixtureTest)
    old: MixtureTest = field(default_factory=MixtureTest)
    sides: TwoSideTest = field(default_factory=TwoSideTest)
    cusum: Cusum = field(default_factory=Cusum)
    error_seconds: tuple[int, ...] = ()
    error_paths: tuple[str, ...] = ()
    failing_in_a_row: int = 0
    old_good_meanwhile: int = 0
    missing: int = 0
    first_s: float = -1.0
    last_new_s: float = -1.0
    last_old_s: float = -1.0

    @classmethod
    def of(cls, policy: WatchPolicy) -> WatchTally:
        """An empty tally for a policy. Raises ValueError for rates that make no sense."""
        test = MixtureTest(p0=policy.p0, alpha=policy.alpha)
        return cls(new=test, old=test, cusum=Cusum(p0=policy.p0, threshold=policy.cusum_threshold))

    def add(self, on_new: bool, error: bool, at_s: float, path: str = "") -> WatchTally:
        """The tally after one answered (or failed) request; ``at_s`` is seconds since the watch began."""
        seen = replace(
            self,
            sides=self.sides.add(on_new, error),
            first_s=self.first_s if self.first_s >= 0 else at_s,
        )
        if not on_new:
            good = 0 if error else self.old_good_meanwhile + 1
            return replace(seen, old=self.old.add(error), last_old_s=at_s, old_good_meanwhile=good)
        return replace(
            seen,
            new=self.new.add(error),
            cusum=self.cusum.add(error),
            last_new_s=at_s,
            failing_in_a_row=self.failing_in_a_row + 1 if error else 0,
            old_good_meanwhile=self.old_good_meanwhile if error and self.failing_in_a_row else 0,
            error_seconds=_few(self.error_seconds, int(at_s)) if error else self.error_seconds,
            error_paths=_few(self.error_paths, path) if error else self.error_paths,
        )

    def add_missing(self, count: int = 1) -> WatchTally:
        """The tally after samples that could not be taken (a fault of this machine): never good, never an
        error.
        """
        return replace(self, missing=self.missing + count)

    @property
    def everything_fails(self) -> bool:
        """No request of the new side has succeeded, or none of its last ten has."""
        return self.failing_in_a_row >= 10 or 0 < self.new.errors == self.new.requests

    @property
    def clustered(self) -> bool:
        """Whether the errors could be one hiccup: all in one second and on one path, while others
        succeed.
        """
        spread = len(self.error_seconds) >= _CLUSTER or len(self.error_paths) >= _CLUSTER
        return not spread and not self.everything_fails


def _few(seen: tuple[_Item, ...], one: _Item) -> tuple[_Item, ...]:
    return seen if one in seen or len(seen) >= _CLUSTER else (*seen, one)


@dataclass(frozen=True, slots=True)
class WatchDecision:
    """The running answer. ``evidence`` is the new side's likelihood ratio, ``threshold`` where it alarms.

    ``seconds_left`` estimates when it can be decided (PASS or an alarm) if all stays as it is; None where
    that is not in sight. ``detectable`` is the smallest error rate of the new side that would have been seen
    by now. ``notes`` are worth a look, and decide nothing; ``counted`` is what the sides' own counts say.
    """

    verdict: WatchVerdict
    reason: str
    evidence: float = 1.0
    threshold: float = 1000.0
    seconds_left: float | None = None
    detectable: float = 1.0
    notes: tuple[str, ...] = ()
    counted: str = ""


def decide(
    policy: WatchPolicy,
    tally: WatchTally,
    elapsed_s: float,
    traffic: TrafficTally | None = None,
    notes: tuple[str, ...] = (),
) -> WatchDecision:
    """The decision after ``elapsed_s`` seconds. Missing data never passes; both sides failing is a hold.

    ``traffic`` None: the plan names no counts of the sides' own. ``notes`` are told with the reason.
    """
    verdict, reason = _alarm(policy, tally) or _quiet(policy, tally, elapsed_s)
    counted = ""
    if traffic is not None:
        said = _said(policy, tally, elapsed_s, traffic)
        verdict, reason = _with_traffic(said, verdict, reason)
        notes, counted = (*notes, *traffic.notes()), said.words
    return WatchDecision(
        verdict=verdict,
        reason="; note: ".join((reason, *notes)),
        evidence=tally.new.evidence,
        threshold=tally.new.threshold,
        seconds_left=_seconds_left(policy, tally, elapsed_s)
        if verdict is WatchVerdict.INCONCLUSIVE
        else None,
        detectable=detectable_rate(tally.new.requests, policy.p0, policy.alpha),
        notes=notes,
        counted=counted,
    )


def _said(policy: WatchPolicy, tally: WatchTally, elapsed_s: float, traffic: TrafficTally) -> Said:
    fresh = tally.last_old_s >= 0 and elapsed_s - tally.last_old_s <= policy.stale_s
    well = fresh and not tally.old.alarmed and tally.old.good > 0
    return traffic.says(old_probes_fail=tally.old.alarmed, old_probes_well=well)


def _with_traffic(said: Said, verdict: WatchVerdict, reason: str) -> tuple[WatchVerdict, str]:
    """The probes' verdict, and what the sides' own counts add to it."""
    if verdict in (WatchVerdict.ABORT, WatchVerdict.HOLD) or said.says in ("unknown", "well"):
        # the probes ask both sides the same, so where they have decided they are the better witness
        return verdict, f"{reason}; {said.words}"
    if said.says == "doubt":
        keeps = verdict is not WatchVerdict.PASS
        words = f"{reason}; {said.words}" if keeps else f"{said.words}; the probes alone would pass: {reason}"
        return WatchVerdict.INCONCLUSIVE, words
    decided = WatchVerdict.ABORT if said.says == "abort" else WatchVerdict.HOLD
    return decided, f"{said.words}; probes: {reason}"


def _alarm(policy: WatchPolicy, tally: WatchTally) -> tuple[WatchVerdict, str] | None:
    """What follows from an alarm of the new side; None where there is none."""
    if not (tally.new.alarmed or tally.cusum.alarmed):
        return None
    counts = f"new {_share(tally.new)}, old {_share(tally.old)}"
    if tally.clustered:
        return (
            WatchVerdict.INCONCLUSIVE,
            f"alarm, but every error fell in one second and on one path; waiting for a second one ({counts})",
        )
    new_worse = tally.sides.evidence_new_worse
    if tally.old.alarmed:
        if new_worse >= 1 / policy.alpha:
            return WatchVerdict.ABORT, f"both sides fail, and the new one clearly more ({counts})"
        if min(tally.failing_in_a_row, tally.old_good_meanwhile) >= _CLUSTER:
            return WatchVerdict.INCONCLUSIVE, f"both sides have failed; now the new one alone ({counts})"
        return WatchVerdict.HOLD, f"both sides fail alike: it is the backend, not the new side ({counts})"
    if not policy.needs_old:
        return WatchVerdict.ABORT, f"the new side fails ({counts}; the old side is not probed)"
    clean_meanwhile = (
        tally.everything_fails and tally.old.errors == 0 and tally.old_good_meanwhile >= _CLUSTER
    )
    if clean_meanwhile or new_worse >= _ATTRIBUTION_EVIDENCE:
        return WatchVerdict.ABORT, f"the new side fails while the old one does not ({counts})"
    return (
        WatchVerdict.INCONCLUSIVE,
        f"alarm on the new side; not yet clear that the old side is well ({counts})",
    )


def _quiet(policy: WatchPolicy, tally: WatchTally, elapsed_s: float) -> tuple[WatchVerdict, str]:
    """PASS or INCONCLUSIVE where nothing alarms."""
    waiting = WatchVerdict.INCONCLUSIVE
    if tally.last_new_s < 0 or elapsed_s - tally.last_new_s > policy.stale_s:
        return waiting, "no answer and no error from probes of the new side lately: missing data never passes"
    if policy.needs_old and (tally.last_old_s < 0 or elapsed_s - tally.last_old_s > policy.stale_s):
        return waiting, "no answer and no error from probes of the old side lately: missing data never passes"
    if tally.missing > max(2, (tally.new.requests + tally.old.requests) // 10):
        return (
            waiting,
            f"{tally.missing} probes could not be sent from this machine: missing data never passes",
        )
    if not policy.passes:
        return waiting, f"no alarm in {elapsed_s:.0f} s: new {_share(tally.new)}, old {_share(tally.old)}"
    if elapsed_s < policy.min_time_s or tally.new.requests < policy.min_samples:
        return waiting, (
            f"no alarm; {elapsed_s:.0f} of {policy.min_time_s:.0f} s and "
            f"{tally.new.requests} of {policy.min_samples} requests"
        )
    if tally.new.evidence > _DOUBT:
        return waiting, f"no alarm, but the errors are too many to pass: new {_share(tally.new)}"
    return (
        WatchVerdict.PASS,
        f"no alarm in {elapsed_s:.0f} s: new {_share(tally.new)}, old {_share(tally.old)}",
    )


def _seconds_left(policy: WatchPolicy, tally: WatchTally, elapsed_s: float) -> float | None:
    """Until PASS, or until the alarm, whichever the counts so far lead to; None where neither is in sight."""
    test = tally.new
    if test.requests == 0 or elapsed_s <= 0 or test.alarmed or tally.cusum.alarmed:
        return None
    if elapsed_s - tally.last_new_s > policy.stale_s or not policy.passes:
        return None
    each_s = elapsed_s / test.requests
    if test.evidence > _DOUBT:
        share = test.errors / test.requests
        rise = test.expected_growth(share)
        if rise > 0:
            return max(0.0, (math.log(test.threshold) - test.log_evidence) / rise) * each_s
        fall = test.expected_growth(0.0)
        clean = (test.log_evidence - math.log(_DOUBT)) / -fall
        return max(policy.min_time_s - elapsed_s, clean * each_s)
    for_samples = (policy.min_samples - test.requests) * each_s
    return max(0.0, policy.min_time_s - elapsed_s, for_samples)


def _share(test: MixtureTest) -> str:
    if not test.requests:
        return "0 requests"
    return f"{test.errors} errors in {test.requests} ({percent(test.errors / test.requests)})"
