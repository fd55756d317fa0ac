"""What one HTTP request by address asks, what it met, and the curl command that asks the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ..address import bracketed, endpoint

BODY_LIMIT = 1024 * 1024
SAMPLE_LIMIT = 4096
DEFAULT_STATUSES: tuple[tuple[int, int], ...] = ((200, 399),)

# values that must reach neither the journal nor the screen
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, sent to ``address`` whatever DNS says, with the URL's host as SNI and ``Host``.

    ``address`` is an IP literal; the port is the URL's. ``ca_file`` replaces the system's roots.
    ``timeout_s`` bounds the whole exchange, in seconds.
    """

    url: str
    address: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    ca_file: str | None = None
    timeout_s: float = 5.0

    @property
    def host(self) -> str:
        """The URL's host name, lower case, without port; empty where the URL has none."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The URL's port, or its scheme's."""
        parts = urlsplit(self.url)
        return parts.port or (80 if parts.scheme == "http" else 443)

    @property
    def target(self) -> str:
        """Path and query, as they stand in the request line: untouched, but for characters beyond ASCII."""
        parts = urlsplit(self.url)
        path = parts.path or "/"
        return _ascii(f"{path}?{parts.query}" if parts.query else path)

    @property
    def endpoint(self) -> str:
        """``address:port``."""
        return endpoint(self.address, self.port)

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url} at {self.address})"


@dataclass(frozen=True, slots=True)
class HttpTimings:
    """Milliseconds since the start of the request at which each part ended; None: not reached."""

    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class HttpFacts:
    """What came back. ``error`` is empty, or refused, timeout, reset, tls, protocol, unreachable, request
    or local.

    ``local`` is a fault of this machine (no descriptors, no roots file), ``request`` one that could not be
    sent as written: neither says anything about the other side. Header names are lower case, in the order
    received. ``body_bytes`` is what was read; ``body_complete`` is False where reading stopped at 1 MiB,
    and then ``body_sha256`` covers that much. ``body_sample`` is the first 4 KiB as text.
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
    a success is an open door. ``body_contains`` are texts that the first 4 KiB must hold.
    """

    statuses: tuple[int | tuple[int, int], ...] = ()
    headers: tuple[HeaderMatch, ...] = ()
    body_contains: tuple[str, ...] = ()
    protected: bool = False
    slower_than_ms: float | None = None

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The accepted statuses as inclusive ranges, defaults filled in."""
        if self.statuses:
            return tuple((entry, entry) if isinstance(entry, int) else entry for entry in self.statuses)
        return ((401, 401), (403, 403)) if self.protected else DEFAULT_STATUSES

    def accepts(self, status: int | None) -> bool:
        """Whether ``status`` is one that was expected."""
        return status is not None and any(low <= status <= high for low, high in self.ranges)

    def words(self) -> str:
        """The expected statuses as a person writes them: ``200-399``, ``401 or 403``."""
        return " or ".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)


def without_secrets(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The same headers, the values that open doors replaced."""
    return tuple((name, "(hidden)" if name.lower() in _SECRET_HEADERS else value) for name, value in headers)


def reproduce(request: HttpRequest) -> str:
    """The curl command that asks the same of the same address, quoted for a POSIX shell.

    Values of headers such as Authorization are left out: the command names a shell variable in their place.
    """
    host = bracketed(request.host)
    parts = ["curl", "-sS", "-i", "--http1.1", "--max-time", f"{request.timeout_s:g}"]
    if request.method == "HEAD":
        parts += ["--head"]
    elif request.method != "GET":
        parts += ["-X", request.method]
    if "/." in request.target:
        parts += ["--path-as-is"]
    if request.host != request.address.strip("[]"):
        parts += ["--resolve", f"{host}:{request.port}:{bracketed(request.address)}"]
    if request.ca_file:
        parts += ["--cacert", request.ca_file]
    quoted = [shlex.quote(part) for part in parts]
    for name, value in request.headers:
        if name.lower() in _SECRET_HEADERS:
            variable = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.upper())
            quoted += ["-H", f'"{name}: ${variable}"']
        else:
            quoted += ["-H", shlex.quote(f"{name}: {value}" if value else f"{name};")]
    return " ".join([*quoted, shlex.quote(_ascii(request.url))])


def _ascii(text: str) -> str:
    return text if text.isascii() else "".join(c if c.isascii() else quote(c, errors="replace") for c in text)
