"""What a watch puts on record while it goes on, for a report, a replay, and those who were not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...cluster.text import clean
from ...probes.watching.state import SideView, WatchState
from ...probes.watching.traffic.view import TrafficSideView, TrafficView
from ..plans.model import Durations

_SIDES = ("new_requests", "new_errors", "old_requests", "old_errors")
_MOST_S, _MOST_SOAKING_S = 10.0, 300.0
_SOAKING_BUCKET_S = 30
_MOST_KEPT = 1000


class Notes:
    """The seconds of one watch since its last note."""

    def __init__(self, durations: Durations, *, soaking: bool) -> None:
        self._every_s = (
            min(_MOST_SOAKING_S, max(1.0, durations.soak / 20))
            if soaking
            else min(_MOST_S, max(0.5, durations.watch / 6))
        )
        self._step = min(_SOAKING_BUCKET_S, max(1, int(self._every_s / 10))) if soaking else 1
        self._rows: dict[int, tuple[int, int, int, int]] = {}
        self._next_second = 0
        self._noted_s = 0.0

    def due(self, state: WatchState) -> bool:
        """Take in what the watch has seen; whether it is time for a note."""
        for one in state.buckets:
            if one.second >= self._next_second and len(self._rows) < _MOST_KEPT:
                self._rows[one.second] = (
                    one.new_requests,
                    one.new_errors,
                    one.old_requests,
                    one.old_errors,
                )
        return state.elapsed_s - self._noted_s >= self._every_s

    def numbers(self, state: WatchState) -> dict[str, Any]:
        """The note: all counts so far, and what the seconds since the last note have brought."""
        whole = [second for second in sorted(self._rows) if state.finished or second < int(state.elapsed_s)]
        summed: dict[int, list[int]] = {}
        for second in whole:
            row = summed.setdefault(second - second % self._step, [0, 0, 0, 0])
            for place, count in enumerate(self._rows.pop(second)):
                row[place] += count
        self._next_second = whole[-1] + 1 if whole else self._next_second
        self._noted_s = state.elapsed_s
        return numbers_of(state, summed, self._step)


def numbers_of(state: WatchState, buckets: Mapping[int, list[int]], bucket_s: int = 1) -> dict[str, Any]:
    """A watch's counts in plain values.

    ``buckets`` are rows of the second of the watch that they begin with, the new side's requests and errors,
    and the old side's; each is ``bucket_s`` seconds long. The sides have their own columns of them as well.
    """
    return {
        "verdict": state.verdict.value,
        "reason": clean(state.decision.reason),
        "elapsed_s": round(state.elapsed_s, 1),
        "new": _side(state.new, [row[:2] for row in buckets.values()]),
        "old": _side(state.old, [row[2:] for row in buckets.values()]),
        "evidence": {
            "ratio": min(state.decision.evidence, 1e300),
            "alarm_at": state.decision.threshold,
        },
        "detectable": state.decision.detectable,
        "seconds_left": state.decision.seconds_left,
        "buckets": [[second, *row] for second, row in buckets.items()],
        "bucket_s": bucket_s,
        **({"traffic": _traffic(state.traffic)} if state.traffic is not None else {}),
    }


def _traffic(traffic: TrafficView) -> dict[str, Any]:
    sides = {"new": traffic.new, "old": traffic.old}
    return {name: _counted(side) for name, side in sides.items() if side is not None}


def _counted(side: TrafficSideView) -> dict[str, Any]:
    return {
        "source": side.source,
        "by_host": side.by_host,
        "complete": side.complete,
        "requests": side.requests,
        "errors_5xx": side.errors_5xx,
        "not_found": side.not_found,
        "handshakes": side.handshakes,
        "handshake_failures": side.handshake_failures,
        "share_before": side.before,
        "problems": list(side.problems[:2]),
    }


def _side(side: SideView, buckets: list[list[int]]) -> dict[str, Any]:
    return {
        "requests": side.requests,
        "errors": side.errors,
        "kinds": dict(side.kinds),
        "p95_ms": side.p95_ms,
        "buckets": buckets,
    }
