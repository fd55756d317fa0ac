"""Servers that do not do what a TLS server should, and a good one that outlives a loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Visits:
    """How many connections a server has seen, and how many of them have ended."""

    begun: int = 0
    most: int = 0
    open: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)


@contextlib.asynccontextmanager
async def answering(
    handler: Handler, host: str = "127.0.0.1", visits: Visits | None = None
) -> AsyncIterator[int]:
    """Runs ``handler`` for each connection to the port that it yields; every connection ends with it."""
    live: set[asyncio.Task[None]] = set()
    seen = visits or Visits()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        live.add(task)
        seen.begun += 1
        seen.open += 1
        seen.most = max(seen.most, seen.open)
        seen.gone.clear()
        try:
            await handler(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            live.discard(task)
            seen.open -= 1
            if not seen.open:
                seen.gone.set()
            writer.transport.abort()

    server = await asyncio.start_server(guarded, host, 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        leaving = tuple(live)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes what comes until the other side goes, and says nothing."""
    while await reader.read(65536):
        pass


def says(data: bytes) -> Handler:
    """Waits for the ClientHello, sends ``data`` and waits until the other side goes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(data)
        await writer.drain()
        await silent(reader, writer)

    return handle


def trickles(data: bytes, every_s: float) -> Handler:
    """Sends ``data`` again and again, byte by byte."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        while not reader.at_eof():
            for byte in data:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(every_s)

    return handle


def floods(begins: bytes, data: bytes) -> Handler:
    """Sends ``begins``, then ``data`` for ever, as fast as it is taken."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(begins)
        much = data * (32768 // len(data) + 1)
        while True:
            writer.write(much)
            await writer.drain()
            # the client may run on the same loop, and drain() alone waits for nothing yet
            await asyncio.sleep(0)

    return handle


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the ClientHello with a RST."""
    await reader.read(65536)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the ClientHello with a FIN."""
    await reader.read(65536)
    writer.write_eof()
    await silent(reader, writer)


def record(kind: int, body: bytes, minor: int = 3) -> bytes:
    """A TLS record."""
    return bytes([kind, 3, minor]) + struct.pack("!H", len(body)) + body


def alert(number: int, level: int = 2) -> bytes:
    """A record with an alert, fatal if not said otherwise."""
    return record(21, bytes([level, number]))


@contextlib.contextmanager
def lost_syns() -> Iterator[int]:
    """A port of 127.0.0.1 whose queue is full: the kernel drops what comes."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(full.getsockname())
        yield int(full.getsockname()[1])


@contextlib.contextmanager
def in_thread(server: AbstractAsyncContextManager[int]) -> Iterator[int]:
    """A server on a loop of its own, for what runs a loop itself. Yields its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(work: Awaitable[int] | Awaitable[bool | None]) -> int | bool | None:
        async def awaited() -> int | bool | None:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), loop).result(20)

    try:
        port = wait(server.__aenter__())
        assert isinstance(port, int)
        try:
            yield port
        finally:
            wait(server.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
