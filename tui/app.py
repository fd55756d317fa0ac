"""The application: holds what the screens share, and leaves the terminal as it found it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from ..cluster.errors import UserError
from ..cluster.refs import ObjectRef
from ..cluster.text import clean
from ..probes.state.rows import Picture
from ..probes.verdict import Verdict
from .bridge import Bridge
from .lines import Line, Span, Tone, count, line
from .screens.browse import BrowseScreen
from .screens.frame import FrameScreen
from .settings import Settings
from .signals import leave_on_signals
from .theme import THEME

if TYPE_CHECKING:
    # all that the first paint does not need is imported when it is: the probes' libraries cost 250 ms
    from ..checklists.journal import RunInfo
    from ..checklists.plan import Plan
    from ..checklists.run import CutoverRun
    from .sessions import CheckSession

_MOST_COMMANDS = 500


class PointsmanApp(App[None]):
    """Everything shown comes from ``bridge.picture``, a ``CheckSession`` or a ``CutoverRun``."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "pointsman"
    CSS = "Screen { background: ansi_default; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "quit", show=False),
        Binding("ctrl+c", "leave", "quit", show=False, priority=True),
    ]

    def __init__(self, settings: Settings, bridge: Bridge, plans: Iterable[Plan] = ()) -> None:
        super().__init__()
        self.settings = settings
        self.bridge = bridge
        self.plans = {plan.name: plan for plan in plans}
        self.commands: list[str] = []
        self.exit_line = ""
        self.unfinished: dict[str, RunInfo] = {}
        self._runs: dict[str, CutoverRun] = {}
        self._sessions: dict[str, CheckSession] = {}
        self._seen: tuple[object, ...] = ()
        self.theme = THEME

    @property
    def picture(self) -> Picture:
        """The newest judged moment of the cluster."""
        return self.bridge.picture

    # -- life

    def on_mount(self) -> None:
        """Paint first; everything that costs time begins after it."""
        self.push_screen(BrowseScreen())
        self.call_after_refresh(self.bridge.start)
        self.set_interval(0.1, self._tick)
        leave_on_signals(self.exit)

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
        seen = (bridge.picture, bridge.problem, bridge.context)
        if seen != self._seen:
            self._seen = seen
            screen = self.screen
            if isinstance(screen, BrowseScreen):
                screen.picture_changed()
            elif isinstance(screen, FrameScreen):
                screen.show_frame()

    def on_unmount(self) -> None:
        """Runs are left as they are: their journals are on disk."""
        for session in self._sessions.values():
            session.cancel()
        for run in self._runs.values():
            run.stop(timeout_s=5.0)
        self.bridge.stop()

    def _fatal_error(self) -> None:
        # the stock traceback shows the values of locals, and one of them was once a bearer token
        error = self._exception
        where = ""
        if error is not None:
            where = traceback.format_exc(limit=30)
        self.exit_line = f"Pointsman stopped on an error of its own: {type(error).__name__}: {clean(error)}"
        self._write_crash(where)
        self._close_messages_no_wait()

    def _write_crash(self, text: str) -> None:
        from ..checklists.journal import state_directory

        try:
            file = Path(state_directory()) / "crash.txt"
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            file.write_text(text)
            self.exit_line += f"; the trace is in {file}"
        except OSError:
            pass

    def action_leave(self) -> None:
        """``q`` goes back to the first screen, and from there out."""
        if len(self.screen_stack) > 2:
            self.pop_screen()
        else:
            self.exit()

    # -- the header

    def header(self, width: int) -> tuple[Line, Line]:
        """Context, counts and freshness; the word beside every colour."""
        overview = self.picture.overview
        context = clean(self.bridge.context or self.settings.context or "no cluster yet", 40)
        left: list[str | Span] = [" ", Span(context, Tone.STRONG), "  "]
        if width >= 100:
            left.append(
                f" {count(len(overview.gateways), 'gateway')}  {count(len(overview.routes), 'route')}  "
            )
        for verdict, tone in (
            (Verdict.FAIL, Tone.BAD),
            (Verdict.UNKNOWN, Tone.DOUBT),
            (Verdict.WARN, Tone.DOUBT),
        ):
            found = overview.counts.get(verdict, 0)
            if found:
                left.append(Span(f" {found} {verdict.value}", tone))
        mode = Span("writes on", Tone.DOUBT) if self.settings.writes else Span("read-only", Tone.DIM)
        return line(*left), line(self._freshness(), Span("  "), mode, Span(" "))

    def _freshness(self) -> Span:
        if self.bridge.problem is not None:
            return Span(self.bridge.trouble, Tone.BAD)
        if self.picture.snapshot.version == 0:
            return Span("connecting", Tone.DIM)
        states = {state.state for state in self.picture.overview.troubled_kinds.values()}
        for state in ("stale", "failed", "loading", "denied"):
            if state in states:
                shown = "no permission for some" if state == "denied" else state
                return Span(shown, Tone.DIM if state == "loading" else Tone.DOUBT)
        return Span("live", Tone.DIM)

    # -- what the screens ask for

    def remember(self, commands: Iterable[str]) -> None:
        """Keep the commands that reproduce what was seen, each once, the newest last."""
        for command in commands:
            if command and command not in self.commands:
                self.commands.append(command)
        del self.commands[:-_MOST_COMMANDS]

    def fetch_yaml(self, ref: ObjectRef) -> str:
        """The whole object as YAML. UserError where it cannot be had."""
        import yaml

        from ..cluster.fetch import fetch_object

        connection = self.bridge.connection
        if connection is None:
            raise UserError("not connected to a cluster yet")
        document = fetch_object(connection, ref)
        metadata = document.get("metadata")
        if isinstance(metadata, dict):
            # noise to a person, and often longer than all the rest
            metadata.pop("managedFields", None)
        return yaml.safe_dump(document, sort_keys=False, width=100, allow_unicode=False)

    def run_of(self, plan: Plan) -> CutoverRun | None:
        """The run of a plan that was begun or resumed here."""
        return self._runs.get(plan.name)

    def adopt(self, plan: Plan, run: CutoverRun) -> None:
        """A run that was resumed before the app began."""
        self.plans[plan.name] = plan
        self._runs[plan.name] = run

    def open_help(self) -> None:
        """The keys and the words."""
        from .screens.help import HelpScreen

        self.push_screen(HelpScreen())

    def open_commands(self) -> None:
        """Every command that would reproduce what was done."""
        from .screens.commands import CommandsScreen

        self.push_screen(CommandsScreen())

    def open_yaml(self, ref: ObjectRef) -> None:
        """One object."""
        from .screens.yaml_view import YamlScreen

        self.push_screen(YamlScreen(ref))

    def open_twin(self, hosts: tuple[str, ...] = (), ingress: ObjectRef | None = None) -> None:
        """The Ingress beside its successor: ``ingress``, or those of ``hosts``, or the list of all."""
        from .screens.twin import TwinScreen

        wanted = {host.lower() for host in hosts}
        ingresses = self.picture.snapshot.ingresses
        found = [ref for ref, one in ingresses.items() if wanted & {host.lower() for host in one.hosts}]
        if ingress is None and len(found) == 1:
            ingress = found[0]
        self.push_screen(TwinScreen(ingress, hosts if found else ()))
        if hosts and not found and ingress is None:
            self.call_after_refresh(self._say, f"no Ingress has {clean(hosts[0])}; these are all", Tone.DOUBT)

    def open_journal(self, run: CutoverRun) -> None:
        """The journal of a run."""
        from .screens.journal import JournalScreen

        self.push_screen(JournalScreen(run))

    def open_plans(self) -> None:
        """The list of plans, with the runs that were left unfinished."""
        from .screens.plans import PlansScreen

        self._find_unfinished()
        self.push_screen(PlansScreen())

    def open_checklist(self, hosts: tuple[str, ...]) -> None:
        """The checklist of the plan that has one of ``hosts``; the list of plans where none has."""
        from .screens.checklist import ChecklistScreen

        for plan in self.plans.values():
            if set(plan.hosts) & set(hosts):
                try:
                    session = self._session(plan)
                except UserError as error:
                    self._say(str(error), Tone.BAD)
                else:
                    self.push_screen(ChecklistScreen(plan, session))
                return
        self.open_plans()
        if hosts:
            self.call_after_refresh(self._say, f"no plan has {clean(hosts[0])}", Tone.DOUBT)

    def _session(self, plan: Plan) -> CheckSession:
        from ..checklists.checklist import CheckContext, load_checklist
        from .sessions import CheckSession

        if plan.name not in self._sessions:
            context = CheckContext(plan=plan, snapshot=self.bridge.snapshot)
            self._sessions[plan.name] = CheckSession(load_checklist(plan.checklist), context)
        return self._sessions[plan.name]

    def open_cutover(self, plan: Plan, *, anew: bool = False) -> None:
        """The plan's run: the one here, else an unfinished one from its journal, else a new one.

        ``anew`` leaves a run that has come to its end, and begins another.
        """
        from ..checklists.plan import plan_digest
        from .screens.cutover import CutoverScreen

        run = self._runs.get(plan.name)
        if run is not None and (anew or not run.alive):
            run.stop()
            run = None
        if run is None:
            try:
                run = self._begin(plan)
            except UserError as error:
                self._say(str(error), Tone.BAD)
                return
            self._runs[plan.name] = run
        if anew:
            self.pop_screen()
        screen = CutoverScreen(run)
        self.push_screen(screen)
        if plan_digest(run.plan) != plan_digest(plan):
            changed = "the plan's file has changed since this run began; the run goes by its own copy"
            self.call_after_refresh(screen.say, changed, Tone.DOUBT)

    def _find_unfinished(self) -> None:
        from ..checklists.journal import list_runs

        newest = {run.plan_name: run for run in reversed(list_runs()) if run.unfinished}
        self.unfinished = {name: run for name, run in newest.items() if name not in self._runs}

    def _begin(self, plan: Plan) -> CutoverRun:
        from ..checklists.run import CutoverRun

        self._find_unfinished()
        found = self.unfinished.pop(plan.name, None)
        if found is not None and found.hosts == plan.hosts:
            return CutoverRun.resume(
                found.run_id, snapshots=self.bridge.snapshot, writes_enabled=self.settings.writes
            )
        return CutoverRun.start_new(
            plan,
            snapshots=self.bridge.snapshot,
            writes_enabled=self.settings.writes,
            kubeconfig=self.settings.kubeconfig or "",
            context=self.bridge.context,
        )

    def go(self, text: str) -> None:
        """The ``:`` line."""
        words = text.split()
        if not words:
            return
        name = words[0].lower()
        if name in ("q", "quit"):
            self.exit()
        elif name in ("plans", "plan"):
            self.open_plans()
        elif name in ("routes", "gateways", "gw", "httproute", "httproutes", "hr"):
            while len(self.screen_stack) > 2:
                self.pop_screen()
            if isinstance(self.screen, BrowseScreen) and name in ("gateways", "gw"):
                self.screen.action_other_side()
        elif name in ("twin", "ingresses", "ingress", "ing"):
            self.open_twin()
        elif name in ("ns", "namespace"):
            self._narrow(words[1:])
        elif name == "help":
            if isinstance(self.screen, FrameScreen):
                self.screen.action_help()
        else:
            known = ":routes :gateways :twin :plans :ns NAME :help :q"
            self._say(f"no such place: {clean(name, 30)}; try {known}", Tone.DOUBT)

    def _narrow(self, names: list[str]) -> None:
        """``:ns NAME ...`` shows these namespaces only; ``:ns`` or ``:ns all`` shows all."""
        everything = not names or names == ["all"]
        unknown = set() if everything else set(names) - self._namespaces()
        if unknown:
            self._say(f"no namespace {clean(', '.join(sorted(unknown)), 60)} here", Tone.DOUBT)
            return
        self.bridge.narrow(None if everything else tuple(names))
        self._say("all namespaces" if everything else f"only {clean(', '.join(names), 60)}", Tone.PLAIN)

    def _namespaces(self) -> set[str]:
        snapshot = self.picture.snapshot
        return {ref.name for ref in snapshot.namespaces} | {ref.namespace for ref in snapshot.routes}

    def _say(self, text: str, tone: Tone) -> None:
        if isinstance(self.screen, FrameScreen):
            self.screen.say(text, tone)
