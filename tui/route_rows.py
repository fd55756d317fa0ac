"""The tree of gateways and the table of routes as rows: which columns fit, and what each says."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from ..cluster.refs import ObjectRef
from ..cluster.text import clean
from ..probes.state.rows import GatewayRow, Overview, RouteRow
from ..probes.verdict import Verdict
from .describe import mark, word
from .lines import Line, Span, Tone, fit, line
from .widgets.row_view import Rows

ALL_ROUTES = "all-routes"


def tree_rows(overview: Overview, width: int) -> Rows:
    """Classes, their gateways, their listeners. What is wrong has its mark in the first column."""
    pairs: list[tuple[Hashable | None, Line]] = [(ALL_ROUTES, line("  ", Span("all routes", Tone.STRONG)))]
    known = {row.ref.name for row in overview.classes}
    for row in overview.classes:
        claim = _claim(row.claimed)
        name = fit(clean(row.ref.name), max(width - 17, 8))
        pairs.append((row.ref, (mark(row.worst), Span(" "), Span(name, Tone.STRONG), Span(" "), claim)))
        for gateway in overview.gateways:
            if gateway.class_name == row.ref.name:
                pairs += _gateway_pairs(gateway, width)
    for gateway in overview.gateways:
        if gateway.class_name not in known:
            pairs += _gateway_pairs(gateway, width)
    return Rows.of(pairs)


def _claim(claimed: Verdict) -> Span:
    words = {Verdict.PASS: "claimed", Verdict.FAIL: "refused", Verdict.UNKNOWN: "unclaimed"}
    return Span(words.get(claimed, "claimed, but"), Tone.DIM if claimed == Verdict.PASS else Tone.DOUBT)


def _gateway_pairs(gateway: GatewayRow, width: int) -> list[tuple[Hashable | None, Line]]:
    address = clean(gateway.addresses[0]) if gateway.addresses else "no address"
    left = max(width - 4 - 16, 8)
    name = fit(f"{clean(gateway.ref.namespace)}/{clean(gateway.ref.name)}", left)
    tone = Tone.PLAIN if gateway.addresses else Tone.DOUBT
    pairs: list[tuple[Hashable | None, Line]] = [
        (gateway.ref, (mark(gateway.worst), Span("  " + name + " "), Span(address, tone)))
    ]
    for listener in gateway.listeners:
        port = f":{listener.port}"
        state = {Verdict.FAIL: "FAIL", Verdict.UNKNOWN: "unknown"}.get(listener.worst)
        tail = Span(state, Tone.BAD if state == "FAIL" else Tone.DOUBT) if state else Span("")
        text = fit(clean(listener.ref.section), max(width - 25, 6))
        counted = f" {port:<6} {listener.attached_routes:>4}  "
        pairs.append((listener.ref, (mark(listener.worst), Span("    " + text + counted), tail)))
    return pairs


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table. ``least`` is the width from which it is shown; ``width`` 0 takes the rest."""

    title: str
    width: int
    least: int
    cell: Callable[[RouteRow, int], Span]


def _hosts(row: RouteRow, width: int) -> Span:
    first = clean(row.hostnames[0]) if row.hostnames else "*"
    more = f" +{len(row.hostnames) - 1}" if len(row.hostnames) > 1 else ""
    return Span(fit(first, max(width - len(more), 1)).rstrip() + more)


def _count(row: RouteRow, width: int) -> Span:
    return Span(str(row.findings) if row.findings else "", Tone.DIM)


_COLUMNS = (
    Column("namespace", 12, 56, lambda row, width: Span(clean(row.ref.namespace))),
    Column("name", 18, 0, lambda row, width: Span(clean(row.ref.name))),
    Column("kind", 5, 72, lambda row, width: Span(row.ref.kind.removesuffix("Route"))),
    Column("host", 0, 0, _hosts),
    Column("claimed", 8, 40, lambda row, width: word(row.claimed)),
    Column("computed", 9, 48, lambda row, width: word(row.computed)),
    Column("findings", 8, 84, _count),
)


def route_header(width: int) -> Line:
    """The titles of the columns that fit."""
    return (Span("  "), *(Span(fit(column.title, size) + " ", Tone.DIM) for column, size in _fitting(width)))


def route_rows(routes: Sequence[RouteRow], width: int) -> Rows:
    """One row a route, drawn when it is seen."""
    columns = _fitting(width)

    def draw(index: int) -> Line:
        row = routes[index]
        cells: list[Span] = [mark(row.worst), Span(" ")]
        for column, size in columns:
            cell = column.cell(row, size)
            cells += [Span(fit(cell.text, size) + " ", cell.tone)]
        return tuple(cells)

    return Rows([row.ref for row in routes], draw)


def _fitting(width: int) -> list[tuple[Column, int]]:
    shown = [column for column in _COLUMNS if width >= column.least]
    used = sum(column.width + 1 for column in shown) + 2 + 1
    return [(column, column.width or max(width - used, 8)) for column in shown]


def attached(routes: Sequence[RouteRow], place: object) -> Sequence[RouteRow]:
    """The routes that name ``place`` as a parent: a Gateway, one of its listeners, or everything."""
    if not isinstance(place, ObjectRef) or place.kind == "GatewayClass":
        return routes
    return [row for row in routes if any(_names(parent.parent, place) for parent in row.parents)]


def _names(parent: ObjectRef, place: ObjectRef) -> bool:
    same = parent.whole == place.whole
    return same and (not place.section or not parent.section or parent.section == place.section)
