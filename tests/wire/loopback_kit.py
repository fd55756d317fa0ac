"""A server on loopback that leaves nothing behind when its test ends."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def loopback(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Runs ``handler`` for each connection to the port that it yields."""
    live: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        live[task] = writer
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)
        for task, writer in live.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*live, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def answers(*replies: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Sends the replies in turn, the last one again and again, one a connection; then closes it."""
    waiting = list(replies)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])
        await writer.drain()

    async with loopback(handle, context) as port:
        yield port
