"""Whether the new side answers what a path of an Ingress did, and nothing else, from the same backends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from .answers import Answer, Pattern, Side, Target
from .old import OldPath, OldSide
from .samples import expression_samples, samples

# patterns around a path that are asked about too: the root of a host with thousands touches them all
_MOST_NEAR = 400
_MOST_EXAMPLES = 6


class Likeness(StrEnum):
    """How a path compares, the worst first."""

    NONE = "none"
    OTHER = "different backend"
    UNKNOWN = "unknown"
    NARROWER = "narrower"
    WIDER = "WIDER"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Example:
    """A request that the two sides answer differently, and how, in words."""

    request: str
    kind: Likeness
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class PathTwin:
    """A path of an Ingress beside what answers it now. ``new`` answers the path itself, or the first sample
    that is answered at all; ``examples`` show each way in which they differ; ``reason`` says why unknown."""

    host: str
    old: OldPath
    new: Answer | None
    likeness: Likeness
    examples: tuple[Example, ...] = ()
    reason: str = ""
    answers: tuple[Answer, ...] = ()


Expected = Callable[[str, Answer], tuple[Target, ...]]


def compare_paths(
    old: OldSide,
    new: Side,
    own: Iterable[OldPath],
    expected: Expected,
    redirects: Callable[[str, Answer], bool],
) -> tuple[PathTwin, ...]:
    """The paths ``own`` of ``old``, each judged by requests that stand for all.

    ``expected`` gives the backends that a path ought to have (canaries add some); ``redirects`` says whether
    a redirect is what the old side does too.
    """
    around = (*old.patterns, *new.patterns)
    return tuple(_compare(old, new, one, _requests(one.pattern, around), expected, redirects) for one in own)


def _requests(pattern: Pattern, others: tuple[Pattern, ...]) -> tuple[str, ...]:
    asked = dict.fromkeys(samples(pattern))
    for other in [other for other in others if _touches(pattern, other)][:_MOST_NEAR]:
        asked.update(dict.fromkeys(samples(other)))
    return tuple(asked)


@lru_cache(maxsize=65_536)
def _touches(one: Pattern, other: Pattern) -> bool:
    if "regex" in (one.kind, other.kind):
        return True
    a, b = one.value.lower().rstrip("/"), other.value.lower().rstrip("/")
    return a.startswith(b) or b.startswith(a)


def _compare(
    old: OldSide,
    new: Side,
    own: OldPath,
    requests: tuple[str, ...],
    expected: Expected,
    redirects: Callable[[str, Answer], bool],
) -> PathTwin:
    if own.pattern.kind == "regex" and not expression_samples(own.pattern):
        reason = "no request could be made up for this expression"
        return PathTwin(old.host, own, None, Likeness.UNKNOWN, reason=reason)
    mine = [request for request in requests if _is_own(old.answer(request), own)]
    if not mine:
        reason = "no request reaches it: other paths of the host take all of its own"
        return PathTwin(old.host, own, None, Likeness.UNKNOWN, reason=reason)
    examples: list[Example] = []
    answers: dict[tuple[object, ...], Answer] = {}
    for request in mine:
        answer = new.answer(request)
        if answer is not None:
            answers.setdefault(answer.place, answer)
        difference = _differs(old, own, request, answer, expected, redirects)
        if difference is not None:
            examples.append(difference)
    examples += _wider(old, new, own, requests, set(answers))
    likeness = _likeness(mine, answers, examples)
    reason = ""
    if likeness in (Likeness.NONE, Likeness.NARROWER) and new.unsure:
        likeness, reason = Likeness.UNKNOWN, new.unsure
    shown = next(iter(answers.values()), None)
    return PathTwin(old.host, own, shown, likeness, _few(examples), reason, tuple(answers.values()))


def _is_own(answer: Answer | None, own: OldPath) -> bool:
    place = (own.ingress, own.path, own.path_type)
    return answer is not None and (answer.owner, answer.path, answer.path_type) == place


def _differs(
    old: OldSide,
    own: OldPath,
    request: str,
    answer: Answer | None,
    expected: Expected,
    redirects: Callable[[str, Answer], bool],
) -> Example | None:
    before = old.answer(request) or own.answer()
    if answer is None:
        return Example(request, Likeness.NARROWER, _words(before), "404")
    if answer.redirect:
        if redirects(request, answer):
            return None
        return Example(request, Likeness.OTHER, _words(before), f"redirects {answer.redirect}")
    if before.redirect:
        # nginx's own redirect to the slash: whoever answers now, its backend is asked itself
        return None
    wanted = expected(request, before)
    if _same_targets(wanted, answer.targets):
        return None
    return Example(request, Likeness.OTHER, targets_words(wanted), targets_words(answer.targets))


def _wider(
    old: OldSide, new: Side, own: OldPath, requests: tuple[str, ...], places: set[tuple[object, ...]]
) -> list[Example]:
    found: list[Example] = []
    for request in requests:
        if old.answer(request) is None:
            answer = new.answer(request)
            if answer is not None and answer.place in places:
                found.append(Example(request, Likeness.WIDER, "404", _words(answer)))
    return found


def _likeness(
    mine: list[str], answers: dict[tuple[object, ...], Answer], examples: list[Example]
) -> Likeness:
    if not answers:
        return Likeness.NONE
    kinds = {example.kind for example in examples}
    order = (Likeness.OTHER, Likeness.NARROWER, Likeness.WIDER)
    return next((kind for kind in order if kind in kinds), Likeness.SAME)


def _few(examples: list[Example]) -> tuple[Example, ...]:
    """Two of each kind are enough to see it."""
    chosen: list[Example] = []
    for kind in (Likeness.OTHER, Likeness.NARROWER, Likeness.WIDER):
        chosen += [example for example in examples if example.kind == kind][:2]
    return tuple(chosen[:_MOST_EXAMPLES])


def _same_targets(wanted: tuple[Target, ...], given: tuple[Target, ...]) -> bool:
    return len(wanted) == len(given) and all(any(one.same_object(other) for other in given) for one in wanted)


def targets_words(targets: tuple[Target, ...]) -> str:
    """Backends in words, with their shares where there are several."""
    if not targets:
        return "no backend"
    if len(targets) == 1:
        return str(targets[0])
    return ", ".join(f"{one} {one.share * 100:.0f} %" for one in targets)


def _words(answer: Answer) -> str:
    return f"redirects to {answer.redirect}" if answer.redirect else targets_words(answer.targets)


def only_new(old: OldSide, new: Side, answers: Iterable[Answer]) -> tuple[tuple[str, Answer], ...]:
    """Requests that only the new side answers, by a match that answers nothing of the old side's."""
    found: dict[tuple[object, ...], tuple[str, Answer]] = {}
    used: set[tuple[object, ...]] = set()
    for pattern in (*old.patterns, *new.patterns):
        for request in samples(pattern):
            answer = new.answer(request)
            if answer is None:
                continue
            if old.answer(request) is not None:
                used.add(answer.place)
            else:
                found.setdefault(answer.place, (request, answer))
    used |= {answer.place for answer in answers}
    return tuple(entry for place, entry in found.items() if place not in used)
