"""Checks that run in the background: off the screen's loop, with progress, and an end when asked."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

from ..checklists.checks.checklist import CheckContext, Checklist, run_checks
from ..checklists.terms import CheckResult
from ..cluster.errors import UserError
from ..cluster.text import clean


class CheckSession:
    """One plan's checklist. The attributes are replaced, never mutated, so any thread may read them."""

    def __init__(self, checklist: Checklist, context: CheckContext) -> None:
        self.checklist = checklist
        self._context = context
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        self.results: dict[str, CheckResult] = {}
        self.running: dict[str, float] = {}
        self.problem = ""

    @property
    def busy(self) -> bool:
        """Whether checks are running."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, only: tuple[str, ...] | None = None) -> None:
        """Run all checks, or ``only`` these; does nothing while others run."""
        if self.busy:
            return
        self.problem = ""
        chosen = [check.id for check in self.checklist.checks if only is None or check.id in only]
        self.results = {key: value for key, value in self.results.items() if key not in chosen}
        self.running = dict.fromkeys(chosen, time.monotonic())
        self._thread = threading.Thread(target=self._work, args=(only,), name="checks", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """End the checks that run; what has answered stays."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)

    def _work(self, only: tuple[str, ...] | None) -> None:
        try:
            asyncio.run(self._run(only))
        except UserError as error:
            self.problem = str(error)
        except asyncio.CancelledError:
            self.problem = "cancelled"
        except Exception as error:  # noqa: BLE001 - reported on the screen
            # a crash of a check must not leave a screen that waits for ever
            self.problem = f"the checks ended early: {type(error).__name__}: {clean(error)}"
        finally:
            self.running = {}
            self._loop = self._task = None

    async def _run(self, only: tuple[str, ...] | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        await run_checks(self.checklist, self._context, self._progress(), only=only)

    def _progress(self) -> Callable[[CheckResult], None]:
        def done(result: CheckResult) -> None:
            self.results = {**self.results, result.check.id: result}
            self.running = {key: since for key, since in self.running.items() if key != result.check.id}

        return done
