"""What one HTTP request by address asks, what it met, and what should have come back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, urlsplit

from ..address import endpoint

Protocol = Literal["http/1.0", "http/1.1", "h2", "auto"]

BODY_LIMIT = 1024 * 1024
SAMPLE_LIMIT = 4096
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
DEFAULT_STATUSES: tuple[tuple[int, int], ...] = ((200, 399),)
REDIRECT_STATUSES: tuple[tuple[int, int], ...] = ((301, 303), (307, 308))

# values that must reach neither the journal nor the screen
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})
_SECRET_WORDS = re.compile(
    r"token|secret|password|passwd|api-?key|session|credential|signature", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, sent to ``address`` whatever DNS says, with the URL's host as SNI and ``Host``.

    ``address`` is an IP literal; the port is the URL's. ``ca_file`` replaces the system's roots.
    ``timeout_s`` bounds the whole exchange, redirects included, in seconds.

    ``protocol``: ``auto`` is what ALPN agrees on; ``h2`` without TLS is prior knowledge. Only GET, HEAD and
    OPTIONS are sent unless ``unsafe`` says that the operator asked for more. ``body`` is sent as it is, and
    stands in no fact: those keep its length and hash.

    For what clients do besides: ``send_host`` goes as ``Host`` (``:authority``) byte for byte in place of the
    URL's; ``send_target`` in place of path and query (absolute-form, ``*``); ``sni`` in place of the URL's
    host, and the certificate is then verified against it (empty: none is sent, and the name not checked).

    ``sample`` bytes of the body are kept as text, at most 1 MiB.

    ``follow`` redirects are followed, each to the same ``address`` while the host stays the same; another
    host only where ``resolve`` (host, port, address) says where it is.
    """

    url: str
    address: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    ca_file: str | None = None
    timeout_s: float = 5.0
    protocol: Protocol = "http/1.1"
    body: bytes = b""
    unsafe: bool = False
    send_host: str = ""
    send_target: str = ""
    sni: str | None = None
    sample: int = SAMPLE_LIMIT
    follow: int = 0
    resolve: tuple[tuple[str, int, str], ...] = ()

    @property
    def host(self) -> str:
        """The URL's host name, lower case, without port; empty where the URL has none."""
        return _parts(self.url)[0]

    @property
    def port(self) -> int:
        """The URL's port, or its scheme's."""
        return _port(self.url)

    @property
    def target(self) -> str:
        """Path and query, as they stand in the request line: untouched, but for characters beyond ASCII."""
        return _parts(self.url)[1]

    @property
    def endpoint(self) -> str:
        """``address:port``."""
        return endpoint(self.address, self.port)

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url} at {self.address})"


