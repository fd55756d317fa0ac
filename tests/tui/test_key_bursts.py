"""Keys that come all at once, over a slow line or from a script, mean what they were typed for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desk_kit import Desk, WorldFacts, open_desk
from pointsman.checklists.machine.view import Confirm, RollBack
from pointsman.cluster.refs import ObjectRef
from pointsman.tui.screens.browse import BrowseScreen
from pointsman.tui.screens.cutover import CutoverScreen
from pointsman.tui.screens.plans import PlansScreen
from pointsman.tui.widgets.row_view import RowView
from pty_kit import Pty
from test_cutover_screen import ASKED, FIRST, SECOND, still
from textual.events import Event, Key, Paste
from textual.widgets import Input

ASKING = replace(SECOND, waiting_for=ASKED, message="", hosts=("shop",))
_NAMED = {
    "\r": "enter",
    "\x1b": "escape",
    ":": "colon",
    "/": "slash",
    ".": "full_stop",
    "\x17": "ctrl+w",
    "\x15": "ctrl+u",
}
_NAMED |= {" ": "space", "]": "right_square_bracket", "-": "minus", "@": "at"}


def keys_of(text: str) -> list[Event]:
    return [Key(_NAMED.get(letter, letter), letter) for letter in text]


async def burst(desk: Desk, *typed: str | Event) -> None:
    """All of it waits for the application before it can look at the first."""
    for one in typed:
        for event in keys_of(one) if isinstance(one, str) else [one]:
            assert desk.app.post_message(event)
    await desk.pilot.pause(0)
    await desk.until(lambda: not desk.app.keyboard.busy)
    await desk.pilot.pause()


async def until_typing_has_paused(desk: Desk) -> None:
    await desk.pilot.pause(0.55)


# -- the lines that ask, on browse


async def test_browse(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        app = desk.app
        # a second line opened behind the first; each gets its own letters
        await burst(desk, ":ns media\r:ns shop\r")
        assert app.shown_namespaces == ("shop",)
        assert not app.screen.query_one("#prompt").has_class("asking")
        # what follows an answer is for the screen again
        await burst(desk, ":ns all\r\x17\x17:ns media\r")
        assert app.shown_namespaces == ("media",)
        assert isinstance(app.screen, BrowseScreen)
        assert not app.screen.arrangement.wide
        await burst(desk, ":ns all\r/shop\rz")
        assert app.screen.arrangement.filter.text == "shop"
        assert app.screen.arrangement.faults
        # escape leaves a line, and what comes behind it is no part of it
        await burst(desk, "/nobody\x1bz")
        assert app.screen.arrangement.filter.text == "shop"
        assert not app.screen.arrangement.faults
        assert isinstance(app.screen.focused, RowView)


async def test_what_was_chosen_is_what_the_next_key_is_about(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        app = desk.app
        routes = app.screen.query_one("#routes", RowView)
        # the rows are those of the namespace before the cursor moves in them
        await burst(desk, ":ns media\rj")
        assert routes.row_count == 2
        assert routes.cursor == 1
        second = routes.cursor_key
        await burst(desk, ":ns all\r:ns media\rgjd")
        await desk.until(lambda: type(app.screen).__name__ == "DescribeScreen")
        assert isinstance(second, ObjectRef)
        assert second.name in desk.text()
        # a screen that is put up takes the keys behind the one that put it up
        await burst(desk, "q:ingresses\rjjq:findings\r/nothing-like-this\r")
        await desk.until_shown("nothing-like-this")
        assert type(app.screen).__name__ == "FindingsScreen"
        assert len(app.screen_stack) == 3
        await burst(desk, "q:xray\r\x15https://img.shop.test/\r")
        await desk.until_shown(" GET https://img.shop.test/")


# -- a cutover


@pytest.mark.parametrize("behind", ["q", "\rshop\r"])
async def test_a_confirmation_in_one_go_confirms_that_and_no_more(behind: str) -> None:
    async with still((120, 40), ASKING) as (desk, (run,)):
        await burst(desk, f"\rshop\r{behind}")
        assert run.asked == [Confirm("switch", "shop", "c1")]
        assert isinstance(desk.app.screen, CutoverScreen)
        assert not desk.app.screen.prompt.asking


async def test_a_rollback_in_one_go() -> None:
    async with still((120, 40), FIRST) as (desk, (run,)):
        await burst(desk, "zstore.shop.test\r")
        assert run.asked == [RollBack("store.shop.test", "b1")]


async def test_a_pasted_name_confirms_only_with_enter() -> None:
    async with still((120, 40), ASKING) as (desk, (run,)):
        await burst(desk, "\r", Paste("shop\r\nz"))
        assert run.asked == []
        assert desk.app.screen.query_one(Input).value == "shop"
        await burst(desk, "\r")
        assert run.asked == [Confirm("switch", "shop", "c1")]


# letters that are commands here: p, z, q, r, w, a, n, and those of every screen
_NAME = "zqprwanFiJ.quiz-paper.shop.test"


async def test_a_name_where_nothing_is_asked_is_no_command() -> None:
    nothing_asked = replace(ASKING, waiting_for=None)
    async with still((120, 40), nothing_asked) as (desk, (run,)):
        stack = len(desk.app.screen_stack)
        await burst(desk, f"\r{_NAME}\r")
        assert "nothing is asked now" in desk.text()
        # typed at the pace of a hand the letters come one by one
        await until_typing_has_paused(desk)
        await desk.press("enter", *"qpzwn")
        assert run.asked == []
        assert len(desk.app.screen_stack) == stack
        assert not desk.app.screen.query_one("#prompt").has_class("asking")
        # and after a pause, or escape, commands are taken again
        await desk.press("escape", "p")
        assert len(run.asked) == 1


async def test_a_command_in_the_midst_of_other_keys_is_not_taken() -> None:
    async with still((120, 40), FIRST, ASKING) as (desk, runs):
        stack = len(desk.app.screen_stack)
        for keys in ("xp", "jzstore.shop.test\r", "]\rshop\r", "xq"):
            await burst(desk, f"{keys}{_NAME}")
            assert [run.asked for run in runs] == [[], []]
            assert len(desk.app.screen_stack) == stack
            assert "came all at once" in desk.text()
            await until_typing_has_paused(desk)


async def test_a_paste_without_a_question_is_no_command() -> None:
    async with still((120, 40), FIRST) as (desk, (run,)):
        await burst(desk, Paste(f"p{_NAME}\r"), f"p{_NAME}\r")
        assert run.asked == []
        assert "no question is open" in desk.text()


async def test_what_is_read_only_stays_so_in_one_go() -> None:
    async with still((120, 40), replace(ASKING, read_only="ana@desk carries it out")) as (desk, (run,)):
        stack = len(desk.app.screen_stack)
        await burst(desk, f"\r{_NAME}\r")
        assert run.asked == []
        assert len(desk.app.screen_stack) == stack
        assert "takes no command here" in desk.text()


async def test_letters_of_a_word_begin_nothing(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        app = desk.app
        await burst(desk, ":", Paste("ns media"), "\r")
        assert app.shown_namespaces == ("media",)
        await burst(desk, Paste("pspq\r\r"))
        assert isinstance(app.screen, BrowseScreen)
        assert "no question is open" in desk.text()
        await until_typing_has_paused(desk)
        await burst(desk, "pods\r")
        assert isinstance(app.screen, PlansScreen)
        assert all(app.runs_of(plan) == () for plan in app.plans.values())
        assert "came all at once" in desk.text()
        # what is urgent waits for nothing
        for event in [*keys_of("q:ns shop"), Key("ctrl+c", "\x03")]:
            app.post_message(event)
        await desk.until(lambda: app._exit)


# -- on a terminal


def test_on_a_terminal(small_world: WorldFacts) -> None:
    with Pty("--kubeconfig", small_world["kubeconfig"]) as terminal:
        terminal.until_loaded()
        terminal.send(b":ns shop\r:ns nowhere\r\x17\x17\x1b[B\x1b[A/brok\r")
        terminal.until_shown("filter 'brok'")
        terminal.send(b":ns all\r:gateways\r/main\r")
        terminal.until_shown("main")
        terminal.read_until_quiet(0.3)
        terminal.send(b"\x1b[200~pq:q\rq\x1b[201~")
        terminal.until_shown("no question is open")
        terminal.read_until_quiet(0.6)
        terminal.send(b":\x1b[200~quit\x1b[201~\r")
        assert terminal.ended() == 0
