"""One cutover: its steps and gates, what happens next, what its undo is, the watch, and the way back.

The waves of a plan stand in one line above, one of them is looked at; a run that somebody else holds, or that
is over, shows the same and takes no command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...checklists.machine.view import (
    Attest,
    Confirm,
    Confirmation,
    Continue,
    Postpone,
    RollBack,
    RunChecksAgain,
    RunView,
    Tune,
    Waive,
)
from ...checklists.terms import MANUAL, CheckResult
from ...cluster.text import clean
from ...probes.verdict import Verdict
from ..lines import EMPTY, Line, Span, Tone, labelled, line
from ..telling.caches import cache_lines
from ..telling.drain import drain_lines
from ..telling.run import check_details, check_line, run_title
from ..telling.steps import confirmation_lines, steps_lines
from ..telling.watch import watch_lines
from ..telling.waves import waves_line
from ..tuning import read_setting
from ..widgets.bars import Bar, Rule
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

if TYPE_CHECKING:
    from ...checklists.running.face import RunFace

_TITLES = {
    "lower-ttl": "this lowers the TTL, and changes no address",
    "rehearse": "this tries the way back on a name of no traffic",
    "switch": "this moves the traffic",
    "roll-back": "this moves the traffic back",
    "raise-ttl": "this puts the TTL back",
}
_VERBS = {
    "lower-ttl": "lower the TTL",
    "rehearse": "rehearse the rollback",
    "switch": "switch",
    "roll-back": "roll back",
    "raise-ttl": "put the TTL back",
}
_ENDED = ("done", "rolled-back")
_WATCHED = ("watch", "soak", "held", "rollback", "stopped-at-gate")
# what the operator has to know of a wave that is not looked at
_TROUBLE = {
    "rollback": "is being rolled back",
    "held": "is held",
    "stopped-at-gate": "is stopped at a gate",
}
_MOST_CACHES = 6


class CutoverScreen(FrameScreen):
    """The steps above; below them what matters now: a question, the checks, the watch, the caches."""

    DEFAULT_CSS = """
    CutoverScreen #steps { height: auto; max-height: 55%; }
    CutoverScreen #now { height: 1fr; }
    """
    NAME = "cutover"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "answer", "answer what is asked; the change and its undo stand above it", show=False
        ),
        Binding("z", "roll_back", "roll this wave back: asks for the host name", show=False),
        Binding("p", "postpone", "postpone; or go on, also out of a hold", show=False),
        Binding("r", "again", "ask the gate's checks again", show=False),
        Binding("w", "waive", "waive a WARN by name, with a reason", show=False),
        Binding("a", "attest", "answer a manual check's question with yes, by its name", show=False),
        Binding("right_square_bracket", "wave(1)", "the next wave of the plan", show=False),
        Binding("left_square_bracket", "wave(-1)", "the wave before", show=False),
        Binding("n", "new_run", "a new run, after one that has come to its end", show=False),
        Binding("J", "journal", "the journal, as it is on disk", show=False),
    ]

    def __init__(self, run: RunFace, *others: RunFace) -> None:
        super().__init__()
        self.runs = (run, *others)
        self._at = 0
        self._shown: object = None
        self._frozen: Confirmation | None = None
        self._told: dict[str, str] = {}
        encoding = str(getattr(sys.__stdout__, "encoding", "") or "utf-8").lower()
        self._letters = not encoding.startswith("utf")

    @property
    def run(self) -> RunFace:
        """The run that is looked at."""
        return self.runs[self._at]

    def look_at(self, run_id: str) -> None:
        """Begin with this run."""
        self._at = next((number for number, run in enumerate(self.runs) if run.run_id == run_id), self._at)

    def body(self) -> Iterable[Widget]:
        """The waves where there are several, steps, then what matters now."""
        yield Bar(id="run-title")
        if len(self.runs) > 1:
            yield Bar(id="waves")
        yield RowView(id="steps", with_cursor=False)
        yield Rule(id="now-title")
        yield RowView(id="now", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """Only what can be done now."""
        view = self.run.view()
        keys = [] if view.read_only else self._writing_keys(view)
        if len(self.runs) > 1:
            # behind the two that change the world: where there is no room for all, the rest gives way
            asked = sum(key in ("enter", "z") for key, _ in keys)
            keys.insert(asked, ("[ ]", "waves"))
        leave = "back" if view.finished or view.read_only else "leave it running"
        return (*keys, ("J", "journal"), ("@", "commands"), ("?", "help"), ("esc", leave))

    def _writing_keys(self, view: RunView) -> list[tuple[str, str]]:
        keys: list[tuple[str, str]] = []
        if view.waiting_for is not None:
            keys.append(("enter", _VERBS[view.waiting_for.purpose]))
        if view.can_roll_back:
            keys.append(("z", "roll back"))
        if view.outcome == "stopped-at-gate" and _manual(view):
            keys.append(("a", "answer yes"))
        if view.phase in ("preflight", "stopped-at-gate", "wait-ttl", "confirm"):
            keys += [("r", "check again"), ("w", "waive")]
        if not view.finished or view.postponed or view.outcome == "held":
            keys.append(("p", "go on" if view.postponed or view.outcome == "held" else "postpone"))
        if all(run.view().outcome in _ENDED for run in self.runs):
            keys.append(("n", "new run"))
        return keys

    def where(self) -> str:
        """Plan, and that leaving is safe; or whose run it is."""
        view = self.run.view()
        if view.read_only:
            return f"cutover > {clean(view.plan_name, 60)}   {clean(view.read_only, 200)}"
        write = " --write" if self.pointsman.settings.writes else ""
        resume = view.campaign or view.run_id
        return f"cutover > {clean(view.plan_name, 60)}   resume with: pointsman resume {resume}{write}"

    def on_mount(self) -> None:
        """Look at the run ten times a second; draw when it changed."""
        self.query_one("#now", RowView).focus()
        self.tick()
        self.set_interval(0.1, self.tick)

    def tick(self) -> None:
        """The second is part of what is shown only while something is waited for or watched."""
        if not self.standing:
            return
        views = tuple(run.view() for run in self.runs)
        self._tell_trouble(views)
        shown = (views, self._at, self.size)
        if shown != self._shown:
            self._shown = shown
            self.draw(views)

    def _tell_trouble(self, views: Sequence[RunView]) -> None:
        """An alarm in a wave that nobody looks at stays on the screen until it is read."""
        for number, view in enumerate(views):
            before = self._told.get(view.run_id, view.phase)
            self._told[view.run_id] = view.phase
            if view.phase != before and view.phase in _TROUBLE and number != self._at:
                why = f": {clean(view.message, 120)}" if view.message else ""
                self.say(f"wave {view.wave} {_TROUBLE[view.phase]}{why}", Tone.BAD)

    def draw(self, views: Sequence[RunView]) -> None:
        """All of it; the row views send only the lines that differ."""
        view = views[self._at]
        width, height = max(self.size.width, 40), max(self.size.height, 16)
        self.query_one("#run-title", Bar).show(run_title(view))
        if len(views) > 1:
            self.query_one("#waves", Bar).show(waves_line(views, self._at, width))
        watching = view.watch is not None and view.phase in _WATCHED and self._frozen is None
        steps = steps_lines(view.steps, width, height // 3 if watching else int(height * 0.55))
        self.query_one("#steps", RowView).set_rows(Rows.text(steps))
        # header, title, rule and the last two lines; the steps take what they need
        room = height - 5 - (len(views) > 1) - min(len(steps), int(height * 0.55))
        title, lines = self._now(view, width, room)
        self.query_one("#now-title", Rule).show(line(" ", Span(title, Tone.STRONG), " "))
        self.query_one("#now", RowView).set_rows(Rows.text(lines))
        self.pointsman.remember(view.commands)
        self.show_frame()

    def _now(self, view: RunView, width: int, room: int) -> tuple[str, list[Line]]:
        lines: list[Line] = []
        if view.message:
            lines += labelled("says", clean(view.message, 600), width, Tone.DOUBT, indent=1)
        asked = self._frozen or view.waiting_for
        if asked is not None:
            lines += [*_apart(lines), *confirmation_lines(asked, width, _TITLES[asked.purpose])]
        caches = cache_lines(view.caches, view, width) if view.caches and view.phase != "preflight" else []
        if view.watch is not None and view.phase in _WATCHED:
            # the caches are few lines, or wait below
            left = room - len(lines) - (len(caches) if len(caches) <= _MOST_CACHES else 0)
            lines += watch_lines(
                view.watch, width, max(left, 6), view.now, before=_baseline(view), letters=self._letters
            )
        elif caches:
            lines += _apart(lines)
        lines += [*caches, *drain_lines(view, width)]
        gate = self._gate_lines(view, width)
        lines += [*_apart(lines), *gate] if gate else []
        title = {"watch": "the watch", "soak": "soaking", "wait-ttl": "waiting out the old TTL"}.get(
            view.phase
        )
        if asked is not None and not view.read_only:
            title = f"to {_VERBS[asked.purpose]}, press enter and type: {clean(asked.type_this, 300)}"
        return title or view.outcome or view.phase, lines

    def _gate_lines(self, view: RunView, width: int) -> list[Line]:
        if view.phase in ("watch", "soak", "drain") or not view.checks:
            return []
        lines = [line(" ", Span(view.checks_running or "the gate's checks", Tone.DIM))]
        lines += [check_line(result, width) for result in view.checks]
        for result in view.checks:
            if result.verdict in (Verdict.FAIL, Verdict.UNKNOWN):
                lines += [EMPTY, *check_details(result, width)]
        return lines

    # -- keys

    def _may_ask(self) -> bool:
        view = self.run.view()
        if view.read_only:
            self.refuse(f"this run takes no command here: {clean(view.read_only, 160)}")
        return not view.read_only and not self.prompt.asking

    def _may_command(self) -> bool:
        return self._may_ask() and not self.refuses_blind()

    def may_be_left(self) -> bool:
        """A letter of a host name is no wish to leave."""
        return not self.refuses_blind()

    def action_wave(self, by: int) -> None:
        """Look at another wave."""
        self._at = min(max(self._at + by, 0), len(self.runs) - 1)
        self.tick()

    def action_answer(self) -> None:
        """Type the name: run and target are frozen while the line is open."""
        run, asked = self.run, self.run.view().waiting_for
        if not self._may_command():
            return
        if asked is None:
            self.refuse("nothing is asked now: what follows enter is not taken")
            return

        def answer(typed: str) -> None:
            self._frozen = None
            run.send(Confirm(asked.purpose, typed.strip(), asked.change_id))

        self._open_confirmation(asked, answer)

    def action_roll_back(self) -> None:
        """The way back, at any point after the first change."""
        run, view = self.run, self.run.view()
        if not self._may_command():
            return
        if not view.can_roll_back or view.rollback is None:
            self.refuse("nothing to roll back: nothing was changed")
            return

        shown = view.rollback

        def answer(typed: str) -> None:
            self._frozen = None
            run.send(RollBack(typed.strip(), shown.change_id))

        self._open_confirmation(shown, answer)

    def _open_confirmation(self, asked: Confirmation, answer: Callable[[str], None]) -> None:
        self._frozen = asked

        def gave_up() -> None:
            self._frozen = None
            self._shown = None

        question = f"To {_VERBS[asked.purpose]}, type {clean(asked.type_this, 300)} :"
        self.ask(question, answer, gave_up=gave_up)
        self._shown = None

    def action_postpone(self) -> None:
        """Pause before the next step, or go on."""
        view = self.run.view()
        if self._may_command():
            self.run.send(Continue() if view.postponed or view.outcome == "held" else Postpone())

    def action_again(self) -> None:
        """Ask the gate's checks again."""
        if self._may_command():
            self.run.send(RunChecksAgain())

    def action_waive(self) -> None:
        """Pass the gate in spite of the first check that closes it, by name and with a reason."""
        run = self.run
        if not self._may_command():
            return
        closing = [entry for entry in run.view().checks if entry.verdict in (Verdict.WARN, Verdict.FAIL)]
        if not closing:
            self.refuse("nothing to waive: only a WARN, or some FAILs, can be; an UNKNOWN never")
            return
        check, seen = closing[0].check, closing[0].verdict

        def waive(reason: str) -> None:
            if reason.strip():
                run.send(Waive(check.id, reason.strip(), seen))

        self.ask(f"waive {check.id} {seen}, because:", waive)

    def action_attest(self) -> None:
        """Answer the first manual check that keeps the gate shut, by typing its name."""
        run = self.run
        if not self._may_command():
            return
        asked = _manual(run.view())
        if not asked:
            self.refuse("no manual check waits for an answer")
            return
        check = asked[0].check
        question = clean(str(check.params.get("question", check.title)), 200)

        def answer(typed: str) -> None:
            if typed.strip() == check.id:
                run.send(Attest(check.id))
            elif typed.strip():
                self.say(f"that is not {check.id}: nothing was answered", Tone.DOUBT)

        self.ask(f"{question} If so, type {check.id} :", answer)

    def tune(self, words: Sequence[str]) -> None:
        """``:set NAME VALUE``: change a threshold or a duration of the run that is looked at."""
        if not self._may_ask():
            return
        found = read_setting(words)
        if isinstance(found, str):
            self.say(found, Tone.DOUBT)
        else:
            self.run.send(Tune(*found))

    def action_new_run(self) -> None:
        """Another run of the same plan, after one that has come to its end."""
        if not self._may_command():
            return
        if all(run.view().outcome in _ENDED for run in self.runs):
            # the run's own plan may be that of one wave
            plan = self.pointsman.plans.get(self.run.plan.name, self.run.plan)
            self.pointsman.open_cutover(plan, anew=True)
        else:
            self.refuse("this run goes on: roll it back or let it end first")

    def action_journal(self) -> None:
        """What is on disk."""
        self.pointsman.open_journal(self.run)


def _apart(lines: list[Line]) -> list[Line]:
    return [EMPTY] if lines else []


def _manual(view: RunView) -> list[CheckResult]:
    return [
        entry for entry in view.checks if entry.check.probe == MANUAL and entry.verdict is Verdict.UNKNOWN
    ]


def _baseline(view: RunView) -> str:
    """What both sides did before the switch; the same check says something else once the watch has passed."""
    if view.phase != "watch" or view.watch is None or view.watch.verdict == "PASS":
        return ""
    return next((entry.headline for entry in view.checks if entry.check.probe == "error-watch"), "")
