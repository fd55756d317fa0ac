"""kubectl and the screens on one practice cluster, and the demo by hand in tmux."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from desk_kit import WorldFacts, open_desk
from pointsman.tui.widgets.row_view import RowView

pytestmark = pytest.mark.real

TMUX_SIZES = [(120, 40), (80, 24)]
# what somebody needs at least to answer what is seen
_REACTION_S = 0.2


class Kubectl:
    """kubectl on one cluster, with nothing of the user's."""

    def __init__(self, program: str, facts: WorldFacts) -> None:
        self._argv = [program, "--kubeconfig", facts["kubeconfig"]]

    def __call__(self, *arguments: str) -> str:
        ended = subprocess.run([*self._argv, *arguments], capture_output=True, text=True, timeout=30)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    async def meanwhile(self, *arguments: str) -> str:
        """The same while the screens go on."""
        return await asyncio.to_thread(self, *arguments)

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*self._argv, *arguments], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def kubectl(world: WorldFacts) -> Kubectl:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("needs kubectl")
    return Kubectl(program, world)


# -- kubectl by itself


def test_get_describe_and_can_i(kubectl: Kubectl) -> None:
    table = kubectl("get", "gateways,httproutes", "-A").splitlines()
    assert table[0].split()[:3] == ["NAMESPACE", "NAME", "CLASS"]
    assert any(
        row.startswith("shop ") and "httproute.gateway.networking.k8s.io/store" in row for row in table
    )
    store = yaml.safe_load(kubectl("get", "httproute", "store", "-n", "shop", "-o", "yaml"))
    assert store["spec"]["hostnames"] == ["store.shop.test"]
    assert store["status"]["parents"][0]["conditions"]
    described = kubectl("describe", "gateway", "main", "-n", "infra")
    assert re.search(r"^Name: +main$", described, re.MULTILINE)
    assert "Attached Routes" in described
    assert kubectl("auth", "can-i", "list", "httproutes", "-A").strip() == "yes"
    assert "*.*" in kubectl("auth", "can-i", "--list")


def test_get_w_sees_a_change(kubectl: Kubectl) -> None:
    watching = kubectl.started("get", "httproute", "docs", "-n", "legacy", "-w", "-o", "json")
    try:
        assert watching.stdout is not None
        first = _one_document(watching)
        stamp = str(time.time())
        assert stamp not in first
        kubectl("annotate", "--overwrite", "httproute", "docs", "-n", "legacy", f"test/stamp={stamp}")
        assert stamp in _one_document(watching)
    finally:
        watching.terminate()
        watching.communicate(timeout=10)


