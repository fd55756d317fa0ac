"""One collection, followed on a thread: a paged list, then a watch that goes on from where it broke."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import Protocol

import msgspec

from ..decode import decode_event, decode_object
from ..errors import ApiError, UserError, told
from ..kinds import KindSpec
from ..snapshot import KindState
from .backoff import Backoff
from .connect import Connection
from .discovery import ServedKind
from .heartbeat import Heartbeat
from .listing import Entry, list_kind, list_params, watch_accept
from .states import Scope, after_failure, live_state, stale_state
from .streams import Stream
from .timing import Timing

# a list and watch that held this long was no part of the trouble that ended it
_HEALTHY_S = 5.0
# refusals after which the version that was reached is still good to go on from
_PASSING = frozenset({401, 403, 429, 502, 503})
_LONGEST_PAUSE_S = 120.0
_AT_ONCE_S = 0.05
# the server's end of a watch, where it may be listed only
NOT_WATCHED = "it may be listed, not watched"


class Sink(Protocol):
    """Where the objects go. Every call may come from several threads; after ``stop`` of a follower none
    comes.
    """

    def page(self, entries: list[Entry]) -> None:
        """Some of the objects, while the first list still goes on."""

    def replace(self, scope: Scope, entries: list[Entry]) -> None:
        """All of the objects."""

    def change(self, kind: str, entry: Entry) -> None:
        """One event: ADDED, MODIFIED or DELETED."""

    def state(self, scope: Scope) -> KindState:
        """What was reported last."""

    def report(self, scope: Scope, state: KindState) -> None:
        """How far the scope can be trusted from now on."""

    def denied(self, scope: Scope, error: ApiError) -> None:
        """The list is forbidden; it is tried again later."""

    def missing(self) -> None:
        """The path does not exist (any more)."""


class Follower:
    """Lists and watches ``served`` in one namespace, or (scope None) in the whole cluster, until ``stop``."""

    def __init__(
        self,
        connection: Connection,
        heart: Heartbeat,
        timing: Timing,
        spec: KindSpec,
        served: ServedKind,
        scope: Scope,
        sink: Sink,
    ) -> None:
        self._connection, self._heart, self._timing = connection, heart, timing
        self._spec, self._served, self._scope, self._sink = spec, served, scope, sink
        self._stopping = threading.Event()
        self._stream: Stream | None = None
        self._version = ""
        self._polling = False
        self._backoff = Backoff(timing.backoff_first_s, timing.backoff_most_s)
        name = f"pointsman-{spec.kind}" + (f"-{scope}" if scope else "")
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """Ask the thread to end, waking it where it waits for news."""
        self._stopping.set()
        stream = self._stream
        if stream is not None:
            stream.break_off()
        self._heart.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._follow()
            except Exception as problem:  # noqa: BLE001 - a thread that ends leaves a picture that says "live"
                error = told(problem)
                if self._stopping.is_set() or (isinstance(error, ApiError) and error.reason == "closed"):
                    return
                if time.monotonic() - began > _HEALTHY_S:
                    self._backoff.reset()
                self._recover(error)

    def _follow(self) -> None:
        if not self._version:
            self._version = self._list()
        while not self._stopping.is_set():
            if self._polling:
                self._report(live_state(f"{NOT_WATCHED}: asked every {self._timing.poll_s:.0f} s"))
                self._heart.pause(self._timing.poll_s, self._stopping.is_set)
                self._list()
            else:
                began = time.monotonic()
                self._watch()
                if time.monotonic() - began < 1.0:
                    self._stopping.wait(min(1.0, self._timing.backoff_first_s * 2))

    def _recover(self, error: UserError) -> None:
        """After an error: say what is known now, and wait."""
        status = error.status if isinstance(error, ApiError) else 0
        if status not in _PASSING and (
            status or (isinstance(error, ApiError) and error.reason == "protocol")
        ):
            self._version = ""
        wait_s = self._backoff.next_s()
        obey = False
        if not status and self._version and self._heart.up and self._backoff.first_time():
            # load balancers cut watches all the time: nothing is missed where it goes on at once
            self._heart.pause(min(wait_s, _AT_ONCE_S), self._stopping.is_set)
            return
        if status == 410:
            # some changes are lost, and until the list has come nobody knows which
            if self._sink.state(self._scope).state == "live":
                self._report(stale_state("its history is gone, it is listed again", time.time()))
            # at once, but never in a tight loop where a server says it every time
            wait_s = min(wait_s, _AT_ONCE_S) if self._backoff.first_time() else wait_s
        elif isinstance(error, ApiError) and status == 403:
            self._sink.denied(self._scope, error)
            wait_s = self._timing.denied_retry_s
        else:
            if status == 404:
                self._sink.missing()
            if status != 404 or self._sink.state(self._scope).state != "loading":
                self._report_failure(error)
            asked_s = error.retry_after_s if isinstance(error, ApiError) else None
            if asked_s is not None:
                wait_s, obey = max(wait_s, min(asked_s, _LONGEST_PAUSE_S)), True
        self._heart.pause(wait_s, self._stopping.is_set, obey=obey)

    def _list(self) -> str:
        first = self._sink.state(self._scope).state == "loading"
        entries, version = list_kind(
            self._connection, self._spec, self._served, self._scope, on_page=self._page if first else None
        )
        if self._stopping.is_set():
            raise ApiError(0, "closed", "the watch was stopped")
        self._sink.replace(self._scope, entries)
        self._report(live_state())
        return version

    def _page(self, entries: list[Entry]) -> None:
        if not self._stopping.is_set():
            self._sink.page(entries)

    def _watch(self) -> None:
        """Follow the changes until something breaks, or until the server ends it in peace."""
        params = {
            **list_params(self._spec),
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            # spread, so that thirty watches do not all come back in the same second
            "timeoutSeconds": str(int(self._timing.watch_life_s + random.randrange(20))),  # noqa: S311 - no secret
        }
        try:
            stream = self._connection.stream(
                self._served.path(self._scope),
                params,
                watch_accept(self._spec),
                self._timing.watch_read_s,
                self._timing.watch_open_s,
            )
        except ApiError as error:
            if error.status != 403:
                raise
            # the list was allowed a moment ago
            self._polling = True
            return
        with contextlib.closing(stream):
            self._stream = stream
            if self._stopping.is_set():
                return
            try:
                # it goes on from where it was: nothing was missed
                self._report(live_state())
                self._read(stream)
            except ApiError as error:
                # silence is no proof of death: ask again from where we are, which a dead server refuses
                if error.reason != "timeout":
                    raise
            finally:
                self._stream = None

    def _read(self, stream: Stream) -> None:
        for line in stream:
            if self._stopping.is_set():
                return
            self._version = self._apply(line) or self._version

    def _apply(self, line: bytes) -> str:
        try:
            kind, raw = decode_event(line)
            if kind not in ("ADDED", "MODIFIED", "DELETED"):
                return self._signal(kind, raw)
            entry = decode_object(self._spec, self._served.api_version, raw)
        except msgspec.MsgspecError:
            raise ApiError(
                0, "protocol", f"{self._connection.server} sent an event that is no JSON"
            ) from None
        self._sink.change(kind, entry)
        return entry[1].meta.resource_version

    def _signal(self, kind: str, raw: msgspec.Raw) -> str:
        content = msgspec.json.decode(raw)
        if not isinstance(content, dict):
            return ""
        if kind == "BOOKMARK":
            metadata = content.get("metadata")
            return str(metadata.get("resourceVersion") or "") if isinstance(metadata, dict) else ""
        if kind != "ERROR":
            return ""
        code = content.get("code")
        status = code if isinstance(code, int) else 0
        raise ApiError(
            status, str(content.get("reason") or "protocol"), f"the watch of {self._spec.plural} ended"
        )

    def _report_failure(self, error: UserError) -> None:
        before = self._sink.state(self._scope)
        if before.state == "stale" and not self._heart.up:
            # the heartbeat says why, and broke this connection itself
            return
        self._report(after_failure(before, error, self._connection.heard))

    def _report(self, state: KindState) -> None:
        if self._stopping.is_set():
            return
        before = self._sink.state(self._scope)
        if (before.state, before.detail) != (state.state, state.detail):
            self._sink.report(self._scope, state)
