"""Where the lines of a chart go, as numbers for SVG. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..machine.words import duration
from .document import Chart

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 704, 16, 184


@dataclass(frozen=True, slots=True)
class Mark:
    """A label and where it stands, in the chart's own units."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart as coordinates: ``lines`` are (name, "x,y x,y ..."); ``threshold`` a height, or None."""

    lines: tuple[tuple[str, str], ...]
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    threshold: Mark | None
    words: str


def drawn(chart: Chart) -> Drawn:
    """The chart in a box of ``WIDTH`` by ``HEIGHT``."""
    points = [point for curve in chart.curves for point in curve.points]
    longest = max((at for at, _ in points), default=0.0) or 1.0
    values = [value for _, value in points] + ([chart.threshold] if chart.threshold is not None else [])
    low, high = _range(values, chart.logarithmic)

    def x(at: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * min(max(at / longest, 0.0), 1.0), 1)

    def y(value: float) -> float:
        place = (_scaled(value, chart.logarithmic) - low) / (high - low)
        return round(BOTTOM - (BOTTOM - TOP) * min(max(place, 0.0), 1.0), 1)

    ends = (low, (low + high) / 2, high)
    up = tuple(Mark(y(_plain(end, chart.logarithmic)), _label(end, chart)) for end in ends)
    limit = chart.threshold
    return Drawn(
        lines=tuple(
            (curve.name, " ".join(f"{x(at)},{y(value)}" for at, value in curve.points))
            for curve in chart.curves
        ),
        across=tuple(Mark(x(longest * part), duration(longest * part)) for part in (0.0, 0.5, 1.0)),
        up=up,
        threshold=Mark(y(limit), f"alarm at {limit:g}") if limit is not None else None,
        words=words(chart),
    )


def words(chart: Chart) -> str:
    """The chart in a sentence, for those who do not see it."""
    said = []
    for curve in chart.curves:
        values = [value for _, value in curve.points]
        said.append(
            f"{curve.name} between {min(values):.3g} and {max(values):.3g}, at the end {values[-1]:.3g}"
        )
    unit = f" in {chart.unit}" if chart.unit else ""
    limit = f"; the alarm is raised at {chart.threshold:g}" if chart.threshold is not None else ""
    return f"{chart.title}{unit}: {'; '.join(said)}{limit}"


def _scaled(value: float, logarithmic: bool) -> float:
    return math.log10(min(max(value, 1e-6), 1e12)) if logarithmic else value


def _plain(value: float, logarithmic: bool) -> float:
    return 10.0**value if logarithmic else value


def _range(values: list[float], logarithmic: bool) -> tuple[float, float]:
    scaled = [_scaled(value, logarithmic) for value in values] or [0.0]
    if not logarithmic:
        return 0.0, max(max(scaled) * 1.1, 1.0)
    low, high = math.floor(min(scaled)), math.ceil(max(scaled) + 0.1)
    return float(low), float(max(high, low + 1))


def _label(end: float, chart: Chart) -> str:
    value = _plain(end, chart.logarithmic)
    return f"{value:.3g}{' ' + chart.unit if chart.unit else ''}"
