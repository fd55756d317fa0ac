"""The gRPC health service (grpc.health.v1.Health/Check) asked over HTTP/2: one small message each way."""

from __future__ import annotations

import base64
import shlex
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from ....cluster.text import clean
from ...verdict import Finding, Verdict, finding
from .commands import curl_basics, header_options, shown_url
from .facts import HttpFacts, HttpRequest
from .judge import error_rule
from .observe import Session
from .words import evidence, safe_command, subject_of

METHOD = "/grpc.health.v1.Health/Check"
_SERVING = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE"),
    *("UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)


@dataclass(frozen=True, slots=True)
class GrpcFacts:
    """``service`` empty: the server as a whole. ``code`` is grpc-status, None where none came;
    ``in_trailers`` where it stood. ``serving`` is the health service's word, empty where no message came.
    """

    http: HttpFacts
    service: str = ""
    code: int | None = None
    message: str = ""
    in_trailers: bool = False
    serving: str = ""


async def observe_health(session: Session, request: HttpRequest, service: str = "") -> GrpcFacts:
    """Asks the health service at the URL's host: HTTP/2, without TLS by prior knowledge (h2c).

    Never raises for what the network or the other side does.
    """
    headers = (("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", _time(request)))
    given = {name.lower() for name, _ in request.headers}
    own = tuple(header for header in (*headers, ("accept-encoding", "identity")) if header[0] not in given)
    asked = replace(
        request,
        method="POST",
        unsafe=True,  # a question all the same: Check changes nothing
        protocol="h2",
        follow=0,
        send_target=METHOD,
        headers=(*own, *request.headers),
        body=framed(_string_field(service)),
    )
    facts, answer = await session.ask(asked)
    return health_of(facts, service, bytes(answer.body.sample))


def health_of(facts: HttpFacts, service: str, body: bytes) -> GrpcFacts:
    """What an answer says as gRPC. Pure."""
    names = dict(reversed(facts.trailers))
    in_trailers = "grpc-status" in names
    text = names.get("grpc-status") or facts.header("grpc-status") or ""
    code = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None
    message = names.get("grpc-message") or facts.header("grpc-message") or ""
    return GrpcFacts(
        facts,
        clean(service, 200),
        code,
        clean(unquote(message, errors="replace"), 400),
        in_trailers,
        _serving(body) if not facts.error else "",
    )


def framed(message: bytes) -> bytes:
    """A message as gRPC sends it: not compressed, its length before it."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def _string_field(text: str) -> bytes:
    data = text.encode("utf-8", errors="replace")
    return b"\x0a" + _varint(len(data)) + data if data else b""


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _serving(body: bytes) -> str:
    """The enum in field 1 of HealthCheckResponse; empty where ``body`` is no such message."""
    if len(body) < 5 or body[0] != 0:
        return ""
    message = body[5 : 5 + int.from_bytes(body[1:5], "big")]
    if len(message) != int.from_bytes(body[1:5], "big"):
        return ""
    if not message:
        return _SERVING[0]
    if message[0] != 0x08 or len(message) < 2:
        return ""
    return _SERVING.get(message[1], "") if message[1] < 0x80 else ""


def _time(request: HttpRequest) -> str:
    return f"{max(1, min(99_999_999, round(request.timeout_s * 1000)))}m"


def code_name(code: int) -> str:
    """``UNAVAILABLE`` for 14."""
    return _CODES[code] if 0 <= code < len(_CODES) else f"status {code}"


def reproduce_health(request: HttpRequest, service: str = "") -> str:
    """The curl command that makes the same call and shows its trailers; no protobuf tool is needed."""
    url = urlsplit(shown_url(request))._replace(path=METHOD, query="", fragment="").geturl()
    shown = replace(request, send_target="")
    version = "--http2" if url.startswith("https:") else "--http2-prior-knowledge"
    options = ["-X", "POST", "--data-binary", "@-"]
    headers = ["-H", "'Content-Type: application/grpc'", "-H", "'TE: trailers'"]
    own = tuple(header for header in request.headers if header[0].lower() not in _OWN)
    parts = [shlex.quote(part) for part in ["curl", "-sS", "-i", *curl_basics(shown, version), *options]]
    data = base64.b64encode(framed(_string_field(service))).decode("ascii")
    tail = [*parts, *headers, *header_options(replace(shown, headers=own)), "-o-", shlex.quote(url)]
    return f"echo {data} | base64 -d | {' '.join(tail)}"


_OWN = frozenset({"content-type", "te", "grpc-timeout", "accept-encoding", "content-length"})


def judge_health(facts: GrpcFacts) -> tuple[Finding, ...]:
    """The one finding on a health check. Pure."""
    rule, verdict, words = _outcome(facts)
    name = f"gRPC health of {clean(facts.service, 120)}" if facts.service else "gRPC health"
    command = safe_command(lambda: reproduce_health(facts.http.request, facts.service))
    where = "trailers" if facts.in_trailers else "headers"
    seen = list(evidence(facts.http))
    if facts.code is not None:
        message = f", grpc-message {clean(facts.message, 160)}" if facts.message else ""
        seen.insert(0, f"grpc-status {facts.code} ({code_name(facts.code)}) in the {where}{message}")
    summary = f"{name}: {words}"
    return (finding(rule, verdict, subject_of(facts.http), summary, evidence=seen, reproduce=command),)


_Outcome = tuple[str, Verdict, str]


def _outcome(facts: GrpcFacts) -> _Outcome:
    http = facts.http
    if http.error or http.status is None:
        rule, verdict, words = error_rule(http)
        return rule, verdict, f"{words}: {clean(http.error_detail, 160)}"
    if facts.code is None:
        return _not_grpc(http)
    if facts.code == 0:
        return _said(facts.serving)
    name, message = code_name(facts.code), clean(facts.message, 120)
    detail = f"{name}{f': {message}' if message else ''}"
    if facts.code == 12:
        return "HTTP062", Verdict.UNKNOWN, f"{detail}: the server speaks gRPC and has no health service"
    if facts.code == 5:
        return "HTTP061", Verdict.FAIL, f"{detail}: the health service does not know this service"
    return "HTTP064", Verdict.FAIL, detail


def _said(serving: str) -> _Outcome:
    if serving == "SERVING":
        return "HTTP060", Verdict.PASS, serving
    if not serving:
        return "HTTP061", Verdict.UNKNOWN, "OK, and no message that can be read"
    return "HTTP061", Verdict.FAIL, clean(serving, 40)


def _not_grpc(http: HttpFacts) -> _Outcome:
    content = http.header("content-type") or ""
    if http.status == 200 and content.startswith("application/grpc"):
        return "HTTP063", Verdict.FAIL, "an answer without grpc-status: its trailers were lost"
    causes = {
        404: "no route for this host and path",
        415: "the backend does not take application/grpc",
        426: "HTTP/2 does not reach the backend",
        464: "the load balancer's target group speaks another protocol version",
        502: "the proxy cannot speak HTTP/2 with its backend",
        503: "the proxy has no backend to ask",
        504: "the backend did not answer the proxy in time",
    }
    because = f": {causes[http.status]}" if http.status in causes else ""
    kind = f" {clean(content, 60)}" if content and not because else ""
    return "HTTP065", Verdict.FAIL, f"{http.status}{kind} without grpc-status{because}"
