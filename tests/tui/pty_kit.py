"""The program on a terminal of its own, and as a plain command: what a user types, sees and gets back."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pyte
import pytest
from pointsman.tui.cli import main

_BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(_BENCHMARKS))
from terminal import Terminal  # noqa: E402 - the folder of the benchmarks is no package

WorldFacts = dict[str, Any]

PROGRAM = [sys.executable, "-m", "pointsman.tui"]
# a terminal that is not the controlling one sends neither SIGHUP nor SIGINT, as every user's does;
# the size is the terminal's, whatever the shell that runs the tests has exported
_OWN_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
os.execv(sys.argv[1], sys.argv[1:])
"""
LEFT_ALTERNATE_SCREEN = b"\x1b[?1049l"
CURSOR_ON = b"\x1b[?25h"


def run(*arguments: str, longest_s: float = 60.0, **environment: str) -> subprocess.CompletedProcess[str]:
    """``pointsman ARGUMENTS`` without a terminal and with nothing to read."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=longest_s,
        env={**os.environ, **environment},
    )


def run_inside(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same in this process: for the many small cases that end before anything is started."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["pointsman", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
    return subprocess.CompletedProcess(arguments, int(end.value.code or 0), out.getvalue(), err.getvalue())


class Pty(Terminal):
    """The program on its controlling terminal."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 120,
        lines: int = 40,
        environment: dict[str, str] | None = None,
        argv: list[str] | None = None,
    ) -> None:
        wanted = argv or [*PROGRAM, *arguments]
        self.columns, self.lines = columns, lines
        self._from = 0
        super().__init__(
            [sys.executable, "-S", "-c", _OWN_THE_TERMINAL, *wanted], columns, lines, environment
        )

    def resize(self, columns: int, lines: int) -> None:
        """As a window manager does it: the kernel tells the program."""
        self.columns, self.lines = columns, lines
        self._from = len(self.seen)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def display(self) -> str:
        """What stands on the terminal now, after everything sent since the last change of its size."""
        screen = pyte.Screen(self.columns, self.lines)
        pyte.ByteStream(screen).feed(self.seen[self._from :])
        return "\n".join(row.rstrip() for row in screen.display)

    def until(self, holds: Callable[[], bool], longest_s: float = 20.0) -> float:
        """Seconds until ``holds``; fails with the screen where it never does."""
        started = time.monotonic()
        while not holds():
            if time.monotonic() - started > longest_s:
                pytest.fail(f"it never came to it:\n{self.display()}")
            self._read(0.05)
        return time.monotonic() - started

    def until_shown(self, text: str, longest_s: float = 20.0) -> float:
        """Seconds until the terminal shows ``text``."""
        return self.until(lambda: text in self.display(), longest_s)

    def until_loaded(self) -> None:
        """Until the screens show a cluster that answered, and nothing more comes."""
        self.until_shown(" live ")
        self.read_until_quiet(0.6)

    def ended(self, longest_s: float = 15.0) -> int:
        """The exit code."""
        end = time.monotonic() + longest_s
        while self.child.poll() is None:
            if time.monotonic() > end:
                pytest.fail(f"it goes on:\n{self.display()}\n{self.seen[-300:]!r}")
            self._read(0.05)
        self.read_until_quiet(0.05)
        return int(self.child.returncode)

    def hang_up(self) -> None:
        """The connection drops: the terminal is gone. Nothing can be read afterwards."""
        os.close(self._master)
        # for __exit__, which closes it too
        self._master = os.open(os.devnull, os.O_RDONLY)
