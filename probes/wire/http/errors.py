"""What can go wrong on the way, as the kinds that ``HttpFacts.error`` knows."""

from __future__ import annotations

import errno
import os
import ssl

_ERRNO_KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EMFILE: "local",
    errno.ENFILE: "local",
    errno.ENOBUFS: "local",
    errno.EADDRNOTAVAIL: "local",
    # a family that this machine does not have says nothing of the other side
    errno.EAFNOSUPPORT: "local",
}


class ExchangeError(Exception):
    """An exchange that cannot go on. ``kind`` is one of ``HttpFacts.error``; ``limit`` of its ``limit``."""

    def __init__(self, kind: str, detail: str, limit: str = "") -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.limit = limit


class ClosedError(ExchangeError):
    """The other side closed the connection. ``answered``: part of an answer had come."""

    def __init__(self, detail: str, answered: bool) -> None:
        super().__init__("reset", detail)
        self.answered = answered


def classify(error: BaseException) -> tuple[str, str]:
    """The kind of an error (see ``HttpFacts.error``) and a line about it."""
    if isinstance(error, ExchangeError):
        return error.kind, error.detail
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls", f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "tls", f"handshake failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timeout", "no answer in time"
    if isinstance(error, OSError) and error.errno is not None:
        return _ERRNO_KINDS.get(error.errno, "unreachable"), os.strerror(error.errno).lower()
    if isinstance(error, (EOFError, ConnectionError)):
        return "reset", str(error) or "the connection was closed"
    return "protocol", f"{type(error).__name__}: {error}"


def at_most(seen: int, most: int, what: str, limit: str) -> None:
    """Raises ExchangeError where an answer holds more of something than anybody needs."""
    if seen > most:
        raise ExchangeError("protocol", f"more than {most} {what}", limit)
