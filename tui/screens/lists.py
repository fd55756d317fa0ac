"""Two plain lists to choose from: the places that ``:`` goes to, and the contexts of the kubeconfig."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from textual.widget import Widget

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..lines import Line, Span, Tone, fit, line
from ..places import PLACES, Place
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen


class AliasesScreen(FrameScreen):
    """Every place with all its names; enter goes there."""

    NAME = "aliases"
    ENTER = "go to the place"

    def body(self) -> Iterable[Widget]:
        """One row a place."""
        yield RowView(id="aliases")

    def keys(self) -> Sequence[tuple[str, str]]:
        """Go, or leave."""
        return (("enter", "go"), (":", "type it"), ("esc", "back"))

    def where(self) -> str:
        """What the list is."""
        return "places > what may be typed after :"

    def on_mount(self) -> None:
        """The list does not change."""
        view = self.query_one("#aliases", RowView)
        view.set_rows(Rows.of([(place.names[0], _place_line(place)) for place in PLACES]))
        view.focus()

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter; a place that needs a word more is asked for it."""
        place = next(place for place in PLACES if place.names[0] == event.key)
        if place.argument and not place.argument.startswith("["):
            self.ask(":", self.pointsman.go, value=f"{place.names[0]} ", completer=self.pointsman.complete)
            return
        self.app.pop_screen()
        self.pointsman.go(place.names[0])


def _place_line(place: Place) -> Line:
    name = f":{place.names[0]} {place.argument}".rstrip()
    aliases = " ".join(place.names[1:])
    return line(" ", Span(fit(name, 18), Tone.ACCENT), Span(fit(aliases, 22), Tone.DIM), place.what)


class ContextsScreen(FrameScreen):
    """Every context of the kubeconfig; enter leaves the present cluster for another one."""

    NAME = "contexts"
    ENTER = "leave this cluster for that of the context"

    def body(self) -> Iterable[Widget]:
        """One row a context."""
        yield RowView(id="contexts")

    def keys(self) -> Sequence[tuple[str, str]]:
        """Switch, or leave."""
        return (("enter", "switch"), ("esc", "back"))

    def where(self) -> str:
        """What the list is."""
        return "contexts of the kubeconfig"

    def on_mount(self) -> None:
        """The files as they are now."""
        view = self.query_one("#contexts", RowView)
        view.set_rows(Rows.of(self._rows()))
        view.focus()
        view.select(self.pointsman.bridge.context)

    def _rows(self) -> list[tuple[Hashable | None, Line]]:
        try:
            contexts = self.pointsman.list_contexts()
        except UserError as error:
            return [(None, line(" ", Span(clean(str(error)), Tone.BAD)))]
        here = self.pointsman.bridge.context
        rows: list[tuple[Hashable | None, Line]] = []
        for context in contexts:
            shown = Span(f"{'shown now' if context.name == here else '':<10}", Tone.ACCENT)
            current = Span("  the current one" if context.current else "", Tone.DIM)
            name = Span(fit(clean(context.name, 80), 28) + " ", Tone.STRONG)
            rows.append((context.name, line(" ", shown, name, context.server or "no server", current)))
        return rows or [(None, line(" ", Span("the kubeconfig names no context", Tone.DIM)))]

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter."""
        self.app.pop_screen()
        self.pointsman.switch_context(str(event.key))
