"""What the tests of the practice servers share."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import dns.asyncquery
import dns.message
import httpx
from pointsman.sandbox.edge import Edge

HOST = "store.shop.test"


@dataclass
class Answer:
    status: int
    headers: httpx.Headers
    text: str


@dataclass
class Pair:
    """Both edges, and a client that asks an address for a host name."""

    old: Edge
    new: Edge
    port: int
    trust: ssl.SSLContext

    async def ask(
        self,
        edge: Edge,
        path: str = "/",
        *,
        host: str = HOST,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        name: str = "",
    ) -> Answer:
        async with httpx.AsyncClient(verify=self.trust, timeout=5) as client:
            response = await client.request(
                method,
                f"https://{edge.address}:{self.port}{path}",
                headers={"Host": host, **(headers or {})},
                extensions={"sni_hostname": name or host},
            )
        return Answer(response.status_code, response.headers, response.text)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def ask_dns(
    port: int, name: str, rdtype: str = "A", *, tcp: bool = False, timeout_s: float = 2.0, **more: object
) -> dns.message.Message:
    """One question to a server on 127.0.0.1."""
    query = dns.message.make_query(name, rdtype, **more)  # type: ignore[arg-type]
    transport = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await transport(query, "127.0.0.1", timeout_s, port)


def values(message: dns.message.Message) -> list[str]:
    """The answer section in short: name, TTL, type and value of each record."""
    return [
        f"{rrset.name.to_text(True)} {rrset.ttl} {rrset.rdtype.name} {value.to_text()}"
        for rrset in message.answer
        for value in rrset
    ]


async def until(condition: Callable[[], bool], deadline_s: float = 3.0) -> None:
    """Wait for what another task does soon; AssertionError where it does not."""
    ends = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < ends, "it never came true"
        await asyncio.sleep(0.005)
