"""What went wrong on the way to an API server, in words."""

from __future__ import annotations

import contextlib
import email.utils
import socket
import ssl

from ..text import clean

_ENOUGH = 65_536
_LONGEST_WAIT_S = 600.0


def wire_errors() -> tuple[type[Exception], ...]:
    """Everything that the pool may raise while asking or reading; imported late, it is heavy.

    ValueError and AttributeError come from reading a response that another thread has just closed.
    """
    import urllib3.exceptions

    return (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError)


def explain(error: BaseException) -> tuple[str, str, str]:
    """Reason, words and mend for an error of urllib3, looking through its wrappers for the cause."""
    import urllib3.exceptions as lib

    chain: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        current = todo.pop(0)
        if current is None or current in chain or len(chain) > 10:
            continue
        chain.append(current)
        todo += [current.__cause__, current.__context__, getattr(current, "original_error", None)]
        todo += [argument for argument in current.args if isinstance(argument, BaseException)]

    def any_of(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    certificate = next((link for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        words = f"its certificate is not trusted ({clean(certificate.verify_message, 120)})"
        return "tls", words, "check certificate-authority and tls-server-name in the kubeconfig"
    # before TLS: a read that times out inside TLS is no fault of TLS
    if any_of(lib.ReadTimeoutError):
        return "timeout", "no answer in time", "check the network or VPN between here and the cluster"
    if any_of(ssl.SSLError, lib.SSLError):
        return (
            "tls",
            "the TLS handshake failed",
            "check that the address speaks TLS, and the client certificate",
        )
    if any_of(lib.ProxyError):
        return "proxy", "the proxy refuses or fails", "check proxy-url in the kubeconfig and HTTPS_PROXY"
    if any_of(socket.gaierror, lib.NameResolutionError):
        return "name", "its name cannot be resolved", "check the server address and your DNS or VPN"
    if any_of(ConnectionRefusedError):
        return "refused", "connection refused", "check that the cluster runs and the address is right"
    if any_of(TimeoutError, lib.TimeoutError):
        return "timeout", "no answer in time", "check the network or VPN between here and the cluster"
    if any_of(ConnectionResetError, BrokenPipeError, lib.ProtocolError, lib.ClosedPoolError):
        return "reset", "the connection broke", "try again; a proxy or load balancer may have cut it"
    return "network", f"network error ({type(error).__name__})", "check the network"


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: a number or a date); None for none.

    ``now`` is Unix time in seconds. What nobody would wait for is cut to ten minutes.
    """
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), _LONGEST_WAIT_S))
    at = instant_of(text)
    return None if at is None else min(max(at - now, 0.0), _LONGEST_WAIT_S)


def instant_of(header: str | None) -> float | None:
    """The date of a header such as Date (RFC 9110, 5.6.7) in Unix time; None where it is none."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return email.utils.parsedate_to_datetime(header or "").timestamp()
    return None


def status_of(answer: bytes) -> tuple[str, str]:
    """Reason and message of the Status that an API server sends with a refusal; empty where it is none."""
    import msgspec

    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        document = msgspec.json.decode(answer[:_ENOUGH])
        if isinstance(document, dict):
            return clean(document.get("reason") or "", 60), clean(document.get("message") or "", 300)
    return "", ""
