"""One handshake by address, and nothing of it left open behind it.

pyOpenSSL over a memory BIO: its own socket mode raises WantRead at random under time limits. A socket that
the loop watches, and no transport or streams: of a thousand handshakes their own work was a third.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import time
from typing import Any

from OpenSSL import SSL, crypto

from ....cluster.text import clean
from ..address import is_address
from .facts import Handshake
from .faults import Reached, TooMuchError, classify
from .notes import Notes

_CHUNK = 65536
_MOST_CERTIFICATES = 20
_MOST_BYTES = 1024 * 1024
_MOST_AUTHORITIES = 20
# so long a server may take to say that it misses our certificate, behind a TLS 1.3 handshake
_GRACE_S = 1.0
_FIRST_BYTES = 64
_LONGEST_NAME = 255


async def handshake(
    address: str, port: int, sni: str, context: SSL.Context, *, offer: str, ends_at: float, timeout_s: float
) -> Handshake:
    """One handshake. Never raises for what network or server do; a cancellation closes the socket first.

    ``ends_at`` is when it must be over, by the clock of the running loop; ``timeout_s``, in seconds, is only
    told. An empty ``sni`` sends none. Only without an ``offer`` is a server waited for that may still refuse
    us for want of a client certificate.
    """
    started = time.monotonic()
    notes = Notes()
    connection = SSL.Connection(context, None)
    connection.set_app_data(notes)
    connection.request_ocsp()
    connection.set_connect_state()
    exchange = _Exchange(connection, notes)
    error, detail = "", ""
    try:
        if sni:
            connection.set_tlsext_host_name(_sni_bytes(sni))
        await _within(exchange, address, port, ends_at, listen=not offer)
    except (OSError, EOFError, SSL.Error, UnicodeError, TooMuchError) as fault:
        reached = Reached(exchange.connected_at > 0, bytes(exchange.begins), notes, timeout_s)
        error, detail = classify(fault, reached)
    finally:
        exchange.close()
    connected = exchange.connected_at - started if exchange.connected_at else 0.0
    return _told(
        connection,
        notes,
        sni=sni,
        offer=offer,
        error=error,
        error_detail=clean(detail, 200),
        connect_ms=round(connected * 1000, 3),
        elapsed_ms=round((time.monotonic() - started) * 1000, 3),
    )


def _sni_bytes(name: str) -> bytes:
    # RFC 6066 3: without the dot at the end. OpenSSL drops what it cannot send, without a word
    sent = name.rstrip(".").encode("ascii" if name.isascii() else "idna")
    if not 0 < len(sent) <= _LONGEST_NAME or b"\0" in sent:
        raise UnicodeError
    return sent


async def _within(exchange: _Exchange, address: str, port: int, ends_at: float, *, listen: bool) -> None:
    loop = asyncio.get_running_loop()
    timer = loop.call_at(ends_at, exchange.deadline)
    try:
        exchange.connect(*await _to_connect(address, port, ends_at))
        await exchange.done
    finally:
        timer.cancel()
    if not (listen and exchange.may_be_refused):
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(min(ends_at, loop.time() + _GRACE_S)):
            await exchange.listen()


async def _to_connect(address: str, port: int, ends_at: float) -> tuple[int, Any]:
    """The family and the socket address; only what is no IP literal is looked up."""
    if is_address(address):
        bare = address.strip("[]")
        return (socket.AF_INET6 if ":" in bare else socket.AF_INET), (bare, port)
    async with asyncio.timeout_at(ends_at):
        found = await asyncio.get_running_loop().getaddrinfo(address, port, type=socket.SOCK_STREAM)
    return found[0][0], found[0][4]


class _Exchange:
    """Carries bytes between OpenSSL's memory and the socket. ``done`` is the end of the handshake."""

    def __init__(self, connection: SSL.Connection, notes: Notes) -> None:
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.begins = bytearray()
        self.connected_at = 0.0
        self._connection = connection
        self._notes = notes
        self._received = 0
        self._accepted: asyncio.Future[None] | None = None
        self._socket: socket.socket | None = None
        self._unsent = b""
        self._broken: OSError | None = None

    @property
    def may_be_refused(self) -> bool:
        """Whether the server may still say that it misses our certificate."""
        return self._notes.client_certificate_wanted and not self._notes.ticket

    def connect(self, family: int, address: Any) -> None:
        """Begins; what becomes of it is told by ``done``. Raises OSError where it cannot even begin."""
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        try:
            self._socket.connect(address)
        except BlockingIOError:
            self._loop.add_writer(self._socket, self._connected)
        else:
            self._greet(self._socket)

    def deadline(self) -> None:
        """The time is over. What came in time counts, though our loop was too busy to read it until now."""
        if self._waiting().done():
            return
        if self.connected_at:
            self._readable()
        self._fail(TimeoutError())

    async def listen(self) -> None:
        """Until the server shows that it goes on without our certificate, or that it does not."""
        self._flush()
        self._accepted = self._loop.create_future()
        # what came with the handshake's end is in OpenSSL's hands already
        self._advance()
        await self._accepted

    def close(self) -> None:
        """Says goodbye where there is somebody to hear it, and closes the socket."""
        for waiting in (self.done, self._accepted):
            if waiting is not None and not waiting.cancel() and not waiting.cancelled():
                # looked at, so that nobody warns of an error that nobody saw
                waiting.exception()
        if self._socket is None:
            return
        if self.connected_at:
            with contextlib.suppress(SSL.Error):
                self._connection.shutdown()
            self._flush()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._socket = None

    def _connected(self) -> None:
        if self._socket is None:
            return
        self._loop.remove_writer(self._socket)
        fault = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if fault:
            self._fail(OSError(fault, os.strerror(fault)))
        else:
            self._greet(self._socket)

    def _greet(self, connected: socket.socket) -> None:
        self.connected_at = time.monotonic()
        self._loop.add_reader(connected, self._readable)
        # the ClientHello
        self._advance()

    def _readable(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        if not data:
            self._lost(self._broken or EOFError())
            return
        if len(self.begins) < _FIRST_BYTES:
            self.begins += data[:_FIRST_BYTES]
        self._received += len(data)
        if self._received > _MOST_BYTES:
            self._lost(TooMuchError(f"more than {_MOST_BYTES >> 20} MiB in a handshake"))
            return
        self._connection.bio_write(data)
        self._advance()

    def _lost(self, error: Exception) -> None:
        """Nothing more is read."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
        self._fail(error)

    def _waiting(self) -> asyncio.Future[None]:
        return self._accepted if self._accepted is not None else self.done

    def _advance(self) -> None:
        waiting = self._waiting()
        if waiting.done():
            return
        try:
            if waiting is self.done:
                self._connection.do_handshake()
            else:
                self._connection.recv(1)
        except SSL.WantReadError:
            self._flush()
            if waiting is self.done or not self._notes.ticket:
                return
        except SSL.Error as error:
            # the alert that says what we dislike goes out first
            self._flush()
            self._fail(error)
            return
        # our last words of the handshake wait for those that close it: sending twice costs more than it all
        if not waiting.done():
            waiting.set_result(None)

    def _fail(self, error: Exception) -> None:
        waiting = self._waiting()
        if not waiting.done():
            self._notes.cut_off = waiting is self._accepted
            waiting.set_exception(error)

    def _flush(self) -> None:
        with contextlib.suppress(SSL.Error):
            while True:
                self._unsent += self._connection.bio_read(_CHUNK)
        self._send()

    def _send(self) -> None:
        """As much as the socket takes now; the rest when it takes more."""
        if self._socket is None or not self._unsent:
            return
        try:
            sent = self._socket.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            # what the server said before it went is still to be read, and says more than this
            sent, self._broken = len(self._unsent), error
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)
            self._send()


def _told(
    connection: SSL.Connection,
    notes: Notes,
    *,
    sni: str,
    offer: str,
    error: str,
    error_detail: str,
    connect_ms: float,
    elapsed_ms: float,
) -> Handshake:
    served = connection.get_peer_cert_chain() or []
    # dumped by OpenSSL itself: what cryptography cannot parse must still be shown
    chain = [crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in served[:_MOST_CERTIFICATES]]
    # before a cipher is agreed on OpenSSL names the version that it would like
    cipher = connection.get_cipher_name() or ""
    return Handshake(
        sni=sni,
        chain=tuple(_text(der) for der in chain),
        verify_errors=tuple(dict.fromkeys(notes.verify_errors)),
        version=connection.get_protocol_version_name() if cipher else "",
        cipher=clean(cipher, 80),
        alpn=clean(connection.get_alpn_proto_negotiated().decode("ascii", errors="replace"), 40),
        group="" if error else clean(connection.get_group_name() or "", 60),
        staple=_text(notes.staple),
        client_certificate_wanted=notes.client_certificate_wanted,
        elapsed_ms=elapsed_ms,
        error=error,
        error_detail=error_detail,
        offer=offer,
        certificates=len(served),
        alert=notes.alert,
        client_certificate_required=notes.client_certificate_missed,
        client_cas=_authorities(connection) if notes.client_certificate_wanted else (),
        connect_ms=connect_ms,
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _authorities(connection: SSL.Connection) -> tuple[str, ...]:
    try:
        names = connection.get_client_ca_list(as_cryptography=True)
        return tuple(clean(name.rfc4514_string(), 200) for name in names[:_MOST_AUTHORITIES])
    except (ValueError, TypeError):
        return ("a name that cannot be read",)
