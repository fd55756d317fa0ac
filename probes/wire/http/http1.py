"""HTTP/1.0 and 1.1: our own bytes go out, h11 reads what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from functools import lru_cache

import h11

from .answer import HEADER_BYTES, Answer
from .errors import ClosedError, ExchangeError
from .outgoing import Outgoing
from .wire import Wire

_BUFFER_FULL = 431
_EVENTS_IN_A_ROW = 200


class Http1:
    """One HTTP/1 connection; ``exchange`` may be called again while ``reusable``."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.reusable = False

    async def exchange(self, outgoing: Outgoing, answer: Answer) -> bytes:
        """Asks, and fills ``answer``; what came behind it (after 101) is returned.

        Raises ExchangeError, OSError or ssl.SSLError.
        """
        self.reusable = False
        reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_BYTES)
        _tell(reader, outgoing)
        answer.clock.stage = "sending the request"
        if not outgoing.body:
            await self.wire.send(outgoing.head())
            return await self._read(reader, answer)
        # an answer may come before the body is through, and is then the one to tell
        sender = asyncio.create_task(self._send(outgoing, answer))
        try:
            return await self._read(reader, answer)
        finally:
            if not sender.done():
                self.reusable = False
                sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, ExchangeError):
                await sender

    def still_good(self) -> bool:
        """Whether an idle connection can be asked again: nothing has come that nobody asked for."""
        return self.wire.left_over() == b""

    async def _send(self, outgoing: Outgoing, answer: Answer) -> None:
        await self.wire.send(outgoing.head())
        await self.wire.send(outgoing.body)
        answer.clock.stage = "the first byte" if answer.status is None else answer.clock.stage

    async def _read(self, reader: h11.Connection, answer: Answer) -> bytes:
        answer.clock.stage = "the first byte"
        try:
            return await self._events(reader, answer)
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == _BUFFER_FULL:
                what = f"more than {HEADER_BYTES // 1024} KiB of headers"
                raise ExchangeError("protocol", what, "headers") from None
            if "peer unexpectedly closed" in str(error) or "closed connection" in str(error):
                raise ClosedError(str(error), answered=answer.clock.first_byte is not None) from None
            raise ExchangeError("protocol", str(error)) from None

    async def _events(self, reader: h11.Connection, answer: Answer) -> bytes:
        for number in itertools.count(1):
            if number % _EVENTS_IN_A_ROW == 0:
                # a chunk can be one byte, and a deadline must come to its turn among thousands of them
                await asyncio.sleep(0)
            event = reader.next_event()
            if event is h11.NEED_DATA:
                reader.receive_data(await self._more(answer))
            elif isinstance(event, h11.Data):
                if not answer.add(bytes(event.data)):
                    return b""
            elif isinstance(event, h11.InformationalResponse):
                if event.status_code == 101:
                    answer.begin(101, _version(event), event.headers)
                    return reader.trailing_data[0]
                answer.hint(event.status_code)
            elif isinstance(event, h11.Response):
                answer.begin(event.status_code, _version(event), event.headers)
            elif isinstance(event, h11.EndOfMessage):
                answer.end(event.headers)
                self.reusable = reader.their_state is h11.DONE and not reader.trailing_data[0]
                return b""
            elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return b""
        return b""

    async def _more(self, answer: Answer) -> bytes:
        data = await self.wire.receive()
        if data:
            answer.came()
        elif answer.clock.first_byte is None:
            raise ClosedError("the connection was closed without an answer", answered=False)
        return data


def _tell(reader: h11.Connection, outgoing: Outgoing) -> None:
    reader.send(_as_h11(outgoing.method, outgoing.asks_upgrade()))
    reader.send(_END)


@lru_cache(maxsize=64)
def _as_h11(method: str, upgrade: bool) -> h11.Request:
    # how an answer ends depends on what was asked; what h11 would send is not what we send
    headers = [(b"host", b"-")]
    if upgrade:
        headers += [(b"upgrade", b"any"), (b"connection", b"upgrade")]
    return h11.Request(method=method, target="/", headers=headers)


_END = h11.EndOfMessage()


def _version(event: h11.Response | h11.InformationalResponse) -> str:
    return f"HTTP/{event.http_version.decode('ascii')}"
