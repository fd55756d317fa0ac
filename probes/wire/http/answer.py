"""An answer while it comes in: kept within bounds, whatever the other side sends."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ....cluster.text import clean
from .errors import at_most
from .facts import BODY_LIMIT, SAMPLE_LIMIT, HttpFacts, HttpTimings

HEADER_BYTES = 256 * 1024
MOST_HEADERS = 1000
MOST_INTERIM = 50
_VALUE_LENGTH = 8192
# gzip's and zlib's own heads are told apart by zlib itself; what sends neither sends raw deflate
_WINDOWS = {"gzip": 47, "x-gzip": 47, "deflate": 47}
_STEP = 65536


class Body:
    """A body's size, hash and first bytes, as sent and as decoded; never more than 1 MiB of either."""

    def __init__(self, encoding: str = "", sample: int = SAMPLE_LIMIT) -> None:
        self._sample_limit = min(sample, BODY_LIMIT)
        self.size = 0
        self.complete = True
        self.sample = bytearray()
        self._digest = hashlib.sha256()
        self._encoding = encoding
        self._decoder = _decoder(encoding)
        self._decoded_digest = hashlib.sha256()
        self.decoded_size = 0
        self.decoded_sample = bytearray()
        self.decode_error = ""

    def add(self, data: bytes) -> bool:
        """Takes the next part; False where no more is wanted."""
        piece = data[: BODY_LIMIT - self.size]
        self._digest.update(piece)
        self.size += len(piece)
        self.sample += piece[: self._sample_limit - len(self.sample)]
        if self._decoder is not None:
            self._decode(piece)
        if len(piece) < len(data):
            self.complete = False
        return self.complete

    @property
    def sha256(self) -> str:
        """Hex, over what was read."""
        return self._digest.hexdigest()

    @property
    def decoded_sha256(self) -> str:
        """Hex, over what was decoded; empty where nothing could be."""
        if self._decoder is None or self.decode_error:
            return ""
        return self._decoded_digest.hexdigest()

    def _decode(self, data: bytes) -> None:
        if self.decode_error or self._decoder is None:
            return
        if self._encoding == "deflate" and self.size == len(data) and data and data[0] & 0x0F != 8:
            self._decoder = zlib.decompressobj(-15)
        try:
            while data and self.decoded_size < BODY_LIMIT and not self._decoder.eof:
                # a few bytes can become a gigabyte: only so much is let out
                out = self._decoder.decompress(data, min(_STEP, BODY_LIMIT - self.decoded_size))
                self._decoded_digest.update(out)
                self.decoded_size += len(out)
                self.decoded_sample += out[: self._sample_limit - len(self.decoded_sample)]
                data = self._decoder.unconsumed_tail
        except zlib.error as error:
            self.decode_error = f"not {self._encoding}: {error}"

    def finish(self) -> None:
        """Notices an encoded body that ended too early."""
        ended = self._decoder is None or self._decoder.eof or self.decoded_size >= BODY_LIMIT
        if not ended and self.size and self.complete and not self.decode_error:
            self.decode_error = f"not {self._encoding}: it ends too early"


def _decoder(encoding: str) -> zlib._Decompress | None:
    window = _WINDOWS.get(encoding)
    return zlib.decompressobj(window) if window is not None else None


@dataclass(slots=True)
class Clock:
    """When each part of an exchange ended, and what is waited for now; ``hops`` are beginnings after the
    first.
    """

    started: float = field(default_factory=time.monotonic)
    stage: str = "connecting"
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    hops: int = 0

    def now_ms(self) -> float:
        """Milliseconds since the start."""
        return round((time.monotonic() - self.started) * 1000, 3)

    def timings(self) -> HttpTimings:
        """What there is so far."""
        return HttpTimings(self.connect, self.tls, self.first_byte, self.now_ms())

    def again(self) -> None:
        """The next hop begins; the start stays."""
        self.stage = "connecting"
        self.connect = self.tls = self.first_byte = None
        self.hops += 1

    @property
    def may_have_left(self) -> bool:
        """Whether any byte of the request can have been sent."""
        return self.stage not in ("connecting", "the TLS handshake")


