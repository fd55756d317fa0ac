"""The application for one run that is only looked at: no cluster, no plans, one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cluster.errors import UserError
from ..cluster.text import clean
from .app import PointsmanApp
from .bridge import Bridge
from .lines import Line, Span, Tone, line
from .screens.cutover import CutoverScreen
from .settings import Settings

if TYPE_CHECKING:
    from ..checklists.running.face import RunFace
    from ..cluster.client.connect import Connection


class _NoBridge(Bridge):
    """To no cluster: what is shown comes from the run alone."""

    def __init__(self) -> None:
        super().__init__(_no_cluster, None)

    def start(self) -> None:
        """Nothing is begun."""


def _no_cluster() -> Connection:
    raise UserError("only a run is looked at here")


class OnlookerApp(PointsmanApp):
    """One screen on one run, or on the waves of its plan; they are left when it ends."""

    def __init__(self, run: RunFace, screen: CutoverScreen) -> None:
        super().__init__(Settings(), _NoBridge())
        self._run = run
        self._only = screen

    def begin(self) -> None:
        """The one screen."""
        self.push_screen(self._only)

    def on_unmount(self) -> None:
        """Look no more; what the base does at its end is done besides."""
        for run in self._only.runs:
            run.stop()

    def header(self, width: int) -> tuple[Line, Line]:
        """Which run of whom."""
        view = self._run.view()
        who = f"  carried out by {clean(view.operator, 80)}" if view.operator else ""
        left = line(" ", Span(f"run {clean(view.run_id, 40)}", Tone.STRONG), Span(who, Tone.DIM))
        return left, line(Span("read-only", Tone.DIM), " ")

    def go(self, text: str) -> None:
        """There is only the one place."""
        if text.strip() in ("q", "quit"):
            self.exit()
        elif text.strip():
            self.say(
                "only this run is looked at here; `pointsman` without a command shows the rest", Tone.DOUBT
            )
