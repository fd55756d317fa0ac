"""What opens: classes, gateways and listeners, the routes, and all that is said of the one selected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.widget import Widget

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.state.rows import RouteRow
from ...probes.verdict import Finding, Verdict
from ..describe import class_lines, gateway_lines, route_lines, short
from ..lines import Line, Span, Tone, count, line
from ..route_rows import ALL_ROUTES, attached, route_header, route_rows, tree_rows
from ..widgets.bars import Bar, Rule
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

_NARROW = 100


class BrowseScreen(FrameScreen):
    """The tree on the left, the routes on the right, the details below; the cursor stays on its object."""

    DEFAULT_CSS = """
    BrowseScreen #upper { height: 1fr; }
    BrowseScreen #tree-side { width: 40; }
    BrowseScreen #route-side { width: 1fr; }
    BrowseScreen #details { height: 1fr; }
    BrowseScreen.narrow #tree-side { display: none; width: 1fr; }
    BrowseScreen.narrow.in-tree #tree-side { display: block; }
    BrowseScreen.narrow.in-tree #route-side { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "other_side", "gateways or routes", show=False, priority=True),
        Binding("slash", "filter", "filter", show=False),
        Binding("z", "faults", "faults only", show=False),
        Binding("y", "yaml", "yaml", show=False),
        Binding("t", "twin", "twin", show=False),
        Binding("c", "checklist", "checklist", show=False),
        Binding("p", "plans", "plans", show=False),
        Binding("d", "details", "details", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""
        self._faults_only = False
        self._place: object = ALL_ROUTES

    # -- the frame

    def body(self) -> Iterable[Widget]:
        """Three views."""
        yield _Upper(id="upper")
        yield Rule(id="details-title")
        yield RowView(id="details", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """The most used; the rest stands in the help."""
        return (
            ("tab", "side"),
            ("enter", "read"),
            ("/", "filter"),
            ("z", "faults"),
            ("y", "yaml"),
            ("t", "twin"),
            ("c", "checklist"),
            ("p", "plans"),
            ("?", "help"),
            ("q", "quit"),
        )

    def where(self) -> str:
        """Where, and what hides rows."""
        place = short(self._place) if isinstance(self._place, ObjectRef) else "all routes"
        hidden = [f"filter {self._filter!r}"] if self._filter else []
        hidden += ["faults only"] if self._faults_only else []
        note = self.pointsman.settings.practice_note
        # at 80 columns the note is only of use if all of it is there
        here = place if note and self.size.width < _NARROW else f"browse > {place}"
        return " · ".join([here, *hidden, *([note] if note else [])])

    def on_mount(self) -> None:
        """Routes have the focus: they are what is looked for."""
        self.query_one("#routes", RowView).focus()
        self.draw()

    def on_resize(self) -> None:
        """At 80 columns the tree folds away behind the tab key."""
        self.set_class(self.size.width < _NARROW, "narrow")
        self.call_after_refresh(self.draw)

    # -- drawing

    def draw(self) -> None:
        """Everything from the present picture; what did not change is not sent."""
        if not self.standing:
            return
        overview = self.pointsman.picture.overview
        tree = self.query_one("#tree", RowView)
        tree.set_rows(tree_rows(overview, max(tree.size.width, 30)))
        self._draw_routes()
        self._draw_details()
        self.show_frame()

    def _draw_routes(self) -> None:
        view = self.query_one("#routes", RowView)
        width = max(view.size.width, 40)
        chosen = self._visible()
        total = len(self.pointsman.picture.overview.routes)
        count = f"{len(chosen)} of {total}" if len(chosen) != total else str(total)
        title = line("  ", Span(f"ROUTES {count}", Tone.STRONG))
        self.query_one("#routes-title", Bar).show(title, line(Span(self._loading(), Tone.DOUBT), " "))
        self.query_one("#routes-header", Bar).show(route_header(width))
        if chosen:
            view.set_rows(route_rows(chosen, width))
        else:
            view.set_rows(Rows.text([line("  ", Span(self._nothing(), Tone.DIM))]))

    def _visible(self) -> Sequence[RouteRow]:
        routes = attached(self.pointsman.picture.overview.routes, self._place)
        if self._faults_only:
            routes = [row for row in routes if row.worst.badness >= Verdict.WARN.badness]
        wanted = self._filter.lstrip("!").lower()
        if wanted:
            inverse = self._filter.startswith("!")
            routes = [row for row in routes if (wanted in _haystack(row)) != inverse]
        return routes

    def _loading(self) -> str:
        troubled = self.pointsman.picture.overview.troubled_kinds
        words = [
            f"{kind} {state.state}" for kind, state in sorted(troubled.items()) if kind.endswith("Route")
        ]
        return ", ".join(words[:3])

    def _nothing(self) -> str:
        bridge = self.pointsman.bridge
        if bridge.problem is not None:
            return str(bridge.problem)
        if self.pointsman.picture.snapshot.version == 0:
            return "connecting ..."
        troubled = self.pointsman.picture.overview.troubled_kinds
        states = [state for kind, state in sorted(troubled.items()) if kind.endswith("Route")]
        refused = [state.detail for state in states if state.state in ("failed", "denied") and state.detail]
        if refused:
            return clean(refused[0], 300)
        if states:
            return "loading: what is not shown yet may exist"
        return "no route here" if not (self._filter or self._faults_only) else "nothing matches; esc clears"

    def _draw_details(self) -> None:
        view = self.query_one("#details", RowView)
        width = max(view.size.width, 40)
        title, lines, findings = self._details_of(self._subject(), width)
        right = f" {count(len(findings), 'finding')} " if findings else " "
        heading = line(" ", Span(title, Tone.STRONG), Span(right, Tone.BAD if findings else Tone.DIM))
        self.query_one("#details-title", Rule).show(heading)
        view.set_rows(Rows.text(lines))
        self.pointsman.remember([finding.reproduce for finding in findings])

    def _subject(self) -> object:
        in_tree = self.query_one("#tree", RowView).has_focus
        return self._place if in_tree else self.query_one("#routes", RowView).cursor_key

    def _details_of(self, subject: object, width: int) -> tuple[str, list[Line], Sequence[Finding]]:
        picture = self.pointsman.picture
        if not isinstance(subject, ObjectRef):
            return "nothing selected", [], ()
        ref = subject.whole
        findings = picture.by_object.get(ref, ())
        for route in picture.overview.routes:
            if route.ref == ref:
                generation = (
                    picture.snapshot.routes[ref].meta.generation if ref in picture.snapshot.routes else 0
                )
                title = f"{route.ref.kind} {short(ref)}"
                return title, route_lines(route, findings, generation, width), findings
        for gateway in picture.overview.gateways:
            if gateway.ref == ref or any(listener.ref == subject for listener in gateway.listeners):
                found = picture.snapshot.gateways.get(gateway.ref)
                generation = found.meta.generation if found else 0
                if subject.section:
                    findings = tuple(entry for entry in findings if entry.subject == subject)
                return short(subject), gateway_lines(gateway, findings, generation, width), findings
        for row in picture.overview.classes:
            if row.ref == ref:
                return f"GatewayClass {short(ref)}", class_lines(row, findings, width), findings
        return f"{short(ref)} is gone", [], findings

    # -- what happens

    def picture_changed(self) -> None:
        """The cluster changed."""
        self.draw()

    def on_row_view_moved(self, event: RowView.Moved) -> None:
        """The details follow the cursor; a place in the tree chooses the routes."""
        if not self.standing:
            return
        if event.view.id == "tree" and event.key is not None:
            self._place = event.key
            self._draw_routes()
        self._draw_details()
        self.show_frame()

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter on a place goes to its routes; on a route, to its details, to scroll."""
        if event.view.id == "tree":
            self.action_other_side()
        else:
            self.query_one("#details", RowView).focus()

    def on_descendant_focus(self) -> None:
        """The details are those of the side that has the focus."""
        if self.standing and self.query("#details"):
            self._draw_details()

    def action_other_side(self) -> None:
        """Between the gateways and the routes; at 80 columns one hides the other."""
        to_tree = not self.query_one("#tree", RowView).has_focus
        self.set_class(to_tree, "in-tree")
        self.query_one("#tree" if to_tree else "#routes", RowView).focus()
        self.call_after_refresh(self.draw)

    def action_details(self) -> None:
        """Into the details, to scroll them."""
        self.query_one("#details", RowView).focus()

    def action_back(self) -> None:
        """Escape: out of the details, then the message, then the filter."""
        if self.query_one("#details", RowView).has_focus:
            self.query_one("#routes", RowView).focus()
        elif self._filter or self._faults_only:
            self._filter, self._faults_only = "", False
            self.draw()
        else:
            super().action_back()

    def action_filter(self) -> None:
        """Rows are hidden while the words are typed."""
        before = self._filter

        def change(text: str) -> None:
            self._filter = text.strip()
            self._draw_routes()

        def gave_up() -> None:
            change(before)
            self.draw()

        self.ask("/", lambda text: self.draw(), value=before, change=change, gave_up=gave_up)

    def action_faults(self) -> None:
        """Only what is wrong."""
        self._faults_only = not self._faults_only
        self.draw()

    def action_yaml(self) -> None:
        """The whole object, as the API server has it now."""
        subject = self._subject()
        if isinstance(subject, ObjectRef):
            self.pointsman.open_yaml(subject.whole)

    def action_twin(self) -> None:
        """The Ingresses of this route's hosts beside it; without any the list of all."""
        subject = self._subject()
        rows = self.pointsman.picture.overview.routes
        self.pointsman.open_twin(next((row.hostnames for row in rows if row.ref == subject), ()))

    def action_checklist(self) -> None:
        """The checklist of the plan that has this route's host."""
        subject = self._subject()
        hosts: tuple[str, ...] = ()
        for row in self.pointsman.picture.overview.routes:
            if row.ref == subject:
                hosts = row.hostnames
        self.pointsman.open_checklist(hosts)

    def action_plans(self) -> None:
        """All plans and their runs."""
        self.pointsman.open_plans()


class _Upper(Container):
    """The two sides above the details."""

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="tree-side"):
                title = Bar(id="tree-title")
                title.show(line("  ", Span("GATEWAYS", Tone.STRONG)))
                yield title
                yield RowView(id="tree")
            with Vertical(id="route-side"):
                yield Bar(id="routes-title")
                yield Bar(id="routes-header")
                yield RowView(id="routes")


def _haystack(row: RouteRow) -> str:
    return f"{row.ref.namespace} {row.ref.name} {row.ref.kind} {' '.join(row.hostnames)}".lower()
