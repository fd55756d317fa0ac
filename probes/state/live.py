"""What is wrong with a cluster that changes: judged again only where a change concerns it.

The same judges and the same rows as for one Snapshot; a test holds the two against each other after every
kind of change.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from ...cluster.refs import ObjectRef
from ...cluster.rules.ledger import Query
from ...cluster.rules.scene import MovingScene
from ...cluster.snapshot import Snapshot
from ..verdict import Finding
from .diagnose import PER_OBJECT, WHOLE, finding_order, judge_of
from .overview import (
    RowBuilder,
    by_badness,
    told_class,
    told_gateway,
    told_route,
    trouble_in,
    troubled_kinds,
)
from .rows import ClassRow, GatewayRow, Overview, Picture, RouteRow
from .world import World

T = TypeVar("T")
R = TypeVar("R", RouteRow, GatewayRow, ClassRow)

# beyond this many changes at once sorting anew is quicker than putting each in its place
_MANY = 1_000
Unit = tuple[str, object]
Row = RouteRow | GatewayRow | ClassRow
Judged = tuple[tuple[Finding, ...], Row | None]
_NOTHING: Judged = ((), None)


class LiveJudge:
    """Follows a cluster from Snapshot to Snapshot. One thread uses it."""

    def __init__(self) -> None:
        self._begin()

    @property
    def renewals(self) -> int:
        """How many answers have been worked out so far: what a change has cost, in steps."""
        return self._scene.ledger.renewals

    def judge(self, snapshot: Snapshot, changed: frozenset[ObjectRef] | None = None) -> Picture:
        """The picture of ``snapshot``. ``changed`` are the refs that may differ from the last one's.

        None means that nobody knows. What a judge raises comes out; the next call then begins from nothing.
        """
        try:
            self._move(snapshot, changed)
        except BaseException:
            self._begin()
            raise
        overview = Overview(
            classes=self._classes.frozen,
            gateways=self._gateways.frozen,
            routes=self._routes.frozen,
            counts={verdict: found for verdict, found in self._counts.items() if found},
            troubled_kinds=troubled_kinds(snapshot),
            version=snapshot.version,
        )
        return Picture(snapshot, self._findings.frozen, overview, self._told)

    def _begin(self) -> None:
        scene = self._scene = MovingScene()
        world = self._world = World(scene)
        builder = RowBuilder(world)
        rows: dict[str, Callable[[Any], Row]] = {
            "routes": builder.route_row,
            "gateways": builder.gateway_row,
            "classes": builder.class_row,
        }
        self._judged: dict[str, Query[ObjectRef, Judged]] = {
            part: scene.query(_judge_in(world, part, rows.get(part))) for part in PER_OBJECT
        }
        self._whole: Query[int, Judged] = scene.query(
            lambda number: (tuple(dict.fromkeys(WHOLE[number](world))), None)
        )
        self._said: dict[Unit, tuple[Finding, ...]] = {}
        self._by_object: dict[ObjectRef, tuple[Finding, ...]] = {}
        self._told: Mapping[ObjectRef, tuple[Finding, ...]] = MappingProxyType({})
        self._findings: Sorted[Finding] = Sorted(finding_order)
        self._counts: Counter[Any] = Counter()
        self._routes: _Rows[RouteRow] = _Rows()
        self._gateways: _Rows[GatewayRow] = _Rows()
        self._classes: _Rows[ClassRow] = _Rows()
        self._attaches: dict[ObjectRef, tuple[ObjectRef, ...]] = {}
        self._routes_of: Counter[ObjectRef] = Counter()
        self._class_of: dict[ObjectRef, str] = {}
        self._gateways_of: Counter[str] = Counter()

    # -- one step

    def _move(self, snapshot: Snapshot, changed: frozenset[ObjectRef] | None) -> None:
        differing = self._scene.move(snapshot, changed)
        self._meet(snapshot, differing)
        renewed = {part: _taken(query.changed) for part, query in self._judged.items()}
        touched = self._collect_findings(renewed)
        self._count_routes(renewed["routes"])
        self._count_gateways(snapshot, differing.get("gateways", ()))
        self._renew_rows(snapshot, renewed, touched)

    def _meet(self, snapshot: Snapshot, differing: dict[str, set[ObjectRef]]) -> None:
        """Ask about what is new, forget what is gone."""
        for part, query in self._judged.items():
            here = getattr(snapshot, part)
            for ref in differing.get(part, ()):
                if ref in here:
                    query(ref)
                else:
                    query.forget(ref)
                    query.changed.add(ref)
        for number in range(len(WHOLE)):
            self._whole(number)

    def _judged_now(self, part: str, ref: ObjectRef) -> Judged:
        query = self._judged[part]
        return query(ref) if ref in query.nodes else _NOTHING

    def _collect_findings(self, renewed: dict[str, set[ObjectRef]]) -> set[ObjectRef]:
        """Take in what the judges say now; the objects of which something else is said."""
        out: list[Finding] = []
        new: list[Finding] = []
        units: list[tuple[Unit, Judged]] = [
            ((part, ref), self._judged_now(part, ref)) for part, refs in renewed.items() for ref in refs
        ]
        units += [(("whole", number), self._whole(number)) for number in _taken(self._whole.changed)]
        for unit, (said, _row) in units:
            old = self._said.pop(unit, ())
            # what is said again is the very finding that stands in the lists
            known = {one: one for one in old}
            fresh = tuple(known.pop(one, one) for one in said)
            if fresh:
                self._said[unit] = fresh
            out += known.values()
            before = set(map(id, old))
            new += [one for one in fresh if id(one) not in before]
        self._findings.change(out, new)
        self._counts.subtract(one.verdict for one in out)
        self._counts.update(one.verdict for one in new)
        return self._index(out, new)

    def _index(self, out: list[Finding], new: list[Finding]) -> set[ObjectRef]:
        lost: dict[ObjectRef, list[Finding]] = {}
        won: dict[ObjectRef, list[Finding]] = {}
        for table, findings in ((lost, out), (won, new)):
            for one in findings:
                if isinstance(one.subject, ObjectRef):
                    table.setdefault(one.subject.whole, []).append(one)
        touched = {*lost, *won}
        for ref in touched:
            left = list(self._by_object.pop(ref, ()))
            for one in lost.get(ref, ()):
                left.remove(one)
            left = sorted([*left, *won.get(ref, ())], key=finding_order)
            if left:
                self._by_object[ref] = tuple(left)
        if touched:
            self._told = MappingProxyType(dict(self._by_object))
        return touched

    def _count_routes(self, renewed: set[ObjectRef]) -> None:
        """How many routes attach to each Gateway; the rows of those for which that has changed."""
        for ref in renewed:
            row = self._judged_now("routes", ref)[1]
            fresh = row.gateways if isinstance(row, RouteRow) else ()
            old = self._attaches.pop(ref, ())
            if fresh:
                self._attaches[ref] = fresh
            if fresh != old:
                self._routes_of.subtract(old)
                self._routes_of.update(fresh)
                self._gateways.stale.update(old, fresh)

    def _count_gateways(self, snapshot: Snapshot, refs: Iterable[ObjectRef]) -> None:
        for ref in refs:
            old = self._class_of.pop(ref, None)
            if old is not None:
                self._gateways_of[old] -= 1
            found = snapshot.gateways.get(ref)
            if found is not None:
                self._class_of[ref] = found.spec.gateway_class_name
                self._gateways_of[found.spec.gateway_class_name] += 1
            # few, and cheap to draw again
            self._classes.stale |= snapshot.classes.keys()

    def _renew_rows(
        self, snapshot: Snapshot, renewed: dict[str, set[ObjectRef]], touched: set[ObjectRef]
    ) -> None:
        for part, rows in (
            ("routes", self._routes),
            ("gateways", self._gateways),
            ("classes", self._classes),
        ):
            nodes = self._judged[part].nodes
            rows.stale |= renewed[part]
            rows.stale |= {ref for ref in touched if ref in nodes}
        # a Gateway shows the listeners of its ListenerSets, and their trouble
        for ref in touched:
            listener_set = snapshot.listener_sets.get(ref)
            if listener_set is not None:
                self._gateways.stale.add(listener_set.spec.parent_ref.target(ref.namespace).whole)
        self._routes.renew(self._told_route)
        self._gateways.renew(self._told_gateway)
        self._classes.renew(self._told_class)

    def _trouble(self, ref: ObjectRef) -> Any:
        found: Iterable[Finding] = self._by_object.get(ref.whole, ())
        if ref.section:
            found = [one for one in found if one.subject == ref]
        return trouble_in(found)

    def _told_route(self, ref: ObjectRef) -> RouteRow | None:
        row = self._judged_now("routes", ref)[1]
        return told_route(row, self._trouble) if isinstance(row, RouteRow) else None

    def _told_gateway(self, ref: ObjectRef) -> GatewayRow | None:
        row = self._judged_now("gateways", ref)[1]
        if not isinstance(row, GatewayRow):
            return None
        return told_gateway(row, self._trouble, self._routes_of[ref])

    def _told_class(self, ref: ObjectRef) -> ClassRow | None:
        row = self._judged_now("classes", ref)[1]
        if not isinstance(row, ClassRow):
            return None
        return told_class(row, self._trouble, self._gateways_of[ref.name])


def _taken(keys: set[T]) -> set[T]:
    """What has gathered in ``keys``, which is empty afterwards."""
    taken = set(keys)
    keys.clear()
    return taken


def _judge_in(world: World, part: str, row: Callable[[Any], Row] | None) -> Callable[[ObjectRef], Judged]:
    def judge(ref: ObjectRef) -> Judged:
        obj = getattr(world.snapshot, part).get(ref)
        if obj is None:
            return _NOTHING
        return judge_of(part, obj, world), row(obj) if row else None

    return judge


class Sorted(Generic[T]):
    """Things in the order of ``key``, kept so through changes; equal keys stand in any order."""

    def __init__(self, key: Callable[[T], Any]) -> None:
        self.sorted: list[T] = []
        self._key = key
        self._frozen: tuple[T, ...] | None = ()

    @property
    def frozen(self) -> tuple[T, ...]:
        """All of them; the very same tuple as long as nothing changes."""
        if self._frozen is None:
            self._frozen = tuple(self.sorted)
        return self._frozen

    def change(self, out: Iterable[T], new: Iterable[T]) -> None:
        """Take ``out`` away and put ``new`` in. Raises KeyError for one that is not there."""
        out, new = list(out), list(new)
        if out or new:
            self._frozen = None
        if len(out) + len(new) > _MANY:
            self._rebuild(out, new)
            return
        for one in out:
            del self.sorted[self._place(one)]
        for one in new:
            insort(self.sorted, one, key=self._key)

    def exchange(self, old: T, fresh: T) -> None:
        """Put ``fresh`` where ``old`` stands, which has the same key. Raises KeyError where it does not."""
        self.sorted[self._place(old)] = fresh
        self._frozen = None

    def _rebuild(self, out: list[T], new: list[T]) -> None:
        # compared by identity and then by value: a thing that was put in is the thing that is taken out
        away = Counter(map(id, out))
        left: list[T] = []
        for one in self.sorted:
            if away[id(one)]:
                away[id(one)] -= 1
            else:
                left.append(one)
        self.sorted = sorted([*left, *new], key=self._key)

    def _place(self, one: T) -> int:
        key = self._key(one)
        place = bisect_left(self.sorted, key, key=self._key)
        while place < len(self.sorted) and self._key(self.sorted[place]) == key:
            if self.sorted[place] is one:
                return place
            place += 1
        raise KeyError(one)


class _Rows(Generic[R]):
    """The rows of one kind, worst first; ``stale`` are those to draw again."""

    def __init__(self) -> None:
        self.row_of: dict[ObjectRef, R] = {}
        self.stale: set[ObjectRef] = set()
        self._order: Sorted[R] = Sorted(by_badness)

    @property
    def frozen(self) -> tuple[R, ...]:
        """All rows in their order; the very same tuple as long as none changes."""
        return self._order.frozen

    def renew(self, draw: Callable[[ObjectRef], R | None]) -> None:
        """Draw the stale ones; one that draws as None is gone."""
        out: list[R] = []
        new: list[R] = []
        for ref in _taken(self.stale):
            old, fresh = self.row_of.get(ref), draw(ref)
            if old == fresh:
                continue
            if old is not None and fresh is not None and by_badness(old) == by_badness(fresh):
                self._order.exchange(old, fresh)
                self.row_of[ref] = fresh
                continue
            if old is not None:
                out.append(old)
                del self.row_of[ref]
            if fresh is not None:
                new.append(fresh)
                self.row_of[ref] = fresh
        self._order.change(out, new)
