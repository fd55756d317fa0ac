"""A long session on the screens, compressed: does the program's memory grow while somebody works with it?

Run: python benchmarks/long_session.py [--rounds N] [--cutovers N] [--routes N] [--rate EVENTS_PER_SECOND]

One process of the screens on a pseudo-terminal. Its kubeconfig has two contexts: a cluster of many routes
that changes all the time, and the practice world with its plans. In the first part each round is what
somebody does in some minutes: the cursor, both sides, filters, describe, YAML, events, users, x-ray,
findings, kinds, help, faults only, wide, a namespace, three sizes of the terminal; and in every fourth
round to the other context and back. The default is as many rounds as eight hours have five minutes. In the
second part the screen of one cutover is opened and left again a thousand times, while its run goes on.

Measured: the resident memory of the process after each round (of cutovers: after each fiftieth), in each
part the median of the fifth after the warm-up (the first fifth) beside that of the last fifth. Exit code 1
where that is more than 5 % up.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import surroundings
import yaml
from many_routes import many_routes
from terminal import Terminal

COLUMNS, LINES = 120, 40
MOST_GROWTH = 0.05
_LONGEST_S = 10.0
_SIZES = ((80, 24), (200, 60), (COLUMNS, LINES))
_SWITCH_EVERY = 4
_PAUSE_S = 0.55
_LOOK_S = 0.06
_OF_CUTOVERS = 50
# a screen for each key, and what its last line but one says
_PLACES = (
    (b"d", b"describe >"),
    (b"y", b"HTTPRoute"),
    (b"e", b"events >"),
    (b"u", b"used by >"),
    (b"x", b"x-ray"),
    (b"F", b"findings"),
    (b"i", b"kinds >"),
    (b"?", b"help"),
)


@dataclass(frozen=True)
class World:
    """The practice world as ``pointsman demo --serve`` told it."""

    kubeconfig: Path
    plans: Path
    state: Path


@contextlib.contextmanager
def practice_world() -> Iterator[World]:
    """The practice world in a process of its own, until the block ends."""
    child = subprocess.Popen(
        [sys.executable, "-m", "pointsman.tui", "demo", "--serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        kubeconfig = Path(child.stdout.readline().split("--kubeconfig ", 1)[1].split()[0])
        yield World(kubeconfig, kubeconfig.parent / "plans", kubeconfig.parent / "state")
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(15)


def both_contexts(many: Path, shop: Path, target: Path) -> None:
    """A kubeconfig with the contexts ``many`` and ``shop``."""
    merged: dict[str, object] = {"apiVersion": "v1", "kind": "Config", "current-context": "many"}
    lists: dict[str, list[object]] = {"clusters": [], "users": [], "contexts": []}
    for name, file in (("many", many), ("shop", shop)):
        document = yaml.safe_load(file.read_text())
        context = document["contexts"][0]["context"]
        for kind, old in (("clusters", context["cluster"]), ("users", context["user"])):
            entry = next(one for one in document[kind] if one["name"] == old)
            lists[kind].append({**entry, "name": name})
        lists["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    target.write_text(yaml.safe_dump({**merged, **lists}))
    target.chmod(0o600)


class Sitting:
    """Somebody at the terminal: presses keys, and waits for what must appear before going on."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.keys = 0
        self.unseen: Counter[bytes] = Counter()

    @property
    def rss_mib(self) -> float:
        """The program's memory now."""
        return surroundings.rss_mib(self.terminal.child.pid)

    def press(self, keys: bytes, until: bytes = b"") -> bool:
        """Press keys, and wait for ``until``; without one for a moment. Whether it came.

        Only what differs is sent, so ``until`` must be something that was not there before. What does not
        come is counted, and the session goes on: whether each key works is for the tests to say.
        """
        self.terminal.forget()
        self.keys += len(keys)
        self.terminal.send(keys)
        came = True
        if until:
            try:
                self.terminal.wait_for(until, _LONGEST_S)
            except TimeoutError:
                if self.terminal.child.returncode is not None:
                    raise
                self.unseen[until] += 1
                came = False
                note(f"not seen: {until.decode()!r}")
        self.terminal.read_for(0.02)
        return came

    def enter(self, text: bytes, until: bytes) -> None:
        """Type a line, look at it, and press enter."""
        self.press(text)
        self.terminal.read_until_quiet(0.15)
        self.press(b"\r", until)

    def visit(self, key: bytes, until: bytes) -> None:
        """To a screen and back."""
        self.press(key, until)
        self.press(b"q", b"GATEWAYS")

    def browse(self) -> None:
        """A few minutes of looking around."""
        self.press(b"jjjjkk")
        self.press(b"\t")
        self.press(b"jk")
        self.press(b"\t")
        # never escape: on a busy machine it would become one key with what follows
        self.enter(b"/app-0001", b"filter '")
        self.enter(b"/\x15", b"browse > all routes\x1b")
        for key, until in _PLACES:
            self.visit(key, until)
        self.press(b"z", b"faults only")
        self.press(b"z", b"browse > all routes\x1b")
        self.press(b"\x17", b"parents")
        self.press(b"\x17", b"GATEWAYS")
        self.enter(b":ns team-001", b"only team-001")
        self.enter(b":ns all", b"all namespaces")
        for columns, lines in _SIZES:
            self.terminal.resize(columns, lines)
            self.press(b"j")
            self.terminal.read_until_quiet(0.1)

    def switch(self) -> None:
        """To the other cluster, until it is shown, and back."""
        self.enter(b":ctx shop", b"shop.test")
        self.enter(b":ctx many", b"app-0")

    def cutover(self) -> None:
        """Open the cutover of the plan under the cursor, and leave it."""
        # a key that comes before anybody can have seen the list is refused
        self.terminal.read_for(_LOOK_S)
        if not self.press(b"s", b"cutover >"):
            # on a machine that is too busy; a q would leave the list of plans, and the next one the program
            return
        # what is typed behind it is not taken, so that nobody answers a question that they have not seen
        self.terminal.read_for(_PAUSE_S)
        self.press(b"q", b"PLANS")


