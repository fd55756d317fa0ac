"""The checklists and cutovers that were begun here, each once, and kept while screens come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .bridge import Bridge
from .settings import Settings

if TYPE_CHECKING:
    from ..checklists.journal.file import RunInfo
    from ..checklists.plans.load import Plan
    from ..checklists.running.face import RunFace
    from ..checklists.terms import CheckResult
    from .sessions import CheckSession


class Runs:
    """A checklist session and the runs of one cutover for each plan at most; imports only what it needs."""

    def __init__(self, settings: Settings, bridge: Bridge) -> None:
        self._settings, self._bridge = settings, bridge
        self._runs: dict[str, tuple[RunFace, ...]] = {}
        self._sessions: dict[str, CheckSession] = {}
        self.unfinished: dict[str, RunInfo] = {}

    def of(self, plan: Plan) -> tuple[RunFace, ...]:
        """The runs of a plan that were begun or resumed here, a run for each wave; none where none was."""
        return self._runs.get(plan.name, ())

    @property
    def last(self) -> RunFace | None:
        """The run that was begun or resumed here last; of several waves the first."""
        newest = next(reversed(self._runs.values()), ())
        return newest[0] if newest else None

    @property
    def any_alive(self) -> bool:
        """Whether a run is going on."""
        return any(run.alive for runs in self._runs.values() for run in runs)

    def adopt(self, plan: Plan, *runs: RunFace) -> None:
        """Runs that were resumed elsewhere."""
        self._runs[plan.name] = runs

    def stop(self) -> None:
        """Checks are cancelled; runs are left as they are: their journals are on disk."""
        self.forget_checks()
        for runs in self._runs.values():
            _leave(runs)

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

    def runs(self, plan: Plan, *, anew: bool = False) -> tuple[RunFace, ...]:
        """The plan's runs: those here, else unfinished ones from their journals, else new ones.

        ``anew`` leaves runs that have come to their end, and begins others. UserError where none can begin.
        """
        runs = self.of(plan)
        if runs and (anew or all(not run.alive or _left(run) for run in runs)):
            if not anew and all(_left(run) for run in runs):
                # nobody carries it out any more: it may be gone on with here
                del self._runs[plan.name]
            _leave(runs)
            runs = ()
        if not runs:
            runs = self._begin(plan)
            # the newest stands last
            self._runs.pop(plan.name, None)
            self._runs[plan.name] = runs
        return runs

    def go_by(self, plan: Plan) -> bool:
        """Whether the plan's runs go by what its file says now; each goes by its own copy."""
        from ..checklists.plans.load import plan_digest
        from ..checklists.plans.waves import wave_plan

        parts = [wave_plan(plan, wave) for wave in range(len(plan.waves))] or [plan]
        return {plan_digest(run.plan) for run in self.of(plan)} <= {plan_digest(part) for part in parts}

    def find_unfinished(self) -> None:
        """Look for runs that were left unfinished, by plan; those that go on here are not among them."""
        from ..checklists.journal.file import list_runs

        newest = {run.plan_name: run for run in reversed(list_runs()) if run.unfinished}
        self.unfinished = {name: run for name, run in newest.items() if name not in self._runs}

    def _begin(self, plan: Plan) -> tuple[RunFace, ...]:
        """Runs of ours, or the one of somebody who cuts these hosts over already, to look at."""
        from ..checklists.journal.file import RunHeldError, waves_of
        from ..checklists.running.followed import FollowedRun
        from ..checklists.running.followed_lease import FollowedLease
        from ..checklists.running.holding import HeldElsewhereError

        self.find_unfinished()
        found = self.unfinished.pop(plan.name, None)
        try:
            return self._own(plan, found)
        except RunHeldError:
            assert found is not None
            return tuple(FollowedRun.open(wave.run_id) for wave in waves_of(found.run_id))
        except HeldElsewhereError as error:
            connection = self._bridge.connection
            if error.holder.where and connection is not None:
                return (FollowedLease.find(connection, (error.host,), plan.gateway.namespace),)
            if not error.holder.where and error.holder.run_id:
                return tuple(FollowedRun.open(wave.run_id) for wave in waves_of(error.holder.run_id))
            raise

    def _own(self, plan: Plan, found: RunInfo | None) -> tuple[RunFace, ...]:
        from ..checklists.journal.file import waves_of
        from ..checklists.running.campaign import Campaign

        waves = tuple(wave.hosts for wave in waves_of(found.run_id)) if found is not None else ()
        if found is not None and waves == (plan.waves or (plan.hosts,)):
            campaign = Campaign.resume(
                found.run_id,
                snapshots=self._bridge.snapshot,
                writes_enabled=self._settings.writes,
                connection=self._bridge.connection,
            )
        else:
            campaign = Campaign.start_new(
                plan,
                snapshots=self._bridge.snapshot,
                writes_enabled=self._settings.writes,
                kubeconfig=self._settings.kubeconfig or "",
                context=self._bridge.context,
                connection=self._bridge.connection,
            )
        return campaign.runs


def _left(run: RunFace) -> bool:
    """Whether it is somebody's that was followed here, and that nobody carries out any more."""
    return bool(run.view().read_only) and not getattr(run, "worked_on", True)


def _leave(runs: Sequence[RunFace]) -> None:
    # the last wave first: none may see those before it go
    for run in reversed(runs):
        run.stop(timeout_s=5.0)
