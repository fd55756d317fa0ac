"""What both sides were seen to count by themselves: what the looking and the watch share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ...probes.watching.decision import TrafficTally
from ...probes.watching.traffic.facts import Reading
from ...probes.watching.traffic.flow import Before
from ..machine.state import State

# in a soak of days the users and what they do change: only what no such change explains may alarm
_SOAK_FLOOR = 0.05


@dataclass(slots=True)
class Users:
    """Both sides' own counts: before the switch, and the newest reading of each (``looks`` so far).

    ``why_not`` says why the new side is not counted. ``wanted`` asks for a look now.
    """

    old_before: Before | None = None
    new_before: Before | None = None
    old: Reading | None = None
    new: Reading | None = None
    looks: int = 0
    why_not: str = ""
    wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def tally(self, state: State, *, soaking: bool) -> TrafficTally | None:
        """What a new watch begins with; None where the plan names no counts at all."""
        plan = state.plan
        sides = (plan.traffic.old, plan.traffic.new)
        if not any(side.pods or side.prometheus for side in sides):
            return None
        return TrafficTally.of(
            plan.hosts,
            self.old_before,
            self.new_before,
            p0=plan.thresholds.p0,
            alpha=plan.thresholds.alpha,
            floor=_SOAK_FLOOR if soaking else 0.0,
            why_not=self.why_not,
        )
