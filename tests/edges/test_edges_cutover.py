"""Whole nights on servers that nobody here wrote: nginx, Envoy, Knot, PowerDNS and unbound.

The program is run by its commands, as an operator over SSH runs it. What happened is asked of the servers
themselves: the authorities, the resolver, nginx's and Envoy's own logs, and the users in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from edges_plan import IDLE, NAME, TOLD, plan_file
from edges_users import Users
from edges_world import LOW_TTL, OLD_TTL, EdgeWorld, edge_world, missing
from pointsman.checklists.journal.file import list_runs, read_journal
from pointsman.checklists.machine.events import (
    Attested,
    Event,
    GateChecked,
    RollBackAsked,
    SeenEverywhere,
    WatchEnded,
    WriteEnded,
)
from pty_kit import Pty, run, run_inside
from served_zones import KNOT, POWERDNS

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(missing()), reason=missing() or "all there"),
]
TYPED, ALARM, BACK, LOST = "typed.test", "alarm.test", "back.test", "lost.test"
ZONES = {TYPED: KNOT, ALARM: POWERDNS, BACK: POWERDNS, LOST: KNOT}
# looking at unbound and the next visit of a user
_SLACK_S = 1.5
# two failures in two seconds are enough for it; the rest is for a busy machine
_ALARM_WITHIN_S = 12.0
_LONGEST_S = 180.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeWorld]:
    with edge_world(tmp_path_factory.mktemp("edges"), ZONES) as running:
        yield running


@dataclass(frozen=True)
class Operator:
    """Whoever carries one night out, with a state directory of their own."""

    world: EdgeWorld
    zone: str

    @property
    def state(self) -> Path:
        return self.world.folder / f"state-{self.zone}"

    @property
    def plan(self) -> str:
        return str(plan_file(self.world, self.zone))

    def runs(self, *arguments: str) -> tuple[int, str]:
        """Exit code and all that was said of a command without a terminal."""
        ended = run(*arguments, longest_s=_LONGEST_S, POINTSMAN_STATE_DIR=str(self.state))
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, ended.stdout + ended.stderr

    def asks(self, *arguments: str) -> CompletedProcess[str]:
        """The same in this process, for what only reads; not for two threads at once."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POINTSMAN_STATE_DIR", str(self.state))
            return run_inside(*arguments)

    def at_terminal(self, *arguments: str) -> Pty:
        """The command on a terminal that only scrolls."""
        return Pty(*arguments, lines=200, environment={"POINTSMAN_STATE_DIR": str(self.state)})

    def run_id(self) -> str:
        (only,) = list_runs(self.state)
        return only.run_id

    def events(self) -> tuple[Event, ...]:
        (only,) = list_runs(self.state)
        return tuple(entry.event for entry in read_journal(only.path))

    def written(self) -> list[str]:
        """The writes in order, all of which were applied."""
        ended = [event for event in self.events() if isinstance(event, WriteEnded)]
        assert all(event.outcome == "applied" for event in ended), ended
        return [event.purpose for event in ended]

    def write_at(self, purpose: str) -> float:
        return next(
            event.at for event in self.events() if isinstance(event, WriteEnded) and event.purpose == purpose
        )


def until(holds: Callable[[], bool], longest_s: float = 40.0) -> float:
    """The time (epoch seconds) at which it holds."""
    end = time.monotonic() + longest_s
    while not holds():
        assert time.monotonic() < end, "it never came to it"
        time.sleep(0.05)
    return time.time()


def lines_of(log: Path, agent: str) -> list[str]:
    return [line for line in log.read_text().splitlines() if agent in line]


def told(*names: str) -> list[str]:
    return [word for name in names for word in ("--attest", name)]


def prompts(terminal: Pty, words: str) -> int:
    return terminal.seen.count(words.encode())


def answer(terminal: Pty, words: str, name: str, time_: int = 1) -> None:
    """Type ``name`` once the question with ``words`` stands there for the n-th time."""
    terminal.until(lambda: prompts(terminal, words) >= time_, _LONGEST_S)
    terminal.send(name.encode() + b"\r")


def everybody_was_led(world: EdgeWorld, users: Users) -> None:
    """Each visit stands in the log of the side that the resolver named, and in no other."""
    until(lambda: len(lines_of(world.envoy.log, users.agent)) >= users.count(world.names.new), 5)
    assert len(lines_of(world.old_log, users.agent)) == users.count(world.names.old)
    assert len(lines_of(world.envoy.log, users.agent)) == users.count(world.names.new)
    assert users.count(world.names.old) > 10
    assert users.count(world.names.new) > 10


