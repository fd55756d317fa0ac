"""The report's watch: both sides' numbers, and the error share and the evidence over time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..machine.events import WatchBegan, WatchEnded, WatchNoted
from ..machine.numbers import mapping, number, rows_of
from .document import Block, Chart, Curve, Fact, Facts, Items, Paragraph, Section, Table
from .record import Record, instant

Noted = WatchNoted | WatchEnded
_MOST_POINTS = 400


@dataclass(slots=True)
class _Watch:
    began: float
    soaking: bool
    noted: list[Noted] = field(default_factory=list)


def watches(record: Record) -> Iterator[Section]:
    """Each watch from its beginning to its end."""
    for watch in _watches(record):
        what = "watch of the soak" if watch.soaking else "watch"
        ended = next((event for event in watch.noted if isinstance(event, WatchEnded)), None)
        verdict = ended.verdict if ended is not None else "it did not come to a decision"
        yield Section(f"The {what} from {instant(watch.began)}: {verdict}", tuple(_blocks(watch, ended)))


def _watches(record: Record) -> list[_Watch]:
    found: list[_Watch] = []
    for event in record.events:
        if isinstance(event, WatchBegan):
            found.append(_Watch(event.at, event.soaking))
        elif isinstance(event, WatchNoted | WatchEnded):
            if not found:
                # a journal made by hand
                found.append(_Watch(event.at, soaking=False))
            found[-1].noted.append(event)
    return [watch for watch in found if watch.noted]


def _blocks(watch: _Watch, ended: WatchEnded | None) -> Iterator[Block]:
    if ended is not None:
        yield Paragraph(ended.detail)
    last = watch.noted[-1].numbers
    yield Items(
        tuple(_side_words(name, mapping(last.get(name))) for name in ("new", "old") if last.get(name))
    )
    evidence = mapping(last.get("evidence"))
    alarm_at = number(evidence.get("alarm_at"))
    ratio = number(evidence.get("ratio"))
    if ratio is not None and alarm_at is not None:
        words = f"{ratio:.3g}; the alarm is raised at {alarm_at:g}"
        yield Facts((Fact("evidence against the new side", words),))
    counted = tuple(_counted(last))
    if counted:
        yield Paragraph("What the sides counted themselves, of everybody's requests:")
        yield Table(("side", "source", "requests", "5xx", "404", "failed handshakes", "not told"), counted)
    shares = tuple(curve for name in ("new", "old") if len((curve := _share(watch, name)).points) > 1)
    if shares:
        yield Chart("share of errors", "%", shares)
    curve = _evidence(watch)
    if len(curve.points) > 1:
        title = "evidence against the new side (likelihood ratio)"
        yield Chart(title, "", (curve,), threshold=alarm_at, logarithmic=True)


def _counted(numbers: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    traffic = mapping(numbers.get("traffic"))
    for name in ("new", "old"):
        side = mapping(traffic.get(name))
        if not side:
            continue
        counts = (side.get(field) for field in ("requests", "errors_5xx", "not_found", "handshake_failures"))
        problems = side.get("problems")
        told = "; ".join(str(one) for one in problems) if isinstance(problems, list | tuple) else ""
        yield name, str(side.get("source") or ""), *(_count(one) for one in counts), told


def _count(value: object) -> str:
    found = number(value)
    return "not known" if found is None else f"{found:g}"


def _side_words(name: str, side: Mapping[str, Any]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in mapping(side.get("kinds")).items())
    p95 = number(side.get("p95_ms"))
    slow = f", p95 {p95:g} ms" if p95 is not None else ""
    return f"{name}: {side.get('requests', 0)} requests, {side.get('errors', 0)} errors ({kinds}){slow}"


def _share(watch: _Watch, name: str) -> Curve:
    """The share of errors over time: by the seconds that were noted, else from one note to the next."""
    rows = _seconds(watch, name)
    if sum(asked > 0 for _, asked, _ in rows) > 1:
        return Curve(
            name, tuple((at, 100.0 * min(failed / asked, 1.0)) for at, asked, failed in rows if asked)
        )
    return Curve(name, tuple(_between_notes(watch, name)))


def _seconds(watch: _Watch, name: str) -> list[tuple[float, float, float]]:
    """When, requests, errors; neighbours are taken together where there are very many."""
    place = 1 if name == "new" else 3
    noted = (row for event in watch.noted for row in rows_of(event.numbers))
    rows = sorted(
        (number(row[0]) or 0.0, number(row[place]) or 0.0, number(row[place + 1]) or 0.0) for row in noted
    )
    together = max(1, -(-len(rows) // _MOST_POINTS))
    groups = (rows[start : start + together] for start in range(0, len(rows), together))
    return [(group[0][0], sum(row[1] for row in group), sum(row[2] for row in group)) for group in groups]


def _between_notes(watch: _Watch, name: str) -> Iterator[tuple[float, float]]:
    before = (0.0, 0.0)
    for event in watch.noted:
        side = mapping(event.numbers.get(name))
        requests, errors = number(side.get("requests")), number(side.get("errors"))
        if requests is None or errors is None:
            continue
        asked, failed = requests - before[0], errors - before[1]
        before = (requests, errors)
        if asked > 0:
            yield event.at - watch.began, 100.0 * min(max(failed, 0.0) / asked, 1.0)


def _evidence(watch: _Watch) -> Curve:
    pairs = (
        (event.at - watch.began, number(mapping(event.numbers.get("evidence")).get("ratio")))
        for event in watch.noted
    )
    return Curve("evidence", tuple((at, ratio) for at, ratio in pairs if ratio is not None))
