"""A real run in bad company: a full disk, a name server that goes away, clocks that jump."""

from __future__ import annotations

import os
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cutover_kit import HOST, NEW, OLD, SmallWorld, own_checklist, waits_for
from pointsman.checklists.journal.file import Journal, read_journal
from pointsman.checklists.machine.advance import start as start_state
from pointsman.checklists.machine.events import HighTtlSeen, RunStarted, SeenEverywhere, WaitEnded
from pointsman.checklists.machine.view import Confirm, Postpone, Quit, RollBack, RunChecksAgain, RunView
from pointsman.checklists.plans.load import plan_digest, plan_to_json
from pointsman.checklists.plans.model import Plan
from pointsman.checklists.records.rfc2136 import Rfc2136
from pointsman.checklists.running.campaign import Campaign
from pointsman.checklists.running.ports import Ports
from pointsman.checklists.running.run import CutoverRun
from pointsman.sandbox.dns_authority import AuthorityServer, DnsFaults
from pointsman.sandbox.edge_model import Faults
from pointsman.tui.commands.follow import follow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr("pointsman.checklists.running.writing.QUIET_S", 0.2)
    monkeypatch.setattr("pointsman.checklists.running.writing.RETRY_S", 0.2)
    monkeypatch.setattr("pointsman.checklists.running.execute._POLL_S", 0.1)
    monkeypatch.setattr(
        "pointsman.checklists.running.run.provider_for", lambda plan, _: Rfc2136(plan, deadline_s=0.5)
    )
    own_checklist(tmp_path, only=("dns-ttl",))
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("cutover")]


def begin(world: SmallWorld, **changes: str) -> CutoverRun:
    plan = world.plan(checklist="own.yaml", **changes)
    return CutoverRun.start_new(plan, writes_enabled=True, state_dir=world.directory / "state")


def begin_all(world: SmallWorld) -> Campaign:
    plan = world.plan(checklist="own.yaml")
    return Campaign.start_new(plan, writes_enabled=True, state_dir=world.directory / "state")


def resume(world: SmallWorld, run_id: str, writes: bool = True) -> CutoverRun:
    return CutoverRun.resume(run_id, writes_enabled=writes, state_dir=world.directory / "state")


def begin_low(world: SmallWorld, **changes: str) -> CutoverRun:
    """The TTL is low already: only a second is waited, and the switch is the first write."""
    world.zone.set("store", 1, "A", OLD)
    return begin(world, **changes)


def to_switched(run: CutoverRun) -> RunView:
    view = run.wait(waits_for("switch"), 15)
    assert view.waiting_for is not None, view.message
    run.send(Confirm("switch", HOST, view.waiting_for.change_id))
    return run.wait(lambda view: view.phase == "watch" or view.finished, 5)


def lock_disk(run: CutoverRun) -> None:
    """The journal's descriptor takes no more writes: the kernel refuses them."""
    descriptor = os.open(run._journal.path, os.O_RDONLY)
    os.dup2(descriptor, run._journal._file.fileno())
    os.close(descriptor)


def break_new(world: SmallWorld) -> None:
    assert world.new is not None
    world.new.faults[HOST] = Faults(error_share=1.0)


def test_a_run_ends_whenever_it_is_told_to(small_world: SmallWorld) -> None:
    """Told in the very turn in which something else happened, too."""
    for _ in range(4):
        run = begin(small_world)
        run.wait(waits_for("lower-ttl"), 10)
        run._loop.call_soon_threadsafe(lambda run=run: (run.send(Postpone()), run.send(Quit())))
        run._thread.join(5)
        alive = run.alive
        run.stop()
        assert not alive


def dead(run: CutoverRun) -> bool:
    run._thread.join(5)
    return not run.alive


# -- the disk


