"""A screen that was left is gone: hours of opening and leaving must not fill the memory."""

from __future__ import annotations

import gc
from collections import Counter

from desk_kit import Desk, WorldFacts, open_desk
from textual.timer import Timer
from textual.widget import Widget

_FIRST, _MORE = 3, 12
# key, and what shows that its screen is there
_DOORS = {
    "d": "describe >",
    "y": "apiVersion",
    "e": "events >",
    "u": "used by >",
    "x": "x-ray",
    "t": "twin",
    "F": "findings",
    "i": "kinds >",
    "p": "plans",
    "question_mark": "help",
    "ctrl+a": "places >",
    "at": "commands",
}


def alive() -> Counter[str]:
    """Widgets (screens too) and timers that something still holds, by class."""
    gc.collect()
    return Counter(type(one).__name__ for one in gc.get_objects() if isinstance(one, Widget | Timer))


async def visit(desk: Desk, key: str, shown: str, times: int) -> None:
    for _ in range(times):
        await desk.press(key)
        await desk.until_shown(shown)
        while len(desk.app.screen_stack) > 2:
            await desk.press("escape")


async def test_a_screen_that_was_left_is_gone(small_world: WorldFacts) -> None:
    grown = {}
    async with open_desk(small_world) as desk:
        for key, shown in _DOORS.items():
            await visit(desk, key, shown, _FIRST)
            before = alive()
            await visit(desk, key, shown, _MORE)
            grown[key] = alive() - before
    assert {key: more for key, more in grown.items() if more} == {}
