"""What a run's process sees beside its journal, in a small file for those who look on from this machine.

Nothing is decided by it: it is written twice a second, never synced, and gone when the process has left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from ...cluster.text import clean
from ...cluster.typed import convert
from ...probes.output import plain
from ..machine.events import Checked, finding_from_json, finding_to_json
from ..machine.state import State
from ..machine.view import CacheRow, WatchView
from ..terms import CheckResult
from .desk import Desk, Seen
from .runview import watch_view

_log = logging.getLogger(__name__)

EVERY_S = 0.5
STALE_S = 5.0
_MOST_ROWS = 500
_MOST_FINDINGS = 20
_LARGEST = 8_000_000


@dataclass(frozen=True, slots=True)
class Live:
    """The process ``pid`` on ``machine`` at ``at`` (epoch seconds by the run's clock; ``wall`` by the
    machine's, which somebody may set); ``head`` seals ``length`` lines.
    """

    at: float
    pid: int
    machine: str
    length: int
    head: str
    notice: str = ""
    fatal: str = ""
    checking: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    rows: tuple[CacheRow, ...] = ()
    watch: WatchView | None = None
    results: tuple[Checked, ...] = ()
    wall: float = 0.0

    def silent_for(self, now: float) -> float:
        """Seconds since it was heard of; endless where its process is gone. 0: it is there.

        ``now`` is the machine's clock.
        """
        if self.machine == socket.gethostname() and not _there(self.pid):
            return float("inf")
        age = now - (self.wall or self.at)
        return age if age > STALE_S else 0.0

    def run_time(self, now: float) -> float:
        """The run's clock at ``now`` of the machine's."""
        return now - self.wall + self.at if self.wall else now


def live_path(journal: Path) -> Path:
    """Where the live file of a journal is."""
    return journal.with_suffix(".live")


def _there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # somebody else's process, but there
        return True
    return True


async def keep_written(desk: Desk) -> None:
    """Write it twice a second for as long as the run is open; a disk that refuses keeps nobody waiting."""
    path = live_path(desk.journal.path)
    try:
        while True:
            with contextlib.suppress(OSError):
                write(path, live_of(desk))
            await asyncio.sleep(EVERY_S)
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def live_of(desk: Desk) -> Live:
    """What is seen beside the journal now."""
    seen, state = desk.seen, desk.state
    watch = watch_view(state, seen)
    if watch is not None:
        watch = replace(watch, evidence=min(watch.evidence, 1e300))
    on_record = {item.check_id: item for item in state.results}
    return Live(
        at=desk.ports.clock(),
        pid=os.getpid(),
        machine=socket.gethostname(),
        length=len(desk.journal),
        head=desk.journal.head,
        notice=seen.notice,
        fatal=seen.fatal,
        checking=seen.checking,
        missing=seen.missing[:10],
        rows=seen.rows[:_MOST_ROWS],
        watch=watch,
        results=tuple(
            _checked(result)
            for check_id, result in seen.results.items()
            if _news(result, on_record.get(check_id))
        ),
        wall=time.time(),
    )


def _news(result: CheckResult, recorded: Checked | None) -> bool:
    return recorded is None or (recorded.verdict, recorded.headline) != (result.verdict, result.headline)


def _checked(result: CheckResult) -> Checked:
    findings = tuple(finding_to_json(item) for item in result.findings[:_MOST_FINDINGS])
    return Checked(result.check.id, result.verdict, clean(result.headline), result.elapsed_ms, findings)


def write(path: Path, live: Live) -> None:
    """In one step, readable by nobody else. Raises OSError."""
    # only who holds the journal writes here, so one name is enough
    beside = path.with_suffix(".live-new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(plain(live)))
    os.replace(beside, path)


def read(path: Path) -> Live | None:
    """The live file; None where there is none, or none that can be read."""
    try:
        with path.open("rb") as file:
            return convert(msgspec.json.decode(file.read(_LARGEST)), Live)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None


def seen_of(live: Live, state: State) -> Seen:
    """What the process saw, as it would show it."""
    checks = {check.id: check for check in state.checks}
    seen = Seen(notice=live.notice, fatal=live.fatal)
    seen.checking, seen.missing, seen.rows, seen.told = live.checking, live.missing, live.rows, live.watch
    seen.results = {
        item.check_id: CheckResult(
            checks[item.check_id],
            item.verdict,
            item.headline,
            tuple(finding_from_json(found) for found in item.findings),
            elapsed_ms=item.elapsed_ms,
        )
        for item in live.results
        if item.check_id in checks
    }
    return seen
