"""The colours: the terminal's own sixteen, so that every theme looks right and every link carries little."""

from __future__ import annotations

from functools import cache

from rich.style import Style
from textual.theme import Theme

from .lines import Tone

POINTSMAN_THEME = Theme(
    name="pointsman",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
)

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
