"""HTTP/1.1 by address: the host's name as SNI and ``Host``, the certificate verified against it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import ssl
import time
from dataclasses import replace
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

import httpx

from ....cluster.errors import UserError
from ....cluster.text import clean
from ..address import bracketed, is_address
from ..roots import client_context
from .facts import (
    BODY_LIMIT,
    SAMPLE_LIMIT,
    HttpFacts,
    HttpRequest,
    HttpTimings,
    without_secrets,
)

_MOST_HEADERS = 200
_STAGES = {
    "connection.connect_tcp.started": "connecting",
    "connection.start_tls.started": "the TLS handshake",
    "http11.send_request_headers.started": "the request to be taken",
    "http11.receive_response_headers.started": "the first byte",
    "http11.receive_response_body.started": "the body",
}


def user_agent() -> str:
    """What the probes call themselves, so that drain counts can leave them out."""
    try:
        version = metadata.version("pointsman")
    except metadata.PackageNotFoundError:
        version = "0"
    return f"pointsman/{version} (cutover probe)"


_USER_AGENT = user_agent()


class _Trace:
    """Follows one request through httpcore's trace events, and keeps when each part ended."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.stage = "connecting"
        self.connect: float | None = None
        self.tls: float | None = None
        self.first_byte: float | None = None
        self._unowned: Any = None

    def elapsed_ms(self) -> float:
        return round((time.monotonic() - self.started) * 1000, 3)

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        self.stage = _STAGES.get(event, self.stage)
        if event == "connection.connect_tcp.complete":
            self.connect = self.elapsed_ms()
            self._unowned = info.get("return_value")
        elif event == "connection.start_tls.complete":
            self.tls = self.elapsed_ms()
            self._unowned = None
        elif event == "http11.receive_response_headers.complete":
            self.first_byte = self.elapsed_ms()

    async def close_unowned(self) -> None:
        """Closes a connection whose handshake was cut short: httpcore forgets it when cancelled there."""
        if self._unowned is not None:
            with contextlib.suppress(Exception):
                await self._unowned.aclose()

    def timings(self) -> HttpTimings:
        return HttpTimings(self.connect, self.tls, self.first_byte, self.elapsed_ms())


class Session:
    """Connections to one side. ``keep`` uses them again; otherwise each request makes a fresh one.

    Close it with ``aclose``. Raises UserError where the roots file cannot be read.
    """

    def __init__(self, ca_file: str | None = None, keep: bool = False) -> None:
        self._transport = httpx.AsyncHTTPTransport(
            verify=client_context(ca_file),
            http2=False,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=None if keep else 0, max_connections=None),
        )

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._transport.aclose()

    async def observe(self, request: HttpRequest) -> HttpFacts:
        """Sends one request. Never raises for what the network or the other side does."""
        facts = HttpFacts(request=replace(request, headers=without_secrets(request.headers), body=b""))
        trace = _Trace()
        try:
            prepared = _prepare(request, trace)
        except (httpx.InvalidURL, ValueError, UnicodeError, TypeError) as error:
            return replace(facts, error="request", error_detail=clean(f"cannot be sent as written: {error}"))
        deadline = asyncio.timeout(request.timeout_s)
        try:
            async with deadline:
                answered = await self._exchange(prepared, facts, trace)
        except TimeoutError:
            detail = f"{trace.stage} took longer than {request.timeout_s:g} s"
            answered = replace(facts, error="timeout", error_detail=detail)
        except (httpx.HTTPError, httpx.StreamError, OSError, EOFError) as error:
            kind, detail = classify(error)
            answered = replace(facts, error=kind, error_detail=clean(detail))
        finally:
            if request.url.startswith("https:"):
                await trace.close_unowned()
        return replace(answered, timings_ms=trace.timings())

    async def _exchange(self, prepared: httpx.Request, facts: HttpFacts, trace: _Trace) -> HttpFacts:
        response = await self._transport.handle_async_request(prepared)
        try:
            digest, size, sample, complete = hashlib.sha256(), 0, bytearray(), True
            async for chunk in response.aiter_raw():
                piece = chunk[: BODY_LIMIT - size]
                digest.update(piece)
                size += len(piece)
                sample += piece[: SAMPLE_LIMIT - len(sample)]
                if len(piece) < len(chunk):
                    complete = False
                    break
        finally:
            await response.aclose()
        headers = [_header(name, value) for name, value in response.headers.raw]
        version = response.extensions.get("http_version", b"")
        return replace(
            facts,
            status=response.status_code,
            headers=tuple(headers[:_MOST_HEADERS]),
            http_version=_text(version),
            body_bytes=size,
            body_sha256=digest.hexdigest(),
            body_complete=complete,
            body_sample=sample.decode("utf-8", errors="replace"),
        )


