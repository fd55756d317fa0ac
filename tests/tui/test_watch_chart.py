"""The watch as lines: fits any width, raises for nothing, and says the same without colours."""

from __future__ import annotations

from math import inf, nan

import pytest
from hostile_worlds import is_clean
from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.machine.view import SideView, WatchView
from pointsman.probes.watching.traffic.view import TrafficSideView, TrafficView
from pointsman.tui.lines import Line, plain
from pointsman.tui.telling.watch import chart_lines, watch_lines
from syrupy.assertion import SnapshotAssertion

NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, -1.0, inf, nan, 1e300])
)
BUCKETS = st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), max_size=12).map(tuple)
SIDES = st.builds(
    SideView,
    address=st.text(max_size=60),
    requests=st.integers(0, 10**12),
    errors=st.integers(0, 10**12),
    not_found=st.integers(0, 10**9),
    handshake_failures=st.integers(0, 10**9),
    p95_ms=st.one_of(st.none(), NUMBERS),
    buckets=BUCKETS,
)
COUNTS = st.one_of(st.none(), NUMBERS)
COUNTED = st.one_of(
    st.none(),
    st.builds(
        TrafficSideView,
        source=st.text(max_size=40),
        by_host=st.booleans(),
        requests=COUNTS,
        errors_5xx=COUNTS,
        rate_per_s=COUNTS,
        before=COUNTS,
        complete=st.booleans(),
        problems=st.lists(st.text(max_size=80), max_size=2).map(tuple),
    ),
)
WATCHES = st.builds(
    WatchView,
    verdict=st.one_of(st.sampled_from(["", "PASS", "INCONCLUSIVE", "ABORT", "HOLD"]), st.text(max_size=20)),
    since=NUMBERS,
    until=NUMBERS,
    new=SIDES,
    old=SIDES,
    evidence=NUMBERS,
    alarm_at=NUMBERS,
    samples=st.integers(0, 10**12),
    min_samples=st.integers(0, 10**12),
    detail=st.text(max_size=300),
    seconds_left=st.one_of(st.none(), NUMBERS),
    detectable=NUMBERS,
    first_second=st.integers(0, 10**6),
    traffic=st.one_of(
        st.none(), st.builds(TrafficView, new=COUNTED, old=COUNTED, says=st.text(max_size=100))
    ),
)


def widest(lines: list[Line]) -> int:
    return max((sum(len(span.text) for span in one) for one in lines), default=0)


@settings(max_examples=50, deadline=None)
@given(WATCHES, st.integers(0, 200), st.integers(0, 60), NUMBERS, st.text(max_size=100), st.booleans())
def test_it_fits_and_never_raises(
    watch: WatchView, width: int, height: int, now: float, before: str, letters: bool
) -> None:
    lines = watch_lines(watch, width, height, now, before=before, letters=letters)
    assert widest(lines) <= width
    assert len(lines) <= height
    for one in lines:
        assert is_clean(plain(one))
        assert not letters or "▂" not in plain(one)


@settings(max_examples=25, deadline=None)
@given(WATCHES, st.integers(40, 200), st.integers(2, 20))
def test_the_chart_fits(watch: WatchView, width: int, height: int) -> None:
    lines = chart_lines(watch, width, height)
    assert widest(lines) <= width
    assert 2 <= len(lines) <= height


def side(address: str, buckets: list[tuple[int, int]], p95: float) -> SideView:
    return SideView(
        address,
        requests=sum(asked for asked, _ in buckets),
        errors=sum(failed for _, failed in buckets),
        p95_ms=p95,
        buckets=tuple(buckets),
    )


def a_watch(**changes: object) -> WatchView:
    new = [(10, 0)] * 20 + [(10, 1), (10, 3), (10, 0), (0, 0), (10, 5)] + [(10, 0)] * 5
    old = [(10, 0)] * 10 + [(10, 1)] + [(10, 0)] * 19
    fields: dict[str, object] = {
        "verdict": "INCONCLUSIVE",
        "since": 1000.0,
        "until": 1060.0,
        "new": side("203.0.113.9", new, 41.2),
        "old": side("198.51.100.4", old, 44.0),
        "evidence": 2.1,
        "alarm_at": 1000.0,
        "samples": 290,
        "min_samples": 400,
        "detail": "no alarm; 30 of 60 s and 290 of 400 requests",
        "seconds_left": 30.0,
        "detectable": 0.034,
    }
    return WatchView(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("letters", [False, True], ids=["blocks", "letters"])
@pytest.mark.parametrize("size", [(80, 16), (120, 20), (80, 8)])
def test_what_it_looks_like_without_colours(
    snapshot: SnapshotAssertion, size: tuple[int, int], letters: bool
) -> None:
    before = "no alarm in 5 s: new 0 errors in 50 (0 %), old 0 errors in 50 (0 %)"
    lines = watch_lines(a_watch(), *size, 1030.0, before=before, letters=letters)
    assert "\n".join(plain(one) for one in lines) == snapshot


def test_an_alarm_is_a_word() -> None:
    watch = a_watch(verdict="ABORT", evidence=5e7, detail="the new side fails while the old one does not")
    shown = "\n".join(plain(one) for one in watch_lines(watch, 80, 12, 1030.0))
    assert "ABORT" in shown
    assert "now >1e6, alarm at 1000 REACHED" in shown
    assert "the new side fails" in shown


def test_what_the_sides_count_themselves() -> None:
    new = TrafficSideView("envoy", True, 12300.0, 4.0, rate_per_s=41.0, before=0.0001, complete=True)
    old = TrafficSideView("nginx", False, 88.0, None, problems=("a pod did not answer",))
    watch = a_watch(traffic=TrafficView(old=old, new=new, says="no alarm by their own counts"))
    shown = "\n".join(plain(one) for one in watch_lines(watch, 120, 20, 1030.0))
    assert "new counts 12,300 requests of these hosts, 5xx 4, 0.03 %, before 0.01 %, 41.0 a second" in shown
    # what is not told is no zero
    assert "old counts 88 requests of all its hosts, NOT ALL OF IT  nginx" in shown
    assert "a pod did not answer" in shown
    assert "they   say: no alarm by their own counts" in shown


def test_nothing_asked_is_not_zero_errors() -> None:
    shown = [plain(one) for one in chart_lines(a_watch(), 140, 3)]
    new, old = shown[0].partition("|")[2], shown[1].partition("|")[2]
    assert new[23] == "·"
    assert new[:20] == "_" * 20
    assert new[24] not in "_·"
    assert old[10] not in "_·"


def test_a_second_later_it_is_the_same_but_for_one_cell() -> None:
    before = chart_lines(a_watch(), 140, 8)
    more = tuple((*one.buckets, (10, 0)) for one in (a_watch().new, a_watch().old))
    later = a_watch(new=side("x", list(more[0]), 41.2), old=side("y", list(more[1]), 44.0))
    after = chart_lines(later, 140, 8)
    different = sum(
        a != b
        for one, other in zip(before, after, strict=True)
        for a, b in zip(plain(one).ljust(140), plain(other).ljust(140), strict=True)
    )
    assert 0 < different <= 2


def test_a_full_chart_moves_by_a_quarter_and_keeps_the_newest() -> None:
    for elapsed in range(119, 400):
        first = elapsed - 119
        buckets = [(10, 0)] * 119 + [(10, 10)]
        watch = a_watch(new=side("x", buckets, 1.0), old=side("y", [(10, 0)] * 120, 1.0), first_second=first)
        row = plain(chart_lines(watch, 140, 3)[0])
        assert row.rstrip()[-1] == "█", elapsed
