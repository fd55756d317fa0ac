"""A WebSocket opened and closed: the upgrade proven by its hash, then one close frame each way (RFC 6455)."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shlex
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ....cluster.text import clean
from ...verdict import Finding, Verdict
from .answer import Answer
from .commands import curl_basics, header_options, shown_url
from .facts import HttpFacts, HttpRequest
from .judge import error_rule
from .observe import Session
from .session import Link
from .words import one_finding, target_of

# RFC 6455, 1.3: what no one would hash who does not speak WebSocket
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE, _NORMAL = 0x8, 1000
_MOST_BYTES = 1024 * 1024
_OWN = frozenset({"upgrade", "connection", "sec-websocket-version", "sec-websocket-key"})


@dataclass(frozen=True, slots=True)
class WebSocketFacts:
    """``accepted``: Sec-WebSocket-Accept proves that the request was understood. ``close_code`` is the other
    side's answer to our close (1005: it gave no code), None where none came; ``close_detail`` says why.
    """

    http: HttpFacts
    accepted: bool = False
    protocol: str = ""
    close_code: int | None = None
    close_detail: str = ""


async def observe_websocket(session: Session, request: HttpRequest) -> WebSocketFacts:
    """Opens a WebSocket over HTTP/1.1 and closes it at once. Never raises for what the other side does."""
    key = base64.b64encode(secrets.token_bytes(16)).decode("ascii")
    own = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
    )
    given = tuple(header for header in request.headers if header[0].lower() not in _OWN)
    asked = replace(request, method="GET", protocol="http/1.1", follow=0, headers=(*own, *given), body=b"")
    closing = _Closing()
    facts, answer = await session.ask(asked, after=closing.close)
    if facts.error == "timeout" and answer.status == 101:
        # the handshake came in time: only the goodbye did not
        facts = answer.into(replace(facts, error="", error_detail=""))
        closing.detail = "it was not answered in time"
    proof = base64.b64encode(hashlib.sha1(key.encode("ascii") + _GUID).digest()).decode("ascii")  # noqa: S324
    return WebSocketFacts(
        facts,
        facts.status == 101 and facts.header("sec-websocket-accept") == proof,
        clean(facts.header("sec-websocket-protocol") or "", 80),
        closing.code,
        clean(closing.detail, 200),
    )


class _Closing:
    """The close handshake after a 101."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.detail = ""

    async def close(self, link: Link, answer: Answer, rest: bytes) -> None:
        """Sends a close frame and waits for the other side's; messages in between are skipped."""
        if answer.status != 101:
            return
        answer.clock.stage = "the close of the WebSocket"
        buffer, received = bytearray(rest), len(rest)
        try:
            await link.wire.send(_masked_close())
            while self.code is None:
                if _skip_frames(buffer):
                    self.code = _close_code(buffer)
                    continue
                data = await link.wire.receive()
                if not data:
                    self.detail = "the connection was closed without a close frame"
                    return
                received += len(data)
                if received > _MOST_BYTES:
                    self.detail = "more than 1 MiB of messages came before it"
                    return
                buffer += data
        except OSError as error:
            self.detail = f"the connection broke: {error.strerror or error}"


def _masked_close() -> bytes:
    mask = os.urandom(4)
    payload = _NORMAL.to_bytes(2, "big")
    return (
        bytes([0x80 | _CLOSE, 0x80 | len(payload)])
        + mask
        + bytes(a ^ b for a, b in zip(payload, mask, strict=False))
    )


def _skip_frames(buffer: bytearray) -> bool:
    """Drops whole frames from the front; True once a whole close frame stands there."""
    while len(buffer) >= 2:
        length, start = buffer[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(buffer) < 2 + size:
                return False
            length, start = int.from_bytes(buffer[2 : 2 + size], "big"), 2 + size
        if len(buffer) < start + length:
            return False
        if buffer[0] & 0x0F == _CLOSE:
            return True
        del buffer[: start + length]
    return False


def _close_code(buffer: bytearray) -> int:
    return int.from_bytes(buffer[2:4], "big") if buffer[1] & 0x7F >= 2 else 1005


def reproduce_websocket(request: HttpRequest) -> str:
    """The curl command that asks for the same upgrade; it stays open until its time is over."""
    headers = (
        *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
        # RFC 6455's own example: any key does
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    parts = ["curl", "-sS", "-i", "-N", *curl_basics(request, "--http1.1")]
    quoted = [shlex.quote(part) for part in parts]
    for header in headers:
        quoted += ["-H", shlex.quote(header)]
    given = tuple(header for header in request.headers if header[0].lower() not in _OWN)
    quoted += header_options(replace(request, headers=given))
    return " ".join([*quoted, shlex.quote(shown_url(request))])


def judge_websocket(facts: WebSocketFacts) -> tuple[Finding, ...]:
    """The one finding on an upgrade. Pure."""
    what = f"WebSocket {clean(target_of(facts.http), 100)}"
    return one_finding(facts.http, _outcome(facts), what, lambda: reproduce_websocket(facts.http.request))


def _outcome(facts: WebSocketFacts) -> tuple[str, Verdict, str]:
    http = facts.http
    if http.error or http.status is None:
        rule, verdict, words = error_rule(http)
        return rule, verdict, f"{words}: {clean(http.error_detail, 160)}"
    if http.status != 101:
        return "HTTP071", *_refused(http)
    if not facts.accepted:
        found = clean(http.header("sec-websocket-accept") or "none", 60)
        return "HTTP072", Verdict.FAIL, f"101 with a wrong Sec-WebSocket-Accept ({found})"
    if facts.close_code is None:
        detail = clean(facts.close_detail, 120) or "no answer"
        return "HTTP073", Verdict.WARN, f"101, and the close was not answered: {detail}"
    return "HTTP070", Verdict.PASS, f"101, closed with {facts.close_code}"


def _refused(http: HttpFacts) -> tuple[Verdict, str]:
    status = http.status or 0
    if status in (401, 403):
        return Verdict.UNKNOWN, f"{status}: it wants credentials or another Origin, which were not given"
    if status in (301, 302, 303, 307, 308):
        shown = clean(http.header("location") or "", 100) or "nowhere"
        return Verdict.FAIL, f"{status} to {shown}: clients do not follow a redirect of an upgrade"
    causes = {
        200: "the upgrade was ignored: the proxy or the backend does not know WebSocket here",
        400: "the upgrade headers did not reach the backend, or Origin is wanted",
        404: "no route for this path",
        426: "the upgrade did not reach the backend (or another version is wanted)",
        500: "the backend failed at the upgrade",
        501: "upgrades are not implemented there",
        502: "the proxy cannot speak with its backend",
        503: "the proxy has no backend to ask",
    }
    return Verdict.FAIL, f"{status}: {causes.get(status, 'no upgrade')}"


def websocket_url(url: str) -> str:
    """The URL with http in place of ws, https in place of wss."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return parts._replace(scheme=scheme).geturl() if scheme != parts.scheme else url
