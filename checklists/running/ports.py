"""Everything outside that a run touches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

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


def boot_id() -> str:
    """Which start of this machine it is; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:64]
    except (OSError, ValueError):
        return ""


class RunClock:
    """Epoch seconds from when it was made, that go on as time does, whoever sets the machine's clock.

    All of a run is timed by one of these: of two instants in a journal line the later one came later.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, elapsed: Callable[[], float] = since_boot
    ) -> None:
        self._wall, self._elapsed = wall, elapsed
        self.boot, self.uptime = boot_id(), elapsed()
        self.began = wall()

    def __call__(self) -> float:
        return self.began + self._elapsed() - self.uptime

    def ahead_s(self) -> float:
        """By how much the machine's clock was set forward since (back: less than 0)."""
        return self._wall() - self()


@dataclass(frozen=True, slots=True)
class Ports:
    """What a run asks, changes and tells the time by.

    ``clock`` gives epoch seconds (a ``RunClock``); ``elapsed`` seconds that only go on, also while the
    machine sleeps. ``operator`` signs what a person asks for; ``lease`` keeps others off the hosts.
    ``waves_before`` is how the waves before this one stand, the first one first; None for
    one that is not open here. ``old_traffic`` opens the old side's own counters, ``new_traffic`` the new
    one's; None: nothing counts them.
    """

    records: RecordProvider
    snapshots: SnapshotSource | None = None
    clock: Callable[[], float] = field(default_factory=RunClock)
    elapsed: Callable[[], float] = since_boot
    operator: str = field(default_factory=operator_name)
    lease: LeaseKeeper | None = None
    waves_before: WavesBefore | None = None
    old_traffic: Callable[[], TrafficSource | None] | None = None
    new_traffic: Callable[[], TrafficSource | None] | None = None
