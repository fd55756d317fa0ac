"""A running cutover: an own thread that carries out the machine's effects and shows immutable views."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..checks.checklist import load_checklist
from ..checks.context import SnapshotSource
from ..journal.file import Journal, new_run_id
from ..machine.advance import State, advance, fold, start
from ..machine.events import Resumed, RunStarted
from ..machine.view import Command, Quit, RunView
from ..plans.load import Plan, plan_digest, plan_to_json
from ..records.providers import Surroundings, provider_for
from .execute import Executor
from .ports import Ports
from .runview import run_view

__all__ = ["CutoverRun", "SnapshotSource", "provider_for"]

_log = logging.getLogger(__name__)
_LEAST_GAP_S = 0.1
_TICK_S = 1.0
_LAST_TURNS_S = 0.05


class CutoverRun:
    """One cutover, from ``start_new`` or ``resume`` until ``stop``."""

    def __init__(self, journal: Journal, state: State, ports: Ports) -> None:
        self._journal = journal
        self._ports = ports
        self._state = state
        self._changed = threading.Condition()
        self._subscribers: list[Callable[[RunView], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor: Executor | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"cutover {state.run_id}", daemon=True)
        self._view = RunView(
            state.run_id, state.plan.hosts, state.phase, plan_name=state.plan.name, now=ports.clock()
        )

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
    ) -> CutoverRun:
        """Open a journal for a new run and start it. UserError: the journal cannot be written."""
        checklist = load_checklist(plan.checklist)
        kubeconfig = os.path.abspath(kubeconfig) if kubeconfig else ""
        # before the journal: a way of changing records that is not there must not leave a run behind
        records = provider_for(plan, Surroundings(kubeconfig, context, snapshots))
        run_id = new_run_id()
        journal = Journal.create(run_id, state_dir)
        first = RunStarted(
            at=time.time(),
            run_id=run_id,
            plan=plan_to_json(plan),
            plan_digest=plan_digest(plan),
            checks=checklist.checks,
            writes_enabled=writes_enabled,
            kubeconfig=kubeconfig,
            context=context,
            version=_version(),
        )
        try:
            journal.append(first)
        except UserError:
            journal.close()
            raise
        run = cls(journal, start(first), Ports(records, snapshots))
        run._start()
        return run

    @classmethod
    def resume(
        cls,
        run_id: str,
        *,
        snapshots: SnapshotSource | None = None,
        writes_enabled: bool = False,
        state_dir: Path | None = None,
    ) -> CutoverRun:
        """Go on with a run from its journal. UserError: unknown run, held elsewhere, changed journal."""
        journal = Journal.open(run_id, state_dir)
        try:
            state = fold(journal.events)
            records = provider_for(state.plan, _surroundings(journal, snapshots))
            event = Resumed(time.time(), writes_enabled)
            advance(state, event)
            state = advance(state, journal.append(event).event)
        except UserError:
            journal.close()
            raise
        run = cls(journal, state, Ports(records, snapshots))
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
    def alive(self) -> bool:
        """Whether the run's thread still works."""
        return self._thread.is_alive()

    def view(self) -> RunView:
        """The run now. Cheap, from any thread."""
        return self._view

    def send(self, command: Command) -> None:
        """Hand a command over, from any thread. A refused one is explained in ``RunView.message``."""
        loop = self._loop
        if loop is not None and self._executor is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._executor.command, command)

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Call ``callback`` (in the run's thread) with each new view; the result ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._subscribers.remove(callback)

        return unsubscribe

    def wait(self, predicate: Callable[[RunView], bool], timeout_s: float) -> RunView:
        """The first view for which ``predicate`` holds. TimeoutError after ``timeout_s``."""
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self._view), timeout_s):
                raise TimeoutError(f"run {self.run_id} is in phase {self._view.phase}: {self._view.message}")
            return self._view

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
                self._set_view(replace(self._view, message=text))
            await asyncio.sleep(_LEAST_GAP_S)

    def _show(self, executor: Executor) -> None:
        self._set_view(run_view(executor, self._ports.clock()))

    def _set_view(self, view: RunView) -> None:
        with self._changed:
            self._view = view
            self._changed.notify_all()
        for callback in tuple(self._subscribers):
            try:
                callback(view)
            except Exception:  # noqa: BLE001 - a broken face must not stop the run
                _log.exception("a subscriber of run %s", self.run_id)

    def _last_words(self, text: str) -> None:
        self._set_view(replace(self._view, message=text, journal_ok=False))


def _surroundings(journal: Journal, snapshots: SnapshotSource | None) -> Surroundings:
    first = journal.events[0]
    assert isinstance(first, RunStarted)
    return Surroundings(first.kubeconfig, first.context, snapshots)


def _version() -> str:
    try:
        return metadata.version("pointsman")
    except metadata.PackageNotFoundError:
        return "0"
