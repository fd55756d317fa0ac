"""Following redirects: the same host stays at its address, another one is asked only where that is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from ....cluster.text import clean
from .facts import SAFE_METHODS, HttpFacts, HttpHop, HttpRequest, ascii_only, is_secret

REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Way:
    """Where a redirect leads: the next request, or why there is none (see ``HttpFacts.redirect_stop``)."""

    request: HttpRequest | None = None
    stop: str = ""


class Walk:
    """The way of one request from redirect to redirect. Pure: who asks is somebody else."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self._hops: list[HttpHop] = []
        self._seen = {(request.method, ascii_only(request.url))}
        self._stop = ""
        self._cookies = False

    def goes_on(self, facts: HttpFacts, elapsed_ms: float) -> bool:
        """Whether ``facts`` are a redirect that is followed; then ``request`` is the next one to send."""
        if facts.status not in REDIRECTS:
            return False
        self._cookies = self._cookies or facts.header("set-cookie") is not None
        location = facts.header("location") or ""
        way = next_request(self.request, facts.status or 0, location)
        if way.request is not None and (way.request.method, way.request.url) in self._seen:
            # without a cookie jar a circle proves something only where no cookie was set
            way = Way(stop="cookie" if self._cookies else "loop")
        elif way.request is not None and len(self._hops) >= self.request.follow:
            way = Way(stop="limit")
        if way.request is None:
            self._stop = way.stop
            return False
        shown = clean(location, 400)
        self._hops.append(
            HttpHop(clean(self.request.url, 400), self.request.address, facts.status or 0, shown, elapsed_ms)
        )
        self._seen.add((way.request.method, way.request.url))
        self.request = way.request
        return True

    def told(self, facts: HttpFacts) -> HttpFacts:
        """The last answer with the way to it."""
        return replace(
            facts,
            redirects=tuple(self._hops),
            redirect_stop=self._stop,
            final_url=clean(self.request.url, 2000),
        )


def next_request(request: HttpRequest, status: int, location: str) -> Way:
    """The request that a redirect asks for. Pure.

    Credentials go to the same host only, and never from https to http.
    """
    if not location:
        return Way(stop="location")
    try:
        target = ascii_only(urljoin(request.url, location.strip()))
        parts, before = urlsplit(target), urlsplit(request.url)
        host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
        target = parts._replace(fragment="").geturl()
    except ValueError:
        return Way(stop="location")
    if parts.scheme not in ("http", "https"):
        return Way(stop="scheme")
    if not host:
        return Way(stop="location")
    method = request.method
    if status == 303 and method != "HEAD":
        method = "GET"
    if method not in SAFE_METHODS:
        return Way(stop="method")
    same = host == request.host
    known = [address for name, number, address in request.resolve if (name, number) == (host, port)]
    if not same and not known:
        return Way(stop="host")
    headers = request.headers
    if not same or (before.scheme == "https" and parts.scheme == "http"):
        headers = tuple(header for header in headers if not is_secret(header[0]))
    return Way(
        replace(
            request,
            url=target,
            address=known[0] if known else request.address,
            method=method,
            headers=headers,
            body=b"",
            send_target="",
            send_host=request.send_host if same else "",
            sni=request.sni if same else None,
        )
    )
