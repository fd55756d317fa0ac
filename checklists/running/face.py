"""A run as its faces see it: one that goes on here, one that is followed from elsewhere, one that is over."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from ..machine.view import Command, RunView
from ..plans.model import Plan

_log = logging.getLogger(__name__)


class RunFace(Protocol):
    """All that a screen or a command may ask of a run, whoever's it is."""

    @property
    def run_id(self) -> str:
        """The run's id: what ``pointsman resume`` and ``pointsman follow`` take."""

    @property
    def plan(self) -> Plan:
        """The plan that is carried out, as the journal's first line has it."""

    @property
    def alive(self) -> bool:
        """Whether newer views may still come."""

    def view(self) -> RunView:
        """The run now. Cheap, from any thread."""

    def send(self, command: Command) -> None:
        """Hand a command over, from any thread. A refused one is explained in ``RunView.message``."""

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Call ``callback`` (in a thread of the run's) with each new view; the result ends that."""

    def stop(self, timeout_s: float = 10.0) -> None:
        """Leave the run, and end what works for this face."""


class ViewBoard:
    """The newest view of a run, and those who want to be told of each. From any thread."""

    def __init__(self, first: RunView) -> None:
        self._view = first
        self._changed = threading.Condition()
        self._subscribers: list[Callable[[RunView], None]] = []

    def view(self) -> RunView:
        """The newest view."""
        return self._view

    def put(self, view: RunView) -> None:
        """A newer view; subscribers are called in this thread."""
        with self._changed:
            self._view = view
            self._changed.notify_all()
        for callback in tuple(self._subscribers):
            try:
                callback(view)
            except Exception:  # noqa: BLE001 - a broken face must not stop the run
                _log.exception("a subscriber of run %s", view.run_id)

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Call ``callback`` with each new view; the result ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._subscribers.remove(callback)

        return unsubscribe

    def wait(self, predicate: Callable[[RunView], bool], timeout_s: float) -> RunView:
        """The first view for which ``predicate`` holds. TimeoutError after ``timeout_s``."""
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self._view), timeout_s):
                view = self._view
                raise TimeoutError(f"run {view.run_id} is in phase {view.phase}: {view.message}")
            return self._view
