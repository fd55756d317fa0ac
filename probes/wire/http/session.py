"""Connections by address, fresh or used again, and one exchange over one of them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from ..roots import client_context
from .answer import Answer
from .errors import ClosedError, ExchangeError
from .facts import Protocol
from .http1 import Http1
from .http2 import Http2
from .outgoing import Outgoing
from .wire import Wire, connect

_MOST_IDLE = 64
# HTTP/1.0 clients know no ALPN; who wants HTTP/2 says so and names what a browser would fall back to
_ALPN: dict[Protocol, tuple[str, ...]] = {
    "http/1.0": (),
    "http/1.1": ("http/1.1",),
    "h2": ("h2", "http/1.1"),
    "auto": ("h2", "http/1.1"),
}

_Key = tuple[str, int, bool, str | None, str]


@dataclass(slots=True)
class Link:
    """A connection that speaks: ``talk`` reads and writes HTTP on ``wire``."""

    wire: Wire
    talk: Http1 | Http2


class Connections:
    """Opens connections, and keeps those that can be used again where ``keep`` says so.

    Raises UserError where the roots file cannot be read.
    """

    def __init__(self, ca_file: str | None, keep: bool) -> None:
        self._ca_file = ca_file
        self._keep = keep
        self._contexts: dict[tuple[tuple[str, ...], bool], ssl.SSLContext] = {}
        self._idle: dict[_Key, list[Link]] = {}
        self._context(("http/1.1",), True)

    async def exchange(self, outgoing: Outgoing, protocol: Protocol, answer: Answer) -> tuple[Link, bytes]:
        """One request over a kept connection or a fresh one; who calls hands the link to ``done``.

        What came behind a 101 is returned with it. Raises ExchangeError, OSError, ssl.SSLError, UserError.
        """
        key = (outgoing.address, outgoing.port, outgoing.secure, outgoing.sni, protocol)
        kept = self._kept(key)
        if kept is not None:
            try:
                return kept, await self._ask(kept, outgoing, answer)
            except (ClosedError, OSError) as error:
                # it may have hung up between two requests: that counts only on a connection just made
                if getattr(error, "answered", False) or outgoing.body:
                    raise
                answer.clock.again()
        link = await self._open(outgoing, protocol, answer)
        return link, await self._ask(link, outgoing, answer)

    def done(self, link: Link, outgoing: Outgoing, protocol: Protocol) -> None:
        """Keeps the connection for the next request, or closes it."""
        key = (outgoing.address, outgoing.port, outgoing.secure, outgoing.sni, protocol)
        idle = self._idle.setdefault(key, []) if self._keep else []
        if self._keep and link.talk.reusable and protocol != "http/1.0" and len(idle) < _MOST_IDLE:
            idle.append(link)
        else:
            link.wire.close()

    def close(self) -> None:
        """Closes every idle connection."""
        for links in self._idle.values():
            for link in links:
                link.wire.close()
        self._idle.clear()

    def _kept(self, key: _Key) -> Link | None:
        idle = self._idle.get(key)
        while idle:
            link = idle.pop()
            if link.talk.still_good():
                return link
            link.wire.close()
        return None

    async def _ask(self, link: Link, outgoing: Outgoing, answer: Answer) -> bytes:
        facts = answer.connection
        facts.tls_version, facts.alpn = link.wire.tls_version, link.wire.alpn
        facts.leaf_sha256 = link.wire.leaf_sha256
        try:
            return await link.talk.exchange(outgoing, answer)
        except BaseException:
            link.wire.close()
            raise

    async def _open(self, outgoing: Outgoing, protocol: Protocol, answer: Answer) -> Link:
        clock = answer.clock
        clock.stage = "connecting"
        wire = await connect(outgoing.address, outgoing.port)
        try:
            clock.connect = clock.now_ms()
            if outgoing.secure:
                clock.stage = "the TLS handshake"
                await wire.secure(self._context(_ALPN[protocol], outgoing.sni is not None), outgoing.sni)
                clock.tls = clock.now_ms()
            return Link(wire, _speaker(wire, outgoing, protocol, answer))
        except BaseException:
            wire.close()
            raise

    def _context(self, alpn: tuple[str, ...], check_name: bool) -> ssl.SSLContext:
        context = self._contexts.get((alpn, check_name))
        if context is None:
            context = client_context(self._ca_file, alpn, check_name)
            self._contexts[alpn, check_name] = context
        return context


def _speaker(wire: Wire, outgoing: Outgoing, protocol: Protocol, answer: Answer) -> Http1 | Http2:
    if wire.alpn == "h2" or (protocol == "h2" and not outgoing.secure):
        return Http2(wire)
    if protocol == "h2":
        answer.connection.tls_version, answer.connection.alpn = wire.tls_version, wire.alpn
        chosen = f"chose {wire.alpn}" if wire.alpn else "agreed to no protocol (ALPN)"
        raise ExchangeError("protocol", f"HTTP/2 was not agreed: the server {chosen}")
    return Http1(wire)
