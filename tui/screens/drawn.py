"""What Textual keeps of screens that are gone."""

from __future__ import annotations

from textual import _styles_cache


def forget_drawn_lines() -> None:
    """Let go of the drawn lines of widgets that were taken down.

    Textual remembers two colours for each of the last 1,024 widgets, and with the widget's cache as the key
    of it all its lines: 25 kB each, which a long session feels (Textualize/textual issue 6665). What is still
    on the terminal asks once more for its colours.
    """
    remembered = getattr(_styles_cache.StylesCache, "get_inner_outer", None)
    clear = getattr(remembered, "cache_clear", None)
    if clear is not None:
        clear()
