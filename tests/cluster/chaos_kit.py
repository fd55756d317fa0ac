"""What the chaos tests share: a cluster behind a fault proxy, quick timing, a guard against a wrong none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from api_worlds import World, until
from fault_proxy import FaultProxy
from live_helpers import a_gateway, a_route, eventually
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.timing import Timing
from pointsman.cluster.client.watch import LiveCluster

QUICK = Timing(
    beat_s=0.25,
    beat_again_s=0.1,
    beat_timeout_s=0.6,
    watch_open_s=1.5,
    backoff_first_s=0.05,
    backoff_most_s=0.3,
    blind_s=2.0,
    denied_retry_s=0.5,
    poll_s=0.3,
    rediscover_blind_s=0.5,
    after_crd_change_s=(0.05, 0.2, 0.6),
    head_start_s=0.3,
)


def quick(world: World) -> Timing:
    """So quick that a test need not wait; a real server shares the machine and may take longer to answer."""
    if world.name == "practice":
        return QUICK
    return replace(QUICK, beat_timeout_s=2.0, watch_open_s=5.0)


KINDS = {"Gateway": "gateways", "HTTPRoute": "routes", "Service": "services"}


def a_service(name: str = "web", namespace: str = "shop") -> dict[str, Any]:
    """A small Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [{"port": 80}], "selector": {"app": name}},
    }


@dataclass
class Rig:
    """A live cluster that is reached through a proxy. ``lies`` are moments of a wrong "none"."""

    world: World
    proxy: FaultProxy
    cluster: LiveCluster
    lies: list[str] = field(default_factory=list)

    def state(self, kind: str) -> str:
        return self.cluster.snapshot().state_of(kind).state

    def all_in(self, *states: str) -> bool:
        return all(self.state(kind) in states for kind in KINDS)

    async def all_live(self, within_s: float = 10.0) -> None:
        await eventually(lambda: self.all_in("live"), within_s * self.world.patience, self.told)

    async def all_stale(self, within_s: float = 5.0) -> None:
        await eventually(lambda: self.all_in("stale"), within_s * self.world.patience, self.told)

    def told(self) -> object:
        return {kind: self.cluster.snapshot().state_of(kind) for kind in KINDS}

    def shown(self) -> dict[tuple[str, str, str], str]:
        """What the snapshot holds: the version of each object."""
        snapshot = self.cluster.snapshot()
        return {
            (kind, ref.namespace, ref.name): obj.meta.resource_version
            for kind, part in KINDS.items()
            for ref, obj in getattr(snapshot, part).items()
            if ref.kind == kind and (ref.namespace, ref.name) != ("default", "kubernetes")
        }

    async def served(self) -> dict[tuple[str, str, str], str]:
        """What the server holds, but for what the server itself made."""
        held = await self.world.held(KINDS)
        return {key: version for key, version in held.items() if key[1:] != ("default", "kubernetes")}

    async def in_step(self, within_s: float = 10.0) -> None:
        """Until the snapshot is the server's truth, and says so."""
        odd = ""

        async def same() -> bool:
            nonlocal odd
            odd = await self.difference()
            return not odd

        await until(same, within_s * self.world.patience, lambda: odd)

    async def difference(self) -> str:
        """What is not yet as it should be, in words for whoever reads a failed test."""
        states = {
            kind: self.cluster.snapshot().state_of(kind) for kind in KINDS if self.state(kind) != "live"
        }
        odd = sorted(set(self.shown().items()) ^ set((await self.served()).items()))
        return f"{states} {odd}" if states or odd else ""

    async def guard(self) -> None:
        while True:
            snapshot = self.cluster.snapshot()
            for kind, part in KINDS.items():
                state = snapshot.state_of(kind)
                if state.knows("infra") and not getattr(snapshot, part):
                    self.lies.append(f"{kind} {state.state} and empty")
            await asyncio.sleep(0.005)


@asynccontextmanager
async def behind_a_proxy(
    world: World, timing: Timing | None = None, *, wait: bool = True
) -> AsyncIterator[Rig]:
    """One Gateway, one route and one Service that nobody ever deletes, so that none is always a lie."""
    await world.apply(a_gateway(), a_route(), a_service())
    proxy = FaultProxy(world.port)
    await proxy.start()
    kubeconfig = world.kubeconfig.with_name("through-the-proxy")
    kubeconfig.write_text(world.kubeconfig.read_text().replace(f":{world.port}", f":{proxy.port}"))
    connection = await asyncio.to_thread(connect, str(kubeconfig))
    rig = Rig(world, proxy, LiveCluster(connection, timing=timing or quick(world)))
    guard = asyncio.ensure_future(rig.guard())
    try:
        rig.cluster.start()
        if wait:
            await rig.all_live()
        yield rig
        assert not guard.done(), guard.exception()
        assert not rig.lies
    finally:
        guard.cancel()
        await asyncio.to_thread(rig.cluster.stop)
        await proxy.stop()
