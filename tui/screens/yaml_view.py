"""One object as YAML, fetched when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..lines import Span, Tone, line
from ..telling.findings import short
from ..widgets.row_view import Rows, RowView
from .about import AboutScreen

_LONGEST = 20_000


class YamlScreen(AboutScreen):
    """The object without its managedFields; every line is cleaned, because any of it may be hostile."""

    NAME = "yaml"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+r", "fetch", "fetch again", show=False)]

    def body(self) -> Iterable[Widget]:
        """One view."""
        yield RowView(id="yaml", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """Scroll, again, out."""
        return (("ctrl-r", "fetch again"), *super().keys())

    def where(self) -> str:
        """Which object."""
        return f"{self.ref.kind} {short(self.ref)}"

    def on_mount(self) -> None:
        """Ask the API server, off the screen's loop."""
        self.query_one("#yaml", RowView).focus()
        self.action_fetch()

    def action_fetch(self) -> None:
        """Fetch it now."""
        self.query_one("#yaml", RowView).set_rows(Rows.text([line(" fetching ...")]))
        self.run_worker(self._fetch, thread=True, exclusive=True)

    def _fetch(self) -> None:
        try:
            text = self.pointsman.fetch_yaml(self.ref)
        except UserError as error:
            lines = [line(" ", Span(clean(str(error)), Tone.BAD))]
        else:
            lines = [line(" ", clean(row, 500)) for row in text.splitlines()[:_LONGEST]]
        self.app.call_from_thread(self._show, Rows.text(lines))

    def _show(self, rows: Rows) -> None:
        if self.is_attached:
            self.query_one("#yaml", RowView).set_rows(rows)
