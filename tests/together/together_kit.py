"""A whole run's events made by hand, with every kind of text in them; and practice servers in a thread."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pointsman.checklists.journal.evidence import kept_facts
from pointsman.checklists.journal.file import Journal
from pointsman.checklists.machine.advance import fold
from pointsman.checklists.machine.events import (
    ChangeProposed,
    Checked,
    Confirmed,
    Event,
    GateChecked,
    HoldingChanged,
    HookBegan,
    HookEnded,
    OldSideCounted,
    Resumed,
    RunStarted,
    SeenEverywhere,
    Tuned,
    WaitEnded,
    Waived,
    WatchBegan,
    WatchEnded,
    WatchNoted,
    WriteEnded,
    WriteIntended,
    finding_to_json,
)
from pointsman.checklists.plans.model import (
    CriticalPath,
    DnsPlan,
    Durations,
    Hook,
    ObjectName,
    Plan,
    Side,
    plan_digest,
    plan_to_json,
)
from pointsman.checklists.records.base import RecordSet, RecordsRead, lower_ttl_change, switch_change
from pointsman.checklists.terms import Check, Gate
from pointsman.probes.verdict import Endpoint, Finding, Verdict
from pointsman.sandbox.apiserver.server import ApiServer
from pointsman.sandbox.apiserver.storage import Storage
from pointsman.sandbox.pki import PracticeCa

HOST = "store.shop.test"
TOKEN = "practice-token-0123456789"
T0 = 1_795_890_000.0
T = TypeVar("T")

PLAN = Plan(
    name="store",
    hosts=(HOST,),
    gateway=ObjectName("infra", "main"),
    old=Side("127.0.0.2"),
    new=Side("127.0.0.3"),
    paths=(CriticalPath("/"),),
    dns=DnsPlan("rfc2136", "shop.test.", ("127.0.0.1:53",), 3, tsig_key_file="/k"),
    durations=Durations(watch=60.0, soak=120.0, settle=1.0),
    hooks=(Hook(("watch",), ("notify", "the team's room")),),
)
CHECKS = (
    Check("first", 1, "first", "requests", "before-lower-ttl", why="because"),
    Check("third", 3, "third", "error-watch", "before-switch", again=("after-switch",)),
)
READ = RecordsRead((RecordSet(HOST, "A", 20, ("127.0.0.2",)),), "soa", "127.0.0.1:53")
LOWER = lower_ttl_change(READ, PLAN)
assert LOWER is not None
SWITCH = switch_change(replace(READ, sets=LOWER.after), PLAN)


def numbers(requests: int, errors: int, ratio: float, second: int) -> dict[str, Any]:
    """What a watch notes, with two seconds since the note before."""
    new = {"requests": requests, "errors": errors, "kinds": {"ok": requests - errors, "5xx": errors}}
    old = {"requests": requests, "errors": 0, "kinds": {"ok": requests}}
    return {
        "new": {**new, "p95_ms": 12.5, "buckets": [[2, 0], [2, errors]]},
        "old": {**old, "p95_ms": 11.0, "buckets": [[2, 0], [2, 0]]},
        "evidence": {"ratio": ratio, "alarm_at": 1000.0},
        "buckets": [[second, 2, 0, 2, 0], [second + 1, 2, errors, 2, 0]],
        "traffic": {
            "new": {"source": "pods of the gateway", "requests": 40, "errors_5xx": None, "problems": ["x"]}
        },
    }


def checked(check_id: str, text: str, verdict: Verdict = Verdict.WARN) -> Checked:
    """An answer with ``text`` wherever a server's words may come to stand."""
    found = Finding(
        rule="HTTP001", name="status", verdict=verdict, subject=Endpoint("127.0.0.3:443", text),
        summary=text, why=text, mend=text, evidence=(text, text), reproduce=f"curl {text}",
    )  # fmt: skip
    exchange = {
        "request": {"method": "GET", "url": f"https://{HOST}/{text}", "address": "127.0.0.3"},
        "status": 200, "http_version": "HTTP/1.1", "headers": [["server", text]],
        "body_sha256": "ab", "body_bytes": 2,
    }  # fmt: skip
    facts = kept_facts({"new": [exchange], "note": text})
    return Checked(check_id, verdict, text, 12.0, (finding_to_json(found),), facts)


