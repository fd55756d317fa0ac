"""A process that is stopped in its watch: what was under way is missing, neither good nor an error."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from pointsman.probes.watching.decision import WatchPolicy, WatchVerdict
from pointsman.probes.watching.watch import Watch
from pointsman.probes.wire.http.facts import HttpRequest

POLICY = WatchPolicy(min_samples=15, min_time_s=2.5, max_time_s=6)


@contextlib.asynccontextmanager
async def slow_side() -> AsyncIterator[int]:
    """It answers each request after a moment, so that some are always under way."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.25)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_what_was_under_way_when_the_process_was_stopped_is_no_error() -> None:
    async with slow_side() as old, slow_side() as new:
        watch = Watch(
            [HttpRequest(f"http://shop.test:{old}/", "127.0.0.1", timeout_s=1)],
            [HttpRequest(f"http://shop.test:{new}/", "127.0.0.1", timeout_s=1)],
            rate_per_s=20,
            policy=POLICY,
            tick_s=0.05,
        )
        stopped = False
        async with contextlib.aclosing(aiter(watch)) as states:
            async for state in states:
                if not stopped and state.elapsed_s > 1.0:
                    stopped = True
                    # longer than every deadline, as by ctrl-z
                    time.sleep(2.5)  # noqa: ASYNC251
    assert state.new.errors == state.old.errors == 0, (state.decision.reason, state.new, state.old)
    assert state.new.requests > 15
    # 2.5 s of silence are no 2.5 s of good samples
    assert state.verdict is WatchVerdict.INCONCLUSIVE
    assert "missing data never passes" in state.decision.reason


@pytest.mark.parametrize("outage", [False, True])
async def test_what_comes_after_the_stop_counts(outage: bool) -> None:
    async with slow_side() as old, slow_side() as new:
        watch = Watch(
            [HttpRequest(f"http://shop.test:{old}/", "127.0.0.1", timeout_s=1)],
            [HttpRequest(f"http://shop.test:{1 if outage else new}/", "127.0.0.1", timeout_s=1)],
            rate_per_s=20,
            policy=WatchPolicy(min_samples=5, min_time_s=0.5, max_time_s=4),
            tick_s=0.05,
        )
        # stopped before its first answer
        async with contextlib.aclosing(aiter(watch)) as states:
            async for state in states:
                if state.elapsed_s < 0.2:
                    time.sleep(1.5)  # noqa: ASYNC251
    assert state.verdict is (WatchVerdict.ABORT if outage else WatchVerdict.INCONCLUSIVE)
