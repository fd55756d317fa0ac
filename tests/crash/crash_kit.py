"""Whole cutovers that are killed at a point and gone on with, and what is asked of their end."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import connection
from pathlib import Path
from typing import Literal

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE))
sys.path.insert(0, str(_HERE.parent / "checklists"))

from cutover_kit import HOST, NEW, OLD, LoopThread, SmallWorld, own_checklist, small_zone  # noqa: E402
from pointsman.checklists.journal.file import read_journal  # noqa: E402
from pointsman.checklists.machine.advance import fold  # noqa: E402
from pointsman.checklists.machine.events import (  # noqa: E402
    Confirmed,
    HookBegan,
    Resumed,
    WriteEnded,
    WriteIntended,
)
from pointsman.sandbox.dns_authority import AuthorityServer  # noqa: E402
from pointsman.sandbox.dns_keys import TsigKey, write_key_file  # noqa: E402
from pointsman.sandbox.dns_zone import ZoneEvent  # noqa: E402
from pointsman.sandbox.edge import Edge, start_together  # noqa: E402
from pointsman.sandbox.edge_model import EdgeRule, Faults, VirtualHost  # noqa: E402
from pointsman.sandbox.pki import PracticeCa  # noqa: E402

Story = Literal["done", "rolled-back"]
CANARY = "canary.shop.test"
DEAD = -9
PATIENCE_S = 60.0
_WHOLE_REHEARSAL = (OLD, NEW, OLD, "")

# imported once: a cutover of a few seconds should not begin with a second of imports. By the environment,
# because before Python 3.13 the process that forks the others is not told of sys.path
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_HERE), os.environ.get("PYTHONPATH"))))
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["crash_child"])
# a process that is started also looks after those that others wait for, and an exit code can be read but once
_one_at_a_time = threading.Lock()


@dataclass
class CrashWorld:
    """DNS and edges in this process, and the directory in which the other one keeps its run."""

    story: Story
    world: SmallWorld
    store: list[str] = field(default_factory=list)
    canary: list[str] = field(default_factory=list)
    kills: list[str] = field(default_factory=list)
    failed: bool = False

    @property
    def directory(self) -> Path:
        return self.world.directory

    def incarnation(self, die_at: str, log: str = "", timeout_s: float = 300.0) -> bool:
        """One process that goes on with the cutover; True where it died at ``die_at``."""
        from crash_child import main

        process = _forks.Process(target=main, args=(str(self.directory), die_at, log))
        with _one_at_a_time:
            process.start()
        ended = bool(connection.wait([process.sentinel], timeout_s))
        with _one_at_a_time:
            if not ended:
                process.kill()
            process.join()
            code = process.exitcode
        assert ended, f"a cutover killed at {self.kills} hangs"
        assert code in (0, DEAD), (code, self.kills)
        if code == DEAD:
            self.kills.append(die_at)
        return code == DEAD

    def nudges(self) -> list[str]:
        """Where it had come to rest and a person let it go on: on a machine with time to spare, nowhere."""
        path = self.directory / "nudges.txt"
        return path.read_text().splitlines() if path.exists() else []

    def problems(self) -> list[str]:
        """What at the end is not as it is without a crash; empty: nothing."""
        found = []
        end = (self.directory / "end.txt").read_text()
        if not end.startswith(f"{self.story}: "):
            found.append(f"it ended {end}")
        low, new = f"1 {OLD}", f"1 {NEW}"
        wanted = [low, new] if self.story == "done" else [new, low]
        if self.store != wanted:
            found.append(f"{HOST} went through {self.store}, not {wanted}")
        found += self._problems_of_files()
        return found + (self._problems_of_canary() if self.story == "done" else [])

    def _problems_of_files(self) -> list[str]:
        runs = self.directory / "state" / "runs"
        found = []
        # a journal without a whole first line is of no run: nothing had begun
        journals = [path for path in sorted(runs.glob("*.jsonl")) if read_journal(path)]
        if len(journals) != 1:
            return [f"{len(journals)} journals"]
        run_id = journals[0].stem
        strange = [
            path.name
            for path in runs.iterdir()
            if path.suffix != ".jsonl" and not re.match(rf"{run_id}\.(jsonl\.torn-.*|live)$", path.name)
        ]
        if strange:
            found.append(f"left behind: {strange}")
        events = [entry.event for entry in read_journal(journals[0])]
        state = fold(events)
        if state.phase != self.story:
            found.append(f"the journal ends in {state.phase}")
        intents = Counter(event.purpose for event in events if isinstance(event, WriteIntended))
        consents = Counter(event.purpose for event in events if isinstance(event, Confirmed))
        found += [f"{purpose} without consent" for purpose in ("lower-ttl", "rehearse", "switch")
                  if intents[purpose] > consents[purpose]]  # fmt: skip
        begun = Counter((event.mark, event.hook) for event in events if isinstance(event, HookBegan))
        told = [json.loads(line) for line in self._hook_lines()]
        times = Counter((line["phase"], line["at"]) for line in told)
        if times and max(times.values()) > 1:
            found.append(f"a hook ran twice: {times}")
        if len(told) > len(begun):
            found.append(f"{len(told)} hooks ran, {len(begun)} begun")
        at_hook = any("hook" in kill for kill in self.kills)
        if not at_hook and self.story == "done" and {line["phase"] for line in told} != {"watch", "done"}:
            found.append(f"hooks ran for {sorted(line['phase'] for line in told)}")
        return found

    def _hook_lines(self) -> list[str]:
        path = self.directory / "hooks.log"
        return [line for line in path.read_text().splitlines() if line] if path.exists() else []

    def _problems_of_canary(self) -> list[str]:
        tries: list[list[str]] = [[]]
        for address in self.canary:
            tries[-1].append(address)
            if not address:
                tries.append([])
        if tries.pop():
            return [f"{CANARY} is left behind: {self.canary}"]
        again = [one for one in tries if tuple(one) != (*_WHOLE_REHEARSAL[: len(one) - 1], "")]
        if again or not tries or tuple(tries[-1]) != _WHOLE_REHEARSAL:
            return [f"{CANARY} went through {self.canary}"]
        # only a process that died in it, or before its end was on disk, may have begun it again
        died_in_it = self._rehearsals_cut_off()
        return [f"rehearsed {len(tries)} times: {self.canary}"] if len(tries) > 1 + died_in_it else []

    def _rehearsals_cut_off(self) -> int:
        """How often a process took over from one that had begun a rehearsal and not put its end on record."""
        (journal,) = (
            path for path in (self.directory / "state" / "runs").glob("*.jsonl") if read_journal(path)
        )
        under_way, cut_off = False, 0
        for entry in read_journal(journal):
            event = entry.event
            if isinstance(event, WriteIntended | WriteEnded) and event.purpose == "rehearse":
                under_way = isinstance(event, WriteIntended)
            cut_off += isinstance(event, Resumed) and under_way
        return cut_off


class Worlds:
    """Makes worlds, one after the other or several at a time, in one loop of this process."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._thread = LoopThread()
        self._ca = PracticeCa()
        self._certificate = self._ca.issue([HOST])
        self._key = TsigKey.generate("pointsman.")
        # a story in which they have no faults can share them
        self._sound: tuple[Edge, Edge, int] | None = None
        self._sound = self._edges()

    def close(self) -> None:
        assert self._sound is not None
        self._stop(*self._sound[:2])
        self._thread.close()

    def _edges(self) -> tuple[Edge, Edge, int]:
        old, new = Edge("old", OLD, self._base), Edge("new", NEW, self._base)
        port = self._thread.run(start_together(old, new), PATIENCE_S)
        rules = tuple(EdgeRule(path, "Prefix", "svc", body="ok") for path in ("/healthz", "/api"))
        host = VirtualHost(HOST, rules, self._certificate)
        for edge in (old, new):
            self._thread.call(partial(edge.configure, {HOST: host}))
        return old, new, port

    def _stop(self, *edges: Edge) -> None:
        for edge in edges:
            self._thread.run(edge.stop(), PATIENCE_S)

    @contextmanager
    def world(self, name: str, story: Story) -> Iterator[CrashWorld]:
        """One world in its own directory, which is removed again where nothing went wrong."""
        directory = self._base / name
        directory.mkdir(parents=True)
        write_key_file(directory / "tsig.key", self._key)
        (directory / "ca.pem").write_bytes(self._ca.root_pem)
        zone = small_zone()
        if story == "rolled-back":
            zone.set("store", 1, "A", OLD)
        authority = AuthorityServer(zone, [self._key])
        run = self._thread.run
        run(authority.start(), PATIENCE_S)
        old, new, port = self._sound if story == "done" and self._sound else self._edges()
        # the plan lists no resolver: the authority stands in for the one that a small world has
        servers = (zone, authority, authority, old, new, port)
        world = SmallWorld(directory, self._thread, *servers)
        crash = CrashWorld(story, world)
        zone.on_change(lambda event: _noted(crash, new, event))
        own_checklist(directory, only=("dns-ttl", "old-side-kept"))
        (directory / "plan.yaml").write_text(_plan_text(world, story))
        try:
            yield crash
        finally:
            run(authority.stop(), PATIENCE_S)
            if story == "rolled-back":
                self._stop(old, new)
        if not crash.failed:
            shutil.rmtree(directory)


