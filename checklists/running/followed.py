"""A run that another process carries out, looked at from the same machine: its journal, and its live file."""

from __future__ import annotations

import time
from pathlib import Path

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..journal.file import run_path
from ..journal.tail import Tail
from ..machine.state import outcome
from ..machine.view import RunView
from ..machine.words import clock_time, duration
from ..plans.model import Plan
from ..records.base import RecordProvider
from . import livefile
from .desk import Seen
from .onlooker import Onlooker
from .run import provider_for
from .runview import view_of

EVERY_S = 0.25
_SECOND = 1.0
_TORN_S = 3.0


class FollowedRun(Onlooker):
    """Read-only, whoever's it is. The chain of the journal is verified as it grows."""

    def __init__(self, tail: Tail, every_s: float = EVERY_S) -> None:
        self._tail = tail
        self._live: livefile.Live | None = None
        self._records: RecordProvider = provider_for(tail.state.plan)
        self._shown_at = 0.0
        self._torn_since = 0.0
        super().__init__(self._view(time.time()), every_s)

    @classmethod
    def open(cls, run_id: str, state_dir: Path | None = None) -> FollowedRun:
        """Begin to follow. UserError: no such run, a changed journal, or one without a line."""
        path = run_path(run_id, state_dir)
        if not path.exists():
            raise UserError(f"no run {run_id} in {path.parent}", "`pointsman journal` lists all runs")
        tail = Tail(path)
        tail.read()
        run = cls(tail)
        first = run.look()
        if first is not None:
            run._board.put(first)
        run.start()
        return run

    @property
    def plan(self) -> Plan:
        """The plan that is carried out, as the journal's first line has it."""
        return self._tail.state.plan

    @property
    def worked_on(self) -> bool:
        """Whether a process that carries it out was heard of lately."""
        live = self._live
        return live is not None and not live.silent_for(time.time())

    def look(self) -> RunView | None:
        """What the journal and the live file say by now."""
        now = time.time()
        grown = self._tail.read()
        live = livefile.read(livefile.live_path(self._tail.path))
        news = grown or live != self._live
        self._live = live
        if not news and now - self._shown_at < _SECOND:
            return None
        return self._view(now)

    def _view(self, now: float) -> RunView:
        self._shown_at = now
        tail, live = self._tail, self._live
        state = tail.state
        seen = livefile.seen_of(live, state) if live is not None else Seen()
        problem = self._problem(now)
        if problem:
            seen.notice = problem
        who = clean(state.operator, 120) or "somebody else"
        return view_of(
            state,
            tail.events,
            seen,
            live.run_time(now) if live is not None else now,
            records=self._records,
            journal_path=str(tail.path),
            journal_head=tail.head,
            read_only=f"read-only: this run is carried out by {who}, and only followed here",
        )

    def _problem(self, now: float) -> str:
        """Why what is shown may be old, in one line."""
        tail, live = self._tail, self._live
        self._torn_since = (self._torn_since or now) if tail.torn else 0.0
        if tail.torn and now - self._torn_since > _TORN_S:
            return "the journal's last line is torn: its writer was cut off; a resume sets that line aside"
        if outcome(tail.state) in ("done", "rolled-back"):
            return ""
        if live is None:
            return f"nobody carries this run out now; to go on: pointsman resume {tail.state.run_id}"
        silent = live.silent_for(now)
        if silent == float("inf"):
            return f"its process {live.pid} is gone; to go on: pointsman resume {tail.state.run_id}"
        if silent:
            return f"old: its process was last heard of at {clock_time(live.at)}, {duration(silent)} ago"
        return ""
