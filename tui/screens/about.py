"""One object: all that is known of it, the events about it, and who refers to it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...cluster.errors import UserError
from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ..host import Aspect
from ..lines import Line, Span, Tone, count, line
from ..telling.around import event_lines, untold_kinds, untold_words, user_rows, users_by_object
from ..telling.findings import short
from ..telling.object import details_of, lately_lines, metadata_lines
from ..widgets.bars import Bar
from ..widgets.row_view import Rows, RowView
from .frame import FollowingScreen, FrameScreen


class AboutScreen(FrameScreen):
    """A screen about one object, from which the others about it are a key away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "about('describe')", "all that is known of the object", show=False),
        Binding("y", "about('yaml')", "the object as YAML, fetched now", show=False),
        Binding("e", "about('events')", "its events, fetched now", show=False),
        Binding("u", "about('used-by')", "who refers to it", show=False),
    ]
    NAME = "one object"

    def __init__(self, ref: ObjectRef) -> None:
        super().__init__()
        self.ref = ref

    def keys(self) -> Sequence[tuple[str, str]]:
        """The other looks at it."""
        looks = (("d", "describe"), ("y", "yaml"), ("e", "events"), ("u", "used by"))
        return (("j k", "move"), *looks, ("?", "help"), ("esc", "back"))

    def action_about(self, aspect: Aspect) -> None:
        """Another look at the same object takes the place of this one."""
        self.app.pop_screen()
        self.pointsman.open_about(aspect, self.ref)


class DescribeScreen(AboutScreen, FollowingScreen):
    """Findings, conditions, age, labels and annotations, at full height; follows the live picture."""

    NAME = "describe"

    def body(self) -> Iterable[Widget]:
        """One view."""
        yield Bar(id="describe-title")
        yield RowView(id="describe", with_cursor=False)

    def where(self) -> str:
        """Which object."""
        return f"describe > {clean(self.ref.kind, 60)} {short(self.ref)}"

    def on_mount(self) -> None:
        """Shown at once: nothing is fetched."""
        self.query_one("#describe", RowView).focus()
        self.draw()

    def draw(self) -> None:
        """Everything; only lines that differ are sent."""
        if not self.standing:
            return
        picture, width = self.pointsman.picture, max(self.size.width, 40)
        details = details_of(picture, self.ref, width)
        found = len(details.findings)
        told = Span(count(found, "finding") if found else "", Tone.BAD)
        title = line(" ", Span(details.title, Tone.STRONG), "  ", told)
        self.query_one("#describe-title", Bar).show(title)
        route = picture.snapshot.routes.get(self.ref)
        hosts = tuple(clean(host, 253) for host in route.spec.hostnames) if route is not None else ()
        lately = self.pointsman.changes.told(self.ref, time.monotonic())
        lines = lately_lines(lately, hosts, self.pointsman.probed, width)
        lines += [*details.lines, *metadata_lines(picture.snapshot, self.ref, time.time(), width)]
        self.query_one("#describe", RowView).set_rows(Rows.text(lines))
        self.pointsman.remember([finding.reproduce for finding in details.findings])
        self.show_frame()


class EventsScreen(AboutScreen):
    """The events about one object, fetched when asked for: they are not watched."""

    NAME = "events"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+r", "fetch", "fetch again", show=False)]

    def body(self) -> Iterable[Widget]:
        """A title and the events."""
        yield Bar(id="events-title")
        yield RowView(id="events", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """Fetch again, and the other looks."""
        return (("ctrl-r", "fetch again"), *super().keys())

    def where(self) -> str:
        """Whose events."""
        return f"events > {clean(self.ref.kind, 60)} {short(self.ref)}"

    def on_mount(self) -> None:
        """Ask the API server, off the screen's loop."""
        self.query_one("#events", RowView).focus()
        self.action_fetch()

    def action_fetch(self) -> None:
        """Fetch them now."""
        self.query_one("#events", RowView).set_rows(Rows.text([line(" fetching ...")]))
        self.run_worker(self._fetch, thread=True, exclusive=True)

    def _fetch(self) -> None:
        try:
            events = self.pointsman.fetch_events(self.ref)
        except UserError as error:
            title, lines = "EVENTS unknown", [line(" ", Span(clean(str(error)), Tone.BAD))]
        else:
            title = f"EVENTS {len(events)}"
            lines = event_lines(events, time.time(), max(self.size.width, 40))
        self.app.call_from_thread(self._show, title, lines)

    def _show(self, title: str, lines: list[Line]) -> None:
        if self.is_attached and self.standing:
            self.query_one("#events-title", Bar).show(line(" ", Span(title, Tone.STRONG)))
            self.query_one("#events", RowView).set_rows(Rows.text(lines))


class UsedByScreen(AboutScreen, FollowingScreen):
    """Who refers to an object, from the picture alone; enter goes there."""

    NAME = "used by"
    ENTER = "to the object that refers to it"

    def body(self) -> Iterable[Widget]:
        """A title and the users."""
        yield Bar(id="users-title")
        yield RowView(id="users")

    def where(self) -> str:
        """Of what."""
        return f"used by > {clean(self.ref.kind, 60)} {short(self.ref)}"

    def on_mount(self) -> None:
        """Worked out at once."""
        self.query_one("#users", RowView).focus()
        self.draw()

    def draw(self) -> None:
        """All users."""
        if not self.standing:
            return
        picture, width = self.pointsman.picture, max(self.size.width, 40)
        users, untold = users_by_object(picture.snapshot, self.ref), untold_kinds(picture)
        title = line(" ", Span(f"USED BY {len(users)}", Tone.STRONG))
        beside = line(Span(untold_words(untold), Tone.DOUBT), " ")
        self.query_one("#users-title", Bar).show(title, beside)
        self.query_one("#users", RowView).set_rows(Rows.of(user_rows(users, untold, width)))
        self.show_frame()

    def on_row_view_chosen(self, event: RowView.Chosen) -> None:
        """Enter."""
        if isinstance(event.key, ObjectRef):
            self.pointsman.jump(event.key)
