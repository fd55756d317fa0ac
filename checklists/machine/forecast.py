"""When the last compliant cache lets go of what a run changed: its events as periods of old data. Pure.

The arithmetic is that of ``probes.wire.dns.forecast``; here only stands which periods a run knows of.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...probes.wire.dns.forecast import TAIL, Drain, Period, drain
from ..records.base import RecordSet
from .state import State
from .view import ForecastView
from .words import clock_time

BROWSERS_MINIMUM_S = 60.0
"""Chromium keeps no answer for less."""

_ADDRESSES = ("A", "AAAA", "CNAME")


def run_drain(state: State, resolver_minimum: float = 0.0) -> Drain | None:
    """The drain that the present phase waits for, or is in; None where nothing old is on its way out.

    ``resolver_minimum`` (seconds) is the shortest time for which a cache keeps anything.
    """
    found = _old_periods(state)
    return drain(found, resolver_minimum) if found else None


def run_forecast(state: State, now: float, resolver_minimum: float = 0.0) -> ForecastView | None:
    """The drain as it is shown. While a server still serves the old data, it is what it would be if that
    ended now: the earliest instant, and so it is called.
    """
    found = run_drain(state, resolver_minimum)
    if found is None:
        return None
    known = found.lets_go_at is not None
    if not known:
        found = drain(_ended_by(now, _old_periods(state)), resolver_minimum)
    assert found.lets_go_at is not None
    browsers = drain((part.period for part in found.parts), BROWSERS_MINIMUM_S).lets_go_at
    return ForecastView(
        lets_go_at=found.lets_go_at,
        arithmetic=found.parts[0].words(clock_time),
        old_share=found.old_share(now) or 0.0,
        tail=TAIL,
        known=known,
        minimum=resolver_minimum,
        browsers_at=browsers,
    )


def _ended_by(now: float, periods: Iterable[Period]) -> list[Period]:
    return [
        one
        if one.gone_by is not None
        else Period(one.name, one.type, one.ttl, one.values, one.first_seen, now, now)
        for one in periods
    ]


def _old_periods(state: State) -> list[Period]:
    if state.phase == "wait-ttl":
        return _old_ttl(state)
    stopped = state.phase in ("stopped-at-gate", "held")
    phase = state.stopped_in if stopped else state.phase
    if state.switched is not None and phase in ("watch", "soak", "done"):
        new_since = state.new_seen_at
        low = _periods(state, state.switched.before, None, state.began("watch"), new_since)
        return [*low, *(_old_ttl(state) if state.low_seen_at is not None else [])]
    if state.phase == "drain" and state.returned is not None:
        return _periods(state, state.returned.before, None, state.began("watch"), state.old_seen_at)
    return []


def _old_ttl(state: State) -> list[Period]:
    """What stood before the TTL was lowered; where it was low already, its TTL was told or was in a cache."""
    before = state.lowered.before if state.lowered is not None else ()
    if not before:
        kind = "AAAA" if ":" in state.plan.old.address else "A"
        before = tuple(RecordSet(host, kind, 0, (state.plan.old.address,)) for host in state.plan.hosts)
    return _periods(state, before, state.old_ttl, state.started_at, state.low_seen_at)


def _periods(
    state: State,
    sets: Iterable[RecordSet],
    ttl: float | None,
    first: float | None,
    gone_by: float | None,
) -> list[Period]:
    still = () if gone_by is not None else state.plan.dns.authoritative
    begun = state.started_at if first is None else first
    return [
        Period(
            name=one.host,
            type=one.type,
            # the longest that was seen anywhere: a server that lagged, a cache that still held it
            ttl=one.ttl if ttl is None else int(ttl),
            values=one.values,
            first_seen=min(begun, gone_by) if gone_by is not None else begun,
            last_seen=gone_by if gone_by is not None else begun,
            gone_by=gone_by,
            still=still,
        )
        for one in sets
        if one.type in _ADDRESSES
    ]
