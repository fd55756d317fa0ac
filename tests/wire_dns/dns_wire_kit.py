"""Name servers within the test's own process: any bytes for a question, or zones with delegations."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone

# what a server sends back: nothing, one message, or several, each after a pause in seconds
Sent = bytes | Sequence[bytes | tuple[bytes, float]] | None
Reply = Callable[[dns.message.Message, bytes, str], Sent]


@dataclass
class Heard:
    """What a server was asked: (name, type, over) in order, and the datagrams' source ports and ids."""

    questions: list[tuple[str, str, str]] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)
    ids: list[int] = field(default_factory=list)
    edns: list[bool] = field(default_factory=list)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply, heard: Heard) -> None:
        self.reply, self.heard = reply, heard
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        self.heard.ports.add(addr[1])
        self.heard.ids.append(query.id)
        self.heard.edns.append(query.edns >= 0)
        _note(self.heard, query, "udp")
        loop = asyncio.get_running_loop()
        for wire, pause in _messages(self.reply(query, data, "udp")):
            loop.call_later(pause, self._send, wire, addr)

    def _send(self, wire: bytes, addr: tuple[str, int]) -> None:
        if not self.transport.is_closing():
            self.transport.sendto(wire, addr)


def _note(heard: Heard, query: dns.message.Message, over: str) -> None:
    question = query.question[0]
    heard.questions.append((question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype), over))


def _messages(sent: Sent) -> list[tuple[bytes, float]]:
    if sent is None:
        return []
    parts = [sent] if isinstance(sent, bytes) else list(sent)
    return [(part, 0.0) if isinstance(part, bytes) else part for part in parts]


@contextlib.asynccontextmanager
async def serving(
    reply: Reply,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tcp: bool = True,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[str, Heard]]:
    """``address:port`` of a server, and what it hears. With ``tls``: TCP only."""
    heard = Heard()
    live: set[asyncio.StreamWriter] = set()
    tasks: set[asyncio.Task[Any]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        live.add(writer)
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                wire = await reader.readexactly(size)
                query = dns.message.from_wire(wire)
                _note(heard, query, "tcp")
                for message, pause in _messages(reply(query, wire, "tcp")):
                    await asyncio.sleep(pause)
                    writer.write(len(message).to_bytes(2, "big") + message)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    loop = asyncio.get_running_loop()
    server = None
    for _ in range(20):
        server = await asyncio.start_server(converse, host, port, ssl=tls) if tcp else None
        bound = server.sockets[0].getsockname()[1] if server is not None else port
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Udp(reply, heard), local_addr=(host, 0 if tls else bound)
            )
        except OSError:
            if server is not None:
                server.close()
            if port:
                raise
            continue
        break
    where = bound if tcp else transport.get_extra_info("sockname")[1]
    try:
        yield (f"[{host}]:{where}" if ":" in host else f"{host}:{where}"), heard
    finally:
        transport.close()
        if server is not None:
            server.close()
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            for writer in live:
                writer.transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()
        await asyncio.sleep(0.01)


def answer(query: dns.message.Message, *lines: str, rcode: str = "NOERROR", aa: bool = True) -> bytes:
    """A reply with the given records, such as ``store.shop.test. 60 A 192.0.2.1``."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA if aa else 0
    response.set_rcode(dns.rcode.from_text(rcode))
    for text in lines:
        owner, ttl, kind, value = text.split(None, 3)
        response.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, value))
    return response.to_wire(max_size=65535)


class Authority:
    """The zones of one server, from zone files' text: referrals with glue, aliases, wildcards."""

    def __init__(self, **zones: str) -> None:
        self.zones = {
            dns.name.from_text(origin.replace("__", ".")): dns.zone.from_text(
                text, origin.replace("__", "."), relativize=False, check_origin=False
            )
            for origin, text in zones.items()
        }

    def __call__(self, query: dns.message.Message, wire: bytes, over: str) -> bytes:
        response = dns.message.make_response(query)
        question = query.question[0]
        self._fill(response, question.name, question.rdtype, 0)
        return response.to_wire(max_size=65535)

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: Any, hops: int) -> None:
        origin = max(
            (one for one in self.zones if name.is_subdomain(one)),
            key=lambda one: len(one.labels),
            default=None,
        )
        if origin is None:
            if not hops:
                response.set_rcode(dns.rcode.REFUSED)
            return
        zone = self.zones[origin]
        if self._refer(response, zone, origin, name, kind, hops):
            return
        response.flags |= dns.flags.AA
        node = zone.get(name) or zone.get(dns.name.Name((b"*", *name.parent().labels)))
        alias = node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.CNAME) if node else None
        found = node.get_rdataset(dns.rdataclass.IN, kind) if node else None
        if found is not None:
            response.answer.append(dns.rrset.from_rdata_list(name, found.ttl, list(found)))
        elif alias is not None and hops < 12:
            response.answer.append(dns.rrset.from_rdata_list(name, alias.ttl, list(alias)))
            self._fill(response, alias[0].target, kind, hops + 1)
        else:
            exists = node is not None or any(one.is_subdomain(name) for one in zone.nodes)
            if not exists:
                response.set_rcode(dns.rcode.NXDOMAIN)
            soa = zone.find_rdataset(origin, "SOA")
            response.authority.append(dns.rrset.from_rdata_list(origin, soa.ttl, list(soa)))

    def _refer(
        self, response: dns.message.Message, zone: Any, origin: Any, name: Any, kind: Any, hops: int
    ) -> bool:
        cut = name
        while cut != origin:
            node = zone.get(cut)
            servers = node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.NS) if node else None
            if servers is not None and not (kind == dns.rdatatype.DS and cut == name):
                if not hops:
                    response.authority.append(dns.rrset.from_rdata_list(cut, servers.ttl, list(servers)))
                    for server in servers:
                        for glue in (dns.rdatatype.A, dns.rdatatype.AAAA):
                            known = zone.get_rdataset(server.target, glue)
                            if known:
                                response.additional.append(
                                    dns.rrset.from_rdata_list(server.target, known.ttl, list(known))
                                )
                return True
            cut = cut.parent()
        return False