@dataclass(slots=True)
class Connected:
    """What TLS agreed on; empty without it. ``leaf_sha256`` is hex, of the certificate's DER."""

    tls_version: str = ""
    alpn: str = ""
    leaf_sha256: str = ""


@dataclass(slots=True)
class Answer:
    """One answer. ``enough`` is asked after each part of the body and ends the reading when it says so."""

    clock: Clock
    enough: Callable[[Answer], bool] | None = None
    sample: int = SAMPLE_LIMIT
    status: int | None = None
    version: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    trailers: tuple[tuple[str, str], ...] = ()
    interim: tuple[int, ...] = ()
    body: Body = field(default_factory=Body)
    connection: Connected = field(default_factory=Connected)

    def came(self) -> None:
        """Something of the answer has come."""
        if self.clock.first_byte is None:
            self.clock.first_byte = self.clock.now_ms()

    def begin(self, status: int, version: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """The head of the final answer."""
        self.came()
        self.status, self.version, self.headers = status, version, told(headers)
        self.body = Body(self.encoding, self.sample)
        self.clock.stage = "the body"

    def hint(self, status: int) -> None:
        """An interim answer (1xx). Raises ExchangeError for a flood of them."""
        self.interim += (status,)
        at_most(len(self.interim), MOST_INTERIM, "interim answers (1xx)", "interim")
        self.clock.first_byte = None

    def add(self, data: bytes) -> bool:
        """A part of the body; False where no more is wanted."""
        more = self.body.add(data)
        if more and self.enough is not None and self.enough(self):
            self.body.complete = more = False
        return more

    def end(self, trailers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """The end, with what follows the body."""
        self.trailers = told(trailers)

    @property
    def encoding(self) -> str:
        """Content-Encoding, lower case."""
        return next((value.strip().lower() for name, value in self.headers if name == "content-encoding"), "")

    def connected(self, facts: HttpFacts) -> HttpFacts:
        """The facts with what is known of the connection, and when things happened."""
        link = self.connection
        return replace(
            facts,
            tls_version=link.tls_version,
            alpn=clean(link.alpn, 40),
            leaf_sha256=link.leaf_sha256,
            timings_ms=self.clock.timings(),
        )

    def into(self, facts: HttpFacts) -> HttpFacts:
        """The facts of what was asked, with this answer in place of whatever else they held."""
        body, link = self.body, self.connection
        body.finish()
        decoded = body.decoded_sha256
        sample = body.decoded_sample if decoded else body.sample
        return HttpFacts(
            request=facts.request,
            sent_bytes=facts.sent_bytes,
            sent_sha256=facts.sent_sha256,
            status=self.status,
            headers=self.headers,
            trailers=self.trailers,
            interim=self.interim,
            http_version=clean(self.version, 20),
            body_bytes=body.size,
            body_sha256=body.sha256,
            body_complete=body.complete,
            body_sample=sample.decode("utf-8", errors="replace"),
            content_encoding=clean(self.encoding, 60),
            decoded_bytes=body.decoded_size if decoded else 0,
            decoded_sha256=decoded,
            decode_error=clean(body.decode_error, 120),
            tls_version=link.tls_version,
            alpn=clean(link.alpn, 40),
            leaf_sha256=link.leaf_sha256,
            timings_ms=self.clock.timings(),
        )


def told(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Headers as facts hold them. Raises ExchangeError where there are more than anybody needs."""
    found = tuple(_header(name, value) for name, value in headers)
    at_most(len(found), MOST_HEADERS, "headers", "headers")
    return found


def _header(raw_name: bytes, raw_value: bytes) -> tuple[str, str]:
    name, value = _name(bytes(raw_name)), _text(raw_value)
    if name == "set-cookie":
        # a session's value opens doors; its name and attributes are what a comparison needs
        cookie, semicolon, attributes = value.partition(";")
        value = f"{cookie.split('=', 1)[0]}=(hidden){semicolon}{attributes}"
    return name, value


@lru_cache(maxsize=1024)
def _name(raw: bytes) -> str:
    return _text(raw).lower()


def _text(value: bytes) -> str:
    return clean(value.decode("latin-1"), limit=_VALUE_LENGTH)
