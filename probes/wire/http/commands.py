"""The curl command that asks the same, for each protocol; quoted for a POSIX shell, without secrets."""

from __future__ import annotations

import hashlib
import shlex
from urllib.parse import urlsplit

from ..address import bracketed, is_address
from .facts import HttpFacts, HttpRequest, ascii_only, filler, is_secret

_VERSIONS = {"http/1.0": "--http1.0", "http/1.1": "--http1.1", "h2": "--http2", "auto": "--http2"}


def reproduce(request: HttpRequest, sent: HttpFacts | None = None) -> str:
    """The curl command that asks the same of the same address.

    Values of headers such as Authorization are left out: the command names a shell variable in their place.
    ``sent`` are the facts of it, which know how long the body was. Raises ValueError for a URL or port that
    cannot be taken apart.
    """
    parts = ["curl", "-sS", "-i", *curl_basics(request)]
    if request.method == "HEAD":
        parts += ["--head"]
    elif request.method != "GET":
        parts += ["-X", request.method]
    if request.follow:
        parts += _following(request, sent)
    body_from, body_options = _body(request, sent)
    quoted = [shlex.quote(part) for part in [*parts, *body_options]]
    quoted += header_options(request)
    return body_from + " ".join([*quoted, shlex.quote(shown_url(request))])


def _following(request: HttpRequest, sent: HttpFacts | None) -> list[str]:
    """``-L``, no further than we went, and our address for every port of the host that the way led to."""
    hops = sent.redirects if sent is not None else ()
    most = len(hops) if sent is not None and sent.redirect_stop == "host" else request.follow
    parts = ["-L", "--max-redirs", str(most)]
    ports = {request.port}
    for url in (*(hop.url for hop in hops), sent.final_url if sent is not None else ""):
        try:
            split = urlsplit(url)
            port = split.port or (80 if split.scheme == "http" else 443)
        except ValueError:
            continue
        if split.hostname == request.host and port not in ports and not is_address(request.host):
            ports.add(port)
            parts += ["--resolve", f"{request.host}:{port}:{bracketed(request.address)}"]
    return parts


def curl_basics(request: HttpRequest, version: str = "") -> list[str]:
    """The options that every curl command shares: version, time, path, address, roots."""
    secure = not request.url.startswith("http:")
    chosen = version or _VERSIONS.get(request.protocol, "--http1.1")
    if chosen == "--http2" and request.protocol == "h2" and not secure:
        chosen = "--http2-prior-knowledge"
    if chosen == "--http2" and not secure:
        # without TLS nothing is agreed on; curl would ask for an upgrade instead
        chosen = "--http1.1"
    parts = [chosen, "--max-time", f"{request.timeout_s:g}"]
    if "/." in request.target:
        parts += ["--path-as-is"]
    if request.send_target:
        parts += ["--request-target", request.send_target]
    host = connect_host(request)
    for name, port, address in ((host, request.port, request.address), *request.resolve):
        if name != address.strip("[]") and not is_address(name):
            parts += ["--resolve", f"{bracketed(name)}:{port}:{bracketed(address)}"]
    if is_address(host) and host.strip("[]") != request.address.strip("[]"):
        parts += ["--connect-to", f"::{bracketed(request.address)}:{request.port}"]
    if request.ca_file:
        parts += ["--cacert", request.ca_file]
    return parts


def connect_host(request: HttpRequest) -> str:
    """The name that curl is to put into SNI: the URL's host, or the one that was sent in its place."""
    return request.sni or request.host


def shown_url(request: HttpRequest) -> str:
    """The URL for curl: the SNI's name in place of the host where another was sent."""
    url = ascii_only(request.url)
    if not request.sni or request.sni == request.host:
        return url
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{bracketed(request.sni)}{port}").geturl()


def header_options(request: HttpRequest) -> list[str]:
    """``-H`` options, already quoted; a secret's value becomes a shell variable of the header's name."""
    quoted: list[str] = []
    host = request.send_host or (own_host(request) if shown_url(request) != ascii_only(request.url) else "")
    if host:
        quoted += ["-H", shlex.quote(f"Host: {host}")]
    for name, value in request.headers:
        if is_secret(name):
            variable = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.upper())
            quoted += ["-H", f'"{_in_double_quotes(name)}: ${variable}"']
        else:
            quoted += ["-H", shlex.quote(f"{name}: {value}" if value else f"{name};")]
    return quoted


def own_host(request: HttpRequest) -> str:
    """What the URL gives as ``Host``: the port is left out where it is the scheme's."""
    host = bracketed(request.host)
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    default = 80 if urlsplit(request.url).scheme == "http" else 443
    return host if request.port == default else f"{host}:{request.port}"


def _in_double_quotes(text: str) -> str:
    return "".join(f"\\{character}" if character in '\\"$`' else character for character in text)


def _body(request: HttpRequest, sent: HttpFacts | None) -> tuple[str, list[str]]:
    size = len(request.body) or (sent.sent_bytes if sent is not None else 0)
    if not size:
        return "", []
    digest = hashlib.sha256(request.body).hexdigest() if request.body else ""
    digest = digest or (sent.sent_sha256 if sent is not None else "")
    if size <= 64 * 1024 * 1024 and digest == hashlib.sha256(filler(size)).hexdigest():
        return f"head -c {size} /dev/zero | tr '\\0' 0 | ", ["--data-binary", "@-"]
    # what was in it is nobody's business here
    return "", ["--data-binary", "@BODY"]