def note(text: str) -> None:
    """How far it is, beside the figures."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Part:
    """One part of the session: memory at its marks, in MiB, and how long it took."""

    what: str
    marks: tuple[float, ...]
    seconds: float

    @property
    def growth(self) -> float:
        """By how much the last fifth is over the second fifth; 0.05 is 5 %."""
        fifth = max(1, len(self.marks) // 5)
        early, late = self.marks[fifth : 2 * fifth] or self.marks[:1], self.marks[-fifth:]
        return statistics.median(late) / statistics.median(early) - 1


def part(sitting: Sitting, what: str, steps: int, every: int, step: Callable[[int], None]) -> Part:
    """Do ``step`` so many times, and look at the memory after each ``every``."""
    began, marks = time.perf_counter(), []
    for number in range(steps):
        step(number)
        if number % every == every - 1:
            marks.append(sitting.rss_mib)
            note(f"{number + 1} of {what}, {time.perf_counter() - began:.0f} s, {marks[-1]:.1f} MiB")
    return Part(what, tuple(marks), time.perf_counter() - began)


def session(terminal: Terminal, rounds: int, cutovers: int) -> list[Part]:
    """Both parts."""
    sitting = Sitting(terminal)
    terminal.wait_for(b"live", 120)
    terminal.read_until_quiet(0.3)

    def one_round(number: int) -> None:
        sitting.browse()
        if number % _SWITCH_EVERY == _SWITCH_EVERY - 1:
            sitting.switch()

    done = [part(sitting, f"{rounds} rounds of browsing", rounds, 1, one_round)]
    sitting.enter(b":ctx shop", b"shop.test")
    terminal.read_for(2.0)
    sitting.press(b"p", b"PLANS")
    terminal.read_for(_PAUSE_S)
    what = f"{cutovers} cutover screens"
    every = min(_OF_CUTOVERS, max(1, cutovers // 5))
    done.append(part(sitting, what, cutovers, every, lambda number: sitting.cutover()))
    print(f"{sitting.keys} keys were pressed")
    for marker, times in sitting.unseen.items():
        print(f"not seen within {_LONGEST_S:g} s, {times} times: {marker.decode()!r}")
    return done


def report(parts: Sequence[Part]) -> int:
    """The table; 1 where memory grew too much."""
    print(f"\n{'':<28}{'start':>10}{'warm':>10}{'end':>10}{'growth':>9}{'took':>9}")
    for one in parts:
        fifth = max(1, len(one.marks) // 5)
        warm = statistics.median(one.marks[fifth : 2 * fifth] or one.marks[:1])
        end = statistics.median(one.marks[-fifth:])
        figures = "".join(f"{value:>6.1f} MiB" for value in (one.marks[0], warm, end))
        print(f"{one.what:<28}{figures}{one.growth * 100:>7.1f} %{one.seconds:>7.0f} s")
    grown = [one for one in parts if one.growth > MOST_GROWTH]
    for one in grown:
        marks = " ".join(f"{mark:.1f}" for mark in one.marks)
        print(f"MISSED: {one.what}: {one.growth * 100:.1f} %; MiB at each mark: {marks}")
    return 1 if grown else 0


def main() -> int:
    """Measure and print; 1 where memory grew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=96)
    parser.add_argument("--cutovers", type=int, default=1000)
    parser.add_argument("--routes", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=100, help="changes a second in the large cluster")
    options = parser.parse_args()
    surroundings.say(packages=["textual", "kubernetes"], takes="half an hour")
    with (
        many_routes(options.routes) as many,
        practice_world() as shop,
        tempfile.TemporaryDirectory() as folder,
    ):
        kubeconfig = Path(folder) / "kubeconfig"
        both_contexts(Path(many.kubeconfig), shop.kubeconfig, kubeconfig)
        # longer than any session: it is left off when the cluster ends
        many.start_churn(options.rate, 24 * 3600)
        argv = [sys.executable, "-m", "pointsman.tui", "--kubeconfig", str(kubeconfig)]
        argv += ["--plan", str(shop.plans)]
        environment = {"POINTSMAN_STATE_DIR": str(shop.state)}
        with Terminal(argv, COLUMNS, LINES, environment) as terminal:
            parts = session(terminal, options.rounds, options.cutovers)
    return report(parts)


if __name__ == "__main__":
    sys.exit(main())
