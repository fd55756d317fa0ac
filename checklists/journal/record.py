"""A run for its report: its events with the state before and after each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ...cluster.errors import UserError
from ..machine.advance import advance, fold
from ..machine.events import Event, RunStarted
from ..machine.state import State


@dataclass(frozen=True, slots=True)
class Step:
    """An event and the states around it; ``before`` is None for the first."""

    event: Event
    before: State | None
    after: State


@dataclass(frozen=True, slots=True)
class Record:
    """All of one run. ``digest`` is the hash of the last line; ``path`` where the journal is."""

    steps: tuple[Step, ...]
    digest: str = ""
    path: str = ""
    file_digest: str = ""

    @property
    def first(self) -> RunStarted:
        """How it began."""
        event = self.steps[0].event
        assert isinstance(event, RunStarted)
        return event

    @property
    def state(self) -> State:
        """How it stands."""
        return self.steps[-1].after

    @property
    def events(self) -> Iterator[Event]:
        """What happened."""
        return (step.event for step in self.steps)


def record_of(events: Sequence[Event], digest: str = "", path: str = "", file_digest: str = "") -> Record:
    """The record of a run's events. UserError where there is none, or one that cannot be."""
    steps: list[Step] = []
    state: State | None = None
    for event in events:
        after = fold((event,)) if state is None else advance(state, event)
        steps.append(Step(event, state, after))
        state = after
    if not steps:
        raise UserError("the journal is empty", "nothing was done, so there is nothing to report")
    return Record(tuple(steps), digest, path, file_digest)


def instant(at: float) -> str:
    """Local date and time of an epoch instant, with its offset."""
    try:
        return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
    except (ValueError, OverflowError, OSError):
        # only a journal made by hand has such a one
        return f"{at:g} s since 1970"