async def observe(request: HttpRequest) -> HttpFacts:
    """One request over a fresh connection; redirects are not followed.

    Never raises for what the network or the other side does: see ``HttpFacts.error``.
    """
    try:
        session = Session(request.ca_file)
    except UserError as error:
        hidden = replace(request, headers=without_secrets(request.headers), body=b"")
        return HttpFacts(request=hidden, error="local", error_detail=clean(error))
    try:
        return await session.observe(request)
    finally:
        await session.aclose()


def _prepare(request: HttpRequest, trace: _Trace) -> httpx.Request:
    parts = urlsplit(request.url)
    if parts.scheme not in ("http", "https") or not request.host:
        raise ValueError("the URL needs http:// or https:// and a host")
    if not is_address(request.address):
        raise ValueError(f"{request.address!r} is not an IP address")
    if any(character <= " " or character == "\x7f" for character in request.target):
        raise ValueError("the path holds a blank or a control character")
    default = 80 if parts.scheme == "http" else 443
    host = bracketed(request.host)
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    host_header = host if request.port == default else f"{host}:{request.port}"
    given = {name.lower() for name, _ in request.headers}
    defaults = [("Host", host_header), ("User-Agent", _USER_AGENT), ("Accept", "*/*")]
    # identity: the hash is of what the application said, not of how a proxy packed it
    defaults.append(("Accept-Encoding", "identity"))
    headers = [(name, value) for name, value in defaults if name.lower() not in given]
    extensions: dict[str, Any] = {"trace": trace}
    if not is_address(request.host):
        extensions["sni_hostname"] = host
    prepared = httpx.Request(
        request.method,
        f"{parts.scheme}://{bracketed(request.address)}:{request.port}/",
        headers=[*headers, *request.headers],
        extensions=extensions,
    )
    # the path goes out exactly as written: normalising it would hide what a gateway does with it
    prepared.extensions["target"] = request.target.encode("ascii")
    return prepared


def _header(raw_name: bytes, raw_value: bytes) -> tuple[str, str]:
    name, value = _text(raw_name).lower(), _text(raw_value)
    if name == "set-cookie":
        # a session's value opens doors; its name and attributes are what a comparison needs
        cookie, semicolon, attributes = value.partition(";")
        value = f"{cookie.split('=', 1)[0]}=(hidden){semicolon}{attributes}"
    return name, value


def _text(value: bytes) -> str:
    return clean(value.decode("latin-1"), limit=2000)


_ERRNO_KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EMFILE: "local",
    errno.ENFILE: "local",
    errno.EADDRNOTAVAIL: "local",
}


def classify(error: BaseException) -> tuple[str, str]:
    """The kind of an error (see ``HttpFacts.error``) and a line about it, from its innermost cause."""
    causes = _causes(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "tls", f"certificate refused: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "tls", f"handshake failed: {(cause.reason or str(cause)).replace('_', ' ').lower()}"
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno is not None:
            kind = _ERRNO_KINDS.get(cause.errno, "unreachable")
            return kind, cause.strerror or str(cause)
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return "timeout", "no answer in time"
    if isinstance(error, httpx.RemoteProtocolError):
        closed = "disconnected" in str(error) or "closed connection" in str(error)
        return ("reset" if closed else "protocol"), str(error)
    if isinstance(error, (httpx.ReadError, httpx.WriteError, httpx.CloseError, EOFError)):
        return "reset", str(error) or "the connection was closed"
    if isinstance(error, httpx.LocalProtocolError):
        return "request", str(error)
    if isinstance(error, httpx.ConnectError):
        return "unreachable", str(error) or "cannot connect"
    return "protocol", f"{type(error).__name__}: {error}"


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < 20:
        one = waiting.pop(0)
        if one is None or one in found:
            continue
        found.append(one)
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return found
