"""TLS handshakes by address, as served: order and duplicates kept, every verify error with its depth.

pyOpenSSL over a memory BIO: its own socket mode raises WantRead at random under time limits.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import os
import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from OpenSSL import SSL, crypto

from ....cluster.errors import UserError
from ....cluster.text import clean
from ..address import is_address
from ..roots import roots_file, roots_pem
from .facts import Handshake, TlsFacts, TlsPolicy, TlsTarget, VerifyError

_CHUNK = 65536
_MOST_CERTIFICATES = 20
_MOST_BYTES = 1024 * 1024
_MOST_VERIFY_ERRORS = 40
# what `openssl verify` calls its commonest codes
_VERIFY_TEXTS = {
    7: "certificate signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
    24: "invalid CA certificate",
    25: "path length constraint exceeded",
    26: "unsuitable certificate purpose",
    32: "key usage does not include certificate signing",
    47: "permitted subtree violation",
    48: "excluded subtree violation",
    66: "EE certificate key too weak",
    67: "CA certificate key too weak",
    68: "CA signature digest algorithm too weak",
    79: "invalid CA certificate",
}


def policy_for(
    target: TlsTarget, now: datetime, soak_s: float = 0.0, wanted_alpn: tuple[str, ...] = ()
) -> TlsPolicy:
    """The policy with the target's roots read from disk. Raises UserError where they cannot be."""
    return TlsPolicy(
        now=now,
        soak_s=soak_s,
        roots_pem=roots_pem(target.ca_file),
        private_roots=target.ca_file is not None,
        wanted_alpn=wanted_alpn,
    )


async def observe(target: TlsTarget) -> TlsFacts:
    """All handshakes with one target, one after another. Never raises for what network or server do."""
    name = "" if is_address(target.name) else target.name
    try:
        context = _context_for(target)
    except UserError as error:
        failed = Handshake(sni=name, error="local", error_detail=clean(error))
        return TlsFacts(target=target, named=(failed,))
    named = [await _handshake(target, name, context) for _ in range(max(1, target.attempts))]
    # a name that no wildcard of the host's zone can cover
    stranger = await _handshake(target, f"pm-{secrets.token_hex(6)}.invalid", context)
    nameless = await _handshake(target, "", context) if name else None
    return TlsFacts(target=target, named=tuple(named), random_name=stranger, no_name=nameless)


@dataclass(slots=True)
class _Notes:
    """What OpenSSL's callbacks told about one connection."""

    verify_errors: list[VerifyError] = field(default_factory=list)
    staple: bytes = b""
    client_certificate_wanted: bool = False


