"""A running cutover: an own thread that carries out the machine's effects and shows immutable views."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..cluster.store import Snapshot
from .plan import Plan
from .view import Command, RunView

SnapshotSource = Callable[[], Snapshot]


class CutoverRun:
    """One cutover, from ``start_new`` or ``resume`` until ``stop``."""

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
        raise NotImplementedError

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
        raise NotImplementedError

    @property
    def run_id(self) -> str:
        """The run's id: what ``pointsman resume`` takes."""
        raise NotImplementedError

    def view(self) -> RunView:
        """The run now. Cheap, from any thread."""
        raise NotImplementedError

    def send(self, command: Command) -> None:
        """Hand a command over, from any thread. A refused one is explained in ``RunView.message``."""
        raise NotImplementedError

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Call ``callback`` (in the run's thread) with each new view; the result ends that."""
        raise NotImplementedError

    def wait(self, predicate: Callable[[RunView], bool], timeout_s: float) -> RunView:
        """The first view for which ``predicate`` holds. TimeoutError after ``timeout_s``."""
        raise NotImplementedError

    def stop(self, timeout_s: float = 10.0) -> None:
        """Leave the run (it can be resumed) and end the thread; a write under way is finished first."""
        raise NotImplementedError
