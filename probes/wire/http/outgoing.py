"""A request as the bytes that go out: nothing is normalised, because that would hide what a gateway does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from urllib.parse import urlsplit

from ..address import bracketed, is_address
from .facts import SAFE_METHODS, HttpRequest, ascii_only

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_UNSENDABLE = re.compile(r"[\x00\r\n]")
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
_LENGTHS = frozenset({"content-length", "transfer-encoding"})

Headers = list[tuple[bytes, bytes]]


def user_agent() -> str:
    """What the probes call themselves, so that drain counts can leave them out."""
    try:
        version = metadata.version("pointsman")
    except metadata.PackageNotFoundError:
        version = "0"
    return f"pointsman/{version} (cutover probe)"


_DEFAULTS = {
    "user-agent": (b"User-Agent", user_agent().encode("ascii")),
    "accept": (b"Accept", b"*/*"),
    # identity: the hash is of what the application said, not of how a proxy packed it
    "accept-encoding": (b"Accept-Encoding", b"identity"),
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is sent, and where to. ``sni`` is what TLS is told and verifies: an IP literal is verified but not
    sent; None: neither.
    """

    secure: bool
    address: str
    port: int
    sni: str | None
    method: str
    host: bytes
    target: bytes
    headers: Headers
    body: bytes
    version: bytes = b"HTTP/1.1"

    def head(self) -> bytes:
        """The request's head as HTTP/1 writes it."""
        lines = [b"%s %s %s" % (self.method.encode("ascii"), self.target, self.version)]
        lines += [b"%s: %s" % header for header in [(b"Host", self.host), *self.headers]]
        return b"\r\n".join([*lines, b"", b""])

    def asks_upgrade(self) -> bool:
        """Whether the request offers to leave HTTP."""
        return any(name.lower() == b"upgrade" for name, _ in self.headers)


def prepared(request: HttpRequest) -> Outgoing:
    """The request as it goes out. Raises ValueError where it cannot be sent as written."""
    parts = urlsplit(request.url)
    name = request.host
    if parts.scheme not in ("http", "https") or not name:
        raise ValueError("the URL needs http:// or https:// and a host")
    if not is_address(request.address):
        raise ValueError(f"{request.address!r} is not an IP address")
    if not _TOKEN.fullmatch(request.method):
        raise ValueError(f"{request.method!r} is no method")
    if request.method not in SAFE_METHODS and not request.unsafe:
        raise ValueError(f"{request.method} may change something: it is sent only where that is asked for")
    target = request.send_target or request.target
    if _BLANK_OR_CONTROL.search(target):
        raise ValueError("the path holds a blank or a control character")
    host = wire_host(name)
    port = request.port
    default = 80 if parts.scheme == "http" else 443
    own = request.send_host or (host if port == default else f"{host}:{port}")
    headers = _headers(request)
    given = [value for header, value in headers if header.lower() == b"host"]
    if given:
        headers = [header for header in headers if header[0].lower() != b"host"]
    return Outgoing(
        secure=parts.scheme == "https",
        address=request.address.strip("[]"),
        port=port,
        sni=_sni(request, host),
        method=request.method,
        host=given[0] if given else _sendable(own, "the host"),
        target=ascii_only(target).encode("ascii"),
        headers=headers,
        body=request.body,
        version=b"HTTP/1.0" if request.protocol == "http/1.0" else b"HTTP/1.1",
    )


def wire_host(name: str) -> str:
    """A host name as it stands on the wire: IPv6 in brackets, other scripts as IDNA. Raises ValueError."""
    host = bracketed(name)
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _sni(request: HttpRequest, host: str) -> str | None:
    wanted = host if request.sni is None else request.sni
    # RFC 6066, 3: without the trailing dot
    return wanted.strip("[]").removesuffix(".") or None


def _headers(request: HttpRequest) -> Headers:
    given = {name.lower() for name, _ in request.headers}
    headers = [header for name, header in _DEFAULTS.items() if name not in given]
    if (request.body or request.method in _WITH_LENGTH) and not given & _LENGTHS:
        headers.append((b"Content-Length", b"%d" % len(request.body)))
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is no header's name")
        headers.append((name.encode("ascii"), _sendable(value, f"header {name}")))
    return headers


def _sendable(value: str, what: str) -> bytes:
    if _UNSENDABLE.search(value):
        raise ValueError(f"{what} holds a line break or NUL")
    return value.encode("utf-8")
