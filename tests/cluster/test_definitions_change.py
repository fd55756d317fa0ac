"""The CRDs of the Gateway API installed, upgraded and removed while we watch: three official releases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml
from api_worlds import World
from chaos_kit import quick
from live_helpers import a_gateway, a_route, eventually
from pointsman.cluster.client.connect import connect
from pointsman.cluster.client.once import load_once
from pointsman.cluster.client.watch import LiveCluster
from pointsman.cluster.kinds import KINDS
from pointsman.cluster.refs import GATEWAY_GROUP
from pointsman.cluster.snapshot import Snapshot

GROUPS = (GATEWAY_GROUP, "gateway.networking.x-k8s.io")
READ = {(spec.group, spec.kind): spec for spec in KINDS if spec.group in GROUPS}
Truth = dict[str, str]


def served(bundle: Path) -> dict[tuple[str, str], list[str]]:
    """The versions of each kind that a bundle serves."""
    documents = [
        one
        for file in sorted(bundle.glob("*.yaml"))
        for one in yaml.load_all(file.read_text(), yaml.CSafeLoader)
    ]
    return {
        (one["spec"]["group"], one["spec"]["names"]["kind"]): [
            version["name"] for version in one["spec"]["versions"] if version["served"]
        ]
        for one in documents
        if one and one["kind"] == "CustomResourceDefinition"
    }


def expected(versions: dict[tuple[str, str], list[str]]) -> Truth:
    """The state of each kind that we read: live in a version that is understood, absent if in none."""
    truth = {}
    for key, spec in READ.items():
        there = versions.get(key, [])
        understood = not spec.versions or set(spec.versions) & set(there)
        truth[spec.kind] = "absent" if not there else "live" if understood else "failed"
    return truth


def told(snapshot: Snapshot) -> Truth:
    return {spec.kind: snapshot.state_of(spec.kind).state for spec in READ.values()}


def a_grant(api_version: str) -> dict[str, object]:
    return {
        "apiVersion": api_version,
        "kind": "ReferenceGrant",
        "metadata": {"name": "allow", "namespace": "shop"},
        "spec": {
            "from": [{"group": GATEWAY_GROUP, "kind": "HTTPRoute", "namespace": "infra"}],
            "to": [{"group": "", "kind": "Service"}],
        },
    }


async def without_any(world: World) -> None:
    names = [name for _, _, name in await world.held(["CustomResourceDefinition"])]
    await world.remove_crds(name for name in names if name.partition(".")[2] in GROUPS)


@pytest.mark.parametrize("channel", ["standard", "experimental"])
async def test_kinds_come_change_and_go_with_their_crds(world: World, shared: Path, channel: str) -> None:
    await without_any(world)
    connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    cluster = LiveCluster(connection, timing=quick(world))
    cluster.start()
    lies: list[str] = []

    async def guard() -> None:
        # from the moment it was seen, nobody deletes the Gateway
        while True:
            snapshot = cluster.snapshot()
            if snapshot.state_of("Gateway").state in ("live", "stale", "absent") and not snapshot.gateways:
                lies.append(f"Gateway {snapshot.state_of('Gateway')}")
            await asyncio.sleep(0.01)

    watching: asyncio.Task[None] | None = None
    try:
        await until_told(cluster, expected({}))
        # what a later release leaves out stays, as in any cluster that is only ever upgraded
        versions: dict[tuple[str, str], list[str]] = {}
        for number, release in enumerate(("v1.2.1", "v1.4.1", "v1.6.1")):
            bundle = shared / "crds" / f"{release}-{channel}"
            names = await world.install_crds(bundle)
            if not number:
                await world.apply(a_gateway(), a_route(), a_grant(f"{GATEWAY_GROUP}/v1beta1"))
                await eventually(lambda: cluster.snapshot().gateways, 20)
                watching = asyncio.ensure_future(guard())
            versions |= await asyncio.to_thread(served, bundle)
            truth = expected(versions)
            await until_told(cluster, truth)
            # what was there stays there, and is followed in whatever version is served now
            await world.apply(a_route(f"of-{release}"))
            await eventually(lambda name=f"of-{release}": {"cart", name} <= names_of(cluster), 20)
            assert len(cluster.snapshot().grants) == 1
            bundles = {
                crd.metadata.annotations.get("gateway.networking.k8s.io/bundle-version")
                for crd in cluster.snapshot().crds.values()
                if crd.metadata.name in names
            }
            assert bundles == {release}
            assert told(await asyncio.to_thread(load_once, connection)) == truth
        assert watching is not None
        watching.cancel()
        assert not lies
        await without_any(world)
        await until_told(cluster, expected({}))
        assert not cluster.snapshot().routes
        assert not cluster.snapshot().grants
    finally:
        if watching is not None:
            watching.cancel()
        await asyncio.to_thread(cluster.stop)


async def until_told(cluster: LiveCluster, truth: Truth) -> None:
    def difference() -> dict[str, tuple[str, object]]:
        snapshot = cluster.snapshot()
        return {
            kind: (state, snapshot.state_of(kind))
            for kind, state in truth.items()
            if snapshot.state_of(kind).state != state
        }

    await eventually(lambda: not difference(), 30, difference)


def names_of(cluster: LiveCluster) -> set[str]:
    return {ref.name for ref in cluster.snapshot().routes}
