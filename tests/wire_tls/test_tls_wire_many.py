"""Many targets at once: in order, each with its own deadline, and nothing left open."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pointsman.probes.wire.tls.facts import TlsFacts, TlsTarget
from pointsman.probes.wire.tls.many import inspect_many, observe_many
from tls_fixture_kit import cases, target_of
from tls_fixture_server import by_name, serving
from tls_wire_kit import Visits, answering, lost_syns, silent

USUAL = next(one for one in cases() if one.name == "01-ok-ecdsa")


@pytest.fixture
def _no_thread_is_left() -> Iterator[None]:
    before = {one.name for one in threading.enumerate()}
    yield
    left = {one.name for one in threading.enumerate() if one.name.startswith("tls")}
    assert not left - before


async def test_facts_come_in_the_order_of_the_targets(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    async with serving(by_name(USUAL)) as good, answering(silent) as bad:
        usual = target_of(USUAL, good, tmp_path)
        targets = [usual if number % 3 else replace(usual, port=bad, timeout_s=0.5) for number in range(40)]
        facts = await observe_many(targets, on_progress=lambda *how_far: heard.append(how_far))
    assert [one.target for one in facts] == targets
    assert [one.named[0].error for one in facts] == ["" if number % 3 else "timeout" for number in range(40)]
    assert heard == [(number + 1, 40) for number in range(40)]


async def test_an_address_is_asked_once_about_strangers(tmp_path: Path) -> None:
    sent: list[str] = []
    known = by_name(USUAL)

    def choose(name: str) -> object:
        sent.append(name)
        return known(name)

    async with serving(choose) as port:  # type: ignore[arg-type]
        usual = target_of(USUAL, port, tmp_path)
        facts = await inspect_many([usual] * 12, lambda one: one, threads=1)
        assert (sent.count(USUAL.sni), sent.count(""), len(sent)) == (12, 1, 14)
        (alone,) = await observe_many([usual])
    assert len({one.random_name for one in facts}) == 1
    assert all(one.no_name is not None and one.no_name.error == "reset" for one in facts)
    assert alone.random_name is not None
    assert alone.random_name.error == "reset"


async def test_black_holes_hold_nobody_up(tmp_path: Path) -> None:
    with lost_syns() as lost:
        async with serving(by_name(USUAL)) as good, answering(silent) as mute:
            usual = target_of(USUAL, good, tmp_path)
            holes = [replace(usual, port=(lost, mute)[number % 2], timeout_s=1) for number in range(20)]
            began = time.monotonic()
            facts = await observe_many([*holes, *[usual] * 20])
            took = time.monotonic() - began
    assert [one.named[0].error for one in facts] == ["timeout"] * 20 + [""] * 20
    # one after another they would take twenty
    assert took < 4


@pytest.mark.parametrize("threads", [1, 3])
async def test_no_more_sockets_than_said(threads: int) -> None:
    visits = Visits()
    async with answering(silent, visits=visits) as port:
        target = TlsTarget("127.0.0.1", port, "app.example.test", attempts=1, timeout_s=0.1)
        await inspect_many([target] * 30, lambda facts: facts, concurrency=6, threads=threads)
    # those for the random name and for none are shared, and come on top for each thread
    assert 2 <= visits.most <= 6 + 2 * threads


async def test_few_open_files_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (70, 70))
    visits = Visits()
    async with answering(silent, visits=visits) as port:
        target = TlsTarget("127.0.0.1", port, "app.example.test", attempts=1, timeout_s=0.05)
        facts = await inspect_many([target] * 20, lambda one: one, threads=1)
    assert {one.named[0].error for one in facts} <= {"timeout", "not-tried"}
    assert visits.most <= 8


@pytest.mark.usefixtures("_no_thread_is_left")
@pytest.mark.parametrize("after_s", [0.0, 0.1])
async def test_a_cancellation_closes_every_socket(after_s: float) -> None:
    visits = Visits()
    async with answering(silent, visits=visits) as port:
        target = TlsTarget("127.0.0.1", port, "app.example.test", timeout_s=30)
        task = asyncio.create_task(inspect_many([target] * 100, lambda facts: facts, threads=3))
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        await asyncio.sleep(0.1)
        assert visits.open == 0


@pytest.mark.usefixtures("_no_thread_is_left")
async def test_a_judge_that_fails_ends_the_whole(tmp_path: Path) -> None:
    def judge(facts: TlsFacts) -> None:
        raise ZeroDivisionError

    async with serving(by_name(USUAL)) as port:
        with pytest.raises(ExceptionGroup):
            await inspect_many([target_of(USUAL, port, tmp_path)] * 50, judge, threads=2)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
async def test_nothing_is_left_open(tmp_path: Path) -> None:
    async with serving(by_name(USUAL)) as port:
        await observe_many([target_of(USUAL, port, tmp_path)] * 5)
        await asyncio.sleep(0.1)
        before = len(os.listdir("/proc/self/fd"))
        await observe_many([target_of(USUAL, port, tmp_path)] * 60)
        await asyncio.sleep(0.1)
        assert len(os.listdir("/proc/self/fd")) == before


async def test_no_target_is_no_work() -> None:
    assert await observe_many([]) == []
