"""The practice world in a thread, with clients whose requests are the truth that a count is compared with."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pointsman.checklists.journal.file import read_journal
from pointsman.checklists.machine.events import OldSideCounted
from pointsman.checklists.machine.view import Confirm, RunView
from pointsman.checklists.plans.load import Plan, load_plan
from pointsman.checklists.running.run import CutoverRun
from pointsman.checklists.running.traffic import old_source
from pointsman.cluster.client.connect import Connection, connect
from pointsman.cluster.client.watch import LiveCluster
from pointsman.probes.watching.traffic.facts import Reading, TrafficSource
from pointsman.sandbox import loopback
from pointsman.sandbox.edge_counters import EdgeCounters
from pointsman.sandbox.scenario import Pace
from pointsman.sandbox.world import World, WorldInfo

HOST = "store.shop.test"
OWN_AGENT = "pointsman"
SOAK = Pace(old_ttl=2, low_ttl=1, watch=1.0, soak=2.0)
T = TypeVar("T")


@dataclass
class SoakWorld:
    """A running world. ``pinned`` is how many requests the pinned client has sent to the old address."""

    world: World
    info: WorldInfo
    loop: asyncio.AbstractEventLoop
    connection: Connection
    live: LiveCluster
    pinned: int = 0
    _pin: Any = field(default=None)
    _wanted: bool = False

    def call(self, work: Callable[[], T]) -> T:
        async def wrapped() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(wrapped(), self.loop).result(10)

    def others_at_old(self, host: str = HOST) -> int:
        """The truth: requests of a host that reached the old edge and were not Pointsman's."""
        assert self.world.old_edge is not None
        edge = self.world.old_edge
        return self.call(lambda: edge.counters.total(host, without_agents=(OWN_AGENT,)))

    def ours_at_old(self, host: str = HOST) -> int:
        assert self.world.old_edge is not None
        edge = self.world.old_edge
        return self.call(lambda: edge.counters.total(host)) - self.others_at_old(host)

    def restart_old_pod(self) -> None:
        """Its counters begin anew, as after a crash of the container."""
        assert self.world.old_edge is not None
        edge = self.world.old_edge

        def anew() -> None:
            edge.counters = EdgeCounters()

        self.call(anew)

    def begin_anew(self) -> None:
        """The old address with the long TTL again, nobody counted, no client."""
        self.unpin()
        self.pinned = 0
        self._set(SOAK.old_ttl, self.info.old_address)
        assert self.world.resolver is not None
        self.call(self.world.resolver.flush)
        self.restart_old_pod()

    def set_ttl(self, ttl: int) -> None:
        """The record of the new side with another TTL."""
        self._set(ttl, self.info.new_address)

    def _set(self, ttl: int, address: str) -> None:
        zone = self.world.zone
        assert zone is not None
        self.call(lambda: zone.set(f"{HOST}.", ttl, "A", address))

    @contextmanager
    def without_ingress(self, namespace: str, name: str) -> Iterator[None]:
        """Deleted, and put back as it was."""
        storage = self.world.storage
        assert storage is not None
        kept = self.call(lambda: storage.get("Ingress", namespace, name))
        self.call(lambda: storage.delete("Ingress", namespace, name))
        try:
            yield
        finally:
            metadata = {key: kept["metadata"][key] for key in ("name", "namespace")}
            self.call(lambda: storage.apply({**kept, "metadata": metadata}))

    def pin(self, every_s: float = 0.1) -> None:
        """A client that never asks DNS again: it keeps to the old address."""
        # it takes any certificate: without its Ingress the old side shows the default one
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        async def visit() -> None:
            reader, writer = await asyncio.open_connection(
                self.info.old_address, self.info.https_port, ssl=context, server_hostname=HOST
            )
            head = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: pinned/1\r\nConnection: close\r\n\r\n"
            try:
                writer.write(head.encode())
                self.pinned += bool(await reader.read())
            finally:
                writer.transport.abort()

        async def visits() -> None:
            while self._wanted:
                await visit()
                await asyncio.sleep(every_s)

        self._wanted = True
        self._pin = asyncio.run_coroutine_threadsafe(visits(), self.loop)

    def unpin(self) -> None:
        # the last one is let to its end, or nobody knew whether it was counted
        self._wanted = False
        if self._pin is not None:
            self._pin.result(10)
            self._pin = None

    def plan(self, directory: Path, **durations: float) -> Plan:
        """The store's plan with two checks only, and soaking at a rate that counts in a short test."""
        checklist = directory / "quick.yaml"
        checklist.write_text(QUICK_LIST)
        plan = load_plan(self.info.plans[HOST])
        return replace(
            plan,
            checklist=str(checklist),
            durations=replace(plan.durations, **durations),
            thresholds=replace(plan.thresholds, soak_rate_per_s=20.0),
        )

    def source_with_truth(self, plan: Plan) -> WithTruth:
        source = old_source(plan, self.connection)
        assert source is not None
        return WithTruth(source, self)

    @contextmanager
    def run(self, plan: Plan) -> Iterator[CutoverRun]:
        """A run that is confirmed wherever it asks."""
        run = CutoverRun.start_new(
            plan,
            snapshots=self.live.snapshot,
            writes_enabled=True,
            connection=self.connection,
        )
        try:
            consent_to_all(run)
            yield run
        finally:
            run.stop()


