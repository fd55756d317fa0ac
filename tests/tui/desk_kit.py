"""A practice world in a child process, and the app on it: what the tests here share."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pointsman.checklists.plans.load import load_plan
from pointsman.cluster.client.connect import connect
from pointsman.tui.app import PointsmanApp
from pointsman.tui.bridge import Bridge
from pointsman.tui.settings import Settings
from textual.pilot import Pilot

WorldFacts = dict[str, Any]


def start_world(*arguments: str) -> tuple[subprocess.Popen[str], WorldFacts]:
    """A world of its own; it ends when its standard input closes."""
    child = subprocess.Popen(
        [sys.executable, "-m", "pointsman.sandbox", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, "the practice world did not start"
    return child, json.loads(line)


def end_world(child: subprocess.Popen[str]) -> None:
    """Close its input and wait."""
    child.communicate(timeout=20)


class Desk:
    """The app under test, its pilot, and how to wait for what the screen should show."""

    def __init__(self, app: PointsmanApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    def text(self) -> str:
        """The screen as text."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(*({".": "full_stop", "-": "minus"}.get(letter, letter) for letter in text))

    async def until(self, holds: Callable[[], bool], longest_s: float = 20.0) -> float:
        """Seconds until ``holds``; fails with the screen where it never does."""
        started = time.monotonic()
        while not holds():
            if time.monotonic() - started > longest_s:
                pytest.fail(f"the screen never came to it:\n{self.text()}")
            await self.pilot.pause(0.02)
        return time.monotonic() - started

    async def until_shown(self, text: str, longest_s: float = 20.0) -> float:
        """Seconds until the screen shows ``text``."""
        return await self.until(lambda: text in self.text(), longest_s)


@asynccontextmanager
async def open_desk(
    facts: WorldFacts, size: tuple[int, int] = (120, 40), writes: bool = True
) -> AsyncIterator[Desk]:
    """The app on a world, loaded."""
    kubeconfig = facts["kubeconfig"]
    plans = [load_plan(path) for path in facts["plans"].values()]
    app = PointsmanApp(
        Settings(kubeconfig=kubeconfig, writes=writes), Bridge(lambda: connect(kubeconfig, None), None), plans
    )
    async with app.run_test(size=size) as pilot:
        desk = Desk(app, pilot)
        await desk.until(lambda: app.picture.snapshot.version > 0)
        await desk.until(lambda: "loading" not in {s.state for s in app.picture.snapshot.kinds.values()})
        await desk.until(lambda: app.picture.snapshot is app.bridge.snapshot())
        await pilot.pause(0.15)
        yield desk
