"""What may be typed after ``/``: words, a regular expression, ``!`` for all but those, ``-l`` and ``-f``.

A row is searched as text of one field a line, so that ``^`` and ``$`` mean the ends of a field.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from .patience import within

if TYPE_CHECKING:
    from ...cluster.objects import LabelSelector, SelectorRequirement

Mode = Literal["words", "regex", "labels", "fuzzy"]
Row = TypeVar("Row")

LONGEST_S = 0.5
"""How long one filter may search, seconds; an ordinary pattern takes 20 ms for 10,000 rows."""

# a dot alone is left out: it is in every host name, and matches itself as a word too
_REGEX_SIGNS = frozenset("\\^$*+?[](){}|")
_REQUIREMENT = re.compile(r"(?P<key>[^\s=!,()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUALITY = re.compile(r"(?P<key>[^\s=!,()]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s=!,()]*)$")
_EXISTS = re.compile(r"(?P<absent>!?)\s*(?P<key>[^\s=!,()]+)$")


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter, understood. ``problem`` says what was not understood, and what is done instead."""

    text: str = ""
    mode: Mode = "words"
    inverse: bool = False
    words: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    selector: LabelSelector | None = None
    problem: str = ""

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def told(self) -> str:
        """How it is read, for the line where it is typed."""
        if self.problem:
            return self.problem
        kind = {"words": "words", "regex": "regular expression", "labels": "labels", "fuzzy": "fuzzy"}
        return f"all but these {kind[self.mode]}" if self.inverse else kind[self.mode]

    def chosen(
        self,
        rows: Sequence[Row],
        text_of: Callable[[Row], str],
        labels_of: Callable[[Row], Mapping[str, str]],
    ) -> tuple[Sequence[Row], Filter]:
        """The rows that it lets through, and the filter: read as words where it took too long."""
        if not self.text:
            return rows, self
        kept = within(LONGEST_S, lambda: self._kept(rows, text_of, labels_of))
        if kept is not None:
            return kept, self
        plain = replace(self.as_words(), problem=f"read as words; took longer than {LONGEST_S:g} s")
        return plain._kept(rows, text_of, labels_of), plain

    def as_words(self) -> Filter:
        """The same text, none of whose signs means anything."""
        text = self.text.removeprefix("!") if self.inverse else self.text
        return replace(self, mode="words", words=tuple(text.lower().split()), pattern=None)

    def _kept(
        self,
        rows: Sequence[Row],
        text_of: Callable[[Row], str],
        labels_of: Callable[[Row], Mapping[str, str]],
    ) -> Sequence[Row]:
        wanted = not self.inverse
        if self.mode == "labels":
            if self.selector is None:
                return rows
            from ...cluster.rules.semantics import selector_matches

            selector = self.selector
            return [row for row in rows if selector_matches(selector, labels_of(row)) is wanted]
        if self.mode == "regex" and self.pattern is not None:
            search = self.pattern.search
            return [row for row in rows if (search(text_of(row)) is not None) is wanted]
        if self.mode == "fuzzy":
            needle = "".join(self.words)
            return [row for row in rows if _fuzzy(needle, text_of(row)) is wanted]
        if len(self.words) == 1:
            (word,) = self.words
            return [row for row in rows if (word in text_of(row)) is wanted]
        words = self.words
        return [row for row in rows if all(word in text_of(row) for word in words) is wanted]


NO_FILTER = Filter()


def parse_filter(text: str) -> Filter:
    """What was typed, understood; never fails: ``problem`` says what was taken otherwise.

    The texts that rows are searched in are lower case, see ``haystack``.
    """
    text = text.strip()
    if not text.strip("!"):
        return NO_FILTER
    if text == "-l" or text.startswith("-l "):
        return _labels(text)
    if text == "-f" or text.startswith("-f "):
        needle = text[2:].lower().split()
        return Filter(text, "fuzzy", words=tuple(needle)) if needle else NO_FILTER
    inverse = text.startswith("!")
    words = Filter(text, inverse=inverse).as_words()
    bare = text[1:].strip() if inverse else text
    if not _REGEX_SIGNS & set(bare):
        return words
    try:
        with warnings.catch_warnings():
            # a warning about what may mean something else one day would be printed over the screen
            warnings.simplefilter("ignore")
            pattern = re.compile(bare, re.IGNORECASE | re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        return replace(words, problem=f"read as words; no regular expression: {error}")
    return Filter(text, "regex", inverse, pattern=pattern)


def _labels(text: str) -> Filter:
    if not text[2:].strip():
        return NO_FILTER
    try:
        return Filter(text, "labels", selector=label_selector(text[2:].strip()))
    except ValueError as error:
        return Filter(text, "labels", problem=f"nothing is hidden; {error}")


def label_selector(text: str) -> LabelSelector:
    """A selector as kubectl's ``-l`` takes it. ValueError says which part is not understood.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
    """
    from ...cluster.objects import LabelSelector

    # a comma inside the brackets of a set is not one between requirements
    parts = [part.strip() for part in re.split(r",(?![^(]*\))", text)]
    return LabelSelector(match_expressions=tuple(_requirement(part) for part in parts))


def _requirement(part: str) -> SelectorRequirement:
    from ...cluster.objects import SelectorRequirement

    if found := _REQUIREMENT.match(part):
        values = tuple(value.strip() for value in found["values"].split(","))
        return SelectorRequirement(
            key=found["key"], operator="In" if found["operator"] == "in" else "NotIn", values=values
        )
    if found := _EQUALITY.match(part):
        operator = "NotIn" if found["operator"] == "!=" else "In"
        return SelectorRequirement(key=found["key"], operator=operator, values=(found["value"],))
    if found := _EXISTS.match(part):
        return SelectorRequirement(key=found["key"], operator="DoesNotExist" if found["absent"] else "Exists")
    raise ValueError(f"no label selector: {part!r}" if part else "a label selector with a gap")


def _fuzzy(needle: str, text: str) -> bool:
    """Whether the letters of ``needle`` stand in one field in this order, with anything between."""
    for field in text.split("\n"):
        at = -1
        for letter in needle:
            at = field.find(letter, at + 1)
            if at < 0:
                break
        else:
            return True
    return False


def haystack(*fields: str) -> str:
    """The text that a row is searched in: one field a line, lower case."""
    return "\n".join(fields).lower()


class Haystacks(Generic[Row]):
    """The text of each row, made once for as long as the row is the same one."""

    def __init__(self, make: Callable[[Row], str], key_of: Callable[[Row], Hashable]) -> None:
        self._make, self._key_of = make, key_of
        self._kept: dict[Hashable, tuple[Row, str]] = {}

    def __call__(self, row: Row) -> str:
        key = self._key_of(row)
        kept = self._kept.get(key)
        if kept is None or kept[0] is not row:
            kept = self._kept[key] = (row, self._make(row))
        return kept[1]
