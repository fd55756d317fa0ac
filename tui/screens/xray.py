"""The way of one request: which listener, route, rule and backend it ends at, and why the others lose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...cluster.errors import UserError
from ...cluster.snapshot import Snapshot
from ...cluster.text import clean
from ..lines import EMPTY, Line, Span, Tone, line
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen


class XrayScreen(FrameScreen):
    """``e`` asks for another request; the answer is worked out anew when the cluster changes."""

    NAME = "x-ray"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e,enter", "edit", "another request: METHOD URL -H 'name: value'", show=False),
        Binding("a", "everything", "everything that lost, or only the nearest", show=False),
        Binding("s", "other_side", "both sides, only the Gateways, only the Ingresses", show=False),
    ]
    _SIDES = ("both", "gateway", "ingress")

    def __init__(self, request_line: str = "") -> None:
        super().__init__()
        self._line = request_line
        self._everything = False
        self._side = 0
        self._drawn: tuple[object, ...] = ()

    def body(self) -> Iterable[Widget]:
        """One view."""
        yield RowView(id="xray", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """Ask again, see more, out."""
        return (
            ("e", "another request"),
            ("s", "side"),
            ("a", "all that lost"),
            ("j k", "scroll"),
            ("esc", "back"),
        )

    def where(self) -> str:
        """What is asked."""
        side = self._SIDES[self._side]
        hidden = "" if side == "both" else f" > {side} side only"
        return f"x-ray: worked out from the specs, nothing is sent{hidden}"

    def on_mount(self) -> None:
        """Draw what was asked for; without a request, ask."""
        self.query_one("#xray", RowView).focus()
        self.draw()
        if not self._line:
            self.call_after_refresh(self.action_edit)

    def on_resize(self) -> None:
        """The lines are wrapped to the width."""
        self.call_after_refresh(self.draw)

    def show_frame(self) -> None:
        """The application calls this when the picture changes."""
        super().show_frame()
        self.draw()

    def draw(self) -> None:
        """Work it out from the present snapshot, where that or the request is another one."""
        if not self.standing or not self.query("#xray"):
            return
        view = self.query_one("#xray", RowView)
        snapshot = self.pointsman.picture.snapshot
        width = max(view.size.width, 40)
        wanted = (snapshot, self._line, self._everything, self._side, width)
        if self._drawn and self._drawn[0] is snapshot and self._drawn[1:] == wanted[1:]:
            return
        self._drawn = wanted
        view.set_rows(Rows.text(self._lines(snapshot, width)))

    def _lines(self, snapshot: Snapshot, width: int) -> list[Line]:
        if not self._line:
            return [
                line(" no request yet: e asks for one"),
                EMPTY,
                line("   GET https://shop.example.com/cart"),
            ]
        if snapshot.version == 0:
            return [line(" ", Span("connecting ...", Tone.DIM))]
        # imported here: the browse screen opens without it
        from ...cluster.routing import parse_line, trace
        from ...probes.state.request import reproduce_command
        from ..describe_xray import xray_lines

        try:
            request = parse_line(self._line)
        except UserError as error:
            return [line(" ", Span(clean(str(error)), Tone.BAD))]
        sides = self._SIDES[self._side]
        traces = trace(snapshot, request, sides=sides)  # type: ignore[arg-type]
        self.pointsman.remember(reproduce_command(snapshot, request, one) for one in traces if one.winner)
        return xray_lines(snapshot, request, traces, width, everything=self._everything)

    def action_edit(self) -> None:
        """The line that asks, filled with the present request."""

        def answered(text: str) -> None:
            self._line = text.strip()
            self.query_one("#xray", RowView).scroll_to(y=0, animate=False)
            self.draw()

        self.ask("request", answered, value=self._line or "GET https://")

    def action_everything(self) -> None:
        """All that lost, or only the nearest."""
        self._everything = not self._everything
        self.draw()

    def action_other_side(self) -> None:
        """Both sides, the Gateways, the Ingresses."""
        self._side = (self._side + 1) % len(self._SIDES)
        self.show_frame()
