"""What a question on its way is made of: its time, its server's lane, and the socket that carries it."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from .answers import DnsAnswer
from .servers import Server
from .streams import AskError
from .wire import Question, Written

Done = Callable[[DnsAnswer], None]


class Carrier(Protocol):
    """A datagram socket, as a question knows it."""

    pending: dict[int, Pending]

    def send(self, message: bytes, destination: tuple[Any, ...], /) -> int:
        """Send one datagram; OSError where it cannot leave."""


class Clock:
    """The time that a target has for everything, from its first question on."""

    __slots__ = ("deadline_s", "until")

    def __init__(self, deadline_s: float, *, started: bool = False) -> None:
        self.deadline_s = deadline_s
        self.until = time.monotonic() + deadline_s if started else 0.0

    def start(self, now: float) -> float:
        """When it is over, by time.monotonic()."""
        if not self.until:
            self.until = now + self.deadline_s
        return self.until


class Pending:
    """A question on its way."""

    __slots__ = (
        "clock", "done", "lane", "message_id", "question", "resend_at",
        "resends", "sent_at", "socket", "timeout_s",
        "tries", "trouble", "until", "without_edns", "written",
    )  # fmt: skip

    def __init__(
        self, lane: Lane, question: Question, written: Written, timeout_s: float, clock: Clock, done: Done
    ) -> None:
        self.lane = lane
        self.question = question
        self.written = written
        self.timeout_s = timeout_s
        self.clock = clock
        self.done = done
        self.message_id = 0
        self.socket: Carrier | None = None
        self.sent_at = self.until = 0.0
        self.tries = 0
        self.resends = 0
        self.resend_at = 0.0
        self.without_edns = False
        self.trouble = ""


class Lane:
    """One server's questions: those in flight, and those that wait for a place."""

    __slots__ = (
        "answered",
        "destination",
        "family",
        "in_flight",
        "server",
        "source",
        "strangers",
        "unanswered",
        "waiting",
    )

    def __init__(self, server: Server) -> None:
        self.server = server
        self.destination = socket_address(server)
        self.source = (self.destination[0], self.destination[1])
        self.family = socket.AF_INET6 if server.ipv6 else socket.AF_INET
        self.waiting: deque[Pending] = deque()
        self.in_flight = 0
        self.answered = self.unanswered = self.strangers = 0


def socket_address(server: Server) -> tuple[Any, ...]:
    if not server.ipv6:
        return server.address, server.port
    bare, _, scope = server.address.partition("%")
    number = 0
    if scope:
        try:
            number = int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
        except OSError:
            raise AskError("local", f"no network interface {scope}") from None
    return bare, server.port, 0, number
