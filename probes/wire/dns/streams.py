"""Questions over TCP and TLS: one connection a question, or one for all of a resolver's. Never for ever."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import ssl
from dataclasses import dataclass
from functools import lru_cache

from ....cluster.errors import UserError
from ....cluster.text import clean
from ..roots import roots_file
from .servers import TLS, Server
from .wire import Written, answers_the_question

# what a server may send on one connection before its answer, so that chatter comes to an end
_MOST_STRANGERS = 5


class AskError(Exception):
    """A question that could not be asked: ``kind`` is DnsAnswer's word for it."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = clean(detail, 160)


def failure_of(error: Exception) -> AskError:
    """Any error of a socket, classified."""
    if isinstance(error, AskError):
        return error
    if isinstance(error, UserError):
        return AskError("local", str(error))
    if isinstance(error, TimeoutError):
        return AskError("timeout", "no answer in time")
    if isinstance(error, ssl.SSLCertVerificationError):
        return AskError("tls", f"its certificate is not accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        return AskError("tls", f"no TLS: {(error.reason or type(error).__name__).replace('_', ' ').lower()}")
    if isinstance(error, OSError):
        return _failure_of_system(error)
    if isinstance(error, EOFError):
        return AskError("malformed", "the TCP connection was closed before an answer")
    return AskError("malformed", type(error).__name__)


def _failure_of_system(error: OSError) -> AskError:
    if error.errno == errno.ECONNREFUSED:
        return AskError("refused", "connection refused")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return AskError("local", "too many open files here")
    if isinstance(error, ConnectionError):
        return AskError("malformed", "the connection was reset before an answer")
    return AskError("unreachable", error.strerror or "cannot be reached")


@dataclass(slots=True)
class _Open:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Stream:
    """A connection to one server that is opened when needed and used for one question at a time."""

    def __init__(self, server: Server, ca_file: str = "") -> None:
        """Raises UserError where it is for TLS and the roots cannot be read."""
        self._server = server
        self._secure = tls_context(ca_file) if server.scheme == TLS else None
        self._open: _Open | None = None
        self._turn = asyncio.Lock()

    async def ask(self, written: Written, _timeout_s: float) -> bytes:
        """The reply's bytes. Raises AskError; whoever waits ends it, and cancelled it closes."""
        async with self._turn:
            used_before = self._open is not None
            try:
                return await self._exchange(written)
            except (EOFError, ConnectionError) as error:
                self.close()
                if not used_before:
                    raise failure_of(error) from None
            except asyncio.CancelledError:
                self.close()
                raise
            except Exception as error:  # noqa: BLE001 - whatever a server provokes is classified
                self.close()
                raise failure_of(error) from None
            # a server may close a connection that was idle: that says nothing of this question
            try:
                return await self._exchange(written)
            except BaseException as error:
                self.close()
                if not isinstance(error, Exception):
                    raise
                raise failure_of(error) from None

    async def _exchange(self, written: Written) -> bytes:
        connection = self._open
        if connection is None:
            name = (self._server.name or self._server.address) if self._secure is not None else None
            connection = self._open = _Open(
                *await asyncio.open_connection(
                    self._server.address, self._server.port, ssl=self._secure, server_hostname=name
                )
            )
        message_id = os.urandom(2)
        message = written.message(message_id)
        connection.writer.write(len(message).to_bytes(2, "big") + message)
        await connection.writer.drain()
        for _ in range(_MOST_STRANGERS):
            length = int.from_bytes(await connection.reader.readexactly(2), "big")
            reply = await connection.reader.readexactly(length)
            if reply[:2] == message_id and answers_the_question(reply, written):
                return reply
        raise AskError("malformed", "answers came over TCP, none to this question")

    def close(self) -> None:
        """Drop the connection at once; the next question opens another."""
        connection, self._open = self._open, None
        if connection is not None:
            with contextlib.suppress(RuntimeError):
                connection.writer.transport.abort()


@lru_cache(maxsize=8)
def tls_context(ca_file: str) -> ssl.SSLContext:
    """A context that verifies, for DNS over TLS. Raises UserError where the roots cannot be read."""
    path = roots_file(ca_file or None)
    try:
        context = ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError):
        raise UserError(f"{clean(path)}: holds no trusted certificates", "give PEM roots") from None
    context.set_alpn_protocols(["dot"])
    return context
