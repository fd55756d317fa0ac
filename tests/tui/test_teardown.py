"""Leaving while things change: timers still run while a screen's widgets go one by one."""

from __future__ import annotations

import pytest
from desk_kit import WorldFacts, open_desk
from pointsman.tui.screens.browse import BrowseScreen
from pointsman.tui.screens.checklist import ChecklistScreen
from pointsman.tui.screens.frame import FrameScreen
from pointsman.tui.screens.plans import PlansScreen
from pointsman.tui.widgets.bars import Bar
from pointsman.tui.widgets.row_view import RowView


def _what_timers_do(screen: FrameScreen) -> None:
    screen.show_frame()
    if isinstance(screen, BrowseScreen):
        screen.picture_changed()
        screen.on_row_view_moved(RowView.Moved(RowView(id="routes"), None))
        screen.on_descendant_focus()
    if isinstance(screen, PlansScreen):
        screen.draw()
    if isinstance(screen, ChecklistScreen):
        screen.tick()


@pytest.mark.parametrize("keys", [(), ("p",), ("c",)], ids=["browse", "plans", "checklist"])
async def test_a_screen_that_is_taken_down_is_left_alone(
    world: WorldFacts, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    disturbed: list[str] = []

    def disturb(self: Bar | RowView) -> None:
        screen = self.screen
        assert isinstance(screen, FrameScreen)
        disturbed.append(str(self.id))
        _what_timers_do(screen)

    async with open_desk(world) as desk:
        await desk.press(*keys)
        screens = [screen for screen in desk.app.screen_stack if isinstance(screen, FrameScreen)]
        assert len(screens) == 1 + len(keys)
        for kind in (Bar, RowView):
            monkeypatch.setattr(kind, "on_unmount", disturb, raising=False)
        await desk.press("escape")
    assert "header" in disturbed
    assert len(disturbed) >= 8
