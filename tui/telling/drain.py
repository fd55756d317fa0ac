"""The drain after the switch as lines: what was forecast, what was measured, who still comes. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ...checklists.machine.view import CountedView, ForecastView, RunView
from ...cluster.text import clean
from ...probes.verdict import Verdict
from ..lines import EMPTY, Line, Span, Tone, fit, labelled, line, seconds, verdict_span
from .run import clock

_MOST_RESOLVERS = 8
_BARS = "▁▂▃▄▅▆▇█"


def drain_lines(view: RunView, width: int) -> list[Line]:
    """Everything of it; nothing before the switch, and after a rollback."""
    drain = view.drain
    if drain is None:
        return []
    lines = [line(" ", Span("the drain", Tone.STRONG))]
    if view.forecast is not None:
        lines += forecast_lines(view.forecast, view.now, width)
    if drain.resolvers:
        lines += labelled("seen", _measured(view), width, indent=1)
    for one in drain.resolvers[:_MOST_RESOLVERS]:
        last = f"last old {clock(one.last_old)}" if one.last_old is not None else "never seen old"
        first = f", new since {clock(one.first_new)}" if one.first_new is not None else ""
        tone = Tone.PLAIN if one.answer == "new" else Tone.DOUBT
        lines.append(
            line(
                "        ",
                fit(clean(one.server), 22),
                " ",
                Span(fit(clean(one.answer), 6), tone),
                Span(fit(clean(f" {one.host}   {last}{first}"), max(width - 38, 8)).rstrip(), Tone.DIM),
            )
        )
    if drain.raised:
        lines += labelled("TTL", f"raised too early: {clean(drain.raised, 300)}", width, Tone.BAD, indent=1)
    return [*lines, EMPTY, *_old_side(view, width)]


def forecast_lines(forecast: ForecastView, now: float, width: int) -> list[Line]:
    """The hard line with its sum, the share of caches behind it, and what no forecast can know."""
    left = forecast.lets_go_at - now
    when = f"in {seconds(left)}" if left > 0 else "passed"
    word = "" if forecast.known else "not before "
    lines = labelled(
        "line D",
        f"the last compliant cache lets go {word}at {clock(forecast.lets_go_at)} ({when}): "
        f"{clean(forecast.arithmetic, 400)}",
        width,
        indent=1,
    )
    if left > 0:
        share = f"at most {forecast.old_share:.0%} of busy caches still have the old answer (1 - t/T)"
        lines += labelled("decay", share, width, indent=1)
    floors = []
    if forecast.minimum:
        floors.append(
            f"a resolver here keeps every answer for {forecast.minimum:g} s, and that is counted in"
        )
    if forecast.browsers_at is not None and forecast.browsers_at > max(forecast.lets_go_at, now):
        floors.append(f"browsers that keep everything for a minute: {clock(forecast.browsers_at)}")
    if floors:
        lines += labelled("floors", "; ".join(floors), width, indent=1)
    if forecast.tail:
        lines += labelled("beyond", clean(forecast.tail, 300), width, Tone.DIM, indent=1)
    return lines


def _measured(view: RunView) -> str:
    drain = view.drain
    assert drain is not None
    if drain.last_old is None:
        return "no resolver of the plan was seen with the old answer since the switch"
    words = f"last old answer of a resolver at {clock(drain.last_old)}"
    if drain.late_s is None:
        return words
    if drain.late_s <= 0:
        return f"{words}, {seconds(-drain.late_s)} before the line"
    return f"{words}, {seconds(drain.late_s)} AFTER the line: a resolver stretches TTLs or serves stale"


def _old_side(view: RunView, width: int) -> list[Line]:
    drain = view.drain
    assert drain is not None
    if not drain.source:
        said = "nothing counts its requests: that it is idle cannot be proven (traffic.old in the plan)"
        return labelled("old", said, width, Tone.DOUBT, indent=1)
    said = _IDLE.get(drain.verdict, "not proven idle yet")
    head = line(
        " ",
        Span("old    ", Tone.DIM),
        verdict_span(drain.verdict, 8),
        said,
        Span(f"   {fit(clean(drain.source, 80), width - 19 - len(said)).rstrip()}", Tone.DIM),
    )
    lines = [head]
    if drain.counted:
        lines.append(
            line(
                " ",
                Span("others ", Tone.DIM),
                others_bar(drain.counted, max(width - 40, 10)),
                _rate(drain.counted),
            )
        )
    if drain.quiet_since is not None and drain.quiet_until is not None:
        quiet = drain.quiet_until - drain.quiet_since
        words = f"for {seconds(quiet)} of {seconds(drain.wanted_s)}, since {clock(drain.quiet_since)}"
        lines += labelled("quiet", words, width, indent=1)
    for number, words in enumerate(drain.missing):
        lines += labelled("lacks" if number == 0 else "", clean(words, 400), width, Tone.DOUBT, indent=1)
    if drain.detail:
        lines += labelled("note", clean(drain.detail, 300), width, Tone.DIM, indent=1)
    return lines


_IDLE = {
    Verdict.PASS: "idle: nobody but our probes",
    Verdict.FAIL: "still used by others",
}


def others_bar(counted: Sequence[CountedView], cells: int) -> str:
    """Others a minute over time: ``_`` none, ``?`` not known, else a bar by its share of the most seen."""
    shown = counted[-cells:]
    most = max((one.per_minute or 0.0 for one in shown), default=0.0)
    marks = []
    for one in shown:
        rate = one.per_minute
        if rate is None:
            marks.append("?")
        elif rate == 0:
            marks.append("_")
        else:
            marks.append(_BARS[min(7, int(rate / most * 7.99))])
    return "".join(marks)


def _rate(counted: Sequence[CountedView]) -> str:
    rate = counted[-1].per_minute
    return "  now not known" if rate is None else f"  now {rate:.3g} requests a minute"
