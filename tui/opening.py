"""Opening a plan's cutover: a Lease is asked for first, and a slow API server must not hold the screens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import App

from ..cluster.errors import UserError
from ..cluster.text import clean
from . import doors
from .lines import Tone
from .screens.cutover import CutoverScreen

if TYPE_CHECKING:
    from ..checklists.plans.model import Plan
    from ..checklists.running.face import RunFace
    from .runs import Runs


class Opening:
    """One cutover at a time is opened, in a thread of its own; the screen comes when it stands."""

    def __init__(self, app: App[None], say: Callable[[str, Tone], None], runs: Runs) -> None:
        self._app, self._say, self._runs = app, say, runs
        self._under_way = False

    def open(self, plan: Plan, anew: bool) -> None:
        """Those that are open already are there at once."""
        if self._under_way:
            return
        runs = self._runs.of(plan)
        if runs and not anew and any(run.alive for run in runs):
            self._work(plan, anew)
            return
        self._under_way = True
        self._say(f"opening the cutover of {clean(plan.name, 60)}", Tone.DIM)
        self._app.run_worker(partial(self._work_aside, plan, anew), thread=True)

    def _work(self, plan: Plan, anew: bool) -> None:
        try:
            runs = self._runs.runs(plan, anew=anew)
        except UserError as error:
            self._say(str(error), Tone.BAD)
        else:
            self._show(plan, runs, anew)

    def _work_aside(self, plan: Plan, anew: bool) -> None:
        try:
            runs = self._runs.runs(plan, anew=anew)
        except UserError as error:
            self._app.call_from_thread(self._say, str(error), Tone.BAD)
        else:
            self._app.call_from_thread(self._show, plan, runs, anew)
        finally:
            self._under_way = False

    def _show(self, plan: Plan, runs: tuple[RunFace, ...], anew: bool) -> None:
        # what was said while it was opened must not stand there when one comes back
        self._say("", Tone.PLAIN)
        if anew and isinstance(self._app.screen, CutoverScreen):
            self._app.pop_screen()
        screen = doors.of_run(*runs)
        self._app.push_screen(screen)
        if not self._runs.go_by(plan):
            changed = "the plan's file has changed since this run began; the run goes by its own copy"
            self._app.call_after_refresh(screen.say, changed, Tone.DOUBT)
