"""Many requests at once: gentle to each address, none waits for another, and all end when told to."""

from __future__ import annotations

import asyncio
import time

import pytest
from http_kit import HOST, OK, Handler, certified, says, serving, to
from pointsman.probes.verdict import Result
from pointsman.probes.wire.http.asking import HttpAsk, ask_all
from pointsman.probes.wire.http.facts import HttpRequest


class Counted:
    """A server's handler that notes how many it has at once."""

    def __init__(self, then: Handler, delay: float = 0.0) -> None:
        self.now = self.most = 0
        self._then, self._delay = then, delay

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self._delay)
            await self._then(reader, writer)
        finally:
            self.now -= 1


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()
    await asyncio.sleep(60)


async def test_an_address_is_asked_at_most_so_often_at_once() -> None:
    counted = Counted(says(OK), 0.02)
    heard: list[int] = []
    async with serving(counted) as port:
        results = await ask_all([HttpAsk(to(port, f"/{n}")) for n in range(40)], heard.append, at_once=4)
    assert [str(one.verdict) for one in results] == ["PASS"] * 40
    assert [one.label.split()[1].rpartition("/")[2] for one in results] == [str(n) for n in range(40)]
    assert heard == list(range(1, 41))
    assert 2 <= counted.most <= 4


async def test_a_black_hole_holds_up_nobody_else() -> None:
    done: list[tuple[str, float]] = []
    async with serving(silent) as hole, serving(says(OK), address="127.0.0.2") as well:
        began = time.monotonic()

        def note(one: HttpAsk, _result: Result) -> None:
            done.append((one.request.address, time.monotonic() - began))

        holes = [HttpAsk(to(hole, timeout_s=0.6)) for _ in range(16)]
        good = [HttpAsk(HttpRequest(f"http://{HOST}:{well}/", "127.0.0.2")) for _ in range(16)]
        results = await ask_all([*holes, *good], on_result=note, at_once=8)
    assert [str(one.verdict) for one in results] == ["FAIL"] * 16 + ["PASS"] * 16
    # two waves of eight, and the other side long before them
    assert 1.1 < max(at for _, at in done) < 2.5
    assert {address for address, _ in done[:16]} == {"127.0.0.2"}


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_cancelling_ends_every_request_at_once(scheme: str) -> None:
    counted = Counted(silent)
    async with serving(counted, certified().server() if scheme == "https" else None) as port:
        asks = [HttpAsk(to(port, scheme=scheme)) for _ in range(20)]
        running = asyncio.ensure_future(ask_all(asks))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert time.monotonic() - began < 1.0
        assert counted.most == 8