@dataclass(frozen=True, slots=True)
class HttpTimings:
    """Milliseconds since the start of the request at which each part ended; None: not reached.

    Where redirects were followed they are the last hop's, and ``total`` is of all.
    """

    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class HttpHop:
    """One redirect that was followed: who was asked, at which address, and where it sent us."""

    url: str
    address: str
    status: int
    location: str
    total_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """What came back. ``error`` is empty, or refused, timeout, reset, tls, protocol, unreachable, request
    or local.

    ``local`` is a fault of this machine (no descriptors, no roots file), ``request`` one that could not be
    sent as written: neither says anything about the other side. ``limit`` (with ``protocol``) names the
    bound that an answer broke: headers, interim (1xx), frames or handshake. Header names are lower case, in
    the order received; a cookie's value is hidden. ``body_bytes`` is what was read; ``body_complete`` is
    False where reading stopped at 1 MiB, and then ``body_sha256`` covers that much. ``content_encoding`` gzip
    and deflate are undone, up to 1 MiB: ``decoded_bytes``, ``decoded_sha256``, or ``decode_error``.
    ``body_sample`` is its beginning as text (``request.sample`` bytes), of the decoded body
    where there is one. ``interim`` are the
    1xx statuses before the answer.

    ``tls_version``, ``alpn`` and ``leaf_sha256`` (hex, of the DER) are the connection's. ``redirects`` are
    the hops that were followed, ``final_url`` where they ended, and ``redirect_stop`` why not further:
    limit, loop, cookie (a loop that sets some), host (another one), scheme, method or location (none, or one
    that cannot be read).
    """

    request: HttpRequest
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    http_version: str = ""
    body_bytes: int = 0
    body_sha256: str = ""
    body_complete: bool = True
    body_sample: str = ""
    timings_ms: HttpTimings = HttpTimings()
    error: str = ""
    error_detail: str = ""
    limit: str = ""
    trailers: tuple[tuple[str, str], ...] = ()
    interim: tuple[int, ...] = ()
    content_encoding: str = ""
    decoded_bytes: int = 0
    decoded_sha256: str = ""
    decode_error: str = ""
    sent_bytes: int = 0
    sent_sha256: str = ""
    tls_version: str = ""
    alpn: str = ""
    leaf_sha256: str = ""
    redirects: tuple[HttpHop, ...] = ()
    redirect_stop: str = ""
    final_url: str = ""

    def header(self, name: str) -> str | None:
        """The first value of a header, or None. ``name`` in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)

    def header_values(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key == wanted)


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """``name`` must be present; with ``contains`` one of its values must hold that text; ``absent`` turns
    it round.
    """

    name: str
    contains: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class HttpExpectation:
    """What the answer should be. ``statuses`` are inclusive ranges, and single codes may be given as ints.

    ``protected``: the path must refuse the anonymous, so ``statuses`` (default 401, 403) are refusals, and
    a success is an open door. ``body_contains`` are texts that the kept beginning of the body must hold,
    ``body_patterns`` regular expressions that must be found in one of its lines, ``body_json`` pairs of a
    JSON pointer (RFC 6901) and the JSON text that must stand there. ``location`` pins where a redirect leads
    (relative ones count from the URL). ``to_https``: must redirect to https of the same host, for good.
    """

    statuses: tuple[int | tuple[int, int], ...] = ()
    headers: tuple[HeaderMatch, ...] = ()
    body_contains: tuple[str, ...] = ()
    protected: bool = False
    slower_than_ms: float | None = None
    body_patterns: tuple[str, ...] = ()
    body_json: tuple[tuple[str, str], ...] = ()
    location: str = ""
    to_https: bool = False

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The accepted statuses as inclusive ranges, defaults filled in."""
        if self.statuses:
            return tuple((entry, entry) if isinstance(entry, int) else entry for entry in self.statuses)
        if self.protected:
            return ((401, 401), (403, 403))
        return REDIRECT_STATUSES if self.location or self.to_https else DEFAULT_STATUSES

    def accepts(self, status: int | None) -> bool:
        """Whether ``status`` is one that was expected."""
        return status is not None and any(low <= status <= high for low, high in self.ranges)

    def words(self) -> str:
        """The expected statuses as a person writes them: ``200-399``, ``401 or 403``."""
        return " or ".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)


def is_secret(name: str) -> bool:
    """Whether a header of that name holds what opens doors."""
    if name.lower().startswith("access-control-"):
        # what browsers may do (Fetch, 3.2): -Allow-Credentials says true, and holds none
        return False
    return name.lower() in _SECRET_HEADERS or _SECRET_WORDS.search(name) is not None


def without_secrets(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The same headers, the values that open doors replaced."""
    return tuple((name, "(hidden)" if is_secret(name) else value) for name, value in headers)


def filler(size: int) -> bytes:
    """A body of ``size`` bytes that a command can make again: digits 0."""
    return b"0" * size


@lru_cache(maxsize=4096)
def _parts(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    path = parts.path or "/"
    target = ascii_only(f"{path}?{parts.query}" if parts.query else path)
    return parts.hostname or "", target


@lru_cache(maxsize=4096)
def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (80 if parts.scheme == "http" else 443)


@lru_cache(maxsize=64)
def ascii_only(text: str) -> str:
    """The text with every character beyond ASCII percent-encoded."""
    return text if text.isascii() else "".join(c if c.isascii() else quote(c, errors="replace") for c in text)
