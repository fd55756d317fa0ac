"""From one cluster to another: the old picture is never shown as if it were the new one's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from desk_kit import Desk, WorldFacts, end_world, open_desk, start_world

_OTHER = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: elsewhere, namespace: far}
spec: {hostnames: [elsewhere.example.org], parentRefs: [{name: none}]}
"""


@pytest.fixture(scope="module")
def two_worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorldFacts]:
    """The small world as ``near``, another as ``far``, and a context whose cluster is not there."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "far.yaml").write_text(_OTHER)
    near, near_facts = start_world("--load", str(Path(__file__).parent / "small_world.yaml"))
    far, far_facts = start_world("--load", str(folder / "far.yaml"))
    merged: dict[str, object] = {"apiVersion": "v1", "kind": "Config", "current-context": "near"}
    entries: dict[str, list[dict[str, object]]] = {"clusters": [], "users": [], "contexts": []}
    for name, facts in (("near", near_facts), ("far", far_facts)):
        config = yaml.safe_load(Path(facts["kubeconfig"]).read_text())
        entries["clusters"].append({"name": name, "cluster": config["clusters"][0]["cluster"]})
        entries["users"].append({"name": name, "user": config["users"][0]["user"]})
        entries["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    entries["contexts"].append({"name": "broken", "context": {"cluster": "nowhere", "user": "near"}})
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump({**merged, **entries}))
    file.chmod(0o600)
    yield {**near_facts, "kubeconfig": str(file)}
    end_world(near)
    end_world(far)


async def context(desk: Desk, name: str) -> None:
    await desk.press("colon", *"ctx", "space", *name, "enter")


async def test_there_and_back(two_worlds: WorldFacts) -> None:
    async with open_desk(two_worlds, (100, 30)) as desk:
        seen: list[tuple[str, frozenset[str]]] = []
        tick = desk.app._tick

        def watch() -> None:
            routes = frozenset(ref.name for ref in desk.app.bridge.picture.snapshot.routes)
            seen.append((desk.app.bridge.context, routes))
            tick()

        assert "near" in desk.text().splitlines()[0]
        desk.app.set_interval(0.01, watch)
        await context(desk, "far")
        await desk.until_shown("elsewhere.example.org")
        assert desk.text().splitlines()[0].startswith(" far")
        assert "broken.example.net" not in desk.text()
        await context(desk, "near")
        await desk.until_shown("broken.example.net")
        assert desk.text().splitlines()[0].startswith(" near")
        # at no moment did one cluster's name stand above the other's routes
        assert all("elsewhere" not in routes for name, routes in seen if name == "near")
        assert all("broken" not in routes for name, routes in seen if name == "far")
        # and nothing that was already there is marked as new
        assert not desk.app.changes.any_shown(0.0)


async def test_a_broken_context_says_so_and_leaves_a_way_out(two_worlds: WorldFacts) -> None:
    async with open_desk(two_worlds, (100, 30)) as desk:
        await context(desk, "broken")
        await desk.until_shown("names cluster nowhere, which is not in")
        assert desk.text().splitlines()[0].startswith(" broken")
        assert "no connection" in desk.text().splitlines()[0]
        assert "broken.example.net" not in desk.text()
        assert desk.app.is_running
        await desk.press("colon", *"ctx", "enter")
        text = desk.text()
        assert text.index("broken") < text.index("far") < text.index("near")
        assert "the current one" in text
        await desk.press("g", "j", "enter")
        await desk.until_shown("elsewhere.example.org")
        assert "no connection" not in desk.text()


async def test_namespaces_of_the_old_cluster_are_forgotten(two_worlds: WorldFacts) -> None:
    async with open_desk(two_worlds, (100, 30)) as desk:
        await desk.press("1")
        await desk.until_shown("only shop")
        await context(desk, "far")
        await desk.until_shown("elsewhere.example.org")
        assert "only" not in desk.text().splitlines()[-2]
