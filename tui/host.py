"""What the screens may ask of the application: they know this and not it, so nothing goes in circles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from ..cluster.refs import ObjectRef
from ..probes.state.rows import Picture
from .bridge import Bridge
from .lines import Line
from .settings import Settings

if TYPE_CHECKING:
    from ..checklists.journal import RunInfo
    from ..checklists.plan import Plan
    from ..checklists.run import CutoverRun


class Host(Protocol):
    """Shared facts, and the ways from one screen to another."""

    settings: Settings
    bridge: Bridge
    plans: dict[str, Plan]
    commands: list[str]

    @property
    def picture(self) -> Picture:
        """The newest judged moment of the cluster."""

    @property
    def unfinished(self) -> Mapping[str, RunInfo]:
        """Runs that were left unfinished, by plan name."""

    def header(self, width: int) -> tuple[Line, Line]:
        """The first line of every screen: left and right part."""

    def remember(self, commands: Iterable[str]) -> None:
        """Keep commands that reproduce what was seen."""

    def fetch_yaml(self, ref: ObjectRef) -> str:
        """The whole object as YAML. UserError where it cannot be had."""

    def run_of(self, plan: Plan) -> CutoverRun | None:
        """The run of a plan that was begun or resumed here."""

    def open_help(self) -> None:
        """The keys and the words."""

    def open_commands(self) -> None:
        """Every command that would reproduce what was done."""

    def open_yaml(self, ref: ObjectRef) -> None:
        """One object."""

    def open_twin(self, hosts: tuple[str, ...] = (), ingress: ObjectRef | None = None) -> None:
        """The Ingress beside its successor: ``ingress``, or those of ``hosts``, or the list of all."""

    def open_plans(self) -> None:
        """The list of plans."""

    def open_checklist(self, hosts: tuple[str, ...]) -> None:
        """The checklist of the plan that has one of ``hosts``."""

    def open_cutover(self, plan: Plan, *, anew: bool = False) -> None:
        """The plan's run; ``anew`` begins another after one that has come to its end."""

    def open_journal(self, run: CutoverRun) -> None:
        """The journal of a run."""

    def go(self, text: str) -> None:
        """The ``:`` line."""
