"""Every command that would reproduce what Pointsman saw and did in this session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...cluster.text import clean
from ..lines import Line, Span, Tone, fit, line
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen


class CommandsScreen(FrameScreen):
    """The newest first; ``y`` copies one."""

    NAME = "commands"
    ENTER = "copy the command"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("y,Y,ctrl+y", "copy", "copy the command", show=False)]

    def body(self) -> Iterable[Widget]:
        """One row a command."""
        yield RowView(id="commands")

    def keys(self) -> Sequence[tuple[str, str]]:
        """Copy and leave."""
        return (("y", "copy"), ("esc", "back"))

    def where(self) -> str:
        """What the list is."""
        return "commands that reproduce what was seen; run them in any shell"

    def on_mount(self) -> None:
        """The list as it is now."""
        view = self.query_one("#commands", RowView)
        commands = list(reversed(self.pointsman.commands))
        rows = [(command, _command_line(command)) for command in commands]
        view.set_rows(Rows.of(rows or [(None, line(" none yet: run a checklist, or open a finding"))]))
        view.focus()

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter."""
        self.action_copy()

    def action_copy(self) -> None:
        """To the terminal's own clipboard (OSC 52), through SSH too."""
        key = self.query_one("#commands", RowView).cursor_key
        if isinstance(key, str):
            self.app.copy_to_clipboard(key)
            self.say(f"copied: {fit(key, 60).rstrip()}", Tone.GOOD)


def _command_line(command: str) -> Line:
    """One row for each, however many lines it has (nsupdate's have); copied as it is."""
    shown = command.replace("\n", " ⏎ ")
    return line(" ", Span(clean(shown, 4_000), Tone.ACCENT))
