"""A cap on work that cannot be asked to stop, such as one search of a regular expression."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

T = TypeVar("T")


class _TimeUpError(Exception):
    pass


def within(longest_s: float, work: Callable[[], T]) -> T | None:
    """What ``work`` gives, or None where it took longer than ``longest_s`` seconds.

    Python's regular expressions look for signals while they search, so an alarm ends even one search that
    would take for ever. Signals reach the main thread only: elsewhere ``work`` just runs.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()

    def time_up(number: int, frame: object) -> NoReturn:
        raise _TimeUpError

    before = signal.signal(signal.SIGALRM, time_up)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, longest_s)
            return work()
        finally:
            # a signal that came in the last moment is delivered here, still inside the outer try
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TimeUpError:
        return None
    finally:
        signal.signal(signal.SIGALRM, before)
