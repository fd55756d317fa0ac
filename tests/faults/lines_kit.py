"""Lines between the program and each of the servers of a small world, and what may be wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fault_proxy import FaultProxy
from faults_kit import LoopThread, SmallWorld


class UdpLine(asyncio.DatagramProtocol):
    """Datagrams to 127.0.0.1:``upstream_port`` and back, each client by a socket of its own."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.latency_s = 0.0
        self.bytes_per_s = 0
        self.dead = False
        self.carried = 0
        self._free_at = 0.0
        self._transport: asyncio.DatagramTransport | None = None
        self._back: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self._pending: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> None:
        """Listen on the port that the TCP line has."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", port))

    async def stop(self) -> None:
        """Close every socket."""
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
        for one in (self._transport, *self._back.values()):
            if one is not None:
                one.close()
        await asyncio.sleep(0)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """From a client."""
        self._later(self._forth(data, address))

    def answered(self, data: bytes, address: tuple[str, int]) -> None:
        """From the server."""
        self._later(self._forward(data, lambda: self._transport.sendto(data, address)))  # type: ignore[union-attr]

    def _later(self, work: object) -> None:
        task = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _forth(self, data: bytes, address: tuple[str, int]) -> None:
        if address not in self._back:
            made, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Answers(self, address), remote_addr=("127.0.0.1", self.upstream_port)
            )
            self._back[address] = made
        await self._forward(data, lambda: self._back[address].sendto(data))

    async def _forward(self, data: bytes, send: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.latency_s)
        if self.bytes_per_s:
            # one after the other, as through a modem; with the 28 bytes of IP and UDP
            self._free_at = max(self._free_at, loop.time()) + (len(data) + 28) / self.bytes_per_s
            await asyncio.sleep(self._free_at - loop.time())
        if not self.dead:
            self.carried += len(data)
            send()


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, line: UdpLine, address: tuple[str, int]) -> None:
        self._line, self._address = line, address

    def datagram_received(self, data: bytes, _address: tuple[str, int]) -> None:
        self._line.answered(data, self._address)


@dataclass
class Lines:
    """The lines to DNS (TCP and UDP on one port), and to both edges."""

    thread: LoopThread
    dns: FaultProxy
    udp: UdpLine
    old: FaultProxy
    new: FaultProxy
    edge_port: int = 0
    tcp: tuple[FaultProxy, ...] = field(default=())

    def heal(self) -> None:
        """All is well."""
        for line in self.tcp:
            self.thread.call(line.heal)
        self.udp.latency_s, self.udp.bytes_per_s, self.udp.dead = 0.0, 0, False

    def latency(self, seconds: float) -> None:
        """Each piece and each datagram takes so long, in each direction."""
        for line in (*self.tcp, self.udp):
            line.latency_s = seconds

    def bandwidth(self, bytes_per_s: int) -> None:
        """960 is what 9600 baud carry."""
        for line in (*self.tcp, self.udp):
            line.bytes_per_s = bytes_per_s

    def reset(self) -> None:
        """Each connection is cut at the first byte of an answer; datagrams are lost."""
        for line in self.tcp:
            line.cut_after = 1
        self.udp.dead = True

    def half_open(self) -> None:
        """What is sent arrives nowhere, and nobody says so."""
        for line in self.tcp:
            self.thread.call(line.pull_the_cable)
        self.udp.dead = True

    def stalled(self) -> None:
        """Connections are accepted, and then nothing."""
        for line in self.tcp:
            self.thread.call(line.stall)
        self.udp.dead = True


@contextmanager
def lines_of(world: SmallWorld) -> Iterator[Lines]:
    """Lines in front of a world's servers, in the world's loop. The edges' are on 127.0.0.4 and .5."""
    run = world.thread.run
    dns, udp = FaultProxy(world.authority.port), UdpLine(world.authority.port)
    old = FaultProxy(world.port, "127.0.0.2", "127.0.0.4")
    new = FaultProxy(world.port, "127.0.0.3", "127.0.0.5")
    run(dns.start())
    run(udp.start(dns.port))
    run(old.start())
    new.port = old.port
    run(new.start())
    lines = Lines(world.thread, dns, udp, old, new, old.port, (dns, old, new))
    try:
        yield lines
    finally:
        lines.heal()
        for line in lines.tcp:
            run(line.stop())
        run(udp.stop())
