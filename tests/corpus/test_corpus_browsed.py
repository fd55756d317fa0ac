"""Real statuses on the screens and from `pointsman status`: named, whole, and harmless to a terminal."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml
from corpus_truth import CORPUS, bad_subjects, documents, nasty_cases, needs_corpus
from pointsman.cluster.client.connect import connect
from pointsman.cluster.refs import ObjectRef
from pointsman.sandbox.world import World
from pointsman.tui.app import PointsmanApp
from pointsman.tui.bridge import Bridge
from pointsman.tui.screens.browse import BrowseScreen
from pointsman.tui.screens.yaml_view import YamlScreen
from pointsman.tui.settings import Settings
from pointsman.tui.widgets.row_view import RowView
from textual.pilot import Pilot

pytestmark = needs_corpus

ISTIO = "istio/1.30.3/cases"
CILIUM = "cilium/main-20260817/cases"
ENVOY = "envoy-gateway/v1.9.0/cases"
SIZES = {"120x40": (120, 40), "80x24": (80, 24)}
# what only costs time: the other cases of the same kind run with the marker
slow = pytest.mark.real(reason="needs time only")


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[str]:
    """The kubeconfig of a practice cluster with just this case."""
    world = World()
    info = await world.start(load=path)
    try:
        yield str(info.kubeconfig)
    finally:
        await world.stop()


# -- pointsman status


async def run_status(kubeconfig: str) -> tuple[int, str]:
    """Exit code and output of the real command; whatever goes to the other stream is part of it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pointsman.tui", "status", "--kubeconfig", kubeconfig),
        env=os.environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode is not None
    return child.returncode, output.decode("utf-8")


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("nasty/03-cilium-route-green-on-a-dead-gateway.yaml", 1),
        (f"{CILIUM}/gamma/mesh-redirect-path.yaml", 0),
        pytest.param("nasty/07-istio-gateway-programmed-listener-not.yaml", 1, marks=slow),
        pytest.param(f"{ISTIO}/redirect-only.yaml", 0, marks=slow),
        pytest.param("nasty/01-eg-backend-condition-type-and-reason-swapped.yaml", 1, marks=slow),
        pytest.param("nasty/05-istio-foreign-controller-first-parent.yaml", 1, marks=slow),
        pytest.param("nasty/15-cilium-hostnetwork-unknown.yaml", 1, marks=slow),
        pytest.param("nasty/19-agentgateway-accepted-on-bad-tls.yaml", 1, marks=slow),
        pytest.param(f"{ENVOY}/clienttrafficpolicy-status-conditions-truncated.yaml", 1, marks=slow),
        pytest.param(f"{ENVOY}/envoypatchpolicy-no-status-for-unknown-gateway.yaml", 0, marks=slow),
    ],
)
async def test_status_names_what_is_broken_and_says_so_by_its_exit_code(case: str, code: int) -> None:
    path = CORPUS / case
    async with served(path) as kubeconfig:
        returned, text = await run_status(kubeconfig)
    assert returned == code, text
    assert "Traceback" not in text
    _assert_harmless(text)
    flowing = " ".join(text.split())
    unnamed = [
        str(subject)
        for document in documents(path)
        for subject in bad_subjects(document)
        if f" {subject}:" not in flowing
    ]
    assert not unnamed, text


# -- the browse screen


def _assert_harmless(text: str) -> None:
    acting = {
        one for one in text if one != "\n" and unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }
    assert not acting


