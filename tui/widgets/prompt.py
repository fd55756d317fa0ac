"""One line that asks for text in place: a filter, a command, the host name that confirms a write."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from ..lines import Span, Tone, line
from .bars import Bar

Completer = Callable[[str], tuple[str, tuple[str, ...]]]
"""From what was typed to what it may become, and what may be meant."""


class Prompt(Horizontal):
    """Hidden until asked; enter answers, escape gives up. It never covers what the question is about.

    ``on_asking`` is told when a question opens and when it closes, so that another line can make room.
    """

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; background: ansi_default; }
    Prompt.asking { display: block; }
    Prompt Static { width: auto; padding: 0 1; text-style: bold; }
    Prompt Input { width: 1fr; height: 1; border: none; padding: 0; background: ansi_default; }
    Prompt Input:focus { border: none; background: ansi_default; }
    Prompt Bar { display: none; }
    Prompt.hinting Input { width: 2fr; }
    Prompt.hinting Bar { display: block; width: 3fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "leave the question", show=False),
        Binding("tab", "complete", "complete what is typed", show=False),
    ]

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
        on_asking: Callable[[bool], None] | None = None,
    ) -> None:
        super().__init__(id=id)
        self._on_asking = on_asking
        self._answer: Callable[[str], None] | None = None
        self._change: Callable[[str], None] | None = None
        self._gave_up: Callable[[], None] | None = None
        self._completer: Completer | None = None

    def compose(self) -> ComposeResult:
        """The question, the place for its answer, and a dim hint beside it."""
        yield Static("", markup=False)
        # a blinking cursor costs 2.2 kB/s over the wire
        field = Input(compact=True)
        field.cursor_blink = False
        yield field
        yield Bar()

    @property
    def asking(self) -> bool:
        """Whether a question is open."""
        return self.has_class("asking")

    def ask(
        self,
        question: str,
        answer: Callable[[str], None],
        *,
        value: str = "",
        change: Callable[[str], None] | None = None,
        gave_up: Callable[[], None] | None = None,
        completer: Completer | None = None,
    ) -> None:
        """Open the line: ``answer`` gets the text at enter, ``change`` at every key, ``gave_up`` nothing.

        With a ``completer``, what may be meant stands dim beside the text, and tab completes it.
        """
        self._answer, self._change, self._gave_up = answer, change, gave_up
        self._completer = completer
        self.query_one(Static).update(Content(question))
        field = self.query_one(Input)
        field.value = value
        self.hint("")
        self._show(True)
        self._suggest(value)
        # at once, and not when the loop comes to it: the next key may be there already
        self.screen.set_focus(field)

    def hint(self, text: str, tone: Tone = Tone.DIM) -> None:
        """Words beside what is typed; empty hides their place."""
        self.query_one(Bar).show(line(" ", Span(text, tone)))
        self.set_class(bool(text) or self._completer is not None, "hinting")

    def close(self) -> None:
        """Hide the line and drop its question."""
        self._answer = self._change = self._gave_up = self._completer = None
        self._show(False)

    def _show(self, asking: bool) -> None:
        self.set_class(asking, "asking")
        if self._on_asking is not None:
            self._on_asking(asking)

    def _suggest(self, text: str) -> None:
        if self._completer is not None:
            _, suggestions = self._completer(text)
            self.hint("  ".join(suggestions))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filters work while they are typed."""
        event.stop()
        if not self.asking:
            return
        self._suggest(event.value)
        if self._change is not None:
            self._change(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close first: the answer may open the next question."""
        event.stop()
        answer = self._answer
        self.close()
        if answer is not None:
            answer(event.value)

    def action_complete(self) -> None:
        """Tab: as much as is certain. Without a completer it does nothing, so that the focus stays here."""
        if self._completer is not None:
            field = self.query_one(Input)
            field.value, _ = self._completer(field.value)
            field.cursor_position = len(field.value)

    def action_give_up(self) -> None:
        """Escape."""
        gave_up = self._gave_up
        self.close()
        if gave_up is not None:
            gave_up()
