"""A process that carries a cutover out, or goes on with one, and kills itself (SIGKILL) at one named point.

The points are laid around the product from outside: every journal write, every change of a record and every
message of it, every hook, the lock. The product knows nothing of them. A point's label ends in ``#n``: its
n-th time in this process.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message
import dns.rdatatype
import dns.update
from pointsman.checklists.journal import file as journal_file
from pointsman.checklists.journal.file import Entry, Journal, list_runs, read_journal
from pointsman.checklists.machine.events import Event, event_name
from pointsman.checklists.machine.view import Confirm, Continue, RunView
from pointsman.checklists.plans.load import load_plan
from pointsman.checklists.records.base import RecordChange, WriteOutcome
from pointsman.checklists.records.rfc2136 import Rfc2136
from pointsman.checklists.running import caches, execute, hooks, writing
from pointsman.checklists.running import run as run_module
from pointsman.checklists.running.execute import Executor
from pointsman.checklists.running.run import CutoverRun

LAST_S = 120.0
MOST_NUDGES = 20


@dataclass
class Points:
    """Where this process has been, and where it dies."""

    die_at: str
    log: int | None
    times: Counter[str] = field(default_factory=Counter)

    def __call__(self, name: str) -> None:
        self.times[name] += 1
        label = f"{name}#{self.times[name]}"
        if self.log is not None:
            os.write(self.log, label.encode() + b"\n")
        if label == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(10)

    def is_next(self, name: str) -> bool:
        """Whether the next time at ``name`` is the last moment of this process."""
        return f"{name}#{self.times[name] + 1}" == self.die_at


def named(event: Event) -> str:
    what = getattr(event, "purpose", "") or getattr(event, "gate", "") or getattr(event, "what", "")
    change = getattr(event, "change", None)
    what = what or (change.purpose if change is not None else "")
    return f"{event_name(event)}/{what}" if what else event_name(event)


def change_name(change: RecordChange) -> str:
    def side(sets: tuple[Any, ...]) -> str:
        return ",".join(f"{item.ttl} {value}" for item in sets for value in item.values) or "nothing"

    return f"{change.purpose}: {side(change.before)} to {side(change.after)}"


def arm_journal(point: Points) -> None:
    append, write_all, lock = Journal.append, journal_file._write_all, journal_file._lock
    fsync = os.fsync
    now: list[str] = []

    def deadly_append(self: Journal, event: Event) -> Entry:
        name = named(event)
        point(f"journal {name} | before")
        now.append(name)
        try:
            return append(self, event)
        finally:
            now.pop()

    def deadly_write(file: Any, data: bytes) -> None:
        name = now[-1] if now else "?"
        half = f"journal {name} | half a line"
        if point.is_next(half):
            write_all(file, data[: len(data) // 2])
        point(half)
        write_all(file, data)
        point(f"journal {name} | written")

    def deadly_fsync(descriptor: int) -> None:
        fsync(descriptor)
        if now:
            point(f"journal {now[-1]} | on disk")

    def deadly_lock(file: Any, path: Path) -> None:
        point("lock | before")
        lock(file, path)
        point("lock | held")

    record = Executor.record

    def deadly_record(self: Executor, event: Event) -> None:
        record(self, event)
        point(f"journal {named(event)} | believed")

    Journal.append = deadly_append  # type: ignore[method-assign]
    Executor.record = deadly_record  # type: ignore[method-assign]
    journal_file._write_all = deadly_write
    journal_file._lock = deadly_lock
    os.fsync = deadly_fsync  # type: ignore[assignment]


def arm_hosts(point: Points) -> None:
    take_hold = run_module.take_hold

    def deadly_hold(*rest: Any, **named: Any) -> Any:
        point("hosts' locks | before")
        held = take_hold(*rest, **named)
        point("hosts' locks | held")
        return held

    run_module.take_hold = deadly_hold


def arm_records(point: Points) -> None:
    apply, find_out, tcp, send = (
        Rfc2136.apply,
        Rfc2136.find_out,
        dns.asyncquery.tcp,
        dns.asyncquery.send_tcp,
    )
    under_way: contextvars.ContextVar[str] = contextvars.ContextVar("under_way", default="read")
    message: contextvars.ContextVar[str] = contextvars.ContextVar("message", default="")

    async def deadly_apply(self: Rfc2136, change: RecordChange) -> WriteOutcome:
        name = change_name(change)
        under_way.set(name)
        point(f"apply {name} | before")
        outcome = await apply(self, change)
        point(f"apply {name} | after")
        under_way.set("read")
        return outcome

    async def deadly_find_out(self: Rfc2136, change: RecordChange) -> WriteOutcome:
        point(f"find out {change_name(change)} | before")
        outcome = await find_out(self, change)
        point(f"find out {change_name(change)} | after")
        return outcome

    async def deadly_tcp(query: dns.message.Message, *rest: Any, **named: Any) -> dns.message.Message:
        if isinstance(query, dns.update.UpdateMessage):
            name = f"update {under_way.get()}"
        else:
            question = query.question[0]
            name = f"query in {under_way.get()}: {question.name} {dns.rdatatype.to_text(question.rdtype)}"
        message.set(name)
        point(f"{name} | unsent")
        answer = await tcp(query, *rest, **named)
        point(f"{name} | answered")
        return answer

    async def deadly_send(*rest: Any, **named: Any) -> Any:
        name = message.get()
        sent = await send(*rest, **named)
        point(f"{name} | sent")
        taken = f"{name} | taken, no answer read"
        if name.startswith("update"):
            if point.is_next(taken):
                await asyncio.sleep(0.2)
            point(taken)
        return sent

    Rfc2136.apply = deadly_apply  # type: ignore[method-assign]
    Rfc2136.find_out = deadly_find_out  # type: ignore[method-assign]
    dns.asyncquery.tcp = deadly_tcp
    dns.asyncquery.send_tcp = deadly_send


def arm_hooks(point: Points) -> None:
    run, tell, end = hooks.run_command, hooks._tell, hooks._end

    async def deadly_run(hook: Any, state: Any, mark: int) -> Any:
        phase = state.marks[mark][0]
        point(f"hook {phase} | before")
        ended = await run(hook, state, mark)
        point(f"hook {phase} | after")
        return ended

    async def deadly_tell(process: Any, line: bytes) -> None:
        point("hook | started")
        await tell(process, line)
        point("hook | told")

    async def deadly_end(process: Any, talking: Any) -> None:
        point("hook | over")
        await end(process, talking)

    hooks.run_command, hooks._tell, hooks._end = deadly_run, deadly_tell, deadly_end


def impatient() -> None:
    """Nothing of a process that is dead for sure can still be on its way for long."""
    writing.QUIET_S = writing.RETRY_S = 0.3
    execute._POLL_S = 0.3


def patient() -> None:
    """Many cutovers share a machine here: a slow answer must not be taken for none."""
    Rfc2136.__init__.__defaults__ = (60.0,)  # type: ignore[misc]
    caches.ask.__defaults__ = (20.0,)


def begin_or_resume(directory: Path) -> CutoverRun:
    plan = load_plan(directory / "plan.yaml")
    state_dir = directory / "state"
    for run in list_runs(state_dir):
        # a process that died before its first line has begun nothing
        if read_journal(run.path):
            return CutoverRun.resume(run.run_id, writes_enabled=True, state_dir=state_dir)
    return CutoverRun.start_new(plan, writes_enabled=True, state_dir=state_dir)


def carry_out(directory: Path) -> None:
    run = begin_or_resume(directory)

    nudges = 0

    def consent(view: RunView) -> None:
        if view.waiting_for is not None:
            asked = view.waiting_for
            run.send(Confirm(asked.purpose, asked.type_this, asked.change_id))

    def rests(view: RunView) -> bool:
        return view.outcome in ("stopped-at-gate", "held") or ends(view)

    def ends(view: RunView) -> bool:
        return view.outcome in ("done", "rolled-back") or not run.alive

    run.subscribe(consent)
    consent(run.view())
    try:
        view = run.wait(rests, LAST_S)
        while not ends(view) and nudges < MOST_NUDGES:
            # what a person does who sees that nothing speaks against it; each time is counted
            nudges += 1
            (directory / "nudges.txt").open("a").write(f"{view.outcome}: {view.message}\n")
            run.send(Continue())
            time.sleep(1.0)
            view = run.wait(rests, LAST_S)
    finally:
        run.stop()
    (directory / "end.txt").write_text(f"{view.outcome}: {view.message}")


def main(directory: str, die_at: str, log: str = "", with_hooks: bool = True) -> None:
    """Run in a process of its own."""
    # of interest only where it ends otherwise than it should
    sys.stderr = open(Path(directory) / "stderr.txt", "a", buffering=1)  # noqa: SIM115
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if log else None
    point = Points(die_at, descriptor)
    impatient()
    patient()
    arms: list[Callable[[Points], None]] = [arm_journal, arm_hosts, arm_records]
    for arm in (*arms, arm_hooks) if with_hooks else arms:
        arm(point)
    carry_out(Path(directory))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:4])
