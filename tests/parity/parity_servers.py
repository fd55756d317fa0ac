"""A real nginx as the old side and a real Envoy as the new one, before the same application."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from real_envoy import find_envoy

Json = dict[str, Any]
_TYPES = "type.googleapis.com/envoy.extensions."
_ROUTER = {"name": "router", "typed_config": {"@type": f"{_TYPES}filters.http.router.v3.Router"}}
_FAULT = {
    "name": "envoy.filters.http.fault",
    "typed_config": {"@type": f"{_TYPES}filters.http.fault.v3.HTTPFault"},
}
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


ENVOY = find_envoy()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def certificate(folder: Path, name: str, hosts: Sequence[str]) -> tuple[Path, Path]:
    """A certificate that is its own root, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return pem, private


@contextmanager
def running(command: Sequence[str], ports: Sequence[int], name: str) -> Iterator[None]:
    """The program while it listens on all the ports."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        try:
            for port in ports:
                _wait_for(child, port, name)
            yield
        finally:
            child.terminate()
            child.communicate(timeout=20)


def _wait_for(child: subprocess.Popen[str], port: int, name: str) -> None:
    for _ in range(400):
        if child.poll() is not None:
            said = child.stderr.read()[-3000:] if child.stderr else ""
            raise AssertionError(f"{name} did not start: {said}")
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"{name} does not listen on {port}")


@contextmanager
def nginx(folder: Path, servers: str, ports: Sequence[int]) -> Iterator[None]:
    """nginx with the given server blocks; its files stay in ``folder``."""
    assert NGINX is not None
    folder.mkdir(exist_ok=True)
    config = folder / "nginx.conf"
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 512; }\n"
        "http { access_log off; server_names_hash_bucket_size 128; port_in_redirect off;\n"
        "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }\n"
        f"{temporary}{servers}\n}}\n"
    )
    with running([NGINX, "-p", str(folder), "-c", str(config)], ports, "nginx"):
        yield


def manager(hosts: Sequence[Json], **options: Any) -> Json:
    """The filter that speaks HTTP and routes by the virtual hosts."""
    typed = {
        "@type": f"{_TYPES}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "x",
        "route_config": {"name": "r", "virtual_hosts": list(hosts)},
        "http_filters": [_FAULT, _ROUTER],
        "use_remote_address": True,
        **options,
    }
    return {"name": "http", "typed_config": typed}


def tls(pem: Path, key: Path, alpn: Sequence[str], **parameters: Any) -> Json:
    """A filter chain's TLS."""
    common: Json = {
        "tls_certificates": [
            {"certificate_chain": {"filename": str(pem)}, "private_key": {"filename": str(key)}}
        ],
        "alpn_protocols": list(alpn),
    }
    if parameters:
        common["tls_params"] = parameters
    typed = {
        "@type": f"{_TYPES}transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": common,
    }
    return {"name": "tls", "typed_config": typed}


def listener(port: int, chains: Sequence[Json]) -> Json:
    """A listener; several chains are told apart by SNI."""
    found: Json = {
        "name": f"l{port}",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": list(chains),
    }
    if any("filter_chain_match" in chain for chain in chains):
        inspector = f"{_TYPES}filters.listener.tls_inspector.v3.TlsInspector"
        found["listener_filters"] = [{"name": "i", "typed_config": {"@type": inspector}}]
    return found


def cluster(name: str, *ports: int, http2: bool = False) -> Json:
    """Where requests go."""
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
        for port in ports
    ]
    found: Json = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }
    if http2:
        options = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        found["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": options,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return found


@contextmanager
def envoy(
    folder: Path, listeners: Sequence[Json], clusters: Sequence[Json], ports: Sequence[int]
) -> Iterator[None]:
    """Envoy with these listeners and clusters."""
    assert ENVOY is not None
    folder.mkdir(exist_ok=True)
    config = folder / "envoy.json"
    config.write_text(
        json.dumps({"static_resources": {"listeners": list(listeners), "clusters": list(clusters)}})
    )
    arguments = ["-c", str(config), "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"]
    with running([ENVOY, *arguments], ports, "envoy"):
        yield
