"""Whether a difference is more than noise: an exact test on who of three is the odd one out. Pure.

In each round old, new and old again are asked right after each other. Where both sides answer alike and still
exactly one of the three differs from the other two, it is the new one with a chance of 1/3, whatever the
noise is and however it drifts from round to round: three draws from one source may be exchanged. So

- rounds in which all three agree, or all three differ, say nothing: a nonce is never a difference;
- K of m rounds with the new answer as the odd one are weighed by a likelihood ratio against 1/3, a mixture
  over 1/2, 3/4, 19/20 and 999/1000. Its mean under "same" is 1, so it reaches 1/a with a chance of at most a,
  at whatever moment one looks (Ville's inequality): asking again until it is decided costs nothing.

Three things are weighed: each field of each question; the same change (field, old value, new value) over all
questions; and a field over all questions. With T of them that had an odd round, each must reach T/0.01: that
any of them is called a difference by mistake has a chance of at most about 1 %.

Whether a field is there at all is weighed beside its value, so that a lost identifier is seen although its
values never agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import exp, log, log1p

from .facts import Answers, Round, Seen

FALSE_ALARMS = 0.01
_CHANCE = 1 / 3
_ALTERNATIVES = (0.5, 0.75, 0.95, 0.999)
# of what is called a difference because the field differs everywhere, noise may be at most this share
_FEW = 0.1
# a change that the old side never shows is noise where it came no more than twice in so many rounds
_REPEATED = 3
_ROUNDS_FOR_RARE = 8


class Standing(StrEnum):
    """What is known of a difference."""

    PROVEN = "proven"
    NOISE = "noise"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Change:
    """A field of one question that was seen to differ. ``there``: it is about whether it is there at all.

    ``old`` and ``new`` are the values last seen beside each other, None where the field was absent.
    ``new_odd`` of ``odd`` rounds had the new answer as the odd one; ``restless`` rounds had the old side
    disagree with itself; ``rounds`` were asked.
    """

    name: str
    there: bool
    old: str | None
    new: str | None
    new_odd: int
    odd: int
    restless: int
    rounds: int
    standing: Standing


@lru_cache(maxsize=4096)
def evidence(new_odd: int, odd: int) -> float:
    """The likelihood ratio of ``new_odd`` of ``odd`` rounds; 1 where there was no such round."""
    other = odd - new_odd
    ratios = (new_odd * log(p / _CHANCE) + other * (log1p(-p) - log1p(-_CHANCE)) for p in _ALTERNATIVES)
    return sum(exp(min(ratio, 700.0)) for ratio in ratios) / len(_ALTERNATIVES)


# (field, whether presence is meant)
_Aspect = tuple[str, bool]
_Alike = tuple[str, bool, str | None, str | None]


def _alike(aspect: _Aspect, common: str | None, odd: str | None) -> _Alike:
    """What changes of several questions must share to be one: of a field that is gone, not what it was."""
    name, there = aspect
    if there:
        return name, there, "" if common is not None else None, "" if odd is not None else None
    return name, there, common, odd


@dataclass(slots=True)
class _Count:
    new_odd: int = 0
    odd: int = 0
    restless: int = 0
    last: tuple[str | None, str | None] = (None, None)

    def add(self, who: str, old: str | None, new: str | None) -> None:
        self.odd += who != "all"
        self.new_odd += who == "new"
        self.restless += who != "new"
        if who == "new":
            self.last = (old, new)

    @property
    def weight(self) -> float:
        return evidence(self.new_odd, self.odd)


def weigh(answers: Sequence[Answers]) -> tuple[tuple[Change, ...], ...]:
    """For each question the fields in which its sides were seen to differ, with what is known of each."""
    own: list[dict[_Aspect, _Count]] = []
    alike: dict[_Alike, _Count] = {}
    everywhere: dict[_Aspect, _Count] = {}
    for one in answers:
        counts: dict[_Aspect, _Count] = {}
        for round_ in one.rounds:
            for aspect, who, common, odd in _odd_ones(round_):
                old, new = (common, odd) if who == "new" else (odd, common)
                counts.setdefault(aspect, _Count()).add(who, old, new)
                everywhere.setdefault(aspect, _Count()).add(who, old, new)
                if who != "all":
                    alike.setdefault(_alike(aspect, common, odd), _Count()).add(who, old, new)
        own.append(counts)
    counted = (*(count for counts in own for count in counts.values()), *alike.values(), *everywhere.values())
    tests = sum(count.odd > 0 for count in counted)
    enough = max(tests, 1) / FALSE_ALARMS
    weighed = _Weighed(enough, alike, everywhere)
    return tuple(
        tuple(
            weighed.change(aspect, count, len(one.rounds))
            for aspect, count in counts.items()
            if count.new_odd
        )
        for one, counts in zip(answers, own, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Weighed:
    enough: float
    alike: dict[_Alike, _Count]
    everywhere: dict[_Aspect, _Count]

    def change(self, aspect: _Aspect, count: _Count, rounds: int) -> Change:
        old, new = count.last
        return Change(
            *aspect,
            old,
            new,
            count.new_odd,
            count.odd,
            count.restless,
            rounds,
            self._standing(aspect, count, rounds),
        )

    def _standing(self, aspect: _Aspect, count: _Count, rounds: int) -> Standing:
        steady = not count.restless and count.new_odd == rounds
        if count.weight >= self.enough:
            return Standing.PROVEN
        same = self.alike.get(_alike(aspect, *count.last))
        # a change that others show is theirs too, unless this one's own old side shows it as well
        if same is not None and same.weight >= self.enough and not count.restless:
            return Standing.PROVEN
        if steady and rounds > 1 and self._mass(aspect):
            return Standing.PROVEN
        if count.restless:
            return Standing.NOISE
        often = 2 * count.new_odd > rounds or count.new_odd >= _REPEATED
        return Standing.OPEN if often or rounds < _ROUNDS_FOR_RARE else Standing.NOISE

    def _mass(self, aspect: _Aspect) -> bool:
        """Whether the field differs in so many questions that only few of them can be noise.

        Of n noisy rounds with an odd one two thirds have an old one: with none seen, n is below
        ln(1/0.01)/ln 3 = 4.2 at 99 %; what is seen is added with a margin of three deviations.
        """
        count = self.everywhere[aspect]
        old_odd = count.odd - count.new_odd
        noisy = 4.2 + 1.5 * (old_odd + 3 * old_odd**0.5)
        return count.weight >= self.enough and noisy <= _FEW * count.new_odd


def _odd_ones(round_: Round) -> Iterator[tuple[_Aspect, str, str | None, str | None]]:
    """Each field in which the three disagree: who is odd (new, old or all), the common value, the odd one."""
    if not (round_.old.answered and round_.new.answered and round_.again.answered):
        return
    three = (round_.old, round_.new, round_.again)
    for name in _names(three):
        values = tuple(one.fields.get(name) for one in three)
        if None in values:
            present = tuple(value is not None for value in values)
            if len(set(present)) == 2:
                found = _odd(values, present)
                yield (name, True), *found
        elif len(set(values)) > 1:
            yield (name, False), *_odd(values, values)


def _odd(values: tuple[str | None, ...], compared: tuple[object, ...]) -> tuple[str, str | None, str | None]:
    first, middle, last = compared
    if first == last:
        return "new", values[0], values[1]
    if middle == first:
        return "old", values[1], values[2]
    if middle == last:
        return "old", values[1], values[0]
    return "all", values[0], values[1]


def _names(three: Iterable[Seen]) -> Iterable[str]:
    names: dict[str, None] = {}
    for one in three:
        names.update(dict.fromkeys(one.fields))
    return names


def slower(
    answers: Sequence[Answers], ratio: float, least_ms: float, tests: int = 1
) -> tuple[float, float, int] | None:
    """The medians of the first byte, old and new in milliseconds, and in how many rounds; None: no slower.

    New is slower where it is the slowest of the three in more rounds than a third can explain (one of
    ``tests`` such questions), and its median is ``ratio`` times the old one and ``least_ms`` above it.
    """
    slowest = counted = 0
    times: tuple[list[float], list[float]] = ([], [])
    for one in answers:
        for round_ in one.rounds:
            old, new, again = (side.first_byte_ms for side in (round_.old, round_.new, round_.again))
            if old is None or new is None or again is None or round_.old.status != round_.new.status:
                continue
            times[0].extend((old, again))
            times[1].append(new)
            counted += 1
            slowest += new > max(old, again)
    if not counted:
        return None
    before, after = (sorted(series)[len(series) // 2] for series in times)
    is_slower = after >= ratio * before and after - before >= least_ms
    proven = evidence(slowest, counted) >= max(tests, 1) / FALSE_ALARMS
    return (before, after, counted) if is_slower and proven else None
