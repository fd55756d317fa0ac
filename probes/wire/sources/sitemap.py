"""Sitemaps (https://www.sitemaps.org/protocol.html): streamed, bounded, and no entity is ever expanded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

from ....cluster.errors import UserError
from ....cluster.text import clean
from .opened import Opened, opened
from .tally import LONGEST_TARGET, Tally, place_of

# the protocol's own bounds are 50,000 URLs and 50 MB
_MOST_BYTES = 64_000_000
_MOST_URLS = 50_000
_MOST_FILES = 1_000
_DEEPEST = 32


def read_sitemap(source: Opened) -> tuple[Tally, int, int, list[str]]:
    """The tally, the URLs read, those left out, and notes; an index is followed to files beside it.

    Raises UserError with file and line where one of the files is no sitemap.
    """
    tally, notes = Tally(source.name), list[str]()
    top = _parse(source)
    documents, missing = [(source.name, top)], list[str]()
    if top.is_index:
        for number, (location, line) in enumerate(top.locations):
            if number >= _MOST_FILES:
                notes.append(f"only the first {_MOST_FILES} sitemaps of the index are read")
                break
            file = _beside(source.path, location)
            if file is None:
                missing.append(f"{source.name}:{line}: {clean(location, 120)}")
                continue
            with opened(file) as part:
                documents.append((part.name, _parse(part)))
    if missing:
        first = f"{missing[0]} is not beside the index"
        notes.append(f"{len(missing)} sitemaps are not here, and nothing is fetched: {first}")
    entries, left_out = _count(documents, tally, notes)
    return tally, entries, left_out, notes


def _count(documents: list[tuple[str, _Sitemap]], tally: Tally, notes: list[str]) -> tuple[int, int]:
    entries = left_out = 0
    for name, sitemap in documents:
        if sitemap.is_index:
            if name != documents[0][0]:
                notes.append(f"{name}: an index inside an index is not followed")
            continue
        for location, line in sitemap.locations:
            entries += 1
            place = place_of(location)
            if place is None:
                left_out += 1
                if left_out == 1:
                    notes.append(f"{name}:{line}: not a URL: {clean(location, 80)}")
                continue
            tally.add("GET", place, line, f"{name}:{line}")
    return entries, left_out


def _beside(index: Path | None, location: str) -> Path | None:
    """The file of the same name in the index's folder, as it is or packed."""
    if index is None:
        return None
    try:
        name = unquote(urlsplit(location).path.rpartition("/")[2])
    except ValueError:
        return None
    if not name or name in (".", "..") or "/" in name or "\0" in name or len(name) > 200:
        return None
    for candidate in (index.parent / name, index.parent / f"{name}.gz"):
        if candidate.is_file() and candidate != index:
            return candidate
    return None


@dataclass(slots=True)
class _Sitemap:
    is_index: bool = False
    locations: list[tuple[str, int]] = field(default_factory=list)


class _RefusedError(Exception):
    pass


class _Reader:
    """Follows one document's elements; only ``loc`` right under ``url`` or ``sitemap`` counts."""

    def __init__(self) -> None:
        self.found = _Sitemap()
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._open: list[str] = []
        self._held: list[str] | None = None
        self._size = self._line = 0

    def _doctype(self, *_: object) -> None:
        raise _RefusedError("a DOCTYPE has no place in a sitemap, and its entities are never expanded")

    def _start(self, name: str, _attributes: object) -> None:
        local = name.rpartition(" ")[2]
        self._open.append(local)
        if len(self._open) > _DEEPEST:
            raise _RefusedError(f"nested more than {_DEEPEST} deep")
        if len(self._open) == 1:
            if local not in ("urlset", "sitemapindex"):
                raise _RefusedError(f"<{clean(local, 40)}> is no sitemap")
            self.found.is_index = local == "sitemapindex"
        if self._open[1:] in (["url", "loc"], ["sitemap", "loc"]):
            self._held, self._size, self._line = [], 0, self.parser.CurrentLineNumber

    def _text(self, text: str) -> None:
        if self._held is None:
            return
        self._size += len(text)
        if self._size > LONGEST_TARGET:
            raise _RefusedError("a URL longer than one can be")
        self._held.append(text)

    def _end(self, _name: str) -> None:
        self._open.pop()
        if self._held is None:
            return
        location, self._held = "".join(self._held).strip(), None
        if len(self.found.locations) >= _MOST_URLS:
            raise _RefusedError(f"more than {_MOST_URLS} URLs, which no sitemap may hold")
        self.found.locations.append((location, self._line))


def _parse(source: Opened) -> _Sitemap:
    reader = _Reader()
    try:
        for chunk in _bounded(source):
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        where = f"{source.name}:{error.lineno}"
        raise UserError(f"{where}: not XML: {expat.ErrorString(error.code)}", "mend that line") from None
    except _RefusedError as error:
        where = f"{source.name}:{reader.parser.CurrentLineNumber}"
        raise UserError(f"{where}: {error}", "give a sitemap as sitemaps.org describes it") from None
    except (ValueError, LookupError):
        # an encoding that expat knows by name but Python does not
        raise UserError(f"{source.name}:1: its encoding is not known", "save it as UTF-8") from None
    return reader.found


def _bounded(source: Opened) -> Iterator[bytes]:
    size = 0
    for chunk in source.chunks():
        size += len(chunk)
        if size > _MOST_BYTES:
            raise _RefusedError(f"larger than {_MOST_BYTES // 1_000_000} MB, which no sitemap may be")
        yield chunk
