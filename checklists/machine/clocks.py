"""What a resume makes of a clock that somebody has set while no process ran. Pure.

A process tells the time by one clock that nobody can set (``running/ports.py``). The next process begins
with the wall clock as it is then; where both ran on the same start of the same machine its uptime says how
much time has really passed between them.
"""

from __future__ import annotations

from dataclasses import replace

from .events import Resumed
from .state import ClockMark, QuietSpell, State

SLACK_S = 2.0
"""By so much (seconds) two readings of two clocks may differ where nobody has set any."""


def on_the_clock(state: State, event: Resumed) -> State:
    """The state in the instants of the process that goes on, and what it waits for never cut short."""
    mark, latest = state.clock, latest_instant(state)
    state = replace(state, clock=ClockMark(event.at, event.boot, event.uptime) if event.boot else None)
    if mark is not None and mark.boot == event.boot and event.uptime >= mark.uptime:
        moved = (event.at - mark.at) - (event.uptime - mark.uptime)
        return shifted(state, moved) if abs(moved) > SLACK_S else state
    if event.at < latest - SLACK_S:
        # the clock goes another way than time does: as if none had passed
        state = shifted(state, event.at - latest)
    return _waited_anew(state, event.at) if mark is not None else state


def latest_instant(state: State) -> float:
    """The latest instant that the state knows to have passed."""
    known = [state.started_at, *(at for _, at in state.marks)]
    known += [at for at in (state.low_seen_at, state.new_seen_at, state.old_seen_at, state.gate_at) if at]
    return max(known + ([state.quiet.until] if state.quiet is not None else []))


def shifted(state: State, by: float) -> State:
    """The same state by a clock that shows ``by`` seconds more."""

    def moved(at: float | None) -> float | None:
        return None if at is None else at + by

    quiet = state.quiet
    if quiet is not None:
        quiet = QuietSpell(
            quiet.since + by, quiet.until + by, quiet.source, quiet.ours, quiet.others, quiet.detail
        )
    return replace(
        state,
        started_at=state.started_at + by,
        gate_at=moved(state.gate_at),
        low_seen_at=moved(state.low_seen_at),
        new_seen_at=moved(state.new_seen_at),
        old_seen_at=moved(state.old_seen_at),
        wait_until=moved(state.wait_until),
        watch_since=moved(state.watch_since),
        quiet=quiet,
        marks=tuple((phase, at + by) for phase, at in state.marks),
    )


def _waited_anew(state: State, at: float) -> State:
    """Another start of the machine, or another machine: nobody can tell what has passed of a TTL's wait."""
    if state.wait_until is None:
        return state
    if state.phase == "wait-ttl" and state.low_seen_at is not None:
        return replace(state, low_seen_at=at, wait_until=at + (state.wait_until - state.low_seen_at))
    if state.phase == "drain" and state.old_seen_at is not None:
        return replace(state, old_seen_at=at, wait_until=at + (state.wait_until - state.old_seen_at))
    return state
