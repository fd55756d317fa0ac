"""Filter, sort, history, namespaces and the screens about one object, by keys on a live practice cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_kit import Desk, WorldFacts, open_desk
from pointsman.cluster.client.connect import Connection, connect
from pointsman.sandbox.world import World
from pointsman.tui.screens.about import DescribeScreen
from pointsman.tui.screens.browse import BrowseScreen
from pointsman.tui.screens.findings import FindingsScreen
from pointsman.tui.screens.resources import ResourceScreen
from pointsman.tui.widgets.row_view import RowView
from syrupy.assertion import SnapshotAssertion

_SIGNS = {
    " ": "space",
    "-": "minus",
    ".": "full_stop",
    "/": "slash",
    "=": "equals_sign",
    "!": "exclamation_mark",
    "|": "vertical_line",
    "^": "circumflex_accent",
    "(": "left_parenthesis",
    ",": "comma",
}


async def enter(desk: Desk, opener: str, text: str) -> None:
    """Type ``text`` into the line that ``opener`` opens, and answer."""
    await desk.press(opener, *(_SIGNS.get(letter, letter) for letter in text), "enter")


def names(desk: Desk) -> list[str]:
    """The names in the table of routes."""
    view = desk.app.screen.query_one("#routes", RowView)
    return [key.name for key in view._rows.keys if key is not None]  # type: ignore[attr-defined]


@pytest.fixture
def connection(world: WorldFacts) -> Iterator[Connection]:
    """To the practice world's API server."""
    opened = connect(world["kubeconfig"], None)
    yield opened
    opened.close()


