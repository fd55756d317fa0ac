"""A real Envoy that serves the fixtures, each at a listener of its own; and what it refuses to load."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from real_envoy import find_envoy
from tls_fixture_kit import Case, Ports, chain_pem, on_free_ports, program
from tls_fixture_pki import key_pem
from tls_fixtures import Fixture

Document = dict[str, Any]
_TYPES = "type.googleapis.com/envoy.extensions"
# what Envoy says of the fixtures that it does not load
REFUSED = {
    "28-rsa1024": "only RSA certificates with 2048-bit or larger keys are supported",
    "39-must-staple-none": "OCSP response is required for must-staple certificate",
    "43-staple-other-cert": "OCSP response does not match its TLS certificate",
}
# what it loads and then refuses to shake hands with, and the counter that says so
UNSERVED = {"41-staple-expired": "ssl.ocsp_staple_failed"}


ENVOY = find_envoy()


def certificate(fixture: Fixture) -> Document:
    """A TlsCertificate with chain, key and staple inside."""
    document: Document = {
        "certificate_chain": {"inline_bytes": _base64(chain_pem(fixture.chain))},
        "private_key": {"inline_bytes": _base64(key_pem(fixture.key))},
    }
    if fixture.staple:
        document["ocsp_staple"] = {"inline_bytes": _base64(fixture.staple)}
    return document


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def filter_chain(
    name: str,
    certificates: Sequence[Fixture],
    names: Sequence[str] = (),
    *,
    alpn: Sequence[str] = ("h2", "http/1.1"),
    versions: tuple[str, str] = ("TLSv1_2", "TLSv1_3"),
    client_roots: bytes = b"",
    require: bool = False,
    ciphers: Sequence[str] = (),
) -> Document:
    """A filter chain for ``names``, for any name where there are none."""
    common: Document = {
        "tls_certificates": [certificate(one) for one in certificates],
        "alpn_protocols": list(alpn),
        "tls_params": {
            "tls_minimum_protocol_version": versions[0],
            "tls_maximum_protocol_version": versions[1],
        },
    }
    if ciphers:
        common["tls_params"]["cipher_suites"] = list(ciphers)
    if client_roots:
        common["validation_context"] = {"trusted_ca": {"inline_bytes": _base64(client_roots)}}
    context: Document = {
        "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": common,
        "require_client_certificate": require,
    }
    return {
        "name": name,
        "filter_chain_match": {"server_names": list(names)} if names else {},
        "filters": [{"name": "http", "typed_config": _manager()}],
        "transport_socket": {"name": "tls", "typed_config": context},
    }


def _manager() -> Document:
    host = {
        "name": "all",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
    }
    router = {"@type": f"{_TYPES}.filters.http.router.v3.Router"}
    return {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "fixtures",
        "route_config": {"name": "routes", "virtual_hosts": [host]},
        "http_filters": [{"name": "router", "typed_config": router}],
    }


def listener(port: int, chains: Sequence[Document]) -> Document:
    """A listener that picks the filter chain by the name that is sent."""
    inspector = {"@type": f"{_TYPES}.filters.listener.tls_inspector.v3.TlsInspector"}
    return {
        "name": f"at-{port}",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "listener_filters": [{"name": "inspector", "typed_config": inspector}],
        "filter_chains": list(chains),
    }


def _write(folder: Path, listeners: Sequence[Document], statistics: int = 0) -> Path:
    config = folder / "envoy.json"
    bootstrap: Document = {"static_resources": {"listeners": list(listeners)}}
    if statistics:
        address = {"socket_address": {"address": "127.0.0.1", "port_value": statistics}}
        bootstrap["admin"] = {"address": address}
    config.write_text(json.dumps(bootstrap))
    return config


def _arguments(config: Path) -> list[str]:
    assert ENVOY is not None
    return [ENVOY, "-c", str(config), "--concurrency", "1", "-l", "error", "--use-dynamic-base-id"]


@contextlib.contextmanager
def envoy(folder: Path, listeners: Sequence[Document], port: int, statistics: int = 0) -> Iterator[None]:
    """Run Envoy with these listeners until the block ends. RuntimeError with its words."""
    arguments = _arguments(_write(folder, listeners, statistics))
    with program([*arguments, "--drain-time-s", "0"], folder / "envoy.out", port):
        yield


def complaint(folder: Path, fixture: Fixture) -> str:
    """What Envoy says where it refuses to load a fixture; nothing where it loads it."""
    config = _write(folder, [listener(10443, [filter_chain("one", [fixture])])])
    done = subprocess.run(
        [*_arguments(config), "--mode", "validate"], capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode == 0:
        return ""
    said = re.search(r"error initializing configuration '[^']*': (.*)", done.stdout + done.stderr)
    return said.group(1).strip() if said else (done.stdout + done.stderr)[-500:]


@contextlib.contextmanager
def serving_all(folder: Path, asked: Sequence[Case]) -> Iterator[Ports]:
    """Every case that Envoy loads at a port of its own; unknown names are reset. Also its ``statistics``."""
    loaded = [case for case in asked if case.fixture.name not in REFUSED]

    def start(ports: list[int]) -> contextlib.AbstractContextManager[None]:
        listeners = [_listener(case, port) for case, port in zip(loaded, ports[1:], strict=True)]
        return envoy(folder, listeners, ports[-1], statistics=ports[0])

    with on_free_ports(len(loaded) + 1, start) as ports:
        yield dict(zip(("statistics", *(case.name for case in loaded)), ports, strict=True))


def _listener(case: Case, port: int) -> Document:
    names = () if case.any_name else (case.sni,)
    return listener(port, [filter_chain(case.name, [case.fixture], names)])
