"""Records changed on real name servers: all at once, never over somebody else, felt when it was forecast."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pointsman.checklists.plans.model import CriticalPath, DnsPlan, ObjectName, OctodnsPlan, Plan, Side
from pointsman.checklists.records.base import RecordProvider, lower_ttl_change, switch_change
from pointsman.checklists.records.command import Command
from pointsman.checklists.records.providers import provider_for
from pointsman.checklists.records.rfc2136 import Rfc2136
from pointsman.probes.wire.dns.facts import DnsTarget
from pointsman.probes.wire.dns.forecast import drain, old_periods, periods
from pointsman.probes.wire.dns.history import sightings
from pointsman.probes.wire.dns.observe import observe
from pointsman.probes.wire.dns.zones import Sighting
from record_poller import Poller
from record_servers import (
    API_KEY,
    BIND,
    HTTPS,
    KNOT,
    NEW,
    NEW6,
    OLD,
    OLD6,
    OLD_TTL,
    POWERDNS,
    SERVERS,
    UNBOUND,
    RecordServers,
    missing,
    record_servers,
    zone_of,
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(missing()), reason=missing() or "all there"),
]
LOW_TTL = 2
# octodns-powerdns 1.2 still calls what octoDNS 1.22 renamed
octodns_warns = pytest.mark.filterwarnings("ignore::DeprecationWarning")
EXAMPLE = Path(__file__).parents[2] / "docs" / "records_command.py"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordServers]:
    with record_servers(tmp_path_factory.mktemp("record-servers")) as running:
        yield running


def plan_of(
    servers: RecordServers, server: str, label: str, provider: str = "rfc2136", **dns: object
) -> Plan:
    zone = zone_of(server)
    return Plan(
        name="real",
        hosts=(f"{label}.{zone}",),
        gateway=ObjectName("infra", "main"),
        old=Side(OLD, OLD6),
        new=Side(NEW, NEW6),
        paths=(CriticalPath("/"),),
        dns=DnsPlan(
            provider,  # type: ignore[arg-type]
            f"{zone}.",
            (servers.at(server),),
            LOW_TTL,
            resolvers=(servers.at(UNBOUND),),
            tsig_key_file=str(servers.key_file),
            **dns,  # type: ignore[arg-type]
        ),
    )


def octodns_plan(servers: RecordServers, label: str, monkeypatch: pytest.MonkeyPatch) -> Plan:
    pytest.importorskip("octodns_powerdns", reason="needs octodns-powerdns: pip install '.[real]'")
    monkeypatch.setenv("PRACTICE_API_KEY", API_KEY)
    chosen = OctodnsPlan(str(servers.octodns_config()), "target")
    return plan_of(servers, POWERDNS, label, "octodns", octodns=chosen)


async def lowered(provider: RecordProvider, plan: Plan) -> None:
    change = lower_ttl_change(await provider.read(), plan)
    assert change is not None
    outcome = await provider.apply(change)
    assert outcome.kind == "applied", outcome


async def all_the_way_and_back(servers: RecordServers, server: str, plan: Plan) -> None:
    """Lower the TTL, switch, roll back, while a client looks on all the time."""
    provider = provider_for(plan)
    host = plan.hosts[0]
    with Poller(servers.ip(server), servers.port, host, {OLD, OLD6}, {NEW, NEW6}) as poller:
        await asyncio.sleep(0.2)
        await lowered(provider, plan)
        assert servers.served(server, host, "A") == (LOW_TTL, (OLD,))
        assert servers.served(server, host, "HTTPS") == (LOW_TTL, (HTTPS,))
        await asyncio.sleep(0.2)
        change = switch_change(await provider.read(), plan)
        outcome = await provider.apply(change)
        assert outcome.kind == "applied", outcome
        assert servers.served(server, host, "AAAA") == (LOW_TTL, (NEW6,))
        assert servers.served(server, host, "HTTPS") == (LOW_TTL, (HTTPS,))
        await asyncio.sleep(0.4)
        outcome = await provider.apply(change.inverted())
        assert outcome.kind == "applied", outcome
        await asyncio.sleep(0.2)
    assert (await provider.read()).sets == change.before
    assert not poller.faults
    # A and AAAA were asked in turn: had they changed one after the other, the sides would alternate
    assert poller.sides == ["old", "new", "old"]
    assert poller.asked >= 0.7 * 100 * poller.took_s
    assert poller.asked >= 60


@pytest.mark.parametrize("server", SERVERS)
async def test_nobody_ever_sees_half_of_a_change(servers: RecordServers, server: str) -> None:
    await all_the_way_and_back(servers, server, plan_of(servers, server, "moved"))


@octodns_warns
async def test_nobody_ever_sees_half_of_a_change_by_octodns(
    servers: RecordServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await all_the_way_and_back(servers, POWERDNS, octodns_plan(servers, "api", monkeypatch))


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("number", "kind", "ttl", "value"),
    [
        (0, "A", LOW_TTL, "192.0.2.66"),
        (1, "AAAA", LOW_TTL, "2001:db8::66"),
        (2, "A", 77, OLD),
        (3, "HTTPS", LOW_TTL, '1 . alpn="h3"'),
    ],
    ids=["A", "AAAA", "TTL alone", "HTTPS"],
)
async def test_a_change_between_reading_and_sending_is_never_overwritten(
    servers: RecordServers, server: str, number: int, kind: str, ttl: int, value: str
) -> None:
    plan = plan_of(servers, server, f"raced{number}")
    await lowered(provider_for(plan), plan)
    change = switch_change(await Rfc2136(plan).read(), plan)
    done = False

    class Late(Rfc2136):
        async def read(self, hosts=()):
            nonlocal done
            read = await super().read(hosts)
            if not done:
                done = True
                await asyncio.to_thread(servers.somebody, server, f"raced{number}", ttl, kind, value)
            return read

    outcome = await Late(plan).apply(change)
    assert outcome.kind == "precondition-failed", outcome
    assert servers.served(server, plan.hosts[0], kind) == (ttl, (value,))
    assert NEW not in servers.served(server, plan.hosts[0], "A")[1]


@pytest.mark.parametrize("server", SERVERS)
async def test_a_change_elsewhere_in_the_zone_does_not_hinder(servers: RecordServers, server: str) -> None:
    plan = plan_of(servers, server, "raced4")
    await lowered(provider_for(plan), plan)
    change = switch_change(await Rfc2136(plan).read(), plan)
    changes = iter(("192.0.2.200", "192.0.2.201"))

    class Busy(Rfc2136):
        async def read(self, hosts=()):
            read = await super().read(hosts)
            if (value := next(changes, "")) != "":
                await asyncio.to_thread(servers.somebody, server, "elsewhere", 60, "A", value)
            return read

    assert (await Busy(plan).apply(change)).kind == "applied"
    assert servers.served(server, plan.hosts[0], "A")[1] == (NEW,)


@octodns_warns
async def test_octodns_does_not_overwrite_what_changed_before_its_plan(
    servers: RecordServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = octodns_plan(servers, "raced5", monkeypatch)
    provider = provider_for(plan)
    await lowered(provider, plan)
    change = switch_change(await provider.read(), plan)
    target = provider._target  # type: ignore[attr-defined]
    planned = target.plan

    def late(desired, *arguments, **more):
        servers.somebody(POWERDNS, "raced5", LOW_TTL, "A", "192.0.2.66")
        return planned(desired, *arguments, **more)

    monkeypatch.setattr(target, "plan", late)
    outcome = await provider.apply(change)
    assert outcome.kind == "precondition-failed", outcome
    assert "would do something else" in outcome.detail
    assert servers.served(POWERDNS, plan.hosts[0], "A") == (LOW_TTL, ("192.0.2.66",))


@pytest.mark.parametrize("server", SERVERS)
async def test_the_printed_script_makes_the_change_or_nothing(servers: RecordServers, server: str) -> None:
    plan = plan_of(servers, server, "printed", "show")
    show = provider_for(plan)
    change = lower_ttl_change(await show.read(), plan)
    assert change is not None
    script = "\n".join(show.instructions(change))
    ran = await shell(script)
    assert ran.returncode == 0, ran.stderr
    assert (await show.apply(change)).kind == "applied"
    switch = switch_change(await show.read(), plan)
    await asyncio.to_thread(servers.somebody, server, "printed", LOW_TTL, "AAAA", "2001:db8::66")
    ran = await shell("\n".join(show.instructions(switch)))
    assert ran.returncode != 0
    assert servers.served(server, plan.hosts[0], "A") == (LOW_TTL, (OLD,))
    await asyncio.to_thread(servers.somebody, server, "printed", LOW_TTL, "AAAA", OLD6)
    ran = await shell("\n".join(show.instructions(switch)))
    assert ran.returncode == 0, ran.stderr
    ran = await shell("\n".join(show.instructions(switch.inverted())))
    assert ran.returncode == 0, ran.stderr
    assert (await show.read()).sets == switch.before


async def test_the_example_command_changes_a_real_server(servers: RecordServers) -> None:
    argv = (sys.executable, str(EXAMPLE), servers.ip(KNOT), str(servers.port), str(servers.key_file))
    plan = plan_of(servers, KNOT, "command", "command", command=argv)
    command = Command(plan)
    change = switch_change(await command.read(), plan)
    assert (await command.apply(change)).kind == "applied"
    assert servers.served(KNOT, plan.hosts[0], "A") == (LOW_TTL, (NEW,))


async def shell(script: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        ["/bin/sh"],
        input=script + "\n",
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


class Looker:
    """Keeps what the authoritative server was seen to serve, four times a second."""

    def __init__(self, plan: Plan) -> None:
        self._target = DnsTarget(plan.hosts[0], plan.dns.authoritative, zone=plan.dns.zone, types=("A",))
        self.seen: list[Sighting] = []
        self._task = asyncio.create_task(self._look())

    async def look(self) -> None:
        self.seen += sightings(await observe(self._target))

    async def _look(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(0.25)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def first_new(servers: RecordServers, host: str) -> float:
    """When the resolver first gives the new address."""
    async with asyncio.timeout(20):
        while True:
            _, values = await asyncio.to_thread(servers.served, UNBOUND, host, "A")
            if values == (NEW,):
                return time.time()
            assert values == (OLD,)
            await asyncio.sleep(0.1)


async def freshly_cached(servers: RecordServers, host: str, ttl: int) -> None:
    """Until the resolver has just fetched the answer anew: the worst moment for a change."""
    last = 0
    while True:
        now, _ = await asyncio.to_thread(servers.served, UNBOUND, host, "A")
        if now == ttl and last != ttl:
            return
        last = now
        await asyncio.sleep(0.05)


async def forecast_and_measured(
    servers: RecordServers, server: str, label: str, wait_s: float
) -> tuple[float, ...]:
    """Lower, wait, switch: (when the forecast says, when it was, when the switch was made)."""
    plan = plan_of(servers, server, label)
    host = plan.hosts[0]
    looker = Looker(plan)
    try:
        await freshly_cached(servers, host, OLD_TTL)
        await looker.look()
        provider = Rfc2136(plan)
        await lowered(provider, plan)
        await looker.look()
        await asyncio.sleep(wait_s)
        if wait_s > OLD_TTL:
            await freshly_cached(servers, host, LOW_TTL)
        await looker.look()
        outcome = await provider.apply(switch_change(await provider.read(), plan))
        assert outcome.kind == "applied", outcome
        switched = time.time()
        await looker.look()
        measured = await first_new(servers, host)
    finally:
        await looker.stop()
    told = drain(old_periods(periods(looker.seen), (OLD, OLD6), (NEW, NEW6)))
    assert told.lets_go_at is not None, told.reason
    return told.lets_go_at, measured, switched


async def test_the_new_answer_comes_when_it_was_forecast(servers: RecordServers) -> None:
    """Behind a real resolver, for each server with the TTL lowered too late, and once in good time."""
    late = [forecast_and_measured(servers, server, "late", 0.5) for server in SERVERS]
    timely = forecast_and_measured(servers, BIND, "waited", OLD_TTL + 0.5)
    *too_late, in_time = await asyncio.gather(*late, timely)
    for forecast, measured, switched in too_late:
        tell("too late", forecast - switched, measured - switched)
        assert abs(forecast - measured) < 2.0
        # the low TTL alone would have promised this
        assert measured - switched > LOW_TTL + 2
    forecast, measured, switched = in_time
    tell("in time", forecast - switched, measured - switched)
    assert abs(forecast - measured) < 2.0
    assert measured - switched < LOW_TTL + 1.5


def tell(what: str, forecast_s: float, measured_s: float) -> None:
    print(f"{what}: after the switch forecast {forecast_s:.2f} s, measured {measured_s:.2f} s")
