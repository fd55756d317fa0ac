"""HTTP/2, agreed by ALPN or by prior knowledge: one stream at a time, trailers kept, floods ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import DenialOfServiceError, FrameTooLargeError, H2Error
from h2.settings import SettingCodes, Settings
from hpack.exceptions import HPACKError, OversizedHeaderListError
from hyperframe.exceptions import HyperframeError

from .answer import HEADER_BYTES, Answer
from .errors import ClosedError, ExchangeError, at_most
from .facts import BODY_LIMIT
from .outgoing import Headers, Outgoing
from .wire import Wire

_MOST_FRAMES = 300
# a frame can be nine bytes: floods are noticed before many of them are read
_AT_ONCE = 8192
_DEFAULT_WINDOW = 65535
# RFC 9113, 8.2.2: these are of one connection, and HTTP/2 has no word for them
_OF_THE_CONNECTION = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"host"}
)


class Http2:
    """One HTTP/2 connection; ``exchange`` may be called again while ``reusable``."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.reusable = False
        self._greeted = self._heard = False
        self._connection = H2Connection(
            H2Configuration(header_encoding=None, validate_outbound_headers=False)
        )
        settings = {
            SettingCodes.ENABLE_PUSH: 0,
            # one byte more than is wanted tells that there is more, and then the other side has to stop
            SettingCodes.INITIAL_WINDOW_SIZE: BODY_LIMIT + 1,
            SettingCodes.MAX_HEADER_LIST_SIZE: HEADER_BYTES,
            SettingCodes.MAX_CONCURRENT_STREAMS: 1,
        }
        self._connection.local_settings = Settings(client=True, initial_values=settings)
        self._connection.decoder.max_header_list_size = HEADER_BYTES

    async def exchange(self, outgoing: Outgoing, answer: Answer) -> bytes:
        """Asks, and fills ``answer``. Raises ExchangeError, OSError or ssl.SSLError."""
        self.reusable = False
        try:
            await self._exchange(_Stream(outgoing, answer))
        except OversizedHeaderListError:
            raise _too_many_headers() from None
        except DenialOfServiceError as error:
            raise ExchangeError("protocol", str(error), "headers") from None
        except (H2Error, HPACKError, HyperframeError) as error:
            raise ExchangeError("protocol", _words(error)) from None
        return b""

    async def _exchange(self, stream: _Stream) -> None:
        connection, answer = self._connection, stream.answer
        answer.clock.stage = "sending the request"
        if not self._greeted:
            self._greeted = True
            connection.initiate_connection()
            connection.increment_flow_control_window(BODY_LIMIT + 1)
        stream.id = connection.get_next_available_stream_id()
        headers = _request_headers(stream.outgoing)
        connection.send_headers(stream.id, headers, end_stream=not stream.body)
        stream.send_more(connection)
        await self._flush()
        answer.clock.stage = "the first byte"
        while not stream.done():
            data = await self.wire.receive()
            if not data:
                words = "the connection was closed " + ("within" if answer.status else "without")
                raise ClosedError(f"{words} an answer", answered=answer.status is not None)
            if not self._heard:
                _check_greeting(data)
                self._heard = True
            for start in range(0, len(data), _AT_ONCE):
                self._take(data[start : start + _AT_ONCE], stream)
                if not stream.done():
                    # what else is owed to the other side goes out with the next request, if there is one
                    stream.send_more(connection)
                    await self._flush()
        if stream.ended and not stream.goaway:
            if stream.taken:
                connection.increment_flow_control_window(stream.taken)
            self.reusable = True

    def _take(self, data: bytes, stream: _Stream) -> None:
        for event in self._connection.receive_data(data):
            if not stream.done():
                stream.handle(event)

    def still_good(self) -> bool:
        """Whether an idle connection can be asked again: it was not ended, though PINGs may have come."""
        data = self.wire.left_over()
        if data is None:
            return False
        try:
            found = self._connection.receive_data(data) if data else []
        except (H2Error, HPACKError, HyperframeError):
            return False
        return not any(isinstance(event, events.ConnectionTerminated) for event in found)

    async def _flush(self) -> None:
        data = self._connection.data_to_send()
        if data:
            await self.wire.send(data)


