"""A TLS server on loopback with one certificate for each of N names, told apart by SNI; and black holes.

nginx where it is installed, else a small server of our own in as many processes as there are cores.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = timedelta(days=1)
_CERTIFICATE = serialization.Encoding.PEM


@dataclass(frozen=True)
class Served:
    """A running server: its ``port`` on 127.0.0.1, the file of its root, and what it is."""

    port: int
    root: Path
    program: str
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far."""
        return sum(_cpu_s(pid) for pid in self.pids)


def host(number: int) -> str:
    """The name of one of the hosts."""
    return f"app-{number}.shop.test"


@contextlib.contextmanager
def serve(directory: Path, hosts: int) -> Iterator[Served]:
    """A server for so many names, with a root, an intermediate and a leaf for each name."""
    root = _write_certificates(directory, hosts)
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    running = _nginx(nginx, directory, hosts, root) if nginx else _own(directory, hosts, root)
    with running as served:
        yield served


@contextlib.contextmanager
def black_holes() -> Iterator[tuple[int, int]]:
    """Two ports of 127.0.0.1: one accepts and is silent, one's queue is full: SYNs are lost."""
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(full.getsockname())
        time.sleep(0.1)
        yield silent.getsockname()[1], full.getsockname()[1]


def _issue(
    common: str,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    flags = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
        **flags,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAYS)
        .not_valid_after(now + (3000 if ca else 80) * _DAYS)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(common)]), critical=False)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
    return builder.sign(signer, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _write_certificates(directory: Path, hosts: int) -> Path:
    root_key, middle_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = _issue("Root", _name("Root"), root_key, root_key, ca=True)
    middle = _issue("Intermediate", root.subject, root_key, middle_key, ca=True)
    tail = middle.public_bytes(_CERTIFICATE)
    for number in range(hosts):
        leaf = _issue(host(number), middle.subject, middle_key, leaf_key, ca=False)
        (directory / f"{number}.pem").write_bytes(leaf.public_bytes(_CERTIFICATE) + tail)
    key = leaf_key.private_bytes(
        _CERTIFICATE, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "key.pem").write_bytes(key)
    path = directory / "root.pem"
    path.write_bytes(root.public_bytes(_CERTIFICATE))
    return path


@contextlib.contextmanager
def _nginx(program: str, directory: Path, hosts: int, root: Path) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    blocks = "\n".join(
        f"server {{ listen 127.0.0.1:{port} ssl http2 {'backlog=4096' if not number else ''}; "
        f"server_name {host(number)}; ssl_certificate {directory}/{number}.pem; }}"
        for number in range(hosts)
    )
    configuration = directory / "nginx.conf"
    configuration.write_text(
        f"""daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log;
worker_processes {os.cpu_count()}; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{ access_log off; server_names_hash_max_size 16384; server_names_hash_bucket_size 128;
client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f;
uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
ssl_certificate_key {directory}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
{blocks} }}
"""
    )
    nginx = subprocess.Popen([program, "-c", str(configuration), "-e", str(directory / "error.log")])
    try:
        _wait_for(port)
        children = Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children")
        workers = tuple(map(int, children.read_text().split())) if children.exists() else ()
        yield Served(port, root, "nginx", (nginx.pid, *workers))
    finally:
        nginx.terminate()
        nginx.wait(10)


@contextlib.contextmanager
def _own(directory: Path, hosts: int, root: Path) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        port = listener.getsockname()[1]
        fork = multiprocessing.get_context("fork")
        workers = [
            fork.Process(target=_work, args=(listener, directory, hosts), daemon=True)
            for _ in range(os.cpu_count() or 1)
        ]
        for worker in workers:
            worker.start()
        try:
            yield Served(port, root, "a small server of our own", tuple(one.pid or 0 for one in workers))
        finally:
            for worker in workers:
                worker.terminate()
                worker.join(10)


def _work(listener: socket.socket, directory: Path, hosts: int) -> None:
    import asyncio

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    contexts: dict[str, ssl.SSLContext] = {}

    def context(number: int) -> ssl.SSLContext:
        one = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        one.load_cert_chain(directory / f"{number}.pem", directory / "key.pem")
        one.set_alpn_protocols(["h2", "http/1.1"])
        return one

    def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name in contexts:
            connection.context = contexts[name]

    for number in range(hosts):
        contexts[host(number)] = context(number)
    first = context(0)
    first.sni_callback = choose

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(1)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(greet, sock=listener, ssl=first)
        await server.serve_forever()

    asyncio.run(main())


def _wait_for(port: int) -> None:
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit("the TLS server does not start; see above")


def _cpu_s(pid: int) -> float:
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return 0.0
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
