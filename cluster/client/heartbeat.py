"""Is anybody there: one small question every few seconds tells a quiet cluster from a dead line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..errors import ApiError, UserError, told
from .connect import Connection
from .timing import Timing


class Heartbeat:
    """Asks on a thread of its own and tells ``lost(why, since)`` and ``found()``; also paces who tries again.

    ``since`` is Unix time: when the server was last heard of. Any byte of the server counts, not only the
    answer: on a line that is full a big list is proof enough. ``up`` is what is known now.
    """

    def __init__(
        self,
        connection: Connection,
        timing: Timing,
        lost: Callable[[str, float], None],
        found: Callable[[], None],
    ) -> None:
        self.up = True
        self._connection = connection
        self._timing = timing
        self._lost, self._found = lost, found
        self._condition = threading.Condition()
        self._recoveries = 0
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="pointsman-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin; the first question comes after one interval."""
        self.thread.start()

    def stop(self) -> None:
        """End the thread and every pause."""
        self._stopping.set()
        self.wake()

    def wake(self) -> None:
        """Let every pause look again whether it was stopped."""
        with self._condition:
            self._condition.notify_all()

    def pause(self, seconds: float, stopped: Callable[[], bool], *, obey: bool = False) -> None:
        """Wait before trying again: ``seconds``, and longer while the server does not answer.

        Ends at once where it answers again, unless the server itself asked for the pause (``obey``).
        """
        with self._condition:
            before = self._recoveries
            if not self.up and not obey:
                # not for ever: whatever answers no heartbeat may still serve
                seconds = max(seconds, self._timing.blind_s)
            self._condition.wait_for(
                lambda: stopped() or self._stopping.is_set() or (self._recoveries != before and not obey),
                timeout=seconds,
            )

    def _run(self) -> None:
        while not self._stopping.wait(self._timing.beat_s if self.up else self._timing.beat_again_s):
            began = time.monotonic()
            since = self._connection.heard or time.time()
            try:
                trouble = self._ask(began)
            except Exception as problem:  # noqa: BLE001 - without a heartbeat nobody would notice a dead line
                trouble = told(problem)
            if self._stopping.is_set():
                return
            if trouble is None or self._connection.heard_at > began:
                self._note_found()
            else:
                self._note_lost(trouble, since)

    def _ask(self, began: float) -> UserError | None:
        try:
            self._connection.beat(self._timing.beat_timeout_s)
            return None
        except UserError as error:
            first = error
        if self._stopping.is_set():
            return first
        try:
            self._connection.beat(self._timing.beat_timeout_s, fresh=True)
        except UserError as error:
            return error
        if isinstance(first, ApiError) and first.reason == "timeout":
            # the server is there, but a connection fell silent: those of the same age may have, too
            self._connection.break_quiet(began)
        return None

    def _note_lost(self, trouble: UserError, since: float) -> None:
        was_up, self.up = self.up, False
        self._lost(trouble.what, since)
        if was_up:
            # whoever waits for an answer on one of these would wait long
            self._connection.break_all()

    def _note_found(self) -> None:
        if self.up:
            return
        self.up = True
        # what was opened before may be dead without a word; each watch goes on from where it was
        self._connection.break_all()
        self._found()
        with self._condition:
            self._recoveries += 1
            self._condition.notify_all()
