"""What the screens may ask of the application: they know this and not it, so nothing goes in circles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from ..cluster.refs import ObjectRef
from ..probes.state.rows import Picture
from .bridge import Bridge
from .keyboard import Keyboard
from .lines import Line, Tone
from .probed import Probed
from .settings import Settings
from .tables.changes import Changes

if TYPE_CHECKING:
    from ..checklists.journal.file import RunInfo
    from ..checklists.plans.load import Plan
    from ..checklists.running.face import RunFace
    from ..cluster.client.fetch import EventLine
    from ..cluster.client.kubeconfig import ContextName

Aspect = Literal["describe", "yaml", "events", "used-by"]


class Host(Protocol):
    """Shared facts, and the ways from one screen to another."""

    settings: Settings
    bridge: Bridge
    keyboard: Keyboard
    plans: dict[str, Plan]
    commands: list[str]
    changes: Changes
    probed: Mapping[str, Probed]
    shown_namespaces: tuple[str, ...] | None

    @property
    def picture(self) -> Picture:
        """The newest judged moment of the cluster."""

    @property
    def unfinished(self) -> Mapping[str, RunInfo]:
        """Runs that were left unfinished, by plan name."""

    def header(self, width: int) -> tuple[Line, Line]:
        """The first line of every screen: left and right part."""

    def say(self, text: str, tone: Tone) -> None:
        """A message on the screen that is in front."""

    def remember(self, commands: Iterable[str]) -> None:
        """Keep commands that reproduce what was seen."""

    # -- one object

    def fetch_yaml(self, ref: ObjectRef) -> str:
        """The whole object as YAML. UserError where it cannot be had."""

    def fetch_events(self, ref: ObjectRef) -> tuple[EventLine, ...]:
        """The events about an object, newest first. UserError where they cannot be had."""

    def open_about(self, aspect: Aspect, ref: ObjectRef) -> None:
        """One object: all that is known of it, its YAML, its events, or who refers to it."""

    def about_selected(self, aspect: Aspect) -> None:
        """The same of the object that is selected on the screen in front."""

    def selected_hosts(self) -> tuple[str, ...]:
        """The hosts of the selected route; none where none is selected."""

    def jump(self, ref: ObjectRef) -> None:
        """To where an object stands: on browse, or in the table of its kind."""

    # -- lists

    def open_list(self, name: str) -> None:
        """A screen without a subject: findings, kinds, contexts, aliases, commands."""

    def open_resources(self, name: str) -> None:
        """The table of a kind that is no route."""

    def open_routes(self, kind: str = "") -> None:
        """Back to browse; only the routes of ``kind`` where one is given."""

    def open_help(self) -> None:
        """The keys and the words."""

    # -- plans and runs

    def runs_of(self, plan: Plan) -> tuple[RunFace, ...]:
        """The runs of a plan that were begun or resumed here, one for each wave."""

    def open_twin(self, hosts: tuple[str, ...] = (), ingress: ObjectRef | None = None) -> None:
        """The Ingress beside its successor: ``ingress``, or those of ``hosts``, or the list of all."""

    def open_xray(self, request_line: str = "") -> None:
        """The way of a request; without one the screen asks for it."""

    def open_plans(self) -> None:
        """The list of plans."""

    def open_checklist(self, hosts: tuple[str, ...]) -> None:
        """The checklist of the plan that has one of ``hosts``."""

    def open_plan(self, plan: Plan) -> None:
        """The checklist of a plan."""

    def tune(self, words: Sequence[str]) -> None:
        """``:set NAME VALUE`` for the cutover on the screen in front."""

    def open_cutover(self, plan: Plan, *, anew: bool = False) -> None:
        """The plan's runs; ``anew`` begins others after those that have come to their end."""

    def open_journal(self, run: RunFace) -> None:
        """The journal of a run."""

    def open_last_journal(self) -> None:
        """The journal of the run that was begun or resumed here last."""

    # -- where we look

    def narrow(self, names: Sequence[str]) -> bool:
        """Show only these namespaces; none, or ``all``, for all. False where one of them is not there."""

    def namespaces(self) -> list[str]:
        """The names of all namespaces, the one with most routes first."""

    def contexts(self) -> list[str]:
        """The names of the kubeconfig's contexts; none where it cannot be read."""

    def list_contexts(self) -> tuple[ContextName, ...]:
        """The kubeconfig's contexts. UserError where it cannot be read."""

    def switch_context(self, name: str) -> None:
        """Leave this cluster for that of another context."""

    def leave(self) -> None:
        """Quit."""

    def go(self, text: str) -> None:
        """The ``:`` line."""

    def complete(self, text: str) -> tuple[str, tuple[str, ...]]:
        """What the ``:`` line may become, and what may be meant."""
