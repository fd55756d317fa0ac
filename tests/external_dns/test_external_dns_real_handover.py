"""The real external-dns on the practice stage: the provider leads it to move the record, once, and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from external_dns_kit import MEDIA, find_external_dns
from pointsman.checklists.records.base import RecordChange, RecordReadError
from pointsman.checklists.records.external_dns.provider import ExternalDns
from pointsman.checklists.running.proposals import Proposals
from pointsman.sandbox.dns_zone import Zone
from test_external_dns_scenarios import HOST, Stage, staged

Json = dict[str, Any]
TYPES = ("A", "AAAA", "CNAME", "TXT")


def endpoints(zone: Zone) -> list[Json]:
    """The zone as external-dns's webhook protocol has it."""
    return [
        {
            "dnsName": name.to_text(omit_final_dot=True),
            "recordType": kind.name,
            "recordTTL": found.ttl,
            "targets": [str(one) for one in found],
        }
        for name, sets in zone.records.items()
        for kind, found in sets.items()
        if kind.name in TYPES
    ]


def make(zone: Zone, changes: Json) -> None:
    for one in changes.get("delete") or ():
        zone.delete(f"{one['dnsName']}.", one["recordType"])
    for one in [*(changes.get("create") or ()), *(changes.get("updateNew") or ())]:
        zone.set(f"{one['dnsName']}.", one.get("recordTTL") or 300, one["recordType"], *one["targets"])


@asynccontextmanager
async def real_external_dns(stage: Stage) -> AsyncIterator[None]:
    """In place of the practice one, with the same arguments; its DNS provider is the practice zone."""
    program = find_external_dns()
    zone, practice = stage.world.zone, stage.world.external_dns
    assert zone is not None
    assert practice is not None
    await practice.stop()

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST" and request.path == "/records":
            make(zone, json.loads(await request.read()))
            return web.Response(status=204)
        body: Any = {"filters": [], "exclude": []}
        if request.path == "/records":
            body = endpoints(zone)
        elif request.path == "/adjustendpoints":
            body = json.loads(await request.read())
        return web.Response(body=json.dumps(body), headers={"Content-Type": MEDIA})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    process = await asyncio.create_subprocess_exec(
        program,
        "--provider=webhook",
        f"--webhook-provider-url=http://127.0.0.1:{runner.addresses[0][1]}",
        f"--kubeconfig={stage.kubeconfig}",
        "--metrics-address=127.0.0.1:0",
        *("--source=ingress", "--source=gateway-httproute", "--policy=sync", "--txt-owner-id=shop"),
        *(f"--domain-filter={HOST}", "--interval=300ms"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
        await runner.cleanup()


@pytest.mark.real
async def test_the_real_one_moves_the_record_once_and_back() -> None:
    async with staged("external-dns-first-owner") as stage, real_external_dns(stage):
        zone = stage.world.zone
        assert zone is not None
        seen: list[tuple[str, ...]] = []
        zone.on_change(
            lambda event: seen.append(tuple(map(str, event.new or ()))) if event.rdtype.name == "A" else None
        )
        provider = stage.provider()
        proposals = Proposals(stage.plan, provider)
        lower, _ = await proposals.lower()
        assert lower is not None
        assert (await finished(provider, lower)) == "applied"
        switch = await proposals.switch()
        assert (await finished(provider, switch)) == "applied"
        assert stage.addresses() == ("127.0.0.3",)
        back = replace(switch.inverted(), before=switch.after)
        assert (await finished(provider, back)) == "applied"
        assert stage.addresses() == ("127.0.0.2",)
        # a few rounds more: nobody moves it again
        await asyncio.sleep(1.2)
        assert seen == [("127.0.0.2",), ("127.0.0.3",), ("127.0.0.2",)], "the TTL, there, and back"


async def finished(provider: ExternalDns, change: RecordChange) -> str:
    """As the executor does it: what is unknown is found out."""
    outcome = await provider.apply(change)
    async with asyncio.timeout(20):
        while outcome.kind == "unknown":
            await asyncio.sleep(0.5)
            with contextlib.suppress(RecordReadError):
                outcome = await provider.find_out(change)
    return outcome.kind
