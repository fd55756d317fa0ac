"""The keys and the words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from ..lines import EMPTY, Line, Span, Tone, line
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

_KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "everywhere",
        (
            ("j k  up down", "move; ctrl-f ctrl-b, page up and down; g G, first and last"),
            ("enter", "open what the cursor is on"),
            ("esc", "back; a running cutover goes on"),
            (":", "go to: :routes :gateways :twin :plans :ns NAME|all :q"),
            ("@", "every command that would reproduce what was seen and done"),
            ("ctrl-r", "ask again now"),
            ("q", "quit, or back where something runs"),
        ),
    ),
    (
        "browse",
        (
            ("tab", "between the gateways and the routes"),
            ("/", "filter: words, or !words for all but those"),
            ("z", "only what is wrong"),
            ("y", "the object as YAML, fetched now"),
            ("t", "the host's Ingresses beside the routes that answer now"),
            ("c", "the checklist of the host's plan"),
            ("p", "all plans and runs"),
        ),
    ),
    (
        "checklist",
        (
            ("r", "run all again"),
            ("enter", "run just this one again"),
            ("w", "waive a WARN by name, with a reason that goes into the journal"),
            ("y", "copy the reproducing command"),
            ("s", "go on to the cutover"),
        ),
    ),
    (
        "cutover",
        (
            ("enter", "answer what is asked: the exact change and its undo stand above the question"),
            ("z", "roll back: asks for the host name"),
            ("p", "postpone, and go on"),
            ("n", "a new run, after one that has come to its end"),
            ("J", "the journal, as it is on disk"),
        ),
    ),
)

_WORDS = (
    ("claimed", "what the controller's conditions say"),
    ("computed", "what the Gateway API's rules say, worked out here from the specs alone"),
    ("UNKNOWN", "could not tell; it opens no gate"),
    ("SKIP", "does not apply, and says why"),
    ("gate", "a step opens only when all its checks PASS, or a WARN was waived by name"),
    ("undo", "the exact inverse of a change, worked out before the change is made"),
)


class HelpScreen(FrameScreen):
    """One page to scroll."""

    def body(self) -> Iterable[Widget]:
        """All of it in one view."""
        yield RowView(id="help", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """Out again."""
        return (("j k", "scroll"), ("esc", "back"))

    def where(self) -> str:
        """Help."""
        return "help"

    def on_mount(self) -> None:
        """The page does not change while it is read."""
        view = self.query_one("#help", RowView)
        view.set_rows(Rows.text(help_lines(self.pointsman.settings.practice_note)))
        view.focus()


def help_lines(practice_note: str) -> list[Line]:
    """The page: keys by screen, then words, then where the practice world is."""
    lines: list[Line] = []
    for screen, keys in _KEYS:
        lines += [line(" ", Span(screen, Tone.STRONG))]
        lines += [line("   ", Span(f"{key:<14}", Tone.ACCENT), what) for key, what in keys]
        lines += [EMPTY]
    lines += [line(" ", Span("words", Tone.STRONG))]
    lines += [line("   ", Span(f"{word:<14}", Tone.ACCENT), what) for word, what in _WORDS]
    if practice_note:
        lines += [EMPTY, line(" ", Span("practice world", Tone.STRONG)), line("   ", practice_note)]
    return lines
