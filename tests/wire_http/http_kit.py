"""Small servers on loopback that say exactly what a test wants, and a certificate for them."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from pointsman.probes.verdict import Finding
from pointsman.probes.wire.http.facts import HttpRequest
from pointsman.probes.wire.http.observe import Session

HOST = "app.shop.test"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Answering = Callable[[H2Connection, int, dict[bytes, bytes], bytes], None]


@dataclass(frozen=True)
class Certified:
    roots: Path
    chain: Path
    key: Path

    def server(self, *alpn: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


@cache
def certified() -> Certified:
    """A self-signed certificate for all of shop.test, written once a process."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.test")])
    now = datetime.now(UTC)
    names = [x509.DNSName("*.shop.test"), x509.DNSName("shop.test")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    folder = Path(mkdtemp(prefix="pointsman-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return Certified(chain, chain, private)


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, context: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Runs ``handler`` for each connection to the port that it yields."""
    live: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        live[task] = writer
        with contextlib.suppress(
            ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError
        ):
            await handler(reader, writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(guarded, address, 0, ssl=context, limit=2**20)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)
        for task, writer in live.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*live, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)


def says(reply: bytes, heads: list[bytes] | None = None) -> Handler:
    """One reply to whatever is asked; the head that was asked goes into ``heads``."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heads is not None:
            heads.append(head)
        writer.write(reply)

    return handle


def speaks_h2(answer: Answering) -> Handler:
    """HTTP/2; ``answer`` is called once a request is whole."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        asked: dict[int, tuple[dict[bytes, bytes], bytearray]] = {}
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, events.RequestReceived):
                    asked[event.stream_id] = (dict(event.headers), bytearray())
                elif isinstance(event, events.DataReceived):
                    asked[event.stream_id][1].extend(event.data)
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, events.StreamEnded):
                    headers, body = asked[event.stream_id]
                    answer(connection, event.stream_id, headers, bytes(body))
            writer.write(connection.data_to_send())
            await writer.drain()

    return handle


def to(port: int, path: str = "/", scheme: str = "http", host: str = HOST, **options: object) -> HttpRequest:
    """A request to loopback by the host's name."""
    options.setdefault("timeout_s", 5.0)
    if scheme == "https":
        options.setdefault("ca_file", str(certified().roots))
    return HttpRequest(f"{scheme}://{host}:{port}{path}", "127.0.0.1", **options)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def session(keep: bool = False) -> AsyncIterator[Session]:
    """A session that trusts the tests' certificate."""
    opened = Session(str(certified().roots), keep=keep)
    try:
        yield opened
    finally:
        await opened.aclose()


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Name and verdict of each finding."""
    return [(one.name, str(one.verdict)) for one in findings]
