"""Other ways in which clients ask the same path, each with why it is asked. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ....cluster.errors import UserError
from .question import COALESCED, STREAM, Question

# a request that upgrades: a nonce as RFC 6455, 4.1 wants it, always the same so that answers can be compared
_WEBSOCKET = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "cG9pbnRzbWFuLXByb2JlIQ=="),
)
_GRPC = (("Content-Type", "application/grpc"), ("TE", "trailers"))
# one empty message, not packed
_EMPTY_MESSAGE = "0000000000"
# just over the 1 MiB that ingress-nginx takes by default
LARGE_BODY = 1024 * 1024 + 1
ORIGIN = "https://pointsman.example"


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to ask. ``opt_in``: only when named. ``over``: the scheme it makes sense for, empty is any.

    ``once``: for one path of a host is enough, because paths do not change it.
    """

    id: str
    label: str
    why: str
    change: Callable[[Question], Question]
    opt_in: bool = False
    over: str = ""
    once: bool = False


def _trailing_dot(question: Question) -> Question:
    name, colon, port = question.authority.partition(":")
    return replace(question, host=f"{name}.{colon}{port}")


def _headers(*headers: tuple[str, str]) -> Callable[[Question], Question]:
    return lambda question: replace(question, headers=(*question.headers, *headers))


def _preflight(question: Question) -> Question:
    asked = (("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT"))
    return replace(question, method="OPTIONS", headers=(*question.headers, *asked))


def _grpc_call(question: Question) -> Question:
    headers = (*question.headers, *_GRPC)
    return replace(question, method="POST", protocol="h2", headers=headers, payload=_EMPTY_MESSAGE)


VARIANTS: tuple[Variant, ...] = (
    Variant("head", "HEAD", "caches and monitors ask for the head alone",
            lambda q: replace(q, method="HEAD")),
    Variant("options", "OPTIONS", "browsers and clients ask which methods there are",
            lambda q: replace(q, method="OPTIONS")),
    Variant("http10", "HTTP/1.0", "old health checks speak it, and Envoy answers 426",
            lambda q: replace(q, protocol="http/1.0"), once=True),
    Variant("host-dot", "trailing dot in Host", "some clients send the name with its final dot",
            _trailing_dot, once=True),
    Variant("underscore", "underscore header", "nginx drops such headers, Envoy may refuse them",
            _headers(("X_Pointsman_Probe", "1")), once=True),
    Variant("gzip", "Accept-Encoding: gzip", "browsers take packed answers",
            _headers(("Accept-Encoding", "gzip"))),
    Variant("br", "Accept-Encoding: br", "browsers take packed answers",
            _headers(("Accept-Encoding", "br")), once=True),
    Variant("origin", "Origin", "browsers ask so for pages of another origin",
            _headers(("Origin", ORIGIN))),
    Variant("preflight", "CORS preflight", "browsers ask before they send", _preflight),
    Variant("no-sni", "no SNI", "old clients and checks by address send no name",
            lambda q: replace(q, sni=""), over="https", once=True),
    Variant("alpn", "HTTP/2 offered", "browsers offer HTTP/2, and gRPC needs it",
            lambda q: replace(q, protocol="auto"), over="https", once=True),
    Variant("body", "large body", "ingress-nginx answers 413 beyond 1 MiB",
            lambda q: replace(q, method="POST", body_size=LARGE_BODY), opt_in=True, once=True),
    Variant("websocket", "WebSocket", "live connections begin with an upgrade",
            _headers(*_WEBSOCKET), opt_in=True),
    Variant("grpc", "gRPC", "a call with an empty message", _grpc_call, opt_in=True),
    Variant("events", STREAM, "streams break where a proxy buffers or has a total timeout",
            _headers(("Accept", "text/event-stream"), ("Accept-Encoding", "gzip")), opt_in=True),
)  # fmt: skip
_BY_ID = {variant.id: variant for variant in VARIANTS}


def chosen(text: str, *, unsafe: bool) -> tuple[Variant, ...]:
    """The variants of ``all``, ``none``, or ids with commas. ``all`` leaves out those that must be named.

    Raises UserError for an id that is not known, and for one that changes something without ``unsafe``.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    found: dict[str, Variant] = {}
    for word in words:
        if word == "none":
            continue
        if word == "all":
            found.update({variant.id: variant for variant in VARIANTS if not variant.opt_in})
        elif word in _BY_ID:
            found[word] = _BY_ID[word]
        else:
            known = ", ".join(("all", "none", *_BY_ID))
            raise UserError(f"--variants {word[:40]!r}: no such variant", f"known: {known}")
    for variant in found.values():
        sample = variant.change(Question("https://a.test/"))
        if not sample.is_safe and not unsafe:
            raise UserError(
                f"--variants {variant.id} sends a {sample.method}",
                "add --unsafe where the application may get it",
            )
    return tuple(found.values())


def over_each_other(questions: Iterable[Question]) -> Iterator[Question]:
    """One request for each https host over a connection that was opened for another one (RFC 9113, 9.1.1).

    Browsers do so where both are served one certificate; where they are not, it is not judged.
    """
    first: dict[str, Question] = {}
    for question in questions:
        parts = urlsplit(question.url)
        usual = question.known and not question.variant and not question.host
        if usual and parts.scheme == "https" and parts.hostname:
            first.setdefault(parts.hostname, question)
    hosts = list(first)
    if len(hosts) > 1:
        for host, other in zip(hosts, [*hosts[1:], hosts[0]], strict=True):
            why = f"browsers may ask it over the connection of {other}"
            yield replace(first[host], sni=other, protocol="auto", variant=COALESCED, why=why)


def with_variants(questions: Iterable[Question], variants: Iterable[Variant]) -> Iterator[Question]:
    """The questions, and each of the paths that somebody asks in the given variants too."""
    ways = tuple(variants)
    done: set[tuple[str, str]] = set()
    for question in questions:
        yield question
        if question.variant or not question.known or question.method != "GET" or question.place == "child":
            continue
        parts = urlsplit(question.url)
        for variant in ways:
            host = (variant.id, f"{parts.scheme}://{parts.netloc}")
            if (variant.over and parts.scheme != variant.over) or (variant.once and host in done):
                continue
            done.add(host)
            yield replace(variant.change(question), variant=variant.label, why=variant.why)
