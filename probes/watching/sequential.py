"""The statistics of the watch: pure, immutable, valid whenever one looks.

The alarm is a reject-only mixture: likelihood ratios of several error rates p1 against the healthy rate p0,
averaged. By Ville's inequality the chance that the average ever reaches 1/alpha is at most alpha for any
true rate <= p0, so it may be read after every request. A success lowers it, and nothing is ever accepted by
it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

MULTIPLES = (3.0, 10.0, 50.0, 300.0, 900.0)
# how much likelier than its share an error is to be the new side's (below 1: the old side's)
_ODDS = (100.0, 20.0, 5.0, 2.0, 1 / 2.0, 1 / 5.0, 1 / 20.0, 1 / 100.0)
_HIGHEST_RATE = 0.95


def log_mean_exp(values: tuple[float, ...]) -> float:
    """The logarithm of the mean of exp(values), without overflow. ``values`` must not be empty."""
    top = max(values)
    if math.isinf(top):
        return top
    return top + math.log(math.fsum(math.exp(value - top) for value in values) / len(values))


def _check_rates(p0: float, alpha: float) -> None:
    if not 0 < p0 <= 0.2:
        raise ValueError(f"p0 is {p0}, and must be above 0 and at most 0.2")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, and must be between 0 and 1")


def alternatives(p0: float) -> tuple[float, ...]:
    """The error rates that the mixture looks for, each once; none above 95 %."""
    return tuple(dict.fromkeys(min(multiple * p0, _HIGHEST_RATE) for multiple in MULTIPLES))


@dataclass(frozen=True, slots=True)
class MixtureTest:
    """Is the error rate above ``p0``? ``peak`` is the highest log evidence so far: an alarm does not go
    away.
    """

    p0: float = 0.001
    alpha: float = 0.001
    requests: int = 0
    errors: int = 0
    peak: float = -math.inf

    def __post_init__(self) -> None:
        _check_rates(self.p0, self.alpha)

    def add(self, *errors: bool) -> MixtureTest:
        """The test after these requests, in order; True is an error."""
        test = self
        for error in errors:
            counted = replace(test, requests=test.requests + 1, errors=test.errors + bool(error))
            test = replace(counted, peak=max(test.peak, counted.log_evidence))
        return test

    @property
    def log_evidence(self) -> float:
        """The logarithm of the mean likelihood ratio now."""
        return log_mean_exp(
            tuple(
                self.errors * math.log(p1 / self.p0) + self.good * (math.log1p(-p1) - math.log1p(-self.p0))
                for p1 in alternatives(self.p0)
            )
        )

    @property
    def good(self) -> int:
        """Requests that did not fail."""
        return self.requests - self.errors

    def expected_growth(self, rate: float) -> float:
        """What a request adds to the log evidence on average, at an error ``rate`` of 0 to 1."""
        return max(
            rate * math.log(p1 / self.p0) + (1 - rate) * (math.log1p(-p1) - math.log1p(-self.p0))
            for p1 in alternatives(self.p0)
        )

    @property
    def evidence(self) -> float:
        """The mean likelihood ratio now (infinite where it no longer fits a float)."""
        return _exp(self.log_evidence)

    @property
    def threshold(self) -> float:
        """1/alpha: the alarm."""
        return 1 / self.alpha

    @property
    def alarmed(self) -> bool:
        """Whether the evidence has ever reached the threshold."""
        return self.peak >= math.log(self.threshold)


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


@dataclass(frozen=True, slots=True)
class TwoSideTest:
    """Given an error, whose is it? Under equal rates P(new's) is the new side's share of the requests.

    A sequential Bernoulli test on the errors only, so that what both sides suffer together (the backend,
    the time of day) cancels out (Lindon & Malek 2022). ``log_ratios`` holds one likelihood ratio for each
    odds multiple. The share is that of all requests so far, counted before the error: the two sides are
    probed evenly.
    """

    new_requests: int = 0
    old_requests: int = 0
    new_errors: int = 0
    old_errors: int = 0
    log_ratios: tuple[float, ...] = (0.0,) * len(_ODDS)

    def add(self, on_new: bool, error: bool) -> TwoSideTest:
        """The test after one more request of one side."""
        counted = replace(
            self, new_requests=self.new_requests + on_new, old_requests=self.old_requests + (not on_new)
        )
        if not error:
            return counted
        # one before the first of each side, so that a share is never 0 or 1
        share = (self.new_requests + 1) / (self.new_requests + self.old_requests + 2)
        null = math.log(share if on_new else 1 - share)
        ratios = []
        for odds, ratio in zip(_ODDS, self.log_ratios, strict=True):
            tilted = odds * share / (odds * share + 1 - share)
            ratios.append(ratio + math.log(tilted if on_new else 1 - tilted) - null)
        return replace(
            counted,
            new_errors=self.new_errors + on_new,
            old_errors=self.old_errors + (not on_new),
            log_ratios=tuple(ratios),
        )

    @property
    def evidence_new_worse(self) -> float:
        """How much likelier what was seen is if the new side fails more; at most 1/e with chance e if it
        does not.
        """
        # half of the weight is spent on the other side's alternatives, which keeps the two-sided test valid
        return _exp(log_mean_exp(self.log_ratios[: len(_ODDS) // 2]) - math.log(2))

    @property
    def evidence_old_worse(self) -> float:
        """The same for the old side."""
        return _exp(log_mean_exp(self.log_ratios[len(_ODDS) // 2 :]) - math.log(2))


@dataclass(frozen=True, slots=True)
class Cusum:
    """Damage that starts in the middle of a watch: the evidence for ``10 * p0`` since it was last zero.

    Not bounded by Ville's inequality. With p0 = alpha = 0.001 and h = 10.5 simulation gives under one false
    alarm in a thousand watches of 6,000 requests (benchmarks/watch_simulation.py).
    """

    p0: float = 0.001
    threshold: float = 10.5
    value: float = 0.0
    peak: float = 0.0

    def add(self, *errors: bool) -> Cusum:
        """The chart after these requests, in order."""
        p1 = min(10 * self.p0, _HIGHEST_RATE)
        up, down = math.log(p1 / self.p0), math.log1p(-p1) - math.log1p(-self.p0)
        value, peak = self.value, self.peak
        for error in errors:
            value = max(0.0, value + (up if error else down))
            peak = max(peak, value)
        return replace(self, value=value, peak=peak)

    @property
    def alarmed(self) -> bool:
        """Whether the chart has ever reached the threshold."""
        return self.peak >= self.threshold


def detectable_rate(requests: int, p0: float = 0.001, alpha: float = 0.001) -> float:
    """The smallest error rate whose expected evidence would have reached 1/alpha by now; 1.0: none yet."""
    _check_rates(p0, alpha)
    rates = alternatives(p0)
    needed = math.log(1 / alpha) + math.log(len(rates))

    def seen(rate: float) -> bool:
        return any(
            requests * (rate * math.log(p1 / p0) + (1 - rate) * (math.log1p(-p1) - math.log1p(-p0))) >= needed
            for p1 in rates
        )

    if not seen(1.0):
        return 1.0
    low, high = p0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high


# what is staked on a block against the healthy share: 9 lets no block multiply the evidence by more than ten
_STAKES = (1.0, 3.0, 9.0)
_EDGES = (0.1, 0.3, 0.9)


@dataclass(frozen=True, slots=True)
class ShareTest:
    """Is the share of failures above ``healthy``? Of blocks of requests that need not be independent.

    The failures of real users come in clusters: one user tries again, one page holds ten pictures. So a block
    (all requests of some seconds) is one observation, whatever happens inside it: its share of failures, with
    a mean of at most ``healthy`` given the blocks before it. Betting on it (Waudby-Smith & Ramdas 2023) gives
    evidence that is valid whenever one looks, by Ville's inequality; stakes are small enough that no single
    block counts more than tenfold, however bad. ``peak`` is the highest log evidence so far.
    """

    healthy: float = 0.001
    alpha: float = 0.001
    blocks: int = 0
    bad_blocks: int = 0
    log_wealth: tuple[float, ...] = (0.0,) * len(_STAKES)
    peak: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.healthy <= 0.5 or not 0 < self.alpha < 1:
            raise ValueError(
                f"{self.healthy} is no healthy share, or {self.alpha} no chance of a false alarm"
            )

    def add(self, share: float) -> ShareTest:
        """The test after one more block, of which ``share`` (0 to 1) failed."""
        if not 0 <= share <= 1:
            raise ValueError(f"{share} is no share")
        # at most half of what one has may be lost in a block
        wealth = tuple(
            have + math.log1p(min(stake, 0.5 / self.healthy) * (share - self.healthy))
            for stake, have in zip(_STAKES, self.log_wealth, strict=True)
        )
        return replace(
            self,
            blocks=self.blocks + 1,
            bad_blocks=self.bad_blocks + (share > self.healthy),
            log_wealth=wealth,
            peak=max(self.peak, log_mean_exp(wealth)),
        )

    @property
    def evidence(self) -> float:
        """What one unit staked is worth now: while all is healthy, ever above 1/a with chance a at most."""
        return _exp(log_mean_exp(self.log_wealth))

    @property
    def threshold(self) -> float:
        """1/alpha: the alarm."""
        return 1 / self.alpha

    @property
    def alarmed(self) -> bool:
        """Whether the evidence has ever reached the threshold, in more than one bad block."""
        return self.peak >= math.log(self.threshold) and self.bad_blocks > 1


@dataclass(frozen=True, slots=True)
class DifferenceTest:
    """Does the new side fail more than the old one in the same seconds? Of blocks, as ``ShareTest``.

    The difference of two shares has a mean of at most 0 while the new side is no worse, whatever both suffer
    together.
    """

    log_wealth: tuple[float, ...] = (0.0,) * len(_EDGES)

    def add(self, new_share: float, old_share: float) -> DifferenceTest:
        """The test after one more block of each side."""
        difference = new_share - old_share
        return DifferenceTest(
            tuple(
                have + math.log1p(edge * difference)
                for edge, have in zip(_EDGES, self.log_wealth, strict=True)
            )
        )

    @property
    def evidence_new_worse(self) -> float:
        """How much has been won now by betting that the new side is worse."""
        return _exp(log_mean_exp(self.log_wealth))
