"""Two sources for one side: the first, and the second where the first tells nothing."""

from __future__ import annotations

from dataclasses import replace

from .facts import Reading, TrafficSource


class EitherSource:
    """Reads ``first``; where not one of its pods answers, ``second``, which then stands in the reading.

    Each has its own count: a reading from another source than the last one cannot be compared with it.
    """

    def __init__(self, first: TrafficSource, second: TrafficSource) -> None:
        self._first, self._second = first, second

    async def read(self) -> Reading:
        """Look now, at the second one only where it is needed."""
        reading = await self._first.read()
        if reading.answered:
            return reading
        other = await self._second.read()
        return replace(other, problems=(*reading.problems, *other.problems)) if other.answered else reading

    async def close(self) -> None:
        """Close both."""
        await self._first.close()
        await self._second.close()