def _one_document(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = ""
    for row in process.stdout:
        text += row
        if row == "}\n":
            break
    json.loads(text)
    return text


# -- kubectl beside the screens


async def test_a_patch_is_on_the_screen_within_a_second(world: WorldFacts, kubectl: Kubectl) -> None:
    async with open_desk(world) as desk:
        patch = ("patch", "httproute", "docs", "-n", "legacy", "--type=merge", "-p")
        added = '{"spec": {"hostnames": ["docs.shop.test", "manual.shop.test"]}}'
        await kubectl.meanwhile(*patch, added)
        try:
            assert await desk.until_shown("docs.shop.test +1", 5) < 1.0
        finally:
            await kubectl.meanwhile(*patch, '{"spec": {"hostnames": ["docs.shop.test"]}}')
        assert await desk.until(lambda: "docs.shop.test +1" not in desk.text(), 5) < 1.0


async def test_an_annotation_and_a_label_reach_the_screen(world: WorldFacts, kubectl: Kubectl) -> None:
    async with open_desk(world) as desk:
        routes = desk.app.screen.query_one("#routes", RowView)
        docs = next(row.ref for row in desk.app.picture.overview.routes if row.ref.name == "docs")
        assert routes.select(docs)
        await kubectl.meanwhile(
            "annotate", "--overwrite", "httproute", "docs", "-n", "legacy", "test/seen=yes"
        )
        await kubectl.meanwhile("label", "--overwrite", "httproute", "docs", "-n", "legacy", "tier=gold")

        def known() -> bool:
            meta = desk.app.picture.snapshot.routes[docs].meta
            return meta.annotations.get("test/seen") == "yes" and meta.labels.get("tier") == "gold"

        assert await desk.until(known, 5) < 1.0
        await desk.press("y")
        await desk.until_shown("tier: gold", 5)
        await desk.until_shown("test/seen", 5)
        await kubectl.meanwhile("label", "httproute", "docs", "-n", "legacy", "tier-")


async def test_a_fault_made_by_kubectl_is_told(world: WorldFacts, kubectl: Kubectl) -> None:
    async with open_desk(world) as desk:
        patch = ("patch", "httproute", "docs", "-n", "legacy", "--type=json", "-p")
        where = "/spec/rules/0/backendRefs/0/name"
        name = yaml.safe_load(kubectl("get", "httproute", "docs", "-n", "legacy", "-o", "yaml"))
        before = name["spec"]["rules"][0]["backendRefs"][0]["name"]
        await kubectl.meanwhile(*patch, json.dumps([{"op": "replace", "path": where, "value": "nowhere"}]))
        try:
            docs = next(row.ref for row in desk.app.picture.overview.routes if row.ref.name == "docs")

            def told() -> bool:
                return any(found.rule == "GW105" or "nowhere" in found.summary
                           for found in desk.app.picture.by_object.get(docs, ()))  # fmt: skip

            assert await desk.until(told, 5) < 1.0
        finally:
            await kubectl.meanwhile(*patch, json.dumps([{"op": "replace", "path": where, "value": before}]))


# -- by hand in tmux


class Tmux:
    """A tmux server of its own with one session that runs the demo."""

    def __init__(self, program: str, size: tuple[int, int], environment: dict[str, str]) -> None:
        self._argv = [program, "-f", "/dev/null", "-L", f"pointsman-test-{os.getpid()}-{size[0]}"]
        columns, lines = map(str, size)
        self.size = size
        self("kill-server", check=False)
        exported = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
        # the size is the terminal's, whatever the shell that runs the tests has exported
        command = f"env -u COLUMNS -u LINES {sys.executable} -m pointsman.tui demo; sleep 600"
        self("new-session", "-d", "-s", "demo", "-x", columns, "-y", lines, *exported, command)

    def __call__(self, *arguments: str, check: bool = True) -> str:
        ended = subprocess.run([*self._argv, *arguments], capture_output=True, text=True, timeout=20)
        assert not check or ended.returncode == 0, ended.stderr
        return ended.stdout

    def keys(self, *keys: str) -> None:
        self("send-keys", "-t", "demo", *keys)

    def type(self, text: str) -> None:
        self("send-keys", "-t", "demo", "-l", text)

    def screen(self) -> str:
        return self("capture-pane", "-p", "-t", "demo")

    def until_shown(self, text: str, longest_s: float = 30.0) -> str:
        end = time.monotonic() + longest_s
        while text not in (shown := self.screen()):
            if time.monotonic() > end:
                pytest.fail(f"{text!r} never came:\n{shown}")
            time.sleep(0.1)
        # nobody answers faster; a key that comes before the screen has settled is refused as typed ahead
        time.sleep(_REACTION_S)
        return shown


@pytest.fixture(params=TMUX_SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def tmux(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tmux]:
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("needs tmux")
    # in the usual place: how long its path is matters at 80 columns
    server = Tmux(program, request.param, {"HOME": str(tmp_path), "TMPDIR": "/tmp"})
    yield server
    server("kill-server", check=False)


def test_cutover_and_rollback_by_hand(tmux: Tmux) -> None:
    # the first of the plans
    host = "account.shop.test"
    tmux.until_shown(" live ")
    rows = tmux.until_shown("ROUTES 14").rstrip("\n").splitlines()
    assert (max(map(len, rows)), len(rows)) <= tmux.size
    assert rows[-1].endswith("q quit")
    # whole, to be copied into another terminal
    assert re.search(r"KUBECONFIG=\S+/kubeconfig$", rows[-2])

    tmux.keys("p")
    tmux.until_shown("PLANS 14")
    tmux.until_shown(host)
    tmux.keys("Enter")
    tmux.until_shown("10 items")
    tmux.until_shown("old side kept")
    tmux.keys("Escape")
    tmux.until_shown("PLANS 14")

    tmux.keys("s")
    tmux.until_shown("to lower the TTL, press enter")
    tmux.keys("Enter")
    tmux.until_shown(f"type {host} :")
    tmux.type(host)
    tmux.keys("Enter")
    tmux.until_shown("waiting out the old TTL")
    tmux.until_shown("to switch, press enter", 60)
    tmux.keys("Enter")
    tmux.until_shown(f"type {host} :")
    tmux.type(host)
    tmux.keys("Enter")
    tmux.until_shown("the watch")
    tmux.until_shown("evidence |")

    tmux.keys("z")
    tmux.until_shown("this moves the traffic back")
    tmux.until_shown(f"type {host} :")
    tmux.type(host)
    tmux.keys("Enter")
    tmux.until_shown("rolled-back", 60)
    tmux.keys("J")
    shown = tmux.until_shown("chain ok")
    assert "roll" in shown
    tmux.keys("Escape")
    # a key right behind escape would be that key with alt
    tmux.until_shown("cutover > account")
    tmux.keys("@")
    tmux.until_shown("nsupdate")
    for place in ("cutover > account", "PLANS 14", "ROUTES 14"):
        tmux.keys("q")
        tmux.until_shown(place)
    tmux.keys("q")
    # the alternate screen is gone, and what the demo said at first stands there again
    tmux.until_shown("practice world ready")