def test_no_write_leaves_where_its_intent_cannot_be_kept(
    small_world: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    run = begin(small_world)
    try:
        run.wait(waits_for("lower-ttl"), 10)
        lock_disk(run)
        run.send(Confirm("lower-ttl", HOST))
        view = run.wait(lambda view: not view.journal_ok, 5)
        assert "cannot be written" in view.message
        assert dead(run)
    finally:
        run.stop()
    assert not small_world.authority.updates
    assert "Traceback" not in caplog.text
    again = resume(small_world, run.run_id)
    try:
        again.wait(waits_for("lower-ttl"), 10)
    finally:
        again.stop()


def test_a_write_whose_outcome_could_not_be_kept_is_found_out_and_not_repeated(
    small_world: SmallWorld,
) -> None:
    run = begin(small_world)
    try:
        run.wait(waits_for("lower-ttl"), 10)
        small_world.zone.on_change(lambda event: lock_disk(run))
        run.send(Confirm("lower-ttl", HOST))
        run.wait(lambda view: not view.journal_ok, 5)
        assert dead(run)
    finally:
        run.stop()
    assert small_world.ttl() == 1
    again = resume(small_world, run.run_id)
    try:
        view = again.wait(lambda view: view.phase == "wait-ttl", 5)
        assert view.can_roll_back
    finally:
        again.stop()
    assert small_world.authority.updates == {"NOERROR": 1}


def test_telling_a_run_ends_when_its_disk_does(
    small_world: SmallWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = begin_all(small_world)
    run = campaign.runs[0]
    run.wait(waits_for("lower-ttl"), 10)
    lock_disk(run)
    codes: list[int] = []
    teller = threading.Thread(target=lambda: codes.append(follow(campaign, (HOST,), "text")), daemon=True)
    teller.start()
    teller.join(15)
    assert codes == [3]
    assert "cannot be written" in capsys.readouterr().out


# -- the way back


def test_a_rollback_waits_for_a_server_that_is_down(small_world: SmallWorld) -> None:
    run = begin_low(small_world, watch="20s")
    try:
        to_switched(run)
        port = small_world.authority.port
        small_world.thread.run(small_world.authority.stop())
        break_new(small_world)
        view = run.wait(lambda view: "the rollback waits" in view.message, 15)
        assert view.phase == "rollback"
        length = view.journal_length
        run.wait(lambda view, since=view.now: view.now > since + 0.5, 5)
        # it does not fill the disk meanwhile
        assert run.view().journal_length == length
        small_world.thread.run(small_world.authority.start(port=port))
        view = run.wait(lambda view: view.finished, 15)
    finally:
        run.stop()
    assert view.outcome == "rolled-back", view.message
    assert "waits" not in view.message
    assert small_world.addresses() == (OLD,)


def test_a_run_can_be_left_while_its_rollback_waits(small_world: SmallWorld) -> None:
    run = begin_low(small_world, watch="20s")
    try:
        to_switched(run)
        port = small_world.authority.port
        small_world.thread.run(small_world.authority.stop())
        run.send(RollBack(HOST))
        run.wait(lambda view: "the rollback waits" in view.message, 10)
    finally:
        run.stop()
    assert not run.alive
    small_world.thread.run(small_world.authority.start(port=port))
    again = resume(small_world, run.run_id)
    try:
        view = again.wait(lambda view: view.finished, 15)
    finally:
        again.stop()
    assert view.outcome == "rolled-back", view.message
    assert small_world.addresses() == (OLD,)


def test_an_automatic_rollback_never_overwrites_somebody_elses_record(small_world: SmallWorld) -> None:
    run = begin_low(small_world, watch="20s")
    try:
        shown = to_switched(run).rollback
        assert shown is not None
        small_world.zone.set("store", 1, "A", "192.0.2.66")
        break_new(small_world)
        view = run.wait(lambda view: view.outcome == "held" and view.rollback is not None, 15)
        assert small_world.addresses() == ("192.0.2.66",)
        assert f"- {HOST}. 1 A 192.0.2.66" in view.rollback.diff
        # the name typed under the change that was shown before is no consent to this one
        run.send(RollBack(HOST, shown.change_id))
        run.wait(lambda view: "shown" in view.message, 5)
        assert small_world.addresses() == ("192.0.2.66",)
        run.send(RollBack(HOST, view.rollback.change_id))
        view = run.wait(lambda view: view.outcome == "rolled-back", 15)
    finally:
        run.stop()
    assert small_world.addresses() == (OLD,)


def test_a_rollback_whose_answer_is_lost_is_read_and_not_repeated(
    small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Losing(Rfc2136):
        async def _send(self, change, *arguments):
            if change.purpose == "roll-back":
                small_world.authority.faults = DnsFaults(lose_answers=True)
            return await super()._send(change, *arguments)

    monkeypatch.setattr(
        "pointsman.checklists.running.run.provider_for", lambda plan, _: Losing(plan, deadline_s=0.4)
    )
    run = begin_low(small_world, watch="20s")
    try:
        to_switched(run)
        run.send(RollBack(HOST))
        run.wait(lambda view: "not known" in view.message or "cut off" in view.message, 10)
        small_world.authority.faults = DnsFaults()
        view = run.wait(lambda view: view.finished, 15)
    finally:
        run.stop()
    assert view.outcome == "rolled-back", view.message
    assert small_world.authority.updates == {"NOERROR": 2}


def test_an_alarm_after_a_resume_without_writing_changes_nothing(small_world: SmallWorld) -> None:
    run = begin_low(small_world, watch="20s")
    try:
        to_switched(run)
    finally:
        run.stop()
    break_new(small_world)
    again = resume(small_world, run.run_id, writes=False)
    try:
        view = again.wait(lambda view: view.finished, 15)
        assert view.outcome == "held"
        assert "--write" in view.message
        again.send(RollBack(HOST))
        again.wait(lambda view: "nothing was done" in view.message, 5)
    finally:
        again.stop()
    assert small_world.addresses() == (NEW,)
    assert small_world.authority.updates == {"NOERROR": 1}


def test_a_gate_after_the_watch_can_be_asked_again(small_world: SmallWorld) -> None:
    own_checklist(small_world.directory, only=("error-watch", "old-side-kept"))
    path = small_world.directory / "own.yaml"
    path.write_text(path.read_text().replace("[before-retire]", "[after-switch]"))
    run = begin_low(small_world)
    try:
        to_switched(run)
        # errors of the old side alone are no alarm, but they shut this gate
        small_world.configure(small_world.old, "/healthz")
        view = run.wait(lambda view: view.finished, 40)
        assert view.outcome == "stopped-at-gate", view.message
        small_world.configure(small_world.old, "/healthz", "/api")
        run.wait(lambda view: view.watch is not None and view.watch.verdict == "INCONCLUSIVE", 5)
        run.send(RunChecksAgain())
        run.wait(lambda view: view.phase in ("soak", "done"), 10)
    finally:
        run.stop()


# -- time


class Clock:
    """The wall clock of a machine whose time somebody sets."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


def begin_with(world: SmallWorld, plan: Plan, clock: Callable[[], float]) -> CutoverRun:
    from pointsman.checklists.checks.checklist import load_checklist

    journal = Journal.create("abcd1234", world.directory / "state")
    checks = load_checklist(plan.checklist).checks
    first = RunStarted(clock(), "abcd1234", plan_to_json(plan), plan_digest(plan), checks, True)
    journal.append(first)
    run = CutoverRun(journal, start_state(first), Ports(Rfc2136(plan, 0.5), clock=clock))
    run._start()
    return run


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_the_old_ttl_is_waited_in_seconds_that_pass(small_world: SmallWorld, jump_s: float) -> None:
    clock = Clock()
    run = begin_with(small_world, small_world.plan(checklist="own.yaml"), clock)
    try:
        run.wait(waits_for("lower-ttl"), 10)
        began = time.monotonic()
        run.send(Confirm("lower-ttl", HOST))
        run.wait(lambda view: view.wait_until is not None, 10)
        clock.offset = jump_s
        view = run.wait(waits_for("switch"), 15)
        # the old TTL is two seconds
        assert time.monotonic() - began >= 2.0
        assert view.waiting_for is not None, view.message
        run.send(Confirm("switch", HOST))
        run.wait(lambda view: view.phase == "watch", 5)
    finally:
        run.stop()


def test_a_name_server_that_goes_back_on_the_low_ttl_begins_the_wait_anew(small_world: SmallWorld) -> None:
    lagging = small_world.zone.copy()
    second = AuthorityServer(lagging)
    small_world.thread.run(second.start())
    both = f'["{small_world.authority.endpoint}", "{second.endpoint}"]'
    run = begin(
        small_world, authoritative=both, extra="waivers: [{check: dns-ttl, reason: it has its own serial}]"
    )
    try:
        run.wait(waits_for("lower-ttl"), 10)
        run.send(Confirm("lower-ttl", HOST))
        # the second server lags: the wait has not begun
        run.wait(lambda view: "not everywhere yet" in view.message and second.endpoint in view.message, 10)
        lagging.set("store", 1, "A", OLD)
        run.wait(lambda view: view.wait_until is not None, 10)
        lagging.set("store", 3, "A", OLD)
        run.wait(lambda view: view.wait_until is None, 5)
        lagging.set("store", 1, "A", OLD)
        view = run.wait(waits_for("switch"), 15)
        assert view.waiting_for is not None, view.message
    finally:
        run.stop()
        small_world.thread.run(second.stop())
    events = [entry.event for entry in read_journal(Path(view.journal_path))]
    high = next(event for event in events if isinstance(event, HighTtlSeen))
    seen = [event for event in events if isinstance(event, SeenEverywhere)]
    over = next(event for event in events if isinstance(event, WaitEnded))
    assert high.ttl == 3
    assert seen[0].at < high.at < seen[-1].at
    assert over.at >= seen[-1].at + 3


# -- hostile text

UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def unsafe(plain: object) -> list[str]:
    if isinstance(plain, dict):
        return [bad for pair in plain.items() for bad in unsafe(list(pair))]
    if isinstance(plain, list | tuple):
        return [bad for item in plain for bad in unsafe(item)]
    if isinstance(plain, str) and any(unicodedata.category(one) in UNSAFE for one in plain.replace("\n", "")):
        return [plain]
    return []


def test_nothing_that_a_name_server_says_reaches_the_terminal_raw(
    small_world: SmallWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    own_checklist(small_world.directory, only=("dns-ttl", "requests"))
    hostile = "a\\027\\0912J\\226\\128\\174b\\194\\155.shop.test."
    small_world.zone.delete("store", "A")
    small_world.zone.set("store", 2, "CNAME", hostile)
    small_world.zone.set(hostile, 2, "A", OLD)
    campaign = begin_all(small_world)
    run = campaign.runs[0]
    view = run.wait(lambda view: view.finished or view.waiting_for is not None, 10)
    code = follow(campaign, (), "text")
    assert code == 3, view.message
    shown = capsys.readouterr()
    assert not unsafe(msgspec.to_builtins(run.view(), str_keys=True))
    for text in (shown.out, shown.err):
        assert not unsafe(text)
    assert "\\027" in Path(run.view().journal_path).read_text()
