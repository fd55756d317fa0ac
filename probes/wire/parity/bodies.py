"""Bodies as they are compared: what they say, and how they look with all that rotates masked. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ....cluster.text import clean
from ..http.facts import SAMPLE_LIMIT, HttpFacts, is_secret

_DEEPEST = 40
_SHOWN = 160
_MOST_MEMBERS = 60
# identifiers, times, numbers and tokens: what one application writes differently at each request
_ROTATING = re.compile(
    r"""nonce=(?:"[^"]*"|'[^']*')"""
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|\b(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}={0,2}"
    r"|\b[0-9a-fA-F]{8,}\b"
    r"|[0-9]+(?:[.,:][0-9]+)*"
)


def body_fields(facts: HttpFacts) -> dict[str, str]:
    """``body`` (what it says) and ``body shape`` (the same, masked); nothing where neither can be known.

    For JSON also ``body .a.b`` for what stands at that place. It is compared as data: the order of its
    members says nothing (RFC 8259, 1).
    """
    content_encoding = (facts.header("content-encoding") or "").strip().lower()
    decoded = bool(facts.decoded_sha256)
    if content_encoding not in ("", "identity") and not decoded:
        return {}
    size = facts.decoded_bytes if decoded else facts.body_bytes
    if not size:
        return {"body": "empty", "body shape": "empty"}
    sha256 = facts.decoded_sha256 if decoded else facts.body_sha256
    said = f"{size} bytes, SHA-256 {clean(sha256, 64)[:16]}"
    sample = facts.body_sample
    kind = (facts.header("content-type") or "").partition(";")[0].strip().lower()
    if _is_json(kind, sample) and _is_whole(facts, size):
        try:
            value = json.loads(sample)
            canonical = json.dumps(value, sort_keys=True, ensure_ascii=True)
            return {
                "body": f"JSON, SHA-256 {digest(canonical)}",
                "body shape": f"JSON {_told(shape(value))}",
                **dict(islice(_members(value), _MOST_MEMBERS)),
            }
        except (ValueError, RecursionError):
            pass
    if "�" in sample or "\0" in sample:
        return {"body": said, "body shape": "binary"}
    masked = " ".join(_ROTATING.sub("#", sample).split())
    return {"body": said, "body shape": f"text {_told(masked)}"}


def _members(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Each text, number or truth value by its place: some rotate, and the others can still be compared.

    What stands in lists is left out: they grow and shrink, and then nothing is where it was.
    """
    if isinstance(value, dict) and depth < _DEEPEST:
        for name in sorted(value):
            yield from _members(value[name], f"{path}.{clean(name, 40)}", depth + 1)
    elif path and isinstance(value, str | int | float | bool):
        yield f"body {path}", hidden(path, _told(json.dumps(value)))


def shape(value: Any, depth: int = 0) -> str:
    """The names and types of a JSON value, its values left out: ``{id: number, tags: [text]}``."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        inside = ", ".join(f"{name}: {shape(value[name], depth + 1)}" for name in sorted(value))
        return f"{{{inside}}}"
    if isinstance(value, list):
        kinds = sorted({shape(one, depth + 1) for one in value})
        return f"[{' or '.join(kinds)}]"
    if isinstance(value, bool):
        return "true or false"
    if value is None:
        return "null"
    return "number" if isinstance(value, int | float) else "text"


def _is_json(kind: str, sample: str) -> bool:
    return kind.endswith(("/json", "+json")) or (not kind and sample[:1] in "{[")


def _is_whole(facts: HttpFacts, size: int) -> bool:
    return facts.body_complete and size <= SAMPLE_LIMIT


def _told(text: str) -> str:
    # the hash makes it exact where the text is cut
    return clean(text, _SHOWN) if len(text) <= _SHOWN else f"{clean(text, _SHOWN)} ({digest(text)})"


def hidden(name: str, value: str) -> str:
    """The value, or its hash in its place where the name says that it opens doors."""
    return f"(hidden, SHA-256 {digest(value)})" if is_secret(name) else value


def digest(text: str) -> str:
    """The first half of a SHA-256: enough to tell two texts apart."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
