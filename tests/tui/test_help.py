"""The help says every key, and no key that is none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from desk_kit import WorldFacts, open_desk
from pointsman.tui.app import PointsmanApp
from pointsman.tui.keys import key_name
from pointsman.tui.lines import plain
from pointsman.tui.screens.frame import FrameScreen
from pointsman.tui.screens.help import help_lines, screen_classes, section_of
from pointsman.tui.widgets.prompt import Prompt
from pointsman.tui.widgets.row_view import RowView
from textual.binding import Binding, BindingType

_ROW = re.compile(r"^   (\S.*?)(?:  +| $)")


def keys_of(bindings: list[BindingType]) -> Iterator[str]:
    for binding in bindings:
        assert isinstance(binding, Binding)
        yield from (key_name(key) for key in binding.key.split(","))


def sections() -> dict[str, list[str]]:
    """The keys on the page, by section."""
    found: dict[str, list[str]] = {}
    title = ""
    for entry in map(plain, help_lines("", 200)):
        if entry.startswith("   ") and not entry.startswith("    "):
            key = entry[3:20].rstrip()
            keys = [str(number) for number in range(10)] if key == "0-9" else key.split(" ")
            found[title] += keys
        elif entry.startswith(" ") and not entry.startswith("  "):
            title = entry.strip()
            found[title] = []
    return found


def test_every_key_of_every_screen_stands_in_the_help_and_no_other() -> None:
    shown = sections()
    bound: dict[str, set[str]] = {}
    for cls in screen_classes():
        own = cls.__dict__
        keys = set(keys_of(list(own.get("BINDINGS", ()))))
        keys |= {"enter"} if own.get("ENTER") else set()
        bound.setdefault(section_of(cls), set()).update(keys)
    for bindings in (RowView.BINDINGS, Prompt.BINDINGS, PointsmanApp.BINDINGS):
        bound["everywhere"].update(keys_of(list(bindings)))
    for name, keys in bound.items():
        assert set(shown.get(name, [])) == keys, name


def test_every_key_says_what_it_does() -> None:
    for cls in screen_classes():
        for binding in cls.__dict__.get("BINDINGS", ()):
            assert isinstance(binding, Binding)
            assert len(binding.description) >= 4, (cls, binding)


def test_keys_that_destroy_elsewhere_do_nothing_here() -> None:
    for cls in [*screen_classes(), RowView, PointsmanApp]:
        keys = {
            key for binding in cls.BINDINGS if isinstance(binding, Binding) for key in binding.key.split(",")
        }
        assert not keys & {"ctrl+d", "ctrl+k"}, cls


def test_what_the_key_bar_says_is_bound() -> None:
    """The bar of each screen that can stand without a run or a plan."""
    from pointsman.cluster.refs import ObjectRef
    from pointsman.tui import doors
    from pointsman.tui.screens.browse import BrowseScreen

    ref = ObjectRef("HTTPRoute", "shop", "store")
    screens: list[FrameScreen] = [BrowseScreen(), doors.help_for(None), doors.resources("svc")]
    screens += [doors.list_of(name) for name in ("findings", "kinds", "contexts", "aliases", "commands")]
    screens += [doors.about(aspect, ref) for aspect in ("describe", "yaml", "events", "used-by")]
    everywhere = {*keys_of(list(RowView.BINDINGS)), *keys_of(list(PointsmanApp.BINDINGS))}
    for screen in screens:
        bound = set(everywhere)
        for cls in type(screen).__mro__:
            if issubclass(cls, FrameScreen):
                bound.update(keys_of(list(cls.__dict__.get("BINDINGS", ()))))
        bar = screen.keys()
        for keys, _ in bar:
            assert set(keys.split(" ")) <= bound, (screen, keys)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_page_fits_and_begins_with_the_screen_in_front(
    small_world: WorldFacts, size: tuple[int, int]
) -> None:
    async with open_desk(small_world, size) as desk:
        await desk.press("F", "question_mark")
        shown = desk.text().splitlines()
        assert shown[1].strip() == "findings"
        assert "copy the command that shows the same" in desk.text()
        # every line of the page, from top to bottom, is within the width
        for entry in map(plain, help_lines("findings", size[0])):
            assert len(entry) <= size[0], entry
        await desk.press("G")
        await desk.until_shown("0 all 1 shop")
        await desk.press("escape", "escape")
        assert "ROUTES 2" in desk.text()