class WithTruth:
    """A source that notes beside each reading how many others had really come, before and after it."""

    def __init__(self, source: TrafficSource, world: SoakWorld) -> None:
        self._source, self._world = source, world
        self.truth: dict[float, tuple[int, int]] = {}

    async def read(self) -> Reading:
        least = self._world.others_at_old()
        reading = await self._source.read()
        self.truth[reading.at] = (least, self._world.others_at_old())
        return reading

    async def close(self) -> None:
        await self._source.close()


def consent_to_all(run: CutoverRun) -> None:
    def consent(view: RunView) -> None:
        if view.waiting_for is not None:
            run.send(Confirm(view.waiting_for.purpose, HOST))

    run.subscribe(consent)
    consent(run.view())


def counts(run: CutoverRun) -> list[OldSideCounted]:
    """What the journal has of the old side's requests."""
    entries = read_journal(Path(run.view().journal_path))
    return [entry.event for entry in entries if isinstance(entry.event, OldSideCounted)]


QUICK_LIST = """\
apiVersion: pointsman/v1
kind: Checklist
name: quick
checks:
  - {id: dns-ttl, title: DNS TTL, probe: dns-ttl, gate: before-switch}
  - {id: old-side-idle, title: old side idle, probe: old-side-idle, gate: before-retire}
"""


@contextmanager
def soak_world(pace: Pace = SOAK, shoppers: bool = True, rate_per_s: float = 0.0) -> Iterator[SoakWorld]:
    """A world that lives in its own thread until the block ends."""
    try:
        loopback.require("127.0.0.2", "127.0.0.3")
    except loopback.LoopbackError as error:
        pytest.skip(str(error))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    world = World(shoppers=shoppers)
    made: SoakWorld | None = None
    try:
        info = run(world.start("shop", pace))
        if rate_per_s and world.shoppers is not None:
            # all of them want the one host that the test looks at
            world.shoppers._hosts, world.shoppers._pause_s = (HOST,), 1 / rate_per_s
            run(world.shoppers.stop())
            loop.call_soon_threadsafe(world.shoppers.start)
        connection = connect(str(info.kubeconfig), info.context)
        live = LiveCluster(connection, None)
        live.start()
        made = SoakWorld(world, info, loop, connection, live)
        yield made
    finally:
        if made is not None:
            made.unpin()
            made.live.stop()
            made.connection.close()
        run(world.stop())
        run(_settle())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0.01)
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
