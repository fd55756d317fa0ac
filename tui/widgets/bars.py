"""The header and the key bar: one line each. The stock footer repaints and leaks at every change of focus."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from ..lines import Line, Span, Tone, plain
from ..theme import style_of
from .columns import Run, changed_region

Key = tuple[str, str]
"""A key, and what it does."""


class Bar(Widget):
    """One line, with a part on the left and a part on the right; the left part gives way."""

    DEFAULT_CSS = """
    Bar { height: 1; background: ansi_default; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._left: Line = ()
        self._right: Line = ()

    @property
    def right(self) -> str:
        """The words on the right."""
        return plain(self._right)

    def show(self, left: Line, right: Line = ()) -> None:
        """Repaint only where something differs."""
        if (left, right) != (self._left, self._right):
            before = self._drawn()
            self._left, self._right = left, right
            self._repaint(before)

    def _repaint(self, before: list[Run]) -> None:
        region = changed_region(before, self._drawn(), 0, self.size.width)
        if region is not None:
            self.refresh(region)

    def _drawn(self) -> list[Run]:
        return [(segment.text, segment.style) for segment in self.render_line(0)]

    def render_line(self, y: int) -> Strip:
        """The left part as far as there is room, and the right part."""
        width = self.size.width
        left = Strip([Segment(span.text, style_of(span.tone)) for span in self._left])
        right = Strip([Segment(span.text, style_of(span.tone)) for span in self._right])
        if not self._right:
            return left.adjust_cell_length(width)
        room = max(width - right.cell_length, 0)
        if left.cell_length > room:
            left = Strip([*left.crop(0, max(room - 2, 0)), Segment("… ")])
        return Strip([*left.adjust_cell_length(room), *right]).adjust_cell_length(width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Always one line."""
        return 1


class Rule(Bar):
    """A dim line across, with a title in it where there is one."""

    def render_line(self, y: int) -> Strip:
        """Dashes from the title to the edge."""
        width = self.size.width
        title = Strip([Segment(span.text, style_of(span.tone)) for span in self._left])
        dashes = Segment("─" * max(width - title.cell_length, 0), style_of(Tone.DIM))
        return Strip([*title, dashes]).adjust_cell_length(width)


class KeyBar(Bar):
    """What the keys do, as far as there is room for whole ones, whatever the width is by now."""

    _keys: tuple[Key, ...] = ()

    def show_keys(self, keys: Sequence[Key]) -> None:
        """The most important first, the way out last."""
        if self._keys != tuple(keys):
            before = self._drawn()
            self._keys = tuple(keys)
            self._repaint(before)

    def render_line(self, y: int) -> Strip:
        """Those that fit, and the way out at the right edge."""
        if self._keys:
            most, way_out = fitting_keys(self._keys, self.size.width)
            self._left, self._right = key_line(most), key_line([way_out])
        return super().render_line(y)


_ALWAYS = "?"


def fitting_keys(keys: Sequence[Key], width: int) -> tuple[Sequence[Key], Key]:
    """Those of ``keys`` for which ``width`` columns have room, whole and in their order; and the last,
    the way out, which stands at the right edge.

    The first ones are kept before those behind them; the help is always kept: it tells of all the others.
    """
    *most, way_out = keys
    room = width - _columns([way_out])
    kept = [key for key in most if key[0] == _ALWAYS]
    for key in most:
        if key[0] != _ALWAYS:
            if _columns([*kept, key]) > room:
                break
            kept.append(key)
    return [key for key in most if key in kept], way_out


def _columns(keys: Sequence[Key]) -> int:
    return sum(len(span.text) for span in key_line(keys))


def key_line(keys: Sequence[Key]) -> Line:
    """``enter open  y yaml``: each key in the accent, what it does beside it."""
    spans: list[Span] = [Span(" ")]
    for key, what in keys:
        spans += [Span(key, Tone.ACCENT), Span(f" {what}  ")]
    return tuple(spans)
