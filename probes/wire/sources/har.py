"""HTTP archives (HAR 1.2), as browsers save them. Headers, cookies and bodies are not even decoded."""

from __future__ import annotations

import msgspec

from ....cluster.errors import UserError
from ....cluster.text import clean
from .opened import Opened
from .tally import Tally, place_of

_MOST_BYTES = 256_000_000


class _Request(msgspec.Struct):
    method: str
    url: str


class _Entry(msgspec.Struct):
    request: _Request


class _Log(msgspec.Struct):
    entries: list[_Entry]


class _Archive(msgspec.Struct):
    log: _Log


_DECODER = msgspec.json.Decoder(_Archive)


def read_har(source: Opened) -> tuple[Tally, int, int, list[str]]:
    """The tally, the entries read, those left out, and notes. Raises UserError where it is no archive."""
    try:
        archive = _DECODER.decode(source.whole(_MOST_BYTES).removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # msgspec names the field ($.log.entries[3].request) and never the value
        raise UserError(
            f"{source.name}: not an HTTP archive: {clean(error, 160)}", "save the network log as HAR"
        ) from None
    tally, unsafe, foreign = Tally(source.name), 0, 0
    for number, entry in enumerate(archive.log.entries, start=1):
        if entry.request.method.upper() != "GET":
            unsafe += 1
            continue
        place = place_of(entry.request.url)
        if place is None:
            foreign += 1
            continue
        tally.add("GET", place, origin=f"{source.name} entry {number}")
    notes = []
    if unsafe:
        notes.append(f"{unsafe} entries with other methods than GET left out")
    if foreign:
        notes.append(f"{foreign} entries that are not http or https left out")
    return tally, len(archive.log.entries), unsafe + foreign, notes
