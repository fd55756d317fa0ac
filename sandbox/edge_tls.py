"""How an edge shakes hands: the certificate by name (SNI), its faults, and the count of how it ended."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .edge_counters import UNKNOWN_HOST, EdgeCounters
from .edge_model import Controller, Faults, VirtualHost
from .pki import Certificate, default_certificate

_HANDSHAKE_TIMEOUT_S = 10.0
_BACKLOG = 512
_AFTER_FAILED_ACCEPT_S = 0.1


@dataclass(slots=True)
class _Attempt:
    """One handshake under way: whether its ClientHello came, and the host that was asked for."""

    greeted: bool = False
    asked: str = ""


# The callback that sees the name gets no word of its connection; asyncio runs it in the connection's context.
_attempt: ContextVar[_Attempt] = ContextVar("attempt")


class EdgeTls:
    """The TLS side of an edge; ``find`` gives the host of a name, ``faults_of`` what is wrong with it now."""

    def __init__(
        self,
        controller: Controller,
        directory: Path | None,
        find: Callable[[str], VirtualHost | None],
        faults_of: Callable[[str], Faults],
    ) -> None:
        self._controller = controller
        self._directory = directory
        self._find = find
        self._faults_of = faults_of
        self._default = default_certificate()
        self._contexts: dict[tuple[str, bool], ssl.SSLContext] = {}
        self.context = self._default.server_context(directory)
        self.context.sni_callback = self._choose

    def load(self, certificate: Certificate) -> None:
        """Load ``certificate`` now, so that a bad one is an error here and not in a handshake."""
        self._context_of(certificate, with_intermediate=True)

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        """Set the certificate for ``name``; a number ends the handshake.

        asyncio closes the connection then without sending that alert, which is what Envoy does as well.
        """
        host = self._find(name.lower()) if name else None
        attempt = _attempt.get(_Attempt())
        attempt.greeted = True
        if name:
            attempt.asked = host.host if host else UNKNOWN_HOST
        faults = self._faults_of(host.host if host else name or "")
        if faults.refuse_handshake:
            return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
        certificate = host.certificate if host else None
        if certificate is None and self._controller == "envoy" and not faults.default_certificate:
            # Envoy has no default: a name that no filter chain matches gets no handshake.
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        if certificate is None or faults.default_certificate:
            certificate = self._default
        try:
            context = self._context_of(certificate, with_intermediate=not faults.missing_intermediate)
        except (OSError, ValueError):
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = context
        return None

    def _context_of(self, certificate: Certificate, *, with_intermediate: bool) -> ssl.SSLContext:
        key = (certificate.fingerprint, with_intermediate)
        context = self._contexts.get(key)
        if context is None:
            context = certificate.server_context(self._directory, with_intermediate=with_intermediate)
            self._contexts[key] = context
        return context


class TlsListener:
    """Accepts connections and counts every handshake, the failed ones too, which asyncio's server hides."""

    def __init__(
        self, protocol: Callable[[], asyncio.BaseProtocol], tls: EdgeTls, counters: EdgeCounters
    ) -> None:
        self._protocol = protocol
        self._tls = tls
        self._counters = counters
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, address: str, port: int) -> int:
        """Listen, from the running loop; returns the port. OSError where it is taken."""
        listening = socket.create_server(
            (address, port),
            family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            backlog=_BACKLOG,
        )
        listening.setblocking(False)
        self._socket = listening
        self._run(self._accept(listening))
        chosen: int = listening.getsockname()[1]
        return chosen

    async def stop(self) -> None:
        """Stop listening and break off the handshakes under way; what was accepted lives on."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError:
                # Out of descriptors, most likely: let some connections end first.
                await asyncio.sleep(_AFTER_FAILED_ACCEPT_S)
            else:
                self._run(self._shake(connection))

    async def _shake(self, connection: socket.socket) -> None:
        attempt = _Attempt()
        _attempt.set(attempt)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol, connection, ssl=self._tls.context, ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S
            )
        except OSError as error:
            # A port check that connects and leaves is no handshake.
            if attempt.greeted or isinstance(error, ssl.SSLError):
                self._counters.handshake_failures[attempt.asked] += 1
        else:
            self._counters.handshakes[attempt.asked] += 1
