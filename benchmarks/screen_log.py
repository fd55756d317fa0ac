"""What a terminal would have shown, and when: the recorded bytes played into an emulator afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyte

_ROUTE = re.compile(r"\b(team-\d+)\s+(app-\d+)\b")
_COUNTS = re.compile(r"\d+ (?:FAIL|UNKNOWN|WARN)")


class ScreenLog:
    """Plays (second, bytes) through an emulated terminal and keeps the screen after each arrival."""

    def __init__(self, arrivals: list[tuple[float, bytes]], columns: int, lines: int) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._moments: list[tuple[float, int, tuple[str, ...]]] = []
        self._sent = 0
        self.play(arrivals)

    def play(self, arrivals: list[tuple[float, bytes]]) -> None:
        """What came later."""
        for at, data in arrivals:
            self._stream.feed(data)
            self._sent += len(data)
            self._moments.append((at, self._sent, tuple(self._screen.display)))

    def follow(self, arrivals: list[tuple[float, bytes]]) -> None:
        """What came later, of all that came: as many as were played before are left out."""
        self.play(arrivals[len(self._moments) :])

    @property
    def rows(self) -> tuple[str, ...]:
        """The screen now, line by line."""
        return self._moments[-1][2]

    def since(self, holds: Callable[[tuple[str, ...]], bool]) -> float:
        """From which second on the screen was so, for good; 0 where it is not."""
        began = 0.0
        held = False
        for at, _sent, rows in self._moments:
            if (holds_now := holds(rows)) and not held:
                began = at
            held = holds_now
        return began if held else 0.0

    def first_row(self) -> tuple[float, int]:
        """When the first route was shown, and how many bytes that had taken."""
        return next((at, sent) for at, sent, rows in self._moments if any(map(_ROUTE.search, rows)))

    def counted_s(self, routes: int) -> float:
        """When the header counted so many routes, for good."""
        return self.since(lambda rows: f" {routes} routes" in rows[0])

    def judged_s(self) -> float:
        """When the header said `live` and its verdicts were the final ones, for good."""
        final = _COUNTS.findall(self._moments[-1][2][0])
        return self.since(lambda rows: " live " in rows[0] and _COUNTS.findall(rows[0]) == final)

    def route_in_row(self, number: int) -> tuple[str, str]:
        """Namespace and name of the route that is shown as the ``number``th."""
        shown = [found.groups() for found in map(_ROUTE.search, self._moments[-1][2]) if found]
        namespace, name = shown[number]
        return namespace, name
