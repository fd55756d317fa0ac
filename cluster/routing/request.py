"""One HTTP request as a person writes it down: method, URL and headers, read carefully."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from ..errors import UserError
from ..text import clean

_PORTS = {"http": 80, "https": 443}
_LONGEST_URL = 8192
_MOST_HEADERS = 100
# RFC 9110 section 5.6.2: what methods and header names are made of
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_IPV6 = re.compile(r"[0-9a-f:.]+")
_EXAMPLE = "write it as: GET https://shop.example.com/cart?x=1 -H 'name: value'"


@dataclass(frozen=True, slots=True)
class Request:
    """A request. ``sni`` is the URL's host (what a TLS client names, empty for an IP address); ``host`` is
    what the Host header says, which is the same unless a header says otherwise.

    Both are lower case and without port or final dot. ``path`` is as written, without the query; ``query``
    and ``headers`` are in their order, header names as written.
    """

    method: str
    scheme: str
    host: str
    port: int
    path: str = "/"
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    sni: str = ""
    raw_query: str = ""

    @property
    def url(self) -> str:
        """The URL again; the port only where it is not the scheme's own."""
        port = "" if self.port == _PORTS.get(self.scheme) else f":{self.port}"
        query = f"?{self.raw_query}" if self.raw_query else ""
        return f"{self.scheme}://{_bracketed(self.sni or self.host)}{port}{self.path}{query}"

    @property
    def line(self) -> str:
        """The request as it can be given to ``parse_line`` again; correctly quoted for a shell."""
        words = [self.method, self.url]
        for name, value in self.headers:
            words += ["-H", f"{name}: {value}"]
        return shlex.join(words)

    def header(self, name: str) -> str | None:
        """The value of a header; several lines of one name are one list (RFC 9110 section 5.3)."""
        wanted = name.lower()
        found = [value for key, value in self.headers if key.lower() == wanted]
        if wanted == "host" and not found:
            return self.host
        return ", ".join(found) if found else None

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)

    def cookie(self, name: str) -> str | None:
        """The first value of a cookie."""
        for part in (self.header("cookie") or "").split(";"):
            key, equals, value = part.strip().partition("=")
            if equals and key == name:
                return value
        return None


def parse_line(text: str) -> Request:
    """``[METHOD] URL [-H 'name: value']...`` as one line. UserError says what is wrong with it."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"the request has an open quote ({clean(error, 80)})", "close it") from None
    headers: list[str] = []
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in ("-H", "--header"):
            value = next(rest, None)
            if value is None:
                raise UserError(f"{word} has no value", _EXAMPLE)
            headers.append(value)
        elif word.startswith("-H") and len(word) > 2:
            headers.append(word[2:])
        elif word.startswith("-"):
            raise UserError(f"unknown option {clean(word, 40)}", _EXAMPLE)
        else:
            plain.append(word)
    if not 1 <= len(plain) <= 2:
        raise UserError(f"a request is a method and a URL, not {len(plain)} words", _EXAMPLE)
    method, url = plain if len(plain) == 2 else ("GET", plain[0])
    return parse_request(method, url, headers)


def parse_request(method: str, url: str, headers: Iterable[str] = ()) -> Request:
    """The request of these parts; ``headers`` are ``name: value``. UserError says what is wrong with it."""
    if not TOKEN.fullmatch(method):
        raise UserError(f"{clean(method, 40)!r} is no HTTP method", _EXAMPLE)
    scheme, host, port, path, raw_query = _split(url)
    pairs = tuple(_header(text) for text in headers)
    if len(pairs) > _MOST_HEADERS:
        raise UserError(f"{len(pairs)} headers are more than {_MOST_HEADERS}", "leave some out")
    asked = [value for name, value in pairs if name.lower() == "host"]
    if len(asked) > 1:
        raise UserError("there are two Host headers", "a request has one (RFC 9112 section 3.2)")
    return Request(
        method=method.upper(),
        scheme=scheme,
        host=_host_header(asked[0]) if asked else host,
        port=port,
        path=path,
        query=tuple(parse_qsl(raw_query, keep_blank_values=True)),
        headers=pairs,
        sni="" if _is_address(host) else host,
        raw_query=raw_query,
    )


def _split(url: str) -> tuple[str, str, int, str, str]:
    shown = clean(url, 120)
    if len(url) > _LONGEST_URL:
        raise UserError(f"the URL is longer than {_LONGEST_URL} characters", "shorten it")
    bad = next((letter for letter in url if not letter.isprintable() or letter in ' "<>\\^`{|}'), None)
    if bad is not None:
        raise UserError(f"the URL {shown!r} has a {bad!r} in it", "percent-encode it (RFC 3986 section 2.1)")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UserError(f"the URL {shown!r} cannot be read: {clean(error, 100)}", _EXAMPLE) from None
    if parts.scheme not in _PORTS:
        what = f"scheme {parts.scheme!r}" if "://" in url else "no scheme"
        raise UserError(f"the URL {shown!r} has {clean(what, 60)}", "begin it with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise UserError("the URL holds a user or password", "give an Authorization header instead")
    if parts.fragment:
        raise UserError(f"the URL {shown!r} has a fragment (#), which is never sent", "leave it out")
    if port == 0:
        raise UserError(f"the URL {shown!r} has port 0", "name a port from 1 to 65535")
    path = parts.path or "/"
    if not path.isascii() or not parts.query.isascii():
        raise UserError(f"the URL {shown!r} is not ASCII", "percent-encode its path and query")
    return parts.scheme, _name(parts.hostname or "", shown), port or _PORTS[parts.scheme], path, parts.query


def _name(host: str, shown: str) -> str:
    lower = host.lower().rstrip(".")
    if not lower:
        raise UserError(f"the URL {shown!r} names no host", _EXAMPLE)
    if ":" in lower and _IPV6.fullmatch(lower):
        return lower
    if not lower.isascii():
        try:
            lower = lower.encode("idna").decode("ascii")
        except UnicodeError:
            raise UserError(f"the host of {shown!r} has no ASCII form", "write it in punycode") from None
    if not _HOST.fullmatch(lower):
        raise UserError(f"the host {clean(host, 80)!r} is no host name", "labels of letters, digits and -")
    return lower


def _host_header(value: str) -> str:
    text = value.strip()
    if text.startswith("["):
        return _name(text[1:].partition("]")[0], value)
    name, colon, port = text.partition(":")
    if colon and not port.isdigit():
        raise UserError(f"the Host header {clean(value, 80)!r} has no proper port", "write host or host:port")
    return _name(name, value)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not TOKEN.fullmatch(name):
        raise UserError(f"the header {clean(text, 60)!r} is not of the form name: value", _EXAMPLE)
    if any((ord(letter) < 32 and letter != "\t") or ord(letter) == 127 for letter in value):
        raise UserError(f"the value of header {clean(name, 60)} holds a control character", "leave it out")
    return name, value


def _is_address(host: str) -> bool:
    return ":" in host or all(part.isdigit() for part in host.split("."))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