def a_run(text: str = "fine", operator: str = "ana@desk", writes: bool = True) -> list[Event]:
    """From the first line to the soak, with waivers, hooks, tuning, a resume and a watch of some notes."""

    def gate(at: float, name: Gate, *ids: str) -> GateChecked:
        return GateChecked(T0 + at, name, tuple(checked(one, text, Verdict.PASS) for one in ids))

    first = RunStarted(
        T0, "abcd1234", plan_to_json(PLAN), plan_digest(PLAN), CHECKS, writes,
        context=text, version="1", operator=operator,
    )  # fmt: skip
    events: list[Event] = [
        first,
        HoldingChanged(T0 + 0.5, True, text),
        GateChecked(T0 + 1, "before-lower-ttl", (checked("first", text),)),
        Waived(T0 + 2, "first", Verdict.WARN, text or "none"),
        gate(3, "before-lower-ttl", "first"),
        ChangeProposed(T0 + 4, LOWER, 20.0),
        Confirmed(T0 + 5, "lower-ttl", HOST, operator),
        WriteIntended(T0 + 5, "lower-ttl"),
        WriteEnded(T0 + 6, "lower-ttl", "applied", text, LOWER.after),
        SeenEverywhere(T0 + 7, "low-ttl", text),
        WaitEnded(T0 + 30),
        gate(31, "before-switch", "first", "third"),
        ChangeProposed(T0 + 32, SWITCH),
        Confirmed(T0 + 33, "switch", HOST, operator),
        WriteIntended(T0 + 33, "switch"),
        WriteEnded(T0 + 34, "switch", "applied", text, SWITCH.after),
        WatchBegan(T0 + 34.1),
        HookBegan(T0 + 34.2, 7, 0),
        SeenEverywhere(T0 + 35, "new", text),
        HookEnded(T0 + 35.5, 7, 0, 1, text),
        WatchNoted(T0 + 40, numbers(10, 0, 0.9, 4)),
        Tuned(T0 + 45, "thresholds.min_samples", 20, operator),
        WatchNoted(T0 + 50, numbers(20, 1, 4.0, 6)),
        Resumed(T0 + 60, writes, "ben@desk"),
        WatchBegan(T0 + 61),
        WatchNoted(T0 + 70, numbers(10, 0, 0.9, 7)),
        WatchEnded(T0 + 121, "PASS", text, numbers(120, 1, 2.0, 9)),
        gate(122, "after-switch", "third"),
        WatchBegan(T0 + 122, soaking=True),
        OldSideCounted(T0 + 130, T0 + 122, text or "x", 0.0, 4.0, {HOST: 0.0}, text),
        WaitEnded(T0 + 243),
    ]
    # a hook is told by the number of the phase's beginning, which the waiver above decides
    mark = len(fold(events[:16]).marks) - 1
    return [replace(one, mark=mark) if isinstance(one, HookBegan | HookEnded) else one for one in events]


def on_disk(state_dir: Path, events: list[Event], run_id: str = "abcd1234") -> Path:
    """The journal of those events."""
    journal = Journal.create(run_id, state_dir)
    for event in events:
        journal.append(event)
    journal.close()
    return journal.path


# -- the practice API server, in a thread of its own


class Loop:
    """An event loop in its own thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Awaitable[T]) -> T:
        async def wrapped() -> T:
            return await coroutine

        return asyncio.run_coroutine_threadsafe(wrapped(), self.loop).result(10.0)

    async def _settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0.01)
        for transport in list(getattr(self.loop, "_transports", {}).values()):
            transport.abort()
        await asyncio.sleep(0.01)

    def close(self) -> None:
        self.run(self._settle())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


class Api:
    """The server, its storage, and a kubeconfig."""

    def __init__(self, directory: Path) -> None:
        authority = PracticeCa()
        files = authority.issue(["localhost", "127.0.0.1"]).write(directory, "server")
        self.loop = Loop()
        self.storage = Storage()
        self.storage.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "infra"}})
        self.server = ApiServer(self.storage, files.chain_file, files.key_file, TOKEN)
        self.loop.run(self.server.start())
        self.kubeconfig = directory / "kubeconfig"
        self.server.write_kubeconfig(self.kubeconfig, authority.root_pem)

    def close(self) -> None:
        self.loop.run(self.server.stop())
        self.loop.close()

    def call(self, function: Callable[[], T]) -> T:
        async def wrapped() -> T:
            return function()

        return self.loop.run(wrapped())

    def leases(self) -> list[dict[str, Any]]:
        return self.call(lambda: list(self.storage.list("Lease")))


@contextmanager
def api_server(directory: Path) -> Iterator[Api]:
    server = Api(directory)
    try:
        yield server
    finally:
        server.close()


def until(holds: Callable[[], T], longest_s: float = 10.0, told: Callable[[], object] = str) -> T:
    """The first true value of ``holds``."""
    deadline = time.monotonic() + longest_s
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)


# -- a practice world in a process


@contextmanager
def practice_world(*arguments: str) -> Iterator[dict[str, Any]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "pointsman.sandbox", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        assert line, "the practice world did not start"
        yield json.loads(line)
    finally:
        child.communicate(timeout=20)


def pointsman(state: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pointsman.tui", *arguments],
        env={**os.environ, "POINTSMAN_STATE_DIR": str(state)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