def _context_for(target: TlsTarget) -> SSL.Context:
    path = roots_file(target.ca_file)
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserError(f"{clean(path)}: cannot read the trusted roots: {error.strerror}") from None
    return _context(path, target.alpn, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _context(path: str, alpn: tuple[str, ...], _changed: int, _size: int) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    # the probe looks, it does not trust: weak keys and old versions must be seen to be reported
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    context.set_min_proto_version(SSL.TLS1_VERSION)
    try:
        context.load_verify_locations(path)
    except SSL.Error:
        raise UserError(f"{clean(path)}: holds no trusted certificates", "give PEM roots") from None
    if alpn:
        context.set_alpn_protos([protocol.encode("ascii") for protocol in alpn])
    context.set_verify(SSL.VERIFY_PEER, _on_verify)
    context.set_ocsp_client_callback(_on_staple)
    context.set_info_callback(_on_info)
    return context


def _on_verify(
    connection: SSL.Connection, _certificate: crypto.X509, code: int, depth: int, good: int
) -> bool:
    notes = connection.get_app_data()
    if not good and isinstance(notes, _Notes) and len(notes.verify_errors) < _MOST_VERIFY_ERRORS:
        notes.verify_errors.append(VerifyError(code, depth, _verify_text(code)))
    return True


def _verify_text(code: int) -> str:
    return _VERIFY_TEXTS.get(code, f"verify error {code}")


def _on_staple(connection: SSL.Connection, staple: bytes, _data: object) -> bool:
    notes = connection.get_app_data()
    if isinstance(notes, _Notes):
        notes.staple = staple
    return True


def _on_info(connection: SSL.Connection, _where: int, _result: int) -> None:
    notes = connection.get_app_data()
    if isinstance(notes, _Notes) and b"read server certificate request" in connection.get_state_string():
        notes.client_certificate_wanted = True


async def _handshake(target: TlsTarget, sni: str, context: SSL.Context) -> Handshake:
    started = time.monotonic()
    notes = _Notes()
    connection = SSL.Connection(context, None)
    connection.set_app_data(notes)
    error, detail = "", ""
    try:
        if sni:
            connection.set_tlsext_host_name(sni.encode("idna") if not sni.isascii() else sni.encode("ascii"))
        connection.request_ocsp()
        connection.set_connect_state()
        async with asyncio.timeout(target.timeout_s):
            await _drive(target, connection)
    except (TimeoutError, OSError, SSL.Error, EOFError, UnicodeError) as fault:
        error, detail = _classify(fault, target.timeout_s)
    elapsed = round((time.monotonic() - started) * 1000, 3)
    protocol = "" if error else connection.get_protocol_version_name()
    return Handshake(
        sni=sni,
        chain=_served(connection),
        verify_errors=tuple(dict.fromkeys(notes.verify_errors)),
        version=protocol,
        cipher=clean(connection.get_cipher_name() or "", 80),
        alpn=clean(connection.get_alpn_proto_negotiated().decode("ascii", errors="replace"), 40),
        group="" if error else clean(connection.get_group_name() or "", 60),
        staple=base64.b64encode(notes.staple).decode("ascii"),
        client_certificate_wanted=notes.client_certificate_wanted,
        elapsed_ms=elapsed,
        error=error,
        error_detail=clean(detail, 200),
    )


async def _drive(target: TlsTarget, connection: SSL.Connection) -> None:
    """Carries bytes between the memory BIO and the socket until the handshake is over."""
    reader, writer = await asyncio.open_connection(target.address, target.port)
    received = 0
    try:
        while True:
            try:
                connection.do_handshake()
            except SSL.WantReadError:
                await _flush(connection, writer)
            else:
                await _flush(connection, writer)
                return
            data = await reader.read(_CHUNK)
            if not data:
                raise EOFError
            received += len(data)
            if received > _MOST_BYTES:
                raise SSL.Error([("", "", "more than 1 MiB in a handshake")])
            connection.bio_write(data)
    finally:
        with contextlib.suppress(SSL.Error, OSError):
            await _flush(connection, writer)
        writer.close()


async def _flush(connection: SSL.Connection, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(SSL.WantReadError):
        while True:
            writer.write(connection.bio_read(_CHUNK))
    await writer.drain()


def _served(connection: SSL.Connection) -> tuple[str, ...]:
    chain = connection.get_peer_cert_chain() or []
    # dumped by OpenSSL itself: what cryptography cannot parse must still be shown
    dumped = (crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in chain[:_MOST_CERTIFICATES])
    return tuple(base64.b64encode(der).decode("ascii") for der in dumped)


def _classify(error: BaseException, timeout_s: float) -> tuple[str, str]:
    if isinstance(error, TimeoutError):
        return "timeout", f"no handshake within {timeout_s:g} s"
    if isinstance(error, EOFError):
        return "reset", "the connection was closed in the handshake"
    if isinstance(error, SSL.Error):
        return _classify_openssl(error)
    if isinstance(error, UnicodeError):
        return "local", "the name cannot be sent as SNI"
    if isinstance(error, ConnectionRefusedError):
        return "refused", "connection refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "reset", "the connection was reset in the handshake"
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return "local", "too many open files here"
    return "unreachable", getattr(error, "strerror", None) or str(error)


def _classify_openssl(error: SSL.Error) -> tuple[str, str]:
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reason = str(entries[-1][-1]) if entries else str(error)
    if "wrong version number" in reason or "http request" in reason or "packet length too long" in reason:
        return "not-tls", "the answer is not TLS"
    if "alert" in reason or "unrecognized name" in reason:
        return "alert", reason
    if "unexpected eof" in reason.lower():
        return "reset", "the connection was closed in the handshake"
    return "protocol", reason
