"""A journal as it grows, read by somebody who does not hold it: the chain is verified with every new line."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ...cluster.errors import UserError
from ..machine.advance import advance, fold
from ..machine.events import Event
from ..machine.state import State
from .file import FIRST_HASH, Entry, read_bytes, verify_lines


class Tail:
    """What is on disk of one run by now. ``torn`` says that the last line is not whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self.events: list[Event] = []
        self.torn = False
        self._state: State | None = None
        self._seen: tuple[int, ...] = ()
        self._size = 0
        self._read = hashlib.sha256()

    @property
    def state(self) -> State:
        """The fold of what was read. UserError where nothing was."""
        return self._state if self._state is not None else fold(())

    @property
    def head(self) -> str:
        """The hash of the last whole line."""
        return self.entries[-1].digest if self.entries else FIRST_HASH

    def read(self) -> bool:
        """Take in what is new; whether anything was. UserError: gone, or changed where it was read before."""
        try:
            stat = os.stat(self.path)
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be followed any more: {error.strerror}", "who moved it?"
            ) from None
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen == self._seen:
            return False
        raw = read_bytes(self.path)
        if hashlib.sha256(raw[: self._size]).digest() != self._read.digest():
            raise UserError(
                f"{self.path}: what was read of it before has been changed",
                "believe none of it; look at the DNS records yourself",
            )
        fresh, good = verify_lines(raw[self._size :], self.path, after=self.entries[-1:])
        state = self._state
        for entry in fresh:
            # first whether it is possible, then believed: a refused line leaves all as it was
            state = fold((entry.event,)) if state is None else advance(state, entry.event)
        self._state = state
        self.entries += fresh
        self.events += [entry.event for entry in fresh]
        self._read.update(raw[self._size : self._size + good])
        self._size += good
        was_torn, self.torn = self.torn, len(raw) > self._size
        self._seen = seen
        return bool(fresh) or was_torn != self.torn