async def test_filters_as_in_k9s(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        everything = set(names(desk))
        await enter(desk, "slash", "^shop/|search$")
        regex = set(names(desk))
        assert {"checkout", "cart", "search"} <= regex < everything
        assert "filter '^shop/|search$'" in desk.text()
        await desk.press("slash", "home")
        await desk.press("exclamation_mark", "enter")
        assert set(names(desk)) == everything - regex
        await desk.press("escape")
        await enter(desk, "slash", "-f chkt")
        assert names(desk) == ["checkout"]
        await desk.press("escape")
        await enter(desk, "slash", "-l nobody=has,this")
        assert "nothing matches; esc clears" in desk.text()
        await desk.press("escape")
        await enter(desk, "slash", "cart(")
        assert "read as words; no regular expression" in desk.text()
        await desk.press("escape", "escape")
        assert set(names(desk)) == everything


async def test_leaving_the_filter_line_leaves_the_filter_as_it_was(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await enter(desk, "slash", "shop")
        before = names(desk)
        await desk.press("slash", "x", "y", "z")
        assert names(desk) == []
        await desk.press("escape")
        assert names(desk) == before


async def test_sorting_stands_in_the_title_and_the_cursor_stays_on_its_route(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await desk.press("j", "j")
        view = desk.app.screen.query_one("#routes", RowView)
        chosen = view.cursor_key
        await desk.press("N")
        assert names(desk) == sorted(names(desk))
        assert ", by name" in desk.text()
        assert view.cursor_key == chosen
        await desk.press("N")
        assert names(desk) == sorted(names(desk), reverse=True)
        assert "by name, reversed" in desk.text()
        await desk.press("H")
        shown = {row.ref.name: row.hostnames for row in desk.app.picture.overview.routes}
        hosts = [shown[name][0] if shown[name] else "~" for name in names(desk)]
        assert hosts == sorted(hosts)
        await desk.press("A")
        assert "newest first" in desk.text()
        await desk.press("S")
        assert names(desk) == [row.ref.name for row in desk.app.picture.overview.routes]


async def test_digits_are_the_fullest_namespaces(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        assert "0 all  1 shop  2 legacy" in desk.text()
        await desk.press("2")
        await desk.until_shown("ROUTES 4")
        assert "only legacy" in desk.text()
        assert {row.ref.namespace for row in desk.app.picture.overview.routes} == {"legacy"}
        await desk.press("9")
        assert "there are 5 namespaces with routes" in desk.text()
        await desk.press("0")
        await desk.until_shown("ROUTES 14")


async def test_history_goes_back_and_forth(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await enter(desk, "slash", "shop")
        await enter(desk, "colon", "grpcroutes")
        assert "GRPCROUTES" in desk.text()
        await desk.press("escape", "z")
        await desk.press("left_square_bracket")
        assert "faults only" not in desk.text()
        for _ in range(6):
            await desk.press("left_square_bracket")
        assert "that is the first" in desk.text()
        assert "ROUTES 14" in desk.text()
        await desk.press("right_square_bracket")
        assert "filter 'shop'" in desk.text()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_wide(small_world: WorldFacts, size: tuple[int, int]) -> None:
    async with open_desk(small_world, size) as desk:
        assert " age " not in desk.text()
        await desk.press("ctrl+w")
        await desk.pilot.pause(0.1)
        header = next(row for row in desk.text().splitlines() if "namespace" in row)
        assert "findings age" in header
        assert ("parents" in header) is (size[0] == 120)
        assert "GATEWAYS" not in desk.text()
        assert "broken.example" in desk.text()
        await desk.press("ctrl+w")
        await desk.pilot.pause(0.1)
        assert ("GATEWAYS" in desk.text()) is (size[0] == 120)


@pytest.mark.parametrize(
    "name",
    [
        "gateways",
        "gatewayclasses",
        "listenersets",
        "referencegrants",
        "policies",
        "ingresses",
        "services",
    ],
)
async def test_a_table_for_every_kind(world: WorldFacts, name: str) -> None:
    async with open_desk(world, (80, 24)) as desk:
        await enter(desk, "colon", name)
        assert isinstance(desk.app.screen, ResourceScreen)
        parts = getattr(desk.app.picture.snapshot, desk.app.screen.kind.part)
        assert f"{name.upper()} {len(parts)}" in desk.text()
        assert parts, "the practice world has one of each"
        subject = desk.app.screen.subject()
        assert subject in parts
        await desk.press("d")
        assert isinstance(desk.app.screen, DescribeScreen)
        await desk.press("escape", "y")
        await desk.until_shown("apiVersion: ")
        await desk.press("escape", "slash", "z", "q", "z", "enter")
        assert "nothing matches; esc clears" in desk.text()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_findings_lead_to_their_objects(
    small_world: WorldFacts, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with open_desk(small_world, size) as desk:
        await desk.press("F")
        await desk.until_shown("FINDINGS 2")
        assert desk.text() == snapshot
        copied: list[str] = []
        desk.app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
        await desk.press("j", "y")
        assert copied == ["kubectl get services -n shop"]
        await desk.press("enter")
        assert isinstance(desk.app.screen, BrowseScreen)
        view = desk.app.screen.query_one("#routes", RowView)
        assert str(view.cursor_key) == "HTTPRoute shop/broken"
        await desk.press("Y")
        assert copied[-1] == "broken"


async def test_a_finding_of_a_listener_leads_to_the_listener(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await desk.press("2", "F")
        await enter(desk, "slash", "GW303 https-img")
        assert isinstance(desk.app.screen, FindingsScreen)
        await desk.press("enter")
        assert "browse > infra/edge/https-img" in desk.text()
        tree = desk.app.screen.query_one("#tree", RowView)
        assert tree.has_focus
        await desk.press("0")


async def test_used_by_leads_to_the_user(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await enter(desk, "colon", "gw")
        await enter(desk, "slash", "infra/main")
        await desk.press("u")
        assert "HTTPRoute shop/checkout" in desk.text()
        assert "spec.parentRefs[0]" in desk.text()
        view = desk.app.screen.query_one("#users", RowView)
        chosen = next(key for key in view._rows.keys if str(key) == "HTTPRoute shop/checkout")
        assert view.select(chosen)
        await desk.press("enter")
        assert isinstance(desk.app.screen, BrowseScreen)
        assert desk.app.screen.subject() == chosen


async def test_events_are_fetched_and_are_only_text(world: WorldFacts, connection: Connection) -> None:
    path = "/api/v1/namespaces/shop/events"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "cart.1", "namespace": "shop"},
        "involvedObject": {"kind": "HTTPRoute", "namespace": "shop", "name": "cart"},
        "type": "Warning",
        "reason": "NotProgrammed",
        "message": "[bold]no[/] \x1b[31mendpoints",
        "count": 3,
        "lastTimestamp": "2020-01-01T00:00:00Z",
        "source": {"component": "a-controller"},
    }
    connection.request("POST", path, body=json.dumps(event).encode(), content_type="application/json")
    try:
        async with open_desk(world, (80, 24)) as desk:
            await enter(desk, "slash", "cart")
            await desk.press("e")
            await desk.until_shown("EVENTS 1")
            assert "NotProgrammed x3  a-controller" in desk.text()
            assert "[bold]no[/] ·[31mendpoints" in desk.text()
            await desk.press("d")
            assert isinstance(desk.app.screen, DescribeScreen)
            await desk.press("escape")
            await enter(desk, "colon", "events")
            await desk.until_shown("EVENTS 1")
    finally:
        connection.request("DELETE", f"{path}/cart.1")


async def test_events_that_are_refused_are_unknown(world: WorldFacts) -> None:
    async with open_desk(world, (80, 24)) as desk:
        assert desk.app.bridge.connection is not None
        desk.app.bridge.connection.close()
        await desk.press("e")
        await desk.until_shown("EVENTS unknown")


async def test_a_kind_that_may_not_be_read_is_unknown_and_not_none() -> None:
    practice = World()
    info = await practice.start(load=Path(__file__).parent / "small_world.yaml")
    assert practice.server is not None
    practice.server.policy.deny(["list", "watch"], ["services", "ingresses"])
    try:
        async with open_desk({"kubeconfig": str(info.kubeconfig), "plans": {}}, (120, 30)) as desk:
            await desk.until_shown("no permission for some")
            await desk.press("i")
            shown = desk.text().splitlines()
            # the least trustworthy first, and no number where nothing is known
            assert shown[2].split()[:2] == ["Ingress", "?"]
            assert shown[3].split()[:2] == ["Service", "?"]
            assert "no permission: unknown, not none" in shown[2]
            assert "why    not allowed" in desk.text()
            await desk.press("escape")
            await enter(desk, "colon", "services")
            assert "SERVICES 0" in desk.text()
            assert "Service denied: what is not shown may exist" in desk.text()
            await desk.press("escape", "F")
            assert "2 kinds denied: i" in desk.text()
            await desk.press("escape", "u")
            assert "not told: Ingress, Service" in desk.text()
    finally:
        await practice.stop()


async def test_a_change_of_verdict_is_marked_and_told(world: WorldFacts, connection: Connection) -> None:
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"
    route = connection.get_json(f"{path}/account")
    wrong = json.loads(json.dumps(route["spec"]["rules"]))
    wrong[0]["backendRefs"][0]["name"] = "nowhere"

    def patch(rules: object) -> None:
        body = json.dumps({"spec": {"rules": rules}}).encode()
        connection.request("PATCH", f"{path}/account", body=body, content_type="application/merge-patch+json")

    async with open_desk(world) as desk:
        assert not any("*shop" in row for row in desk.text().splitlines())
        patch(wrong)
        try:
            await desk.until(lambda: any("!*shop         account" in row for row in desk.text().splitlines()))
            await enter(desk, "slash", "account")
            assert "lately changed" in desk.text()
            assert "PASS before" in desk.text()
        finally:
            patch(route["spec"]["rules"])
        await desk.until(lambda: any(" *shop         account" in row for row in desk.text().splitlines()))


async def test_probed_is_what_the_checklist_met(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await enter(desk, "slash", "store.shop")
        assert desk.app.probed == {}
        await desk.press("c")
        await desk.until(lambda: "store.shop.test" in desk.app.probed)
        probed = desk.app.probed["store.shop.test"]
        await desk.press("escape")
        row = next(row for row in desk.text().splitlines() if "store.shop.test" in row and "HTTP" in row)
        assert row.rstrip().endswith(probed.status)
        assert probed.status == "200"
        assert "probed store.shop.test: 200, PASS" in desk.text()


async def test_the_prompt_moves_nothing(small_world: WorldFacts) -> None:
    async with open_desk(small_world, (80, 24)) as desk:
        before = desk.text().splitlines()
        await desk.press("colon")
        during = desk.text().splitlines()
        assert during[:-2] == before[:-2]
        await desk.press("g", "w", "tab")
        assert ": gw" in desk.text()
        assert isinstance(desk.app.screen, BrowseScreen)
        await desk.press("escape")
        assert desk.text().splitlines() == before
