"""The tree of gateways and the table of routes as rows: which columns fit, and what each says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.state.rows import ClassRow, GatewayRow, ListenerRow, Overview, RouteRow
from ...probes.verdict import Verdict
from ..ages import age
from ..lines import Line, Span, Tone, fit, line
from ..probed import Probed, probed_span
from ..telling.findings import mark, short, word
from ..widgets.row_view import Refs, Rows
from .filters import haystack

if TYPE_CHECKING:
    from ...cluster.snapshot import Snapshot
    from .changes import Changes

ALL_ROUTES = "all-routes"


class Tree:
    """Classes, their gateways, their listeners: what stands under what is worked out when it changes."""

    def __init__(self) -> None:
        self._of: tuple[object, object] = (None, None)
        self._entries: list[_Entry] = []
        self._keys: list[Hashable] = []

    def rows(self, overview: Overview, width: int, changes: Changes) -> Rows:
        """Lines that are drawn when they are seen. What is wrong has its mark in the first column."""
        if self._of[0] is not overview.classes or self._of[1] is not overview.gateways:
            self._of = overview.classes, overview.gateways
            self._entries = _entries(overview)
            self._keys = [ALL_ROUTES if entry is None else entry.ref for entry in self._entries]
        entries = self._entries
        return Rows(self._keys, lambda index: _tree_line(entries[index], width, changes))


def _entries(overview: Overview) -> list[_Entry]:
    by_class: dict[str, list[GatewayRow]] = defaultdict(list)
    for gateway in overview.gateways:
        by_class[gateway.class_name].append(gateway)
    entries: list[_Entry] = [None]
    for row in overview.classes:
        entries.append(row)
        entries += _with_listeners(by_class.pop(row.ref.name, []))
    for gateways in by_class.values():
        entries += _with_listeners(gateways)
    return entries


_Entry = ClassRow | GatewayRow | ListenerRow | None


def _with_listeners(gateways: Iterable[GatewayRow]) -> Iterator[_Entry]:
    for gateway in gateways:
        yield gateway
        yield from gateway.listeners


def _tree_line(entry: _Entry, width: int, changes: Changes) -> Line:
    if entry is None:
        return line("  ", Span("all routes", Tone.STRONG))
    if isinstance(entry, GatewayRow):
        return _gateway_line(entry, width, changes)
    if isinstance(entry, ListenerRow):
        return _listener_line(entry, width)
    name = fit(clean(entry.ref.name), max(width - 17, 8))
    return (mark(entry.worst), Span(" "), Span(name, Tone.STRONG), Span(" "), _claim(entry.claimed))


def _claim(claimed: Verdict) -> Span:
    words = {Verdict.PASS: "claimed", Verdict.FAIL: "refused", Verdict.UNKNOWN: "unclaimed"}
    return Span(words.get(claimed, "with warnings"), Tone.DIM if claimed == Verdict.PASS else Tone.DOUBT)


def _gateway_line(gateway: GatewayRow, width: int, changes: Changes) -> Line:
    address = clean(gateway.addresses[0]) if gateway.addresses else "no address"
    left = max(width - 4 - 16, 8)
    name = fit(f"{clean(gateway.ref.namespace)}/{clean(gateway.ref.name)}", left)
    tone = Tone.PLAIN if gateway.addresses else Tone.DOUBT
    return (mark(gateway.worst), Span(f"{changes.mark(gateway.ref)} {name} "), Span(address, tone))


def _listener_line(listener: ListenerRow, width: int) -> Line:
    port = f":{listener.port}"
    state = {Verdict.FAIL: "FAIL", Verdict.UNKNOWN: "unknown"}.get(listener.worst)
    tail = Span(state, Tone.BAD if state == "FAIL" else Tone.DOUBT) if state else Span("")
    text = fit(clean(listener.ref.section), max(width - 26, 6))
    counted = f" {port:<6} {listener.attached_routes:>4}  "
    return (mark(listener.worst), Span("    " + text + counted), tail)


@dataclass(frozen=True, slots=True)
class Looks:
    """What the cells need beside the row. ``now`` is Unix time in seconds."""

    snapshot: Snapshot
    changes: Changes
    probed: Mapping[str, Probed]
    now: float
    wide: bool = False

    def labels(self, row: RouteRow) -> Mapping[str, str]:
        """The route's labels."""
        route = self.snapshot.routes.get(row.ref)
        return route.meta.labels if route is not None else {}

    def created(self, row: RouteRow) -> str:
        """When the route was made, RFC 3339; empty where it is not known."""
        route = self.snapshot.routes.get(row.ref)
        return (route.meta.creation_timestamp or "") if route is not None else ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table. ``least`` is the width from which it is shown; ``width`` 0 takes the rest.

    ``wide`` columns are shown only when asked for, and then whatever the width, as far as there is room.
    """

    title: str
    width: int
    least: int
    cell: Callable[[RouteRow, int, Looks], Span]
    wide: bool = False


def _hosts(row: RouteRow, width: int, looks: Looks) -> Span:
    first = clean(row.hostnames[0]) if row.hostnames else "*"
    more = f" +{len(row.hostnames) - 1}" if len(row.hostnames) > 1 else ""
    return Span(fit(first, max(width - len(more), 1)).rstrip() + more)


def _count(row: RouteRow, width: int, looks: Looks) -> Span:
    return Span(str(row.findings) if row.findings else "", Tone.DIM)


def _parents(row: RouteRow, width: int, looks: Looks) -> Span:
    names = dict.fromkeys(short(parent.parent) for parent in row.parents)
    return Span(" ".join(names) or "none")


def _labels(row: RouteRow, width: int, looks: Looks) -> Span:
    pairs = sorted(looks.labels(row).items())
    return Span(" ".join(clean(f"{key}={value}", 120) for key, value in pairs), Tone.DIM)


_COLUMNS = (
    Column("namespace", 12, 56, lambda row, width, looks: Span(clean(row.ref.namespace))),
    Column("name", 16, 0, lambda row, width, looks: Span(clean(row.ref.name))),
    Column("kind", 4, 72, lambda row, width, looks: Span(row.ref.kind.removesuffix("Route"))),
    Column("host", 0, 0, _hosts),
    Column("claimed", 7, 40, lambda row, width, looks: word(row.claimed, 0)),
    Column("computed", 8, 48, lambda row, width, looks: word(row.computed, 0)),
    Column("probed", 6, 64, lambda row, width, looks: probed_span(row.hostnames, looks.probed)),
    Column("findings", 8, 96, _count),
    Column("age", 4, 0, lambda row, width, looks: Span(age(looks.created(row), looks.now)), wide=True),
    Column("parents", 20, 100, _parents, wide=True),
    Column("labels", 28, 140, _labels, wide=True),
)
# findings has its place among the wide ones too, where the width alone would not show it
_ALWAYS_WIDE = frozenset({"findings"})
# a host column narrower than this says nothing
_LEAST_HOST = 12


def route_header(width: int, *, wide: bool = False) -> Line:
    """The titles of the columns that fit."""
    fitting = _fitting(width, wide)
    return (Span("  "), *(Span(fit(column.title, size) + " ", Tone.DIM) for column, size in fitting))


def route_rows(routes: Sequence[RouteRow], width: int, looks: Looks) -> Rows:
    """One row a route, drawn when it is seen."""
    columns = _fitting(width, looks.wide)

    def draw(index: int) -> Line:
        row = routes[index]
        cells: list[Span] = [mark(row.worst), Span(looks.changes.mark(row.ref))]
        for column, size in columns:
            cell = column.cell(row, size, looks)
            cells += [Span(fit(cell.text, size) + " ", cell.tone)]
        return tuple(cells)

    return Rows(Refs(routes), draw)


def _fitting(width: int, wide: bool) -> list[tuple[Column, int]]:
    shown = [
        column
        for column in _COLUMNS
        if (width >= column.least or (wide and column.title in _ALWAYS_WIDE)) and (wide or not column.wide)
    ]
    for title in ("kind", "probed") if wide else ():
        if width - _used(shown) < _LEAST_HOST:
            shown = [column for column in shown if column.title != title]
    rest = width - _used(shown)
    return [(column, column.width or max(rest, 8)) for column in shown]


def _used(columns: Sequence[Column]) -> int:
    return sum(column.width + 1 for column in columns) + 2


def route_text(row: RouteRow) -> str:
    """What a filter searches in a route."""
    name = f"{clean(row.ref.namespace)}/{clean(row.ref.name)}"
    parents = (short(parent.parent) for parent in row.parents)
    verdicts = (row.worst.value, f"claimed:{row.claimed.value}", f"computed:{row.computed.value}")
    return haystack(name, clean(row.ref.name), row.ref.kind, *row.hostnames, *parents, *verdicts)


def attached(routes: Sequence[RouteRow], place: object) -> Sequence[RouteRow]:
    """The routes that name ``place`` as a parent: a Gateway, one of its listeners, or everything."""
    if not isinstance(place, ObjectRef) or place.kind == "GatewayClass":
        return routes
    return [row for row in routes if any(_names(parent.parent, place) for parent in row.parents)]


def _names(parent: ObjectRef, place: ObjectRef) -> bool:
    same = parent.whole == place.whole
    return same and (not place.section or not parent.section or parent.section == place.section)
