"""The user's own command: the example of the docs against the practice name server, and ones that fail."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pointsman.checklists.plans.load import Plan
from pointsman.checklists.records import command as command_module
from pointsman.checklists.records.base import TYPES, RecordReadError, switch_change
from pointsman.checklists.records.command import Command
from pointsman.checklists.records.providers import provider_for
from pointsman.checklists.records.values import record_set
from pointsman.cluster.errors import UserError
from pointsman.cluster.text import clean
from records_kit import HOST, NEW, OLD, a_plan, a_set, change_of, switch_of
from records_world import DnsWorld

EXAMPLE = Path(__file__).parents[2] / "docs" / "records_command.py"
SWITCH = change_of(a_set(OLD, 1), to=(a_set(NEW, 1),))
READ = {"sets": [{"host": HOST, "type": "A", "ttl": 1, "values": [OLD]}]}


def example_plan(world: DnsWorld) -> Plan:
    command = (sys.executable, str(EXAMPLE), "127.0.0.1", str(world.port), str(world.key_file))
    return a_plan("command", (world.at,), command=command)


def scripted(tmp_path: Path, apply: str, read: object = READ, server: str = "127.0.0.1:9") -> Plan:
    """A command that reads as told, and applies by ``apply``, a piece of Python."""
    script = tmp_path / "command.py"
    script.write_text(
        "import json, os, subprocess, sys, time\n"
        "request = json.load(sys.stdin)\n"
        f"if request['action'] == 'read':\n    print({json.dumps(read)!r})\nelse:\n    {apply}\n"
    )
    return a_plan("command", (server,), command=(sys.executable, str(script)))


async def test_the_example_of_the_docs_switches_and_comes_back(dns_world: DnsWorld) -> None:
    plan = example_plan(dns_world)
    command = provider_for(plan)
    dns_world.set("AAAA", "2001:db8::1", ttl=1)
    dns_world.set("HTTPS", '1 . alpn="h2"', ttl=1)
    change = await switch_of(command, plan)
    assert change.diff == (f"- {HOST}. 1 A {OLD}", f"- {HOST}. 1 AAAA 2001:db8::1", f"+ {HOST}. 1 A {NEW}")
    # as the operator would do it with the line that is shown
    typed = "\n".join(command.instructions(change))
    shell = await asyncio.create_subprocess_shell(typed, stdout=asyncio.subprocess.PIPE)
    assert json.loads((await shell.communicate())[0])["outcome"] == "applied"
    assert dns_world.values("A") == (NEW,)
    assert dns_world.values("AAAA") == ()
    assert dns_world.values("HTTPS") == ('1 . alpn="h2"',)
    assert (await command.apply(change.inverted())).kind == "applied"
    assert dns_world.values("A") == (OLD,)
    assert sum(dns_world.authority.updates.values()) == 2


async def test_the_example_does_not_overwrite_what_changed_after_the_reading(dns_world: DnsWorld) -> None:
    plan = example_plan(dns_world)

    class Late(Command):
        async def read(self, hosts=()):
            read = await super().read(hosts)
            dns_world.set("A", "192.0.2.66", ttl=1)
            return read

    change = switch_change(await Command(plan).read(), plan)
    outcome = await Late(plan).apply(change)
    assert outcome.kind == "precondition-failed"
    assert dns_world.values("A") == ("192.0.2.66",)
    assert dns_world.authority.updates["NXRRSET"] == 1


@pytest.mark.parametrize(
    ("apply", "kind", "says"),
    [
        ("print(json.dumps({'outcome': 'refused', 'detail': 'no right'}))", "refused", "no right"),
        ("print(json.dumps({'outcome': 'refused'})); sys.exit(3)", "refused", "refused"),
        ("print(json.dumps({'outcome': 'precondition-failed'}))", "precondition-failed", ""),
        ("print(json.dumps({'outcome': 'unknown'}))", "unknown", "outcome unknown"),
        ("print(json.dumps({'outcome': 'done'}))", "unknown", "outcome done"),
        ("print(json.dumps({'outcome': 'applied'})); sys.exit(1)", "unknown", "exit code 1"),
        ("print('OK')", "unknown", "cannot be read"),
        ("print('{}')", "unknown", "cannot be read"),
        ("print('{\"x\":' + '[' * 400_000)", "unknown", "cannot be read"),
        ("pass", "unknown", "cannot be read"),
        ("sys.exit('line one\\nno \\x1b[31mright')", "unknown", "exit code 1: no ·[31mright"),
        ("os.kill(os.getpid(), 11)", "unknown", "signal 11"),
        # it says so, and yet the records are as before
        ("print(json.dumps({'outcome': 'applied'}))", "unknown", "but then it reads"),
    ],
)
async def test_an_answer_that_is_not_one_is_unknown(tmp_path: Path, apply: str, kind: str, says: str) -> None:
    outcome = await Command(scripted(tmp_path, apply)).apply(SWITCH)
    assert outcome.kind == kind, outcome
    assert says in outcome.detail
    assert "\x1b" not in outcome.detail


async def test_too_late_is_unknown_and_ends_what_it_began(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    apply = (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}'); time.sleep(60)"
    )
    began = time.monotonic()
    outcome = await Command(scripted(tmp_path, apply), deadline_s=1.5).apply(SWITCH)
    assert outcome.kind == "unknown"
    assert "no answer within 1.5 s" in outcome.detail
    assert time.monotonic() - began < 10
    for pid in pids.read_text().split():
        assert gone(int(pid))


def gone(pid: int) -> bool:
    for _ in range(50):
        try:
            # a zombie that its new parent has not reaped yet is no more than a number
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except OSError:
            return True
        time.sleep(0.05)
    return False


async def test_too_much_output_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_module, "_MOST_OUTPUT", 20_000)
    outcome = await Command(scripted(tmp_path, "print('{' + ' ' * 99_999 + '}')")).apply(SWITCH)
    assert outcome.kind == "unknown"
    assert "more than 20000 bytes" in outcome.detail
    endless = scripted(tmp_path, "[print('x' * 9999) for _ in iter(int, 1)]")
    assert (await Command(endless, deadline_s=1.0).apply(SWITCH)).kind == "unknown"


async def test_a_command_that_cannot_be_started_has_changed_nothing(tmp_path: Path) -> None:
    plan = a_plan("command", ("127.0.0.1:9",), command=(str(tmp_path / "nothing"),))
    with pytest.raises(RecordReadError, match="cannot be started: No such file"):
        await Command(plan).read()
    assert (await Command(plan).apply(SWITCH)).kind == "refused"


@pytest.mark.parametrize(
    ("read", "says"),
    [
        ({}, "cannot be read"),
        ({"sets": [{"host": HOST, "type": "A", "ttl": 1, "values": []}]}, "no value"),
        ({"sets": [{"host": HOST, "type": "A", "ttl": -1, "values": [OLD]}]}, "TTL -1"),
        ({"sets": [{"host": HOST, "type": "A", "ttl": 1, "values": ["x\x1b"]}]}, "no A value"),
        ({"sets": [{"host": "else.test", "type": "A", "ttl": 1, "values": [OLD]}]}, "was not asked for"),
        ({"sets": READ["sets"] * 2}, "twice"),
    ],
)
async def test_a_reading_that_makes_no_sense_is_an_error(tmp_path: Path, read: object, says: str) -> None:
    with pytest.raises(RecordReadError, match=says):
        await Command(scripted(tmp_path, "pass", read)).read()
    # and then nothing is written
    assert (await Command(scripted(tmp_path, "sys.exit(9)", read)).apply(SWITCH)).kind == "refused"


async def test_other_types_are_nobodys_business(tmp_path: Path) -> None:
    more = {"sets": [*READ["sets"], {"host": HOST, "type": "TXT", "ttl": 1, "values": ["v=1"]}]}
    assert (await Command(scripted(tmp_path, "pass", more)).read()).sets == (a_set(OLD, 1),)


async def test_while_command_and_server_differ_nothing_is_known(tmp_path: Path, dns_world: DnsWorld) -> None:
    dns_world.set("A", OLD, ttl=1)
    plan = scripted(tmp_path, "pass", server=dns_world.at)
    assert (await Command(plan).find_out(SWITCH)).kind == "not-applied"
    dns_world.set("A", NEW, ttl=1)
    with pytest.raises(RecordReadError, match="serves"):
        await Command(plan).find_out(SWITCH)
    with pytest.raises(RecordReadError, match="no authoritative server answers"):
        await Command(replace(plan, dns=replace(plan.dns, authoritative=("127.0.0.1:9",)))).find_out(SWITCH)


def test_a_plan_without_a_command_is_told() -> None:
    with pytest.raises(UserError, match=r"dns\.command"):
        provider_for(a_plan("command", ("127.0.0.1:9",)))


PIECES = (*'1."(;@', "\n", "::1", ' alpn="h2"', "ipv4hint=1.2.3.4", "\\", "\\300", "key65535=", "ech=")


@given(st.sampled_from(TYPES), st.lists(st.one_of(st.text(max_size=8), st.sampled_from(PIECES)), max_size=6))
@settings(max_examples=100, deadline=None)
def test_any_value_is_a_value_or_a_clear_error(kind: str, pieces: list[str]) -> None:
    said, found = "", None
    try:
        found = record_set(HOST, kind, 1, ["".join(pieces)])
    except ValueError as error:
        said = str(error)
    assert said == clean(said)
    assert found is None or found == record_set(HOST, kind, 1, found.values)


@given(st.integers(0, 2**31 - 1), st.lists(st.ip_addresses(v=6), min_size=1, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_a_set_has_one_form(ttl: int, addresses: list[object]) -> None:
    exploded = [item.exploded.upper() for item in addresses]  # type: ignore[attr-defined]
    one = record_set(f"{HOST}.", "AAAA", ttl, exploded)
    assert one == record_set(HOST, "AAAA", ttl, reversed([str(item) for item in addresses]))
    assert record_set(HOST, "CNAME", ttl, ["lb.example"]) == record_set(HOST, "CNAME", ttl, ["lb.example."])