def _noted(crash: CrashWorld, new: Edge, event: ZoneEvent) -> None:
    addresses = ",".join(data.to_text() for data in event.new) if event.new else ""
    if event.name == CANARY:
        crash.canary.append(addresses)
    elif event.name == HOST:
        crash.store.append(f"{event.new.ttl} {addresses}" if event.new else "")
        if crash.story == "rolled-back":
            new.faults[HOST] = Faults(error_share=1.0 if addresses == NEW else 0.0)


def _plan_text(world: SmallWorld, story: Story) -> str:
    text = world.plan_text(checklist="own.yaml", watch="300ms" if story == "done" else "20s", soak="300ms")
    text = text.replace("on_alarm: rollback", f"on_alarm: {'hold' if story == 'done' else 'rollback'}")
    # a few requests are enough here, and many cutovers share this machine
    text = re.sub("  resolvers: .*\n", "", text)
    text = re.sub("min_samples: .*", "min_samples: 2, rate_per_s: 8, soak_rate_per_s: 4}", text)
    if story == "rolled-back":
        return text
    log = world.directory / "hooks.log"
    hook = f'hooks: [{{on: [watch, done], run: ["/bin/sh", "-c", "cat >> {log}"]}}]'
    return text.replace("  low_ttl: 1\n", f"  low_ttl: 1\n  rehearse: {CANARY}\n") + hook + "\n"


