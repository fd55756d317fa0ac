"""Three hosts in two waves by keys, and all that can happen in a night; the zone's changes told exactly."""

from __future__ import annotations

import os
import re
import time

import pyte
import pytest
from pointsman.checklists.journal.file import RunInfo, list_runs, waves_of
from pointsman.sandbox.scenario import Pace
from pty_kit import Pty, run
from wave_kit import ACCOUNT, CAMPAIGN, CART, STORE, practice_world

PACE = Pace(old_ttl=3, low_ttl=1, watch=4.0, soak=300.0, pause=1.0)
FIRST, SECOND = STORE, CAMPAIGN


def type_name(terminal: Pty, name: str) -> None:
    terminal.send(b"\r")
    terminal.until_shown(f"type {name} :")
    terminal.send(name.encode() + b"\r")
    terminal.until(lambda: f"type {name} :" not in terminal.display())


def until_asked(terminal: Pty, what: str, longest_s: float = 60.0) -> None:
    """Until the change may be confirmed; a check that a busy machine failed is asked again, as one would."""
    asked = time.monotonic()

    def shown() -> bool:
        nonlocal asked
        display = terminal.display()
        if "the gate before-" in display and "is shut" in display and time.monotonic() - asked > 3:
            terminal.send(b"r")
            asked = time.monotonic()
        return f"to {what}, press enter" in display

    terminal.until(shown, longest_s)


def look_at(terminal: Pty, key: bytes, wave: int) -> None:
    terminal.send(key)
    terminal.until_shown(f">wave {wave} ")


def waves() -> tuple[RunInfo, ...]:
    """Both waves as their journals have them, the first one first."""
    return waves_of(list_runs()[0].run_id)


def until_journals_say(terminal: Pty, *phases: str, longest_s: float = 30.0) -> None:
    terminal.until(lambda: tuple(one.phase for one in waves()) == phases, longest_s)


class Watched(Pty):
    """A terminal that is looked at all the time, and so reads only what is new."""

    def __init__(self, *arguments: str) -> None:
        super().__init__(*arguments)
        self._screen = pyte.Screen(self.columns, self.lines)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0

    def display(self) -> str:
        new, self._fed = self.seen[self._fed :], len(self.seen)
        self._stream.feed(new)
        return "\n".join(row.rstrip() for row in self._screen.display)


def open_cutover(arguments: list[str]) -> Pty:
    terminal = Watched(*arguments)
    terminal.until_loaded()
    terminal.send(b":plans\r")
    terminal.until_shown(" PLANS ")
    terminal.send(b"G")
    terminal.read_until_quiet(0.3)
    terminal.send(b"s")
    terminal.until_shown(">wave 1 ")
    return terminal


def first_wave_is_held_and_goes_on(terminal: Pty) -> None:
    until_asked(terminal, "lower the TTL")
    type_name(terminal, FIRST)
    look_at(terminal, b"]", 2)
    until_asked(terminal, "lower the TTL")
    # what is typed for one wave is nothing to another
    type_name(terminal, SECOND)
    look_at(terminal, b"[", 1)
    until_asked(terminal, "switch")
    type_name(terminal, FIRST)
    terminal.until_shown("both sides fail alike: it is the backend", 20)
    until_journals_say(terminal, "held", "confirm")
    look_at(terminal, b"]", 2)
    terminal.until_shown("wave 1 is held")
    assert "press enter" not in terminal.display()
    look_at(terminal, b"[", 1)
    # the backend is well again before the watch would have ended
    terminal.read_for(PACE.watch)
    terminal.send(b"p")
    terminal.until_shown("the watch", 10)
    until_journals_say(terminal, "soak", "confirm")


def second_wave_alarms(terminal: Pty) -> None:
    terminal.until(
        lambda: re.search(r"To go on for wave 2 .* type three-hosts", terminal.display()) is not None, 40
    )
    terminal.send(SECOND.encode() + b"\r")
    terminal.until_shown("the new side fails while the old one does not", 30)
    terminal.until_shown("wave 2 |  ended: rolled-back", 30)


@pytest.mark.real
def test_one_night() -> None:
    with practice_world(PACE) as practice:
        kubeconfig, plan = str(practice.info.kubeconfig), str(practice.info.plans[CAMPAIGN])
        arguments = ["--kubeconfig", kubeconfig, "--plan", plan, "--write"]
        with open_cutover(arguments) as terminal:
            terminal.until(lambda: len(list_runs()) == 2)
            campaign = waves()[0].campaign
            with Watched("follow", campaign) as second_operator:
                first_wave_is_held_and_goes_on(terminal)
                os.kill(terminal.child.pid, 9)
                assert terminal.ended() == -9
                with Watched("resume", campaign, "--write", "--kubeconfig", kubeconfig) as resumed:
                    second_wave_alarms(resumed)
                    # the canary is well, and has a watch of its own
                    until_journals_say(resumed, "soak", "rolled-back")
                    resumed.send(b"\x03")
                    # the worst of the waves
                    assert resumed.ended() == 1
                second_operator.until_shown("wave 2 rolled-back")
                second_operator.send(b"z")
                second_operator.read_until_quiet(0.3)
                assert "type store.shop.test :" not in second_operator.display()
                with open_cutover(arguments) as terminal_again:
                    terminal_again.until_shown("soaking", 20)
                    terminal_again.send(b"z")
                    terminal_again.until_shown("this moves the traffic back")
                    terminal_again.send(STORE.encode() + b"\r")
                    until_journals_say(terminal_again, "rolled-back", "rolled-back")
                second_operator.until_shown("wave 1 rolled-back")
        assert practice.changes == [
            (STORE, 1, "old"),
            (ACCOUNT, 1, "old"),
            (CART, 1, "old"),
            (STORE, 1, "new"),
            (ACCOUNT, 1, "new"),
            (CART, 1, "new"),
            (ACCOUNT, 1, "old"),
            (CART, 1, "old"),
            (STORE, 1, "old"),
        ]
    assert run("journal", "--verify").stdout.count("chain ok") == 2
