"""Leaving in order when the system says so, instead of a screen left on or a busy ghost."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType


def leave_on_signals(leave: Callable[[], object]) -> None:
    """``leave`` at SIGTERM, SIGINT and when the connection drops (SIGHUP). In the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        loop.add_signal_handler(number, leave)
    _resume_only_what_was_suspended()


def _resume_only_what_was_suspended() -> None:
    # the kernel sends SIGCONT behind the SIGHUP of a lost terminal; Textual takes it for the end of a ctrl-z,
    # reads from the lost terminal with a second thread, and the process never ends
    suspend, resume = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    if not callable(suspend) or not callable(resume):
        return

    def on_suspend(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGCONT, on_resume)
        suspend(number, frame)

    def on_resume(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGCONT, signal.SIG_DFL)
        resume(number, frame)

    signal.signal(signal.SIGTSTP, on_suspend)
    signal.signal(signal.SIGCONT, signal.SIG_DFL)
