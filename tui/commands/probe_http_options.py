"""What ``pointsman probe http`` was asked for, as requests; everything wrong with it is told in one line."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...cluster.errors import UserError
from ...cluster.routing.bounded_regex import readable
from ...cluster.text import clean
from ...probes.verdict import Endpoint, Result, Verdict, finding
from ...probes.wire.address import is_address, split_endpoint
from ...probes.wire.http.asking import HttpAsk, Kind
from ...probes.wire.http.facts import (
    SAFE_METHODS,
    HeaderMatch,
    HttpExpectation,
    HttpRequest,
    Protocol,
)
from ...probes.wire.http.websocket import websocket_url

if TYPE_CHECKING:
    from ...checklists.plans.model import Plan

_MATCHED_BYTES = 256 * 1024
_LOOKUP_S = 5.0
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
Place = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Options:
    """The options as they were typed."""

    urls: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    plan_file: str | None = None
    method: str | None = None
    unsafe: bool = False
    headers: tuple[str, ...] = ()
    protocol: Protocol | None = None
    expect: str | None = None
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    follow: int | None = None
    location: str | None = None
    protected: bool = False
    plain: bool = False
    service: str | None = None
    websocket: bool = False
    events: bool = False
    ca_file: str | None = None
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is asked; ``unknown`` are the results of what could not even be tried."""

    asks: tuple[HttpAsk, ...]
    notes: tuple[str, ...] = ()
    unknown: tuple[Result, ...] = ()


def asks_of(options: Options) -> Chosen:
    """The requests. Raises UserError for what cannot be meant, naming the option."""
    if options.service is not None and "://" in options.service:
        # `--grpc URL`: the URL is no service
        options = replace(options, urls=(options.service, *options.urls), service="")
    kind = _kind(options)
    expectation = _expectation(options, kind)
    if options.ca_file is not None and not Path(options.ca_file).is_file():
        raise UserError(f"--cacert {clean(options.ca_file, 200)}: no such file", "name a PEM file of roots")
    if options.plan_file is not None:
        return _of_plan(options, kind, expectation)
    if not options.urls:
        raise UserError("there is nothing to ask", "give a URL, or --plan FILE")
    places = tuple(place for text in options.resolved for place in _places(text))
    for address in options.addresses:
        _checked_address(address, "--address")
    sample = _request(options, kind, "http://x/", "")
    asks: list[HttpAsk] = []
    notes: list[str] = []
    unknown: list[Result] = []
    for given in options.urls:
        url = _url(given, kind)
        found, told = _addresses(url, options, places)
        notes += told
        if not found:
            unknown.append(_unresolved(url))
        others = tuple(place for place in places if place[0] != (urlsplit(url).hostname or ""))
        for address in found:
            request = replace(sample, url=url, address=address, resolve=others)
            asks.append(HttpAsk(request, kind, _for_url(expectation, url, options), options.service or ""))
    return Chosen(tuple(asks), tuple(dict.fromkeys(notes)), tuple(unknown))


def _kind(options: Options) -> Kind:
    chosen: list[Kind] = []
    if options.service is not None:
        chosen.append("grpc")
    if options.websocket:
        chosen.append("websocket")
    if options.events:
        chosen.append("events")
    if len(chosen) > 1:
        raise UserError(f"--{chosen[0]} and --{chosen[1]} are different kinds", "ask for one at a time")
    kind = chosen[0] if chosen else "http"
    expecting = (options.expect, options.location, options.follow, options.method, *options.wanted)
    body = (*options.unwanted, *options.texts, *options.patterns, *options.pointers)
    if kind != "http" and (any(expecting) or body or options.protected):
        raise UserError(f"--{kind} knows itself what to expect", "leave the other expectations out")
    if kind == "grpc" and options.protocol not in (None, "h2"):
        raise UserError(f"gRPC speaks HTTP/2, not {options.protocol}", "leave the version out")
    if kind == "websocket" and options.protocol not in (None, "http/1.1"):
        raise UserError("the upgrade to WebSocket is one of HTTP/1.1", "leave the version out")
    return kind


