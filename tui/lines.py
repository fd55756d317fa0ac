"""Text as both faces draw it, screens and commands: lines of spans, each with a tone, never markup."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from ..probes.verdict import Verdict


class Tone(StrEnum):
    """What a span means. The word always says the same as the colour, because colours may be absent."""

    PLAIN = ""
    DIM = "dim"
    STRONG = "strong"
    GOOD = "good"
    BAD = "bad"
    DOUBT = "doubt"
    ACCENT = "accent"


VERDICT_TONE = {
    Verdict.PASS: Tone.GOOD,
    Verdict.WARN: Tone.DOUBT,
    Verdict.FAIL: Tone.BAD,
    Verdict.UNKNOWN: Tone.DOUBT,
    Verdict.SKIP: Tone.DIM,
}

_SGR = {
    Tone.DIM: "\x1b[2m",
    Tone.STRONG: "\x1b[1m",
    Tone.GOOD: "\x1b[32m",
    Tone.BAD: "\x1b[1;31m",
    Tone.DOUBT: "\x1b[33m",
    Tone.ACCENT: "\x1b[36m",
}
_SGR_OFF = "\x1b[0m"


class Span(NamedTuple):
    """A run of characters in one tone; the text is already clean."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]
EMPTY: Line = ()


def line(*parts: str | Span) -> Line:
    """One line of plain strings and toned spans."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def plain(text_line: Line) -> str:
    """The characters of a line, without tones."""
    return "".join(span.text for span in text_line).rstrip()


def to_terminal(text_line: Line, colour: bool) -> str:
    """A line for standard output, with SGR colours where ``colour`` is true."""
    if not colour:
        return plain(text_line)
    return "".join(
        f"{_SGR[span.tone]}{span.text}{_SGR_OFF}" if span.tone in _SGR else span.text for span in text_line
    ).rstrip()


def verdict_span(verdict: Verdict, width: int = 7) -> Span:
    """The verdict's word, padded to ``width``, in its tone."""
    return Span(f"{verdict.value:<{width}}", VERDICT_TONE[verdict])


def fit(text: str, width: int) -> str:
    """``text`` in exactly ``width`` columns: padded, or cut with an ellipsis."""
    if len(text) <= width:
        return text.ljust(width)
    return text[: max(width - 1, 0)] + "…" if width > 0 else ""


# a long command breaks before its options, as people break them by hand; never inside quotes
_BREAKABLE = re.compile(r"""((?:[^ '"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)""")


def _option_groups(text: str) -> list[str]:
    groups: list[str] = []
    for word in _BREAKABLE.findall(text):
        if groups and not word.startswith("-"):
            groups[-1] += f" {word}"
        else:
            groups.append(word)
    return groups or [text]


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in rows of at most ``width`` characters, at least one."""
    return textwrap.wrap(text, max(width, 20), break_long_words=True, break_on_hyphens=False) or [""]


def labelled(label: str, text: str, width: int, tone: Tone = Tone.PLAIN, indent: int = 5) -> list[Line]:
    """``label`` in a narrow column and ``text`` wrapped beside it, within ``width`` columns."""
    head = 7
    rows = wrapped(text, width - indent - head)
    first = line(" " * indent, Span(f"{label:<{head - 1}} ", Tone.DIM), Span(rows[0], tone))
    return [first, *(line(" " * (indent + head), Span(row, tone)) for row in rows[1:])]


def command(label: str, text: str, width: int, indent: int = 5) -> list[Line]:
    """A shell command, broken with backslashes so that it can be copied from the screen and still runs."""
    head = 7
    room = max(width - indent - head - 2, 20)
    rows: list[str] = []
    current = ""
    for part in _option_groups(text):
        if current and len(current) + 1 + len(part) > room:
            rows.append(current)
            current = "  " + part
        else:
            current = f"{current} {part}" if current else part
    rows.append(current)
    marked = [row + " \\" for row in rows[:-1]] + rows[-1:]
    lines = []
    for number, row in enumerate(marked):
        shown = f"{label:<{head - 1}} " if number == 0 else " " * head
        lines.append(line(" " * indent, Span(shown, Tone.DIM), Span(row, Tone.ACCENT)))
    return lines


def join(groups: Iterable[list[Line]]) -> list[Line]:
    """The groups one after the other with an empty line between."""
    result: list[Line] = []
    for group in groups:
        if result and group:
            result.append(EMPTY)
        result.extend(group)
    return result


def count(number: int, noun: str) -> str:
    """``1 route``, ``2 routes``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def seconds(amount: float) -> str:
    """A duration as people say it: ``0.2 s``, ``45 s``, ``3 min 10 s``, ``2 h 5 min``."""
    if amount < 0:
        amount = 0.0
    if amount < 9.95:
        return f"{amount:.1f} s"
    whole = round(amount)
    if whole < 90:
        return f"{whole} s"
    if whole < 5400:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    hours, rest = divmod(whole, 3600)
    return f"{hours} h {rest // 60} min" if rest >= 60 else f"{hours} h"
