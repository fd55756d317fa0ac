"""The watch as lines: what it says, both sides' counts, the evidence, and the errors over time as a chart.

Pure. Every line fits the width; side, level and verdict are told by words and shapes, so it reads the same
without colours; ``letters`` draws with what every terminal has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, isnan, log10

from ...checklists.machine.view import SideView, WatchView
from ...cluster.text import clean
from ...probes.watching.traffic.view import TrafficView
from ..lines import Line, Span, Tone, labelled, line, seconds

_TONES = {"PASS": Tone.GOOD, "ABORT": Tone.BAD, "HOLD": Tone.BAD}
_SCALES = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
_LEAST_EVIDENCE = 0.001
_LABEL = len(" new  100 % |")
_KEPT_S = 120
_LEAST_WIDTH = 40
_LEAST_CHART = 3


@dataclass(frozen=True, slots=True)
class Strip:
    """How one side is drawn: ``levels`` from an empty cell to a full one; nothing was asked, none failed."""

    levels: str
    silent: str
    clean: str
    bad: Tone


_SHAPES = {
    "new": Strip(" ▁▂▃▄▅▆▇█", "·", "_", Tone.BAD),
    "old": Strip(" ⣀⣤⣶⣿", "·", "_", Tone.DOUBT),
}
_LETTERS = {
    "new": Strip(" +#", ".", "_", Tone.BAD),
    "old": Strip(" :o", ".", "_", Tone.DOUBT),
}


def watch_lines(
    watch: WatchView, width: int, height: int, now: float, *, before: str = "", letters: bool = False
) -> list[Line]:
    """At most ``height`` lines, the most important first; ``before`` is what was normal before the switch."""
    room = max(width, _LEAST_WIDTH)
    lines = [
        _head(watch, now),
        _side_line("new", watch.new, room),
        _side_line("old", watch.old, room),
        _evidence_line(watch, room),
    ]
    lines += traffic_lines(watch.traffic, room) if watch.traffic is not None else []
    lines += _decision(watch, room)
    if before and height - len(lines) > _LEAST_CHART:
        lines.append(line(" ", Span("before    ", Tone.DIM), clean(before, 300)))
    left = height - len(lines)
    if left >= 2:
        lines += chart_lines(watch, room, left, letters=letters)
    return [cut(one, width) for one in lines[: max(height, 0)]]


def _head(watch: WatchView, now: float) -> Line:
    word = clean(watch.verdict, 20) or "starting"
    so_far, left = _span(now - watch.since), _span(watch.until - now)
    more = f"{left} to go, " if watch.verdict in ("", "INCONCLUSIVE") else ""
    return line(
        " ",
        Span("watch    ", Tone.DIM),
        Span(f"{word:<13}", _TONES.get(watch.verdict, Tone.DOUBT)),
        f" {so_far} so far, {more}{watch.samples} of {watch.min_samples} samples",
    )


def _span(amount: float) -> str:
    return seconds(min(max(amount, 0.0), 1e9)) if isfinite(amount) else "-"


def _side_line(name: str, side: SideView, width: int) -> Line:
    share = side.error_share
    shown = "no answer yet" if share is None else f"{_percent(share)}"
    p95 = "-" if side.p95_ms is None or not isfinite(side.p95_ms) else f"{min(side.p95_ms, 1e7):.0f} ms"
    told = line(
        " ",
        Span(f"{name}    ", Tone.DIM),
        f"{side.requests:>6} requests ",
        Span(f"{side.errors:>5} errors {shown:>8}", Tone.BAD if side.errors else Tone.PLAIN),
        f"  404 {side.not_found}  handshake {side.handshake_failures}  p95 {p95}",
    )
    address = Span(f"  {clean(side.address, 60)}", Tone.DIM)
    room = width - sum(len(span.text) for span in told)
    return (*told, address) if len(address.text) <= room else told


def _percent(share: float) -> str:
    if not isfinite(share):
        return "-"
    return f"{share * 100:.2f} %"


def _number(value: float) -> str:
    if isnan(value):
        return "unknown"
    if value >= 1e6:
        return ">1e6"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 0.01 else "<0.01"


def _evidence_line(watch: WatchView, width: int) -> Line:
    """Logarithmic up to the alarm, because that is how evidence grows; at 1 nothing speaks for either."""
    alarm = watch.alarm_at if isfinite(watch.alarm_at) and watch.alarm_at > 10 else 10.0
    alarmed = watch.evidence >= watch.alarm_at > 0
    words = f"| now {_number(watch.evidence)}, alarm at {_number(watch.alarm_at)}"
    words += " REACHED" if alarmed else ""
    cells = max(width - len(" evidence |") - len(words) - 1, 10)
    low, high = log10(_LEAST_EVIDENCE), log10(alarm)

    def place(value: float) -> int:
        known = value if isfinite(value) or value > 0 else _LEAST_EVIDENCE
        at = log10(min(max(known, _LEAST_EVIDENCE), alarm))
        return round((at - low) / (high - low) * (cells - 1))

    bar = ["."] * cells
    bar[place(1.0)] = "1"
    bar[place(watch.evidence)] = "#"
    tone = Tone.BAD if alarmed else Tone.PLAIN
    return line(" ", Span("evidence ", Tone.DIM), Span(f"|{''.join(bar)}", tone), Span(words, tone))


def _decision(watch: WatchView, width: int) -> list[Line]:
    told = []
    if watch.seconds_left is not None and isfinite(watch.seconds_left):
        told.append(f"PASS in {_span(watch.seconds_left)} if it stays so")
    if 0 < watch.detectable < 1:
        told.append(f"{_share(watch.detectable)} of errors would have shown by now")
    lines = []
    if watch.detail:
        tone = _TONES.get(watch.verdict, Tone.PLAIN)
        lines += labelled("says", clean(watch.detail, 400), width, tone, indent=1)
    if told:
        lines += labelled("when", "; ".join(told), width, indent=1)
    return lines


def traffic_lines(traffic: TrafficView, width: int) -> list[Line]:
    """What each side counts by itself: all traffic, and not only our probes; and what that says."""
    lines = []
    for name, side in (("new", traffic.new), ("old", traffic.old)):
        if side is None:
            continue
        what = "of these hosts" if side.by_host else "of all its hosts"
        told = [f"{_count(side.requests)} requests {what}"]
        if side.errors_5xx is not None:
            told.append(f"5xx {_count(side.errors_5xx)}")
        if side.error_share is not None:
            told.append(_percent(side.error_share))
        if side.before is not None:
            told.append(f"before {_percent(side.before)}")
        if side.rate_per_s is not None and isfinite(side.rate_per_s):
            told.append(f"{side.rate_per_s:.1f} a second")
        if not side.complete:
            told.append("NOT ALL OF IT")
        tone = Tone.BAD if side.errors_5xx else Tone.PLAIN
        lines.append(
            line(
                " ",
                Span(f"{name} counts ", Tone.DIM),
                Span(", ".join(told), tone),
                f"  {clean(side.source, 40)}",
            )
        )
        if side.problems:
            lines += labelled("", clean(side.problems[0], 200), width, Tone.DOUBT, indent=1)
    if traffic.says:
        lines += labelled("they", f"say: {clean(traffic.says, 300)}", width, indent=1)
    return lines


def _count(amount: float | None) -> str:
    return "-" if amount is None or not isfinite(amount) else f"{min(amount, 1e15):,.0f}"


def _share(share: float) -> str:
    value = share * 100
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


# -- errors over time


def chart_lines(watch: WatchView, width: int, height: int, *, letters: bool = False) -> list[Line]:
    """The share of errors of both sides, the new one above, over the last two minutes, on one scale.

    The picture stands still while it fills from the left, and then moves by a quarter: a chart that moves
    every second would send itself anew every second.
    """
    cells = max(width - _LABEL - 1, 8)
    every = max(1, ceil(_KEPT_S / cells))
    wide = min(cells, ceil(_KEPT_S / every))
    length = max(len(watch.new.buckets), len(watch.old.buckets))
    first = max(watch.first_second, 0)
    last = (first + max(length - 1, 0)) // every
    start = _window_start(last, wide)
    until = last - start + 1 if length else 0
    shares = {
        "new": _columns(watch.new.buckets, first, every, start, wide)[:until],
        "old": _columns(watch.old.buckets, first, every, start, wide)[:until],
    }
    top = _scale([share for side in shares.values() for share in side if share is not None])
    axis = height >= 3
    rows = max(1, min(6, (height - axis) // 2))
    shapes = _LETTERS if letters else _SHAPES
    lines = [
        one for name, side in shares.items() for one in _strip(name, side, top, min(rows, 4), shapes[name])
    ]
    return [*lines, _axis(start * every, (start + wide) * every, wide)] if axis else lines[:height]


def _window_start(last: int, wide: int) -> int:
    if last < wide:
        return 0
    step = max(1, wide // 4)
    return ((last - wide) // step + 1) * step


def _columns(
    buckets: Sequence[tuple[int, int]], first: int, every: int, start: int, wide: int
) -> list[float | None]:
    """The share of errors in each column; None where nothing was asked: absent is not zero."""
    requests, errors = [0] * wide, [0] * wide
    for number, (asked, failed) in enumerate(buckets):
        column = (first + number) // every - start
        if 0 <= column < wide:
            requests[column] += asked
            errors[column] += failed
    return [
        min(1.0, max(0.0, bad / all_of)) if all_of > 0 else None
        for bad, all_of in zip(errors, requests, strict=True)
    ]


def _scale(shares: Sequence[float]) -> float:
    highest = max(shares, default=0.0)
    return next((scale for scale in _SCALES if highest <= scale), 1.0)


def _strip(name: str, shares: Sequence[float | None], top: float, rows: int, shape: Strip) -> list[Line]:
    full = len(shape.levels) - 1
    drawn = []
    for row in reversed(range(rows)):
        text = "".join(_cell(share, top, row, rows, full, shape) for share in shares)
        label = f"{_share(top):>5}" if row == rows - 1 else " " * 5
        side = name if row == 0 else ""
        bad = any(share for share in shares)
        tone = shape.bad if bad else Tone.DIM
        drawn.append(line(" ", Span(f"{side:<5}{label} |", Tone.DIM), Span(text.rstrip(), tone)))
    return drawn


def _cell(share: float | None, top: float, row: int, rows: int, full: int, shape: Strip) -> str:
    if not share:
        if row > 0:
            return " "
        return shape.silent if share is None else shape.clean
    # never lower than can be told from nothing
    level = max(1 if full < 8 else 2, ceil(share / top * full * rows))
    return shape.levels[min(max(level - full * row, 0), full)]


def _axis(start_s: int, end_s: int, wide: int) -> Line:
    left, right = _minutes(start_s), _minutes(end_s)
    gap = wide - len(left) - len(right)
    text = f"{left}{' ' * gap}{right}" if gap > 0 else left
    return line(" " * _LABEL, Span(text, Tone.DIM))


def _minutes(whole: int) -> str:
    return f"{whole // 60}:{whole % 60:02d}"


def cut(text_line: Line, width: int) -> Line:
    """The line in at most ``width`` columns; what is left out shows as an ellipsis."""
    if sum(len(span.text) for span in text_line) <= width:
        return text_line
    spans: list[Span] = []
    room = max(width - 1, 0)
    for span in text_line:
        spans.append(Span(span.text[:room], span.tone))
        room -= len(spans[-1].text)
        if room <= 0:
            break
    return (*spans, Span("…")) if width > 0 else ()
