"""A cutover and a rollback done by hand: over real sockets, with the practice world's DNS."""

from __future__ import annotations

import dns.message
import dns.query
from desk_kit import Desk, WorldFacts, open_desk
from pointsman.checklists.machine.view import RunView
from pointsman.tui.screens.cutover import CutoverScreen
from pointsman.tui.widgets.row_view import RowView


def answer(world: WorldFacts, host: str) -> str:
    """The address that the authoritative server gives."""
    address, _, port = world["dns_authoritative"].rpartition(":")
    reply = dns.query.udp(dns.message.make_query(host, "A"), address, timeout=5, port=int(port))
    return str(reply.answer[0][0])


async def open_plan(desk: Desk, host: str, key: str) -> None:
    await desk.press("p")
    view = desk.app.screen.query_one("#plans", RowView)
    assert view.select(next(plan.name for plan in desk.app.plans.values() if host in plan.hosts))
    await desk.press(key)


def run_view(desk: Desk) -> RunView:
    assert isinstance(desk.app.screen, CutoverScreen)
    return desk.app.screen.run.view()


async def until_asked(desk: Desk, purpose: str) -> None:
    def asked() -> bool:
        waiting = run_view(desk).waiting_for
        return waiting is not None and waiting.purpose == purpose

    await desk.until(asked, 40)
    await desk.pilot.pause(0.15)


async def test_checklist_then_cutover_then_back(world: WorldFacts) -> None:
    host = "account.shop.test"
    async with open_desk(world) as desk:
        await open_plan(desk, host, "enter")
        await desk.until_shown("10 items", 30)
        text = desk.text()
        assert "PASS    1 routes accepted" in text
        assert "FAIL    6 DNS TTL" in text
        await desk.press("s")
        await until_asked(desk, "lower-ttl")
        assert "- account.shop.test. 3 A 127.0.0.2" in desk.text()
        assert "+ account.shop.test. 1 A 127.0.0.2" in desk.text()
        await desk.press("enter")
        await desk.type(host)
        await desk.press("enter")
        await until_asked(desk, "switch")
        assert "+ account.shop.test. 1 A 127.0.0.3" in desk.text()
        assert answer(world, host) == "127.0.0.2"

        # a wrong name changes nothing
        await desk.press("enter")
        await desk.type("account.shop")
        await desk.press("enter")
        await desk.pilot.pause(0.3)
        assert answer(world, host) == "127.0.0.2"

        await desk.press("enter")
        await desk.type(host)
        await desk.press("enter")
        await desk.until(lambda: run_view(desk).phase == "watch")
        await desk.until_shown("evidence |")
        assert answer(world, host) == "127.0.0.3"
        await desk.press("z")
        await desk.until_shown("this moves the traffic back")
        await desk.type(host)
        await desk.press("enter")
        await desk.until(lambda: run_view(desk).outcome == "rolled-back", 30)
        assert answer(world, host) == "127.0.0.2"
        await desk.press("J")
        await desk.until_shown("chain ok")
        await desk.press("escape", "at")
        await desk.until_shown("nsupdate")
        await desk.press("escape")
        ended = run_view(desk).run_id
        await desk.press("n")
        await desk.until(lambda: run_view(desk).run_id != ended)
        await desk.press("escape")
        await desk.until_shown("checklist > account")


async def test_a_gate_that_is_shut_stays_shut(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await open_plan(desk, "pay.shop.test", "s")
        await desk.until(lambda: run_view(desk).outcome == "stopped-at-gate", 30)
        await desk.until_shown("is shut")
        assert "500" in desk.text()
        await desk.press("enter")
        assert not desk.app.screen.prompt.asking  # type: ignore[attr-defined]
        assert answer(world, "pay.shop.test") == "127.0.0.2"


async def test_read_only_changes_nothing(world: WorldFacts) -> None:
    async with open_desk(world, writes=False) as desk:
        await open_plan(desk, "www.shop.test", "s")
        await desk.until_shown("read-only")
        await desk.until(lambda: "writ" in run_view(desk).message, 30)
        assert run_view(desk).waiting_for is None
        assert answer(world, "www.shop.test") == "127.0.0.2"


async def test_80_columns_are_enough(world: WorldFacts) -> None:
    async with open_desk(world, (80, 24)) as desk:
        await open_plan(desk, "docs.shop.test", "s")
        await until_asked(desk, "lower-ttl")
        text = desk.text()
        assert "this lowers the TTL" in text
        assert text.splitlines()[-1].rstrip().endswith("esc leave it running")
        await desk.press("escape")
        assert "unfinished" in desk.text() or "lower-ttl" in desk.text()
