"""One DNS listener: UDP and TCP on the same port of one address, for the authority and the resolver alike."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal

from .errors import SandboxError

Transport = Literal["udp", "tcp"]
Handler = Callable[[bytes, Transport], Awaitable[bytes | None]]

_TRIES = 50
_BACKLOG = 128
_TCP_IDLE_S = 10.0
_MOST_AT_ONCE = 1000


class DnsListener:
    """Hands each message to ``handler`` and sends what it returns (nothing for None)."""

    def __init__(self, handler: Handler) -> None:
        self.address = ""
        self.port = 0
        self._handler = handler
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, address: str, port: int) -> int:
        """Listen; port 0 means one that is free for both. SandboxError where there is none."""
        if self._tcp is not None:
            raise SandboxError(f"this DNS server listens on {self.address}:{self.port} already")
        udp_socket, tcp_socket = _bind_both(address, port)
        self.address, self.port = address, tcp_socket.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp_socket)
        self._tcp = await asyncio.start_server(self._accept, sock=tcp_socket)
        return self.port

    async def stop(self) -> None:
        """Close both sockets and end every question under way."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tcp is not None:
            await self._tcp.wait_closed()
        self._udp = self._tcp = None
        # Closing a datagram transport is finished by the loop's next round.
        await asyncio.sleep(0)

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run ``work`` as a task that ends with the listener; beyond 1000 at once it is dropped (None)."""
        if len(self._tasks) >= _MOST_AT_ONCE:
            work.close()
            return None
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def answer_datagram(self, wire: bytes, client: Any) -> None:
        """Answer one UDP question."""
        answer = await self._handler(wire, "udp")
        if answer is not None and self._udp is not None:
            self._udp.sendto(answer, client)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self.run(self._converse(reader, writer))
        if task is None:
            writer.close()
        else:
            # Not in a finally of the work: a task that is cancelled before its first step runs none of it.
            task.add_done_callback(lambda _: writer.close())

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(_TCP_IDLE_S):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    wire = await reader.readexactly(length)
                answer = await self._handler(wire, "tcp")
                if answer is None:
                    return
                async with asyncio.timeout(_TCP_IDLE_S):
                    writer.write(len(answer).to_bytes(2, "big") + answer)
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, listener: DnsListener) -> None:
        self._listener = listener

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._listener.run(self._listener.answer_datagram(data, addr))


def _bind_both(address: str, port: int) -> tuple[socket.socket, socket.socket]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(_TRIES):
        tcp_socket = socket.socket(family, socket.SOCK_STREAM)
        udp_socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            # So that a server that is started again finds its port, though old connections linger there.
            tcp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp_socket.bind((address, port))
            tcp_socket.listen(_BACKLOG)
            udp_socket.bind((address, tcp_socket.getsockname()[1]))
        except OSError as error:
            tcp_socket.close()
            udp_socket.close()
            if port or error.errno != errno.EADDRINUSE:
                where = f"{address}:{port}" if port else address
                raise SandboxError(f"cannot serve DNS on {where}: {error.strerror or error}") from None
        else:
            tcp_socket.setblocking(False)
            udp_socket.setblocking(False)
            return udp_socket, tcp_socket
    raise SandboxError(f"no port of {address} is free for both UDP and TCP")


class DnsServer:
    """What the authority and the resolver have in common: an endpoint that is started and stopped."""

    def __init__(self) -> None:
        self._listener = DnsListener(self._handle)

    @property
    def address(self) -> str:
        """The address listened on; empty before the start."""
        return self._listener.address

    @property
    def port(self) -> int:
        """The port listened on, UDP and TCP alike; 0 before the start."""
        return self._listener.port

    @property
    def endpoint(self) -> str:
        """``address:port``, as a plan file names a server."""
        return f"{self.address}:{self.port}"

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on UDP and TCP; returns the port. SandboxError where that cannot be."""
        return await self._listener.start(address, port)

    async def stop(self) -> None:
        """Stop listening and end every query under way."""
        await self._listener.stop()

    async def _handle(self, wire: bytes, transport: Transport) -> bytes | None:
        raise NotImplementedError
