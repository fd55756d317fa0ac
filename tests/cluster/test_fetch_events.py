"""The events of one object: asked for by selector, newest first, no more than can be read."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from api_worlds import World, questions_about
from live_helpers import a_gateway
from pointsman.cluster.client.connect import ApiError, Connection, connect
from pointsman.cluster.client.fetch import EventLine, fetch_events
from pointsman.cluster.refs import GATEWAY_GROUP, ObjectRef

GATEWAY = ObjectRef("Gateway", "infra", "main", group=GATEWAY_GROUP)


def an_event(number: int, at: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"event-{number}", "namespace": "infra"},
        "involvedObject": {
            "apiVersion": f"{GATEWAY_GROUP}/v1",
            "kind": "Gateway",
            "namespace": "infra",
            "name": "main",
        },
        "type": "Warning",
        "reason": "Rejected",
        "message": f"number {number}",
        "lastTimestamp": at,
        "count": 2,
        "source": {"component": "envoy"},
        **more,
    }


async def events_of(world: World, ref: ObjectRef) -> tuple[EventLine, ...]:
    connection: Connection = await asyncio.to_thread(connect, str(world.kubeconfig))
    try:
        return await asyncio.to_thread(fetch_events, connection, ref)
    finally:
        await asyncio.to_thread(connection.close)


async def test_newest_first_and_only_its_own(world: World) -> None:
    await world.apply(a_gateway())
    await world.apply(an_event(1, "2026-01-01T10:00:00Z"))
    await world.apply(an_event(2, "2026-01-01T12:00:00Z"))
    await world.apply(
        an_event(
            3,
            "",
            lastTimestamp=None,
            eventTime="2026-01-01T11:00:00.123456Z",
            series={"count": 9, "lastObservedTime": "2026-01-01T11:00:00.123456Z"},
            reportingComponent="envoy",
            reportingInstance="envoy-0",
            action="Looked",
        )
    )
    other = {"kind": "Gateway", "namespace": "infra", "name": "other", "apiVersion": f"{GATEWAY_GROUP}/v1"}
    await world.apply(an_event(4, "2026-01-01T13:00:00Z", involvedObject=other))
    alien = {"kind": "Gateway", "namespace": "infra", "name": "main", "apiVersion": "networking.istio.io/v1"}
    await world.apply(an_event(5, "2026-01-01T13:00:00Z", involvedObject=alien))
    lines = await events_of(world, GATEWAY)
    assert [line.message for line in lines] == ["number 2", "number 3", "number 1"]
    assert [line.count for line in lines] == [2, 9, 2]
    assert (lines[0].type, lines[0].reason, lines[0].source) == ("Warning", "Rejected", "envoy")
    assert lines[0].at == 1767268800.0


async def test_no_more_than_can_be_read(world: World) -> None:
    for number in range(120):
        await world.apply(an_event(number, f"2026-01-01T10:{number // 60:02d}:{number % 60:02d}Z"))
    lines = await events_of(world, GATEWAY)
    assert len(lines) == 50
    assert lines[0].message == "number 119"
    asked = questions_about(await world.asked(), "events")
    assert "involvedObject.name" in asked[0].query


async def test_refused_is_told_and_not_none(world: World) -> None:
    await world.deny(["list"], ["events"])
    with pytest.raises(ApiError) as caught:
        await events_of(world, GATEWAY)
    assert caught.value.status == 403


async def test_of_an_object_without_a_namespace(world: World) -> None:
    about = {"apiVersion": f"{GATEWAY_GROUP}/v1", "kind": "GatewayClass", "name": "eg"}
    event = an_event(1, "2026-01-01T10:00:00Z", involvedObject=about)
    event["metadata"]["namespace"] = "default"
    await world.apply(event)
    lines = await events_of(world, ObjectRef("GatewayClass", "", "eg", group=GATEWAY_GROUP))
    assert [line.message for line in lines] == ["number 1"]
