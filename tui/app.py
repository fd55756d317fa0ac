"""The application: holds what the screens share, and leaves the terminal as it found it."""

from __future__ import annotations

import operator
import os
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from ..cluster.errors import UserError
from ..cluster.refs import ObjectRef
from ..cluster.text import clean
from ..probes.state.rows import Picture
from . import doors, places
from .bridge import Bridge
from .contexts import connector, contexts_of
from .crash import kept_crash
from .header import header
from .host import Aspect
from .keyboard import KeyedApp
from .keys import APP_BINDINGS
from .lines import Line, Tone
from .namespaces import Namespaces
from .probed import Probed, probed_hosts
from .runs import Runs
from .screens.browse import BrowseScreen
from .screens.frame import FrameScreen
from .screens.table import TableScreen
from .settings import Settings
from .signals import leave_on_signals
from .tables.changes import Changes
from .theme import THEME

if TYPE_CHECKING:
    # all that the first paint does not need is imported when it is: the probes' libraries cost 250 ms
    from ..checklists.journal.file import RunInfo
    from ..checklists.plans.load import Plan
    from ..checklists.running.face import RunFace
    from ..cluster.client.fetch import EventLine
    from ..cluster.client.kubeconfig import ContextName
    from .opening import Opening

_MOST_COMMANDS = 500
_TICK_S = 0.1
# in ticks: a mark of a change is a minute old, or an age a minute older
_SECOND, _MINUTE = 10, 600


