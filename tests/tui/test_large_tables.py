"""What a tick costs where ten thousand rows are shown and a few of them change: by what it touches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from pointsman.cluster.refs import ObjectRef
from pointsman.probes.state.rows import GatewayRow, Overview, RouteRow
from pointsman.probes.verdict import Verdict
from pointsman.tui import namespaces
from pointsman.tui.lines import line
from pointsman.tui.namespaces import Namespaces
from pointsman.tui.tables.changes import Changes
from pointsman.tui.tables.route_rows import Tree
from pointsman.tui.widgets.row_view import Refs, Rows


def a_ref(number: int, namespace: str = "shop") -> ObjectRef:
    return ObjectRef("HTTPRoute", namespace, f"route-{number}", group="gateway.networking.k8s.io")


def a_row(number: int, worst: Verdict = Verdict.PASS) -> RouteRow:
    return RouteRow(a_ref(number), (), (), Verdict.PASS, Verdict.PASS, worst, 0)


def test_only_rows_that_differ_are_compared() -> None:
    rows = [a_row(number) for number in range(50)]
    existing = (frozenset(row.ref for row in rows),)
    changes = Changes()
    changes.note(Overview(routes=tuple(rows)), existing, 0.0, loading=False)
    rows[7] = a_row(7, Verdict.FAIL)
    changes.note(Overview(routes=tuple(rows)), existing, 1.0, loading=False)
    assert {number for number in range(50) if changes.mark(a_ref(number)) != " "} == {7}
    # moved and gone is no change of the others, and what comes back hidden was seen by nobody
    changes.note(Overview(routes=tuple(rows[10:])), existing, 2.0, loading=False)
    back = [a_row(number, Verdict.WARN) for number in range(10)]
    changes.note(Overview(routes=(*rows[10:], *back)), existing, 3.0, loading=False)
    assert {number for number in range(50) if changes.mark(a_ref(number)) != " "} == {7}
    # and the next change of what came back is one again
    back[3] = replace(back[3], worst=Verdict.PASS)
    changes.note(Overview(routes=(*rows[10:], *back)), existing, 4.0, loading=False)
    assert changes.told(a_ref(3), 4.0) == "changed 0 s ago (WARN before)"


def test_a_new_object_is_marked_and_a_row_that_was_hidden_is_not() -> None:
    changes = Changes()
    known = (frozenset({a_ref(0), a_ref(1)}),)
    changes.note(Overview(routes=(a_row(0),)), known, 0.0, loading=False)
    changes.note(Overview(routes=(a_row(0), a_row(1), a_row(2))), known, 1.0, loading=False)
    assert [changes.mark(a_ref(number)) for number in range(3)] == [" ", " ", "+"]


@dataclass
class Watched:
    """A row that counts how often its ref is asked for."""

    number: int
    asked: int = 0

    @property
    def ref(self) -> ObjectRef:
        self.asked += 1
        return a_ref(self.number)


def test_the_cursor_finds_its_row_without_a_look_at_the_others() -> None:
    watched = [Watched(number) for number in range(1_000)]
    rows = Rows(Refs(watched), lambda index: line(str(index)))
    assert rows.find(a_ref(500), near=500) == 500
    assert sum(one.asked for one in watched) == 1
    assert rows.find(a_ref(501), near=500) == 501, "it has moved"
    assert rows.find(a_ref(1_000), near=3) == -1
    assert list(Refs(watched)[3:5]) == [a_ref(3), a_ref(4)]


def test_the_tree_is_put_together_when_it_changes() -> None:
    gateway = GatewayRow(
        a_ref(1), "edge", "", (), (), Verdict.PASS, Verdict.PASS, Verdict.PASS, (), findings=0, routes=0
    )
    tree, changes = Tree(), Changes()
    before = Overview(gateways=(gateway,), routes=(a_row(1),))
    keys = tree.rows(before, 40, changes).keys
    assert tree.rows(replace(before, routes=(a_row(2),)), 40, changes).keys is keys
    more = replace(before, gateways=(gateway, replace(gateway, ref=a_ref(2))))
    assert list(tree.rows(more, 40, changes).keys) == [*keys, a_ref(2)]


def test_namespaces_are_counted_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(namespaces.time, "monotonic", lambda: now)
    counted = Namespaces()
    assert counted.fullest({}) == []
    assert counted.fullest({a_ref(1, "b"): 1, a_ref(2, "b"): 1, a_ref(3, "a"): 1}) == ["b", "a"]
    other = {a_ref(1, "a"): 1, a_ref(2, "a"): 1, a_ref(3, "b"): 1}
    assert counted.fullest(other) == ["b", "a"], "as many routes, and the second is not over"
    assert counted.fullest(other | {a_ref(4, "c"): 1}) == ["a", "b", "c"], "another number of them"
    now = 101.5
    assert counted.fullest(other) == ["a", "b"]
