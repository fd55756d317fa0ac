"""Make the README's pictures anew from the practice world: python screenshots/make.py

Real screens on a real (practice) cluster: keys are pressed, a cutover and a rollback are done. Each picture
is kept as PNG. Needs the extra `screenshots` (cairosvg) and a monospace font such as DejaVu Sans Mono.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pointsman.checklists.machine.view import RunView
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.running.replayed import ReplayedRun
from pointsman.cluster.client.connect import connect
from pointsman.sandbox.scenario import Pace
from pointsman.sandbox.world import World, WorldInfo
from pointsman.tui.app import PointsmanApp
from pointsman.tui.bridge import Bridge
from pointsman.tui.onlooker import OnlookerApp
from pointsman.tui.screens.cutover import CutoverScreen
from pointsman.tui.screens.onlooking import ReplayScreen
from pointsman.tui.settings import Settings
from pointsman.tui.widgets.row_view import RowView
from textual.pilot import Pilot

FOLDER = Path(__file__).resolve().parent
SIZES = ((120, 40), (80, 24))
# as wide as a cell of Textual's picture, in pixels; where a text begins there, and how long it is
_CELL_PX = 12.2
_TEXT = re.compile(r' x="([\d.]+)"( y="[\d.]+") textLength="([\d.]+)"')
# patterns of dots, which the monospace font has not
_DOTS = re.compile("<text ([^<>]*>[^<>]*[\u2800-\u28ff])")
# as in `pointsman demo`, so that the pictures show what somebody who follows the README sees
PACE = Pace()


class Camera:
    """Takes pictures of one app at one size."""

    def __init__(self, app: PointsmanApp, pilot: Pilot[None], size: tuple[int, int]) -> None:
        self.app, self.pilot = app, pilot
        self._suffix = f"-{size[0]}x{size[1]}"

    async def take(self, name: str) -> None:
        """Write ``name`` as a picture."""
        import cairosvg
        from PIL import Image

        await self.pilot.pause(0.3)
        svg = self.app.export_screenshot(title="pointsman")
        # the font is taken from this machine, not from the network
        svg = re.sub(r"@font-face\s*{[^}]*}", "", svg).replace("Fira Code", "DejaVu Sans Mono")
        svg = _TEXT.sub(_on_the_grid, svg)
        svg = _DOTS.sub(r'<text font-family="DejaVu Sans" \1', svg)
        target = FOLDER / f"{name}{self._suffix}.png"
        png = cairosvg.svg2png(bytestring=svg.encode(), scale=1.0)
        # a terminal has few colours: a palette makes a picture a quarter as large
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        picture.quantize(64, method=Image.Quantize.MAXCOVERAGE).save(target, optimize=True)
        print(target.relative_to(FOLDER.parent))

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.pilot.pause(0.2)

    async def until(self, holds: Callable[[], bool], longest_s: float = 60.0) -> None:
        """Wait for what the picture should show."""
        end = time.monotonic() + longest_s
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError("the screen never came to what the picture should show")
            await self.pilot.pause(0.05)

    async def until_run(self, holds: Callable[[RunView], bool]) -> None:
        """Wait for the run on the screen."""
        await self.until(lambda: isinstance(self.app.screen, CutoverScreen) and holds(self.view()))

    def view(self) -> RunView:
        """The run on the screen."""
        screen = self.app.screen
        assert isinstance(screen, CutoverScreen)
        return screen.run.view()

    async def confirm(self) -> None:
        """Type what is asked for."""
        asked = self.view().waiting_for
        assert asked is not None
        await self.press("enter")
        await self.press(*(_key(letter) for letter in asked.type_this), "enter")


def _on_the_grid(text: re.Match[str]) -> str:
    # cairosvg stretches a text by its ink, without the spaces around it: columns would not line up
    start, letters = float(text[1]), round(float(text[3]) / _CELL_PX)
    return f' x="{" ".join(f"{start + at * _CELL_PX:.1f}" for at in range(letters))}"{text[2]}'


def _key(letter: str) -> str:
    return {".": "full_stop", "-": "minus"}.get(letter, letter)


async def photograph(info: WorldInfo, size: tuple[int, int]) -> None:
    """Every screen once, reached by keys, with a cutover and a rollback."""
    settings = Settings(kubeconfig=str(info.kubeconfig), writes=True)
    bridge = Bridge(lambda: connect(str(info.kubeconfig), None), None)
    app = PointsmanApp(settings, bridge, [load_plan(path) for path in info.plans.values()])
    async with app.run_test(size=size) as pilot:
        camera = Camera(app, pilot, size)
        await camera.until(lambda: len(app.picture.overview.routes) > 8)
        await camera.until(
            lambda: not any(s.state == "loading" for s in app.picture.overview.troubled_kinds.values())
        )
        await _look_around(camera)
        await _look_closely(camera)
        await _cut_over(camera)
        await _roll_back(camera)


async def _look_around(camera: Camera) -> None:
    await camera.press("j", "k")
    await camera.take("browse")
    await camera.press("tab", "j", "j")
    await camera.take("gateways")
    await camera.press("home", "tab", "question_mark")
    await camera.take("help")
    await camera.press("escape", "F")
    await camera.take("findings")
    await camera.press("escape", "i")
    await camera.take("kinds")
    await camera.press("escape")


async def _look_closely(camera: Camera) -> None:
    await _select_route(camera, "checkout")
    await camera.press("d")
    await camera.take("describe")
    await camera.press("escape", "y")
    await camera.pilot.pause(0.5)
    await camera.take("yaml")
    await camera.press("escape", "x")
    await camera.until(lambda: camera.app.screen.query_one("#xray", RowView).row_count > 5)
    await camera.take("x-ray")
    await camera.press("escape")
    await _select_route(camera, "store")
    await camera.press("t")
    await camera.take("twin")
    await camera.press("escape")


async def _cut_over(camera: Camera) -> None:
    await camera.press("p")
    await camera.take("plans")
    await _open_plan(camera, "store.shop.test")
    await camera.until(lambda: "running" not in str(camera.app.screen.query_one("#checks-title").right))
    await camera.take("checklist")
    await camera.press("s")
    await camera.until_run(lambda view: view.waiting_for is not None)
    await camera.take("cutover-confirm-ttl")
    await camera.confirm()
    await camera.until_run(lambda view: view.phase == "wait-ttl")
    await camera.take("cutover-wait")
    await camera.until_run(lambda view: view.waiting_for is not None and view.waiting_for.purpose == "switch")
    await camera.take("cutover-confirm-switch")
    await camera.confirm()
    await camera.until_run(lambda view: view.watch is not None and view.watch.new.requests > 30)
    await camera.take("watch")


async def photograph_waves(info: WorldInfo, size: tuple[int, int]) -> None:
    """Three hosts in two waves: a hold of the first, an alarm in the second, and who looks on."""
    settings = Settings(kubeconfig=str(info.kubeconfig), writes=True)
    bridge = Bridge(lambda: connect(str(info.kubeconfig), None), None)
    app = PointsmanApp(settings, bridge, [load_plan(info.plans["three-hosts"])])
    async with app.run_test(size=size) as pilot:
        camera = Camera(app, pilot, size)
        await camera.until(lambda: len(app.picture.overview.routes) > 8)
        await camera.press("p", "s")
        await camera.until_run(lambda view: view.waiting_for is not None)
        await camera.confirm()
        await camera.press("right_square_bracket")
        await camera.until_run(lambda view: view.waiting_for is not None)
        await camera.confirm()
        await camera.press("left_square_bracket")
        await camera.until_run(_waits_to("switch"))
        await camera.confirm()
        await camera.until_run(lambda view: view.outcome == "held")
        await camera.take("cutover-held")
        # the backend is well again shortly before the watch would have ended
        await camera.pilot.pause(PACE.watch)
        await camera.press("p")
        await camera.until_run(lambda view: view.phase == "soak")
        await camera.press("right_square_bracket")
        await camera.until_run(_waits_to("switch"))
        await camera.take("cutover-waves")
        await camera.confirm()
        await camera.until_run(lambda view: view.watch is not None and view.watch.new.errors > 0)
        await camera.take("watch-errors")
        await camera.until_run(lambda view: view.outcome == "rolled-back")
        await camera.take("alarm-rolled-back")
        ended = camera.view().run_id
    await _look_on(ended, size)


async def _look_on(run_id: str, size: tuple[int, int]) -> None:
    run = ReplayedRun.open(run_id)
    app = OnlookerApp(run, ReplayScreen(run))
    async with app.run_test(size=size) as pilot:
        camera = Camera(app, pilot, size)
        for _ in range(30):
            if run.view().phase == "watch":
                break
            await camera.press("down")
        await camera.take("replay")


def _waits_to(purpose: str) -> Callable[[RunView], bool]:
    return lambda view: view.waiting_for is not None and view.waiting_for.purpose == purpose


async def _roll_back(camera: Camera) -> None:
    await camera.press("z", *(_key(letter) for letter in "store.shop.test"))
    await camera.take("rollback-confirm")
    await camera.press("enter")
    await camera.until_run(lambda view: view.outcome == "rolled-back")
    await camera.take("rolled-back")
    await camera.press("J")
    await camera.take("journal")
    await camera.press("escape", "at")
    await camera.take("commands")


async def _select_route(camera: Camera, name: str) -> None:
    routes = camera.app.picture.overview.routes
    ref = next(row.ref for row in routes if row.ref.name == name)
    camera.app.screen.query_one("#routes", RowView).select(ref)
    await camera.pilot.pause(0.2)


async def _open_plan(camera: Camera, host: str) -> None:
    view = camera.app.screen.query_one("#plans", RowView)
    plan = next(plan for plan in camera.app.plans.values() if host in plan.hosts)
    view.select(plan.name)
    await camera.press("enter")


async def main() -> None:
    """Both sizes, fresh worlds for each."""
    only = sys.argv[1:]
    for size in SIZES:
        if only and f"{size[0]}x{size[1]}" not in only:
            continue
        with tempfile.TemporaryDirectory() as state:
            os.environ["POINTSMAN_STATE_DIR"] = state
            for scenario, take in (("shop", photograph), ("three-hosts-two-waves", photograph_waves)):
                world = World()
                info = await world.start(scenario, PACE)
                try:
                    await take(info, size)
                finally:
                    await world.stop()


if __name__ == "__main__":
    asyncio.run(main())
