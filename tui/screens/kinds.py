"""How far each kind of object can be trusted: fresh, stale, refused, or not served."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from textual.widget import Widget

from ...cluster.snapshot import KindState
from ...cluster.text import clean
from ..ages import short_span
from ..lines import Line, Span, Tone, fit, labelled, line
from ..widgets.bars import Bar, Rule
from ..widgets.row_view import Rows, RowView
from .frame import FollowingScreen

_WORDS = {
    "live": "live",
    "loading": "loading",
    "stale": "stale: what is shown may be older",
    "denied": "no permission: unknown, not none",
    "absent": "not served by this cluster",
    "failed": "failed: unknown, not none",
    "unseen": "not among the files",
}
_BAD = ("failed", "denied", "stale", "loading", "unseen", "live", "absent")
_TONES = {"live": Tone.PLAIN, "absent": Tone.DIM, "loading": Tone.DIM}


class KindsScreen(FollowingScreen):
    """One row a kind, the least trustworthy first; why, below."""

    DEFAULT_CSS = """
    KindsScreen #kinds { height: 1fr; }
    KindsScreen #kind { height: 6; }
    """
    NAME = "kinds"

    def body(self) -> Iterable[Widget]:
        """Rows, and what is said of the selected one."""
        yield Bar(id="kinds-header")
        yield RowView(id="kinds")
        yield Rule(id="kind-title")
        yield RowView(id="kind", with_cursor=False)

    def keys(self) -> Sequence[tuple[str, str]]:
        """Out again."""
        return (("j k", "move"), ("F", "findings"), ("?", "help"), ("esc", "back"))

    def where(self) -> str:
        """What this is."""
        return "kinds > how fresh, and what may not be read"

    def on_mount(self) -> None:
        """Rows have the focus."""
        self.query_one("#kinds", RowView).focus()
        header = f"   {'kind':<28}{'objects':>8}  {'for':<6}{'state':<34} namespaces"
        self.query_one("#kinds-header", Bar).show(line(Span(header, Tone.DIM)))
        self.draw()

    def draw(self) -> None:
        """All rows."""
        if not self.standing:
            return
        from ...probes.state.kind_facts import object_counts

        snapshot = self.pointsman.picture.snapshot
        counts = object_counts(snapshot)
        kinds = sorted(snapshot.kinds.items(), key=lambda item: (_BAD.index(item[1].state), item[0]))
        now = time.time()
        rows = [(kind, _row(kind, state, counts[kind], now, self.size.width)) for kind, state in kinds]
        waiting = [(None, line("  ", Span("connecting ...", Tone.DIM)))]
        self.query_one("#kinds", RowView).set_rows(Rows.of(rows or waiting))
        self._draw_kind()
        self.show_frame()

    def on_row_view_moved(self, event: RowView.Moved) -> None:
        """The reason follows the cursor."""
        if self.standing:
            self._draw_kind()

    def _draw_kind(self) -> None:
        kind = self.query_one("#kinds", RowView).cursor_key
        state = self.pointsman.picture.snapshot.kinds.get(kind) if isinstance(kind, str) else None
        if state is None:
            return
        self.query_one("#kind-title", Rule).show(line(" ", Span(clean(kind), Tone.STRONG), " "))
        width = max(self.size.width, 40)
        lines = labelled("state", _WORDS[state.state], width, indent=1)
        if state.detail:
            lines += labelled("why", clean(state.detail, 1000), width, indent=1)
        if state.mend and state.state == "denied":
            lines += labelled("mend", clean(state.mend, 400), width, indent=1)
        if state.namespaces is not None:
            told = "only " + ", ".join(clean(name, 80) for name in state.namespaces)
            lines += labelled("where", f"{told}; others are unknown", width, indent=1)
        self.query_one("#kind", RowView).set_rows(Rows.text(lines))


def _row(kind: str, state: KindState, count: int, now: float, width: int) -> Line:
    from ...probes.state.kind_facts import is_counted

    known = state.state in ("live", "stale", "absent")
    objects = str(count) if is_counted(state, count) else "?"
    since = short_span(now - state.since) if state.since else "-"
    where = "all" if state.namespaces is None else f"only {', '.join(state.namespaces)}"
    where = where if known else "-"
    return line(
        "   ",
        Span(fit(clean(kind), 28)),
        f"{objects:>8}  ",
        Span(f"{since:<6}", Tone.DIM),
        Span(f"{_WORDS[state.state]:<34} ", _TONES.get(state.state, Tone.DOUBT)),
        Span(fit(clean(where), max(width - 82, 4)), Tone.DIM),
    )
