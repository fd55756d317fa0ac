"""All plans that were given, with the state of their runs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ..lines import Line, Span, Tone, count, fit, line
from ..telling.waves import wave_state
from ..widgets.bars import Bar
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

if TYPE_CHECKING:
    from ...checklists.plans.load import Plan


class PlansScreen(FrameScreen):
    """Choose one: enter opens its checklist, ``s`` its cutover."""

    NAME = "plans"
    ENTER = "the plan's checklist"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "cutover", "the plan's cutover", show=False),
        Binding("c", "checklist", "the plan's checklist", show=False),
    ]

    def body(self) -> Iterable[Widget]:
        """One row a plan."""
        yield Bar(id="plans-title")
        yield RowView(id="plans")

    def keys(self) -> Sequence[tuple[str, str]]:
        """Where to go from here."""
        return (("enter", "checklist"), ("s", "cutover"), ("?", "help"), ("esc", "back"))

    def where(self) -> str:
        """What this is."""
        return "plans"

    def on_mount(self) -> None:
        """Rows change as runs go on."""
        self.query_one("#plans", RowView).focus()
        self.draw()
        self.set_interval(0.5, self.draw)

    def picture_changed(self) -> None:
        """Back from a run, its row tells at once how far it has come."""
        self.draw()
        self.show_frame()

    def draw(self) -> None:
        """Plans and where their runs stand."""
        if not self.standing:
            return
        width = max(self.size.width, 40)
        plans = self.pointsman.plans
        title = line("  ", Span(f"PLANS {len(plans)}", Tone.STRONG))
        self.query_one("#plans-title", Bar).show(title)
        rows: list[tuple[Hashable | None, Line]] = [
            (plan.name, self._row(plan, width)) for plan in plans.values()
        ]
        empty = "no plan was given: pointsman --plan FILE"
        view = self.query_one("#plans", RowView)
        view.set_rows(Rows.of(rows or [(None, line("  ", Span(empty, Tone.DIM)))]))

    def _row(self, plan: Plan, width: int) -> Line:
        runs = self.pointsman.runs_of(plan)
        unfinished = self.pointsman.unfinished.get(plan.name)
        state = Span("no run", Tone.DIM)
        if runs:
            views = [run.view() for run in runs]
            states = [wave_state(view) for view in views]
            if len(views) > 1:
                states = [f"wave {view.wave} {state}" for view, state in zip(views, states, strict=True)]
            state = Span(", ".join(states), Tone.ACCENT)
        elif unfinished is not None:
            again = unfinished.campaign or unfinished.run_id
            wave = f"wave {unfinished.wave} " if unfinished.campaign else ""
            state = Span(f"{wave}unfinished at {unfinished.phase}: s goes on with {again}", Tone.DOUBT)
        elif plan.waves:
            state = Span(f"no run; {count(len(plan.waves), 'wave')}", Tone.DIM)
        left = fit(", ".join(plan.hosts), max(min(width - 52, 40), 16))
        sides = f"  {plan.old.address} to {plan.new.address}  "
        return line("  ", Span(left, Tone.STRONG), sides, state)

    def _chosen(self) -> Plan | None:
        key = self.query_one("#plans", RowView).cursor_key
        return self.pointsman.plans.get(key) if isinstance(key, str) else None

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter."""
        self.action_checklist()

    def action_checklist(self) -> None:
        """The checklist of the plan under the cursor."""
        plan = self._chosen()
        if plan is not None:
            self.pointsman.open_plan(plan)

    def action_cutover(self) -> None:
        """The cutover of the plan under the cursor."""
        plan = self._chosen()
        if plan is not None and not self.refuses_blind():
            self.pointsman.keyboard.drop_the_rest()
            self.pointsman.open_cutover(plan)