def lowered_ttl_was_waited_out(operator: Operator) -> None:
    events = operator.events()
    low = next(event for event in events if isinstance(event, SeenEverywhere))
    assert operator.write_at("switch") - low.at >= OLD_TTL


# -- the nights


def healthy_and_typed(world: EdgeWorld) -> Operator:
    """Everything typed by a person, to the end of the soak; then they look at nginx's log, and say so."""
    operator = Operator(world, TYPED)
    old, new = world.names.old, world.names.new
    with (
        world.users(TYPED) as users,
        operator.at_terminal("cutover", operator.plan, "--write") as terminal,
    ):
        for time_, purpose in enumerate(("lowered", "will move"), start=1):
            for name in TOLD:
                answer(terminal, f"type {name}", name, time_)
            answer(terminal, f"To go on, type {NAME}", NAME, time_)
            assert purpose in terminal.seen.decode()
        terminal.until(lambda: prompts(terminal, f"type {IDLE}") >= 1, _LONGEST_S)
        late = [line for line in world.old_log.read_text().splitlines()[-20:] if users.agent in line]
        assert not late
        terminal.send(IDLE.encode() + b"\r")
        assert terminal.ended(30) == 0
    assert users.faults == []
    assert users.led_to() == [old, new]
    assert users.last(old) < operator.write_at("switch") + LOW_TTL + _SLACK_S
    everybody_was_led(world, users)
    assert operator.written() == ["lower-ttl", "switch"]
    lowered_ttl_was_waited_out(operator)
    for host in ("shop", "api"):
        assert world.authority_serves(TYPED, host) == (LOW_TTL, (new,))
        assert world.resolver_serves(TYPED, host) == (new,)
    watched = [event for event in operator.events() if isinstance(event, WatchEnded)]
    assert watched[0].verdict == "PASS"
    assert [event.check_id for event in operator.events() if isinstance(event, Attested)][-1] == IDLE
    return operator


def alarmed_and_rolled_back(world: EdgeWorld) -> Operator:
    """Envoy loses its backend after the switch: nobody is asked, and the old side is back."""
    operator = Operator(world, ALARM)
    old, new = world.names.old, world.names.new
    with world.users(ALARM) as users, ThreadPoolExecutor(1) as aside:
        night = aside.submit(
            operator.runs, "cutover", operator.plan, "--write", "--confirm", NAME, *told(*TOLD, IDLE)
        )
        until(lambda: night.done() or world.resolver_serves(ALARM) == (new,), _LONGEST_S)
        assert not night.done(), night.result()
        failed_before = world.envoy.stat("cluster.gone.upstream_cx_connect_fail")
        world.gateway(ALARM, "backend gone")
        broken_at = time.time()
        code, said = night.result()
    assert code == 1, said
    assert "rolled-back" in said
    assert operator.written() == ["lower-ttl", "switch", "roll-back"]
    assert world.authority_serves(ALARM) == (LOW_TTL, (old,))
    until(lambda: world.resolver_serves(ALARM) == (old,), LOW_TTL + 2)
    assert users.led_to() == [old, new, old]
    everybody_was_led(world, users)
    # who met an error met it between the fault and the last cache's end
    bad = [visit for visit in users.visits if visit.fault]
    assert bad
    assert all(visit.fault == f"{new}: status 503" for visit in bad), users.faults
    back_at = operator.write_at("roll-back")
    assert broken_at - 0.5 < bad[0].at
    assert bad[-1].at < back_at + LOW_TTL + _SLACK_S
    assert back_at - broken_at < _ALARM_WITHIN_S
    assert world.envoy.stat("cluster.gone.upstream_cx_connect_fail") > failed_before
    return operator


