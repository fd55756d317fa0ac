"""A client that says exactly what it is told to, over one connection for each host and scheme."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from edges_nginx import OldSide


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case), and what the application told, if it was that."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


class _Connection(http.client.HTTPConnection):
    """Any scheme, to a fixed address."""

    def __init__(self, side: OldSide, host: str, scheme: str) -> None:
        port = side.port if scheme == "https" else side.plain_port
        super().__init__(side.ip, port, timeout=20)
        self._server, self._secure = host, scheme == "https"

    def connect(self) -> None:
        self.sock = socket.create_connection((self.host, self.port), 20)
        if self._secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock, server_hostname=self._server)


class Client:
    """Asks nginx by address, with the host's own name and no port in ``Host``."""

    def __init__(self, side: OldSide) -> None:
        self._side = side
        self._open: dict[tuple[str, str], _Connection] = {}

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in self._open.values():
            connection.close()

    def ask(self, url: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """One request; underscores in names of ``headers`` are dashes, two together are one underscore."""
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        key = (scheme, host)
        connection = self._open.setdefault(key, _Connection(self._side, host, scheme))
        connection.putrequest(method, slash + path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        for name, value in headers.items():
            connection.putheader("_".join(part.replace("_", "-") for part in name.split("__")), value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        try:
            if body:
                connection.send(body)
        except (BrokenPipeError, ConnectionResetError):
            # it has refused before it read all
            pass
        response = connection.getresponse()
        found = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
        if body:
            connection.close()
        return found
