"""A list of rows drawn line by line: the stock table repaints itself whole, this one only what changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, overload

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Blur, Click, DescendantBlur, DescendantFocus, Focus
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ...cluster.refs import ObjectRef
from ..lines import EMPTY, Line, Tone
from ..theme import style_of
from .columns import changed_region


class _HasRef(Protocol):
    @property
    def ref(self) -> ObjectRef: ...


class Refs(Sequence[ObjectRef]):
    """The keys of rows that stand for objects, looked up one by one: a table of ten thousand is made anew ten
    times a second, and forty of its rows are seen."""

    def __init__(self, rows: Sequence[_HasRef]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> ObjectRef: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ObjectRef]: ...
    def __getitem__(self, index: int | slice) -> ObjectRef | Sequence[ObjectRef]:
        if isinstance(index, slice):
            return [row.ref for row in self._rows[index]]
        return self._rows[index].ref


class Rows:
    """The rows to show: a key each, and the line, drawn only when somebody looks at it.

    A key names the object shown, so that the cursor stays on it when rows move; None is not selectable.
    """

    def __init__(self, keys: Sequence[Hashable | None], draw: Callable[[int], Line]) -> None:
        self.keys = keys
        self._draw = draw
        self._lines: dict[int, Line] = {}
        self._places: dict[Hashable, int] | None = None

    @classmethod
    def of(cls, pairs: Iterable[tuple[Hashable | None, Line]]) -> Rows:
        """Rows whose lines are already drawn."""
        drawn = list(pairs)
        return cls([key for key, _ in drawn], lambda index: drawn[index][1])

    @classmethod
    def text(cls, lines: Iterable[Line]) -> Rows:
        """Rows that nobody can select."""
        return cls.of((None, text_line) for text_line in lines)

    def __len__(self) -> int:
        return len(self.keys)

    def line(self, index: int) -> Line | None:
        """The line at ``index``; None beyond the end."""
        if index >= len(self.keys):
            return None
        if index not in self._lines:
            self._lines[index] = self._draw(index)
        return self._lines[index]

    def find(self, key: Hashable, near: int = -1) -> int:
        """Where an object is shown; -1 where it is not. Quick where it still stands ``near``."""
        if 0 <= near < len(self.keys) and self.keys[near] == key:
            return near
        if self._places is None:
            self._places = {key: place for place, key in enumerate(self.keys) if key is not None}
        return self._places.get(key, -1)


class RowView(ScrollView, can_focus=True):
    """Rows with a cursor that follows the object, not the index."""

    DEFAULT_CSS = """
    RowView { scrollbar-size: 0 0; overflow-x: hidden; overflow-y: scroll; background: ansi_default; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor(1)", "down a row", show=False),
        Binding("up,k", "cursor(-1)", "up a row", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
        Binding("home,g", "edge(-1)", "to the first row", show=False),
        Binding("end,G", "edge(1)", "to the last row", show=False),
        Binding("enter", "choose", "open what the cursor is on", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor stands on another object."""

        view: RowView
        key: Hashable | None

        @property
        def control(self) -> RowView:
            return self.view

    @dataclass
    class Chosen(Message):
        """Enter was pressed on an object."""

        view: RowView
        key: Hashable

        @property
        def control(self) -> RowView:
            return self.view

    def __init__(self, *, id: str | None = None, with_cursor: bool = True) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._rows = Rows.of(())
        self._with_cursor = with_cursor
        self._cursor = -1
        self._cursor_key: Hashable | None = None
        self._chosen = False

    # -- what is shown

    @property
    def cursor_key(self) -> Hashable | None:
        """The object under the cursor."""
        return self._cursor_key

    @property
    def cursor(self) -> int:
        """The row under the cursor; -1 where there is none."""
        return self._cursor

    @property
    def row_count(self) -> int:
        """How many rows there are, seen or not."""
        return len(self._rows)

    def set_rows(self, rows: Rows) -> None:
        """Show ``rows``; repaints only visible lines that differ, and keeps the cursor on its object."""
        old, self._rows = self._rows, rows
        old_cursor = self._cursor
        if len(old) != len(rows):
            self._resize_content()
        self._cursor = self._find_cursor(old_cursor)
        top = self.scroll_offset.y
        for y in range(top, min(top + self.size.height, max(len(old), len(rows)))):
            if old_cursor != self._cursor and y in (old_cursor, self._cursor):
                self._refresh_row(y)
            else:
                self._refresh_changed(y, old.line(y) or EMPTY, rows.line(y) or EMPTY)
        key = rows.keys[self._cursor] if 0 <= self._cursor < len(rows) else None
        if key != self._cursor_key:
            self._cursor_key = key
            self.post_message(self.Moved(self, key))

    def _resize_content(self) -> None:
        # set plainly it lays out the whole screen anew and repaints all of this view: a kilobyte and more for
        # each press of a key; only the way to scroll goes by it, there are no scrollbars
        self.set_reactive(RowView.virtual_size, Size(max(self.size.width, 1), len(self._rows)))
        if self.scroll_offset.y > self.max_scroll_y:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    def select(self, key: Hashable) -> bool:
        """Put the cursor on an object; False where no row shows it."""
        index = self._rows.find(key)
        if index < 0:
            return False
        self._move_to(index)
        return True

    def _find_cursor(self, old_cursor: int) -> int:
        if not self._with_cursor:
            return -1
        if not self._chosen:
            # rows come as they load: until somebody moves, the cursor stands on what is worst
            return self._nearest_selectable(0, 1)
        if self._cursor_key is not None:
            index = self._rows.find(self._cursor_key, old_cursor)
            if index >= 0:
                return index
        return self._nearest_selectable(max(old_cursor, 0), 1)

    def _nearest_selectable(self, start: int, direction: int) -> int:
        for way in (direction, -direction):
            index = min(start, len(self._rows) - 1)
            while 0 <= index < len(self._rows):
                if self._rows.keys[index] is not None:
                    return index
                index += way
        return -1

    # -- drawing

    def render_line(self, y: int) -> Strip:
        """One visible line; Textual asks for just those that need paint."""
        width = self.size.width
        index = y + self.scroll_offset.y
        content = self._rows.line(index)
        if content is None:
            return Strip.blank(width, style_of(Tone.PLAIN))
        on_cursor = index == self._cursor
        focused = self.has_focus
        runs = (Segment(span.text, style_of(span.tone, on_cursor, focused)) for span in content if span.text)
        strip = Strip(runs)
        # neighbours in one style are one run: each change of style costs ten bytes
        return strip.adjust_cell_length(width, style_of(Tone.PLAIN, on_cursor, focused)).simplify()

    def _refresh_changed(self, index: int, old: Line, new: Line) -> None:
        if old != new:
            region = changed_region(old, new, index - self.scroll_offset.y, self.size.width)
            if region is not None:
                self.refresh(region)

    def _refresh_row(self, index: int) -> None:
        y = index - self.scroll_offset.y
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self) -> None:
        """The width of the content is the width of the view: nothing scrolls sideways."""
        self._resize_content()
        if 0 <= self._cursor < len(self._rows):
            self._scroll_into_view(self._cursor)

    def on_focus(self, event: Focus) -> None:
        """Only the cursor's row looks different with the focus: the stock handler repaints all of them."""
        event.prevent_default()
        self._show_focus(True)
        if self.parent is not None:
            self.parent.post_message(DescendantFocus(self))

    def on_blur(self, event: Blur) -> None:
        """Only the cursor's row looks different without the focus."""
        event.prevent_default()
        self._show_focus(False)
        if self.parent is not None:
            self.parent.post_message(DescendantBlur(self))

    def _show_focus(self, focused: bool) -> None:
        self.has_focus = focused
        self._refresh_row(self._cursor)

    # -- moving

    def action_cursor(self, by: int) -> None:
        """Move the cursor, or scroll where there is none."""
        if not self._with_cursor:
            self.scroll_relative(y=by, animate=False)
            return
        target = self._cursor + by
        while 0 <= target < len(self._rows) and self._rows.keys[target] is None:
            target += by
        if 0 <= target < len(self._rows):
            self._move_to(target)
        else:
            self.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Move by a screenful."""
        step = max(self.size.height - 1, 1) * by
        if not self._with_cursor:
            self.scroll_relative(y=step, animate=False)
            return
        target = min(max(self._cursor + step, 0), len(self._rows) - 1)
        self._move_to(self._nearest_selectable(target, by))

    def action_edge(self, direction: int) -> None:
        """Move to the first or the last row."""
        if not self._with_cursor:
            self.scroll_to(y=0 if direction < 0 else self.virtual_size.height, animate=False)
            return
        target = 0 if direction < 0 else len(self._rows) - 1
        self._move_to(self._nearest_selectable(target, -direction))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a cursor there is nothing to open: the screen may have a use for enter."""
        return self._with_cursor if action == "choose" else True

    def action_choose(self) -> None:
        """Open the object under the cursor."""
        if self._cursor_key is not None:
            self.post_message(self.Chosen(self, self._cursor_key))

    def on_click(self, event: Click) -> None:
        """A click puts the cursor there."""
        index = event.y + self.scroll_offset.y
        if self._with_cursor and 0 <= index < len(self._rows) and self._rows.keys[index] is not None:
            self._move_to(index)

    def _move_to(self, index: int) -> None:
        if not 0 <= index < len(self._rows):
            return
        self._chosen = True
        before, self._cursor = self._cursor, index
        self._refresh_row(before)
        self._refresh_row(index)
        self._scroll_into_view(index)
        key = self._rows.keys[index]
        if key != self._cursor_key:
            self._cursor_key = key
            self.post_message(self.Moved(self, key))

    def _scroll_into_view(self, index: int) -> None:
        top = self.scroll_offset.y
        height = max(self.size.height, 1)
        if index < top:
            self.scroll_to(y=index, animate=False)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False)
