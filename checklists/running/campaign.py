"""Many hosts in waves: one run for each wave, each with its own journal, gates, watch and way back.

The waves share nothing but the order: ``machine.turns`` says when each may switch, and each wave's own
machine keeps to it. So an alarm rolls back the wave that it rose in, and no other: the others have watches of
their own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..checks.context import SnapshotSource
from ..journal.file import new_run_id, waves_of
from ..machine.state import State
from ..machine.turns import Turn, turn
from ..machine.view import Command, RunView
from ..plans.model import Plan
from ..plans.waves import wave_plan
from .ports import WavesBefore
from .run import CutoverRun, Place

if TYPE_CHECKING:
    from ...cluster.client.connect import Connection


class Campaign:
    """A plan's waves (one, where it has none), from ``start_new`` or ``resume`` until ``stop``.

    ``problems`` are waves that could not be opened, each in one line: those that follow never get a turn.
    """

    def __init__(self, campaign_id: str = "") -> None:
        self.campaign_id = campaign_id
        self.problems: tuple[str, ...] = ()
        self._by_wave: dict[int, CutoverRun] = {}

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
    ) -> Campaign:
        """A new run for each wave. UserError: a journal cannot be written; then none goes on."""
        waves = len(plan.waves) or 1
        campaign = cls(new_run_id() if plan.waves else "")
        try:
            for wave in range(1, waves + 1):
                place = Place(campaign.campaign_id, wave, waves, campaign._before(wave))
                campaign._by_wave[wave] = CutoverRun.start_new(
                    wave_plan(plan, wave - 1) if plan.waves else plan,
                    snapshots=snapshots,
                    writes_enabled=writes_enabled,
                    kubeconfig=kubeconfig,
                    context=context,
                    state_dir=state_dir,
                    place=place,
                    connection=connection,
                )
        except UserError:
            campaign.stop()
            raise
        return campaign

    @classmethod
    def resume(
        cls,
        run_id: str,
        *,
        snapshots: SnapshotSource | None = None,
        writes_enabled: bool = False,
        state_dir: Path | None = None,
        connection: Connection | None = None,
    ) -> Campaign:
        """Go on with all waves, by the campaign's id or that of any of its runs.

        A wave that cannot be opened is left out and said in ``problems``. UserError: that is the very run
        that was asked for, or none can be opened.
        """
        found = waves_of(run_id, state_dir)
        campaign = cls(found[0].campaign)
        refused: list[tuple[str, UserError]] = []
        for info in found:
            try:
                campaign._by_wave[info.wave] = CutoverRun.resume(
                    info.run_id,
                    snapshots=snapshots,
                    writes_enabled=writes_enabled,
                    state_dir=state_dir,
                    waves_before=campaign._before(info.wave),
                    connection=connection,
                )
            except UserError as error:
                refused.append((info.run_id, error))
        asked = next((error for refused_id, error in refused if refused_id == run_id), None)
        if asked is not None or not campaign._by_wave:
            campaign.stop()
            raise asked or refused[0][1]
        missing = set(range(1, found[0].waves + 1)) - {info.wave for info in found}
        campaign.problems = (
            *(clean(error) for _, error in refused),
            *(f"wave {wave} of {found[0].waves} has no journal that can be read" for wave in sorted(missing)),
        )
        return campaign

    @property
    def runs(self) -> tuple[CutoverRun, ...]:
        """The runs that are open here, the first wave first."""
        return tuple(run for _, run in sorted(self._by_wave.items()))

    @property
    def resume_id(self) -> str:
        """What ``pointsman resume`` takes to go on with all of it."""
        return self.campaign_id or self.runs[0].run_id

    @property
    def alive(self) -> bool:
        """Whether any wave still goes on here."""
        return any(run.alive for run in self.runs)

    def views(self) -> tuple[RunView, ...]:
        """Every wave now. Cheap, from any thread."""
        return tuple(run.view() for run in self.runs)

    def send(self, wave: int, command: Command) -> None:
        """Hand a command to one wave (from 1), from any thread. KeyError: it is not open here."""
        self._by_wave[wave].send(command)

    def turn(self, run: CutoverRun) -> Turn:
        """Whether a wave may switch, by how those before it stand now."""
        state = run.state
        if state.wave == 1 or state.switched is not None:
            return Turn(True, "")
        return turn(self._before(state.wave)(), state.plan.durations.pause, run.view().now)

    def subscribe(self, callback: Callable[[RunView], None]) -> Callable[[], None]:
        """Call ``callback`` with each new view of any wave, in that run's thread; the result ends that."""
        ends = contextlib.ExitStack()
        for run in self.runs:
            ends.callback(run.subscribe(callback))
        return ends.close

    def stop(self, timeout_s: float = 10.0) -> None:
        """Leave all waves; they can be resumed."""
        _stop(self.runs, timeout_s)

    def _before(self, wave: int) -> WavesBefore:
        def states() -> tuple[State | None, ...]:
            before = (self._by_wave.get(number) for number in range(1, wave))
            # one that is not carried on any more has a state, and nobody who watches
            return tuple(run.state if run is not None and run.alive else None for run in before)

        return states


def _stop(runs: Sequence[CutoverRun], timeout_s: float) -> None:
    """The last wave first: none may see those before it go and take that for news."""
    for run in reversed(runs):
        run.stop(timeout_s)
