"""What a TLS target is, what its handshakes showed, and the openssl command that shows the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime

from ..address import endpoint, is_address


@dataclass(frozen=True, slots=True)
class TlsTarget:
    """Who is asked: ``name`` goes as SNI (never where it is an IP literal) to ``address:port``.

    ``attempts`` handshakes are made with the name, one with a random name and one with none. ``timeout_s``
    bounds each handshake, in seconds. ``ca_file`` replaces the system's roots.
    """

    address: str
    port: int
    name: str
    ca_file: str | None = None
    attempts: int = 3
    timeout_s: float = 5.0
    alpn: tuple[str, ...] = ("h2", "http/1.1")

    @property
    def endpoint(self) -> str:
        """``address:port``."""
        return endpoint(self.address, self.port)


@dataclass(frozen=True, slots=True)
class VerifyError:
    """One complaint of OpenSSL's verifier; ``depth`` 0 is the leaf."""

    code: int
    depth: int
    text: str


@dataclass(frozen=True, slots=True)
class Handshake:
    """One handshake. ``chain`` is what was served, in that order, duplicates kept: base64 of DER.

    ``sni`` is empty where none was sent. ``error`` is empty, or refused, timeout, reset, alert, not-tls,
    protocol, unreachable or local; the chain can be there even so. ``group`` is the key exchange
    (X25519MLKEM768).
    """

    sni: str
    chain: tuple[str, ...] = ()
    verify_errors: tuple[VerifyError, ...] = ()
    version: str = ""
    cipher: str = ""
    alpn: str = ""
    group: str = ""
    staple: str = ""
    client_certificate_wanted: bool = False
    elapsed_ms: float = 0.0
    error: str = ""
    error_detail: str = ""


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """All handshakes with one target: ``named`` with its name, one with a random name, one with none."""

    target: TlsTarget
    named: tuple[Handshake, ...] = ()
    random_name: Handshake | None = None
    no_name: Handshake | None = None


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What the chain is judged by. ``now`` must know its time zone; ``soak_s`` is how long it must outlive,
    in seconds.

    ``roots_pem`` are the trusted roots; without any, trust is UNKNOWN. ``private_roots`` allows what
    private PKI often does and the web's rules refuse (no authority key id, no KeyUsage in the root).
    ``wanted_alpn`` are protocols of which one must be agreed on; empty asks nothing. ``policy_for`` in
    ``tls.py`` reads the roots.
    """

    now: datetime
    soak_s: float = 0.0
    roots_pem: str = ""
    private_roots: bool = False
    wanted_alpn: tuple[str, ...] = ()


def reproduce(target: TlsTarget) -> str:
    """The openssl command that shows the chain, quoted for a POSIX shell."""
    parts = ["openssl", "s_client", "-connect", target.endpoint]
    parts += ["-noservername"] if is_address(target.name) or not target.name else ["-servername", target.name]
    parts += ["-showcerts", "-status"]
    if target.name:
        parts += ["-verify_ip" if is_address(target.name) else "-verify_hostname", target.name]
    if target.ca_file:
        parts += ["-CAfile", target.ca_file]
    return " ".join(shlex.quote(part) for part in parts) + " </dev/null"
