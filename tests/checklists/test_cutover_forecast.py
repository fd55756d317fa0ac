from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointsman.checklists.machine.forecast import run_drain, run_forecast
from pointsman.checklists.machine.state import State
from pointsman.checklists.plans.model import CriticalPath, DnsPlan, ObjectName, Plan, Side
from pointsman.checklists.records.base import RecordChange, RecordSet
from pointsman.probes.wire.dns.forecast import drain, low_ttl_gate, old_periods, periods
from pointsman.probes.wire.dns.zones import Sighting

HOST, SERVERS = "store.shop.test", ("192.0.2.53:53", "192.0.2.54:53")


def a_plan(low_ttl: int) -> Plan:
    return Plan(
        name="store",
        hosts=(HOST,),
        gateway=ObjectName("infra", "main"),
        old=Side("192.0.2.1"),
        new=Side("192.0.2.2"),
        paths=(CriticalPath("/"),),
        dns=DnsPlan("rfc2136", "shop.test.", SERVERS, low_ttl),
    )


def switched(old_ttl: int, low_ttl: int, lowered_at: float, changed_at: float | None) -> State:
    """A run whose last server showed the low TTL, and then the change, at these instants."""
    old = (RecordSet(HOST, "A", old_ttl, ("192.0.2.1",)),)
    low = (RecordSet(HOST, "A", low_ttl, ("192.0.2.1",)),)
    new = (RecordSet(HOST, "A", low_ttl, ("192.0.2.2",)),)
    return State(
        run_id="r",
        plan=a_plan(low_ttl),
        checks=(),
        writes_enabled=True,
        started_at=0.0,
        phase="watch",
        lowered=RecordChange("lower-ttl", "shop.test.", (HOST,), old, low),
        switched=RecordChange("switch", "shop.test.", (HOST,), low, new),
        old_ttl=float(old_ttl),
        low_seen_at=lowered_at,
        new_seen_at=changed_at,
        marks=(("preflight", 0.0), ("watch", lowered_at)),
    )


def test_the_measured_case_of_a_ttl_lowered_too_late() -> None:
    # old 90 s, lowered at +3 s, changed at +8 s: unbound let go after 82.5 s; the naive answer is 20
    state = switched(90, 20, 3, 8)
    found = run_drain(state)
    assert found is not None
    assert found.lets_go_at == 93
    assert found.remaining_s(8) == 85
    view = run_forecast(state, 8.0)
    assert view is not None
    assert view.known
    assert "A 192.0.2.1, TTL 90 s: gone everywhere by" in view.arithmetic
    assert "+ 90 s =" in view.arithmetic
    assert view.old_share == pytest.approx(85 / 90)


def test_a_resolvers_minimum_stretches_short_ttls_only() -> None:
    short, long = switched(5, 5, 0, 0), switched(90, 5, 0, 0)
    assert run_drain(short, 60).lets_go_at == 60  # type: ignore[union-attr]
    assert run_drain(long, 60).lets_go_at == 90  # type: ignore[union-attr]
    view = run_forecast(short, 0.0)
    assert view is not None
    assert view.browsers_at == 60


def test_a_server_that_still_serves_the_old_answer_makes_it_the_earliest_instant() -> None:
    state = switched(90, 20, 3, None)
    found = run_drain(state)
    assert found is not None
    assert found.lets_go_at is None
    view = run_forecast(state, 1000.0)
    assert view is not None
    assert not view.known
    assert view.lets_go_at == 1020
    assert view.old_share == 1.0


def test_nothing_to_forecast_before_the_first_change() -> None:
    state = replace(switched(90, 20, 3, 8), switched=None, phase="preflight")
    assert run_forecast(state, 0.0) is None


@given(
    st.integers(1, 4000),
    st.integers(1, 300),
    st.floats(0, 1e5),
    st.floats(0, 1e5),
    st.sampled_from([0.0, 60.0, 900.0]),
)
def test_the_run_says_what_the_record_of_sightings_says(
    old_ttl: int, low_ttl: int, lowered_at: float, later: float, minimum: float
) -> None:
    """One arithmetic in the house: from the machine's instants, and from what ``dns follow`` would record."""
    changed_at = lowered_at + later
    seen = []
    for server in SERVERS:
        seen += [
            Sighting(-1.0, f"{HOST}.", server, "A", old_ttl, ("192.0.2.1",)),
            Sighting(lowered_at, f"{HOST}.", server, "A", low_ttl, ("192.0.2.1",)),
            Sighting(changed_at, f"{HOST}.", server, "A", low_ttl, ("192.0.2.2",)),
        ]
    recorded = drain(old_periods(periods(seen), ("192.0.2.1",), ("192.0.2.2",)), minimum)
    state = switched(old_ttl, low_ttl, lowered_at, changed_at)
    found = run_drain(state, minimum)
    assert found is not None
    if old_ttl != low_ttl and later > 0:
        assert found.lets_go_at == recorded.lets_go_at
    at = found.lets_go_at
    assert at is not None
    assert found.old_share(at) == 0
    assert 0 <= (found.old_share(changed_at) or 0.0) <= 1


@given(st.integers(2, 4000), st.floats(0, 1e5), st.floats(0, 5000))
def test_the_wait_for_the_old_ttl_is_that_of_the_gate(old_ttl: int, lowered_at: float, later: float) -> None:
    """``pointsman dns`` and a run say the same of when it is time to switch."""
    low_ttl = max(1, old_ttl // 10)
    seen = []
    for server in SERVERS:
        seen += [
            Sighting(-1.0, f"{HOST}.", server, "A", old_ttl, ("192.0.2.1",)),
            Sighting(lowered_at, f"{HOST}.", server, "A", low_ttl, ("192.0.2.1",)),
        ]
    gate = low_ttl_gate(seen, low_ttl, lowered_at + later, SERVERS)
    state = replace(switched(old_ttl, low_ttl, lowered_at, None), switched=None, phase="wait-ttl")
    found = run_drain(state)
    assert found is not None
    assert found.lets_go_at == gate.ready_at == lowered_at + old_ttl
    assert gate.state == ("low" if lowered_at + later >= lowered_at + old_ttl else "wait")
