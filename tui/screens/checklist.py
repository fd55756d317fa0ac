"""The pre-cutover checklist of one plan: every item a probe that really ran, with evidence and command."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...checklists.machine.view import Waive
from ...checklists.terms import Check, CheckResult
from ...probes.verdict import Verdict
from ..lines import VERDICT_TONE, Line, Span, Tone, count, fit, line
from ..telling.run import check_details, check_line, tally
from ..widgets.bars import Bar, Rule
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

if TYPE_CHECKING:
    from ...checklists.plans.load import Plan
    from ..sessions import CheckSession


class ChecklistScreen(FrameScreen):
    """The items above, all that is known of the selected one below."""

    DEFAULT_CSS = """
    ChecklistScreen #checks { height: auto; max-height: 50%; min-height: 7; }
    ChecklistScreen #check-details { height: 1fr; }
    """
    NAME = "checklist"
    ENTER = "run just this one again"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,ctrl+r", "run_all", "run all again", show=False),
        Binding("x", "cancel", "cancel what runs", show=False),
        Binding("w", "waive", "waive a WARN by name, with a reason that goes into the journal", show=False),
        Binding("y", "copy", "copy the reproducing command", show=False),
        Binding("s", "cutover", "go on to the cutover", show=False),
        Binding("tab", "other_side", "into the details and back", show=False, priority=True),
    ]

    def __init__(self, plan: Plan, session: CheckSession) -> None:
        super().__init__()
        self._plan = plan
        self._session = session
        self._shown: object = None

    def body(self) -> Iterable[Widget]:
        """Items, then the details of one."""
        yield Bar(id="checks-title")
        yield RowView(id="checks")
        yield Rule(id="check-title")
        yield RowView(id="check-details", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """What can be done to the checks."""
        return (
            ("r", "run again"),
            ("enter", "run this"),
            ("x", "cancel"),
            ("w", "waive"),
            ("y", "copy command"),
            ("s", "cutover"),
            ("esc", "back"),
        )

    def where(self) -> str:
        """Plan and sides."""
        return f"checklist > {self._plan.name}: {self._plan.old.address} to {self._plan.new.address}"

    def on_mount(self) -> None:
        """The first visit runs everything."""
        self.query_one("#checks", RowView).focus()
        if not self._session.results and not self._session.busy:
            self._session.start()
        self.tick()
        # progress is text, once a second and at every answer: motion is dear over SSH
        self.set_interval(0.25, self.tick)

    def tick(self) -> None:
        """Redraw where something changed."""
        if not self.standing:
            return
        session = self._session
        second = int(time.monotonic()) if session.running else 0
        state = (session.results, second, session.problem, self.size, session.busy)
        if state != self._shown:
            self._shown = state
            self.draw()

    def draw(self) -> None:
        """Title, items, details."""
        session = self._session
        width = max(self.size.width, 40)
        results = [session.results[c.id] for c in session.checklist.checks if c.id in session.results]
        hosts = Span(", ".join(self._plan.hosts), Tone.STRONG)
        waves = f"   {count(len(self._plan.waves), 'wave')}" if self._plan.waves else ""
        sides = f"{waves}   {self._plan.gateway} {self._plan.new.address}   old {self._plan.old.address}"
        state = "running" if session.busy else tally(results)
        self.query_one("#checks-title", Bar).show(line(" ", hosts, sides), line(state, " "))
        rows: list[tuple[Hashable, Line]] = []
        for check in session.checklist.checks:
            if check.id in session.results:
                rows.append((check.id, check_line(session.results[check.id], width)))
            else:
                rows.append((check.id, self._waiting_line(check, width)))
        self.query_one("#checks", RowView).set_rows(Rows.of(rows))
        self._draw_details()
        self.pointsman.remember([entry.reproduce for result in results for entry in result.findings])
        if session.problem:
            self.say(session.problem, Tone.BAD)

    def _waiting_line(self, check: Check, width: int) -> Line:
        since = self._session.running.get(check.id)
        if since is None:
            return line(" ", Span(f"{'-':<8}", Tone.DIM), fit(f"{check.number} {check.title}", width - 10))
        title = fit(f"{check.number} {check.title}", min(30, max(width // 3, 18)))
        elapsed = f"{max(0, int(time.monotonic() - since))} s"
        return line(" ", Span(f"{'...':<8}", Tone.DIM), title, Span(f"  running {elapsed}", Tone.DIM))

    def _draw_details(self) -> None:
        result = self._selected()
        view = self.query_one("#check-details", RowView)
        rule = self.query_one("#check-title", Rule)
        if result is None:
            rule.show(line(" ", Span("no answer yet", Tone.DIM), " "))
            view.set_rows(Rows.of(()))
            return
        tone = VERDICT_TONE[result.verdict]
        rule.show(
            line(
                " ",
                Span(f"{result.check.number} {result.check.title}", Tone.STRONG),
                " ",
                Span(result.verdict.value, tone),
                " ",
            )
        )
        view.set_rows(Rows.text(check_details(result, max(self.size.width, 40))))

    def _selected(self) -> CheckResult | None:
        key = self.query_one("#checks", RowView).cursor_key
        return self._session.results.get(key) if isinstance(key, str) else None

    # -- what happens

    def on_row_view_moved(self, event: RowView.Moved) -> None:
        """The details follow the cursor."""
        if event.view.id == "checks" and self.standing:
            self._draw_details()

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter runs the item again."""
        if isinstance(event.key, str):
            self._start((event.key,))

    def action_run_all(self) -> None:
        """Ask everything again."""
        self._start(None)

    def _start(self, only: tuple[str, ...] | None) -> None:
        if self._session.busy:
            self.say("checks are running; x cancels them", Tone.DOUBT)
            return
        self._session.start(only)
        self.say("")
        self.tick()

    def action_cancel(self) -> None:
        """End what runs."""
        self._session.cancel()

    def action_other_side(self) -> None:
        """To the details and back."""
        details = self.query_one("#check-details", RowView)
        (self.query_one("#checks", RowView) if details.has_focus else details).focus()

    def action_copy(self) -> None:
        """The first command that shows what the selected item saw."""
        result = self._selected()
        found = [entry.reproduce for entry in result.findings if entry.reproduce] if result else []
        if found:
            self.app.copy_to_clipboard(found[0])
            self.say(f"copied: {found[0][:90]}", Tone.GOOD)

    def action_waive(self) -> None:
        """A WARN, by name and with a reason; it goes into the run's journal."""
        result = self._selected()
        runs = self.pointsman.runs_of(self._plan)
        if result is None or result.verdict in (Verdict.PASS, Verdict.SKIP):
            self.say("nothing to waive here", Tone.DOUBT)
        elif not runs:
            self.say("a waiver belongs to a run: press s to begin the cutover, then w", Tone.DOUBT)
        elif len(runs) > 1:
            self.say(
                "each wave has its own gate: press s, choose the wave with ] and waive there", Tone.DOUBT
            )
        else:
            check, run = result.check, runs[0]

            def waive(reason: str) -> None:
                if reason.strip():
                    run.send(Waive(check.id, reason.strip()))
                    self.say(f"asked to waive {check.id}; the cutover screen says whether it may be")

            self.ask(f"waive {check.id}, because:", waive)

    def action_cutover(self) -> None:
        """On to the cutover."""
        if not self.refuses_blind():
            # what is typed ahead was typed for a screen that takes a while to come
            self.pointsman.keyboard.drop_the_rest()
            self.pointsman.open_cutover(self._plan)
