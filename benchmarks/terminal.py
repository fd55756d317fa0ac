"""A program on a pseudo-terminal: what it sends, when, and how much."""

from __future__ import annotations

import fcntl
import os
import pty
import resource
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from types import TracebackType


class Terminal:
    """Starts ``argv`` on a terminal of its own; ``seen`` holds every byte that it sent.

    ``arrivals`` holds the same with the seconds since the start; ``usage`` what the child had used
    when it ended.
    """

    def __init__(
        self, argv: list[str], columns: int, lines: int, environment: dict[str, str] | None = None
    ) -> None:
        self._master, slave = pty.openpty()
        _set_size(slave, columns, lines)
        base = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.started = time.perf_counter()
        self.child = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**base, **(environment or {})},
            start_new_session=True,
            # k9s opens /dev/tty; and who loses this terminal hears of it
            preexec_fn=_take_terminal,  # noqa: PLW1509 - one ioctl, which takes no lock
        )
        os.close(slave)
        self.seen = b""
        self.arrivals: list[tuple[float, bytes]] = []
        self.usage: resource.struct_rusage | None = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.send_signal(signal.SIGTERM)
        end = time.perf_counter() + 5
        while not self._reaped() and time.perf_counter() < end:
            self._read(0.05)
        if self.child.returncode is None:
            self.child.kill()
            while not self._reaped():
                self._read(0.05)
        os.close(self._master)

    def _reaped(self) -> bool:
        if self.child.returncode is None:
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                self.child.returncode, self.usage = os.waitstatus_to_exitcode(status), usage
        return self.child.returncode is not None

    def wait_for(self, marker: bytes, longest_s: float) -> float:
        """Seconds from the start until ``marker`` was sent.

        TimeoutError where it is not within ``longest_s`` from now.
        """
        return self.wait_until(lambda seen: marker in seen, longest_s, f"{marker!r}")

    def wait_until(self, holds: Callable[[bytes], bool], longest_s: float, what: str = "it") -> float:
        """The same for what all that was sent until then must be."""
        end = time.perf_counter() + longest_s
        while not holds(self.seen):
            if time.perf_counter() > end or (not self._read(0.1) and self._reaped()):
                raise TimeoutError(f"{what} was never sent; the end of what was: {self.seen[-400:]!r}")
        return time.perf_counter() - self.started

    def read_until_quiet(self, quiet_s: float, longest_s: float = float("inf")) -> None:
        """Read until nothing came for ``quiet_s``, or until ``longest_s`` are over."""
        end = time.perf_counter() + longest_s
        while self._read(quiet_s) and time.perf_counter() < end:
            pass

    def read_for(self, duration_s: float) -> None:
        """Read whatever comes in this time."""
        end = time.perf_counter() + duration_s
        while (left := end - time.perf_counter()) > 0:
            self._read(left)

    def send(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def resize(self, columns: int, lines: int) -> None:
        """Change the terminal's size, and tell the child as a terminal that it controls would."""
        _set_size(self._master, columns, lines)
        self.child.send_signal(signal.SIGWINCH)

    def forget(self) -> None:
        """Keep nothing of what came so far; for sessions that are long."""
        self.seen = b""
        self.arrivals.clear()

    def _read(self, wait_s: float) -> bool:
        if not select.select([self._master], [], [], wait_s)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.seen += data
        self.arrivals.append((time.perf_counter() - self.started, data))
        return bool(data)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _set_size(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
