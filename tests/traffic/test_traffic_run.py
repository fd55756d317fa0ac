"""A run of the practice world: both sides' counts are looked at and put on record; tuning is felt."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cutover_kit import LoopThread, own_checklist
from loopback_kit import loopback as served
from pointsman.checklists.journal.file import read_journal
from pointsman.checklists.machine.events import Event, WatchBegan, WatchEnded, WatchNoted
from pointsman.checklists.machine.view import Confirm, RunView, Tune
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.plans.model import Durations, Plan
from pointsman.checklists.running.noting import Notes
from pointsman.checklists.running.run import CutoverRun
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.watch import LiveCluster
from pointsman.probes.watching.decision import TrafficTally, WatchDecision, WatchPolicy, WatchVerdict
from pointsman.probes.watching.judge import evidence
from pointsman.probes.watching.state import Bucket, SideView, WatchState
from pointsman.probes.watching.traffic.facts import Counts, Reading
from pointsman.probes.watching.watch import Watch
from pointsman.probes.wire.http.facts import HttpRequest
from pointsman.sandbox import loopback
from pointsman.sandbox.scenario import Pace
from pointsman.sandbox.world import World, WorldInfo

HOST = "store.shop.test"


@pytest.fixture
def shop() -> Iterator[WorldInfo]:
    try:
        loopback.require("127.0.0.2", "127.0.0.3")
    except loopback.LoopbackError as error:
        pytest.skip(str(error))
    thread = LoopThread()
    world = World()
    try:
        yield thread.run(world.start("shop", Pace(old_ttl=2, low_ttl=1, watch=2.5, soak=1.0)), 30)
    finally:
        thread.run(world.stop(), 20)
        thread.close()


def quiet_plan(shop: WorldInfo) -> Plan:
    """The world's plan for HOST at a gentle rate, and with the one check that asks no wire."""
    path = shop.plans[HOST]
    document = yaml.safe_load(path.read_text())
    document["thresholds"] |= {"rate_per_s": 6, "soak_rate_per_s": 2, "min_samples": 100_000}
    document["checklist"] = "own.yaml"
    own_checklist(path.parent, only=("dns-ttl",))
    path.write_text(yaml.safe_dump(document))
    return load_plan(str(path))


def test_a_run_looks_at_both_sides_counts_and_puts_them_on_record(
    shop: WorldInfo,
) -> None:
    plan = quiet_plan(shop)
    connection = connect(str(shop.kubeconfig), None)
    live = LiveCluster(connection, None)
    live.start()
    run: CutoverRun | None = None
    details: list[str] = []
    tuned: list[bool] = []
    try:
        run = CutoverRun.start_new(plan, snapshots=live.snapshot, writes_enabled=True, connection=connection)

        def consent(view: RunView) -> None:
            if view.waiting_for is not None and run is not None:
                run.send(Confirm(view.waiting_for.purpose, view.waiting_for.type_this))
            if view.phase == "watch" and view.watch is not None and not tuned:
                details.append(view.watch.detail)
                # only now may it pass: the running watch takes another minimum
                if "counted by the sides: new 0 5xx in" in view.watch.detail and run is not None:
                    tuned.append(True)
                    run.send(Tune("thresholds.min_samples", 10))

        run.subscribe(consent)
        consent(run.view())
        view = run.wait(lambda view: view.finished, 60)
        events = _events(view)
    finally:
        if run is not None:
            run.stop()
        live.stop()
        connection.close()
    assert view.outcome == "done", view.message
    assert tuned, details[-3:]
    ended = next(event for event in events if isinstance(event, WatchEnded))
    assert ended.verdict == "PASS"
    before = events[: events.index(ended)]
    notes = [event.numbers for event in before if isinstance(event, WatchNoted)]
    assert notes
    traffic = ended.numbers["traffic"]
    assert traffic["old"]["by_host"] is True
    assert traffic["new"]["handshake_failures"] == 0
    # our own probes are counted by the sides as well, up to their last look
    assert 0 < traffic["new"]["requests"] <= ended.numbers["new"]["requests"] + 200
    assert sum(isinstance(event, WatchBegan) and not event.soaking for event in events) == 1
    rows = [row for numbers in (*notes, ended.numbers) for row in numbers["buckets"]]
    assert [row[0] for row in rows] == sorted({row[0] for row in rows})
    assert sum(row[1] for row in rows) == ended.numbers["new"]["requests"]
    assert sum(row[3] for row in rows) == ended.numbers["old"]["requests"]


