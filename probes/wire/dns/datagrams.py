"""Many questions to many servers over a few datagram sockets, each until its own time is up.

One socket carries many questions at once and tells the replies apart by a random id, the server's address
and the question; several sockets mean several source ports. A reply that fits none is somebody's forgery, or
late, and is not used.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ....cluster.text import clean
from .answers import DnsAnswer
from .records import MalformedError
from .servers import Server
from .streams import AskError, failure_of
from .wire import Question, Written, answers_the_question, is_truncated

Done = Callable[[DnsAnswer], None]
Read = Callable[[bytes, Question, Written], dict[str, Any]]

# beyond about 128 in flight, replies overflow a default receive buffer
_MOST_PER_SOCKET = 100
_MOST_PER_SERVER = 100
_FIRST_SOCKETS, _MOST_SOCKETS = 4, 16
_TICK_S = 0.02
_BURST = 50
_LARGEST_DATAGRAM = 4096
# shares of a question's time after which it is asked again; the last time without EDNS
_RESENDS = (0.33, 0.66)
# so many questions without any answer, and a server is not given the rest of a long list
_GIVEN_UP = 60


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
        self, lane: _Lane, question: Question, written: Written, timeout_s: float, clock: Clock, done: Done
    ) -> None:
        self.lane = lane
        self.question = question
        self.written = written
        self.timeout_s = timeout_s
        self.clock = clock
        self.done = done
        self.message_id = 0
        self.socket: _Socket | None = None
        self.sent_at = self.until = 0.0
        self.tries = 0
        self.resends = 0
        self.resend_at = 0.0
        self.without_edns = False
        self.trouble = ""


class _Lane:
    """One server's questions: those in flight, and those that wait for a place."""

    __slots__ = (
        "answered",
        "destination",
        "in_flight",
        "server",
        "source",
        "strangers",
        "unanswered",
        "waiting",
    )

    def __init__(self, server: Server) -> None:
        self.server = server
        self.destination = _socket_address(server)
        self.source = (self.destination[0], self.destination[1])
        self.waiting: deque[Pending] = deque()
        self.in_flight = 0
        self.answered = self.unanswered = self.strangers = 0


def _socket_address(server: Server) -> tuple[Any, ...]:
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


class _Socket:
    """One datagram socket with its own random port, and the questions on it by id."""

    def __init__(self, owner: Datagrams, family: socket.AddressFamily) -> None:
        self._owner = owner
        self.pending: dict[int, Pending] = {}
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._readable)
        self.send = self._socket.sendto

    def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _readable(self) -> None:
        receive = self._socket.recvfrom
        for _ in range(_BURST):
            try:
                data, source = receive(_LARGEST_DATAGRAM)
            except OSError:
                return
            if len(data) < 12:
                self._owner.stranger(source)
                continue
            pending = self.pending.get(data[0] << 8 | data[1])
            if pending is None or pending.lane.source != (source[0].partition("%")[0], source[1]):
                self._owner.stranger(source)
                continue
            self._owner.arrived(pending, data)