class Browser:
    """The app on one case, driven by its keys."""

    def __init__(self, app: PointsmanApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    def text(self) -> str:
        """The screen; every row of it exactly as wide as the terminal, and nothing in it that could act."""
        strips = self.app.screen._compositor.render_strips()
        assert {strip.cell_length for strip in strips} == {self.app.size.width}
        text = "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)
        _assert_harmless(text)
        return text

    async def press(self, *keys: str) -> str:
        await self.pilot.press(*keys)
        await self.pilot.pause()
        return self.text()

    async def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < end, f"the screen never came to it:\n{self.text()}"
            await self.pilot.pause(0.02)

    def view(self, name: str) -> RowView:
        return self.app.screen.query_one(f"#{name}", RowView)

    async def show(self, view: str, ref: ObjectRef) -> str:
        """Select an object, and read the screen."""
        assert self.view(view).select(ref), ref
        await self.pilot.pause()
        return self.text()


@asynccontextmanager
async def browsing(path: Path, size: tuple[int, int]) -> AsyncIterator[Browser]:
    async with served(path) as kubeconfig:
        app = PointsmanApp(Settings(kubeconfig=kubeconfig), Bridge(lambda: connect(kubeconfig, None), None))
        async with app.run_test(size=size) as pilot:
            browser = Browser(app, pilot)
            await browser.until(lambda: app.picture.snapshot.version > 0)
            await browser.until(
                lambda: "loading" not in {one.state for one in app.picture.snapshot.kinds.values()}
            )
            await browser.until(lambda: app.picture.snapshot is app.bridge.snapshot())
            await pilot.pause(0.15)
            yield browser


def _looks() -> list[object]:
    quick = {("nasty/03", "80x24"), ("nasty/13", "120x40")}
    cases = [
        *(f"nasty/{path.name}" for path in nasty_cases()),
        f"{ISTIO}/invalid.yaml",
        f"{ISTIO}/route-binding.yaml",
        f"{CILIUM}/gateway/tlsroute-invalid-no-matching-listener.yaml",
        f"{ENVOY}/clienttrafficpolicy-status-conditions-truncated.yaml",
    ]
    # each case at one size, the sizes in turn: what a case brings in words is the same at both
    return [
        pytest.param(case, SIZES[name], id=f"{case}-{name}", marks=() if (case[:8], name) in quick else slow)
        for case, name in zip(cases, cycle(SIZES), strict=False)
    ]


@pytest.mark.parametrize(("case", "size"), _looks())
async def test_everything_of_a_case_can_be_looked_at(case: str, size: tuple[int, int]) -> None:
    async with browsing(CORPUS / case, size) as browser:
        rows = browser.app.picture.overview
        assert rows.gateways
        for route in rows.routes:
            shown = await browser.show("routes", route.ref)
            assert f"{route.ref.kind} {route.ref.namespace}/{route.ref.name}"[: size[0] - 20] in shown
        await browser.press("tab")
        for gateway in rows.gateways:
            shown = await browser.show("tree", gateway.ref)
            assert f" {gateway.ref.namespace}/{gateway.ref.name} " in shown
            for listener in gateway.listeners:
                shown = await browser.show("tree", listener.ref)
                # a long path runs out of the title's line at 80 columns
                path = f"{listener.ref.namespace}/{listener.ref.name}/{listener.ref.section}"
                assert path[: size[0] - 20] in shown
        for row in rows.classes:
            assert f"GatewayClass {row.ref.name}" in await browser.show("tree", row.ref)
        await _read_yaml(browser, rows.gateways[0].ref)
        await _visit_the_other_screens(browser)


async def _read_yaml(browser: Browser, ref: ObjectRef) -> None:
    await browser.show("tree", ref)
    await browser.press("y")
    assert isinstance(browser.app.screen, YamlScreen)
    await browser.until(lambda: "apiVersion: gateway.networking.k8s.io/" in browser.text())
    for _ in range(3):
        await browser.press("pagedown")
    await browser.press("escape")
    assert isinstance(browser.app.screen, BrowseScreen)


async def _visit_the_other_screens(browser: Browser) -> None:
    for keys in (("z",), ("question_mark",), ("at",), ("p",), ("d", "pagedown"), ("slash", "x", "enter")):
        await browser.press(*keys)
        for _ in range(3):
            await browser.press("escape")
        assert isinstance(browser.app.screen, BrowseScreen)


# -- the same world with hostile words in it

_EVIL = "\x1b]52;c;YQ==\x07\x1b[2J [bold red]\u202e\u2066\u200b\x00\r\n\ttext 漢字 e\u0301 \U0001f600"


def _poisoned(value: Any) -> Any:
    """Every reason and message of every condition with what a terminal or a markup parser would obey."""
    if isinstance(value, dict):
        return {
            key: f"{item} {_EVIL}"
            if key in ("message", "reason") and isinstance(item, str)
            else _poisoned(item)
            for key, item in value.items()
        }
    return [_poisoned(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("size", [SIZES["120x40"], pytest.param(SIZES["80x24"], marks=slow)])
async def test_hostile_words_of_a_controller_stay_words(tmp_path: Path, size: tuple[int, int]) -> None:
    source = CORPUS / "nasty" / "07-istio-gateway-programmed-listener-not.yaml"
    poisoned = tmp_path / "poisoned.yaml"
    poisoned.write_text(yaml.safe_dump_all([_poisoned(one) for one in documents(source)]))
    async with browsing(poisoned, size) as browser:
        rows = browser.app.picture.overview
        shown = [await browser.show("routes", route.ref) for route in rows.routes]
        await browser.press("d")
        shown += [await browser.press("pagedown") for _ in range(5)]
        assert any("[bold red]" in text for text in shown)
        await browser.press("escape", "tab")
        for gateway in rows.gateways:
            await browser.show("tree", gateway.ref)
        await _read_yaml(browser, rows.gateways[0].ref)


async def test_hostile_words_of_a_controller_stay_words_in_status(tmp_path: Path) -> None:
    source = CORPUS / "nasty" / "07-istio-gateway-programmed-listener-not.yaml"
    poisoned = tmp_path / "poisoned.yaml"
    poisoned.write_text(yaml.safe_dump_all([_poisoned(one) for one in documents(source)]))
    async with served(poisoned) as kubeconfig:
        code, text = await run_status(kubeconfig)
    assert code == 1
    assert "[bold red]" in text
    _assert_harmless(text)
