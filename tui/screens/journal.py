"""The journal of a run, as it stands on disk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.widget import Widget

from ...cluster.text import clean
from ..lines import count, line
from ..widgets.bars import Bar
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

if TYPE_CHECKING:
    from ...checklists.running.face import RunFace


class JournalScreen(FrameScreen):
    """One line an entry, the newest last."""

    NAME = "journal"

    def __init__(self, run: RunFace) -> None:
        super().__init__()
        self._run = run
        self._length = -1

    def body(self) -> Iterable[Widget]:
        """Where it is, then what it says."""
        yield Bar(id="journal-title")
        yield RowView(id="journal", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """Scroll and leave."""
        return (("j k", "scroll"), ("G", "newest"), ("esc", "back"))

    def where(self) -> str:
        """Which run."""
        return f"journal > run {self._run.run_id}"

    def on_mount(self) -> None:
        """Grows while it is looked at."""
        self.query_one("#journal", RowView).focus()
        self.tick()
        self.set_interval(0.5, self.tick)

    def tick(self) -> None:
        """Draw when it grew."""
        if not self.standing:
            return
        view = self._run.view()
        if view.journal_length != self._length:
            self._length = view.journal_length
            state = "chain ok" if view.journal_ok else "CHAIN BROKEN"
            title = line(f" {count(view.journal_length, 'line')}, {state}   {clean(view.journal_path)}")
            self.query_one("#journal-title", Bar).show(title)
            rows = self.query_one("#journal", RowView)
            rows.set_rows(Rows.text([line(" ", clean(entry, 1000)) for entry in view.log]))
            rows.action_edge(1)
