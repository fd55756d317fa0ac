"""Signals that come together, as the kernel sends them when a terminal is lost."""

from __future__ import annotations

import os
import signal
import time

import pytest
from pty_kit import CURSOR_ON, LEFT_ALTERNATE_SCREEN, Pty, WorldFacts

ENTERED_ALTERNATE_SCREEN = b"\x1b[?1049h"


@pytest.mark.parametrize("first", ["hang up", "SIGTERM"])
def test_a_continue_without_a_stop_leaves_no_ghost(small_world: WorldFacts, first: str) -> None:
    with Pty("--kubeconfig", small_world["kubeconfig"]) as terminal:
        terminal.until_loaded()
        if first == "hang up":
            terminal.hang_up()
        else:
            terminal.child.send_signal(signal.SIGTERM)
        # it may come at any moment of the leaving
        end = time.monotonic() + 10
        while terminal.child.poll() is None and time.monotonic() < end:
            terminal.child.send_signal(signal.SIGCONT)
            time.sleep(0.002)
        assert terminal.child.poll() == 0


def test_ctrl_z_and_back(small_world: WorldFacts) -> None:
    with Pty("--kubeconfig", small_world["kubeconfig"]) as terminal:
        terminal.until_loaded()
        before = len(terminal.seen)
        terminal.child.send_signal(signal.SIGTSTP)
        terminal.until(lambda: LEFT_ALTERNATE_SCREEN in terminal.seen[before:])
        terminal.until(lambda: CURSOR_ON in terminal.seen[before:])
        # the terminal is left a moment before the process stops, and a shell sees to what has stopped only
        terminal.until(lambda: is_stopped(terminal.child.pid))
        away = len(terminal.seen)
        terminal.child.send_signal(signal.SIGCONT)
        terminal.until(lambda: ENTERED_ALTERNATE_SCREEN in terminal.seen[away:])
        terminal.until(lambda: b"GATEWAYS" in terminal.seen[away:])
        terminal.read_until_quiet(0.5)
        terminal.send(b"q")
        assert terminal.ended() == 0


def is_stopped(pid: int) -> bool:
    """Whether it stopped since this was asked last."""
    return os.waitpid(pid, os.WUNTRACED | os.WNOHANG)[0] == pid
