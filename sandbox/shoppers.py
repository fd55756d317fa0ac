"""Shoppers: a little steady traffic that goes where the caching resolver sends it, and lingers there."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.rdatatype

USER_AGENT = "practice-shopper/1.0"
_PATIENCE_S = 3.0
_MOST_AT_ONCE = 8


class Shoppers:
    """Asks the hosts in turn, `rate_per_s` in all, each over a connection of its own that is verified."""

    def __init__(
        self, hosts: Iterable[str], resolver: str, port: int, ca_file: Path, rate_per_s: float = 4.0
    ) -> None:
        self._hosts = tuple(hosts)
        self._resolver_address, _, resolver_port = resolver.rpartition(":")
        self._resolver_port = int(resolver_port)
        self._port = port
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self._pause_s = 1.0 / rate_per_s
        self._errands: set[asyncio.Task[None]] = set()
        self._walk: asyncio.Task[None] | None = None
        self.visits: Counter[tuple[str, str]] = Counter()
        """By host and outcome: a status such as "200", or "failed"."""

    def start(self) -> None:
        if self._hosts:
            self._walk = asyncio.get_running_loop().create_task(self._stroll())

    async def stop(self) -> None:
        tasks = [*self._errands, *([self._walk] if self._walk else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._walk = None

    async def _stroll(self) -> None:
        for host in itertools.cycle(self._hosts):
            if len(self._errands) < _MOST_AT_ONCE:
                errand = asyncio.get_running_loop().create_task(self._visit(host))
                self._errands.add(errand)
                errand.add_done_callback(self._errands.discard)
            await asyncio.sleep(self._pause_s)

    async def _visit(self, host: str) -> None:
        outcome = "failed"
        try:
            async with asyncio.timeout(_PATIENCE_S):
                outcome = await self._fetch(host, await self._resolve(host))
        except (OSError, dns.exception.DNSException, asyncio.IncompleteReadError, ValueError):
            # a shopper who meets a broken shop goes on to the next one
            pass
        self.visits[host, outcome] += 1

    async def _resolve(self, host: str) -> str:
        query = dns.message.make_query(host, dns.rdatatype.A)
        answer = await dns.asyncquery.udp(query, self._resolver_address, _PATIENCE_S, self._resolver_port)
        for records in answer.answer:
            for record in records:
                if record.rdtype == dns.rdatatype.A:
                    return str(record)
        raise OSError(f"{host} has no address")

    async def _fetch(self, host: str, address: str) -> str:
        reader, writer = await asyncio.open_connection(
            address, self._port, ssl=self._context, server_hostname=host
        )
        try:
            request = (
                f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n\r\n"
            )
            writer.write(request.encode())
            line = await reader.readline()
            return line.split()[1].decode("ascii")
        except IndexError:
            raise OSError(f"{host} said nothing") from None
        finally:
            writer.transport.abort()
