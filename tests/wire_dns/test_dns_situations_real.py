"""Every situation on real name servers: verdict and cause, the same shown by dig, and no false alarm."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dns_situations import HEALTHY, MORE, NEW, NEW6, OLD, OLD6, SITUATIONS, Situation
from misbehaving_name_server import FLAPS, MUTED, ODD, Misbehaving, MisbehavingServers
from pointsman.probes.verdict import Finding, Verdict
from pointsman.probes.wire.dns.facts import DnsFacts, DnsPolicy, DnsTarget
from pointsman.probes.wire.dns.history import sightings
from pointsman.probes.wire.dns.judge import judge
from pointsman.probes.wire.dns.observe import observe
from real_name_servers import NameServers, missing
from served_zones import KNOT, PARENT, UNBOUND

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(missing()), reason=missing() or "all there"),
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServers]:
    zones = [situation.zone for situation in (*SITUATIONS, *MORE, *HEALTHY)]
    running = NameServers(zones, tmp_path_factory.mktemp("name-servers"), ODD)
    odd = {}
    for kind in ODD:
        own = {zone.name: zone.serves(kind) for zone in zones if kind in zone.servers}
        other = {
            zone.name: zone.text((f"www 60 A {NEW}",), zone.serial) for zone in zones if kind in zone.servers
        }
        odd[kind] = Misbehaving(kind, own, other if kind == FLAPS else None)
    misbehaving = MisbehavingServers(odd, {kind: running.ip(kind) for kind in ODD}, running.port)
    running.mute = lambda: setattr(odd[MUTED], "muted", True)
    misbehaving.start()
    try:
        running.start()
        yield running
    finally:
        running.stop()
        misbehaving.stop()


def target(servers: NameServers, situation: Situation) -> DnsTarget:
    """Everything that can be asked, from the parent's server down."""
    return DnsTarget(
        situation.name,
        resolvers=tuple(servers.at(name) for name in situation.resolvers),
        walk=True,
        walk_from=(servers.at(PARENT),),
        port=servers.port,
        extras=situation.extras,
        timeout_s=situation.timeout_s,
    )


def policy(situation: Situation) -> DnsPolicy:
    return replace(DnsPolicy(60, OLD, NEW, situation.expect, (OLD6,), (NEW6,)), **situation.policy)


async def look(servers: NameServers, situation: Situation) -> DnsFacts:
    """The facts, after what the situation needs; with a look before where it needs two."""
    if situation.prepare is not None:
        await asyncio.to_thread(situation.prepare, servers, situation.name)
    facts = await observe(target(servers, situation))
    if not situation.before_s:
        return facts
    await asyncio.sleep(situation.before_s)
    again = await observe(target(servers, situation))
    return replace(again, seen=sightings(facts))


def troubles(found: tuple[Finding, ...]) -> dict[str, list[Finding]]:
    grouped: dict[str, list[Finding]] = {}
    for finding in found:
        if finding.verdict.badness >= Verdict.WARN.badness:
            grouped.setdefault(finding.name, []).append(finding)
    return grouped


async def shell(command: str) -> str:
    """What the command prints, as an operator would run it."""
    ran = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    printed, _ = await asyncio.wait_for(ran.communicate(), 30)
    return printed.decode(errors="replace")


@pytest.mark.parametrize(
    "situation", [*SITUATIONS, *MORE], ids=lambda one: f"{one.number:02d}-{one.rule}-{one.zone.name}"
)
async def test_the_situation_is_told_by_name(servers: NameServers, situation: Situation) -> None:
    facts = await look(servers, situation)
    found = judge(facts, policy(situation))
    grouped = troubles(found)
    told = {name: [f"{one.verdict} {one.summary}" for one in group] for name, group in grouped.items()}
    assert situation.rule in grouped, told
    assert set(grouped) == {situation.rule, *situation.also}, told
    finding = grouped[situation.rule][0]
    assert {one.verdict for one in grouped[situation.rule]} == {situation.verdict}, told
    assert situation.says in finding.summary
    assert finding.evidence
    printed = await shell(finding.reproduce)
    assert re.search(situation.shows, printed), f"{finding.reproduce}\n{printed}"
    for server, arguments, expression in situation.dig:
        words = arguments.replace("@", situation.zone.name).split()
        name = [] if "@" in arguments else [situation.name]
        printed = await asyncio.to_thread(servers.dig, server, *name, *words)
        assert re.search(expression, printed), f"{server} {words}\n{printed}"


@pytest.mark.parametrize("situation", HEALTHY, ids=lambda one: one.title.replace(" ", "-"))
async def test_a_healthy_name_raises_no_alarm(servers: NameServers, situation: Situation) -> None:
    facts = await look(servers, situation)
    found = judge(facts, policy(situation))
    assert not troubles(found), [f"{one.verdict} {one.name} {one.summary}" for one in found]
    (only,) = found
    assert only.name == "ttl-low"
    assert situation.says in only.summary
    assert all(server.aa for server in facts.authoritative)
    assert len(facts.authoritative) == len(situation.zone.parents)


@pytest.mark.parametrize(
    ("zone", "server", "expected"),
    [
        ("well-signed.test", KNOT, "fully validated"),
        ("well-signed.test", UNBOUND, "fully validated"),
        ("bogus.test", KNOT, "RRSIG has expired"),
        ("gap.test", KNOT, "fully validated"),
    ],
)
async def test_delv_says_the_same_of_signatures(
    servers: NameServers, zone: str, server: str, expected: str
) -> None:
    situation = next(one for one in (*SITUATIONS, *HEALTHY) if one.zone.name == zone)
    name = situation.name if zone != "gap.test" else "aaa.gap.test"
    said = await asyncio.to_thread(servers.delv, server, zone, name, "A")
    assert expected in said, said
    facts = await observe(replace(target(servers, situation), name=name, resolvers=(servers.at(UNBOUND),)))
    (resolver,) = facts.resolvers
    assert resolver.dnssec is not None
    assert resolver.dnssec.bogus == (zone == "bogus.test")
    assert resolver.dnssec.checked.ad == (zone != "bogus.test")


@pytest.mark.parametrize(
    ("zone", "code", "rule"),
    [("ipv6-left.test", 1, "DNS030"), ("dead.test", 3, "DNS010"), ("well-knot.test", 0, "")],
)
async def test_the_command_says_the_same_and_its_exit_code_tells(
    servers: NameServers, zone: str, code: int, rule: str
) -> None:
    situation = next(one for one in (*SITUATIONS, *HEALTHY) if one.zone.name == zone)
    words = [
        "--from",
        servers.at(PARENT),
        "--port",
        str(servers.port),
        "--old",
        OLD,
        "--old",
        OLD6,
        "--new",
        NEW,
    ]
    words += ["--expect", situation.expect] if situation.expect else []
    program = Path(sys.executable).with_name("pointsman")
    ran = await asyncio.create_subprocess_exec(
        *(str(program), "probe", "dns", situation.name, *words, "--timeout", "4", "-o", "json"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    printed, errors = await asyncio.wait_for(ran.communicate(), 60)
    told = json.loads(printed)
    rules = {one["rule"] for one in told["findings"]}
    assert (ran.returncode, rule in rules or not rule) == (code, True), (told["findings"], errors)
