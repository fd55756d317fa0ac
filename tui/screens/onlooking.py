"""A run that is only looked at, on the cutover's own screen: somebody else's, or one that is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from ...cluster.text import clean
from ..telling.run import clock
from .cutover import CutoverScreen

if TYPE_CHECKING:
    from ...checklists.running.replayed import ReplayedRun


class OnlookerScreen(CutoverScreen):
    """The keys that would write say whose run it is instead."""

    def keys(self) -> Sequence[tuple[str, str]]:
        """What can be done by somebody who only looks."""
        waves = (("[ ]", "waves"),) if len(self.runs) > 1 else ()
        return (*waves, ("J", "journal"), ("@", "commands"), ("esc", "leave it"))

    def where(self) -> str:
        """Whose it is."""
        view = self.run.view()
        return f"following > {clean(view.plan_name, 60)}   {view.read_only}"

    def action_back(self) -> None:
        """Escape leaves the screen; the last one ends the program."""
        if len(self.app.screen_stack) > 2 or self._message:
            super().action_back()
        else:
            self.app.exit()

    def _refuse(self) -> None:
        self.refuse(self.run.view().read_only)

    def action_answer(self) -> None:
        """Nothing is asked here."""
        self._refuse()

    def action_roll_back(self) -> None:
        """Only its operator can."""
        self._refuse()

    def action_postpone(self) -> None:
        """Only its operator can."""
        self._refuse()

    def action_again(self) -> None:
        """Only its operator can."""
        self._refuse()

    def action_waive(self) -> None:
        """Only its operator can."""
        self._refuse()

    def action_new_run(self) -> None:
        """Not from here."""
        self._refuse()


_MOVES = ("forth", "back_one", "phase_on", "phase_back", "first", "last", "play")


class ReplayScreen(OnlookerScreen):
    """Event by event, forth and back, through what is over."""

    NAME = "replay"
    BINDINGS: ClassVar[list[BindingType]] = [
        # with priority: the lines below would take the arrows for scrolling
        Binding("full_stop,right", "forth", "the next event", show=False, priority=True),
        Binding("comma,left", "back_one", "the event before", show=False, priority=True),
        Binding("down", "phase_on", "the next phase", show=False, priority=True),
        Binding("up", "phase_back", "the phase before", show=False, priority=True),
        Binding("home", "first", "the first event", show=False, priority=True),
        Binding("end", "last", "the last event", show=False, priority=True),
        Binding(
            "space",
            "play",
            "play in the time it took (a second a gap at most); stop",
            show=False,
            priority=True,
        ),
    ]

    def __init__(self, run: ReplayedRun) -> None:
        super().__init__(run)
        self.replay = run

    def keys(self) -> Sequence[tuple[str, str]]:
        """How to move."""
        playing = "stop" if self.replay.playing else "play"
        moves = ((". ,", "event"), ("down up", "phase"), ("home end", "ends"), ("space", playing))
        return (*moves, ("J", "journal"), ("esc", "leave"))

    def where(self) -> str:
        """Which event of how many, and when it was."""
        moment, last = self.replay.moment, self.replay.moments[-1]
        name = clean(self.replay.plan.name, 60)
        return f"replay > {name}: event {moment.number} of {last.number}, {clock(moment.event.at)}"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is asked, the keys belong to the answer."""
        if action in _MOVES and self.query("#prompt"):
            return not self.prompt.asking
        return super().check_action(action, parameters)

    def action_forth(self) -> None:
        """One event on."""
        self.replay.step(1)
        self.tick()

    def action_back_one(self) -> None:
        """One event back."""
        self.replay.step(-1)
        self.tick()

    def action_phase_on(self) -> None:
        """To the next phase."""
        self.replay.step_phase(1)
        self.tick()

    def action_phase_back(self) -> None:
        """To the beginning of this phase, or of the one before."""
        self.replay.step_phase(-1)
        self.tick()

    def action_first(self) -> None:
        """To the beginning."""
        self.replay.home()
        self.tick()

    def action_last(self) -> None:
        """To the end."""
        self.replay.end()
        self.tick()

    def action_play(self) -> None:
        """Go on by itself, or stand still."""
        self.replay.play()
        self.show_frame()