def points_of(worlds: Worlds, name: str, story: Story) -> list[str]:
    """Every point that an undisturbed cutover passes, in order. AssertionError: it is not as it should be."""
    with worlds.world(name, story) as crash:
        log = crash.directory / "points.txt"
        assert not crash.incarnation("", str(log))
        problems = crash.problems()
        assert not problems, problems
        return log.read_text().splitlines()


def killed_at(
    worlds: Worlds, name: str, story: Story, points: list[str], strict: bool = False
) -> tuple[int, list[str]]:
    """Kill one cutover at each of ``points`` in succession, then let it end: (kills, problems).

    ``strict``: that it came to rest on the way, for whatever reason, is a problem as well.
    """
    with worlds.world(name, story) as crash:
        for point in points:
            if not crash.incarnation(point):
                break
        else:
            crash.incarnation("")
        problems = crash.problems()
        if strict:
            problems += [f"it came to rest: {nudge}" for nudge in crash.nudges()]
        crash.failed = bool(problems)
        return len(crash.kills), [f"killed at {crash.kills}: {problem}" for problem in problems]


def point_class(point: str) -> str:
    """What kind of point it is: the label without what it is about."""
    what, _, moment = point.rpartition("#")[0].partition(" | ")
    words = what.split()
    kind = "query" if words[0] == "query" else words[0] if words[0] != "find" else "find out"
    if kind == "journal" and "write-intended" in what:
        kind = "journal write-intended"
    return f"{kind}, {moment}"
