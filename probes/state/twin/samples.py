"""Requests that stand for all of a path: itself, a child, the slash toggled, a sibling, the case flipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from .answers import LONGEST_PATH, Pattern

CHILD = "x-pointsman"
_MOST_SAMPLES = 6
_CLASS_SAMPLES = ("x", "7", "a", "Z", "-", "_", "/")


@lru_cache(maxsize=4_096)
def samples(pattern: Pattern) -> tuple[str, ...]:
    """Paths on both sides of every edge of ``pattern``; for an expression, of some that it matches."""
    bases = expression_samples(pattern) if pattern.kind == "regex" else (pattern.value or "/",)
    found: dict[str, None] = {}
    for base in bases:
        for path in _around(base):
            if path.startswith("/") and len(path) <= LONGEST_PATH:
                found[path] = None
    return tuple(found)


def _around(base: str) -> Iterator[str]:
    bare = base.rstrip("/")
    yield base
    if bare:
        yield bare
    yield f"{bare}/"
    yield f"{bare}/{CHILD}"
    if bare:
        yield f"{bare}x"
        yield bare.swapcase()
        yield f"{bare}/{CHILD}".swapcase()


def expression_samples(pattern: Pattern) -> tuple[str, ...]:
    """Some paths that an expression matches; none where it cannot be read or is beyond this reader."""
    if pattern.regex is None:
        return ()
    reader = _Reader(pattern.value)
    made = dict.fromkeys(text for text in reader.alternatives() if text.startswith("/"))
    return tuple(text for text in made if pattern.covers(text))[:_MOST_SAMPLES]


class _Reader:
    """Reads the common parts of an expression and writes a few texts that fit; the caller checks them."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self._at = 0

    def alternatives(self) -> list[str]:
        """Texts for ``a|b|c`` up to a closing bracket or the end."""
        found = self._sequence()
        while self._peek() == "|":
            self._at += 1
            found += self._sequence()
        return found[: 4 * _MOST_SAMPLES]

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _sequence(self) -> list[str]:
        found = [""]
        while self._peek() not in ("", "|", ")"):
            atoms = self._repeated(self._atom())
            found = [before + after for before in found for after in atoms][: 4 * _MOST_SAMPLES]
        return found

    def _atom(self) -> list[str]:
        sign = self._peek()
        self._at += 1
        if sign == "(":
            return self._group()
        if sign == "[":
            return self._one_of()
        if sign == "\\":
            return self._escaped()
        if sign in ("^", "$"):
            return [""]
        return ["x"] if sign == "." else [sign]

    def _group(self) -> list[str]:
        opened = re.compile(r"\?(?::|P?<\w+>|[aiLmsux]+\)|[=!]|<[=!])").match(self._text, self._at)
        self._at = opened.end() if opened else self._at
        if opened and opened[0].endswith(")"):
            return [""]
        found = self.alternatives()
        self._at += 1
        return [""] if opened and opened[0] in ("?=", "?!", "?<=", "?<!") else found

    def _one_of(self) -> list[str]:
        ends = self._text.find("]", self._at + 2)
        ends = ends if ends >= 0 else len(self._text)
        inside = self._text[self._at - 1 : ends + 1]
        self._at = ends + 1
        try:
            wanted = re.compile(inside)
        except re.error:
            return [""]
        return [one for one in (*_CLASS_SAMPLES, *inside) if wanted.fullmatch(one)][:1] or [""]

    def _escaped(self) -> list[str]:
        sign = self._peek()
        self._at += 1
        classes = {"d": "7", "w": "x", "s": " ", "S": "x", "D": "x", "W": "-", "b": "", "Z": "", "z": ""}
        return [classes.get(sign, sign)]

    def _repeated(self, atoms: list[str]) -> list[str]:
        sign = self._peek()
        if sign in ("*", "?", "+"):
            self._at += 1
            self._lazy()
            return atoms if sign == "+" else ["", *atoms]
        counted = re.compile(r"\{(\d+)(?:,\d*)?\}").match(self._text, self._at)
        if counted is None:
            return atoms
        self._at = counted.end()
        self._lazy()
        return [one * min(int(counted[1]), 20) for one in atoms]

    def _lazy(self) -> None:
        if self._peek() in ("?", "+"):
            self._at += 1
