"""The way of one request: which listener, route, rule and backend it ends at, and why the others lose."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.widget import Widget

from ...cluster.errors import UserError
from ...cluster.snapshot import Snapshot
from ...cluster.text import clean
from ..lines import EMPTY, Line, Span, Tone, line
from ..widgets.row_view import Rows, RowView
from .frame import FrameScreen

if TYPE_CHECKING:
    from ...cluster.routing.trace import Sides


class _Asked(NamedTuple):
    """What the lines on the screen are an answer to, beside the snapshot."""

    line: str
    sides: Sides
    everything: bool
    width: int


class XrayScreen(FrameScreen):
    """``e`` asks for another request; the answer is worked out anew when the cluster changes."""

    NAME = "x-ray"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e,enter", "edit", "another request: METHOD URL -H 'name: value'", show=False),
        Binding("a", "everything", "everything that lost, or only the nearest", show=False),
        Binding("s", "other_side", "both sides, only the Gateways, only the Ingresses", show=False),
    ]
    _SIDES: ClassVar[tuple[Sides, ...]] = ("both", "gateway", "ingress")

    def __init__(self, request_line: str = "") -> None:
        super().__init__()
        self._line = request_line
        self._everything = False
        self._side = 0
        self._working = False
        self._rest_until = 0.0
        self._snapshot: Snapshot | None = None
        self._asked: _Asked | None = None

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
        self.set_focus(self.query_one("#xray", RowView))
        self.draw()
        if not self._line:
            # before the next key, which may be the request's first letter
            self.call_later(self.action_edit)

    def on_resize(self) -> None:
        """The lines are wrapped to the width."""
        self.call_after_refresh(self.draw)

    def show_frame(self) -> None:
        """The application calls this when the picture changes."""
        super().show_frame()
        self.draw()

    def draw(self) -> None:
        """Have it worked out from the present snapshot, where that or the request is another one."""
        if not self.standing or not self.query("#xray") or self._working:
            return
        width = max(self.query_one("#xray", RowView).size.width, 40)
        snapshot = self.pointsman.picture.snapshot
        asked = _Asked(self._line, self._SIDES[self._side], self._everything, width)
        resting = time.monotonic() < self._rest_until
        if self._asked == asked and (self._snapshot is snapshot or resting):
            return
        # ten thousand routes take a good part of a second: the keys must not wait for that
        self._working = True
        self.run_worker(lambda: self._work(snapshot, asked), thread=True)

    def _work(self, snapshot: Snapshot, asked: _Asked) -> None:
        began = time.monotonic()
        lines, commands = _answer(snapshot, asked)
        self.app.call_from_thread(self._show, snapshot, asked, lines, commands, time.monotonic() - began)

    def _show(
        self, snapshot: Snapshot, asked: _Asked, lines: list[Line], commands: list[str], took_s: float
    ) -> None:
        self._working = False
        if not self.is_attached or not self.query("#xray"):
            return
        if asked.line != (self._asked.line if self._asked else asked.line):
            self.query_one("#xray", RowView).scroll_to(y=0, animate=False)
        self._snapshot, self._asked = snapshot, asked
        self.query_one("#xray", RowView).set_rows(Rows.text(lines))
        self.pointsman.remember(commands)
        # a cluster that never stands still must not take all the time: changes wait, another request does not
        rest_s = max(took_s * 3, 0.05)
        self._rest_until = time.monotonic() + rest_s
        self.set_timer(rest_s + 0.01, self.draw)

    def action_edit(self) -> None:
        """The line that asks, filled with the present request."""

        def answered(text: str) -> None:
            self._line = text.strip()
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


def _answer(snapshot: Snapshot, asked: _Asked) -> tuple[list[Line], list[str]]:
    """The lines, and the commands that ask the edges themselves."""
    if not asked.line:
        return [
            line(" no request yet: e asks for one"),
            EMPTY,
            line("   GET https://shop.example.com/cart"),
        ], []
    if snapshot.version == 0:
        return [line(" ", Span("connecting ...", Tone.DIM))], []
    # imported here: the browse screen opens without it
    from ...cluster.routing.trace import parse_line, trace
    from ...probes.state.request import reproduce_command
    from ..telling.xray import xray_lines

    try:
        request = parse_line(asked.line)
    except UserError as error:
        return [line(" ", Span(clean(str(error)), Tone.BAD))], []
    traces = trace(snapshot, request, sides=asked.sides)
    commands = [reproduce_command(snapshot, request, one) for one in traces if one.winner]
    return xray_lines(snapshot, request, traces, asked.width, everything=asked.everything), commands
