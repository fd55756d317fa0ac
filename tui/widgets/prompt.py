"""One line that asks for text in place: a filter, a command, the host name that confirms a write."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static


class Prompt(Horizontal):
    """Hidden until asked; enter answers, escape gives up. It never covers what the question is about."""

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; background: ansi_default; }
    Prompt.asking { display: block; }
    Prompt Static { width: auto; padding: 0 1; text-style: bold; }
    Prompt Input { width: 1fr; height: 1; border: none; padding: 0; background: ansi_default; }
    Prompt Input:focus { border: none; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "give up", show=False)]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._answer: Callable[[str], None] | None = None
        self._change: Callable[[str], None] | None = None
        self._gave_up: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """The question and the place for its answer."""
        yield Static("", markup=False)
        # a blinking cursor costs 2.2 kB/s over the wire
        field = Input(compact=True)
        field.cursor_blink = False
        yield field

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
    ) -> None:
        """Open the line: ``answer`` gets the text at enter, ``change`` at every key, ``gave_up`` nothing."""
        self._answer, self._change, self._gave_up = answer, change, gave_up
        self.query_one(Static).update(Content(question))
        field = self.query_one(Input)
        field.value = value
        self.add_class("asking")
        field.focus()

    def close(self) -> None:
        """Hide the line and drop its question."""
        self._answer = self._change = self._gave_up = None
        self.remove_class("asking")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filters work while they are typed."""
        event.stop()
        if self._change is not None:
            self._change(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close first: the answer may open the next question."""
        event.stop()
        answer = self._answer
        self.close()
        if answer is not None:
            answer(event.value)

    def action_give_up(self) -> None:
        """Escape."""
        gave_up = self._gave_up
        self.close()
        if gave_up is not None:
            gave_up()
