"""What the faces of runs that are only looked at have in common."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from ...cluster.errors import UserError, told
from ...cluster.text import clean
from ..machine.view import Command, Quit, RunView
from ..plans.model import Plan
from .face import ViewBoard
from .ports import since_boot

_log = logging.getLogger(__name__)

_REFUSAL_S = 6.0


class Onlooker:
    """A thread that looks again and again, until ``stop``. Subclasses give ``plan`` and ``look``.

    ``ended`` is why it cannot be looked at any more, empty while it can.
    """

    def __init__(self, first: RunView, every_s: float) -> None:
        self._board = ViewBoard(first)
        self._every_s = every_s
        self._refused_until = 0.0
        self.ended = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"looking at {first.run_id}", daemon=True)

    @property
    def plan(self) -> Plan:
        """The plan that is carried out."""
        raise NotImplementedError

    def look(self) -> RunView | None:
        """The run now; None where nothing is new. UserError where it cannot be looked at any more."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._board.view().run_id

    @property
    def alive(self) -> bool:
        """Whether newer views may still come."""
        return self._thread.is_alive()

    def view(self) -> RunView:
        """The run as it was seen last."""
        view = self._board.view()
        if since_boot() < self._refused_until:
            return replace(view, message=view.read_only)
        return view

    def send(self, command: Command) -> None:
        """Nothing can be asked of it from here, and that is said for a while."""
        if not isinstance(command, Quit):
            self._refused_until = since_boot() + _REFUSAL_S

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Call ``callback`` with each new view; the result ends that."""
        return self._board.subscribe(callback)

    def wait(self, predicate: Callable[[RunView], bool], timeout_s: float) -> RunView:
        """The first view for which ``predicate`` holds. TimeoutError after ``timeout_s``."""
        return self._board.wait(predicate, timeout_s)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Look no more."""
        self._over.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while not self._over.wait(self._every_s):
            try:
                view = self.look()
            except UserError as error:
                self._end(clean(error))
                return
            except Exception as error:  # noqa: BLE001 - who looks on must learn of it, whatever it was
                _log.exception("looking at run %s", self.run_id)
                self._end(clean(told(error)))
                return
            if view is not None:
                self._board.put(view)

    def _end(self, why: str) -> None:
        self.ended = why
        self._board.put(replace(self._board.view(), message=why, journal_ok=False))
