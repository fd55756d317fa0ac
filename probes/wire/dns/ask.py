"""Asks servers and resolvers, each in its own way: datagrams first, then TCP; TLS and HTTPS where named."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from ....cluster.errors import UserError
from ....cluster.text import clean
from .answers import DnsAnswer, RecordSet
from .datagrams import Datagrams, since
from .doh import Doh
from .lanes import Clock, Done, Pending
from .records import MalformedError
from .servers import HTTPS, PLAIN, Server
from .streams import AskError, Stream, failure_of
from .wire import Question, Reply, Written, beside_the_name, read, write

_TCP_AT_ONCE = 16
_MOST_REMEMBERED, _LARGEST_REMEMBERED = 8000, 1300


class Asker:
    """Ask through it within ``async with``; it closes every socket at the end, also when cancelled."""

    def __init__(self, ca_file: str = "") -> None:
        self._ca_file = ca_file
        self._datagrams = Datagrams(self._read, self._cut_short)
        self._tasks: set[asyncio.Task[None]] = set()
        self._tcp_gate = asyncio.Semaphore(_TCP_AT_ONCE)
        self._streams: dict[Server, Stream] = {}
        self._doh: dict[Server, Doh] = {}
        self._read_before: dict[bytes, Reply] = {}

    async def __aenter__(self) -> Asker:
        return self

    async def __aexit__(self, *_error: object) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._datagrams.close()
        for stream in self._streams.values():
            stream.close()
        for resolver in self._doh.values():
            await resolver.close()
        # closing a transport is finished by the loop's next rounds
        await asyncio.sleep(0)

    async def ask(self, server: Server, question: Question, timeout_s: float, clock: Clock) -> DnsAnswer:
        """One answer; never raises for what the network or a server does."""
        future: asyncio.Future[DnsAnswer] = asyncio.get_running_loop().create_future()

        def done(answer: DnsAnswer) -> None:
            if not future.done():
                future.set_result(answer)

        self.submit(server, question, timeout_s, clock, done)
        return await future

    def submit(self, server: Server, question: Question, timeout_s: float, clock: Clock, done: Done) -> None:
        """Ask; ``done`` is called once with the answer, in the loop."""
        try:
            written = write(question)
            if server.scheme != PLAIN:
                self._in_background(self._over_stream(server, question, written, timeout_s, clock, done))
                return
            self._datagrams.submit(server, question, written, timeout_s, clock, done)
        except (ValueError, AskError) as error:
            done(not_asked(question, f"cannot be asked: {error}"))

    def _read(self, data: bytes, question: Question, written: Written) -> Reply:
        """A reply; bytes that differ in the asked name alone are read once."""
        key = beside_the_name(data, written)
        known = self._read_before.get(key)
        if known is None or question.sections or not written.owner:
            reply = read(data, question, written)
            if reply.repeats and len(data) <= _LARGEST_REMEMBERED:
                if len(self._read_before) >= _MOST_REMEMBERED:
                    self._read_before.clear()
                self._read_before[key] = reply
            return reply
        owner = written.owner
        rrsets = tuple([RecordSet(owner, one.type, one.ttl, one.values) for one in known.rrsets])
        return Reply(rrsets, known.fields, True)

    # -- TCP, TLS, HTTPS

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cut_short(self, pending: Pending) -> None:
        self._in_background(self._over_tcp(pending))

    async def _over_tcp(self, pending: Pending) -> None:
        question = pending.question
        stream = Stream(pending.lane.server)
        try:
            async with asyncio.timeout_at(_loop_time(pending.until)), self._tcp_gate:
                data = await stream.ask(pending.written, 0.0)
            reply = self._read(data, question, pending.written)
        except (MalformedError, AskError, TimeoutError) as error:
            failed = _as_failed(error)
            detail = f"truncated over UDP, and over TCP: {failed.detail}"
            answer = DnsAnswer(
                question.type,
                elapsed_ms=since(pending.sent_at),
                error=failed.kind,
                truncated=True,
                error_detail=clean(detail, 160),
                tcp_error=failed.kind,
                tries=pending.tries,
            )
        else:
            answer = DnsAnswer(
                type=question.type,
                elapsed_ms=since(pending.sent_at),
                over_tcp=True,
                truncated=True,
                tries=pending.tries,
                rrsets=reply.rrsets,
                **reply.fields,
            )
        finally:
            stream.close()
        pending.done(answer)

    def _encrypted(self, server: Server) -> Doh | Stream:
        """The resolver's connection; made ready before its time begins, because that is our own doing."""
        if server.scheme == HTTPS:
            if server not in self._doh:
                self._doh[server] = Doh(server, self._ca_file)
            return self._doh[server]
        if server not in self._streams:
            self._streams[server] = Stream(server, self._ca_file)
        return self._streams[server]

    async def _over_stream(
        self, server: Server, question: Question, written: Written, timeout_s: float, clock: Clock, done: Done
    ) -> None:
        try:
            resolver = self._encrypted(server)
        except UserError as error:
            done(not_asked(question, str(error)))
            return
        started = time.monotonic()
        until = min(started + timeout_s, clock.start(started))
        try:
            async with asyncio.timeout_at(_loop_time(until)):
                data = await resolver.ask(written, until - started)
            reply = self._read(data, question, written)
        except (MalformedError, AskError, TimeoutError) as error:
            failed = _as_failed(error)
            detail = (
                failed.detail if failed.kind != "timeout" else f"no answer within {until - started:.2g} s"
            )
            answer = DnsAnswer(
                question.type, elapsed_ms=since(started), error=failed.kind, error_detail=clean(detail, 160)
            )
        else:
            answer = DnsAnswer(
                type=question.type,
                elapsed_ms=since(started),
                over_tcp=True,
                rrsets=reply.rrsets,
                **reply.fields,
            )
        done(answer)


def _as_failed(error: Exception) -> AskError:
    return AskError("malformed", str(error)) if isinstance(error, MalformedError) else failure_of(error)


def _loop_time(until: float) -> float:
    loop = asyncio.get_running_loop()
    return loop.time() + until - time.monotonic()


def not_asked(question: Question, detail: str) -> DnsAnswer:
    """The answer to a question that could not leave this machine."""
    return DnsAnswer(question.type, error="local", error_detail=clean(detail, 160), tries=0)
