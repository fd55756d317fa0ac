"""The first line of every screen: which cluster, what is wrong in it, and how fresh the picture is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cluster.text import clean
from ..probes.verdict import Verdict
from .lines import Line, Span, Tone, count, line

if TYPE_CHECKING:
    from .bridge import Bridge
    from .settings import Settings

_WIDE = 100


def header(bridge: Bridge, settings: Settings, width: int) -> tuple[Line, Line]:
    """Context, counts and freshness, left and right; the word beside every colour."""
    overview = bridge.picture.overview
    context = clean(bridge.context or settings.context or "no cluster yet", 40)
    left: list[str | Span] = [" ", Span(context, Tone.STRONG), "  "]
    if width >= _WIDE:
        left.append(f" {count(len(overview.gateways), 'gateway')}  {count(len(overview.routes), 'route')}  ")
    for verdict, tone in (
        (Verdict.FAIL, Tone.BAD),
        (Verdict.UNKNOWN, Tone.DOUBT),
        (Verdict.WARN, Tone.DOUBT),
    ):
        found = overview.counts.get(verdict, 0)
        if found:
            left.append(Span(f" {found} {verdict.value}", tone))
    mode = Span("writes on", Tone.DOUBT) if settings.writes else Span("read-only", Tone.DIM)
    return line(*left), line(freshness(bridge), Span("  "), mode, Span(" "))


def freshness(bridge: Bridge) -> Span:
    """``live`` only where nothing of what is shown may be older, or missing."""
    if bridge.problem is not None:
        return Span(bridge.trouble, Tone.BAD)
    if bridge.picture.snapshot.version == 0:
        return Span("connecting", Tone.DIM)
    if not bridge.picture.judged:
        return Span("loading", Tone.DIM)
    states = {state.state for state in bridge.picture.overview.troubled_kinds.values()}
    for state in ("stale", "failed", "loading", "denied"):
        if state in states:
            shown = "no permission for some" if state == "denied" else state
            return Span(shown, Tone.DIM if state == "loading" else Tone.DOUBT)
    return Span("live", Tone.DIM)
