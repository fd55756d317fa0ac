"""Objects of one kind that is no route, in a plain table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from textual.widget import Widget

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ..ages import age
from ..lines import Line, Span, Tone, fit, line
from ..tables.arrange import Lens
from ..tables.filters import Haystacks
from ..tables.resources import ResourceKind, ResourceRow, ResourceTable
from ..telling.findings import mark, word
from ..widgets.bars import Bar
from ..widgets.row_view import Rows, RowView
from .table import TableScreen

_NAMESPACE, _NAME, _AGE, _VERDICT, _FINDINGS, _LABELS = 14, 24, 5, 8, 8, 30
_WITH_NAMESPACE = 60
_WIDE = 120


class ResourceScreen(TableScreen):
    """The same keys as on browse; enter goes to the object there, or shows all that is known of it."""

    NAME = "a table of a kind"
    ENTER = "a gateway or class: to its place on browse; else all that is known of it"

    def __init__(self, kind: ResourceKind) -> None:
        super().__init__()
        self.kind = kind
        self._table = ResourceTable(kind)
        self._haystacks: Haystacks[ResourceRow] = Haystacks(lambda row: row.text, lambda row: row.ref)
        self._wanted: ObjectRef | None = None

    def body(self) -> Iterable[Widget]:
        """A title, the columns' titles, rows."""
        yield Bar(id="resources-title")
        yield Bar(id="resources-header")
        yield RowView(id="resources")

    def keys(self) -> Sequence[tuple[str, str]]:
        """The most used."""
        return (
            ("enter", "open"),
            ("/", "filter"),
            ("z", "faults"),
            ("d", "describe"),
            ("y", "yaml"),
            ("e", "events"),
            ("u", "used by"),
            ("?", "help"),
            ("esc", "back"),
        )

    def where(self) -> str:
        """Which kind, and what hides rows."""
        return " · ".join([self.kind.names[0], *self.hidden_words()])

    def on_mount(self) -> None:
        """Rows have the focus."""
        self.query_one("#resources", RowView).focus()
        self.draw()

    def on_resize(self) -> None:
        """Columns go by the width."""
        self.call_after_refresh(self.draw)

    def select(self, ref: ObjectRef) -> None:
        """Put the cursor on an object once its row is there."""
        self._wanted = ref
        if self.is_mounted:
            self.draw()

    def draw(self) -> None:
        """Table and frame."""
        if not self.standing:
            return
        self.draw_table()
        self.show_frame()

    def draw_table(self) -> None:
        """The rows as they are asked for."""
        view = self.query_one("#resources", RowView)
        width = max(self.size.width, 40)
        rows = self._table.rows(self.pointsman.picture, self.pointsman.shown_namespaces)
        shown = self.arranged(rows, self._lens())
        title = line("  ", Span(f"{self.kind.title} {self.counted(len(shown), len(rows))}", Tone.STRONG))
        self.query_one("#resources-title", Bar).show(title, line(Span(self._untold(), Tone.DOUBT), " "))
        self.query_one("#resources-header", Bar).show(self._header(width))
        if shown:
            now = time.time()
            view.set_rows(
                Rows([row.ref for row in shown], lambda index: self._line(shown[index], width, now))
            )
        else:
            view.set_rows(Rows.text([line("  ", Span(self._nothing(), Tone.DIM))]))
        if self._wanted is not None and view.select(self._wanted):
            self._wanted = None

    def _lens(self) -> Lens[ResourceRow]:
        return Lens(
            worst=lambda row: row.worst,
            text=self._haystacks,
            labels=lambda row: row.labels,
            name=lambda row: (row.ref.name, row.ref.namespace, row.ref.kind),
            created=lambda row: row.created,
            host=lambda row: row.hosts[0] if row.hosts else "",
        )

    def _columns(self, width: int) -> list[tuple[str, int]]:
        namespaced = width >= _WITH_NAMESPACE and self.kind.part != "classes"
        columns = [("namespace", _NAMESPACE)] if namespaced else []
        columns += [("name", _NAME), ("age", _AGE), ("worst", _VERDICT)]
        columns += [("findings", _FINDINGS)] if self.arrangement.wide else []
        used = 2 + sum(size + 1 for _, size in columns)
        labels = self.arrangement.wide and width >= _WIDE
        rest = width - used - (_LABELS + 1 if labels else 0)
        columns.append((self.kind.summary_title, max(rest - 1, 8)))
        return [*columns, ("labels", _LABELS)] if labels else columns

    def _header(self, width: int) -> Line:
        return (
            Span("  "),
            *(Span(fit(title, size) + " ", Tone.DIM) for title, size in self._columns(width)),
        )

    def _line(self, row: ResourceRow, width: int, now: float) -> Line:
        cells = {
            "namespace": Span(clean(row.ref.namespace)),
            "name": Span(clean(row.ref.name)),
            "age": Span(age(row.created, now), Tone.DIM),
            "worst": word(row.worst),
            "findings": Span(str(row.findings or ""), Tone.DIM),
            "labels": Span(" ".join(f"{key}={value}" for key, value in sorted(row.labels.items())), Tone.DIM),
        }
        spans = [mark(row.worst), Span(self.pointsman.changes.mark(row.ref))]
        for title, size in self._columns(width):
            cell = cells.get(title, Span(row.summary))
            spans.append(Span(fit(clean(cell.text), size) + " ", cell.tone))
        return tuple(spans)

    def _untold(self) -> str:
        """The kinds of this table that are not live: what is not shown may exist all the same."""
        snapshot = self.pointsman.picture.snapshot
        states = [(kind, snapshot.state_of(kind)) for kind in self.kind.kinds]
        return ", ".join(
            f"{kind} {state.state}" for kind, state in states if state.state not in ("live", "absent")
        )

    def _nothing(self) -> str:
        if self.arrangement.hides:
            return "nothing matches; esc clears"
        if self.pointsman.bridge.problem is not None:
            return str(self.pointsman.bridge.problem)
        untold = self._untold()
        snapshot = self.pointsman.picture.snapshot
        details = [clean(snapshot.state_of(kind).detail, 300) for kind in self.kind.kinds]
        if untold:
            return f"{untold}: what is not shown may exist; {next(filter(None, details), '')}".rstrip("; ")
        if all(snapshot.state_of(kind).state == "absent" for kind in self.kind.kinds):
            return "this cluster does not serve the kind"
        return "there is none"

    def subject(self) -> ObjectRef | None:
        """The object under the cursor."""
        key = self.query_one("#resources", RowView).cursor_key
        return key if isinstance(key, ObjectRef) else None

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter."""
        subject = self.subject()
        if subject is None:
            return
        if subject.kind in ("Gateway", "GatewayClass"):
            self.pointsman.jump(subject)
        else:
            self.action_about("describe")
