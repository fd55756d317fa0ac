"""A name server for what no real one does: each kind of misbehaviour has an address of its own.

It runs in a thread with its own event loop, so that a test's blocking `dig` does not stop it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Mapping
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.zone

DROPS, SLOW, TRUNCATES, NO_EDNS, NO_AA = "odd-drops", "odd-slow", "odd-truncates", "odd-edns", "odd-cache"
FLAPS, GARBAGE, MUTED = "odd-flaps", "odd-garbage", "odd-muted"
# the last octet of each one's address
ODD = {DROPS: 31, SLOW: 32, TRUNCATES: 33, NO_EDNS: 34, NO_AA: 35, FLAPS: 36, GARBAGE: 37, MUTED: 38}
SLOW_S = 0.6
_ADDRESS_TYPES = ("A", "AAAA")


class Misbehaving:
    """One address: ``zones`` are master files by zone name, ``other`` a second version for FLAPS.

    MUTED answers until ``muted`` is set.
    """

    def __init__(self, kind: str, zones: Mapping[str, str], other: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self.muted = False
        versions = [zones, {**zones, **(other or {})}] if other else [zones]
        self.versions = [
            [dns.zone.from_text(text, origin=f"{name}.", relativize=False) for name, text in one.items()]
            for one in versions
        ]
        self.turn = itertools.cycle(range(len(self.versions)))

    async def answer(self, wire: bytes, over_tcp: bool) -> bytes | None:
        """What goes back, if anything."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        if (self.kind == DROPS and kind in ("AAAA", "HTTPS")) or (self.kind == NO_EDNS and query.edns >= 0):
            return None
        if self.muted:
            return None
        if self.kind == SLOW:
            await asyncio.sleep(SLOW_S)
        if self.kind == GARBAGE:
            return wire[:2] + b"\x84\x00\x00\x01\xff\xff\x00\x00\x00\x00" + b"\xc0\x0c" * 9
        response = self._lookup(query, kind)
        if self.kind == TRUNCATES and kind in _ADDRESS_TYPES and not over_tcp:
            response.answer.clear()
            response.flags |= dns.flags.TC
        if self.kind == NO_AA:
            response.flags &= ~dns.flags.AA
        return response.to_wire(max_size=65535)

    def _lookup(self, query: dns.message.Message, kind: str) -> dns.message.Message:
        """A plain authoritative answer: records, NODATA or NXDOMAIN; aliases are not followed."""
        response = dns.message.make_response(query)
        name = query.question[0].name
        version = next(self.turn) if kind == "A" else 0
        zone = next(
            (one for one in self.versions[version] if one.origin and name.is_subdomain(one.origin)), None
        )
        if zone is None or zone.origin is None:
            response.set_rcode(dns.rcode.REFUSED)
            return response
        response.flags |= dns.flags.AA
        node = zone.get_node(name)
        found = zone.get_rrset(name, kind) if node is not None else None
        if found is not None:
            response.answer.append(found)
            return response
        response.set_rcode(dns.rcode.NOERROR if node is not None else dns.rcode.NXDOMAIN)
        response.authority.append(zone.get_rrset(zone.origin, "SOA"))
        return response


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Misbehaving) -> None:
        self.server = server
        self.transport: Any = None
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._reply(data, addr))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = await self.server.answer(data, over_tcp=False)
        if reply is not None:
            self.transport.sendto(reply, addr)


class MisbehavingServers:
    """Runs them on ``addresses`` (kind to IP address), all on one port; TRUNCATES has no TCP."""

    def __init__(self, servers: Mapping[str, Misbehaving], addresses: Mapping[str, str], port: int) -> None:
        self.servers, self.addresses, self.port = servers, addresses, port
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.open: list[Any] = []

    def start(self) -> None:
        """Returns when every address is listened on."""
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result(5)

    def stop(self) -> None:
        """Closes everything and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    async def _listen(self) -> None:
        for kind, server in self.servers.items():
            address = (self.addresses[kind], self.port)
            transport, _ = await self.loop.create_datagram_endpoint(
                lambda server=server: _Datagrams(server),  # type: ignore[misc]
                local_addr=address,
            )
            self.open.append(transport)
            if kind != TRUNCATES:
                self.open.append(await asyncio.start_server(self._stream(server), *address))

    def _stream(self, server: Misbehaving) -> Any:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while size := int.from_bytes(await reader.readexactly(2), "big"):
                    reply = await server.answer(await reader.readexactly(size), over_tcp=True)
                    if reply is None:
                        break
                    writer.write(len(reply).to_bytes(2, "big") + reply)
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        return serve

    async def _close(self) -> None:
        for one in self.open:
            one.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.01)
