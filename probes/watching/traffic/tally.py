"""What the sides' own counts say against the new side, since the watch began. Pure.

Nothing here can let a watch pass. What it can do: alarm, where the new side's users fail and the old side's
do not (or did not, before the switch); hold, where both fail; and doubt. What is not counted is unknown, and
leaves the verdict to the probes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from ..sequential import DifferenceTest, ShareTest
from .facts import Counts, Reading
from .flow import BLOCK_REQUESTS, KINDS, Before, Flow, closes, trials
from .view import TrafficView, side_view

_ATTRIBUTION = 20.0
_DOUBT = 5.0
_ENOUGH_REQUESTS = 100.0
# a gateway that had so much of today's traffic before the switch serves others too
_SHARED = 0.2
_MARGIN = 1.5
# where nobody looked at the time before: a share that no healthy side of ours had
_UNKNOWN_HEALTH = 0.01
# scanners break off handshakes all day, at other rates on other addresses
_HANDSHAKE_FLOOR = 0.1

Says = Literal["unknown", "well", "doubt", "abort", "hold"]


@dataclass(frozen=True, slots=True)
class Said:
    """What the sides' own counts say, and in which words."""

    says: Says
    words: str


@dataclass(frozen=True, slots=True)
class KindTally:
    """One kind of failure. ``healthy`` is the share that the new side may have; ``known`` whether it was
    seen before the switch. ``old_n`` and ``old_bad`` are the old side's since the new one's first bad block.
    """

    kind: str
    healthy: float
    known: bool
    new: ShareTest
    old: ShareTest
    difference: DifferenceTest = field(default_factory=DifferenceTest)
    old_n: float = 0.0
    old_bad: float = 0.0

    def add(self, new: tuple[float, float] | None, old: tuple[float, float] | None) -> KindTally:
        """After one more block: trials and failures of each side."""
        new_share, old_share = _of_block(new), _of_block(old)
        seen = self
        if new_share is not None:
            seen = replace(seen, new=seen.new.add(new_share))
        if old_share is not None and old is not None:
            since = seen.new.bad_blocks > 0
            seen = replace(
                seen,
                old=seen.old.add(old_share),
                old_n=seen.old_n + since * old[0],
                old_bad=seen.old_bad + since * old[1],
            )
        if new_share is not None and old_share is not None:
            seen = replace(seen, difference=seen.difference.add(new_share, old_share))
        return seen


def _of_block(tried: tuple[float, float] | None) -> float | None:
    return min(1.0, tried[1] / tried[0]) if tried is not None and tried[0] > 0 else None


