"""What a TLS target is, what its handshakes showed, and the openssl command that shows the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ..address import endpoint, is_address

# each is tried alone, oldest first, by the names that OpenSSL gives them
VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
# errors that say nothing about TLS: no answer was ever read
NO_ANSWER = ("refused", "unreachable", "timeout", "local", "not-tried")

Depth = Literal["quick", "full"]


@dataclass(frozen=True, slots=True)
class TlsTarget:
    """Who is asked: ``name`` goes as SNI (never where it is an IP literal) to ``address:port``.

    ``depth`` quick: ``attempts`` handshakes with the name, one with a random name, one with none. Full: also
    each version alone, each protocol of ``alpn`` alone and none, an RSA and an ECDSA certificate alone.
    ``timeout_s`` bounds the whole of it, in seconds. ``ca_file`` replaces the system's roots.
    """

    address: str
    port: int
    name: str
    ca_file: str | None = None
    attempts: int = 3
    timeout_s: float = 5.0
    alpn: tuple[str, ...] = ("h2", "http/1.1")
    depth: Depth = "quick"

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

    The chain is cut after 20; ``certificates`` counts all that were sent. ``offer`` is empty where all was
    offered that we speak, else the one thing that was: a version (``TLSv1.2``), ``alpn h2``, ``alpn``
    (none), ``key rsa``, ``key ecdsa``; with an offer nothing is verified. ``sni`` is empty where none was
    sent. ``version`` is what was agreed on, also where the handshake failed later.

    ``error`` is empty, or refused, unreachable, timeout, reset, alert, not-tls, protocol, local (our own
    fault) or not-tried (no time was left); the chain can be there even so. ``alert`` is the number of the
    fatal alert that the server sent (RFC 8446 6.2), 0 without one.

    ``client_certificate_required``: it asked for one and sent an alert because we showed none, in TLS 1.3
    behind the handshake. A server that asks and then answers the request with 400 does not show here.
    ``client_cas`` are the names that it would trust, at most 20. ``group`` is the key exchange
    (X25519MLKEM768). Times are milliseconds from the start.
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
    offer: str = ""
    certificates: int = 0
    alert: int = 0
    client_certificate_required: bool = False
    client_cas: tuple[str, ...] = ()
    connect_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """All handshakes with one target: ``named`` with its name, one with a random name, one with none.

    ``no_name`` is None where the name is an IP literal: ``named`` has asked so already. Of the full depth,
    empty otherwise and where nothing answered: ``versions`` oldest first (VERSIONS), ``alpn`` each protocol
    alone and none last, ``keys`` RSA then ECDSA. A version is spoken where the handshake's ``version`` is the
    one offered, and refused only where its ``error`` is none of NO_ANSWER.
    """

    target: TlsTarget
    named: tuple[Handshake, ...] = ()
    random_name: Handshake | None = None
    no_name: Handshake | None = None
    versions: tuple[Handshake, ...] = ()
    alpn: tuple[Handshake, ...] = ()
    keys: tuple[Handshake, ...] = ()
    elapsed_ms: float = 0.0


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
    name = _ascii(target.name)
    parts = ["openssl", "s_client", "-connect", target.endpoint]
    parts += ["-noservername"] if is_address(name) or not name else ["-servername", name]
    parts += ["-showcerts", "-status"]
    if name:
        parts += ["-verify_ip" if is_address(name) else "-verify_hostname", name]
    if target.ca_file:
        parts += ["-CAfile", target.ca_file]
    return " ".join(shlex.quote(part) for part in parts) + " </dev/null"


def _ascii(name: str) -> str:
    """As the handshake sends it; openssl would send the letters as they are, which no server knows."""
    try:
        return name.rstrip(".").encode("ascii" if name.isascii() else "idna").decode("ascii")
    except UnicodeError:
        return name
