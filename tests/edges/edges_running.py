"""A real program while a block lasts, ended by its own process id."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_START_WITHIN_S = 20.0


@contextmanager
def running(command: Sequence[str], ip: str, ports: Sequence[int]) -> Iterator[None]:
    """The program, once it listens on all the ports."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        try:
            for port in ports:
                _wait_for(child, ip, port, Path(command[0]).name)
            yield
        finally:
            child.terminate()
            child.communicate(timeout=20)


def _wait_for(child: subprocess.Popen[str], ip: str, port: int, name: str) -> None:
    end = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < end:
        if child.poll() is not None:
            said = child.stderr.read()[-3000:] if child.stderr else ""
            raise AssertionError(f"{name} did not start: {said}")
        with socket.socket() as sock:
            if sock.connect_ex((ip, port)) == 0:
                return
        time.sleep(0.03)
    raise AssertionError(f"{name} does not listen on {ip}:{port}")


def free_port(*addresses: str) -> int:
    """A port that is free on all of the addresses."""
    while True:
        with socket.socket() as first:
            first.bind((addresses[0], 0))
            port = int(first.getsockname()[1])
            try:
                for address in addresses[1:]:
                    with socket.socket() as other:
                        other.bind((address, port))
            except OSError:
                continue
            return port
