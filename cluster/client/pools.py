"""The sockets under a Connection: kept alive, and all of them known, so that silent ones can be broken."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import warnings
import weakref
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from .settings import ServerSettings

if TYPE_CHECKING:
    import urllib3
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool
    from urllib3.response import HTTPResponse

# a line that is dead (no answer to the third probe) breaks after 10 + 3 * 3 s
_IDLE_S, _INTERVAL_S, _PROBES = 10, 3, 3
# well above the number of watch threads, so that none waits for another's connection
_POOL = 96


def keepalive_options() -> list[tuple[int, int, int]]:
    """Socket options with which the kernel notices within 20 s that the other side is gone.

    Names differ: tcp(7) of Linux has TCP_KEEPIDLE, macOS calls the same TCP_KEEPALIVE. TCP_USER_TIMEOUT is
    for data that was sent and never acknowledged, for which Linux alone would try for a quarter of an hour.
    """
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    idle = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"
    for name, value in (
        (idle, _IDLE_S),
        ("TCP_KEEPINTVL", _INTERVAL_S),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", (_IDLE_S + _INTERVAL_S * _PROBES) * 1000),
    ):
        number = getattr(socket, name, None)
        if number is not None:
            options.append((socket.IPPROTO_TCP, number, value))
    return options


class Pools:
    """Two pools to one server: ``main`` for everything, ``beat`` with one connection for the heartbeat.

    Certificates and keys are read from their files for each new connection. Raises OSError, ValueError,
    TypeError or UserError where the settings cannot be used.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._sockets = _Sockets()
        self.main = self._build()
        self.beat = self._build()

    def renew_beat(self) -> None:
        """The next heartbeat opens a connection of its own."""
        self.beat.clear()

    def break_all(self) -> None:
        """Shut every socket that is open now: who waits at one wakes with an error."""
        self._sockets.shut()

    def break_quiet(self, since: float) -> None:
        """The same of those from which nothing came after ``since`` (monotonic seconds)."""
        self._sockets.shut(since)

    def drop_idle(self) -> None:
        """Close the connections that nobody uses now."""
        self.main.clear()

    def close(self) -> None:
        """The same of both pools."""
        self.main.clear()
        self.beat.clear()

    def _build(self) -> urllib3.PoolManager:
        import urllib3

        settings = self._settings
        arguments: dict[str, Any] = {
            "cert_reqs": "CERT_REQUIRED" if settings.verify else "CERT_NONE",
            "ca_certs": settings.authority_file,
            "cert_file": settings.certificate_file,
            "key_file": settings.key_file,
            "maxsize": _POOL,
            "retries": False,
            "socket_options": keepalive_options(),
        }
        if settings.server_name:
            arguments["server_hostname"] = settings.server_name
        pool: urllib3.PoolManager
        if settings.proxy is None:
            pool = urllib3.PoolManager(**arguments)
        elif settings.proxy.lower().startswith("socks"):
            pool = _through_socks(settings.proxy, arguments)
        else:
            pool = urllib3.ProxyManager(settings.proxy, **arguments)
        pool.pool_classes_by_scheme = _known_to(self._sockets)
        return pool


def _through_socks(proxy: str, arguments: dict[str, Any]) -> urllib3.PoolManager:
    with warnings.catch_warnings():
        # urllib3 warns beside the error
        warnings.simplefilter("ignore")
        try:
            from urllib3.contrib.socks import SOCKSProxyManager
        except ImportError:
            raise UserError(
                "the proxy is a SOCKS proxy, for which a package is missing", "pip install PySocks"
            ) from None
    return SOCKSProxyManager(proxy, **arguments)


class _Sockets:
    """All connections that are open, and a second handle of each whose TLS handshake still goes on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        self._beginning: set[socket.socket] = set()

    def begin(self, sock: socket.socket) -> socket.socket:
        # a handle of our own, because ssl takes the first one away while it shakes hands
        handle = sock.dup()
        with self._lock:
            self._beginning.add(handle)
        return handle

    def end(self, handle: socket.socket) -> None:
        with self._lock:
            self._beginning.discard(handle)
            handle.close()

    def add(self, connection: HTTPConnection) -> None:
        with self._lock:
            self._open.add(connection)

    def shut(self, quiet_since: float = float("inf")) -> None:
        with self._lock:
            for handle in self._beginning:
                shut_socket(handle)
            connections = list(self._open)
        for connection in connections:
            if _heard_at(connection) <= quiet_since:
                shut_socket(connection.sock)


def note_heard(response: urllib3.BaseHTTPResponse) -> None:
    """Something came on the connection of this response."""
    if response.connection is not None:
        vars(response.connection)["heard_at"] = time.monotonic()


def _heard_at(connection: HTTPConnection) -> float:
    return float(vars(connection).get("heard_at", 0.0))


def shut_socket(sock: socket.socket | None) -> None:
    """End both directions, so that a thread that is blocked in it wakes; the socket's owner closes it."""
    if sock is None:
        return
    # TLS inside the TLS of a proxy wraps the real socket once more
    inner = getattr(sock, "socket", sock)
    with contextlib.suppress(Exception):
        # past ssl's own method, which would take the TLS state away under the thread that reads
        socket.socket.shutdown(inner, socket.SHUT_RDWR)


def _known_to(sockets: _Sockets) -> dict[str, type[HTTPConnectionPool]]:
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    # their parts: heard_at is when something last came, in monotonic seconds
    class Known(HTTPConnection):
        _handle: socket.socket | None = None

        def _new_conn(self) -> socket.socket:
            sock = super()._new_conn()
            self._handle = sockets.begin(sock)
            return sock

        def connect(self) -> None:
            try:
                super().connect()
            finally:
                handle, self._handle = self._handle, None
                if handle is not None:
                    sockets.end(handle)
            self.heard_at = time.monotonic()
            sockets.add(self)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            response = super().getresponse()
            self.heard_at = time.monotonic()
            return response

    class Plain(Known):
        pass

    class Secure(Known, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
