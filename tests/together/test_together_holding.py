"""One run a host on a machine, and a machine that goes nowhere while somebody else holds the hosts."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pointsman.checklists.machine.advance import advance, fold
from pointsman.checklists.machine.decide import decide
from pointsman.checklists.machine.events import (
    Confirmed,
    ContinuedEvent,
    HoldingChanged,
    PostponedEvent,
    Resumed,
    RollBackAsked,
    WaitEnded,
    event_from_json,
    event_to_json,
)
from pointsman.checklists.machine.state import awaiting, can_roll_back
from pointsman.checklists.machine.steps import message
from pointsman.checklists.machine.view import Confirm
from pointsman.checklists.machine.words import event_words
from pointsman.checklists.running.holding import HeldElsewhereError, Holder, HostLocks, operator_name, signed
from together_kit import HOST, PLAN, T0, a_run

HOLDER = Holder("abcd1234", "ana@desk", "store", (HOST, "cart.shop.test"), T0, 4711)


def at_the_question() -> list[object]:
    """Up to where the switch waits for a confirmation."""
    return a_run()[:13]


def test_a_host_is_locked_once_and_who_comes_second_is_told(tmp_path: Path) -> None:
    first = HostLocks.take(HOLDER, tmp_path)
    second = replace(HOLDER, run_id="ffff0000", hosts=("other.shop.test", "cart.shop.test"))
    with pytest.raises(HeldElsewhereError) as caught:
        HostLocks.take(second, tmp_path)
    said = str(caught.value)
    for told in (
        "cart.shop.test",
        "run abcd1234",
        "plan store",
        "process 4711",
        "ana@desk",
        "follow abcd1234",
    ):
        assert told in said
    # what the second had locked by then is free again
    other = HostLocks.take(replace(HOLDER, hosts=("other.shop.test",)), tmp_path)
    first.release()
    HostLocks.take(replace(second, hosts=("cart.shop.test",)), tmp_path).release()
    other.release()
    assert all(entry.stat().st_mode & 0o777 == 0o600 for entry in (tmp_path / "hosts").iterdir())


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from pointsman.checklists.running.holding import Holder, HostLocks;"
        f"locks = HostLocks.take(Holder('abcd1234', 'ana@desk', 'store', ('{HOST}',), 0.0, os.getpid()),"
        f" Path({str(tmp_path)!r})); print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(HeldElsewhereError, match=f"process {child.pid}"):
            HostLocks.take(HOLDER, tmp_path)
        child.kill()
        child.wait(10)
        HostLocks.take(HOLDER, tmp_path).release()
    finally:
        child.kill()
        child.communicate(timeout=10)


def test_strange_host_names_are_no_paths(tmp_path: Path) -> None:
    for host in ("../../etc/passwd", "*.shop.test", "x" * 300, "a\x00b"):
        HostLocks.take(replace(HOLDER, hosts=(host,)), tmp_path).release()
    assert {entry.parent for entry in tmp_path.rglob("*.lock")} == {tmp_path / "hosts"}


def test_what_a_person_asks_for_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert signed(Confirmed(1.0, "switch", HOST), "ana@desk").operator == "ana@desk"
    assert signed(RollBackAsked(1.0, HOST, operator="ben@desk"), "ana@desk").operator == "ben@desk"
    assert signed(PostponedEvent(1.0), "ana@desk").operator == "ana@desk"
    assert signed(WaitEnded(1.0), "ana@desk") == WaitEnded(1.0)
    monkeypatch.setenv("SUDO_USER", "ana")
    assert operator_name().startswith("ana as ")
    monkeypatch.setenv("SUDO_USER", "")
    assert operator_name().partition("@")[0]
    assert os.uname().nodename in operator_name()


LOST = HoldingChanged(T0 + 40, False, "store.shop.test is in the hands of ben@laptop")


def test_nothing_goes_forward_while_somebody_else_holds_the_hosts() -> None:
    state = fold(at_the_question())
    assert awaiting(state) is not None
    lost = advance(state, LOST)
    assert awaiting(lost) is None
    assert "ben@laptop" in message(lost)
    events, said = decide(lost, Confirm("switch", HOST), T0 + 41)
    assert events == ()
    assert "ben@laptop" in said
    # neither going on after a pause nor anything else opens it
    again = advance(advance(lost, PostponedEvent(T0 + 42)), ContinuedEvent(T0 + 43))
    assert awaiting(again) is None
    held = advance(again, HoldingChanged(T0 + 50, True, "Lease infra/pointsman-1 keeps others off"))
    # what was proposed is void: it is read and asked anew
    assert (held.phase, held.proposal, held.gate_at) == ("confirm", None, None)
    assert held.unheld == ""


def test_what_was_confirmed_and_has_not_left_is_taken_back() -> None:
    confirmed = fold([*at_the_question(), Confirmed(T0 + 33, "switch", HOST)])
    assert confirmed.confirmed
    lost = advance(confirmed, LOST)
    assert not lost.confirmed
    assert lost.phase == "confirm"


def test_the_way_back_stays_open() -> None:
    watching = fold(a_run()[:17])
    lost = advance(watching, LOST)
    assert can_roll_back(lost)
    back = advance(lost, RollBackAsked(T0 + 41, HOST))
    assert back.phase == "rollback"
    assert back.confirmed


def test_another_process_begins_anew_with_the_holding() -> None:
    lost = advance(fold(at_the_question()), LOST)
    resumed = advance(lost, Resumed(T0 + 60, True, "ben@desk"))
    assert resumed.unheld == ""
    assert resumed.operator == "ben@desk"


def test_the_event_survives_the_journal_and_has_words() -> None:
    assert event_from_json(event_to_json(LOST)) == LOST
    assert event_words(LOST) == LOST.detail
    assert event_words(HoldingChanged(1.0, True)) == "the hosts are held"
    assert PLAN.hosts == (HOST,)