def _events(view: RunView) -> list[Event]:
    return [entry.event for entry in read_journal(Path(view.journal_path))]


async def healthy(policy: WatchPolicy, rate: float, changes: list[tuple[float, WatchPolicy, float]]) -> Any:
    """A watch of two healthy servers that is retuned after so many seconds; its last state."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()

    async with served(answer) as port:
        asked = [HttpRequest(f"http://shop.test:{port}/", "127.0.0.1", timeout_s=2)]
        watch = Watch(asked, asked, rate, policy, tick_s=0.05)
        async for state in watch:
            while changes and state.elapsed_s >= changes[0][0]:
                watch.retune(*changes.pop(0)[1:])
        return state


async def test_a_running_watch_takes_another_minimum_and_rate() -> None:
    long = WatchPolicy(min_samples=100_000, min_time_s=0.3, max_time_s=20)
    short = WatchPolicy(min_samples=30, min_time_s=0.3, max_time_s=20)
    state = await healthy(long, 5, [(0.5, short, 25)])
    assert state.verdict is WatchVerdict.PASS
    assert state.elapsed_s < 10
    # counted from its beginning, and quicker from the change on
    assert state.new.requests >= 30


async def test_another_hypothesis_is_another_watch() -> None:
    with pytest.raises(ValueError, match="needs a new watch"):
        await healthy(WatchPolicy(), 20, [(0.0, WatchPolicy(p0=0.01), 20)])


def test_counts_reach_the_state_of_a_watch() -> None:
    request = HttpRequest("http://shop.test/", "127.0.0.1")
    watch = Watch([request], [request], traffic=TrafficTally.of(("a.test",)))
    assert watch.state().traffic is not None
    for at in (10.0, 20.0):
        reading = Reading(at, 10.0, "test", Counts(at, at / 10), answered=1, pods=1)
        watch.count(reading, None)
    view = watch.state().traffic
    assert view is not None
    assert view.old is None
    assert view.new is not None
    assert (view.new.requests, view.new.errors_5xx, view.new.rate_per_s) == (10.0, 1.0, 1.0)
    assert view.new.error_share == 0.1
    assert "new 1 5xx in 10 requests" in view.says
    (line,) = [line for line in evidence(watch.state()) if "its own count" in line]
    assert line == "new by its own count, test: 10 requests, 1 5xx (incomplete: something was missed)"
    assert Watch([request], [request]).state().traffic is None


def test_notes_of_a_long_soak_stay_short() -> None:
    notes = Notes(Durations(), soaking=True)
    told: list[dict[str, Any]] = []
    for second in range(0, 1300, 50):
        buckets = tuple(Bucket(one, 1, 0, 2, 1) for one in range(max(0, second - 119), second + 1))
        side = SideView(second)
        decision = WatchDecision(WatchVerdict.INCONCLUSIVE, "no alarm")
        state = WatchState(float(second), side, side, decision, buckets)
        if notes.due(state):
            told.append(notes.numbers(state))
    assert [numbers["elapsed_s"] for numbers in told] == [300, 600, 900, 1200]
    assert all(len(numbers["buckets"]) == 10 for numbers in told)
    assert told[1]["buckets"][0] == [300, 30, 0, 60, 30]
    assert told[1]["bucket_s"] == 30
    assert told[0]["old"]["buckets"][0] == [60, 30]
