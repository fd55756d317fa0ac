"""How long to wait before trying again."""

from __future__ import annotations

import random


class Backoff:
    """Seconds to wait between attempts: doubling, with jitter, up to a limit."""

    def __init__(self, first_s: float = 0.5, most_s: float = 8.0) -> None:
        self._first, self._most = first_s, most_s
        self._attempt = 0
        self._used = False

    def first_time(self) -> bool:
        """True once after each reset: then a pause may be skipped."""
        first, self._used = not self._used, True
        return first

    def next_s(self) -> float:
        """The next pause."""
        pause = min(self._most, self._first * 2 ** min(self._attempt, 16))
        self._attempt += 1
        return float(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def reset(self) -> None:
        """Start over after a success."""
        self._attempt = 0
        self._used = False
