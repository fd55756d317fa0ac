"""Every request of ours is noted, by host, with what became of it; and they wait while a count is taken."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest
from pointsman.probes.watching.decision import WatchPolicy
from pointsman.probes.watching.watch import Watch
from pointsman.probes.wire.http.facts import HttpRequest
from pointsman.probes.wire.http.observe import Session, observe
from pointsman.probes.wire.http.sent import SENT, Tally


class Server:
    """Plain HTTP: answers, hangs, or hangs up after the request, by path; counts what came."""

    def __init__(self) -> None:
        self.requests = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                if b" /hangs" in head:
                    await asyncio.sleep(0.5)
                if b" /cuts" in head:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()
    await asyncio.sleep(0.5)


def request(port: int, path: str = "/", host: str = "a.shop.test", **more: object) -> HttpRequest:
    return HttpRequest(f"http://{host}:{port}{path}", "127.0.0.1", timeout_s=0.3, **more)  # type: ignore[arg-type]


async def test_fates(server: Server) -> None:
    own = SENT.follow(["127.0.0.1"])
    try:
        await observe(request(server.port))
        await observe(request(server.port, host="B.Shop.Test"))
        await observe(request(server.port, "/hangs"))
        await observe(request(server.port, "/cuts"))
        # nobody listens there, so nothing left
        await observe(request(1))
        assert own.tallies() == {"a.shop.test": Tally(1, 2, 0), "b.shop.test": Tally(1)}
    finally:
        own.close()
    await observe(request(server.port))
    assert own.tallies()["a.shop.test"].answered == 1


async def test_a_request_sent_twice_counts_twice(server: Server) -> None:
    own = SENT.follow(["127.0.0.1"])
    session = Session(keep=True)
    try:
        await session.observe(request(server.port))
        await session.observe(request(server.port, "/cuts"))
        tally = own.tallies()["a.shop.test"]
        # over the kept connection, and once more over a fresh one: neither had an answer
        assert (tally.answered, tally.unanswered) == (1, 2)
        assert server.requests == 3
    finally:
        await session.aclose()
        own.close()


async def test_nothing_begins_while_it_is_hushed(server: Server) -> None:
    own = SENT.follow(["127.0.0.1"])
    wanted = request(server.port)
    watch = Watch([wanted], [wanted], rate_per_s=40, policy=WatchPolicy(min_time_s=60, max_time_s=60))
    states = aiter(watch)
    task = asyncio.ensure_future(anext(states))
    try:
        await asyncio.sleep(0.2)
        with own.hushed():
            await own.silence(2.0)
            before, counted = own.tallies()["a.shop.test"], server.requests
            await asyncio.sleep(0.3)
            assert own.tallies()["a.shop.test"] == before
            assert server.requests == counted == before.answered
        await asyncio.sleep(0.5)
        assert server.requests > counted
    finally:
        await task
        await states.aclose()
        own.close()


def test_from_several_threads_and_loops() -> None:
    own = SENT.follow(["192.0.2.7"])

    def work() -> None:
        for _ in range(500):
            with SENT.sending("192.0.2.7", "a.shop.test") as fate:
                fate.answered, fate.unanswered = 1, 0

    threads = [threading.Thread(target=work) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own.close()
    assert own.tallies() == {"a.shop.test": Tally(2000)}
    assert time.monotonic() - began < 5
