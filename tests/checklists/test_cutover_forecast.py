from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.checklists.machine.forecast import OldPeriod, forecast


def test_the_measured_case_of_a_ttl_lowered_too_late() -> None:
    # old 90 s, lowered at +3 s, changed at +8 s: unbound let go after 82.5 s; the naive answer is 20
    found = forecast([OldPeriod(3, 90, "of the old TTL"), OldPeriod(8, 20, "of the low TTL")])
    assert found.lets_go_at == 93
    assert found.remaining_s(8) == 85
    assert found.arithmetic("03:00:03") == "90 s of the old TTL since 03:00:03"


def test_a_resolvers_minimum_stretches_short_ttls_only() -> None:
    assert forecast([OldPeriod(0, 5, "x")], resolver_minimum=60).lets_go_at == 60
    assert forecast([OldPeriod(0, 90, "x")], resolver_minimum=60).lets_go_at == 90


def test_nothing_to_forecast() -> None:
    with pytest.raises(ValueError, match="at least one"):
        forecast([])


periods = st.lists(
    st.builds(OldPeriod, st.floats(0, 1e6), st.floats(0, 1e6), st.just("x")), min_size=1, max_size=5
)


@given(periods, st.floats(0, 1e6))
def test_no_period_outlives_the_forecast(found: list[OldPeriod], now: float) -> None:
    result = forecast(found)
    assert all(period.ended_at + period.ttl <= result.lets_go_at for period in found)
    assert 0 <= result.old_share(now) <= 1
    assert result.old_share(result.lets_go_at) == 0
