"""The colours: the terminal's own sixteen, so that every theme looks right and every link carries little."""

from __future__ import annotations

from functools import cache

from rich.style import Style

from .lines import Tone

THEME = "ansi-dark"

_STYLES = {
    Tone.PLAIN: Style(),
    Tone.DIM: Style(dim=True),
    Tone.STRONG: Style(bold=True),
    Tone.GOOD: Style(color="green"),
    Tone.BAD: Style(color="red", bold=True),
    Tone.DOUBT: Style(color="yellow"),
    Tone.ACCENT: Style(color="cyan"),
}
_CURSOR = Style(reverse=True)
_CURSOR_UNFOCUSED = Style(bold=True, underline=True)


@cache
def style_of(tone: Tone, cursor: bool = False, focused: bool = True) -> Style:
    """The terminal style of a tone, on or off the cursor's row."""
    style = _STYLES[tone]
    if not cursor:
        return style
    return style + (_CURSOR if focused else _CURSOR_UNFOCUSED)
