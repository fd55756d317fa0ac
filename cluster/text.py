"""Making text from elsewhere safe to show: cluster, certificate, DNS and HTTP strings are hostile."""

from __future__ import annotations

import unicodedata

# Cc: control (ESC, NUL, newline), Cf: format (bidi overrides, zero width), Cs: lone surrogates,
# Zl and Zp: line and paragraph separators, Co/Cn: private use and unassigned (widths differ)
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_REPLACEMENT = "·"


def clean(text: object, limit: int = 400) -> str:
    """One printable line of ``text``, at most ``limit`` characters (an ellipsis says what was cut).

    Every character that a terminal could act on, or that could reorder its neighbours, becomes a dot.
    The result is still not safe as markup: hand it to a widget as ``Text`` or ``Content``.
    """
    string = text if isinstance(text, str) else str(text)
    cut = len(string) > limit
    head = string[: limit - 1] if cut else string
    if not head.isascii() or not head.isprintable():
        head = "".join(_printable(character) for character in head)
    return head + "…" if cut else head


def _printable(character: str) -> str:
    if character in "\n\t\r":
        return " "
    return _REPLACEMENT if unicodedata.category(character) in _UNSAFE_CATEGORIES else character
