"""Regular expressions from a cluster, evaluated only where that provably ends soon.

Python's ``re`` backtracks and cannot be stopped, so a hostile pattern could hang a screen. Before a pattern
runs, the number of ways in which it could match is bounded from its text; where the bound is too high, or the
pattern uses what engines read differently, it is not run at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_LONGEST_PATTERN = 512
_LONGEST_TEXT = 4096
_MOST_STEPS = 3_000_000
_DEEPEST = 40
# RE2, PCRE and Python do not agree on these
_FOREIGN_ESCAPES = frozenset("hHRKQEXzZGCNpPuUgk")
_SET_SIGNS = frozenset({"--", "&&", "~~", "||"})
_SPECIAL = re.compile(r"[.^$*+?{}\[\]|()\\]")
_TIMES = re.compile(r"\{(\d+)?(,)?(\d+)?\}")
_LITERAL = re.compile(r"[A-Za-z0-9/_=&@:,;%~ -]")
_UNREADABLE = "(unreadable)"


class TooCostlyError(Exception):
    """The pattern cannot be evaluated safely; the message says why."""


@dataclass(frozen=True, slots=True)
class RegexAnswer:
    """``matched`` None: it was not evaluated, and ``why`` says why. ``groups`` are the captures, from 1."""

    matched: bool | None
    why: str = ""
    groups: tuple[str, ...] = ()
    end: int = 0


def evaluate(pattern: str, text: str, *, whole: bool, ignore_case: bool = False) -> RegexAnswer:
    """Whether ``pattern`` matches at the start of ``text`` (``whole``: all of it). Never hangs."""
    if len(pattern) > _LONGEST_PATTERN:
        return RegexAnswer(None, f"the pattern is longer than {_LONGEST_PATTERN} characters")
    if len(text) > _LONGEST_TEXT:
        return RegexAnswer(None, f"the text is longer than {_LONGEST_TEXT} characters")
    if _SPECIAL.search(pattern) is None:
        return _plainly(pattern, text, whole=whole, ignore_case=ignore_case)
    flags = re.IGNORECASE if ignore_case else 0
    try:
        steps = _Reader(pattern, len(text) + 1, flags).ways()
        compiled = _compiled(pattern, flags)
    except TooCostlyError as error:
        return RegexAnswer(None, str(error))
    if steps * (len(text) + 1) > _MOST_STEPS:
        return RegexAnswer(None, "the pattern could take too long to evaluate")
    found = compiled.fullmatch(text) if whole else compiled.match(text)
    if found is None:
        return RegexAnswer(False)
    return RegexAnswer(True, groups=tuple(group or "" for group in found.groups()), end=found.end())


def readable(pattern: str, longest: int, *, ignore_case: bool = False) -> re.Pattern[str] | None:
    """The pattern, for texts of at most ``longest`` characters; None where it may not run on those."""
    flags = re.IGNORECASE if ignore_case else 0
    if len(pattern) > _LONGEST_PATTERN:
        return None
    try:
        steps = _Reader(pattern, longest + 1, flags).ways()
        return _compiled(pattern, flags) if steps * (longest + 1) <= _MOST_STEPS else None
    except TooCostlyError:
        return None


def _plainly(pattern: str, text: str, *, whole: bool, ignore_case: bool) -> RegexAnswer:
    """A pattern without a sign is itself; most of a host that uses expressions somewhere are."""
    if ignore_case and not (pattern.isascii() and text.isascii()):
        return RegexAnswer(None, "case is compared beyond ASCII, which engines do differently")
    one, other = (pattern.lower(), text.lower()) if ignore_case else (pattern, text)
    return RegexAnswer(one == other if whole else other.startswith(one), end=len(pattern))


@lru_cache(maxsize=512)
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError) as error:
        raise TooCostlyError(f"the pattern cannot be read: {error}") from None


class _Reader:
    """Bounds the ways to match, reading the pattern once: repetitions multiply, branches add.

    A repetition costs as many ways as the text is long, or one where what follows it is a letter that it
    cannot itself eat: then there is only one place to stop. What is repeated must itself match in one way.
    """

    def __init__(self, pattern: str, length: int, flags: int) -> None:
        self._pattern, self._length, self._flags = pattern, length, flags
        self._at = self._depth = 0

    def ways(self) -> int:
        """The bound for the whole pattern. Raises TooCostlyError for what it does not understand."""
        found = self._branches()
        if self._at < len(self._pattern):
            raise TooCostlyError("the pattern has an unmatched bracket")
        return found

    def _peek(self) -> str:
        return self._pattern[self._at] if self._at < len(self._pattern) else ""

    def _branches(self) -> int:
        total = self._sequence()
        while self._peek() == "|":
            self._at += 1
            total += self._sequence()
        return total

    def _sequence(self) -> int:
        ways = 1
        while self._peek() not in ("", "|", ")"):
            inner, atom = self._atom()
            most = self._repetition()
            if most > 1 and inner > 1:
                raise TooCostlyError("the pattern repeats what can match in several ways")
            if most == 0:
                ways *= inner + 1
            elif most > 1:
                ways *= 1 if self._stops_at_next(atom) else min(most, self._length) + 1
            else:
                ways *= inner
            if ways > _MOST_STEPS:
                raise TooCostlyError("the pattern could take too long to evaluate")
        return ways

    def _atom(self) -> tuple[int, str]:
        """The ways of one piece, and its text where it is a single character or class."""
        start = self._at
        letter = self._peek()
        self._at += 1
        if letter == "(":
            self._group_kind()
            self._depth += 1
            if self._depth > _DEEPEST:
                raise TooCostlyError("the pattern is nested too deeply")
            inner = self._branches()
            self._depth -= 1
            if self._peek() != ")":
                raise TooCostlyError("the pattern has an open group")
            self._at += 1
            return inner, _UNREADABLE
        if letter == "[":
            self._class()
        elif letter in "*+?":
            raise TooCostlyError("the pattern repeats nothing")
        elif letter == "\\":
            escaped = self._peek()
            self._at += 1
            if escaped == "" or escaped.isdigit() or escaped in _FOREIGN_ESCAPES:
                raise TooCostlyError(f"the pattern uses \\{escaped}, which engines read differently")
            if escaped == "x":
                self._at += 2
        return 1, self._pattern[start : self._at]

    def _group_kind(self) -> None:
        if self._peek() != "?":
            return
        rest = self._pattern[self._at :]
        named = re.match(r"\?P?<[A-Za-z_]\w*>", rest)
        if rest.startswith("?:"):
            self._at += 2
        elif named:
            self._at += named.end()
        else:
            raise TooCostlyError("the pattern looks around or sets flags, which engines read differently")

    def _class(self) -> None:
        if self._peek() == "^":
            self._at += 1
        if self._peek() == "]":
            self._at += 1
        while self._peek() not in ("", "]"):
            if self._pattern[self._at] == "[" or self._pattern[self._at : self._at + 2] in _SET_SIGNS:
                raise TooCostlyError("the pattern has a class that engines read differently")
            self._at += 2 if self._peek() == "\\" else 1
        self._at += 1

    def _repetition(self) -> int:
        """How often at most: 1 for no sign, 0 for ``?`` (once or not at all)."""
        letter = self._peek()
        if letter in ("*", "+", "?"):
            self._at += 1
            most = 0 if letter == "?" else self._length
        elif letter == "{" and (found := _TIMES.match(self._pattern, self._at)):
            self._at = found.end()
            low, comma, high = found.groups()
            if low is None and high is None:
                raise TooCostlyError("the pattern has a {} that engines read differently")
            most = int(high) if high else self._length if comma else int(low)
            if most > 1000:
                most = self._length
        else:
            return 1
        if self._peek() == "?":
            self._at += 1
        elif self._peek() in ("*", "+", "{"):
            raise TooCostlyError("the pattern repeats a repetition")
        return most

    def _stops_at_next(self, atom: str) -> bool:
        following = _LITERAL.match(self._pattern, self._at)
        if atom == _UNREADABLE or following is None:
            return False
        after = self._pattern[following.end() : following.end() + 1]
        if after and after in "*?{":
            return False
        return re.compile(atom, self._flags).fullmatch(following[0]) is None
