"""Requests through a real data plane: servers behind it that say their names, and what came back in short."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from pointsman.cluster.routing.model import Trace
from pointsman.cluster.routing.request import Request, parse_line

NAMES = ("a", "b", "c", "d", "e")


@dataclass(frozen=True)
class Met:
    """What a client met. ``backend`` is who answered, with what it was asked for; ``status`` 0: no answer."""

    status: int
    backend: str = ""
    location: str = ""
    asked: Mapping[str, Any] | None = None

    @property
    def short(self) -> str:
        if self.backend:
            return self.backend
        if self.location:
            return f"{self.status} {self.location}"
        return str(self.status) if self.status else "refused"


def promised(trace: Trace) -> set[str]:
    """The same words for what is worked out from the objects: any of these may come."""
    if trace.outcome.kind == "redirect":
        return {f"{trace.outcome.status} {trace.outcome.location}"}
    if trace.outcome.kind == "refused":
        return {"refused"}
    shares = [one for one in trace.shares if one.share > 0]
    if shares:
        return {str(one.status) if one.status else one.ref.name for one in shares}
    return {str(trace.outcome.status)}


class _Teller(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        told = {"backend": self.server.told_name, "path": self.path, "headers": dict(self.headers.items())}  # type: ignore[attr-defined]
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("X-Told-By", told["backend"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_POST = do_HEAD = do_GET  # noqa: N815 - http.server finds them by name

    def log_message(self, *args: Any) -> None:
        """Nothing."""


@contextlib.contextmanager
def servers(address: str) -> Iterator[dict[str, int]]:
    """One for each name; their ports."""
    running: list[ThreadingHTTPServer] = []
    try:
        for name in NAMES:
            server = ThreadingHTTPServer((address, 0), _Teller)
            server.daemon_threads = True
            server.told_name = name  # type: ignore[attr-defined]
            running.append(server)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield {name: server.server_address[1] for name, server in zip(NAMES, running, strict=True)}
    finally:
        for server in running:
            server.shutdown()
            server.server_close()


def ask(request: Request, ports: Mapping[int, int], address: str = "127.0.0.1") -> Met:
    """Send it to the address, at the port that stands for the one of its URL."""
    port = ports.get(request.port, request.port)
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection: HTTPConnection = HTTPConnection(address, port, timeout=5)
    if request.scheme == "https":
        connection = _OfName(address, port, request.sni)
    host = request.host if request.port in (80, 443) else f"{request.host}:{request.port}"
    try:
        connection.request(request.method, target, headers={"Host": host, **dict(request.headers)})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException):
        return Met(0)
    finally:
        connection.close()
    with contextlib.suppress(ValueError):
        told = json.loads(body)
        return Met(answer.status, told["backend"], asked=told)
    # HEAD has no body to tell it
    return Met(answer.status, answer.getheader("X-Told-By") or "", answer.getheader("Location") or "")


class _OfName(HTTPSConnection):
    """TLS with the request's name, whatever the address; who it is, is another test's."""

    def __init__(self, address: str, port: int, name: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(address, port, timeout=5, context=context)
        self._name = name

    def connect(self) -> None:
        raw = socket.create_connection((self.host, self.port), self.timeout)
        try:
            self.sock = self._context.wrap_socket(raw, server_hostname=self._name or None)  # type: ignore[attr-defined]
        except OSError:
            raw.close()
            raise


def certificate_names(address: str, port: int, name: str) -> list[str]:
    """The DNS names of the certificate that is shown to this SNI; none where the handshake fails."""
    from cryptography import x509

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, port), 5) as raw,
            context.wrap_socket(raw, server_hostname=name) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
    except OSError:
        return []
    assert shown
    certificate = x509.load_der_x509_certificate(shown)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [certificate.subject.rfc4514_string()]
    return names.get_values_for_type(x509.DNSName)


def questions(http: int, https: int) -> list[Request]:
    """What is asked of the case `wire`."""
    plain = [
        "paths.wire.test/",
        "paths.wire.test/a",
        "paths.wire.test/a/",
        "paths.wire.test/ab",
        "paths.wire.test/a/b",
        "paths.wire.test/a/b/c",
        "paths.wire.test/A",
        "paths.wire.test/exact",
        "paths.wire.test/exact/",
        "paths.wire.test/exact?x=1",
        "paths.wire.test/exactly",
        "paths.wire.test/slash",
        "paths.wire.test/slash/",
        "paths.wire.test/slash/x",
        "matches.wire.test/m",
        "matches.wire.test/m?v=2",
        "matches.wire.test/m?v=3",
        "matches.wire.test/m?v=2 -H 'X-Env: canary'",
        "matches.wire.test/m -H 'X-Env: canary'",
        "matches.wire.test/m -H 'x-env: canary' -H 'X-Team: shop'",
        "matches.wire.test/m -H 'X-Env: canary2'",
        "matches.wire.test/longer/prefix",
        "matches.wire.test/other -H 'X-Any: 1'",
        "matches.wire.test/other",
        "expressions.wire.test/v1",
        "expressions.wire.test/v12",
        "expressions.wire.test/v",
        "expressions.wire.test/v1/more",
        "expressions.wire.test/x -H 'X-Env: canary'",
        "expressions.wire.test/x?q=12",
        "expressions.wire.test/x?q=no",
        "one.wire.test/only",
        "one.wire.test/other",
        "two.wire.test/",
        "a.b.wire.test/",
        "a.deep.wire.test/",
        "deep.wire.test/",
        "wire.test/",
        "wire.test/anywhere",
        "elsewhere.test/anywhere",
        "elsewhere.test/",
        "ONE.wire.test/only",
        "twice.wire.test/same",
        "twice.wire.test/same/longer",
        "sum.wire.test/",
        "sum.wire.test/sum/far",
        "sum.wire.test/only-here",
        "changes.wire.test/old",
        "changes.wire.test/old/thing?x=1",
        "changes.wire.test/cut/thing",
        "changes.wire.test/full/thing",
        "changes.wire.test/headers",
        "changes.wire.test/mirrored",
        "changes.wire.test/to-https/thing?x=1",
        "changes.wire.test/to-port/thing",
        "changes.wire.test/to-path/thing",
        "changes.wire.test/to-full/thing",
        "broken.wire.test/missing",
        "broken.wire.test/zero",
        "broken.wire.test/all-zero",
        "broken.wire.test/nobody",
        "broken.wire.test/none",
        "broken.wire.test/wrong-port",
    ]
    secure = [
        "paths.wire.test/a",
        "one.wire.test/only",
        "two.wire.test/",
        "elsewhere.test/anywhere",
        "alone.test/",
        "changes.wire.test/to-https/thing",
        "a.deep.wire.test/",
        "wire.test/anywhere",
    ]
    lines = [f"http://{_with_port(one, http)}" for one in plain]
    lines += [f"https://{_with_port(one, https)}" for one in secure]
    lines += [f"POST http://matches.wire.test:{http}/m", f"HEAD http://paths.wire.test:{http}/a"]
    return [parse_line(one) for one in lines]


def _with_port(url: str, port: int) -> str:
    host, slash, rest = url.partition("/")
    return f"{host}:{port}{slash}{rest}"
