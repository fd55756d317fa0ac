"""From look to look: what goes on record, how little of it, and what a silent pod or a crash leaves open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pointsman.checklists.machine.advance import advance
from pointsman.checklists.machine.effects import Effect
from pointsman.checklists.machine.events import ChecksAsked, Event, OldSideCounted
from pointsman.checklists.machine.state import QuietSpell, State
from pointsman.checklists.records.show import Show
from pointsman.checklists.running.desk import Seen
from pointsman.checklists.running.ports import Ports
from pointsman.checklists.running.quiet import _Counting
from pointsman.probes.watching.traffic.facts import Counts, Reading
from pointsman.probes.wire.http.sent import SENT
from soak_states import HOST, PLAN, STATE

QUICK = replace(PLAN, durations=replace(PLAN.durations, soak=6.0, quiet=6.0))


class Scripted:
    """A source that says what it is told to, a reading each time."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = list(readings)

    async def read(self) -> Reading:
        return self._readings.pop(0)

    async def close(self) -> None:
        pass


@dataclass
class StubDesk:
    """A desk that folds what is recorded, as the executor does."""

    state: State
    ports: Ports
    seen: Seen = field(default_factory=Seen)
    events: list[Event] = field(default_factory=list)

    def record(self, event: Event) -> None:
        self.state = advance(self.state, event)
        self.events.append(event)

    def emit(self, effect: Effect, event: Event) -> bool:
        raise NotImplementedError

    def changed(self) -> None:
        pass


def reading(at: float, counted: float, *, whole: bool = True) -> Reading:
    return Reading(
        at,
        1.0,
        "ingress-nginx pods in ingress-nginx",
        Counts(requests=counted),
        {HOST: Counts(requests=counted)},
        pods=1,
        answered=int(whole),
        complete=whole,
        unbroken_since=1.0 if whole else None,
        problems=() if whole else ("pod-1: no answer",),
    )


def counting(readings: Sequence[Reading], state: State | None = None) -> tuple[StubDesk, _Counting]:
    state = state or replace(STATE, plan=QUICK, phase="soak", soak_over=False, quiet=None)
    desk = StubDesk(state, Ports(Show(state.plan)))
    own = SENT.follow(["192.0.2.1"])
    own.close()
    return desk, _Counting(desk, Scripted(readings), own)


async def looks(made: _Counting, count: int) -> None:
    for _ in range(count):
        await made._look()


async def test_a_pod_that_was_silent_for_a_look_leaves_no_gap() -> None:
    desk, made = counting([reading(10, 5), reading(10.5, 5, whole=False), reading(11, 7)])
    await looks(made, 3)
    (event,) = desk.events
    assert isinstance(event, OldSideCounted)
    assert (event.since, event.at, event.others) == (10, 11, 2)


async def test_a_pod_that_stays_silent_is_not_known() -> None:
    silent = [reading(10 + at / 2, 5, whole=False) for at in range(1, 9)]
    desk, made = counting([reading(10, 5), *silent, reading(15, 5), reading(15.5, 5)])
    await looks(made, 11)
    made._put_on_record()
    events = [event for event in desk.events if isinstance(event, OldSideCounted)]
    assert [event.others for event in events] == [None, 0]
    assert "no answer" in events[0].detail
    assert desk.state.quiet is not None
    assert desk.state.quiet.since == 15


async def test_two_quiet_days_are_few_lines() -> None:
    state = replace(STATE, phase="soak", soak_over=False, quiet=None)
    day = [reading(60.0 * minute, 100) for minute in range(2 * 24 * 60)]
    desk, made = counting(day, state)
    made._read = lambda before: _at_once(made)  # type: ignore[assignment, method-assign]
    await looks(made, len(day))
    assert len(desk.events) <= 200
    assert desk.state.quiet is not None
    assert desk.state.quiet.seconds > 47 * 3600


async def test_one_that_comes_each_other_minute_is_at_most_a_line_a_minute() -> None:
    state = replace(STATE, phase="soak", soak_over=False, quiet=None)
    hour = [reading(60.0 * minute, 100 + minute // 2) for minute in range(240)]
    desk, made = counting(hour, state)
    made._read = lambda before: _at_once(made)  # type: ignore[assignment, method-assign]
    await looks(made, len(hour))
    made._put_on_record()
    assert len(desk.events) <= 240
    assert sum(event.others or 0 for event in desk.events if isinstance(event, OldSideCounted)) == 119


async def _at_once(made: _Counting) -> object:
    from pointsman.probes.watching.idle import Look

    await asyncio.sleep(0)
    return Look(await made._source.read())


async def test_after_a_crash_the_quiet_begins_anew() -> None:
    before = QuietSpell(2.0, 9.0, "ingress-nginx pods in ingress-nginx", ours=10.0)
    state = replace(STATE, plan=QUICK, phase="soak", soak_over=False, quiet=before)
    desk, made = counting([reading(10, 5), reading(11, 5)], state)
    await looks(made, 2)
    made._put_on_record()
    assert desk.state.quiet is not None
    assert (desk.state.quiet.since, desk.state.quiet.until) == (10, 11)


async def test_a_rollback_ends_the_count() -> None:
    desk, made = counting([reading(10, 5), reading(11, 9), reading(12, 9)])
    await looks(made, 1)
    assert desk.state.switched is not None
    desk.state = replace(desk.state, phase="drain", returned=desk.state.switched.inverted())
    await looks(made, 2)
    assert desk.events == []


async def test_the_gate_is_not_asked_again_while_something_else_keeps_it_shut() -> None:
    desk, made = counting([reading(10, 5), reading(11, 5)])
    desk.state = replace(desk.state, phase="stopped-at-gate", stopped_in="soak", gate="before-retire")
    await looks(made, 2)
    made._ask_again()
    assert not [event for event in desk.events if isinstance(event, ChecksAsked)]
