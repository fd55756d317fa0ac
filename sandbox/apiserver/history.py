"""The recent changes of one kind, and those who follow them; the twin of the real server's watch cache."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

Json = dict[str, Any]
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]

KEPT_CHANGES = 4000
# A watcher that lets more than this pile up is cut off, as the real server does with slow ones.
MOST_PENDING = 20_000


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one object: never changed, only replaced. `body` must not be written to."""

    namespace: str
    name: str
    version: int
    body: Json
    encoded: bytes
    _other_encodings: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)

    def encoded_as(self, api_version: str) -> bytes:
        """The JSON of the object as that version serves it. The CRDs' conversion changes nothing else."""
        if api_version == self.body["apiVersion"]:
            return self.encoded
        known = self._other_encodings.get(api_version)
        if known is None:
            known = msgspec.json.encode({**self.body, "apiVersion": api_version})
            self._other_encodings[api_version] = known
        return known

    def copy(self) -> Json:
        """The object as a dict of the caller's own."""
        document: Json = msgspec.json.decode(self.encoded)
        return document


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the history. `new` of a DELETED holds the last state, with the version of the deletion."""

    type: ChangeType
    new: Stored
    old: Stored | None

    @property
    def version(self) -> int:
        return self.new.version


class HistoryExpiredError(Exception):
    """The history no longer reaches back to `asked`; `oldest` is the oldest version to start from."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")


class Watcher:
    """One follower of a history. Belongs to the event loop that awaits it."""

    def __init__(self) -> None:
        self._pending: deque[Change] = deque()
        self._stirred = asyncio.Event()
        self.ended = False
        self.expired = False

    def offer(self, change: Change) -> None:
        if self.ended:
            return
        self._pending.append(change)
        if len(self._pending) > MOST_PENDING:
            self.end()
        self._stirred.set()

    def end(self, expired: bool = False) -> None:
        """No more changes; what is pending is still handed out. `expired`: tell the client with a 410."""
        self.ended = True
        self.expired = self.expired or expired
        self._stirred.set()

    async def next_changes(self, timeout_s: float) -> list[Change]:
        """All pending changes, waiting for the first at most `timeout_s` seconds; empty when none came."""
        if not self._pending and not self.ended:
            self._stirred.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._stirred.wait()
        return self.take()

    def take(self) -> list[Change]:
        """All pending changes, without waiting."""
        changes = list(self._pending)
        self._pending.clear()
        return changes


class History:
    """The changes of one kind, oldest first, of which the oldest are forgotten."""

    def __init__(self, start: int, kept: int = KEPT_CHANGES) -> None:
        self._changes: deque[Change] = deque()
        self._kept = kept
        self._watchers: set[Watcher] = set()
        # changes up to and with this version are forgotten
        self.forgotten = start

    def record(self, change: Change) -> None:
        self._changes.append(change)
        if len(self._changes) > self._kept:
            self.forgotten = self._changes.popleft().version
        for watcher in tuple(self._watchers):
            watcher.offer(change)

    def forget(self, version: int, cut_watchers: bool = False) -> None:
        """Nobody can start from before `version` any more; `cut_watchers`: open watches get the 410 too."""
        while self._changes and self._changes[0].version <= version:
            self._changes.popleft()
        self.forgotten = max(self.forgotten, version)
        if cut_watchers:
            self.end_watchers(expired=True)

    def since(self, version: int) -> list[Change]:
        """The changes after `version`. Raises HistoryExpiredError where some of them are forgotten."""
        if version < self.forgotten:
            raise HistoryExpiredError(version, self.forgotten)
        return [change for change in self._changes if change.version > version]

    def follow(self) -> Watcher:
        watcher = Watcher()
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    def end_watchers(self, expired: bool = False) -> None:
        for watcher in tuple(self._watchers):
            watcher.end(expired)

    @property
    def watchers(self) -> int:
        return len(self._watchers)
