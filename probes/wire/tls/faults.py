"""How a handshake ended, in one word and one line, from whatever was raised."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from OpenSSL import SSL

from ....cluster.text import clean
from .notes import Notes, alert_text

# RFC 8446 5.1: change_cipher_spec, alert, handshake, application_data; RFC 6520: heartbeat
_RECORD_TYPES = range(20, 25)
_TLS_MAJOR = 3
_SHOWN_BYTES = 24
_UNREACHABLE = {
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the network",
    errno.EADDRNOTAVAIL: "no address of ours can reach it",
    errno.EAFNOSUPPORT: "this machine does not speak that address family",
}


class TooMuchError(Exception):
    """The server sent more than any handshake needs; the message says how much that is."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a handshake came: ``begins`` are the first bytes that were received."""

    connected: bool
    begins: bytes
    notes: Notes
    timeout_s: float


def classify(error: BaseException, reached: Reached) -> tuple[str, str]:
    """The ``error`` and ``error_detail`` of a Handshake; the detail is not clean yet."""
    if isinstance(error, TimeoutError):
        return "timeout", _late(reached)
    if isinstance(error, UnicodeError):
        return "local", "the name cannot be sent as SNI"
    if isinstance(error, socket.gaierror):
        return "unreachable", f"the name has no address: {error.strerror}"
    if isinstance(error, ConnectionRefusedError):
        return "refused", "connection refused"
    if isinstance(error, (EOFError, ConnectionError, SSL.Error, TooMuchError)):
        return _ended(error, reached)
    number = getattr(error, "errno", None)
    if number in (errno.EMFILE, errno.ENFILE):
        return "local", "too many open files here"
    return "unreachable", _UNREACHABLE.get(number or 0) or getattr(error, "strerror", None) or str(error)


def _late(reached: Reached) -> str:
    within = f"within {reached.timeout_s:g} s"
    if not reached.connected:
        return f"no connection {within}"
    if not reached.begins:
        return f"connected, and no answer {within}"
    return f"the handshake was begun and not over {within}"


def _ended(error: Exception, reached: Reached) -> tuple[str, str]:
    """The connection was closed, reset, ended by an alert, or what came made no sense."""
    if reached.begins and not _looks_like_tls(reached.begins):
        return "not-tls", _other_protocol(reached.begins)
    if reached.notes.alert:
        missed = ": it wants a client certificate" if reached.notes.client_certificate_missed else ""
        return "alert", f"the server sent {alert_text(reached.notes.alert)}{missed}"
    if isinstance(error, TooMuchError):
        return "protocol", str(error)
    if reached.notes.cut_off:
        return (
            "reset",
            "the connection was ended behind the handshake, in which no client certificate was shown",
        )
    if isinstance(error, (EOFError, SSL.ZeroReturnError)):
        return "reset", "the connection was closed in the handshake"
    if isinstance(error, ConnectionError):
        return "reset", "the connection was reset in the handshake"
    return _openssl_reason(error)


def _looks_like_tls(begins: bytes) -> bool:
    return begins[0] in _RECORD_TYPES and (len(begins) < 2 or begins[1] == _TLS_MAJOR)


def _other_protocol(begins: bytes) -> str:
    if begins.startswith(b"HTTP/"):
        return "the port speaks plain HTTP"
    shown = clean(begins[:_SHOWN_BYTES].decode("ascii", errors="replace").strip(), _SHOWN_BYTES)
    readable = shown.isascii() and len(shown) > 3
    return f"the answer is not TLS; it begins {shown!r}" if readable else "the answer is not TLS"


def _openssl_reason(error: Exception) -> tuple[str, str]:
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reason = str(entries[-1][-1]) if entries else str(error)
    if "unexpected eof" in reason.lower():
        return "reset", "the connection was closed in the handshake"
    return "protocol", reason or "OpenSSL gives no reason"
