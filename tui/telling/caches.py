"""What name servers and resolvers answer, and when the last cache lets go, as lines."""

from __future__ import annotations

from collections.abc import Sequence

from ...checklists.machine.view import CacheRow, RunView
from ...cluster.text import clean
from ..lines import Line, Span, Tone, fit, labelled, line, seconds
from .run import clock


def cache_lines(rows: Sequence[CacheRow], view: RunView, width: int) -> list[Line]:
    """What every name server and resolver answers now, and when the last cache lets go."""
    lines: list[Line] = []
    for row in rows:
        tone = {"error": Tone.BAD, "both": Tone.BAD, "other": Tone.BAD, "none": Tone.DOUBT}.get(row.answer)
        ttl = f"{row.ttl} s" if row.ttl is not None else "-"
        text = clean(", ".join(row.values)) or clean(row.detail)
        lines.append(
            line(
                " ",
                Span(f"{row.kind:<14}", Tone.DIM),
                f"{clean(row.server):<22} ",
                Span(f"{row.answer:<6}", tone or Tone.PLAIN),
                f" TTL {ttl:<6} ",
                Span(fit(text, max(width - 54, 8)).rstrip(), Tone.DIM),
            )
        )
    # after the switch the drain has lines of its own, with what was measured
    if view.forecast is not None and view.drain is None:
        left = view.forecast.lets_go_at - view.now
        when = f"in {seconds(left)}" if left > 0 else "has let go"
        words = (
            f"last cache {when} ({clock(view.forecast.lets_go_at)}): {clean(view.forecast.arithmetic, 300)}"
        )
        lines += labelled("drain", words, width, indent=1)
        if view.forecast.tail:
            lines += labelled("beyond", clean(view.forecast.tail, 300), width, Tone.DIM, indent=1)
    return lines
