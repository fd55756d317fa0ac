"""One cutover: its steps and gates, what happens next, what its undo is, the watch, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...checklists.machine.view import (
    Confirm,
    Confirmation,
    Continue,
    Postpone,
    RollBack,
    RunChecksAgain,
    RunView,
    Waive,
)
from ...probes.verdict import Verdict
from ..lines import EMPTY, Line, Span, Tone, labelled, line
from ..telling.run import (
    cache_lines,
    check_details,
    check_line,
    confirmation_lines,
    run_title,
    step_lines,
    watch_lines,
)
from ..widgets.bars import Bar, Rule
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

if TYPE_CHECKING:
    from ...checklists.running.face import RunFace

_TITLES = {
    "lower-ttl": "this lowers the TTL, and changes no address",
    "switch": "this moves the traffic",
    "roll-back": "this moves the traffic back",
    "raise-ttl": "this puts the TTL back",
}
_VERBS = {
    "lower-ttl": "lower the TTL",
    "switch": "switch",
    "roll-back": "roll back",
    "raise-ttl": "put the TTL back",
}
_ENDED = ("done", "rolled-back")


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
        Binding("z", "roll_back", "roll back: asks for the host name", show=False),
        Binding("p", "postpone", "postpone, and go on", show=False),
        Binding("r", "again", "check again", show=False),
        Binding("w", "waive", "waive a WARN by name, with a reason", show=False),
        Binding("n", "new_run", "a new run, after one that has come to its end", show=False),
        Binding("J", "journal", "the journal, as it is on disk", show=False),
    ]

    def __init__(self, run: RunFace) -> None:
        super().__init__()
        self.run = run
        self._shown: object = None
        self._frozen: Confirmation | None = None

    def body(self) -> Iterable[Widget]:
        """Steps, then what matters now."""
        yield Bar(id="run-title")
        yield RowView(id="steps", with_cursor=False)
        yield Rule(id="now-title")
        yield RowView(id="now", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """Only what can be done now."""
        view = self.run.view()
        keys: list[tuple[str, str]] = []
        if view.waiting_for is not None:
            keys.append(("enter", _VERBS[view.waiting_for.purpose]))
        if view.can_roll_back:
            keys.append(("z", "roll back"))
        if view.phase in ("preflight", "stopped-at-gate", "wait-ttl", "confirm"):
            keys += [("r", "check again"), ("w", "waive")]
        if not view.finished or view.postponed or view.outcome == "held":
            keys.append(("p", "go on" if view.postponed or view.outcome == "held" else "postpone"))
        if view.outcome in _ENDED:
            keys.append(("n", "new run"))
        leave = "back" if view.finished else "leave it running"
        return (*keys, ("J", "journal"), ("@", "commands"), ("esc", leave))

    def where(self) -> str:
        """Plan, and that leaving is safe."""
        view = self.run.view()
        write = " --write" if self.pointsman.settings.writes else ""
        return f"cutover > {view.plan_name}   resume with: pointsman resume {view.run_id}{write}"

    def on_mount(self) -> None:
        """Look at the run ten times a second; draw when it changed."""
        self.query_one("#now", RowView).focus()
        self.tick()
        self.set_interval(0.1, self.tick)

    def tick(self) -> None:
        """The second is part of what is shown only while something is waited for or watched."""
        if not self.standing:
            return
        view = self.run.view()
        shown = (view, self.size)
        if shown != self._shown:
            self._shown = shown
            self.draw(view)

    def draw(self, view: RunView) -> None:
        """All of it; the row views send only the lines that differ."""
        width = max(self.size.width, 40)
        self.query_one("#run-title", Bar).show(run_title(view))
        steps = [entry for step in view.steps for entry in step_lines(step, width)]
        self.query_one("#steps", RowView).set_rows(Rows.text(steps))
        title, lines = self._now(view, width)
        self.query_one("#now-title", Rule).show(line(" ", Span(title, Tone.STRONG), " "))
        self.query_one("#now", RowView).set_rows(Rows.text(lines))
        self.pointsman.remember(view.commands)
        self.show_frame()

    def _now(self, view: RunView, width: int) -> tuple[str, list[Line]]:
        lines: list[Line] = []
        if view.message:
            lines += [*labelled("says", view.message, width, Tone.DOUBT, indent=1), EMPTY]
        asked = self._frozen or view.waiting_for
        if asked is not None:
            lines += [*confirmation_lines(asked, width, _TITLES[asked.purpose]), EMPTY]
        if view.watch is not None and view.phase in ("watch", "soak", "held", "rollback"):
            lines += [*watch_lines(view.watch, width, view.now), EMPTY]
        if view.caches and view.phase != "preflight":
            lines += [*cache_lines(view.caches, view, width), EMPTY]
        lines += self._gate_lines(view, width)
        title = {"watch": "the watch", "soak": "soaking", "wait-ttl": "waiting out the old TTL"}.get(
            view.phase
        )
        if asked is not None:
            title = f"to {_VERBS[asked.purpose]}, press enter and type: {asked.type_this}"
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

    def action_answer(self) -> None:
        """Type the name: the target is frozen while the line is open."""
        asked = self.run.view().waiting_for
        if asked is None or self.prompt.asking:
            return

        def answer(typed: str) -> None:
            self._frozen = None
            self.run.send(Confirm(asked.purpose, typed.strip(), asked.change_id))

        self._open_confirmation(asked, answer)

    def action_roll_back(self) -> None:
        """The way back, at any point after the first change."""
        view = self.run.view()
        if not view.can_roll_back or view.rollback is None:
            self.say("nothing to roll back: nothing was changed", Tone.DOUBT)
            return

        shown = view.rollback

        def answer(typed: str) -> None:
            self._frozen = None
            self.run.send(RollBack(typed.strip(), shown.change_id))

        self._open_confirmation(shown, answer)

    def _open_confirmation(self, asked: Confirmation, answer: Callable[[str], None]) -> None:
        self._frozen = asked

        def gave_up() -> None:
            self._frozen = None
            self._shown = None

        question = f"To {_VERBS[asked.purpose]}, type {asked.type_this} :"
        self.ask(question, answer, gave_up=gave_up)
        self._shown = None

    def action_postpone(self) -> None:
        """Pause before the next step, or go on."""
        view = self.run.view()
        self.run.send(Continue() if view.postponed or view.outcome == "held" else Postpone())

    def action_again(self) -> None:
        """Ask the gate's checks again."""
        self.run.send(RunChecksAgain())

    def action_waive(self) -> None:
        """Pass the gate in spite of the first check that closes it, by name and with a reason."""
        view = self.run.view()
        closing = [entry for entry in view.checks if entry.verdict in (Verdict.WARN, Verdict.FAIL)]
        if not closing:
            self.say("nothing to waive: only a WARN, or some FAILs, can be; an UNKNOWN never", Tone.DOUBT)
            return
        check, seen = closing[0].check, closing[0].verdict
        self.ask(f"waive {check.id} {seen}, because:", lambda reason: self._waive(check.id, reason, seen))

    def _waive(self, check_id: str, reason: str, seen: Verdict) -> None:
        if reason.strip():
            self.run.send(Waive(check_id, reason.strip(), seen))

    def action_new_run(self) -> None:
        """Another run of the same plan, after one that has come to its end."""
        if self.run.view().outcome in _ENDED:
            self.pointsman.open_cutover(self.run.plan, anew=True)
        else:
            self.say("this run goes on: roll it back or let it end first", Tone.DOUBT)

    def action_journal(self) -> None:
        """What is on disk."""
        self.pointsman.open_journal(self.run)
