"""The checklists and cutovers that were begun here, each once, and kept while screens come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bridge import Bridge
from .settings import Settings

if TYPE_CHECKING:
    from ..checklists.journal.file import RunInfo
    from ..checklists.plans.load import Plan
    from ..checklists.running.face import RunFace
    from ..checklists.running.run import CutoverRun
    from ..checklists.terms import CheckResult
    from .sessions import CheckSession


class Runs:
    """One checklist session and one run for each plan at most. Imports what they need when they begin."""

    def __init__(self, settings: Settings, bridge: Bridge) -> None:
        self._settings, self._bridge = settings, bridge
        self._runs: dict[str, RunFace] = {}
        self._sessions: dict[str, CheckSession] = {}
        self.unfinished: dict[str, RunInfo] = {}

    def of(self, plan: Plan) -> RunFace | None:
        """The run of a plan that was begun or resumed here."""
        return self._runs.get(plan.name)

    @property
    def last(self) -> RunFace | None:
        """The run that was begun or resumed here last."""
        return next(reversed(self._runs.values()), None)

    @property
    def any_alive(self) -> bool:
        """Whether a run is going on."""
        return any(run.alive for run in self._runs.values())

    def adopt(self, plan: Plan, run: RunFace) -> None:
        """A run that was resumed elsewhere."""
        self._runs[plan.name] = run

    def stop(self) -> None:
        """Checks are cancelled; runs are left as they are: their journals are on disk."""
        self.forget_checks()
        for run in self._runs.values():
            run.stop(timeout_s=5.0)

    def forget_checks(self) -> None:
        """What was checked here is of no use any more: it was another cluster."""
        for session in self._sessions.values():
            session.cancel()
        self._sessions = {}

    def answers(self) -> tuple[dict[str, CheckResult], ...]:
        """The results of every checklist; each mapping is replaced, never changed, when a check answers."""
        return tuple(session.results for session in self._sessions.values())

    def session(self, plan: Plan) -> CheckSession:
        """The plan's checklist. UserError where it cannot be loaded."""
        from ..checklists.checks.checklist import CheckContext, load_checklist
        from .sessions import CheckSession

        if plan.name not in self._sessions:
            context = CheckContext(plan=plan, snapshot=self._bridge.snapshot)
            self._sessions[plan.name] = CheckSession(load_checklist(plan.checklist), context)
        return self._sessions[plan.name]

    def run(self, plan: Plan, *, anew: bool = False) -> RunFace:
        """The plan's run: the one here, else an unfinished one from its journal, else a new one.

        ``anew`` leaves a run that has come to its end, and begins another. UserError where it cannot begin.
        """
        run = self._runs.get(plan.name)
        if run is not None and (anew or not run.alive or _left(run)):
            run.stop()
            run = None
        if run is None:
            run = self._begin(plan)
            # the newest stands last
            self._runs.pop(plan.name, None)
            self._runs[plan.name] = run
        return run

    def find_unfinished(self) -> None:
        """Look for runs that were left unfinished, by plan; those that go on here are not among them."""
        from ..checklists.journal.file import list_runs

        newest = {run.plan_name: run for run in reversed(list_runs()) if run.unfinished}
        self.unfinished = {name: run for name, run in newest.items() if name not in self._runs}

    def _begin(self, plan: Plan) -> RunFace:
        """A run of ours, or the one of somebody who cuts these hosts over already, to look at."""
        from ..checklists.journal.file import RunHeldError
        from ..checklists.running.followed import FollowedRun
        from ..checklists.running.followed_lease import FollowedLease
        from ..checklists.running.holding import HeldElsewhereError

        self.find_unfinished()
        found = self.unfinished.pop(plan.name, None)
        try:
            return self._own(plan, found)
        except RunHeldError:
            assert found is not None
            return FollowedRun.open(found.run_id)
        except HeldElsewhereError as error:
            connection = self._bridge.connection
            if error.holder.where and connection is not None:
                return FollowedLease.find(connection, (error.host,), plan.gateway.namespace)
            if not error.holder.where and error.holder.run_id:
                return FollowedRun.open(error.holder.run_id)
            raise

    def _own(self, plan: Plan, found: RunInfo | None) -> CutoverRun:
        from ..checklists.running.run import CutoverRun

        if found is not None and found.hosts == plan.hosts:
            return CutoverRun.resume(
                found.run_id,
                snapshots=self._bridge.snapshot,
                writes_enabled=self._settings.writes,
                connection=self._bridge.connection,
            )
        return CutoverRun.start_new(
            plan,
            snapshots=self._bridge.snapshot,
            writes_enabled=self._settings.writes,
            kubeconfig=self._settings.kubeconfig or "",
            context=self._bridge.context,
            connection=self._bridge.connection,
        )


def _left(run: RunFace) -> bool:
    """Whether it is somebody's that was followed here, and that nobody carries out any more."""
    return bool(run.view().read_only) and not getattr(run, "worked_on", True)
