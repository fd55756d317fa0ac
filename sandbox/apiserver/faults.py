"""Faults on demand: what a tired or broken API server does to its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Matches = Callable[[str, str], bool]


def _every(method: str, path: str) -> bool:
    return True


@dataclass(slots=True)
class _Planned:
    kind: Literal["answer", "drop"]
    left: int
    code: int = 0
    retry_after_s: int = 0
    matches: Matches = _every


class Faults:
    """Settable at any time; each takes effect with the next request or watch event.

    `latency_s`: every answer comes that many seconds late. `legacy_discovery`: what is served is told group
    by group, as before Kubernetes 1.26. `broken_groups`: their API server is down, so discovery of them
    fails. `hidden_groups`: discovery leaves them out, as for a moment after an API server has begun.
    `frozen`: connections are accepted, and nothing is answered until it thaws, as by a stopped process.
    """

    def __init__(self) -> None:
        self.latency_s = 0.0
        self.legacy_discovery = False
        self.broken_groups: frozenset[str] = frozenset()
        self.hidden_groups: frozenset[str] = frozenset()
        self._planned: list[_Planned] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thawed = asyncio.Event()
        self._thawed.set()

    @property
    def stall_watches(self) -> bool:
        """While true, open watches stay open and nothing is sent on them, not even bookmarks.

        So does a stalled server; a client without a read timeout hangs on it for ever.
        """
        return not self._flowing.is_set()

    @stall_watches.setter
    def stall_watches(self, stalled: bool) -> None:
        if stalled:
            self._flowing.clear()
        else:
            self._flowing.set()

    @property
    def frozen(self) -> bool:
        return not self._thawed.is_set()

    @frozen.setter
    def frozen(self, frozen: bool) -> None:
        if frozen:
            self._thawed.clear()
        else:
            self._thawed.set()

    async def while_stalled(self) -> None:
        await self._flowing.wait()
        await self._thawed.wait()

    def fail_next(
        self, requests: int, code: int = 500, retry_after_s: int = 0, matches: Matches = _every
    ) -> None:
        """Answer the next requests that `matches(method, path)` with 429, 500, 503 or another code."""
        self._planned.append(_Planned("answer", requests, code, retry_after_s, matches))

    def drop_next(self, requests: int, matches: Matches = _every) -> None:
        """Cut the connection of the next requests without an answer."""
        self._planned.append(_Planned("drop", requests, matches=matches))

    def clear(self) -> None:
        """Healthy again."""
        self.latency_s = 0.0
        self.legacy_discovery = False
        self.broken_groups = frozenset()
        self.hidden_groups = frozenset()
        self.stall_watches = False
        self.frozen = False
        self._planned.clear()

    async def meet(self, method: str, path: str) -> tuple[str, int, int]:
        """Wait the latency; then ("", 0, 0), ("drop", 0, 0) or ("answer", code, Retry-After in seconds)."""
        await self._thawed.wait()
        if self.latency_s > 0:
            await asyncio.sleep(self.latency_s)
        for planned in self._planned:
            if planned.matches(method, path):
                planned.left -= 1
                if planned.left <= 0:
                    self._planned.remove(planned)
                return planned.kind, planned.code, planned.retry_after_s
        return "", 0, 0
