"""The x-ray: from a route by a key, from the ``:`` line, and by its own line that asks."""

from __future__ import annotations

import json

import pytest
from desk_kit import WorldFacts, open_desk
from pointsman.cluster.client.connect import connect
from pointsman.cluster.store import read_documents
from pointsman.tui.screens.browse import BrowseScreen
from pointsman.tui.screens.xray import XrayScreen
from pointsman.tui.widgets.row_view import RowView
from pointsman.tui.xray_start import request_for
from textual.widgets import Input


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_from_the_selected_route(small_world: WorldFacts, size: tuple[int, int]) -> None:
    async with open_desk(small_world, size) as desk:
        await desk.until_shown("broken.example.net")
        await desk.press("x")
        await desk.until(lambda: isinstance(desk.app.screen, XrayScreen))
        await desk.until_shown("GET http://broken.example.net/")
        text = desk.text()
        assert "500: Service shop/nowhere:8080: there is no such Service" in " ".join(text.split())
        assert "try    curl" in text
        assert any(command.startswith("curl") for command in desk.app.commands)
        assert all(len(row) <= size[0] for row in text.splitlines())
        await desk.press("escape")
        assert isinstance(desk.app.screen, BrowseScreen)


async def test_from_the_colon_line_and_another_request(small_world: WorldFacts) -> None:
    async with open_desk(small_world) as desk:
        desk.app.go("x GET http://store.example.net/cart -H 'a: b'")
        await desk.until_shown("answered by Service shop/store:8080")
        await desk.press("e")
        field = desk.app.screen.query_one(Input)
        assert field.value == "GET http://store.example.net/cart -H 'a: b'"
        field.value = "nonsense"
        await desk.press("enter")
        await desk.until_shown("has no scheme")
        await desk.press("s")
        await desk.until_shown("gateway side only")


async def test_it_is_worked_out_anew_when_the_cluster_changes(world: WorldFacts) -> None:
    path = "/apis/gateway.networking.k8s.io/v1/namespaces/legacy/httproutes"
    connection = connect(world["kubeconfig"], None)
    try:
        async with open_desk(world) as desk:
            clone = connection.get_json(f"{path}/docs")
            clone["metadata"] = {"name": "xray-new", "namespace": "legacy"}
            clone["spec"]["hostnames"] = ["xray.shop.test"]
            clone.pop("status", None)
            desk.app.go("x https://xray.shop.test/")
            await desk.until_shown("client 404")
            connection.request("POST", path, body=json.dumps(clone).encode(), content_type="application/json")
            try:
                await desk.until_shown("HTTPRoute legacy/xray-new")
            finally:
                connection.request("DELETE", f"{path}/xray-new")
            await desk.until(lambda: "legacy/xray-new" not in desk.text())
    finally:
        connection.close()


async def test_without_a_request_it_asks(small_world: WorldFacts) -> None:
    async with open_desk(small_world) as desk:
        desk.app.go("xray")
        await desk.until(lambda: bool(desk.app.screen.query("XrayScreen #prompt.asking")))
        assert desk.app.screen.query_one(Input).value == "GET https://"
        assert desk.app.screen.query_one(RowView).row_count > 0


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("HTTPRoute", {"hostnames": ["*.a.example"], "rules": [{"matches": [{"path": {"value": "/x"}}]}]},
         "GET https://any.a.example/x"),
        ("HTTPRoute", {"hostnames": ["a.example"], "rules": [{"matches": [{
            "method": "POST", "headers": [{"name": "h", "value": "it's"}],
            "queryParams": [{"name": "q", "value": "1 2"}],
        }]}]}, """POST 'https://a.example/?q=1+2' -H 'h: it'"'"'s'"""),
        ("HTTPRoute", {"hostnames": ["a.example"],
                       "rules": [{"matches": [{"path": {"type": "RegularExpression", "value": "/.*"}}]}]},
         "GET https://a.example/"),
        ("GRPCRoute", {"hostnames": ["a.example"],
                       "rules": [{"matches": [{"method": {"service": "s", "method": "m"}}]}]},
         "POST https://a.example/s/m -H 'content-type: application/grpc'"),
    ],
)  # fmt: skip
def test_the_request_of_a_route(kind: str, spec: dict[str, object], expected: str) -> None:
    document = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "r", "namespace": "n"},
        "spec": {"parentRefs": [{"name": "none"}], **spec},
    }
    snapshot = read_documents([document])
    (ref,) = snapshot.routes
    assert request_for(snapshot, ref) == expected
