"""A blocking call in a thread of its own. It cannot be called back: what can be is the step that writes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class LateError(Exception):
    """The deadline is over. ``sent``: the writing had begun, so that its outcome is not known."""

    def __init__(self, sent: bool) -> None:
        super().__init__("sent" if sent else "not sent")
        self.sent = sent


class GivenUpError(Exception):
    """Raised in the thread where nobody waits any more and nothing was sent yet."""


class Flight(Generic[T]):
    """One call of ``work``, which is given this flight and calls ``send_now`` just before it writes."""

    def __init__(self, work: Callable[[Flight[T]], T], name: str) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._given_up = self._sent = self._over = False
        # a daemon: a provider that hangs must not keep the program from ending
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[T] = self._loop.create_future()

    @property
    def under_way(self) -> bool:
        """Whether ``work`` has begun and not ended."""
        return self._thread.is_alive() and not self._over

    @property
    def sent(self) -> bool:
        """Whether the writing has begun."""
        return self._sent

    def send_now(self) -> None:
        """From here on the outcome is unknown until the end. Raises GivenUpError: do not begin."""
        with self._lock:
            if self._given_up:
                raise GivenUpError
            self._sent = True

    async def land(self, deadline_s: float) -> T:
        """What ``work`` returns or raises. LateError after ``deadline_s`` seconds, or what cancelled us."""
        self._thread.start()
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(self._done)
        except TimeoutError:
            if self._done.done():
                return self._done.result()
            raise LateError(self._give_up()) from None
        except asyncio.CancelledError:
            self._give_up()
            raise

    def _give_up(self) -> bool:
        with self._lock:
            self._given_up = True
            # whatever comes now, nobody waits for it
            self._done.cancel()
            return self._sent

    def _run(self) -> None:
        try:
            result = self._work(self)
        except BaseException as error:  # noqa: BLE001 - a thread has nobody else to tell
            self._over = True
            self._tell(self._fail, error)
        else:
            self._over = True
            self._tell(self._succeed, result)

    def _tell(self, how: Callable[..., None], what: object) -> None:
        # the loop may be gone by now
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(how, what)

    def _succeed(self, result: T) -> None:
        if not self._done.done():
            self._done.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self._done.done():
            self._done.set_exception(error)
