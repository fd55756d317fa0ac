"""A TCP proxy that does to a connection what networks do: slow, cut, frozen, swallowed, refused."""

from __future__ import annotations

import asyncio
import contextlib

_PIECE = 16_384


class FaultProxy:
    """Between a client and ``upstream_host``:``upstream_port``; every fault can be switched while it runs.

    It listens on ``host``, on a free port; one can be set before ``start``.

    ``latency_s`` delays each piece, ``bytes_per_s`` limits each direction of each connection (0: no limit),
    ``cut_after`` resets each connection after that many bytes to the client (0: never).
    """

    def __init__(self, upstream_port: int, upstream_host: str = "127.0.0.1", host: str = "127.0.0.1") -> None:
        self.upstream_port, self.upstream_host, self.host = upstream_port, upstream_host, host
        self.port = 0
        self.latency_s = 0.0
        self.bytes_per_s = 0
        self.cut_after = 0
        self.bytes_to_client = 0
        self.bytes_to_server = 0
        self.accepted = 0
        self._dead_line = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; on the same port as before, after ``refuse``."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut everything and listen no more."""
        await self.refuse()
        for link in list(self._links):
            await link.end()
        # what was aborted is closed by the loop's next turn
        await asyncio.sleep(0)

    async def refuse(self) -> None:
        """Nobody listens any more, and what was open is reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset_all()
        await asyncio.sleep(0)

    def reset_all(self) -> None:
        """Cut every connection without a farewell."""
        for link in list(self._links):
            link.reset()

    def pull_the_cable(self) -> None:
        """Half-open: all is swallowed, for ever on what is open now, and on new connections until healed."""
        self._dead_line = True
        self.lose_connections()

    def lose_connections(self) -> None:
        """What is open now swallows everything; new connections work (as after a NAT forgot them)."""
        for link in self._links:
            link.dead = True

    def stall(self) -> None:
        """Connections are accepted and stay open, but nothing goes through until healed."""
        self._flowing.clear()

    def heal(self) -> None:
        """All is well for new connections; what was dead stays dead."""
        self.latency_s, self.bytes_per_s, self.cut_after = 0.0, 0, 0
        self._dead_line = False
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = _Link(writer, asyncio.current_task())
        link.dead = self._dead_line
        self._links.add(link)
        try:
            with contextlib.suppress(OSError):
                upstream_reader, upstream_writer = await asyncio.open_connection(
                    self.upstream_host, self.upstream_port
                )
                link.upstream = upstream_writer
                link.pumps = [
                    asyncio.ensure_future(self._pump(link, reader, upstream_writer, to_client=False)),
                    asyncio.ensure_future(self._pump(link, upstream_reader, writer, to_client=True)),
                ]
                await asyncio.wait(link.pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            link.reset()
            self._links.discard(link)

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_client: bool
    ) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while True:
                piece = await reader.read(
                    min(_PIECE, max(self.bytes_per_s // 20, 64)) if self.bytes_per_s else _PIECE
                )
                if link.dead:
                    if not piece:
                        # a dead line brings no farewell either
                        await asyncio.Event().wait()
                    continue
                if not piece:
                    return
                await self._flowing.wait()
                if self.latency_s:
                    await asyncio.sleep(self.latency_s)
                if self.bytes_per_s:
                    await asyncio.sleep(len(piece) / self.bytes_per_s)
                if link.dead:
                    continue
                carried += len(piece)
                if to_client:
                    self.bytes_to_client += len(piece)
                    if self.cut_after and carried > self.cut_after:
                        return
                else:
                    self.bytes_to_server += len(piece)
                writer.write(piece)
                await writer.drain()


class _Link:
    def __init__(self, client: asyncio.StreamWriter, task: asyncio.Task[None] | None) -> None:
        self.client = client
        self.task = task
        self.upstream: asyncio.StreamWriter | None = None
        self.dead = False
        self.pumps: list[asyncio.Future[None]] = []

    def reset(self) -> None:
        self.client.transport.abort()
        if self.upstream is not None:
            self.upstream.transport.abort()
        for pump in self.pumps:
            pump.cancel()

    async def end(self) -> None:
        self.reset()
        if self.task is not None:
            # it may still be on its way to the server
            self.task.cancel()
            await asyncio.wait([self.task])
        await asyncio.gather(*self.pumps, return_exceptions=True)
