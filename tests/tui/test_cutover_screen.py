"""The cutover's screen on runs that stand still: what it shows of waves, offers and sends, at every size."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from desk_kit import Desk
from hostile_worlds import EVERYTHING, SURROGATES, is_clean
from pointsman.checklists.machine.view import (
    Attest,
    CacheRow,
    Command,
    Confirm,
    Confirmation,
    Continue,
    RollBack,
    RunView,
    SideView,
    StepView,
    Tune,
    WatchView,
)
from pointsman.checklists.plans.model import CriticalPath, DnsPlan, ObjectName, Plan, Side
from pointsman.checklists.terms import MANUAL, Check, CheckResult
from pointsman.probes.verdict import Verdict
from pointsman.tui.onlooker import OnlookerApp
from pointsman.tui.screens.cutover import CutoverScreen
from syrupy.assertion import SnapshotAssertion
from textual._styles_cache import StylesCache
from textual.timer import Timer
from textual.widget import Widget

T0 = 1_800_000_000.0
SIZES = [(120, 40), (80, 24)]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day in pictures do not depend on where they are taken."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def plan_of(*hosts: str) -> Plan:
    return Plan(
        name="shop",
        hosts=hosts,
        gateway=ObjectName("infra", "main"),
        old=Side("198.51.100.4"),
        new=Side("203.0.113.9"),
        paths=(CriticalPath("/"),),
        dns=DnsPlan("rfc2136", "shop.test.", ("192.0.2.53:53",), 60),
    )


class StillRun:
    """A run that does nothing but show a view, and keep what it is asked."""

    alive = True

    def __init__(self, view: RunView) -> None:
        self.shown, self.plan, self.asked = view, plan_of(*view.hosts), list[Command]()

    @property
    def run_id(self) -> str:
        return self.shown.run_id

    def view(self) -> RunView:
        return self.shown

    def send(self, command: Command) -> None:
        self.asked.append(command)

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        return lambda: None

    def stop(self, timeout_s: float = 10.0) -> None:
        pass


def steps(now: str) -> tuple[StepView, ...]:
    names = ("checks", "lower the TTL", "wait the old TTL out", "checks again", "switch", "watch", "soak")
    at = names.index(now)
    found = []
    for number, name in enumerate(names):
        status = "done" if number < at else "now" if number == at else "next"
        gate = "all PASS: 5xx and TLS handshakes" if name == now else ""
        undo = "A 203.0.113.9 -> 198.51.100.4, felt by every cache within 60 s" if name == now else ""
        ended = T0 + 60 * number if status != "next" else None
        found.append(StepView(name, name, status, f"{name}, in words", gate, undo, ended))  # type: ignore[arg-type]
    return tuple(found)


ASKED = Confirmation(
    purpose="switch",
    hosts=("account.shop.test", "cart.shop.test"),
    diff=("- cart.shop.test. 60 A 198.51.100.4", "+ cart.shop.test. 60 A 203.0.113.9"),
    inverse=("- cart.shop.test. 60 A 203.0.113.9", "+ cart.shop.test. 60 A 198.51.100.4"),
    type_this="shop",
    precondition="the records of cart.shop.test are still as read; else nothing is changed",
    authorises="the switch, and without another question the rollback if the watch raises the alarm",
    change_id="c1",
)
BACK = replace(
    ASKED, purpose="roll-back", hosts=("store.shop.test",), type_this="store.shop.test", change_id="b1"
)


def a_side(address: str, *bad: int) -> SideView:
    buckets = tuple((2, int(second in bad)) for second in range(90))
    return SideView(address, 180, len(bad), p95_ms=41.0, buckets=buckets)


WATCH = WatchView(
    verdict="INCONCLUSIVE",
    since=T0 + 300,
    until=T0 + 900,
    new=a_side("203.0.113.9", 20, 21, 60),
    old=a_side("198.51.100.4", 61),
    evidence=2.13,
    alarm_at=1000.0,
    samples=180,
    min_samples=600,
    detail="no alarm; 90 of 600 s and 180 of 600 requests",
    seconds_left=510.0,
    detectable=0.041,
)
BASELINE = CheckResult(
    Check("error-watch", 7, "5xx and TLS handshakes", "error-watch", "before-switch"),
    Verdict.PASS,
    "no alarm in 5 s: new 0 errors in 50 (0 %), old 0 errors in 50 (0 %)",
)
FIRST = RunView(
    "7f3a90c1",
    ("store.shop.test",),
    "watch",
    steps=steps("watch"),
    rollback=BACK,
    watch=WATCH,
    checks=(BASELINE,),
    caches=(CacheRow("192.0.2.53:53", "authoritative", "store.shop.test", "new", 60, ("203.0.113.9",)),),
    journal_length=41,
    can_roll_back=True,
    plan_name="shop",
    now=T0 + 390,
    campaign="c4c4c4c4",
    wave=1,
    waves=2,
)
SECOND = replace(
    FIRST,
    run_id="8e2b71d0",
    hosts=("account.shop.test", "cart.shop.test"),
    phase="confirm",
    steps=steps("switch"),
    rollback=None,
    watch=None,
    wave=2,
    message="wave 1 goes first, and has not passed its watch yet",
    can_roll_back=True,
)


@asynccontextmanager
async def still(size: tuple[int, int], *views: RunView) -> AsyncIterator[tuple[Desk, list[StillRun]]]:
    runs = [StillRun(view) for view in views]
    app = OnlookerApp(runs[0], CutoverScreen(*runs))
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.2)
        yield Desk(app, pilot), runs


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wave", [1, 2])
async def test_the_whole_screen(snapshot: SnapshotAssertion, size: tuple[int, int], wave: int) -> None:
    asking = replace(SECOND, waiting_for=ASKED, message="")
    async with still(size, FIRST, asking) as (desk, _):
        if wave == 2:
            await desk.press("right_square_bracket")
            await desk.until_shown(">wave 2")
        assert desk.text() == snapshot


@pytest.mark.parametrize("size", SIZES)
async def test_somebody_elses_run_takes_no_key(snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    theirs = replace(FIRST, read_only="ana@desk carries it out; this only looks", waiting_for=ASKED)
    async with still(size, theirs, replace(SECOND, read_only="ana@desk carries it out; this only looks")) as (
        desk,
        runs,
    ):
        await desk.press("enter", "z", "p", "r", "w", "a", "n")
        await desk.pilot.pause(0.15)
        assert not desk.app.screen.prompt.asking  # type: ignore[attr-defined]
        assert [run.asked for run in runs] == [[], []]
        text = desk.text()
        assert "takes no command here" in text
        assert not any(word in text.splitlines()[-1] for word in ("roll back", "postpone", "waive"))
        assert text == snapshot


async def test_each_wave_is_asked_for_itself() -> None:
    asking = replace(SECOND, waiting_for=ASKED, message="")
    async with still((120, 40), FIRST, asking) as (desk, (first, second)):
        await desk.press("z")
        await desk.until_shown("type store.shop.test :")
        await desk.type("store.shop.test")
        await desk.press("enter")
        await desk.until(lambda: first.asked == [RollBack("store.shop.test", "b1")])
        await desk.press("right_square_bracket", "enter")
        await desk.until_shown("type shop :")
        # while it is asked, the keys belong to the answer, and the target stands
        await desk.press("left_square_bracket")
        await desk.type("shop")
        await desk.press("enter")
        await desk.until(lambda: second.asked == [Confirm("switch", "[shop", "c1")])
        assert len(first.asked) == 1


async def test_settings_answers_and_a_way_out_of_a_hold() -> None:
    question = Check(
        "phones", 9, "phones", MANUAL, "before-switch", params={"question": "Do phones connect?"}
    )
    held = replace(FIRST, phase="held", outcome="held", finished=True)
    stopped = replace(
        SECOND,
        phase="stopped-at-gate",
        outcome="stopped-at-gate",
        finished=True,
        checks=(CheckResult(question, Verdict.UNKNOWN, "nobody has said so"),),
    )
    async with still((120, 40), held, stopped) as (desk, (first, second)):
        await desk.press("p")
        assert first.asked == [Continue()]
        screen = desk.app.screen
        assert isinstance(screen, CutoverScreen)
        screen.tune(("thresholds.min_samples", "200"))
        screen.tune(("durations.watch", "10m"))
        screen.tune(("thresholds.p0", "0.5%"))
        assert first.asked[1:] == [
            Tune("thresholds.min_samples", 200.0),
            Tune("durations.watch", 600.0),
            Tune("thresholds.p0", 0.005),
        ]
        for words in (("hosts", "1"), ("durations.watch", "5%"), ("thresholds.p0", "many"), ()):
            screen.tune(words)
            assert len(first.asked) == 4
        await desk.press("right_square_bracket", "a")
        await desk.until_shown("Do phones connect? If so, type phones :")
        await desk.type("yes")
        await desk.press("enter")
        await desk.until_shown("nothing was answered")
        await desk.press("a")
        await desk.type("phones")
        await desk.press("enter")
        await desk.until(lambda: second.asked == [Attest("phones")])


async def test_an_alarm_in_a_wave_that_nobody_looks_at_is_said() -> None:
    async with still((80, 24), FIRST, SECOND) as (desk, (_, second)):
        second.shown = replace(
            SECOND, phase="rollback", message="the new side fails while the old one does not"
        )
        await desk.until_shown("wave 2 is being rolled back: the new side fails")
        await desk.until_shown(" wave 2 rollback")
        # it stays until it is read
        await desk.press("escape")
        assert "is being rolled back:" not in desk.text()


async def test_nothing_is_painted_while_nothing_happens() -> None:
    async with still((120, 40), FIRST, SECOND) as (desk, runs):
        screen = desk.app.screen
        painted: list[object] = []
        original = screen._compositor.render_update

        def count(*arguments: object, **more: object) -> object:
            update = original(*arguments, **more)  # type: ignore[arg-type]
            painted.append(update)
            return update

        screen._compositor.render_update = count  # type: ignore[method-assign, assignment]
        await desk.pilot.pause(0.6)
        assert painted == []
        # a clock that ticks is a few cells
        runs[0].shown = replace(FIRST, now=FIRST.now + 1)
        await desk.until_shown("1 min 31 s so far")
        await desk.pilot.pause(0.3)
        assert 0 < len(painted) <= 3


async def test_very_many_waves_at_every_size() -> None:
    views = [replace(FIRST, run_id=f"{number:08d}", wave=number, waves=30) for number in range(1, 31)]
    async with still((80, 24), *views) as (desk, _):
        for _ in range(14):
            await desk.press("right_square_bracket")
        await desk.until_shown(">wave 15 ")
        shown = next(row for row in desk.text().splitlines() if ">wave 15 " in row)
        assert len(shown) <= 80
        assert shown.startswith("… ")
        assert shown.endswith(" …")
        for size in ((60, 16), (200, 60), (40, 10), (80, 24)):
            await desk.pilot.resize_terminal(*size)
            await desk.pilot.pause(0.2)
            assert all(len(row) <= size[0] for row in desk.text().splitlines())


ODD_SIZES = ((1, 1), (2, 40), (300, 1), (7, 7), (59, 15), (40, 200))


@pytest.mark.parametrize("asking", [False, True], ids=["running", "asking"])
async def test_the_smallest_terminal_ends_nothing_and_forgets_nothing(asking: bool) -> None:
    first = replace(FIRST, waiting_for=ASKED, message="") if asking else FIRST
    async with still((80, 24), first, SECOND) as (desk, (run, _)):
        if asking:
            await desk.press("z")
            await desk.until_shown("type ")
            await desk.press("s", "h")
        before = desk.text()
        for size in ODD_SIZES:
            await desk.pilot.resize_terminal(*size)
            await desk.pilot.pause(0.15)
            rows = desk.text().splitlines()
            assert len(rows) <= size[1]
            assert all(len(row) <= size[0] for row in rows), size
        await desk.pilot.resize_terminal(80, 24)
        await desk.until(lambda: desk.text() == before)
        assert run.asked == []


async def test_hostile_names_are_text() -> None:
    words = tuple(word for word in EVERYTHING if word not in SURROGATES)
    hostile = replace(
        FIRST,
        hosts=words,
        plan_name=words[0],
        message=" ".join(words),
        rollback=replace(BACK, type_this=words[1], diff=words, inverse=words, precondition=words[2]),
        watch=replace(WATCH, detail=words[3], verdict="HOLD"),
        caches=tuple(CacheRow(word, "resolver", word, "error", None, (word,), word) for word in words[:4]),
    )
    async with still((100, 30), hostile, replace(hostile, wave=2)) as (desk, _):
        for keys in (("z",), ("escape",), ("right_square_bracket",)):
            await desk.press(*keys)
            await desk.pilot.pause(0.15)
            assert all(is_clean(row) for row in desk.text().splitlines())


def _alive() -> Counter[str]:
    """Widgets (screens too), what was drawn of them, and timers that something still holds, by class."""
    gc.collect()
    return Counter(
        type(one).__name__ for one in gc.get_objects() if isinstance(one, Widget | StylesCache | Timer)
    )


async def test_cutover_screens_that_were_left_are_gone() -> None:
    async with still((120, 40), FIRST, SECOND) as (desk, runs):

        async def open_and_leave(times: int) -> None:
            for _ in range(times):
                await desk.app.push_screen(CutoverScreen(*runs))
                await desk.press("right_square_bracket")
                await desk.app.pop_screen()
                await desk.pilot.pause()

        await open_and_leave(3)
        before = _alive()
        await open_and_leave(20)
        assert _alive() - before == Counter()