def _request(options: Options, kind: Kind, url: str, address: str) -> HttpRequest:
    method = (options.method or "GET").upper()
    if not _TOKEN.fullmatch(method):
        raise UserError(f"-X {clean(method, 40)!r} is no method")
    if method not in SAFE_METHODS and not options.unsafe:
        raise UserError(f"-X {clean(method, 40)} may change something", "--unsafe sends it all the same")
    matched = bool(options.texts or options.patterns or options.pointers)
    plain: Protocol = "auto"
    request = HttpRequest(
        url,
        address,
        method,
        tuple(_header(text) for text in options.headers),
        options.ca_file,
        options.timeout_s,
        options.protocol or plain,
        unsafe=options.unsafe,
        follow=options.follow or 0,
    )
    return replace(request, sample=_MATCHED_BYTES) if matched else request


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon and text.endswith(";"):
        name, colon, value = text[:-1], ":", ""
    name = name.strip()
    if not colon or not _TOKEN.fullmatch(name):
        # what was typed may be a secret, and is not repeated
        raise UserError("-H: expected 'NAME: VALUE'", "for example -H 'Accept: text/html'")
    if re.search(r"[\x00\r\n]", value):
        raise UserError(f"-H {clean(name, 40)}: the value holds a line break")
    return name, value.strip()


def _expectation(options: Options, kind: Kind) -> HttpExpectation:
    if options.follow and options.location:
        raise UserError("--follow and --location exclude each other", "a pinned redirect is not followed")
    if options.protected and (options.follow or options.location):
        raise UserError("--protected wants a refusal, not a redirect", "leave --follow and --location out")
    for pattern in options.patterns:
        _check_pattern(pattern)
    headers = [_header_match(text) for text in options.wanted]
    for name in options.unwanted:
        if not _TOKEN.fullmatch(name):
            raise UserError(f"--no-header {clean(name, 40)!r} is no header's name")
        headers.append(HeaderMatch(name, absent=True))
    return HttpExpectation(
        statuses=_statuses(options.expect) if options.expect else (),
        headers=tuple(headers),
        body_contains=options.texts,
        body_patterns=options.patterns,
        body_json=tuple(_pointer(text) for text in options.pointers),
        protected=options.protected,
        location=options.location or "",
    )


def _for_url(expectation: HttpExpectation, url: str, options: Options) -> HttpExpectation:
    said = options.expect or options.location or options.follow or options.protected or options.plain
    if url.startswith("http:") and not said:
        return replace(expectation, to_https=True)
    return expectation


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UserError(f"--body-regex {clean(pattern, 60)!r}: {error}") from None
    if readable(pattern, 80) is None:
        raise UserError(
            f"--body-regex {clean(pattern, 60)!r} could take too long, or is read differently elsewhere",
            "make it plainer, or use --body",
        )


def _header_match(text: str) -> HeaderMatch:
    name, _, contains = text.partition(":")
    if not _TOKEN.fullmatch(name.strip()):
        raise UserError(f"--expect-header {clean(text, 60)!r}: expected 'NAME' or 'NAME: TEXT'")
    return HeaderMatch(name.strip(), contains.strip())


def _pointer(text: str) -> tuple[str, str]:
    pointer, equals, wanted = text.partition("=")
    if not equals or (pointer and not pointer.startswith("/")):
        raise UserError(
            f"--body-json {clean(text, 60)!r}: expected POINTER=JSON", "for example /status='\"ok\"'"
        )
    try:
        json.loads(wanted)
    except (ValueError, RecursionError):
        raise UserError(f"--body-json {clean(text, 60)!r}: {clean(wanted, 40)!r} is not JSON",
                        "quote a text twice: /status='\"ok\"'") from None  # fmt: skip
    return pointer, wanted


def _statuses(text: str) -> tuple[tuple[int, int], ...]:
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([1-9]\d\d)(?:-([1-9]\d\d))?\s*", part, re.ASCII)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if low > high:
            raise UserError(f"--expect {clean(text, 60)!r}: expected statuses such as 200,301-399")
        found.append((low, high))
    return tuple(found)


