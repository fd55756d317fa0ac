"""One open watch: whole lines as they come."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..errors import ApiError
from .pools import note_heard, shut_socket
from .wire_errors import wire_errors

if TYPE_CHECKING:
    import urllib3

_CHUNK = 65_536
_LINE_LIMIT = 32 * 1024 * 1024


class Stream:
    """Iterate it once, from one thread; ``break_off`` may be called from any.

    ``heard`` is called for each piece that comes; ``translate`` makes the ApiError of what went wrong.
    """

    def __init__(
        self,
        response: urllib3.BaseHTTPResponse,
        read_timeout_s: float,
        heard: Callable[[], None],
        translate: Callable[[Exception], ApiError],
    ) -> None:
        self._response = response
        self._heard, self._translate = heard, translate
        self._socket: socket.socket | None = getattr(response.connection, "sock", None)
        if self._socket is not None:
            # what was short enough for the first byte is too short for the news of a quiet cluster
            self._socket.settimeout(read_timeout_s)

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        try:
            while True:
                chunk = self._next()
                if not chunk:
                    return
                head, newline, tail = chunk.rpartition(b"\n")
                if not newline:
                    rest += tail
                    if len(rest) > _LINE_LIMIT:
                        raise ApiError(0, "protocol", "the server sent an event larger than 32 MB")
                    continue
                for line in (rest + head).split(b"\n"):
                    if line:
                        yield line
                rest = tail
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the connection. Idempotent."""
        self._response.close()

    def break_off(self) -> None:
        """Wake whoever reads, with an error."""
        shut_socket(self._socket)

    def _next(self) -> bytes:
        try:
            # read1 gives what is there, where read would wait for a whole chunk
            chunk = self._response.read1(_CHUNK, decode_content=True)
        except wire_errors() as error:
            raise self._translate(error) from None
        note_heard(self._response)
        self._heard()
        return chunk
