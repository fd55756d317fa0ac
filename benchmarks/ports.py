"""Ports for the servers that a benchmark starts."""

from __future__ import annotations

import contextlib
import socket


def free_port(*addresses: str) -> int:
    """A port that is free for TCP and UDP on every address named; on 127.0.0.1 where none is.

    Both are asked: a benchmark that ran before leaves thousands of TCP ports in TIME_WAIT, which are free for
    UDP, and knot ends on one of them because it sets no SO_REUSEADDR.
    """
    while True:
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for address in addresses or ("127.0.0.1",):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        bound = stack.enter_context(socket.socket(socket.AF_INET, kind))
                        bound.bind((address, port))
                        port = int(bound.getsockname()[1])
            except OSError:
                continue
            return port
