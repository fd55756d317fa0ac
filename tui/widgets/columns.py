"""Which columns of a line look different now: over a slow link each column that is sent is waited for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from textual.geometry import Region

# characters that every terminal gives one column: Latin, punctuation, arrows, lines
_ONE_COLUMN = re.compile("[\\x20-\\u02ff\\u2010-\\u205e\\u2190-\\u21ff\\u2500-\\u257f]*")
Run = tuple[str, object]
"""Some characters that look alike: the text, and its style or tone."""


def changed_region(old: Iterable[Run], new: Iterable[Run], y: int, width: int) -> Region | None:
    """The part of row ``y`` of a widget that looks different, ``width`` being the widget's; None where all of
    it looks the same.

    A blank has no colour to see, and blanks at the end look like nothing at all. Where a character may be
    wider or narrower than a column it is the whole row.
    """
    before, after = _cells(old), _cells(new)
    if before == after:
        return None
    first, last = 0, width
    if _ONE_COLUMN.fullmatch("".join(character for character, _ in (*before, *after))):
        shorter, last = sorted((len(before), len(after)))
        while first < shorter and before[first] == after[first]:
            first += 1
        while shorter == last and before[last - 1] == after[last - 1]:
            shorter = last = last - 1
        last = min(last, width)
    return Region(first, y, last - first, 1) if first < last else None


def _cells(runs: Iterable[Run]) -> list[tuple[str, object]]:
    blank = (" ", None)
    cells = [blank if character == " " else (character, look) for text, look in runs for character in text]
    while cells and cells[-1] == blank:
        cells.pop()
    return cells
