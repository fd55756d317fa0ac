"""The drain and the retire advice as lines: within the columns, and nothing that a terminal acts on."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pointsman.checklists.machine.view import CountedView, DrainView, ForecastView, ResolverDrain, RunView
from pointsman.cluster.text import clean
from pointsman.probes.verdict import Verdict
from pointsman.tui.lines import plain
from pointsman.tui.telling.drain import drain_lines, others_bar

NOW = 1_800_000_000.0
words = st.text(max_size=60)
instants = st.one_of(st.none(), st.floats(NOW - 1e5, NOW + 1e5))
windows = st.builds(
    lambda since, length, others: CountedView(since, since + length, others),
    st.floats(NOW - 1e5, NOW),
    st.floats(0, 1e4),
    st.one_of(st.none(), st.floats(0, 1e9)),
)
drains = st.builds(
    DrainView,
    forecast_at=instants,
    last_old=instants,
    late_s=st.one_of(st.none(), st.floats(-1e5, 1e5)),
    resolvers=st.lists(st.builds(ResolverDrain, words, words, words, instants, instants), max_size=10).map(
        tuple
    ),
    source=words,
    counted=st.lists(windows, max_size=20).map(tuple),
    quiet_since=instants,
    quiet_until=instants,
    wanted_s=st.floats(0, 1e6),
    verdict=st.sampled_from(Verdict),
    missing=st.lists(words, max_size=3).map(tuple),
    detail=words,
    raised=words,
)
forecasts = st.builds(
    ForecastView,
    st.floats(NOW - 1e5, NOW + 1e5),
    words,
    st.floats(0, 1),
    words,
    st.booleans(),
    st.floats(0, 1e4),
    instants,
)


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.none(), forecasts), drains, st.integers(60, 200))
def test_any_drain_fits_and_is_safe(forecast: ForecastView | None, drain: DrainView, width: int) -> None:
    view = RunView("r", ("a.test",), "soak", forecast=forecast, drain=drain, now=NOW)
    for one in drain_lines(view, width):
        text = plain(one)
        assert len(text) <= width, text
        assert clean(text, 1000) == text


def test_nothing_before_the_switch() -> None:
    assert drain_lines(RunView("r", ("a.test",), "preflight"), 80) == []


def test_the_bar_tells_none_from_unknown() -> None:
    counted = [
        CountedView(0, 60, 0.0),
        CountedView(60, 120, None),
        CountedView(120, 180, 5),
        CountedView(180, 240, 10),
    ]
    assert others_bar(counted, 10) == "_?▄█"
