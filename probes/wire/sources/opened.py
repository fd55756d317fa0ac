"""Opening a source: plain, gzip or standard input, read once and within bounds."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ....cluster.errors import UserError
from ....cluster.text import clean

STANDARD_INPUT = "-"
HEAD_BYTES = 64 * 1024
LONGEST_LINE = 64 * 1024
_CHUNK = 256 * 1024
_GZIP = b"\x1f\x8b"


@dataclass(slots=True)
class Opened:
    """A stream of bytes. ``name`` stands in messages; ``head`` is its beginning, which ``chunks`` repeats."""

    name: str
    path: Path | None
    head: bytes
    _stream: IO[bytes]

    def chunks(self) -> Iterator[bytes]:
        """Everything, once. Raises UserError where it cannot be read to the end."""
        chunk = self.head
        while chunk:
            yield chunk
            chunk = _read(self._stream, _CHUNK, self.name)

    def lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Every line with its number, without its end; None in place of one beyond 64 KiB."""
        number, rest, skipping = 0, b"", False
        for chunk in self.chunks():
            pieces = (rest + chunk).split(b"\n")
            rest = pieces.pop()
            for piece in pieces:
                number += 1
                yield number, None if skipping or len(piece) > LONGEST_LINE else piece
                skipping = False
            if len(rest) > LONGEST_LINE:
                rest, skipping = b"", True
        if rest or skipping:
            yield number + 1, None if skipping else rest

    def whole(self, most: int) -> bytes:
        """All bytes. Raises UserError where there are more than ``most``."""
        held = bytearray()
        for chunk in self.chunks():
            held += chunk
            if len(held) > most:
                raise UserError(
                    f"{self.name}: larger than {most // 1_000_000} MB unpacked", "is it the right file?"
                )
        return bytes(held)


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """The source at ``path``; ``-`` is standard input. Raises UserError where it cannot be read."""
    if str(path) == STANDARD_INPUT:
        yield _begun(sys.stdin.buffer, "standard input", None)
        return
    name = clean(path.name or path, 200)
    try:
        stream = path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name can exist"
        raise UserError(f"{clean(path, 500)}: cannot be read: {reason}", "check the path") from None
    with stream:
        yield _begun(stream, name, path)


def _begun(raw: IO[bytes], name: str, path: Path | None) -> Opened:
    stream = raw if isinstance(raw, io.BufferedReader) else io.BytesIO(_read(raw, -1, name))
    packed = _is_gzip(stream, name)
    unpacked = cast(IO[bytes], gzip.GzipFile(fileobj=stream) if packed else stream)
    head = b""
    # a pipe gives what is there, which may be less than a line
    while len(head) < HEAD_BYTES and (piece := _read(unpacked, HEAD_BYTES - len(head), name)):
        head += piece
    return Opened(name, path, head, unpacked)


def _is_gzip(stream: io.BufferedReader | io.BytesIO, name: str) -> bool:
    if isinstance(stream, io.BytesIO):
        return stream.getvalue()[:2] == _GZIP
    try:
        return stream.peek(2)[:2] == _GZIP
    except OSError as error:
        raise UserError(f"{name}: cannot be read: {error.strerror}", "check the path") from None


def _read(stream: IO[bytes], size: int, name: str) -> bytes:
    try:
        return stream.read(size)
    except (gzip.BadGzipFile, zlib.error, EOFError):
        raise UserError(f"{name}: the gzip data is broken or cut short", "fetch the file again") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or clean(error, 100)
        raise UserError(f"{name}: cannot be read: {reason}", "check the path") from None
