"""One copy of the words that a cluster says ten thousand times over.

Two fifths of what a large cluster's objects take are the same few texts again and again: the types and
reasons of conditions, kinds, groups, namespaces, names of controllers. A decoder makes a copy for each.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import force_setattr

# a cluster that never repeats itself must not fill the memory with what is kept in case that it does
_MOST = 5_000
_LONGEST = 200
_kept: dict[str, str] = {}


def one_copy(text: str) -> str:
    """An equal text: the one that was handed in first, as long as it is remembered."""
    if len(text) > _LONGEST:
        return text
    _make_room()
    return _kept.setdefault(text, text)


def share(part: msgspec.Struct, *fields: str) -> None:
    """Let the texts of these ``fields`` be one with their equals elsewhere; None stays None.

    For ``__post_init__`` of a frozen Struct: nobody has seen the object yet, and its value stays the same.
    """
    _make_room()
    # no call of one_copy: this happens thirty times for each route
    for field in fields:
        text = getattr(part, field)
        if text and len(text) <= _LONGEST:
            kept = _kept.setdefault(text, text)
            if kept is not text:
                force_setattr(part, field, kept)


def _make_room() -> None:
    if len(_kept) >= _MOST:
        # whatever is common is here again at once
        _kept.clear()
