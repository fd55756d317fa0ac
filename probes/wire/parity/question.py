"""One request that both sides are asked, and how it becomes a request to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from ..address import bracketed, endpoint
from ..http.facts import HttpRequest, Protocol, filler

# the variant whose answer has no end, and the one that borrows a connection
STREAM = "event stream"
COALESCED = "another host's connection"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Side:
    """Where one side is asked, whatever DNS says. ``name`` is old or new; a port of None is the URL's own.

    ``port`` is for https, ``plain_port`` for http. ``ca_file`` replaces the system's roots for this side.
    """

    name: str
    address: str
    port: int | None = None
    plain_port: int | None = None
    ca_file: str | None = None

    @property
    def endpoint(self) -> str:
        """``address:port`` as a person calls the side; the address alone where the URLs say the port."""
        port = self.port or self.plain_port
        return endpoint(self.address, port) if port else bracketed(self.address)


@dataclass(frozen=True, slots=True)
class Question:
    """A request, without the address that it goes to.

    ``place`` says which kind of path it is (``exact``, ``child``, ``case flipped``), ``variant`` how the
    request differs from a plain GET (``HTTP/1.0``); ``why`` says in one line what it is asked for. ``known``:
    somebody is known to ask this (a URL that was given, a rule's own path); else it was made up to find an
    edge, and ``base`` is the URL whose edge it is. ``body_size`` bytes are sent, ``payload`` (hex) in their
    place where it is given.

    ``host`` goes as Host byte for byte in place of the URL's; ``sni`` likewise (empty: none is sent).
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    place: str = "given"
    variant: str = ""
    why: str = ""
    known: bool = True
    base: str = ""
    protocol: Protocol = "http/1.1"
    host: str = ""
    sni: str | None = None
    body_size: int = 0
    payload: str = ""
    timeout_s: float = 10.0

    @property
    def authority(self) -> str:
        """Host as a client would send it: without the scheme's own port."""
        if self.host:
            return self.host
        parts = urlsplit(self.url)
        host = bracketed(parts.hostname or "")
        default = 80 if parts.scheme == "http" else 443
        return host if parts.port in (None, default) else f"{host}:{parts.port}"

    @property
    def target(self) -> str:
        """Path and query."""
        parts = urlsplit(self.url)
        return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"

    @property
    def words(self) -> str:
        """The request as a person writes it: ``GET https://shop.test/a, HTTP/1.0``."""
        said = self.variant in ("", self.method)
        return f"{self.method} {self.url}" + ("" if said else f", {self.variant}")

    @property
    def is_safe(self) -> bool:
        """Whether it may be asked without being allowed to change anything (RFC 9110, 9.2.1)."""
        return self.method in SAFE and not self.body_size and not self.payload


def request_to(question: Question, side: Side) -> HttpRequest:
    """The question as a request to one side. Raises ValueError for a URL that cannot be taken apart."""
    parts = urlsplit(question.url)
    own = side.plain_port if parts.scheme == "http" else side.port
    port = own or parts.port
    host = bracketed(parts.hostname or "")
    url = urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path, parts.query, ""))
    moved = port is not None and port != (parts.port or (80 if parts.scheme == "http" else 443))
    return HttpRequest(
        url=url,
        address=side.address,
        method=question.method,
        headers=question.headers,
        ca_file=side.ca_file,
        timeout_s=question.timeout_s,
        protocol=question.protocol,
        body=bytes.fromhex(question.payload) if question.payload else filler(question.body_size),
        unsafe=not question.is_safe,
        send_host=question.host or (question.authority if moved else ""),
        sni=question.sni,
    )
