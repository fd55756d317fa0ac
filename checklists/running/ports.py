"""Everything outside that a run touches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ...probes.watching.traffic.facts import TrafficSource
from ..checks.context import SnapshotSource
from ..machine.state import State
from ..records.base import RecordProvider
from .holding import operator_name
from .leasing import LeaseKeeper

WavesBefore = Callable[[], tuple[State | None, ...]]


def since_boot() -> float:
    """Seconds that passed since some instant, suspension counted in where the system can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Ports:
    """What a run asks, changes and tells the time by.

    ``clock`` gives epoch seconds, and may be set by anybody; ``elapsed`` seconds that only go on, also while
    the machine sleeps. ``operator`` signs what a person asks for; ``lease`` keeps others off the hosts.
    ``waves_before`` is how the waves before this one stand, the first one first; None for
    one that is not open here. ``old_traffic`` opens the old side's own counters, ``new_traffic`` the new
    one's; None: nothing counts them.
    """

    records: RecordProvider
    snapshots: SnapshotSource | None = None
    clock: Callable[[], float] = time.time
    elapsed: Callable[[], float] = since_boot
    operator: str = field(default_factory=operator_name)
    lease: LeaseKeeper | None = None
    waves_before: WavesBefore | None = None
    old_traffic: Callable[[], TrafficSource | None] | None = None
    new_traffic: Callable[[], TrafficSource | None] | None = None
