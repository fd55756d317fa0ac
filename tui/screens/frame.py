"""What every screen has: header, body, prompt, and the last two lines: where we are, what the keys do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from ...cluster.text import clean
from ..host import Host
from ..lines import Line, Span, Tone, line
from ..widgets.bars import Bar, KeyBar
from ..widgets.prompt import Completer, Prompt
from .drawn import forget_drawn_lines


class FrameScreen(Screen[None]):
    """A screen with its frame. Subclasses give ``body``, ``keys`` and ``where``."""

    DEFAULT_CSS = """
    FrameScreen { background: ansi_default; layout: vertical; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back; a running cutover goes on", show=False),
        Binding("question_mark", "help", "this page", show=False),
        # with priority: a key of a quick typist that follows must find the question open
        Binding("colon", "go", "go to a place (below); tab completes it", show=False, priority=True),
        Binding("ctrl+a", "aliases", "all places with their short names", show=False),
        Binding("F", "findings", "everything found, worst first", show=False),
        Binding("i", "kinds", "how fresh each kind is, and what may not be read", show=False),
        Binding("at", "commands", "every command that would reproduce what was seen and done", show=False),
        Binding("ctrl+r", "ask_again", "ask again now", show=False),
    ]
    # the stock one repaints the whole screen at every change of focus: 8 kB each time somebody types a filter
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    NAME: ClassVar[str] = "everywhere"
    """What the help page calls this screen."""
    ENTER: ClassVar[str] = ""
    """What enter does here, where rows take it."""

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
        yield Prompt(id="prompt", on_asking=self._make_room)
        yield Bar(id="where")
        yield KeyBar(id="keys")

    def body(self) -> Iterable[Widget]:
        """The widgets between header and prompt."""
        raise NotImplementedError

    def keys(self) -> Sequence[tuple[str, str]]:
        """What the key bar says: key, what it does. The most important first, the way out last."""
        raise NotImplementedError

    def where(self) -> str:
        """Where we are, and how to get out."""
        raise NotImplementedError

    # -- the frame's own lines

    def _make_room(self, asking: bool) -> None:
        # the question takes the place of this line: were it one line more, all above would move
        self.query_one("#where").display = not asking

    @property
    def standing(self) -> bool:
        """False once the screen is being taken down: its widgets then go one by one, and timers still run."""
        return bool(self.display)

    def on_mount(self) -> None:
        """Fill the frame before the first paint."""
        self.show_frame()

    def on_unmount(self) -> None:
        """Leave nothing behind."""
        forget_drawn_lines()

    def on_screen_resume(self) -> None:
        """Something may have changed while another screen was in front."""
        if self.query("#where"):
            self.picture_changed()

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
        self.query_one("#keys", KeyBar).show_keys(self.keys())

    def picture_changed(self) -> None:
        """The cluster changed, or a change of it is no longer new."""
        self.show_frame()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is asked, the keys that go before all others are part of the answer."""
        if action in ("other_side", "go", "filter") and self.query("#prompt"):
            return not self.prompt.asking
        return True

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """A message in the line above the keys; it stays until the next one, or escape."""
        self._message = line(" ", Span(text, tone)) if text else ()
        self.show_frame()

    def tune(self, words: Sequence[str]) -> None:
        """``:set NAME VALUE``: only a cutover has something to set."""
        self.say("there is no cutover on this screen whose thresholds could be set", Tone.DOUBT)

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
        completer: Completer | None = None,
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

        self.prompt.ask(question, answered, value=value, change=change, gave_up=left, completer=completer)

    # -- what is typed ahead

    def refuse(self, why: str) -> None:
        """Say why a key does nothing; what is typed right behind it was typed for what it does not do."""
        self.pointsman.keyboard.drop_the_rest()
        self.say(why, Tone.DOUBT)

    def refuses_blind(self) -> bool:
        """For commands that begin or change something: True, and said, in the midst of what came in one go.

        Nobody has then seen what the key before it did; it may be a letter of a name, meant for a question.
        """
        if self.pointsman.keyboard.blind:
            self.refuse("keys came all at once: that one was not taken as a command, nor what follows it")
            return True
        return False

    def may_be_left(self) -> bool:
        """Whether ``q`` is taken, wherever it came in what was typed."""
        return True

    def on_paste(self) -> None:
        """Nothing here took it: it was meant for a question."""
        self.refuse("what was pasted is not taken: no question is open")

    # -- keys of every screen

    def action_back(self) -> None:
        """Escape clears the message first, then leaves the screen."""
        if self._message:
            self.say("")
        elif len(self.app.screen_stack) > 2:
            self.app.pop_screen()

    def action_help(self) -> None:
        """What every key does here, and the words used."""
        if self.NAME != "help":
            self.pointsman.open_help()

    def action_commands(self) -> None:
        """Every command that would reproduce what was done."""
        self._open("commands")

    def action_findings(self) -> None:
        """Everything that was found."""
        self._open("findings")

    def action_kinds(self) -> None:
        """How far each kind can be trusted."""
        self._open("kinds")

    def action_aliases(self) -> None:
        """Every place that ``:`` goes to."""
        self._open("aliases")

    def _open(self, name: str) -> None:
        # the same key again must not stack a screen on itself
        if name not in type(self).__name__.lower():
            self.pointsman.open_list(name)

    def action_ask_again(self) -> None:
        """Try the cluster again now, where it could not be reached."""
        self.pointsman.bridge.ask_again()

    def action_go(self) -> None:
        """A command line, as in k9s."""
        self.ask(":", self.pointsman.go, completer=self.pointsman.complete)


class FollowingScreen(FrameScreen):
    """A screen that is drawn whole when the picture or its own size changes; only what differs is sent."""

    def draw(self) -> None:
        """Everything from the present picture."""
        raise NotImplementedError

    def on_resize(self) -> None:
        """Lines and columns go by the width."""
        self.call_after_refresh(self.draw)

    def picture_changed(self) -> None:
        """What is shown may have changed."""
        self.draw()
