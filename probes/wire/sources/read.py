"""Reads requests from what people have: a list, an access log, a sitemap, an OpenAPI description, a HAR."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from ....cluster.errors import UserError
from ....cluster.text import clean
from .asked import Asked, Source
from .har import read_har
from .listing import read_list
from .logs import looks_like_log, read_log
from .openapi import read_openapi
from .opened import Opened, opened
from .sitemap import read_sitemap

KINDS = ("auto", "list", "log", "sitemap", "openapi", "har")
_OPENAPI = re.compile(r"^\s*[\"']?(openapi|swagger)[\"']?\s*:", re.MULTILINE)
_JSON_OPENAPI = re.compile(r"[{,]\s*\"(openapi|swagger)\"\s*:")
_JSON_HAR = re.compile(r"\{\s*\"log\"\s*:\s*\{")
_LINES_LOOKED_AT = 50


def read_requests(path: Path, kind: str = "auto", top: int | None = None) -> tuple[Asked, ...]:
    """The requests in a file, ``-`` being standard input; ``top`` keeps that many, the most asked first.

    Raises UserError, with file and line where there is one.
    """
    return read_source(path, kind, top).asked


def read_source(path: Path, kind: str = "auto", top: int | None = None) -> Source:
    """As ``read_requests``, with what was left out and why.

    Raises UserError also where no request is in it.
    """
    if kind not in KINDS:
        raise UserError(f"no kind of source is called {clean(kind, 40)!r}", f"known: {', '.join(KINDS)}")
    if top is not None and top < 1:
        raise UserError(f"the {top} most asked are none", "keep at least 1")
    with opened(Path(path)) as source:
        chosen = kind_of(source) if kind == "auto" else kind
        found = _read(source, chosen, top)
    if not found.asked:
        why = f": {found.notes[0]}" if found.notes else ""
        what = "no GET operation" if chosen == "openapi" else "no request"
        raise UserError(f"{source.name}: {what} in it, read as {_A_KIND[chosen]}{why}", "see --kind")
    return found


_A_KIND = {
    "list": "a list of URLs",
    "log": "an access log",
    "sitemap": "a sitemap",
    "openapi": "an OpenAPI description",
    "har": "an HTTP archive",
}


def _read(source: Opened, kind: str, top: int | None) -> Source:
    if kind == "list":
        tally, entries = read_list(source)
        return Source(kind, tally.requests(top, by_count=False), (), entries)
    reader = {"log": read_log, "sitemap": read_sitemap, "openapi": read_openapi, "har": read_har}[kind]
    tally, entries, left_out, notes = reader(source)
    asked = tally.requests(top, by_count=kind == "log")
    return Source(kind, asked, tuple(notes), entries, left_out)


def kind_of(source: Opened) -> str:
    """What a source is, by its content. Raises UserError where that cannot be told."""
    text = source.head.decode("utf-8", "replace").removeprefix("\ufeff").lstrip()
    if not text:
        raise UserError(f"{source.name}: nothing in it", "is it the right file?")
    if text.startswith("<"):
        return "sitemap"
    lines = [line for line in text.splitlines()[:_LINES_LOOKED_AT] if line.strip()]
    if text.startswith("{"):
        return _json_kind(text, lines)
    if _OPENAPI.search(text):
        return "openapi"
    wanted = [line for line in lines if not line.lstrip().startswith("#")]
    if any(looks_like_log(line) for line in wanted):
        return "log"
    first = wanted[0].strip() if wanted else ""
    if not wanted or re.match(r"(?i:(GET|HEAD) )?(/|https?://)", first):
        return "list"
    raise UserError(
        f"{source.name}: cannot tell what it is from its first line {clean(first, 60)!r}",
        f"say it with --kind: {', '.join(KINDS[1:])}",
    )


def _json_kind(text: str, lines: list[str]) -> str:
    try:
        entry = msgspec.json.decode(lines[0])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        entry = None
    # a whole object in the first line: a log, but for a document that was written in one line
    if isinstance(entry, dict) and not ({"openapi", "swagger"} & entry.keys()):
        return "har" if isinstance(entry.get("log"), dict) else "log"
    if _JSON_HAR.match(text):
        return "har"
    return "openapi" if _JSON_OPENAPI.search(text) or _OPENAPI.search(text) else "har"
