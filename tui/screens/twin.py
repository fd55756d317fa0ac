"""An Ingress beside its successor; or the list of all Ingresses, what is wrong first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.verdict import Verdict
from ..lines import Line, Span, Tone, line
from ..telling.findings import short
from ..widgets.bars import Bar
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

if TYPE_CHECKING:
    from ...cluster.snapshot import Snapshot
    from ...probes.state.world import World


class TwinScreen(FrameScreen):
    """The Ingress ``ingress``; without one a list to choose from, of ``hosts`` or of all."""

    NAME = "twin"
    ENTER = "the Ingress beside what replaces it"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yaml", "the Ingress as YAML, fetched now", show=False),
        Binding("c", "checklist", "the checklist of its host's plan", show=False),
    ]

    def __init__(self, ingress: ObjectRef | None = None, hosts: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._ingress = ingress
        self._hosts = hosts
        self._drawn: tuple[object, ...] = ()
        self._world: World | None = None

    def body(self) -> Iterable[Widget]:
        """A title and the rows."""
        yield Bar(id="twin-title")
        yield RowView(id="twin", with_cursor=self._ingress is None)

    def keys(self) -> Sequence[tuple[str, str]]:
        """What can be done."""
        if self._ingress is None:
            return (("enter", "open"), ("y", "yaml"), ("c", "checklist"), ("?", "help"), ("esc", "back"))
        return (("j k", "scroll"), ("y", "yaml"), ("c", "checklist"), ("?", "help"), ("esc", "back"))

    def where(self) -> str:
        """Which one."""
        return f"twin > {short(self._ingress)}" if self._ingress is not None else "twin > all Ingresses"

    def on_mount(self) -> None:
        """A list of one is that one."""
        self.query_one("#twin", RowView).focus()
        self.show_frame()

    def on_resize(self) -> None:
        """The columns depend on the width."""
        self.call_after_refresh(self.show_frame)

    def show_frame(self) -> None:
        """The frame, and the rows where the cluster or the width changed."""
        super().show_frame()
        if self.standing:
            self._draw()

    def _draw(self) -> None:
        picture = self.pointsman.picture
        width = max(self.size.width, 40)
        seen = (picture, width)
        if seen == self._drawn:
            return
        self._drawn = seen
        view = self.query_one("#twin", RowView)
        snapshot = picture.snapshot
        self._world = None
        if self._ingress is not None:
            view.set_rows(Rows.text(self._detail(snapshot, self._ingress, width)))
            self._title("INGRESS AND GATEWAY")
            return
        refs = self._listed(snapshot)
        self._title(f"INGRESSES {len(refs)}")
        if refs:
            view.set_rows(Rows(refs, lambda at: self._row(snapshot, refs[at], width)))
        else:
            view.set_rows(Rows.text([line("  ", Span(self._nothing(snapshot), Tone.DIM))]))

    def _title(self, text: str) -> None:
        hosts = f"  {clean(', '.join(self._hosts), 200)}" if self._hosts else ""
        self.query_one("#twin-title", Bar).show(line("  ", Span(text, Tone.STRONG), Span(hosts, Tone.DIM)))

    def _world_of(self, snapshot: Snapshot) -> World:
        # one of its own: that of the judges belongs to their thread
        from ...cluster.rules.scene import Scene
        from ...probes.state.world import World

        if self._world is None or self._world.snapshot is not snapshot:
            self._world = World(Scene(snapshot))
        return self._world

    def _detail(self, snapshot: Snapshot, ref: ObjectRef, width: int) -> list[Line]:
        from ...probes.state.ingress import ingress_findings
        from ...probes.state.twin.twin import twin_of
        from ..telling.twin import twin_lines

        ingress = snapshot.ingresses.get(ref)
        if ingress is None:
            return [line(" ", Span(f"{short(ref)} is gone", Tone.DOUBT))]
        world = self._world_of(snapshot)
        findings = sorted(
            ingress_findings(world, ingress), key=lambda one: (-one.verdict.badness, one.rule, one.summary)
        )
        self.pointsman.remember(["pointsman twin " + short(ref), *(one.reproduce for one in findings)])
        return twin_lines(twin_of(world, ingress), findings, width)

    def _row(self, snapshot: Snapshot, ref: ObjectRef, width: int) -> Line:
        from ...probes.state.twin.twin import twin_of
        from ..telling.twin import list_line

        findings = self.pointsman.picture.by_object.get(ref, ())
        return list_line(twin_of(self._world_of(snapshot), snapshot.ingresses[ref]), findings, width)

    def _listed(self, snapshot: Snapshot) -> list[ObjectRef]:
        from ..telling.twin import ingresses_of

        by_object = self.pointsman.picture.by_object

        def order(ref: ObjectRef) -> tuple[int, ObjectRef]:
            verdicts = [one.verdict.badness for one in by_object.get(ref, ())]
            return -max(verdicts, default=Verdict.SKIP.badness), ref

        return sorted(ingresses_of(snapshot, self._hosts) or snapshot.ingresses, key=order)

    def _nothing(self, snapshot: Snapshot) -> str:
        state = snapshot.state_of("Ingress")
        if state.state in ("live", "stale", "absent", "unseen"):
            return "no Ingress here"
        return f"Ingresses: {state.state}" + (f", {clean(state.detail, 200)}" if state.detail else "")

    def _subject(self) -> ObjectRef | None:
        if self._ingress is not None:
            return self._ingress
        key = self.query_one("#twin", RowView).cursor_key
        return key if isinstance(key, ObjectRef) else None

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter opens the Ingress under the cursor."""
        subject = self._subject()
        if subject is not None:
            self.pointsman.open_twin(ingress=subject)

    def action_yaml(self) -> None:
        """The Ingress itself, as the API server has it now."""
        subject = self._subject()
        if subject is not None:
            self.pointsman.open_about("yaml", subject)

    def action_checklist(self) -> None:
        """The checklist of the plan that has one of its hosts."""
        subject = self._subject()
        ingress = self.pointsman.picture.snapshot.ingresses.get(subject) if subject else None
        self.pointsman.open_checklist(ingress.hosts if ingress else ())
