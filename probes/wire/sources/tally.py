"""Counting requests in bounded memory, however long the log is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from .asked import Asked

SAFE_METHODS = frozenset({"GET", "HEAD"})
LONGEST_TARGET = 8 * 1024
_MOST_KINDS = 100_000
_MOST_BYTES = 32 * 1024 * 1024
_PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?\.?", re.ASCII)
_ADDRESS = re.compile(r"\[[0-9a-f:.]{2,45}\]", re.ASCII)


class Place(NamedTuple):
    """Where a request goes, as far as its source says."""

    target: str
    host: str = ""
    scheme: str = ""
    port: int = 0


# a log names the same few again and again
@lru_cache(maxsize=512)
def place_of(text: str, host: str = "") -> Place | None:
    """The place that a URL or a path names; None where it is neither. A user in the URL is dropped.

    ``host`` (with or without port) is taken where the text is only a path.
    """
    if text.startswith("/"):
        target = _target(text.partition("#")[0])
        return Place(target, host_of(host)) if target else None
    if not text[:8].lower().startswith(("http://", "https://")):
        return None
    try:
        parts = urlsplit(text)
        name, port = parts.hostname or "", parts.port or 0
    except ValueError:
        return None
    known = host_of(f"[{name}]" if ":" in name else name)
    target = _target((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return Place(target, known, parts.scheme.lower(), port) if known and target else None


def host_of(text: str) -> str:
    """The host in ``text`` without its port, in lower case; empty where it is none."""
    lowered = text.strip().lower()
    if not lowered.isascii():
        try:
            lowered = lowered.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    if lowered.startswith("["):
        literal = lowered.partition("]")[0] + "]"
        return literal if _ADDRESS.fullmatch(literal) else ""
    name = lowered.partition(":")[0]
    return name if len(name) <= 253 and _HOST.fullmatch(name) else ""


def _target(text: str) -> str:
    """As it goes into a request line; empty where it is too long for one."""
    if not text.startswith("/") or len(text) > LONGEST_TARGET:
        return ""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return quote(text, safe=_PRINTABLE, errors="replace")


_Key = tuple[str, Place]


@dataclass(slots=True)
class Tally:
    """How often each request was seen. ``pruned`` is 0, or the most that a count can be too low because rare
    requests were forgotten to stay within bounds (so whatever was asked more often than that is here).
    """

    name: str
    pruned: int = 0
    _seen: dict[_Key, list[int]] = field(default_factory=dict)
    _origins: dict[_Key, str] = field(default_factory=dict)
    _bytes: int = 0

    def add(self, method: str, place: Place, line: int = 0, origin: str = "") -> None:
        """Counts one. ``line`` is where it stands, else ``origin`` says so in words."""
        key = (method, place)
        counted = self._seen.get(key)
        if counted is not None:
            counted[0] += 1
            return
        self._seen[key] = [1, line]
        if origin:
            self._origins[key] = origin
        self._bytes += len(place.target) + len(place.host) + len(origin)
        if len(self._seen) > _MOST_KINDS or self._bytes > _MOST_BYTES:
            self._prune()

    def _prune(self) -> None:
        """Forgets the rarer half: what is asked often comes again soon and outlives the next time."""
        kept = sorted(self._seen.items(), key=lambda entry: (-entry[1][0], entry[1][1]))
        half = len(kept) // 2
        self.pruned += kept[half][1][0]
        self._seen = dict(kept[:half])
        self._origins = {key: origin for key, origin in self._origins.items() if key in self._seen}
        self._bytes = sum(len(place.target) + len(place.host) for _, place in self._seen)

    def requests(self, top: int | None, *, by_count: bool) -> tuple[Asked, ...]:
        """Those seen, the most frequent first with ``by_count``; ``top`` keeps that many."""
        entries: Iterable[tuple[_Key, list[int]]] = self._seen.items()
        if by_count or top is not None:
            # stable: among equals the first seen stays first
            entries = sorted(entries, key=lambda entry: -entry[1][0])
        chosen = list(entries)[: top if top is not None else None]
        return tuple(
            Asked(
                method=method,
                target=place.target,
                host=place.host,
                count=count,
                origin=self._origins.get((method, place)) or f"{self.name}:{line}",
                scheme=place.scheme,
                port=place.port,
            )
            for (method, place), (count, line) in chosen
        )

    def __len__(self) -> int:
        return len(self._seen)
