"""What opens: classes, gateways and listeners, the routes, and all that is said of the one selected."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.state.rows import RouteRow
from ..lines import Line, Span, Tone, count, line
from ..tables.arrange import History, Lens
from ..tables.filters import Haystacks, parse_filter
from ..tables.route_rows import ALL_ROUTES, Looks, Tree, attached, route_header, route_rows, route_text
from ..telling.findings import short
from ..telling.object import NOTHING, details_of, lately_lines
from ..widgets.bars import Bar, Rule
from ..widgets.row_view import Rows, RowView
from .table import TableScreen

_NARROW = 100
# the details are drawn at most twenty times a second: a key that is held down comes thirty times
_FOLLOW_S = 0.05


@dataclass(frozen=True, slots=True)
class Visit:
    """Where somebody was on this screen."""

    place: Hashable
    kind: str
    filter_text: str
    faults: bool
    namespaces: tuple[str, ...] | None


class BrowseScreen(TableScreen):
    """The tree on the left, the routes on the right, the details below; the cursor stays on its object."""

    DEFAULT_CSS = """
    BrowseScreen #upper { height: 1fr; }
    BrowseScreen #tree-side { width: 36; }
    BrowseScreen #route-side { width: 1fr; }
    BrowseScreen #details { height: 1fr; }
    BrowseScreen.narrow #tree-side { display: none; width: 1fr; }
    BrowseScreen.narrow.in-tree #tree-side { display: block; }
    BrowseScreen.narrow.in-tree #route-side { display: none; }
    """
    NAME = "browse"
    ENTER = "from a gateway to its routes; from a route into its details, to scroll them"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "other_side", "between the gateways and the routes", show=False, priority=True),
        Binding("c", "checklist", "the checklist of the host's plan", show=False),
        Binding("p", "plans", "all plans and runs", show=False),
        Binding("x", "xray", "where a request to this route ends, and why others lose", show=False),
        Binding("left_square_bracket", "history(-1)", "back to the place and filter before", show=False),
        Binding("right_square_bracket", "history(1)", "forth again", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._place: Hashable = ALL_ROUTES
        self._kind = ""
        self._tree = Tree()
        self._shown: Sequence[RouteRow] = ()
        self._details_timer: Timer | None = None
        self._followed_key: tuple[Hashable, Hashable] = (ALL_ROUTES, None)
        self._haystacks: Haystacks[RouteRow] = Haystacks(route_text, lambda row: row.ref)
        self._history = History(Visit(ALL_ROUTES, "", "", False, None))

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
            ("/", "filter"),
            ("z", "faults"),
            (":", "go"),
            ("?", "help"),
            ("c", "checklist"),
            ("p", "plans"),
            ("F", "findings"),
            ("y", "yaml"),
            ("x", "x-ray"),
            ("t", "twin"),
            ("q", "quit"),
        )

    def where(self) -> str:
        """Where, and what hides rows."""
        place = short(self._place) if isinstance(self._place, ObjectRef) else "all routes"
        hidden = self.hidden_words()
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
        self._fold()

    # -- drawing

    def draw(self) -> None:
        """Everything from the present picture; what did not change is not sent."""
        if not self.standing:
            return
        overview = self.pointsman.picture.overview
        tree = self.query_one("#tree", RowView)
        tree.set_rows(self._tree.rows(overview, max(tree.size.width, 30), self.pointsman.changes))
        self.draw_table()
        self._draw_details()
        self.show_frame()

    def draw_table(self) -> None:
        """The routes of the place, as they are asked for."""
        view = self.query_one("#routes", RowView)
        width = max(view.size.width, 40)
        picture = self.pointsman.picture
        looks = Looks(
            picture.snapshot,
            self.pointsman.changes,
            self.pointsman.probed,
            time.time(),
            self.arrangement.wide,
        )
        routes = self._of_kind()
        chosen = self.arranged(attached(routes, self._place), self._lens(looks))
        heading = f"{self._kind.upper()}S" if self._kind else "ROUTES"
        title = line("  ", Span(f"{heading} {self.counted(len(chosen), len(routes))}", Tone.STRONG))
        self.query_one("#routes-title", Bar).show(title, self._beside_title(width - len(title[1].text) - 6))
        self.query_one("#routes-header", Bar).show(route_header(width, wide=looks.wide))
        self._shown = chosen
        if chosen:
            view.set_rows(route_rows(chosen, width, looks))
        else:
            view.set_rows(Rows.text([line("  ", Span(self._nothing(), Tone.DIM))]))

    def _of_kind(self) -> Sequence[RouteRow]:
        routes = self.pointsman.picture.overview.routes
        return [row for row in routes if row.ref.kind == self._kind] if self._kind else routes

    def _lens(self, looks: Looks) -> Lens[RouteRow]:
        return Lens(
            worst=lambda row: row.worst,
            text=self._haystacks,
            labels=looks.labels,
            name=lambda row: (row.ref.name, row.ref.namespace, row.ref.kind),
            created=looks.created,
            host=lambda row: row.hostnames[0] if row.hostnames else "",
        )

    def _beside_title(self, room: int) -> Line:
        """What is missing; where all is there, the namespaces that the digits choose."""
        loading = self._loading()
        if loading:
            return line(Span(loading, Tone.DOUBT), " ")
        text = "0 all"
        for number, name in enumerate(self.pointsman.namespaces()[:9], start=1):
            more = f"  {number} {clean(name, 20)}"
            if len(text) + len(more) > room:
                break
            text += more
        return line(Span(text, Tone.DIM), " ") if len(text) > len("0 all") else ()

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
        return "nothing matches; esc clears" if self.arrangement.hides else "no route here"

    def _draw_details(self) -> None:
        view = self.query_one("#details", RowView)
        width = max(view.size.width, 40)
        subject = self.subject()
        details = NOTHING if subject is None else details_of(self.pointsman.picture, subject, width)
        findings = details.findings
        right = f" {count(len(findings), 'finding')} " if findings else " "
        heading = line(" ", Span(details.title, Tone.STRONG), Span(right, Tone.BAD if findings else Tone.DIM))
        self.query_one("#details-title", Rule).show(heading)
        lately: list[Line] = []
        if subject is not None:
            told = self.pointsman.changes.told(subject.whole, time.monotonic())
            lately = lately_lines(told, self.selected_hosts(), self.pointsman.probed, width)
        view.set_rows(Rows.text([*lately, *details.lines]))
        self.pointsman.remember([finding.reproduce for finding in findings])

    def subject(self) -> ObjectRef | None:
        """The place in the tree, or the route, whichever side has the focus."""
        in_tree = self.query_one("#tree", RowView).has_focus
        key = self._place if in_tree else self.query_one("#routes", RowView).cursor_key
        return key if isinstance(key, ObjectRef) else None

    def selected_hosts(self) -> tuple[str, ...]:
        """The hosts of the selected route."""
        subject = self.subject()
        at = self.query_one("#routes", RowView).cursor
        if 0 <= at < len(self._shown) and self._shown[at].ref == subject:
            return self._shown[at].hostnames
        return ()

    # -- going somewhere

    def settled(self) -> None:
        """Where we are now can be come back to."""
        self._history.visit(self._visit())

    def _visit(self) -> Visit:
        filter_text, faults = self.arrangement.filter.text, self.arrangement.faults
        return Visit(self._place, self._kind, filter_text, faults, self.pointsman.shown_namespaces)

    def action_history(self, by: int) -> None:
        """Back to where we were, or forth again."""
        visit = self._history.step(by)
        if visit is None:
            self.say("that is the first" if by < 0 else "that is the last", Tone.DIM)
            return
        self.say("")
        self._place, self._kind = visit.place, visit.kind
        self.arrangement = replace(
            self.arrangement, filter=parse_filter(visit.filter_text), faults=visit.faults
        )
        if visit.namespaces != self.pointsman.shown_namespaces:
            self.pointsman.narrow(visit.namespaces or ())
        self.query_one("#tree", RowView).select(visit.place)
        self.draw()

    def show_kind(self, kind: str) -> None:
        """Only the routes of one kind; of all where it is empty."""
        self._kind = kind
        self._place = ALL_ROUTES
        self.query_one("#tree", RowView).select(ALL_ROUTES)
        self._to_side(tree=False)
        self.settled()

    def show_object(self, ref: ObjectRef) -> bool:
        """Put the cursor on a route, a gateway, a class or a listener; False where it is not there.

        What would hide it is cleared.
        """
        overview = self.pointsman.picture.overview
        if any(row.ref == ref.whole for row in overview.routes):
            self._kind, self._place = "", ALL_ROUTES
            if self.arrangement.hides:
                self.arrangement = replace(self.arrangement, filter=parse_filter(""), faults=False)
            self.query_one("#tree", RowView).select(ALL_ROUTES)
            self._to_side(tree=False)
            self.draw()
            self.settled()
            return self.query_one("#routes", RowView).select(ref.whole)
        tree = self.query_one("#tree", RowView)
        if not (tree.select(ref) or tree.select(ref.whole)):
            return False
        self._place = tree.cursor_key
        self._to_side(tree=True)
        self.settled()
        return True

    # -- what happens

    def on_row_view_moved(self, event: RowView.Moved) -> None:
        """The details follow the cursor; a place in the tree chooses the routes."""
        if not self.standing:
            return
        if event.view.id == "tree" and event.key is not None:
            self._place = event.key
            self.draw_table()
        self._follow()
        self.show_frame()

    def _follow(self) -> None:
        """The details of the row under the cursor: at once, or, under a key that is held down, soon."""
        if self._details_timer is not None:
            return
        self._draw_details()
        self._details_timer = self.set_timer(_FOLLOW_S, self._followed)
        self._followed_key = self._under_cursor()

    def _followed(self) -> None:
        self._details_timer = None
        if self.standing and self._under_cursor() != self._followed_key:
            self._follow()

    def _under_cursor(self) -> tuple[Hashable, Hashable]:
        return self._place, self.query_one("#routes", RowView).cursor_key

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
        self._to_side(tree=not self.query_one("#tree", RowView).has_focus)
        self.settled()

    def _to_side(self, *, tree: bool) -> None:
        self.set_class(tree, "in-tree")
        self.query_one("#tree" if tree else "#routes", RowView).focus()
        self.call_after_refresh(self.draw)

    def action_wide(self) -> None:
        """The wide table takes the place of the tree, which is then behind the tab key."""
        super().action_wide()
        self._fold()

    def _fold(self) -> None:
        self.set_class(self.size.width < _NARROW or self.arrangement.wide, "narrow")
        self.call_after_refresh(self.draw)

    def action_back(self) -> None:
        """Escape: out of the details, then the message, then what hides rows."""
        if self.query_one("#details", RowView).has_focus:
            self.query_one("#routes", RowView).focus()
        elif self._kind and not self.arrangement.hides:
            self.show_kind("")
        else:
            super().action_back()

    def action_checklist(self) -> None:
        """The checklist of the plan that has this route's host."""
        self.pointsman.open_checklist(self.selected_hosts())

    def action_plans(self) -> None:
        """All plans and their runs."""
        self.pointsman.open_plans()

    def action_xray(self) -> None:
        """The way of a request to this route's first host and path."""
        subject = self.subject()
        snapshot = self.pointsman.picture.snapshot
        request_line = ""
        if subject is not None and subject in snapshot.routes:
            from ..xray_start import request_for

            request_line = request_for(snapshot, subject)
        self.pointsman.open_xray(request_line)


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
