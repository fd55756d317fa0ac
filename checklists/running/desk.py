"""What the parts of a running cutover share: the state, what was seen, and how an event is put on record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ...probes.watching.state import WatchState
from ..journal.file import Journal
from ..machine.effects import Effect
from ..machine.events import Event
from ..machine.state import State
from ..machine.view import CacheRow, Command, WatchView
from ..terms import CheckResult
from .counted import Counted
from .drain import Measured
from .ports import Ports
from .usercounts import Users


@dataclass(slots=True)
class Seen:
    """What was seen and is shown, beside the state: lost at a crash, and nothing is decided by it.

    ``notice`` answers the operator, ``fatal`` is why the run had to end; ``passed`` is the watch that passed.
    ``told`` are the numbers of a watch that somebody else holds, where only they are known.
    """

    notice: str = ""
    fatal: str = ""
    results: dict[str, CheckResult] = field(default_factory=dict)
    checking: tuple[str, ...] = ()
    watch: WatchState | None = None
    watch_began: float = 0.0
    passed: WatchState | None = None
    told: WatchView | None = None
    rows: tuple[CacheRow, ...] = ()
    missing: tuple[str, ...] = ()
    counted: Counted = field(default_factory=Counted)
    drained: Measured = field(default_factory=Measured)
    users: Users = field(default_factory=Users)


class Desk(Protocol):
    """What an effect works with."""

    journal: Journal
    ports: Ports
    seen: Seen

    @property
    def state(self) -> State:
        """The state as of the last event on disk."""

    def command(self, command: Command, operator: str = "") -> str:
        """Carry a command of ``operator`` out; why it was not, or nothing."""

    def record(self, event: Event) -> None:
        """Journal an event and go on from it. Raises UserError where it cannot be, and the run has ended."""

    def emit(self, effect: Effect, event: Event) -> bool:
        """Journal what an effect found, unless nobody wants to know any more (False)."""

    def changed(self) -> None:
        """Something worth showing has changed."""
