"""Where a question goes: a plain server, or a resolver over TLS or HTTPS, read from its text. Pure."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from ..address import is_address, split_endpoint

PLAIN, TLS, HTTPS = "dns", "tls", "https"
_PORTS = {PLAIN: 53, TLS: 853}


class Server(NamedTuple):
    """One place to ask. ``address`` is a canonical IP, empty for HTTPS, whose ``url`` says it all.

    ``name`` is what the certificate must hold; empty: the address itself.
    """

    scheme: str
    address: str = ""
    port: int = 0
    name: str = ""
    url: str = ""

    @property
    def ipv6(self) -> bool:
        """Whether it is asked over IPv6."""
        return ":" in self.address


@lru_cache(maxsize=4096)
def parse_server(text: str, default_port: int = 53) -> Server:
    """The server of ``1.2.3.4[:53]``, ``[::1]:53``, ``tls://1.1.1.1[:853][#name]`` or ``https://host/path``.

    Raises ValueError saying what is wrong; a host name is wrong where an address is needed, because who
    resolves it is the caller's to decide.
    """
    stripped = text.strip()
    scheme, separator, rest = stripped.partition("://")
    if not separator:
        return _plain(PLAIN, stripped, default_port)
    if scheme == PLAIN:
        return _plain(PLAIN, rest, default_port)
    if scheme == TLS:
        where, _, name = rest.partition("#")
        server = _plain(TLS, where.rstrip("/"), _PORTS[TLS])
        return Server(TLS, server.address, server.port, name)
    if scheme == HTTPS:
        return _https(stripped)
    raise ValueError(f"{scheme}:// is none of tls:// and https://")


def _plain(scheme: str, text: str, default_port: int) -> Server:
    try:
        address, port = split_endpoint(text, default_port)
    except ValueError as error:
        raise ValueError(str(error) if "between" in str(error) else "the port is not a number") from None
    bare, percent, scope = address.strip("[]").partition("%")
    if not is_address(bare) or (percent and not scope):
        raise ValueError("a server must be given as an IP address")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    canonical = socket.inet_ntop(family, socket.inet_pton(family, bare))
    return Server(scheme, canonical + percent + scope, port)


def _https(text: str) -> Server:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from None
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a DoH resolver is https://host[:port]/path and no more")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("a URL has no blanks and no control characters")
    url = text if parts.path not in ("", "/") else f"https://{parts.netloc}/dns-query"
    return Server(HTTPS, "", port or 443, "", url)


def system_resolvers(path: str = "/etc/resolv.conf") -> tuple[str, ...]:
    """The resolvers of this machine, as text; empty where there is no such file or none in it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(100_000).splitlines()
    except OSError:
        return ()
    found = [words[1] for line in lines if len(words := line.split()) > 1 and words[0] == "nameserver"]
    return tuple(dict.fromkeys(found))[:3]
