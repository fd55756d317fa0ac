"""A run that is over, or was: its journal gone through event by event, each moment as it was seen then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...cluster.errors import UserError
from ..journal.file import read_journal, run_path
from ..machine.advance import advance, fold
from ..machine.events import Event, GateChecked, RunStarted, WatchBegan, WatchEnded, WatchNoted
from ..machine.state import State
from ..machine.view import Command, RunView, WatchView
from ..machine.words import event_words
from ..plans.model import Plan
from ..records.base import RecordChange
from .desk import Seen
from .face import ViewBoard
from .noted import watch_from
from .run import provider_for
from .runview import view_of

LONGEST_GAP_S = 1.0
_MOST_SECONDS = 120
_ANSWERS = ("confirmed", "pending", "postponed", "flagged", "watch_passed", "soak_over", "rehearsed")
_CHANGES = ("proposal", "lowered", "switched", "returned")


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of the journal: its ``number`` from 1, and the state and the watch after it."""

    number: int
    event: Event
    state: State
    watch: WatchView | None
    digest: str


class ReplayedRun:
    """Read-only. ``go_to`` and the steps move in it; every view is of the moment that was come to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._moments = _moments(path)
        self._at = 0
        self._playing: threading.Timer | None = None
        self._lock = threading.RLock()
        self._records = provider_for(self.plan)
        self._board = ViewBoard(self._view())

    @classmethod
    def open(cls, run_id: str, state_dir: Path | None = None) -> ReplayedRun:
        """UserError: no such run, or a changed journal."""
        path = run_path(run_id, state_dir)
        if not path.exists():
            raise UserError(f"no run {run_id} in {path.parent}", "`pointsman journal` lists all runs")
        return cls(path)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._moments[0].state.run_id

    @property
    def plan(self) -> Plan:
        """The plan as it was at the beginning."""
        return self._moments[0].state.plan

    @property
    def alive(self) -> bool:
        """It can always be moved in."""
        return True

    @property
    def playing(self) -> bool:
        """Whether it goes on by itself."""
        return self._playing is not None

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Every moment, the oldest first."""
        return self._moments

    @property
    def moment(self) -> Moment:
        """The present one."""
        return self._moments[self._at]

    def view(self) -> RunView:
        """The run at this moment."""
        return self._board.view()

    def send(self, command: Command) -> None:
        """Nothing can be asked of what is over."""
        self._board.put(
            replace(self._board.view(), message="a replay changes nothing: what is shown is over")
        )

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Call ``callback`` with each new view; the result ends that."""
        return self._board.subscribe(callback)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stand still."""
        with self._lock:
            if self._playing is not None:
                self._playing.cancel()
                self._playing = None

    # -- moving

    def go_to(self, place: int) -> None:
        """The moment of that place (from 0), or the nearest one."""
        with self._lock:
            self._at = min(max(place, 0), len(self._moments) - 1)
            self._board.put(self._view())

    def step(self, events: int) -> None:
        """So many events on, or back."""
        self.stop()
        self.go_to(self._at + events)

    def step_phase(self, towards: int) -> None:
        """To where the next phase (1) or this one, then the one before (-1), begins."""
        self.stop()
        begins = self._begins()
        if towards > 0:
            self.go_to(next((place for place in begins if place > self._at), len(self._moments) - 1))
        else:
            self.go_to(next((place for place in reversed(begins) if place < self._at), 0))

    def home(self) -> None:
        """The first event."""
        self.step(-len(self._moments))

    def end(self) -> None:
        """The last event."""
        self.step(len(self._moments))

    def play(self) -> None:
        """Go on by itself in the time it took, no gap longer than a second; or stand still again."""
        with self._lock:
            if self._playing is not None:
                self.stop()
            else:
                if self._at == len(self._moments) - 1:
                    self.go_to(0)
                self._play_on()
            self._board.put(self._view())

    def _play_on(self) -> None:
        if self._at + 1 >= len(self._moments):
            self._playing = None
            return
        gap = self._moments[self._at + 1].event.at - self._moments[self._at].event.at
        self._playing = threading.Timer(min(max(gap, 0.0), LONGEST_GAP_S), self._played)
        self._playing.daemon = True
        self._playing.start()

    def _played(self) -> None:
        with self._lock:
            if self._playing is None:
                return
            self._at += 1
            self._play_on()
            self._board.put(self._view())

    def _begins(self) -> list[int]:
        moments = self._moments
        return [
            place
            for place in range(len(moments))
            if place == 0 or moments[place].state.phase != moments[place - 1].state.phase
        ]

    def _view(self) -> RunView:
        moment, last = self._moments[self._at], self._moments[-1]
        seen = Seen(told=moment.watch)
        seen.notice = event_words(moment.event)
        return view_of(
            moment.state,
            [one.event for one in self._moments[: self._at + 1]],
            seen,
            moment.event.at,
            records=self._records,
            journal_path=str(self._path),
            journal_head=moment.digest,
            read_only=f"a replay: event {moment.number} of {last.number}, nothing is changed",
        )


def _moments(path: Path) -> tuple[Moment, ...]:
    state: State | None = None
    watch: WatchView | None = None
    began = 0.0
    moments: list[Moment] = []
    for entry in read_journal(path):
        event = entry.event
        state = fold((event,)) if state is None or isinstance(event, RunStarted) else advance(state, event)
        if isinstance(event, WatchBegan):
            began, watch = event.at, None
        elif isinstance(event, WatchNoted | WatchEnded):
            watch = _with_seconds_before(watch_from(event, state.plan, began), watch)
        moments.append(Moment(entry.number, event, state, watch, entry.digest))
    if not moments:
        raise UserError(f"{path}: the journal is empty", "nothing was done")
    return tuple(moments)


def _with_seconds_before(now: WatchView, before: WatchView | None) -> WatchView:
    """A note has the seconds since the last one only."""
    if before is None:
        return now
    new = (*before.new.buckets, *now.new.buckets)[-_MOST_SECONDS:]
    old = (*before.old.buckets, *now.old.buckets)[-_MOST_SECONDS:]
    # as many seconds further back as there are more of them now
    first = max(0, now.first_second - (len(new) - len(now.new.buckets)))
    new_side, old_side = replace(now.new, buckets=new), replace(now.old, buckets=old)
    return replace(now, first_second=first, new=new_side, old=old_side)


def what_changed(before: Moment | None, now: Moment) -> tuple[str, ...]:
    """What an event changed in the state, in words."""
    if before is None:
        return (f"phase {now.state.phase}",)
    old, new = before.state, now.state
    said = []
    if old.phase != new.phase:
        said.append(f"phase {old.phase} -> {new.phase}")

    def differing(*names: str) -> list[tuple[str, Any]]:
        pairs = ((name, getattr(old, name), getattr(new, name)) for name in names)
        return [(name.replace("_", " "), after) for name, before, after in pairs if before != after]

    said += [f"{name}: {'yes' if value else 'no'}" for name, value in differing(*_ANSWERS)]
    said += [f"{name}: {_change(value)}" for name, value in differing(*_CHANGES)]
    if isinstance(now.event, GateChecked):
        said += [f"{item.check_id} {item.verdict}: {item.headline}" for item in now.event.results]
    said += [f"{name}: {value}" for name, value in differing("reason", "unheld", "turn_why") if value]
    return tuple(said)


def _change(change: RecordChange | None) -> str:
    return " ".join(change.diff) or "no difference" if change is not None else "none"
