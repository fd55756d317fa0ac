"""A list that a person wrote: a URL or a path a line, ``#`` begins a comment."""

from __future__ import annotations

import re

from ....cluster.errors import UserError
from ....cluster.text import clean
from .opened import Opened
from .tally import SAFE_METHODS, Place, Tally, place_of

_COMMENT = re.compile(r"(^|\s)#.*$")
_METHOD = re.compile(r"[A-Z]{3,20}", re.ASCII)


def read_list(source: Opened) -> tuple[Tally, int]:
    """The tally and the number of lines that name a request.

    Raises UserError with the line's number for a line that is none: somebody meant something by it.
    """
    tally, entries = Tally(source.name), 0
    for number, raw in source.lines():
        if raw is None:
            raise UserError(f"{source.name}:{number}: longer than a URL can be", "is it a list of URLs?")
        text = _COMMENT.sub("", raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace")).strip()
        if not text:
            continue
        method, place = _request(text, f"{source.name}:{number}")
        entries += 1
        tally.add(method, place, number)
    return tally, entries


def _request(text: str, where: str) -> tuple[str, Place]:
    first, _, rest = text.partition(" ")
    method, url = (first, rest.strip()) if rest and _METHOD.fullmatch(first) else ("GET", text)
    if method not in SAFE_METHODS:
        raise UserError(f"{where}: {method} is not asked", "only GET and HEAD change nothing")
    place = None if re.search(r"\s", url) else place_of(url)
    if place is None:
        raise UserError(
            f"{where}: expected a URL or a path, got {clean(text, 80)!r}",
            "write https://shop.test/path or /path, one a line",
        )
    return method, place