class _Stream:
    """One request and its answer as the frames bring it."""

    def __init__(self, outgoing: Outgoing, answer: Answer) -> None:
        self.outgoing = outgoing
        self.answer = answer
        self.body = outgoing.body
        self.id = 0
        self.ended = False
        self.enough = False
        self.goaway = False
        self.taken = 0
        self._frames = 0

    def done(self) -> bool:
        """Nothing more is to come, or wanted."""
        return self.ended or self.enough

    def send_more(self, connection: H2Connection) -> None:
        """Sends as much of the body as the other side takes now."""
        while self.body and not self.done():
            room = min(connection.local_flow_control_window(self.id), connection.max_outbound_frame_size)
            if room <= 0:
                return
            piece, self.body = self.body[:room], self.body[room:]
            connection.send_data(self.id, piece, end_stream=not self.body)

    def handle(self, event: events.Event) -> None:
        """Takes one event; what is not of the answer itself is counted, because nobody needs hundreds."""
        kind = _HANDLERS.get(type(event))
        if kind is None:
            self._idle_frame()
        else:
            kind(self, event)

    def _idle_frame(self) -> None:
        self._frames += 1
        at_most(self._frames, _MOST_FRAMES, "HTTP/2 frames without an answer", "frames")

    def _window(self, _event: events.WindowUpdated) -> None:
        if not self.body:
            self._idle_frame()

    def _response(self, event: events.ResponseReceived) -> None:
        headers = event.headers or []
        status = next((value for name, value in headers if name == b":status"), b"")
        if not (len(status) == 3 and status.isdigit()):
            raise ExchangeError("protocol", f"the status is {status!r}")
        rest = [(bytes(name), bytes(value)) for name, value in headers if not name.startswith(b":")]
        self.answer.begin(int(status), "HTTP/2", rest)

    def _interim(self, event: events.InformationalResponseReceived) -> None:
        status = next((value for name, value in event.headers or [] if name == b":status"), b"100")
        self.answer.hint(int(status) if status.isdigit() else 100)

    def _data(self, event: events.DataReceived) -> None:
        self.taken += event.flow_controlled_length or 0
        if not event.data:
            self._idle_frame()
        elif not self.answer.add(bytes(event.data)):
            self.enough = True

    def _trailers(self, event: events.TrailersReceived) -> None:
        self.answer.end((bytes(name), bytes(value)) for name, value in event.headers or [])

    def _end(self, _event: events.StreamEnded) -> None:
        self.ended = True

    def _reset(self, event: events.StreamReset) -> None:
        self.body = b""
        if event.stream_id == self.id:
            raise ClosedError(
                f"the stream was reset: {_code(event.error_code)}", self.answer.status is not None
            )

    def _goaway(self, event: events.ConnectionTerminated) -> None:
        self.goaway = True
        unheard = event.last_stream_id is not None and event.last_stream_id < self.id
        if event.error_code != ErrorCodes.NO_ERROR or unheard:
            words = f"the connection was ended (GOAWAY): {_code(event.error_code)}"
            raise ClosedError(words, self.answer.status is not None)


_HANDLERS: dict[type[events.Event], Callable[[_Stream, Any], None]] = {
    events.WindowUpdated: _Stream._window,
    events.ResponseReceived: _Stream._response,
    events.InformationalResponseReceived: _Stream._interim,
    events.DataReceived: _Stream._data,
    events.TrailersReceived: _Stream._trailers,
    events.StreamEnded: _Stream._end,
    events.StreamReset: _Stream._reset,
    events.ConnectionTerminated: _Stream._goaway,
}


def _request_headers(outgoing: Outgoing) -> Headers:
    pseudo: Headers = [
        (b":method", outgoing.method.encode("ascii")),
        (b":scheme", b"https" if outgoing.secure else b"http"),
        (b":authority", outgoing.host),
        (b":path", outgoing.target),
    ]
    rest = [(name.lower(), value) for name, value in outgoing.headers]
    return [*pseudo, *(header for header in rest if header[0] not in _OF_THE_CONNECTION)]


def _check_greeting(data: bytes) -> None:
    # RFC 9113, 3.4: SETTINGS come first. h2 would wait for as many bytes as something else seems to announce
    if data.startswith(b"HTTP/1"):
        raise ExchangeError("protocol", "the answer is HTTP/1.1, not HTTP/2")
    if len(data) >= 4 and (data[0] or data[3] != 4):
        raise ExchangeError("protocol", "not HTTP/2: it does not begin with SETTINGS")


def _too_many_headers() -> ExchangeError:
    return ExchangeError("protocol", f"more than {HEADER_BYTES // 1024} KiB of headers", "headers")


def _words(error: Exception) -> str:
    if isinstance(error, FrameTooLargeError):
        return "an HTTP/2 frame is larger than agreed, or this is not HTTP/2"
    return f"not HTTP/2 as it should be: {error or type(error).__name__}"


def _code(code: ErrorCodes | int | None) -> str:
    return code.name if isinstance(code, ErrorCodes) else f"error {code}"