class Datagrams:
    """All datagram sockets of one asker. ``read`` reads a reply; ``cut_short`` takes over a question whose
    reply was truncated.
    """

    def __init__(self, read: Read, cut_short: Callable[[Pending], None]) -> None:
        self._read = read
        self._cut_short = cut_short
        self._sockets: dict[socket.AddressFamily, list[_Socket]] = {}
        self._lanes: dict[Server, _Lane] = {}
        self._by_source: dict[tuple[str, int], _Lane] = {}
        self._crowded: deque[_Lane] = deque()
        self._ticking: asyncio.TimerHandle | None = None
        self._random = b""

    def close(self) -> None:
        """Close every socket; what is still asked is never answered."""
        if self._ticking is not None:
            self._ticking.cancel()
        for sockets in self._sockets.values():
            for one in sockets:
                one.close()

    def submit(
        self, server: Server, question: Question, written: Written, timeout_s: float, clock: Clock, done: Done
    ) -> None:
        """Ask; ``done`` is called once. Raises AskError for an address that means nothing here."""
        lane = self._lane(server)
        lane.waiting.append(Pending(lane, question, written, timeout_s, clock, done))
        self._fill(lane)
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _lane(self, server: Server) -> _Lane:
        lane = self._lanes.get(server)
        if lane is None:
            lane = self._lanes[server] = _Lane(server)
            self._by_source[lane.source] = lane
        return lane

    def _fill(self, lane: _Lane) -> None:
        """Send what waits for this server, as far as there is room."""
        waiting = lane.waiting
        while waiting and lane.in_flight < _MOST_PER_SERVER:
            if lane.unanswered >= _GIVEN_UP and not lane.answered:
                self._fail(
                    waiting.popleft(),
                    "timeout",
                    f"not asked: {lane.unanswered} questions before had no answer",
                )
                continue
            try:
                chosen = self._choose(socket.AF_INET6 if lane.server.ipv6 else socket.AF_INET)
            except OSError as error:
                failed = failure_of(error)
                self._fail(waiting.popleft(), failed.kind, failed.detail)
                continue
            if chosen is None:
                if lane not in self._crowded:
                    self._crowded.append(lane)
                return
            self._begin(waiting.popleft(), chosen)

    def _choose(self, family: socket.AddressFamily) -> _Socket | None:
        """A socket with room, any of them; None where all are full."""
        sockets = self._sockets.setdefault(family, [])
        while len(sockets) < _FIRST_SOCKETS:
            sockets.append(_Socket(self, family))
        start = self._random_bytes(1)[0]
        for step in range(len(sockets)):
            one = sockets[(start + step) % len(sockets)]
            if len(one.pending) < _MOST_PER_SOCKET:
                return one
        if len(sockets) < _MOST_SOCKETS:
            sockets.append(_Socket(self, family))
            return sockets[-1]
        return None

    def _random_bytes(self, count: int) -> bytes:
        if len(self._random) < count:
            self._random = os.urandom(4096)
        taken, self._random = self._random[:count], self._random[count:]
        return taken

    def _begin(self, pending: Pending, chosen: _Socket) -> None:
        while (number := int.from_bytes(self._random_bytes(2), "big")) in chosen.pending:
            pass
        now = time.monotonic()
        pending.message_id, pending.socket = number, chosen
        pending.sent_at = now
        pending.until = min(now + pending.timeout_s, pending.clock.start(now))
        pending.resends = 0
        pending.resend_at = now + _RESENDS[0] * (pending.until - now)
        chosen.pending[number] = pending
        pending.lane.in_flight += 1
        self._send(pending)

    def _send(self, pending: Pending) -> None:
        written = pending.written
        message = written.message(pending.message_id.to_bytes(2, "big"), edns=not pending.without_edns)
        pending.tries += 1
        assert pending.socket is not None
        try:
            pending.socket.send(message, pending.lane.destination)
        except BlockingIOError:
            # the kernel's buffer is full: as good as lost on the way
            pass
        except OSError as error:
            failed = failure_of(error)
            self._end(pending)
            self._fail(pending, failed.kind, failed.detail)

    def _tick(self) -> None:
        """Send again what is overdue, and give up what has run out of time."""
        now = time.monotonic()
        for sockets in self._sockets.values():
            for one in sockets:
                for pending in list(one.pending.values()):
                    if now >= pending.until:
                        self._give_up(pending)
                    elif now >= pending.resend_at:
                        self._again(pending)
        for lane in self._lanes.values():
            while lane.waiting and 0 < lane.waiting[0].clock.until <= now:
                self._fail(lane.waiting.popleft(), "timeout", "the target's time was up before it was asked")
            self._fill(lane)
        busy = any(lane.in_flight or lane.waiting for lane in self._lanes.values())
        self._ticking = asyncio.get_running_loop().call_later(_TICK_S, self._tick) if busy else None

    def _again(self, pending: Pending) -> None:
        pending.resends += 1
        last = pending.resends >= len(_RESENDS)
        share = 2.0 if last else _RESENDS[pending.resends]
        pending.resend_at = pending.sent_at + share * (pending.until - pending.sent_at)
        pending.without_edns = pending.without_edns or (last and not pending.question.dnssec)
        self._send(pending)

    def _give_up(self, pending: Pending) -> None:
        lane = pending.lane
        lane.unanswered += 1
        self._end(pending)
        if pending.trouble:
            self._fail(pending, "malformed", pending.trouble)
        elif lane.strangers and not lane.answered:
            self._fail(pending, "malformed", "answers came, but to no question that was asked (another id)")
        else:
            waited = time.monotonic() - pending.sent_at
            self._fail(pending, "timeout", f"no answer within {max(waited, _TICK_S):.2g} s")

    def _end(self, pending: Pending) -> None:
        assert pending.socket is not None
        if pending.socket.pending.pop(pending.message_id, None) is not None:
            pending.lane.in_flight -= 1

    def _fail(self, pending: Pending, kind: str, detail: str) -> None:
        elapsed = since(pending.sent_at) if pending.sent_at else 0.0
        pending.done(
            DnsAnswer(
                pending.question.type,
                elapsed_ms=elapsed,
                error=kind,
                error_detail=clean(detail, 160),
                tries=pending.tries,
            )
        )

    def stranger(self, source: Any) -> None:
        """A datagram that answers nothing: noted for its server, if it is one of ours."""
        lane = self._by_source.get((source[0].partition("%")[0], source[1]))
        if lane is not None:
            lane.strangers += 1

    def arrived(self, pending: Pending, data: bytes) -> None:
        """A datagram with the id and from the server of ``pending``."""
        question, written = pending.question, pending.written
        if not answers_the_question(data, written):
            # a forger who guessed the id would be obeyed if this ended the question
            pending.trouble = "answers came, none to this question"
            return
        lane = pending.lane
        if is_truncated(data):
            lane.answered += 1
            self._end(pending)
            self._cut_short(pending)
            self._room(lane)
            return
        try:
            fields = self._read(data, question, written)
        except MalformedError as error:
            pending.trouble = clean(error, 160)
            self._next_try_now(pending)
            return
        if fields["rcode"] in ("FORMERR", "NOTIMP", "BADVERS") and not pending.without_edns:
            pending.trouble = ""
            if not question.subnet and not question.dnssec:
                pending.without_edns, pending.resends = True, len(_RESENDS)
                self._send(pending)
                return
        lane.answered += 1
        self._end(pending)
        dropped = pending.without_edns and not fields["edns"]
        pending.done(
            DnsAnswer(
                type=question.type,
                elapsed_ms=since(pending.sent_at),
                edns_dropped=dropped,
                tries=pending.tries,
                **fields,
            )
        )
        self._room(lane)

    def _next_try_now(self, pending: Pending) -> None:
        """What cannot be read will not become readable: ask again at once, as often as for a lost one."""
        if pending.resends < len(_RESENDS):
            self._again(pending)
            return
        self._end(pending)
        pending.lane.answered += 1
        self._fail(pending, "malformed", pending.trouble)
        self._room(pending.lane)

    def _room(self, lane: _Lane) -> None:
        if lane.waiting:
            self._fill(lane)
        while self._crowded:
            other = self._crowded.popleft()
            self._fill(other)
            if self._crowded and self._crowded[-1] is other:
                return


def since(started: float) -> float:
    """Milliseconds since ``started``, a time of time.monotonic()."""
    return round((time.monotonic() - started) * 1000, 3)
