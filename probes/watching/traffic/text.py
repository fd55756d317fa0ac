"""Prometheus text, as a scrape of it comes: the classic format 0.0.4 and what OpenMetrics adds to it.

Why not prometheus_client's parser: it gives up the whole scrape at its first bad line, reads the families
that nobody asked for, and takes 0.45 s of processor for each MB; a controller's scrape has many MB, of which
one family in a hundred matters here, and it must not hold the thread that watches.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

MOST_BYTES = 48 * 1024 * 1024
MOST_SAMPLES = 50_000
_LONGEST_LINE = 16_384

_LINE = re.compile(rb"[^\n]+")
_NAME = re.compile(rb"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)")
_TYPE = re.compile(rb"#[ \t]*TYPE[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]*)")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(,|(?=\}))')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf(?:inity)?|nan)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sample:
    """One series now. Its value may be NaN or infinite."""

    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Exposition:
    """What a scrape held of the wanted names.

    ``declared`` are the wanted families that have a TYPE line, with or without a series; OpenMetrics names
    those of counters without ``_total``. ``present`` are the markers of which a name was there. ``cut`` says
    that the scrape was too large, and that what is here is only its beginning.
    """

    samples: tuple[Sample, ...] = ()
    declared: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()
    bad_lines: int = 0
    cut: bool = False


def parse(body: bytes, names: Collection[str] | None = None, markers: tuple[str, ...] = ()) -> Exposition:
    """The samples of ``names`` (None: of every name); never raises, whatever ``body`` is.

    ``markers`` are beginnings of names whose presence is only noted, in ``present``. A wanted line that
    cannot be read is counted as bad. Exemplars and timestamps are passed over.
    """
    cut = len(body) > MOST_BYTES
    if cut:
        body = body[: body.rfind(b"\n", 0, MOST_BYTES) + 1]
    wanted = None if names is None else {name.encode() for name in names}
    bare = None if wanted is None else {name.removesuffix(b"_total") for name in wanted} | wanted
    beginnings = tuple(marker.encode() for marker in markers)
    samples: list[Sample] = []
    declared: set[str] = set()
    present: set[str] = set()
    bad = 0
    for found in _LINE.finditer(body):
        line = found[0]
        if line[:1] == b"#":
            kind = _TYPE.match(line)
            if kind is not None and (bare is None or kind[1] in bare):
                declared.add(kind[1].decode())
            continue
        name = _NAME.match(line)
        if name is None:
            bad += wanted is None and bool(line.strip())
            continue
        if beginnings and name[1].startswith(beginnings):
            present.update(marker for marker in markers if name[1].startswith(marker.encode()))
        if wanted is not None and name[1] not in wanted:
            continue
        if len(samples) >= MOST_SAMPLES:
            cut = True
            break
        sample = _sample(line, name)
        if sample is None:
            bad += 1
        else:
            samples.append(sample)
    return Exposition(tuple(samples), frozenset(declared), frozenset(present), bad, cut)


def _sample(line: bytes, name: re.Match[bytes]) -> Sample | None:
    if len(line) > _LONGEST_LINE:
        return None
    rest = line[name.end() :].decode("utf-8", "replace").strip()
    labels: dict[str, str] = {}
    if rest.startswith("{"):
        end = _labels(rest, labels)
        if end < 0:
            return None
        rest = rest[end:]
    parts = rest.split("#", 1)[0].split()
    if not 1 <= len(parts) <= 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    return Sample(name[1].decode(), labels, float(parts[0]))


def _labels(rest: str, labels: dict[str, str]) -> int:
    """Fills ``labels`` from ``{...}``; where it ends, or -1 where it cannot be read."""
    at = 1
    while True:
        while at < len(rest) and rest[at] in " \t":
            at += 1
        if rest[at : at + 1] == "}":
            return at + 1
        found = _LABEL.match(rest, at)
        if found is None or found[1] in labels:
            return -1
        labels[found[1]] = _ESCAPED.sub(_unescaped, found[2]) if "\\" in found[2] else found[2]
        at = found.end()


def _unescaped(found: re.Match[str]) -> str:
    # an unknown escape stays as it is, backslash and all, as Prometheus itself reads it
    return {"n": "\n", "\\": "\\", '"': '"'}.get(found[1], found[0])


_STUB = re.compile(
    rb"\s*Active connections:\s*\d{1,20}\s+server accepts handled requests[^\n]*\n"
    rb"\s*\d{1,20}\s+\d{1,20}\s+(\d{1,20})\b"
)


def parse_stub_status(body: bytes) -> Exposition:
    """nginx's stub_status page as one sample, ``nginx_http_requests_total``; nothing of any other page.

    https://nginx.org/en/docs/http/ngx_http_stub_status_module.html
    """
    found = _STUB.match(body[:4096])
    if found is None:
        return Exposition()
    return Exposition((Sample("nginx_http_requests_total", {}, float(found[1])),))
