"""The header and the key bar: one line each. The stock footer repaints and leaks at every change of focus."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from ..lines import Line, Span, Tone, plain
from ..theme import style_of


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
            self._left, self._right = left, right
            self.refresh()

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


def key_line(keys: Sequence[tuple[str, str]]) -> Line:
    """``enter open  y yaml``: each key in the accent, what it does beside it."""
    spans: list[Span] = [Span(" ")]
    for key, what in keys:
        spans += [Span(key, Tone.ACCENT), Span(f" {what}  ")]
    return tuple(spans)
