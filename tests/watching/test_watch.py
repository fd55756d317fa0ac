"""The watch itself, against two real servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from loopback_kit import loopback
from pointsman.probes.verdict import Verdict, worst
from pointsman.probes.watching.decision import WatchPolicy, WatchVerdict
from pointsman.probes.watching.judge import judge
from pointsman.probes.watching.state import Histogram, Recorder, WatchSample, WatchState
from pointsman.probes.watching.watch import Watch
from pointsman.probes.wire.http.facts import HttpExpectation, HttpRequest

Answer = Callable[[int, str], int]
POLICY = WatchPolicy(min_samples=20, min_time_s=0.6, max_time_s=6)


@contextlib.asynccontextmanager
async def side(answer: Answer) -> AsyncIterator[int]:
    """A server that answers its n-th request for a path with ``answer(n, path)``; 0 closes without a word."""
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            count += 1
            status = answer(count, head.split()[1].decode())
            if not status:
                break
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % status)
            await writer.drain()

    async with loopback(handle) as port:
        yield port


def requests(port: int, scheme: str = "http") -> list[HttpRequest]:
    return [
        HttpRequest(f"{scheme}://shop.test:{port}{path}", "127.0.0.1", timeout_s=1) for path in ("/a", "/b")
    ]


async def watch(old: Answer, new: Answer, **options: object) -> WatchState:
    async with side(old) as old_port, side(new) as new_port:
        states = [
            state
            async for state in Watch(
                requests(old_port),
                requests(new_port),
                rate_per_s=40,
                policy=POLICY,
                tick_s=0.05,
                **options,  # type: ignore[arg-type]
            )
        ]
    assert [state.finished for state in states] == [False] * (len(states) - 1) + [True]
    return states[-1]


def good(_count: int, _path: str) -> int:
    return 200


def every_third_fails(count: int, _path: str) -> int:
    return 500 if count % 3 == 0 else 200


async def test_two_healthy_sides_pass() -> None:
    last = await watch(good, good)
    assert last.verdict is WatchVerdict.PASS, last.decision
    assert last.new.requests >= 20
    assert last.elapsed_s >= 0.6
    assert last.new.errors == last.old.errors == 0
    assert last.new.p95_ms is not None
    assert sum(bucket.new_requests for bucket in last.buckets) == last.new.requests


async def test_a_burst_on_the_new_side_aborts() -> None:
    last = await watch(good, every_third_fails)
    assert last.verdict is WatchVerdict.ABORT
    assert last.new.count("5xx") == last.new.errors > 0
    found = judge(last, requests(1)[0])
    assert found[0].name == "new-side-fails"
    assert found[0].verdict is Verdict.FAIL
    assert any("evidence" in line for line in found[0].evidence)
    assert "--resolve shop.test:1:127.0.0.1" in found[0].reproduce


async def test_both_failing_is_held() -> None:
    last = await watch(every_third_fails, every_third_fails)
    assert last.verdict in (WatchVerdict.HOLD, WatchVerdict.ABORT)
    both_down = await watch(lambda *_: 503, lambda *_: 503)
    assert both_down.verdict is WatchVerdict.HOLD


async def test_a_missing_path_counts_where_it_is_not_expected() -> None:
    last = await watch(good, lambda _count, path: 404 if path == "/b" else 200)
    assert last.verdict is WatchVerdict.ABORT
    assert last.new.count("404") == last.new.errors
    assert "not-found-appeared" in {finding.name for finding in judge(last, requests(1)[0])}
    expected = {"/b": HttpExpectation(statuses=(404,))}
    calm = await watch(lambda _count, path: 404 if path == "/b" else 200, good, expectations=expected)
    assert calm.old.errors == 0
    assert calm.new.count("status") == calm.new.errors > 0


async def test_a_closed_connection_and_a_kept_one() -> None:
    last = await watch(good, lambda *_: 0)
    assert last.verdict is WatchVerdict.ABORT
    assert last.new.count("reset") == last.new.errors
    kept = await watch(good, good, fresh_every=5)
    assert kept.verdict is WatchVerdict.PASS


async def test_failed_handshakes_are_told_apart() -> None:
    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with loopback(no_tls) as new_port, side(good) as old_port:
        broken = Watch(requests(old_port), requests(new_port, "https"), 50, POLICY, tick_s=0.05)
        states = [state async for state in broken]
    assert states[-1].verdict is WatchVerdict.ABORT
    assert states[-1].new.handshake_failures == states[-1].new.requests > 0
    assert "handshakes-fail" in {finding.name for finding in judge(states[-1], requests(1)[0])}


async def test_nobody_listening_is_refused_and_without_an_old_side_it_still_aborts() -> None:
    async with side(good) as port:
        pass
    states = [state async for state in Watch([], requests(port), 50, POLICY, tick_s=0.05)]
    assert states[-1].verdict is WatchVerdict.ABORT
    assert states[-1].new.count("refused") == states[-1].new.requests


async def test_silence_is_not_zero_and_ends_inconclusive() -> None:
    async with side(good) as port:
        policy = WatchPolicy(min_samples=1000, min_time_s=0.1, max_time_s=0.3)
        states = [state async for state in Watch([], requests(port), 20, policy, tick_s=0.05)]
    assert states[-1].verdict is WatchVerdict.INCONCLUSIVE
    assert worst(finding.verdict for finding in judge(states[-1], requests(1)[0])) is Verdict.UNKNOWN


async def test_stop_and_cancel_leave_nothing_behind() -> None:
    async with side(good) as port:
        watching = Watch(requests(port), requests(port), 50, WatchPolicy(), tick_s=0.02)
        async for state in watching:
            if state.new.requests > 3:
                watching.stop()
        assert state.finished
        assert state.verdict is WatchVerdict.INCONCLUSIVE

        started = asyncio.Event()

        async def follow() -> None:
            async with contextlib.aclosing(
                aiter(Watch(requests(port), requests(port), 50, WatchPolicy(), tick_s=0.02))
            ) as states:
                async for _ in states:
                    started.set()

        task = asyncio.create_task(follow())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("watch")]


def test_a_watch_without_requests_is_refused() -> None:
    with pytest.raises(ValueError, match="new side"):
        Watch([], [])
    with pytest.raises(ValueError, match="a second"):
        Watch([], requests(1), rate_per_s=0)


def test_memory_is_bounded() -> None:
    recorder = Recorder()
    for second in range(5000):
        recorder.add(WatchSample("new", second, "/", "5xx", 500, 3.0))
    assert len(recorder.buckets(4999)) == 120
    assert len(recorder.recent()) == 20
    assert recorder.side("new").errors == 5000
    histogram = Histogram()
    for value in range(1, 1001):
        histogram.add(value)
    middle, high = histogram.percentile(0.5), histogram.percentile(0.95)
    assert middle is not None
    assert high is not None
    assert 450 <= middle <= 600
    assert 900 <= high <= 1150
