"""watch: the changes of a kind as they happen."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from .answers import JSON_TYPE, Encoder, negotiate
from .faults import Faults
from .history import Change, HistoryExpiredError, Stored, Watcher
from .problems import expired, not_acceptable
from .reading import selection_of
from .requests import Call
from .selectors import Predicate
from .storage import Storage

Json = dict[str, Any]

# As the real server: a watch without timeoutSeconds ends after half an hour to an hour.
_LEAST_TIMEOUT_S = 1800


class WatchServer:
    """Serves watches. `bookmark_interval_s`: seconds between bookmarks on a quiet watch."""

    def __init__(self, storage: Storage, faults: Faults, bookmark_interval_s: float = 60.0) -> None:
        self._storage = storage
        self._faults = faults
        self._bookmark_interval_s = bookmark_interval_s
        self._open: list[web.Request] = []

    @property
    def open_watches(self) -> int:
        return len(self._open)

    @property
    def transports(self) -> list[asyncio.BaseTransport]:
        return [request.transport for request in self._open if request.transport is not None]

    def cut(self) -> None:
        """Cut the connections of all open watches, without the end of a proper answer."""
        for request in tuple(self._open):
            if request.transport is not None:
                request.transport.abort()

    async def watch(self, call: Call) -> web.StreamResponse:
        form = negotiate(call.request.headers.get("Accept", ""), call.request.query.get("includeObject", ""))
        if form.transform == "PartialObjectMetadataList":
            raise not_acceptable("a watch has PartialObjectMetadata objects, not lists of them")
        call.check_version_match()
        target = call.target
        stream = _Stream(call, Encoder(target.resource, target.version, form), selection_of(call))
        # from here to `_beginning` nothing awaits: no change can fall between the past and what follows
        watcher = self._storage.follow(target.resource)
        try:
            beginning = self._beginning(call, stream)
            response = web.StreamResponse(
                headers={"Content-Type": JSON_TYPE, "Cache-Control": "no-cache, private"}
            )
            response.enable_chunked_encoding()
            await response.prepare(call.request)
            self._open.append(call.request)
            # a client that goes away is the usual end of a watch
            with contextlib.suppress(ConnectionError):
                if beginning is None:
                    oldest = self._storage.history(target.resource).forgotten
                    await response.write(_error_event(f"too old resource version: {_asked(call)} ({oldest})"))
                else:
                    if beginning:
                        await response.write(beginning)
                    await self._follow(call, stream, watcher, response)
                await response.write_eof()
            return response
        finally:
            self._open = [request for request in self._open if request is not call.request]
            self._storage.history(target.resource).leave(watcher)

    def _beginning(self, call: Call, stream: _Stream) -> bytes | None:
        """The first events; None where the asked version is too old to start from."""
        query = call.request.query
        asked = call.resource_version
        with_state = query.get("sendInitialEvents")
        if (asked == 0 and with_state is None) or call.flag("sendInitialEvents"):
            events = stream.state(self._storage.all_of(call.target.resource))
            if with_state is not None and call.flag("allowWatchBookmarks"):
                events += stream.bookmark(self._storage.version, initial_events_end=True)
            return events
        try:
            return stream.changes(
                self._storage.history(call.target.resource).since(asked or self._storage.version)
            )
        except HistoryExpiredError:
            return None

    async def _follow(
        self, call: Call, stream: _Stream, watcher: Watcher, response: web.StreamResponse
    ) -> None:
        clock = asyncio.get_running_loop().time
        timeout_s = call.number("timeoutSeconds") or _LEAST_TIMEOUT_S + secrets.randbelow(_LEAST_TIMEOUT_S)
        deadline = clock() + timeout_s
        bookmarks = call.flag("allowWatchBookmarks")
        next_bookmark = clock() + self._bookmark_interval_s
        # where a client asked for a version that is yet to come
        from_version = call.resource_version
        while (now := clock()) < deadline:
            wait_s = min(deadline, next_bookmark if bookmarks else deadline) - now
            changes = await watcher.next_changes(max(wait_s, 0.0))
            await self._faults.while_stalled()
            # a bookmark says that everything before it was sent: nothing awaits from here to its making
            changes += watcher.take()
            events = stream.changes(change for change in changes if change.version > from_version)
            if bookmarks and not changes and clock() >= next_bookmark:
                events += stream.bookmark(self._storage.version)
                next_bookmark = clock() + self._bookmark_interval_s
            if events:
                await response.write(events)
            if watcher.expired:
                await response.write(_error_event("The resourceVersion for the provided watch is too old."))
            if watcher.ended:
                return
        if bookmarks:
            # so that the next watch starts where this one ended
            last = stream.changes(change for change in watcher.take() if change.version > from_version)
            await response.write(last + stream.bookmark(self._storage.version))


def _asked(call: Call) -> str:
    return call.request.query.get("resourceVersion", "")


def _error_event(message: str) -> bytes:
    """410 inside a watch: the HTTP status stays 200."""
    return _event("ERROR", msgspec.json.encode(expired(message).status()))


def _event(kind: str, encoded: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode("ascii"), encoded)


class _Stream:
    """Turns changes into the events of one client: its namespace, its selectors, its form."""

    def __init__(self, call: Call, encoder: Encoder, selection: Predicate | None) -> None:
        self._namespace = call.target.namespace
        self._name = call.target.name
        self._encoder = encoder
        self._selection = selection
        self._first = True

    def state(self, items: Iterable[Stored]) -> bytes:
        return b"".join(self._encoded("ADDED", stored) for stored in items if self._wants(stored))

    def changes(self, changes: Iterable[Change]) -> bytes:
        return b"".join(map(self._change, changes))

    def bookmark(self, version: int, initial_events_end: bool = False) -> bytes:
        return _event("BOOKMARK", self._encoder.bookmark(version, initial_events_end))

    def _change(self, change: Change) -> bytes:
        """What comes to match the selectors is ADDED for this client, what ceases to is DELETED."""
        was = change.old is not None and self._wants(change.old)
        if change.type == "DELETED":
            return self._encoded("DELETED", change.new) if was else b""
        if self._wants(change.new):
            return self._encoded("MODIFIED" if was else "ADDED", change.new)
        return self._encoded("DELETED", change.new) if was else b""

    def _wants(self, stored: Stored) -> bool:
        if self._namespace and stored.namespace != self._namespace:
            return False
        if self._name and stored.name != self._name:
            return False
        return self._selection is None or self._selection(stored.body)

    def _encoded(self, kind: str, stored: Stored) -> bytes:
        encoded = self._encoder.watched(stored, self._first)
        self._first = False
        return _event(kind, encoded)
