"""The practice caching resolver."""

from __future__ import annotations

import time
from collections.abc import Callable


class CachingResolver:
    """Answers from its cache while the TTL lasts; asks ``authority`` (``ip:port``) otherwise."""

    def __init__(
        self, authority: str, *, clock: Callable[[], float] = time.monotonic, min_ttl: int = 0
    ) -> None:
        self.address = ""
        self.port = 0

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on UDP and TCP; returns the port."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop listening and end every query under way."""
        raise NotImplementedError

    def flush(self) -> None:
        """Forget everything."""
        raise NotImplementedError

    def cached(self, name: str, rdtype: str) -> float | None:
        """Seconds that the answer for ``name`` still stays, or None where it is not cached."""
        raise NotImplementedError