class PointsmanApp(KeyedApp):
    """Everything shown comes from ``bridge.picture``, a ``CheckSession`` or a ``RunFace``."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "pointsman"
    CSS = "Screen { background: ansi_default; }"
    BINDINGS: ClassVar[list[BindingType]] = [*APP_BINDINGS]

    def __init__(self, settings: Settings, bridge: Bridge, plans: Iterable[Plan] = ()) -> None:
        super().__init__()
        self.settings = settings
        self.bridge = bridge
        self.plans = {plan.name: plan for plan in plans}
        self.commands: list[str] = []
        self.exit_line = ""
        self._runs = Runs(settings, bridge)
        self._opening: Opening | None = None
        self.changes = Changes()
        self.probed: Mapping[str, Probed] = {}
        self.shown_namespaces = settings.namespaces
        self._seen: tuple[object, ...] = ()
        self._answers: tuple[object, ...] = ()
        self._ticks = 0
        self._namespaces = Namespaces()
        self.theme = THEME

    @property
    def picture(self) -> Picture:
        """The newest judged moment of the cluster."""
        return self.bridge.picture

    def on_mount(self) -> None:
        """Put the terminal in order whatever ends us."""
        self.begin()
        leave_on_signals(self.exit)

    def begin(self) -> None:
        """Paint first; everything that costs time begins after it."""
        self.push_screen(BrowseScreen())
        self.bridge.first_rows = partial(self.call_later, self._tick)
        self.call_after_refresh(self.bridge.start)
        self.set_interval(_TICK_S, self._tick)

    def _tick(self) -> None:
        bridge = self.bridge
        if self.settings.practice_parent and os.getppid() != self.settings.practice_parent:
            self.exit_line = "the practice world has ended, and its screens with it"
            self.exit(return_code=3)
            return
        if bridge.problem is not None and bridge.fatal and self.picture.snapshot.version == 0:
            self.exit_line = str(bridge.problem)
            self.exit(return_code=2)
            return
        self._ticks += 1
        seen = (bridge.picture, bridge.problem, bridge.context)
        # by identity: two pictures are never compared object by object
        new = len(seen) != len(self._seen) or not all(map(operator.is_, seen, self._seen))
        if new:
            self._seen = seen
            self._note_changes(bridge.picture)
        marked = self._ticks % _SECOND == 0 and self.changes.any_shown(time.monotonic())
        probed = self._note_probes()
        wanted = new or marked or probed or self._ticks % _MINUTE == 0
        # one that is just being put up has no widgets yet, and reads the newest picture when it has
        if wanted and isinstance(self.screen, FrameScreen) and self.screen.is_mounted:
            self.screen.picture_changed()

    def _note_changes(self, picture: Picture) -> None:
        snapshot = picture.snapshot
        if snapshot.version == 0:
            self.changes.forget()
            return
        # what nobody has judged yet becomes worse by being judged: that is no change either
        loading = not picture.judged or any(one.state == "loading" for one in snapshot.kinds.values())
        there = (snapshot.routes, snapshot.gateways)
        self.changes.note(picture.overview, there, time.monotonic(), loading=loading)

    def _note_probes(self) -> bool:
        """Whether a checklist has answered since the last tick."""
        answers = self._runs.answers()
        if len(answers) == len(self._answers) and all(map(operator.is_, answers, self._answers)):
            return False
        self._answers = answers
        self.probed = probed_hosts(result for results in answers for result in results.values())
        return True

    def on_unmount(self) -> None:
        """Runs are left as they are: their journals are on disk."""
        self._runs.stop()
        self.bridge.stop()

    def _fatal_error(self) -> None:
        # the stock traceback shows the values of locals, and one of them was once a bearer token
        error = self._exception
        where = traceback.format_exc(limit=30) if error is not None else ""
        self.exit_line = f"Pointsman stopped on an error of its own: {type(error).__name__}: {clean(error)}"
        self.exit_line += kept_crash(where)
        self._close_messages_no_wait()

    def action_leave(self) -> None:
        """``q`` goes back to the first screen, and from there out."""
        if isinstance(self.screen, FrameScreen) and not self.screen.may_be_left():
            return
        if len(self.screen_stack) > 2:
            self.pop_screen()
        else:
            self.exit()

    def action_end(self) -> None:
        """``ctrl-c`` ends the program from every screen; runs are left as they are."""
        self.exit()

    # -- what the screens ask for

    def header(self, width: int) -> tuple[Line, Line]:
        """The first line of every screen: left and right part."""
        return header(self.bridge, self.settings, width)

    def say(self, text: str, tone: Tone) -> None:
        """A message on the screen that is in front."""
        if isinstance(self.screen, FrameScreen):
            self.screen.say(text, tone)

    def remember(self, commands: Iterable[str]) -> None:
        """Keep the commands that reproduce what was seen, each once, the newest last."""
        for command in commands:
            if command and command not in self.commands:
                self.commands.append(command)
        del self.commands[:-_MOST_COMMANDS]

    def fetch_yaml(self, ref: ObjectRef) -> str:
        """The whole object as YAML. UserError where it cannot be had."""
        import yaml

        from ..cluster.client.fetch import fetch_object

        connection = self.bridge.connection
        if connection is None:
            raise UserError("not connected to a cluster yet")
        document = fetch_object(connection, ref)
        metadata = document.get("metadata")
        if isinstance(metadata, dict):
            # noise to a person, and often longer than all the rest
            metadata.pop("managedFields", None)
        return yaml.safe_dump(document, sort_keys=False, width=100, allow_unicode=False)

    def runs_of(self, plan: Plan) -> tuple[RunFace, ...]:
        """The runs of a plan that were begun or resumed here, one for each wave."""
        return self._runs.of(plan)

    @property
    def unfinished(self) -> Mapping[str, RunInfo]:
        """Runs that were left unfinished, by plan name."""
        return self._runs.unfinished

    def adopt(self, plan: Plan, *runs: RunFace) -> None:
        """A run (or one for each wave) that was resumed before the app began."""
        self.plans[plan.name] = plan
        self._runs.adopt(plan, *runs)

    def fetch_events(self, ref: ObjectRef) -> tuple[EventLine, ...]:
        """The events about an object, newest first. UserError where they cannot be had."""
        from ..cluster.client.fetch import fetch_events

        connection = self.bridge.connection
        if connection is None:
            raise UserError("not connected to a cluster yet")
        return fetch_events(connection, ref)

    # -- from one screen to another

    def open_about(self, aspect: Aspect, ref: ObjectRef) -> None:
        """One object: all that is known of it, its YAML, its events, or who refers to it."""
        self.push_screen(doors.about(aspect, ref))

    def about_selected(self, aspect: Aspect) -> None:
        """The same of the object that is selected on the screen in front."""
        ref = self.screen.subject() if isinstance(self.screen, TableScreen) else None
        if ref is not None:
            self.open_about(aspect, ref.whole)
        else:
            self.say("select an object first", Tone.DOUBT)

    def selected_hosts(self) -> tuple[str, ...]:
        """The hosts of the selected route; none where none is selected."""
        return self.screen.selected_hosts() if isinstance(self.screen, BrowseScreen) else ()

    def open_list(self, name: str) -> None:
        """A screen without a subject: findings, kinds, contexts, aliases, commands."""
        self.push_screen(doors.list_of(name))

    def open_help(self) -> None:
        """The keys and the words, those of the screen in front first."""
        self.push_screen(doors.help_for(self.screen))

    def open_resources(self, name: str) -> None:
        """The table of a kind that is no route."""
        self.push_screen(doors.resources(name))

    def open_routes(self, kind: str = "") -> None:
        """Back to browse; only the routes of ``kind`` where one is given."""
        self._browse().show_kind(kind)

    def _browse(self) -> BrowseScreen:
        while len(self.screen_stack) > 2:
            self.pop_screen()
        assert isinstance(self.screen, BrowseScreen)
        return self.screen

    def jump(self, ref: ObjectRef) -> None:
        """To where an object stands: on browse, or in the table of its kind."""
        screen = doors.table_of(ref)
        if screen is not None:
            self._browse()
            self.push_screen(screen)
        elif not self._browse().show_object(ref):
            self.open_about("describe", ref.whole)

    def open_twin(self, hosts: tuple[str, ...] = (), ingress: ObjectRef | None = None) -> None:
        """The Ingress beside its successor: ``ingress``, or those of ``hosts``, or the list of all."""
        screen, note = doors.twin(self.picture.snapshot, hosts, ingress)
        self.push_screen(screen)
        if note:
            self.call_after_refresh(self.say, note, Tone.DOUBT)

    def open_xray(self, request_line: str = "") -> None:
        """The way of a request; without one the screen asks for it."""
        from .screens.xray import XrayScreen

        self.push_screen(XrayScreen(request_line))

    def open_journal(self, run: RunFace) -> None:
        """The journal of a run."""
        from .screens.journal import JournalScreen

        self.push_screen(JournalScreen(run))

    def open_plans(self) -> None:
        """The list of plans, with the runs that were left unfinished."""
        from .screens.plans import PlansScreen

        self._runs.find_unfinished()
        self.push_screen(PlansScreen())

    def open_checklist(self, hosts: tuple[str, ...]) -> None:
        """The checklist of the plan that has one of ``hosts``; the list of plans where none has."""
        plan = next((plan for plan in self.plans.values() if set(plan.hosts) & set(hosts)), None)
        if plan is not None:
            self.open_plan(plan)
            return
        self.open_plans()
        if hosts:
            self.call_after_refresh(self.say, f"no plan has {clean(hosts[0])}", Tone.DOUBT)

    def open_plan(self, plan: Plan) -> None:
        """The checklist of a plan."""
        from .screens.checklist import ChecklistScreen

        try:
            session = self._runs.session(plan)
        except UserError as error:
            self.say(str(error), Tone.BAD)
        else:
            self.push_screen(ChecklistScreen(plan, session))

    def tune(self, words: Sequence[str]) -> None:
        """``:set NAME VALUE`` for the cutover on the screen in front."""
        if isinstance(self.screen, FrameScreen):
            self.screen.tune(words)

    def open_cutover(self, plan: Plan, *, anew: bool = False) -> None:
        """The plan's runs: those here, else unfinished ones from their journals, else new ones.

        ``anew`` leaves runs that have come to their end, and begins others.
        """
        from .opening import Opening

        if self._opening is None:
            self._opening = Opening(self, self.say, self._runs)
        self._opening.open(plan, anew)

    def open_last_journal(self) -> None:
        """The journal of the run that was begun or resumed here last."""
        if self._runs.last is not None:
            self.open_journal(self._runs.last)
        else:
            self.say("no run was begun here; pointsman journal lists all", Tone.DOUBT)

    # -- where we look

    def go(self, text: str) -> None:
        """The ``:`` line."""
        places.go(self, text)

    def complete(self, text: str) -> tuple[str, tuple[str, ...]]:
        """What the ``:`` line may become, and what may be meant."""
        return places.complete(self, text)

    def leave(self) -> None:
        """Quit."""
        self.exit()

    def narrow(self, names: Sequence[str]) -> bool:
        """Show only these namespaces; none, or ``all``, for all. False where one of them is not there."""
        everything = not names or list(names) == ["all"]
        unknown = set() if everything else set(names) - set(self.namespaces(all_of_them=True))
        if unknown:
            self.say(f"no namespace {clean(', '.join(sorted(unknown)), 60)} here", Tone.DOUBT)
            return False
        self.shown_namespaces = None if everything else tuple(names)
        self.bridge.narrow(self.shown_namespaces)
        # shown before the next key, which is meant for it
        self._tick()
        self.say("all namespaces" if everything else "", Tone.PLAIN)
        return True

    def namespaces(self, *, all_of_them: bool = False) -> list[str]:
        """The namespaces with routes, the fullest first; then the others, where they are asked for."""
        snapshot = self.picture.snapshot
        full = self._namespaces.fullest(snapshot.routes)
        return (
            full
            if not all_of_them
            else [*full, *sorted({ref.name for ref in snapshot.namespaces} - set(full))]
        )

    def list_contexts(self) -> tuple[ContextName, ...]:
        """The kubeconfig's contexts. UserError where it cannot be read."""
        return contexts_of(self.settings)

    def contexts(self) -> list[str]:
        """The names of the kubeconfig's contexts; none where it cannot be read."""
        try:
            return [context.name for context in self.list_contexts()]
        except UserError:
            return []

    def switch_context(self, name: str) -> None:
        """Leave this cluster for that of another context, with all that was known of it."""
        if self._runs.any_alive:
            # its gates would be asked of another cluster
            self.say("a cutover runs on this cluster; it must come to its end first", Tone.DOUBT)
            return
        self._runs.forget_checks()
        self.shown_namespaces = self.settings.namespaces
        self._browse()
        self.bridge.switch(connector(self.settings, name), self.settings.namespaces, name)
