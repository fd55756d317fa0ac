"""One connection: TCP, and TLS over memory buffers, so that nothing is read before it is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import socket
import ssl

from .errors import ClosedError, ExchangeError, at_most

_CHUNK = 65536
_MOST_HANDSHAKE_BYTES = 1024 * 1024
_READS_IN_A_ROW = 8
# the goodbye of TLS and that of TCP in one packet, where the system can
_TOGETHER = getattr(socket, "MSG_MORE", 0)


class Wire:
    """A socket that belongs to one exchange at a time. ``close`` ends it at once, whatever goes on."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._sending = asyncio.Lock()
        self._reads = 0
        self.tls_version = ""
        self.alpn = ""
        self.leaf_sha256 = ""

    async def secure(self, context: ssl.SSLContext, name: str | None) -> None:
        """Makes the handshake; ``name`` goes as SNI unless it is an IP literal.

        Raises ssl.SSLError, OSError, or ExchangeError: the other side hung up, or the name cannot be sent.
        """
        try:
            tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        except ValueError as error:
            raise ExchangeError("request", f"{name!r} cannot be sent as SNI: {error}") from None
        received = 0
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
            except ssl.SSLError:
                self._say_why()
                raise
            data = await self._next()
            if not data:
                raise ClosedError("the connection was closed during the TLS handshake", answered=received > 0)
            received += len(data)
            at_most(received, _MOST_HANDSHAKE_BYTES, "bytes of TLS handshake", "handshake")
            self._incoming.write(data)
        # the handshake's last bytes go out together with the first of the request
        self._tls = tls
        self.tls_version = tls.version() or ""
        self.alpn = tls.selected_alpn_protocol() or ""
        leaf = tls.getpeercert(binary_form=True)
        self.leaf_sha256 = hashlib.sha256(leaf).hexdigest() if leaf else ""

    async def send(self, data: bytes) -> None:
        """Sends all of it. Raises OSError or ssl.SSLError."""
        if self._tls is None:
            await self._loop.sock_sendall(self._socket, data)
            return
        for start in range(0, len(data), _CHUNK):
            self._tls.write(data[start : start + _CHUNK])
            await self._flush()

    async def receive(self) -> bytes:
        """What comes next; empty at the end. Raises OSError or ssl.SSLError."""
        if self._tls is None:
            return await self._next()
        while True:
            try:
                return self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                # what the other side asked of TLS itself is answered before more is waited for
                await self._flush()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError:
                self._say_why()
                raise
            data = await self._next()
            if not data:
                # many servers leave without close_notify; whether all had come, HTTP knows
                return b""
            self._incoming.write(data)

    def left_over(self) -> bytes | None:
        """What came while nothing was asked; None where the connection is of no more use."""
        try:
            data = self._socket.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            return None
        if not data or self._tls is None:
            return data or None
        self._incoming.write(data)
        found = bytearray()
        try:
            while len(found) < _CHUNK:
                piece = self._tls.read(_CHUNK)
                if not piece:
                    return None
                found += piece
        except ssl.SSLWantReadError:
            return bytes(found)
        except ssl.SSLError:
            return None
        return None

    def close(self) -> None:
        """Says goodbye as TLS asks, where that needs no waiting, and closes the socket."""
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLError, ValueError):
                self._tls.unwrap()
            self._say_why(_TOGETHER)
        self._socket.close()

    async def _next(self) -> bytes:
        self._reads += 1
        if self._reads % _READS_IN_A_ROW == 0:
            # a socket that always has more never waits, and then no deadline would come to its turn
            await asyncio.sleep(0)
        return await self._loop.sock_recv(self._socket, _CHUNK)

    async def _flush(self) -> None:
        if not self._outgoing.pending:
            return
        async with self._sending:
            data = self._outgoing.read()
            if data:
                await self._loop.sock_sendall(self._socket, data)

    def _say_why(self, flags: int = 0) -> None:
        data = self._outgoing.read()
        if data:
            with contextlib.suppress(OSError):
                self._socket.send(data, flags)


async def connect(address: str, port: int) -> Wire:
    """A TCP connection to an IP literal. Raises OSError."""
    bare = address.strip("[]")
    version = ipaddress.ip_address(bare).version
    sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (bare, port))
        return Wire(sock)
    except BaseException:
        sock.close()
        raise
