"""A running cutover: an own thread that carries out the machine's effects and shows immutable views."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..checks.checklist import load_checklist
from ..checks.context import SnapshotSource
from ..journal.file import Journal, new_run_id
from ..machine.advance import State, advance, fold, start
from ..machine.events import Resumed, RunStarted
from ..machine.view import Command, Quit, RunView
from ..plans.load import Plan, plan_digest, plan_to_json
from ..records.base import RecordProvider
from ..records.providers import Surroundings, provider_for
from .execute import Executor
from .face import ViewBoard
from .holding import Holder, operator_name
from .leasing import Hold, take_hold
from .ports import Ports, RunClock, WavesBefore, since_boot
from .runview import view_of
from .traffic import new_source, old_source

if TYPE_CHECKING:
    from ...cluster.client.connect import Connection

__all__ = ["CutoverRun", "SnapshotSource", "provider_for"]

_log = logging.getLogger(__name__)
_LEAST_GAP_S = 0.1
_TICK_S = 1.0
_LAST_TURNS_S = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Which wave (from 1) of how many a run is, in which campaign, and how those before it stand."""

    campaign: str = ""
    wave: int = 1
    waves: int = 1
    before: WavesBefore | None = None


ALONE = Place()


class CutoverRun:
    """One cutover, from ``start_new`` or ``resume`` until ``stop``."""

    def __init__(self, journal: Journal, state: State, ports: Ports, hold: Hold | None = None) -> None:
        self._journal = journal
        self._hold = hold
        self._ports = ports
        self._state = state
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor: Executor | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"cutover {state.run_id}", daemon=True)
        first = RunView(
            state.run_id, state.plan.hosts, state.phase, plan_name=state.plan.name, now=ports.clock()
        )
        self._board = ViewBoard(first)
        if ports.lease is not None:
            self._board.subscribe(ports.lease.publish)

    @classmethod
    def start_new(
        cls,
        plan: Plan,
        *,
        snapshots: SnapshotSource | None = None,
        writes_enabled: bool = False,
        kubeconfig: str = "",
        context: str = "",
        state_dir: Path | None = None,
        connection: Connection | None = None,
        place: Place = ALONE,
    ) -> CutoverRun:
        """Open a journal for a new run and start it. UserError: the journal cannot be written.

        With ``connection``, and writing on, a Lease keeps others off the hosts. Raises HeldElsewhereError
        where another run has one of them.
        """
        checklist = load_checklist(plan.checklist)
        kubeconfig = os.path.abspath(kubeconfig) if kubeconfig else ""
        # before the journal: a way of changing records that is not there must not leave a run behind
        records = provider_for(plan, Surroundings(kubeconfig, context, snapshots))
        run_id = new_run_id()
        who, clock = operator_name(), RunClock()
        holder = Holder(run_id, who, plan.name, plan.hosts, clock.began, os.getpid())
        hold = take_hold(
            plan, holder, connection if writes_enabled else None, elapsed=since_boot, state_dir=state_dir
        )
        try:
            journal = Journal.create(run_id, state_dir)
        except UserError:
            hold.release()
            raise
        first = RunStarted(
            at=clock.began,
            run_id=run_id,
            plan=plan_to_json(plan),
            plan_digest=plan_digest(plan),
            checks=checklist.checks,
            writes_enabled=writes_enabled,
            kubeconfig=kubeconfig,
            context=context,
            version=_version(),
            campaign=place.campaign,
            wave=place.wave,
            waves=place.waves,
            operator=who,
            boot=clock.boot,
            uptime=clock.uptime,
        )
        try:
            journal.append(first)
        except UserError:
            journal.close()
            hold.release()
            raise
        return cls._begin(journal, start(first), hold, records, snapshots, place.before, connection, clock)

    @classmethod
    def resume(
        cls,
        run_id: str,
        *,
        snapshots: SnapshotSource | None = None,
        writes_enabled: bool = False,
        state_dir: Path | None = None,
        connection: Connection | None = None,
        waves_before: WavesBefore | None = None,
    ) -> CutoverRun:
        """Go on with a run from its journal. UserError: unknown run, held elsewhere, changed journal."""
        journal = Journal.open(run_id, state_dir)
        who, clock = operator_name(), RunClock()
        hold: Hold | None = None
        try:
            state = fold(journal.events)
            plan = state.plan
            records = provider_for(plan, _surroundings(journal, snapshots))
            holder = Holder(run_id, who, plan.name, plan.hosts, clock.began, os.getpid())
            hold = take_hold(
                plan, holder, connection if writes_enabled else None, elapsed=since_boot, state_dir=state_dir
            )
            event = Resumed(clock.began, writes_enabled, who, clock.boot, clock.uptime)
            advance(state, event)
            state = advance(state, journal.append(event).event)
        except UserError:
            journal.close()
            if hold is not None:
                hold.release()
            raise
        return cls._begin(journal, state, hold, records, snapshots, waves_before, connection, clock)

    @classmethod
    def _begin(
        cls,
        journal: Journal,
        state: State,
        hold: Hold,
        records: RecordProvider,
        snapshots: SnapshotSource | None,
        waves_before: WavesBefore | None,
        connection: Connection | None,
        clock: RunClock,
    ) -> CutoverRun:
        ports = Ports(
            records,
            snapshots,
            clock=clock,
            operator=operator_name(),
            lease=hold.lease,
            waves_before=waves_before,
            old_traffic=partial(old_source, state.plan, connection, clock),
            new_traffic=partial(new_source, state.plan, connection, clock),
        )
        run = cls(journal, state, ports, hold)
        run._start()
        return run

    @property
    def run_id(self) -> str:
        """The run's id: what ``pointsman resume`` takes."""
        return self._state.run_id

    @property
    def plan(self) -> Plan:
        """The plan that is carried out, as the journal's first line has it."""
        return self._state.plan

    @property
    def state(self) -> State:
        """The machine's state now. Immutable, from any thread."""
        return self._executor.state if self._executor is not None else self._state

    @property
    def alive(self) -> bool:
        """Whether the run's thread still works."""
        return self._thread.is_alive()

    def view(self) -> RunView:
        """The run now. Cheap, from any thread."""
        return self._board.view()

    def send(self, command: Command) -> None:
        """Hand a command over, from any thread. A refused one is explained in ``RunView.message``."""
        loop = self._loop
        if loop is not None and self._executor is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._executor.command, command)

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Call ``callback`` (in the run's thread) with each new view; the result ends that."""
        return self._board.subscribe(callback)

    def wait(self, predicate: Callable[[RunView], bool], timeout_s: float) -> RunView:
        """The first view for which ``predicate`` holds. TimeoutError after ``timeout_s``."""
        return self._board.wait(predicate, timeout_s)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Leave the run (it can be resumed) and end the thread; a write under way is finished first."""
        self.send(Quit())
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _start(self) -> None:
        self._thread.start()
        self._ready.wait(10.0)

    def _work(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:  # noqa: BLE001 - the screen must learn of it, whatever it was
            _log.exception("run %s", self.run_id)
            self._last_words(f"the run's thread ended: {type(error).__name__}: {clean(error)}")
        finally:
            self._journal.close()
            self._ready.set()
            if self._hold is not None:
                self._hold.release()

    async def _main(self) -> None:
        dirty = asyncio.Event()
        executor = Executor(self._journal, self._state, self._ports, dirty.set)
        self._loop = asyncio.get_running_loop()
        self._executor = executor
        publisher = asyncio.create_task(self._publish(executor, dirty), name="publisher")
        self._show(executor)
        self._ready.set()
        try:
            await executor.run()
        finally:
            publisher.cancel()
            await asyncio.gather(publisher, return_exceptions=True)
            self._show(executor)
            # connections that were just cut off are closed in the loop's next turns, if it still has some
            await asyncio.sleep(_LAST_TURNS_S)

    async def _publish(self, executor: Executor, dirty: asyncio.Event) -> None:
        """A new view at every change, but not more than ten a second, and one a second for the clocks."""
        while True:
            # not wait_for: in Python 3.11 it loses a cancellation that comes together with the event
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await dirty.wait()
            dirty.clear()
            try:
                self._show(executor)
            except Exception as error:  # noqa: BLE001 - a run that goes on unseen would be the worst of all
                _log.exception("the view of run %s", self.run_id)
                text = f"this picture is old: a newer one cannot be drawn ({type(error).__name__})"
                self._board.put(replace(self._board.view(), message=text))
            await asyncio.sleep(_LEAST_GAP_S)

    def _show(self, executor: Executor) -> None:
        journal = executor.journal
        view = view_of(
            executor.state,
            journal.events,
            executor.seen,
            self._ports.clock(),
            records=self._ports.records,
            journal_path=str(journal.path),
            journal_head=journal.head,
            journal_ok=journal.intact(),
        )
        self._board.put(view)

    def _last_words(self, text: str) -> None:
        self._board.put(replace(self._board.view(), message=text, journal_ok=False))


def _surroundings(journal: Journal, snapshots: SnapshotSource | None) -> Surroundings:
    first = journal.events[0]
    assert isinstance(first, RunStarted)
    return Surroundings(first.kubeconfig, first.context, snapshots)


def _version() -> str:
    try:
        return metadata.version("pointsman")
    except metadata.PackageNotFoundError:
        return "0"
