"""An answer as named values to compare: what changes by itself is left out, spelling is evened. Pure.

Names: ``status``, ``location``, ``location query``, ``header NAME``, ``cookie NAME``, ``trailer NAME``,
``body``, ``body shape``, ``body .MEMBER``, ``first event``, ``protocol``, ``certificate``, ``TLS version``.
A field that is not there was not in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit, urlunsplit

from ....cluster.text import clean
from ..address import bracketed
from ..http.facts import HttpFacts
from .bodies import body_fields, digest, hidden
from .facts import Seen
from .question import COALESCED, STREAM, Question

_LONGEST = 400
_LONGEST_PARAMETER = 40
_STREAM_STEPS = (1.0, 5.0, 15.0, 60.0)
# when, by whom and under which number it was answered; and how a connection is used (RFC 9110, 7.6.1)
_ALWAYS_DROPPED = frozenset(
    {
        *("date", "server", "age", "connection", "keep-alive", "transfer-encoding", "content-length"),
        *("proxy-connection", "upgrade", "trailer", "te", "x-envoy-upstream-service-time", "server-timing"),
        *("x-runtime", "x-response-time", "traceparent", "tracestate", "cf-ray", "x-trace-id"),
        *("x-request-id", "request-id", "x-correlation-id", "x-amzn-trace-id", "x-amzn-requestid"),
        *("x-b3-traceid", "x-amz-cf-id"),
        # what a cache held at that moment says nothing of the side
        *("x-cache", "x-cache-status", "x-cache-hits", "cf-cache-status", "cache-status"),
    }
)  # fmt: skip
_REQUEST_ID = re.compile(r"(request|correlation|trace|span|transaction)[-_]?(id|uuid)$")
# parts whose order and case say nothing
_LISTS = frozenset(
    {
        *("vary", "allow", "cache-control", "pragma", "accept-patch", "accept-post"),
        *("access-control-allow-methods", "access-control-allow-headers", "access-control-expose-headers"),
    }
)  # fmt: skip
_NONCE = re.compile(r"'nonce-[^']*'")
_CHALLENGE = re.compile(r"\b(nonce|opaque|cnonce)=(\"[^\"]*\"|[^,\s]+)", re.IGNORECASE)


def seen(facts: HttpFacts, question: Question) -> Seen:
    """What is compared of an answer."""
    times = facts.timings_ms
    first = times.first_byte
    begun = times.tls if times.tls is not None else times.connect
    if question.variant == STREAM and first is not None and facts.body_bytes:
        # reading stopped at the first event
        first = times.total
    wait = None if first is None else round(max(first - (begun or 0.0), 0.0), 3)
    error = facts.error or ("" if facts.status is not None else "protocol")
    return Seen(
        status=facts.status,
        fields=dict(_fields(facts, question)),
        error=clean(error, 20),
        error_detail=clean(facts.error_detail, 200),
        first_byte_ms=wait,
    )


def _fields(facts: HttpFacts, question: Question) -> Iterator[tuple[str, str]]:
    if facts.status is None or facts.error:
        # an answer that broke off is no answer: its status would promise one
        yield "status", _failure(facts.error, question)
        return
    yield "status", str(facts.status)
    if question.variant == STREAM:
        yield "first event", _first_event(facts)
    yield from _connection(facts, question)
    names = dict.fromkeys(name for name, _ in facts.headers)
    for name in names:
        yield from _header(name, facts.header_values(name), facts, question)
    for name, value in facts.trailers:
        if name not in _ALWAYS_DROPPED:
            yield f"trailer {clean(name, 60)}", clean(value, _LONGEST)
    if question.method != "HEAD" and question.variant != STREAM and facts.status not in (101, 204, 304):
        yield from body_fields(facts).items()


def _failure(error: str, question: Question) -> str:
    if question.sni == "" and error in ("tls", "reset", "refused"):
        # an alert, a closed connection: clients without SNI see no difference
        return "no connection"
    return clean(error or "no answer", 20)


def _first_event(facts: HttpFacts) -> str:
    """In coarse steps: what is held back comes seconds later, and a busy network milliseconds."""
    if not facts.body_bytes:
        return "none"
    wait = facts.timings_ms.total / 1000
    return next((f"within {step:g} s" for step in _STREAM_STEPS if wait <= step), "later")


def _connection(facts: HttpFacts, question: Question) -> Iterator[tuple[str, str]]:
    if question.variant == COALESCED:
        # what is agreed on there is agreed on for the other host
        return
    if question.protocol == "auto":
        yield "protocol", clean(facts.alpn or facts.http_version or "none", 20).lower()
    elif facts.http_version:
        yield "protocol", clean(facts.http_version, 20).lower()
    if facts.leaf_sha256:
        yield "certificate", clean(facts.leaf_sha256, 64)
    if facts.tls_version:
        yield "TLS version", clean(facts.tls_version, 20)


def _header(
    name: str, values: tuple[str, ...], facts: HttpFacts, question: Question
) -> Iterator[tuple[str, str]]:
    if name in _ALWAYS_DROPPED or _REQUEST_ID.search(name):
        return
    if name == "set-cookie":
        for value in values:
            cookie, attributes = cookie_of(value)
            yield f"cookie {cookie}", attributes
        return
    if name == "location":
        place, query = location(values[0], question)
        yield "location", clean(place, _LONGEST)
        if query:
            yield "location query", clean(query, _LONGEST)
        return
    yield f"header {clean(name, 60)}", hidden(name, clean(_value(name, values, facts), _LONGEST))


def _value(name: str, values: tuple[str, ...], facts: HttpFacts) -> str:
    if name in _LISTS:
        parts = {part.strip().lower() for value in values for part in value.split(",")}
        return ", ".join(sorted(part for part in parts if part))
    if name in ("strict-transport-security", "content-type"):
        kind, *rest = (part.strip().lower().replace('"', "") for part in ", ".join(values).split(";"))
        if name == "content-type":
            return "; ".join([kind, *sorted(part for part in rest if part)])
        return "; ".join(sorted(part for part in (kind, *rest) if part))
    joined = ", ".join(" ".join(value.split()) for value in values)
    if name == "expires":
        return _expires(joined, facts.header("date"))
    if name == "etag":
        return joined.removeprefix("W/")
    if name.startswith("content-security-policy"):
        return _NONCE.sub("'nonce'", joined)
    if name in ("www-authenticate", "proxy-authenticate"):
        return _CHALLENGE.sub(r"\1", joined)
    return joined


def _expires(value: str, date: str | None) -> str:
    """How long after the answer: the instant itself moves with the clock."""
    try:
        ends, now = parsedate_to_datetime(value), parsedate_to_datetime(date or "")
        return f"{round((ends - now).total_seconds())} s after Date"
    except (ValueError, TypeError, OverflowError):
        return value


def cookie_of(value: str) -> tuple[str, str]:
    """Name and attributes of a Set-Cookie, the value and the instant of Expires left out (RFC 6265, 4.1)."""
    pair, *attributes = value.split(";")
    told = []
    for attribute in attributes:
        key, equals, rest = attribute.strip().partition("=")
        key = key.strip().lower()
        if key == "expires" or not key:
            told += ["expires"] if key else []
        else:
            told.append(f"{key}={rest.strip().lower() if key != 'path' else rest.strip()}" if equals else key)
    return clean(pair.partition("=")[0].strip(), 80), clean("; ".join(sorted(told)), _LONGEST)


def location(value: str, question: Question) -> tuple[str, str]:
    """Where a Location leads, in full, and its query. Relative ones count from the URL (RFC 9110, 10.2.2).

    Long values of the query, and those that open doors, are told by their hash.
    """
    try:
        parts = urlsplit(urljoin(question.url, value.strip()))
        host = bracketed(parts.hostname or "")
        port = parts.port
    except ValueError:
        return value, ""
    default = {"http": 80, "https": 443}.get(parts.scheme)
    authority = host if port in (None, default) else f"{host}:{port}"
    query = "&".join(_parameter(pair) for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme.lower(), authority, parts.path or "/", "", parts.fragment)), query


def _parameter(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if len(value) > _LONGEST_PARAMETER:
        return f"{name}=(SHA-256 {digest(value)})"
    return f"{name}{equals}{hidden(name, value)}"