@dataclass(frozen=True, slots=True)
class TrafficTally:
    """Both sides since the watch began, block by block. Grows by ``add``; its size does not grow."""

    old: Flow = field(default_factory=Flow)
    new: Flow = field(default_factory=Flow)
    old_before: Before | None = None
    new_before: Before | None = None
    p0: float = 0.001
    alpha: float = 0.001
    floor: float = 0.0
    kinds: tuple[KindTally, ...] = ()
    open_s: float = 0.0
    open_new: Counts | None = None
    open_old: Counts | None = None
    why_not: str = ""

    @classmethod
    def of(
        cls,
        hosts: Iterable[str],
        old_before: Before | None = None,
        new_before: Before | None = None,
        *,
        p0: float = 0.001,
        alpha: float = 0.001,
        floor: float = 0.0,
        why_not: str = "",
    ) -> TrafficTally:
        """An empty tally. ``floor`` is the least share of failures that is called unhealthy; ``why_not`` says
        why the new side will not be counted.
        """
        flow = Flow(tuple(hosts))
        return cls(flow, flow, old_before, new_before, p0, alpha, floor, why_not=why_not)

    def add(self, new: Reading | None, old: Reading | None) -> TrafficTally:
        """The tally after a look at both sides; None: a side that was not looked at."""
        new_flow, new_added = self.new.add(new) if new is not None else (self.new, None)
        old_flow, old_added = self.old.add(old) if old is not None else (self.old, None)
        flow, was = (new_flow, self.new) if new_added is not None else (old_flow, self.old)
        seen = replace(
            self,
            new=new_flow,
            old=old_flow,
            open_s=self.open_s + flow.seconds - was.seconds,
            open_new=_plus(self.open_new, new_added),
            open_old=_plus(self.open_old, old_added),
        )
        sides = [counts.requests for counts in (seen.open_new, seen.open_old) if counts is not None]
        return seen._closed() if seen.open_new is not None and closes(seen.open_s, *sides) else seen

    def _closed(self) -> TrafficTally:
        new, old = self.open_new or Counts(), self.open_old or Counts()
        known = {one.kind: one for one in self.kinds}
        kinds = []
        for name in KINDS:
            kind = known.get(name) or self._kind(name, new)
            if kind is not None:
                kinds.append(kind.add(trials(new, name), trials(old, name)))
        return replace(self, kinds=tuple(kinds), open_s=0.0, open_new=None, open_old=None)

    def _kind(self, kind: str, new: Counts) -> KindTally | None:
        """The tests of one kind of failure; None where nothing sound can be said of it."""
        if trials(new, kind) is None:
            return None
        if kind == "404" and not (self.new.by_host and self.old.by_host):
            # one counts what asks for unknown hosts, and the other does not
            return None
        before = self.old_before.share(kind) if self.old_before is not None else None
        if before is None and kind != "5xx":
            return None
        own = self.new_before.share(kind) if self.new_before is not None else None
        bounds = [_MARGIN * one[1] for one in (before, own) if one is not None]
        bounds += [self.p0, self.floor, _HANDSHAKE_FLOOR if kind == "handshakes" else 0.0]
        healthy = min(0.5, max(*bounds, _UNKNOWN_HEALTH if before is None else 0.0))
        test = ShareTest(healthy, self.alpha)
        return KindTally(kind, healthy, before is not None, test, test)

    @property
    def shared(self) -> bool:
        """Whether the new side carries others' hosts, which its counts do not tell from ours."""
        if self.new.by_host or self.new_before is None:
            return False
        before, now = self.new_before.flow.rate_per_s, self.new.rate_per_s
        return before is not None and now is not None and before > _SHARED * now

    def says(self, *, old_probes_fail: bool, old_probes_well: bool) -> Said:
        """What follows, with what the probes of the old side say where its users are gone."""
        if self.new.sum == Counts():
            return Said("unknown", self._unknown())
        answers = [self._of_kind(kind, old_probes_fail, old_probes_well) for kind in self.kinds]
        for wanted in ("hold", "abort", "doubt"):
            found = next((one for one in answers if one.says == wanted), None)
            if found is not None:
                return found
        if trials(self.new.sum, "5xx") is None:
            why = "; ".join(self.new.latest.notes[:1]) if self.new.latest is not None else ""
            return Said("unknown", f"the new side does not count its errors{f': {why}' if why else ''}")
        return Said("well", f"counted by the sides: {self._numbers('5xx')}")

    def _unknown(self) -> str:
        problems = self.new.latest.problems if self.new.latest is not None else ()
        why = problems[0] if problems else self.why_not
        return f"the new side's own count is not known{f': {why}' if why else ' yet'}"

    def _of_kind(self, tally: KindTally, old_probes_fail: bool, old_probes_well: bool) -> Said:
        numbers = f"{self._numbers(tally.kind)}; healthy is up to {percent(tally.healthy)}"
        if not tally.new.alarmed:
            doubtful = tally.new.evidence > _DOUBT
            return Said("doubt" if doubtful else "well", f"too many fail by the new side's count: {numbers}")
        fails = "by its own count the new side fails"
        if self.shared:
            return Said("doubt", f"{fails}, but it does not tell our hosts from others' ({numbers})")
        if tally.old.alarmed or old_probes_fail:
            if tally.difference.evidence_new_worse >= 1 / self.alpha:
                return Said("abort", f"{fails}, clearly more than the old one, which fails too ({numbers})")
            return Said("hold", f"{fails}, and so does the old one: it is the backend ({numbers})")
        if tally.old_n >= BLOCK_REQUESTS:
            fine = tally.old_bad <= tally.healthy * tally.old_n
            if fine or tally.difference.evidence_new_worse >= _ATTRIBUTION:
                return Said("abort", f"{fails} while the old one does not ({numbers})")
        elif tally.known and old_probes_well:
            return Said("abort", f"{fails} as the old one did not before the switch ({numbers})")
        return Said("doubt", f"{fails}; whether the old one is well is not clear ({numbers})")

    def _numbers(self, kind: str) -> str:
        parts = [f"new {_told(self.new, kind)}"]
        if trials(self.old.sum, kind) is not None:
            parts.append(f"old {_told(self.old, kind)}")
        before = self.old_before.share(kind) if self.old_before is not None else None
        if before is not None:
            parts.append(f"before {percent(before[0])}")
        return ", ".join(parts)

    def notes(self) -> tuple[str, ...]:
        """What is worth a look and proves nothing."""
        found = []
        for kind, least in (("404", 0.01), ("handshakes", _HANDSHAKE_FLOOR)):
            tried = trials(self.new.sum, kind)
            if any(one.kind == kind for one in self.kinds) or tried is None or tried[0] < _ENOUGH_REQUESTS:
                continue
            before = self.old_before.share(kind) if self.old_before is not None else None
            if tried[1] / tried[0] > max(least, 3 * before[0] if before else 0.0):
                found.append(f"the new side counts {_told(self.new, kind)}")
        return tuple(found)

    def view(self, says: str = "") -> TrafficView:
        """For screens."""
        errors = next((kind for kind in self.kinds if kind.kind == "5xx"), None)
        return TrafficView(
            old=side_view(self.old, self.old_before),
            new=side_view(self.new, self.new_before),
            evidence=errors.new.evidence if errors is not None else None,
            alarm_at=1 / self.alpha,
            healthy=errors.healthy if errors is not None else None,
            says=says,
        )


def _plus(one: Counts | None, more: Counts | None) -> Counts | None:
    if one is None or more is None:
        return more if one is None else one
    return one.and_(more)


def _told(flow: Flow, kind: str) -> str:
    tried = trials(flow.sum, kind)
    if tried is None:
        return "not told"
    n, bad = tried
    share = f" ({percent(bad / n)})" if n else ""
    if kind == "handshakes":
        return f"{bad:.0f} of {n:.0f} handshakes failed{share}"
    return f"{bad:.0f} {kind} in {n:.0f} requests{share}"


def percent(share: float) -> str:
    """A share of 0 to 1 as a person writes it: 0 %, 0.07 %, 32 %."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.2g} %"
