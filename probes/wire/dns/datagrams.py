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
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from ....cluster.text import clean
from .answers import DnsAnswer, quick_answer
from .lanes import Clock, Done, Lane, Pending
from .records import MalformedError
from .servers import Server
from .streams import failure_of
from .wire import Question, Reply, Written, answers_the_question

Read = Callable[[bytes, Question, Written], Reply]

# beyond about 128 in flight, replies overflow a default receive buffer
_MOST_PER_SOCKET = 100
_MOST_PER_SERVER = 100
_FIRST_SOCKETS, _MOST_SOCKETS = 4, 16
_NO_EDNS = frozenset({"FORMERR", "NOTIMP", "BADVERS"})
_TRUNCATED = 0x02  # the TC bit, in a header's third byte
_TICK_S = 0.02
_BURST = 50
_LARGEST_DATAGRAM = 4096
# shares of a question's time after which it is asked again; the last time without EDNS
_RESENDS = (0.33, 0.66)
# so many questions without any answer, and a server is not given the rest of a long list
_GIVEN_UP = 60


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
            pending = self.pending.get(int.from_bytes(data[:2], "big"))
            if pending is None or (pending.lane.source != source and pending.lane.source != _bare(source)):
                self._owner.stranger(source)
                continue
            self._owner.arrived(pending, data)


def _bare(source: tuple[Any, ...]) -> tuple[str, int]:
    """Address and port of a sender, without an IPv6 scope."""
    return source[0].partition("%")[0], source[1]


class Datagrams:
    """All datagram sockets of one asker. ``read`` reads a reply; ``cut_short`` takes over a question whose
    reply was truncated.
    """

    def __init__(self, read: Read, cut_short: Callable[[Pending], None]) -> None:
        self._read = read
        self._cut_short = cut_short
        # by whether it is IPv6: an enum as the key costs a call for each question
        self._sockets: dict[bool, list[_Socket]] = {}
        self._lanes: dict[Server, Lane] = {}
        self._by_source: dict[tuple[str, int], Lane] = {}
        self._crowded: deque[Lane] = deque()
        self._ticking: asyncio.TimerHandle | None = None
        self._ids: Iterator[int] = iter(())
        self._turn = 0

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
        if lane.in_flight < _MOST_PER_SERVER:
            self._fill(lane)
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _lane(self, server: Server) -> Lane:
        lane = self._lanes.get(server)
        if lane is None:
            lane = self._lanes[server] = Lane(server)
            self._by_source[lane.source] = lane
        return lane

    def _fill(self, lane: Lane) -> None:
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
                chosen = self._choose(lane)
            except OSError as error:
                failed = failure_of(error)
                self._fail(waiting.popleft(), failed.kind, failed.detail)
                continue
            if chosen is None:
                if lane not in self._crowded:
                    self._crowded.append(lane)
                return
            self._begin(waiting.popleft(), chosen)

    def _choose(self, lane: Lane) -> _Socket | None:
        """A socket with room, each in its turn; None where all are full."""
        sockets = self._sockets.get(lane.ipv6) or self._open_first(lane)
        for _ in sockets:
            self._turn = turn = (self._turn + 1) % len(sockets)
            if len(sockets[turn].pending) < _MOST_PER_SOCKET:
                return sockets[turn]
        if len(sockets) < _MOST_SOCKETS:
            sockets.append(_Socket(self, lane.family))
            return sockets[-1]
        return None

    def _open_first(self, lane: Lane) -> list[_Socket]:
        sockets = self._sockets[lane.ipv6] = [_Socket(self, lane.family)]
        while len(sockets) < _FIRST_SOCKETS:
            sockets.append(_Socket(self, lane.family))
        return sockets

    def _new_id(self) -> int:
        number = next(self._ids, None)
        if number is None:
            self._ids = iter(array("H", os.urandom(2048)))
            number = next(self._ids)
        return number

    def _begin(self, pending: Pending, chosen: _Socket) -> None:
        while (number := self._new_id()) in chosen.pending:
            pass
        now = time.monotonic()
        pending.message_id, pending.socket = number, chosen
        pending.sent_at = now
        pending.until = min(now + pending.timeout_s, pending.clock.until or pending.clock.start(now))
        pending.resend_at = now + _RESENDS[0] * (pending.until - now)
        chosen.pending[number] = pending
        pending.lane.in_flight += 1
        self._send(pending)

    def _send(self, pending: Pending) -> None:
        number, written = pending.message_id.to_bytes(2, "big"), pending.written
        message = written.message(number, edns=False) if pending.without_edns else number + written.body
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
        lane = self._by_source.get(_bare(source))
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
        if data[2] & _TRUNCATED:
            lane.answered += 1
            self._end(pending)
            self._cut_short(pending)
            self._room(lane)
            return
        try:
            reply = self._read(data, question, written)
        except MalformedError as error:
            pending.trouble = clean(error, 160)
            self._next_try_now(pending)
            return
        fields = reply.fields
        if fields["rcode"] in _NO_EDNS and not pending.without_edns:
            pending.trouble = ""
            if not question.subnet and not question.dnssec:
                pending.without_edns, pending.resends = True, len(_RESENDS)
                self._send(pending)
                return
        lane.answered += 1
        self._end(pending)
        dropped = pending.without_edns and not fields["edns"]
        pending.done(
            quick_answer(
                question.type,
                elapsed_ms=since(pending.sent_at),
                edns_dropped=dropped,
                tries=pending.tries,
                rrsets=reply.rrsets,
                **fields,
            )
        )
        if lane.waiting or self._crowded:
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

    def _room(self, lane: Lane) -> None:
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