def back_by_hand(world: EdgeWorld) -> Operator:
    """In the watch somebody leaves, thinks again, and goes back from a plain terminal."""
    operator = Operator(world, BACK)
    old, new = world.names.old, world.names.new
    with world.users(BACK) as users:
        consents = ["--write", "--confirm", NAME, *told(*TOLD, IDLE)]
        with operator.at_terminal("cutover", operator.plan, *consents) as terminal:
            terminal.until(lambda: world.resolver_serves(BACK) == (new,), _LONGEST_S)
            terminal.read_for(0.5)
            terminal.send(b"\x03")
            assert terminal.ended(30) == 3
            assert f"pointsman rollback {operator.run_id()} --write" in terminal.display()
        code, said = operator.runs("rollback", operator.run_id())
        assert (code, f"+ shop.{BACK}. {LOW_TTL} A {old}" in said) == (3, True), said
        assert world.authority_serves(BACK) == (LOW_TTL, (new,))
        with operator.at_terminal("rollback", operator.run_id(), "--write") as terminal:
            question = f"To go on, type {NAME}"
            answer(terminal, question, "shop.back.test")
            answer(terminal, question, NAME, 2)
            assert terminal.ended(30) == 0
            assert "that is not the name" in terminal.seen.decode()
        until(lambda: world.resolver_serves(BACK) == (old,), LOW_TTL + 2)
        time.sleep(0.3)
    assert users.faults == []
    assert users.led_to() == [old, new, old]
    everybody_was_led(world, users)
    assert world.authority_serves(BACK) == (LOW_TTL, (old,))
    assert operator.written() == ["lower-ttl", "switch", "roll-back"]
    (asked,) = [event for event in operator.events() if isinstance(event, RollBackAsked)]
    assert asked.operator
    return operator


def evidence_holds(operator: Operator, outcome: str) -> None:
    """The chain of hashes, the report, and what may be asked of a night that is over."""
    verified = operator.asks("journal", "verify")
    assert (verified.returncode, "chain ok" in verified.stdout) == (0, True), verified
    page = operator.state / "night.html"
    assert operator.asks("report", operator.run_id(), "--html", str(page)).returncode == 0
    assert outcome in page.read_text()
    if outcome == "done":
        # nobody counted, so it is not proven
        retired = operator.asks("retire", operator.run_id())
        assert (retired.returncode, "NOT YET" in retired.stdout) == (3, True), retired
    else:
        again = operator.asks("rollback", operator.run_id(), "--write")
        assert (again.returncode, "nothing to roll back" in again.stderr) == (2, True), again


def test_three_nights(world: EdgeWorld) -> None:
    """Side by side: each has a zone of its own, and most of a night is waiting."""
    nights = {healthy_and_typed: "done", alarmed_and_rolled_back: "rolled-back", back_by_hand: "rolled-back"}
    with ThreadPoolExecutor(len(nights)) as at_once:
        going = {at_once.submit(night, world): outcome for night, outcome in nights.items()}
    wrong = [found for one in going if (found := one.exception()) is not None]
    if wrong:
        raise BaseExceptionGroup("nights that did not end as they should", wrong)
    for one, outcome in going.items():
        evidence_holds(one.result(), outcome)


def test_what_was_lost_in_the_conversion_keeps_the_gate_shut(world: EdgeWorld) -> None:
    operator = Operator(world, LOST)
    asked = ("check", operator.plan, "--only", "parity")
    world.gateway(LOST, "rewrite lost")
    found = operator.asks(*asked)
    assert found.returncode == 1, found
    assert f"https://api.{LOST}:{world.port}/api/v1/items" in found.stdout
    assert "PAR050" in found.stdout
    code, said = operator.runs("cutover", operator.plan, "--write", "--confirm", NAME, *told(*TOLD))
    assert code == 1, said
    (left,) = list_runs(operator.state)
    assert (left.outcome, operator.written()) == ("stopped-at-gate", [])
    checked = [event for event in operator.events() if isinstance(event, GateChecked)][-1]
    assert [one.check_id for one in checked.results if one.verdict == "FAIL"] == ["parity"]
    world.gateway(LOST, "allow-list lost")
    found = operator.asks(*asked)
    assert (found.returncode, "PAR010" in found.stdout) == (1, True), found
    assert world.authority_serves(LOST) == (OLD_TTL, (world.names.old,))
    # mended, the same check opens the gate
    world.gateway(LOST, "")
    assert operator.asks(*asked).returncode == 0
    # a limit on bodies is no matter of the checklist: only what is sent unasked-for shows that it is gone
    sides = ("--old", f"{world.names.old}:{world.port}", "--new", f"{world.names.new}:{world.port}")
    sent = ("--cacert", str(world.pki.root), "--variants", "body", "--unsafe", "--rate", "200")
    limits = operator.asks("compare", f"https://shop.{LOST}:{world.port}/catalog/item", *sides, *sent)
    assert "PAR070" in limits.stdout, limits
    owner = operator.asks("check", operator.plan, "--only", "dns-owner", "-o", "json")
    assert (owner.returncode, "no cluster was asked" in owner.stdout) == (0, True), owner