def _places(text: str) -> list[Place]:
    """HOST:PORT:ADDR as curl writes it, with several addresses behind commas."""
    match = re.fullmatch(r"(\[[^\]]+\]|[^:\[\]]+):(\d{1,5}):(.+)", text)
    if match is None or not 0 < int(match[2]) < 65536:
        raise UserError(f"--resolve {clean(text, 80)!r}: expected HOST:PORT:ADDR", "shop.test:443:192.0.2.1")
    found: list[Place] = []
    for address in match[3].split(","):
        _checked_address(address, "--resolve")
        found.append((match[1].strip("[]").lower(), int(match[2]), address.strip("[]")))
    return found


def _checked_address(text: str, option: str) -> None:
    if is_address(text):
        return
    try:
        has_port = is_address(split_endpoint(text, 1)[0])
    except ValueError:
        has_port = False
    mend = "the port is the URL's" if has_port else "give an address, not a name"
    raise UserError(f"{option} {clean(text, 80)!r} is no IP address", mend)


def _url(text: str, kind: Kind) -> str:
    url = websocket_url(text) if kind == "websocket" else text
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise UserError(f"{clean(text, 80)!r} is no URL: {clean(error, 80)}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise UserError(f"{clean(text, 80)!r}: expected https://HOST/PATH or http://HOST/PATH")
    if parts.username is not None or parts.password is not None:
        raise UserError("the URL holds a user name", "send it with -H 'Authorization: ...'")
    if port == 0:
        raise UserError(f"{clean(text, 80)!r}: port 0 cannot be asked")
    if re.search(r"[\x00-\x20\x7f]", url):
        raise UserError(f"{clean(text, 80)!r} holds a blank or a control character", "encode it: %20")
    return parts._replace(fragment="").geturl()


def _addresses(
    url: str, options: Options, places: Iterable[Place]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    given = tuple(address for name, number, address in places if (name, number) == (host, port))
    if given:
        return given, ()
    if options.addresses:
        return tuple(address.strip("[]") for address in options.addresses), ()
    if is_address(host):
        return (host.strip("[]"),), ()
    found = _looked_up(host, port)
    if not found:
        return (), ()
    each = "; each is asked" if len(found) > 1 else ""
    return found, (f"{clean(host, 253)} is at {', '.join(found)} by this system's DNS{each}",)


def _looked_up(host: str, port: int) -> tuple[str, ...]:
    """What the system's resolver says, within five seconds: it cannot be interrupted, so it may be left."""
    found: list[str] = []

    def look() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(entry[4][0]) for entry in entries))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_LOOKUP_S)
    return tuple(found)


def _unresolved(url: str) -> Result:
    host = clean(urlsplit(url).hostname or "", 253)
    told = finding(
        "HTTP018",
        Verdict.UNKNOWN,
        Endpoint(host),
        f"{host}: this system's DNS gives no address",
        mend="say where it is: --resolve HOST:PORT:ADDR or --address ADDR",
    )
    return Result("http", clean(f"GET {url}", 400), (told,))


def _of_plan(options: Options, kind: Kind, expectation: HttpExpectation) -> Chosen:
    from ...checklists.plans.load import load_plan

    if options.urls:
        raise UserError("--plan and URLs exclude each other", "the plan names hosts and paths")
    if options.resolved or options.addresses:
        raise UserError("--plan names the address", "leave --resolve and --address out")
    plan = load_plan(options.plan_file or "")
    asks = [
        HttpAsk(
            request,
            kind,
            replace(expectation, statuses=expectation.statuses or wanted),
            options.service or "",
        )
        for request, wanted in _planned(plan, _request(options, kind, "http://x/", ""))
    ]
    return Chosen(tuple(asks), (f"plan {clean(plan.name, 80)}: {len(asks)} requests to the new side",))


def _planned(plan: Plan, sample: HttpRequest) -> list[tuple[HttpRequest, tuple[int, ...]]]:
    from ...checklists.checks.context import requests_to

    ca_file = sample.ca_file or plan.tls.ca_file or None
    return [
        (replace(sample, url=request.url, address=address, ca_file=ca_file), path.statuses)
        for address in plan.new.addresses
        for path, request in requests_to(plan, address)
    ]
