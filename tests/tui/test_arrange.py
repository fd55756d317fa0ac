"""Order, history, ages and marks of change: the pure parts of the tables."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from pointsman.cluster.refs import ObjectRef
from pointsman.probes.state.rows import Overview, RouteRow
from pointsman.probes.verdict import Verdict
from pointsman.tui.ages import age, short_span
from pointsman.tui.tables.arrange import Arrangement, History, Lens, Sort
from pointsman.tui.tables.changes import SHOWN_S, Changes


@dataclass(frozen=True)
class Row:
    name: str
    worst: Verdict
    created: str
    host: str


LENS: Lens[Row] = Lens(
    worst=lambda row: row.worst,
    text=lambda row: row.name,
    labels=lambda row: {},
    name=lambda row: (row.name,),
    created=lambda row: row.created,
    host=lambda row: row.host,
)
_ROWS = st.lists(
    st.builds(
        Row,
        st.text("abc", min_size=1, max_size=3),
        st.sampled_from(list(Verdict)),
        st.sampled_from(["", "2026-01-01T00:00:00Z", "2025-06-01T00:00:00Z", "2026-03-01T00:00:00Z"]),
        st.sampled_from(["", "a.example", "b.example"]),
    ),
    max_size=12,
)
_SORTS: tuple[Sort, ...] = ("status", "name", "age", "host")


@given(_ROWS, st.sampled_from(_SORTS), st.booleans())
def test_sorting_keeps_every_row(rows: list[Row], sort: Sort, reverse: bool) -> None:
    rows.sort(key=lambda row: -row.worst.badness)
    shown, _ = Arrangement(sort=sort, reverse=reverse).apply(rows, LENS)
    assert sorted(shown, key=repr) == sorted(rows, key=repr)
    badness = [row.worst.badness for row in shown]
    names = [row.name for row in shown]
    dates = [row.created for row in shown if row.created]
    match sort:
        case "status":
            assert badness == sorted(badness, reverse=not reverse)
        case "name":
            assert names == sorted(names, reverse=reverse)
        case "age":
            assert dates == sorted(dates, reverse=not reverse)
            assert [bool(row.created) for row in shown] == sorted(
                (bool(row.created) for row in rows), reverse=True
            )
        case "host":
            hosts = [row.host or "~" for row in shown]
            assert hosts == sorted(hosts, reverse=reverse)


def test_the_same_key_again_turns_round_and_another_begins_anew() -> None:
    start = Arrangement()
    by_name = start.by("name")
    assert (by_name.sort, by_name.reverse, by_name.sorted_words) == ("name", False, "by name")
    assert by_name.by("name").reverse
    assert by_name.by("name").by("name") == by_name
    assert by_name.by("name").by("host") == start.by("host")
    assert start.sorted_words == ""
    assert start.by("status").sorted_words == "best first"


@given(_ROWS)
def test_faults_only_is_what_is_at_least_doubtful(rows: list[Row]) -> None:
    shown, _ = Arrangement(faults=True).apply(rows, LENS)
    bad = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN)
    assert list(shown) == [row for row in rows if row.worst in bad]


@given(st.lists(st.one_of(st.integers(0, 3), st.sampled_from(["back", "forth"])), max_size=40))
def test_history_is_a_browsers(steps: list[int | str]) -> None:
    history: History[int] = History(0)
    past, future = [0], []
    for step in steps:
        if step == "back":
            shown = history.step(-1)
            assert (shown is None) is (len(past) == 1)
            if len(past) > 1:
                future.append(past.pop())
        elif step == "forth":
            shown = history.step(1)
            assert (shown is None) is (not future)
            if future:
                past.append(future.pop())
        elif isinstance(step, int):
            history.visit(step)
            if step != past[-1]:
                past.append(step)
                future = []
        assert history.here == past[-1]


def test_ages() -> None:
    now = 1_767_225_600.0  # 2026-01-01T00:00:00Z
    assert age("2025-12-31T23:59:30Z", now) == "<1m"
    assert short_span(30.0, exact=True) == "30s"
    assert age("2025-12-31T23:00:00Z", now) == "1h"
    assert age("2025-12-20T00:00:00Z", now) == "12d"
    assert age("2020-01-01T00:00:00", now) == "6y"
    assert age("", now) == age("yesterday", now) == "-"
    # a clock that goes wrong gives no negative age
    assert age("2026-01-01T00:10:00Z", now) == "<1m"
    assert short_span(3599) == "59m"


def _overview(**worst: Verdict) -> Overview:
    rows = [
        RouteRow(ObjectRef("HTTPRoute", "n", name), (), (), Verdict.PASS, Verdict.PASS, verdict, 0)
        for name, verdict in worst.items()
    ]
    return Overview(routes=tuple(rows))


def _refs(overview: Overview) -> tuple[set[ObjectRef], ...]:
    return ({row.ref for row in overview.routes},)


def test_a_change_is_marked_for_a_minute() -> None:
    changes = Changes()
    a, b = ObjectRef("HTTPRoute", "n", "a"), ObjectRef("HTTPRoute", "n", "b")
    first = _overview(a=Verdict.PASS)
    changes.note(first, _refs(first), 0.0, loading=False)
    assert not changes.any_shown(0.0)
    second = _overview(a=Verdict.FAIL, b=Verdict.PASS)
    changes.note(second, _refs(second), 100.0, loading=False)
    assert (changes.mark(a), changes.mark(b)) == ("*", "+")
    assert changes.told(a, 112.4) == "changed 12 s ago (PASS before)"
    assert changes.told(b, 103.0) == "new 3 s ago"
    assert changes.any_shown(100.0 + SHOWN_S - 0.1)
    # once more, so that the screen takes the marks away
    assert changes.any_shown(100.0 + SHOWN_S)
    assert not changes.any_shown(100.0 + SHOWN_S + 1)
    assert (changes.mark(a), changes.told(b, 200.0)) == (" ", "")


def test_what_loads_or_was_hidden_is_not_new() -> None:
    changes = Changes()
    everything, part = _overview(a=Verdict.PASS, b=Verdict.FAIL), _overview(a=Verdict.PASS)
    changes.note(part, _refs(part), 0.0, loading=True)
    changes.note(everything, _refs(everything), 1.0, loading=True)
    changes.note(everything, _refs(everything), 2.0, loading=False)
    # only one namespace is shown, and then all again
    changes.note(part, _refs(everything), 3.0, loading=False)
    changes.note(everything, _refs(everything), 4.0, loading=False)
    assert not changes.any_shown(4.0)
    changes.forget()
    changes.note(_overview(c=Verdict.PASS), (), 5.0, loading=False)
    assert not changes.any_shown(5.0)
