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
        screen = pyte.Screen(columns, lines)
        stream = pyte.ByteStream(screen)
        self._moments: list[tuple[float, int, tuple[str, ...]]] = []
        sent = 0
        for at, data in arrivals:
            stream.feed(data)
            sent += len(data)
            self._moments.append((at, sent, tuple(screen.display)))

    def first_row(self) -> tuple[float, int]:
        """When the first route was shown, and how many bytes that had taken."""
        return next((at, sent) for at, sent, rows in self._moments if any(map(_ROUTE.search, rows)))

    def counted_s(self, routes: int) -> float:
        """When the header counted so many routes, for good."""
        return self._since(lambda rows: f" {routes} routes" in rows[0])

    def judged_s(self) -> float:
        """When the header said `live` and its verdicts were the final ones, for good."""
        final = _COUNTS.findall(self._moments[-1][2][0])
        return self._since(lambda rows: " live " in rows[0] and _COUNTS.findall(rows[0]) == final)

    def route_in_row(self, number: int) -> tuple[str, str]:
        """Namespace and name of the route that is shown as the ``number``th."""
        shown = [found.groups() for found in map(_ROUTE.search, self._moments[-1][2]) if found]
        namespace, name = shown[number]
        return namespace, name

    def _since(self, holds: Callable[[tuple[str, ...]], bool]) -> float:
        began = 0.0
        held = False
        for at, _sent, rows in self._moments:
            if (holds_now := holds(rows)) and not held:
                began = at
            held = holds_now
        return began
