"""What every screen has: header, body, prompt, and the last two lines: where we are, what the keys do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from ...cluster.text import clean
from ..host import Host
from ..lines import Line, Span, Tone, line
from ..widgets.bars import Bar, key_line
from ..widgets.prompt import Prompt


class FrameScreen(Screen[None]):
    """A screen with its frame. Subclasses give ``body``, ``keys`` and ``where``."""

    DEFAULT_CSS = """
    FrameScreen { background: ansi_default; layout: vertical; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", show=False),
        Binding("question_mark", "help", "help", show=False),
        Binding("at", "commands", "commands run", show=False),
        Binding("colon", "go", "go to", show=False),
        Binding("ctrl+r", "ask_again", "ask again", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._message: Line = ()

    @property
    def pointsman(self) -> Host:
        """The application, as far as a screen may know it."""
        return cast("Host", self.app)

    def compose(self) -> ComposeResult:
        """Header, body, prompt, and the last two lines."""
        yield Bar(id="header")
        yield from self.body()
        yield Prompt(id="prompt")
        yield Bar(id="where")
        yield Bar(id="keys")

    def body(self) -> Iterable[Widget]:
        """The widgets between header and prompt."""
        raise NotImplementedError

    def keys(self) -> Sequence[tuple[str, str]]:
        """What the key bar says: key, what it does."""
        raise NotImplementedError

    def where(self) -> str:
        """Where we are, and how to get out."""
        raise NotImplementedError

    # -- the frame's own lines

    @property
    def standing(self) -> bool:
        """False once the screen is being taken down: its widgets then go one by one, and timers still run."""
        return bool(self.display)

    def on_mount(self) -> None:
        """Fill the frame before the first paint."""
        self.show_frame()

    def on_screen_resume(self) -> None:
        """Something may have changed while another screen was in front."""
        self.show_frame()

    def show_frame(self) -> None:
        """Repaint the bars; those that did not change send nothing."""
        if not self.standing:
            return
        self.query_one("#header", Bar).show(*self.pointsman.header(self.size.width))
        problem = self.pointsman.bridge.problem
        where = line(" ", Span(self.where(), Tone.DIM))
        if problem is not None:
            where = line(" ", Span(clean(problem), Tone.BAD))
        self.query_one("#where", Bar).show(self._message or where)
        # the way out stands at the right edge, and stays where the line is too short for all
        *most, way_out = self.keys()
        self.query_one("#keys", Bar).show(key_line(most), key_line([way_out]))

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """A message in the line above the keys; it stays until the next one, or escape."""
        self._message = line(" ", Span(text, tone)) if text else ()
        self.show_frame()

    @property
    def prompt(self) -> Prompt:
        """The line that asks."""
        return self.query_one("#prompt", Prompt)

    def ask(
        self,
        question: str,
        answer: Callable[[str], None],
        *,
        value: str = "",
        change: Callable[[str], None] | None = None,
        gave_up: Callable[[], None] | None = None,
    ) -> None:
        """Ask in place, and give the focus back to where it was."""
        focused = self.focused

        def refocus() -> None:
            if focused is not None and focused.is_attached:
                self.set_focus(focused)

        def answered(text: str) -> None:
            refocus()
            answer(text)

        def left() -> None:
            refocus()
            if gave_up is not None:
                gave_up()

        self.prompt.ask(question, answered, value=value, change=change, gave_up=left)

    # -- keys of every screen

    def action_back(self) -> None:
        """Escape clears the message first, then leaves the screen."""
        if self._message:
            self.say("")
        elif len(self.app.screen_stack) > 2:
            self.app.pop_screen()

    def action_help(self) -> None:
        """What every key does here, and the words used."""
        self.pointsman.open_help()

    def action_commands(self) -> None:
        """Every command that would reproduce what was done."""
        self.pointsman.open_commands()

    def action_ask_again(self) -> None:
        """Try the cluster again now, where it could not be reached."""
        self.pointsman.bridge.ask_again()

    def action_go(self) -> None:
        """A command line, as in k9s."""
        self.ask(":", self.pointsman.go)
