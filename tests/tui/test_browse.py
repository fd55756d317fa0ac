"""The browse screen on a live practice cluster."""

from __future__ import annotations

import json

import pytest
from desk_kit import WorldFacts, open_desk
from pointsman.cluster.client.connect import connect
from pointsman.tui.screens.browse import BrowseScreen
from pointsman.tui.widgets.row_view import RowView
from syrupy.assertion import SnapshotAssertion


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_whole_screen(
    small_world: WorldFacts, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with open_desk(small_world, size) as desk:
        await desk.until_shown("broken.example.net")
        assert desk.text() == snapshot


async def test_what_is_wrong_stands_first_and_says_why(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await desk.press("slash")
        await desk.type("checkout")
        await desk.press("enter")
        text = desk.text()
        assert "shop         checkout" in text
        assert "GW104" in text
        assert "no ReferenceGrant" in text.replace("\n", " ")
        assert "a ReferenceGrant in payments" in text


async def test_a_change_is_on_the_screen_within_a_second_and_the_cursor_stays(world: WorldFacts) -> None:
    connection = connect(world["kubeconfig"], None)
    try:
        async with open_desk(world) as desk:
            routes = desk.app.screen.query_one("#routes", RowView)
            chosen = next(row.ref for row in desk.app.picture.overview.routes if row.ref.name == "docs")
            assert routes.select(chosen)
            path = "/apis/gateway.networking.k8s.io/v1/namespaces/legacy/httproutes"
            clone = connection.get_json(f"{path}/docs")
            clone["metadata"] = {"name": "aaa-new", "namespace": "legacy"}
            clone.pop("status", None)
            connection.request("POST", path, body=json.dumps(clone).encode(), content_type="application/json")
            try:
                assert await desk.until_shown("aaa-new") < 1.0
                assert routes.cursor_key == chosen
            finally:
                connection.request("DELETE", f"{path}/aaa-new")
            assert await desk.until(lambda: "aaa-new" not in desk.text()) < 1.0
    finally:
        connection.close()


async def test_a_place_in_the_tree_chooses_the_routes(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await desk.press("tab")
        tree = desk.app.screen.query_one("#tree", RowView)
        edge = next(row for row in desk.app.picture.overview.gateways if row.ref.name == "edge")
        listener = next(entry for entry in edge.listeners if entry.ref.section == "https-docs")
        assert tree.select(listener.ref)
        await desk.pilot.pause()
        text = desk.text()
        assert "docs.shop.test" in text
        assert "store.shop.test" not in text


async def test_faults_only_and_escape(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await desk.press("z")
        assert "faults only" in desk.text()
        assert "store.shop.test" not in desk.text()
        await desk.press("escape")
        assert "store.shop.test" in desk.text()


async def test_yaml_is_fetched_and_secrets_are_not(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await desk.press("y")
        await desk.until_shown("apiVersion: gateway.networking.k8s.io/v1")
        assert "managedFields" not in desk.text()
        await desk.press("escape")
        assert isinstance(desk.app.screen, BrowseScreen)


async def test_the_help_opens_and_closes(world: WorldFacts) -> None:
    async with open_desk(world, (80, 24)) as desk:
        await desk.press("question_mark")
        assert "between the gateways and the routes" in desk.text()
        await desk.press("escape")
        assert isinstance(desk.app.screen, BrowseScreen)


async def test_only_one_namespace_and_all_again(world: WorldFacts) -> None:
    async with open_desk(world) as desk:
        await desk.press("colon")
        await desk.type("ns search")
        await desk.press("enter")
        await desk.until_shown("ROUTES 2")
        assert "store.shop.test" not in desk.text()
        assert "infra/main" in desk.text()
        await desk.press("colon")
        await desk.type("ns nowhere")
        await desk.press("enter")
        await desk.until_shown("no namespace nowhere here")
        await desk.press("colon")
        await desk.type("ns all")
        await desk.press("enter")
        await desk.until_shown("store.shop.test")


async def test_a_judge_that_ends_early_is_told_and_what_is_shown_is_not_called_live(
    world: WorldFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(judge: object, snapshot: object, changed: object) -> object:
        raise TypeError("a mistake of ours")

    async with open_desk(world) as desk:
        monkeypatch.setattr("pointsman.probes.state.live.LiveJudge.judge", broken)
        desk.app.bridge.narrow(("shop",))
        await desk.until_shown("not judged")
        assert " live " not in desk.text().splitlines()[0]
        monkeypatch.undo()
        desk.app.bridge.narrow(None)
        await desk.until_shown(" live ")
