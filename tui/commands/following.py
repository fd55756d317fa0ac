"""``pointsman follow`` and ``pointsman replay``: runs that somebody else carries out, or that are over."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ..lines import Line, Span, Tone, line, to_terminal
from ..settings import Settings
from ..telling.narrate import Narrator
from ..telling.run import clock
from .common import colour, note, width
from .follow import code_of
from .options import INCONCLUSIVE, USAGE, F, cluster_options

if TYPE_CHECKING:
    from ...checklists.machine.view import RunView
    from ...checklists.running.followed import FollowedRun
    from ...checklists.running.followed_lease import FollowedLease

_LOOK_EVERY_S = 1.0


def _output() -> Callable[[F], F]:
    return click.option(
        "-o",
        "--output",
        type=click.Choice(("text", "json")),
        default=None,
        help="Lines instead of the screen; text where there is no terminal.",
    )


@click.command()
@click.argument("subject", metavar="[RUN|PLAN]", required=False)
@click.option("--host", metavar="HOST", help="The run that cuts this host over.")
@cluster_options
@_output()
@click.pass_context
def follow(
    context: click.Context, subject: str | None, host: str | None, settings: Settings, output: str | None
) -> None:
    """Watch a cutover that somebody else carries out; nothing can be changed from here.

    RUN on this machine is read from its journal (a campaign's, on the screen with all waves); the run of a
    PLAN or a host, wherever it is, from the Lease that it holds. Without any of them: the latest run on this
    machine.

    Exit code as of `pointsman cutover`, when the run has come to rest; 2 for a journal that was changed.
    """
    with ExitStack() as ending:
        run = _found(subject, host, settings, ending)
        ending.callback(run.stop)
        if output is None and _terminal():
            context.exit(_on_screen(run))
        context.exit(_told(run, output or "text"))


@click.command()
@click.argument("run_id", metavar="RUN")
@_output()
@click.pass_context
def replay(context: click.Context, run_id: str, output: str | None) -> None:
    """Go through a cutover that is over, event by event, as it was seen then.

    On the screen: . and , (or right and left) an event, down and up a phase, home and end, space plays.
    """
    from ...checklists.running.replayed import ReplayedRun

    run = ReplayedRun.open(run_id)
    if output is None and _terminal():
        from ..onlooker import OnlookerApp
        from ..screens.onlooking import ReplayScreen

        app = OnlookerApp(run, ReplayScreen(run))
        app.run()
        if app.exit_line:
            note(f"pointsman: {app.exit_line}")
        context.exit(app.return_code or 0)
    _print_replay(run, output or "text")


def _print_replay(run: object, output: str) -> None:
    import msgspec

    from ...checklists.machine.events import event_to_json
    from ...checklists.machine.words import event_words
    from ...checklists.running.replayed import ReplayedRun, what_changed
    from ...cluster.text import clean

    assert isinstance(run, ReplayedRun)
    coloured, before = colour(), None
    for moment in run.moments:
        changed = what_changed(before, moment)
        before = moment
        if output == "json":
            plain = {"n": moment.number, "phase": moment.state.phase, "changed": changed}
            click.echo(msgspec.json.encode({**plain, **event_to_json(moment.event)}).decode())
            continue
        at = f" {moment.number:>4} {clock(moment.event.at)} "
        shown: list[Line] = [line(Span(at, Tone.DIM), event_words(moment.event))]
        shown += [line(" " * 15, Span(clean(said, 1000), Tone.DIM)) for said in changed]
        for text_line in shown:
            click.echo(to_terminal(text_line, coloured))


def _terminal() -> bool:
    import os

    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _found(
    subject: str | None, host: str | None, settings: Settings, ending: ExitStack
) -> FollowedRun | FollowedLease:
    """The run that is meant. UserError where there is none."""
    from ...checklists.journal.file import list_runs, run_path
    from ...checklists.running.followed import FollowedRun

    if subject and host:
        raise UserError("a run or a plan and a host were given", "give one of them")
    if subject and not _is_plan(subject):
        if run_path(subject).exists():
            return FollowedRun.open(subject)
        waves = sorted((run for run in list_runs() if run.campaign == subject), key=lambda run: run.wave)
        if waves:
            # the first wave that is still under way
            return FollowedRun.open(next((run for run in waves if run.unfinished), waves[0]).run_id)
    if not subject and not host:
        runs = [run for run in list_runs() if not run.problem]
        if not runs:
            raise UserError("no run on this machine", "name a PLAN, or a --host, that is cut over elsewhere")
        return FollowedRun.open(next((run for run in runs if run.unfinished), runs[0]).run_id)
    if host:
        hosts: tuple[str, ...] = (host,)
        namespace = ""
    elif subject and _is_plan(subject):
        from ...checklists.plans.load import load_plan

        plan = load_plan(subject)
        hosts, namespace = plan.hosts, plan.gateway.namespace
    else:
        raise UserError(f"no run {subject} on this machine", "elsewhere: give its PLAN, or a --host of it")
    here = next((run for run in list_runs() if run.unfinished and set(run.hosts) & set(hosts)), None)
    if here is not None:
        return FollowedRun.open(here.run_id)
    return _by_lease(hosts, namespace, settings, ending)


def _is_plan(subject: str) -> bool:
    return Path(subject).suffix in (".yaml", ".yml") or "/" in subject


def _by_lease(hosts: tuple[str, ...], namespace: str, settings: Settings, ending: ExitStack) -> FollowedLease:
    from ...checklists.running.followed_lease import FollowedLease
    from ...cluster.client.connect import connect

    connection = connect(settings.kubeconfig, settings.context)
    ending.callback(connection.close)
    only = settings.namespaces[0] if settings.namespaces and len(settings.namespaces) == 1 else namespace
    return FollowedLease.find(connection, hosts, only)


def _on_screen(run: FollowedRun | FollowedLease) -> int:
    from ..onlooker import OnlookerApp
    from ..screens.onlooking import OnlookerScreen

    screen = OnlookerScreen(*_with_other_waves(run))
    screen.look_at(run.run_id)
    app = OnlookerApp(run, screen)
    app.run()
    if app.exit_line:
        note(f"pointsman: {app.exit_line}")
        return app.return_code or USAGE
    return code_of(run.view())


def _with_other_waves(run: FollowedRun | FollowedLease) -> tuple[FollowedRun | FollowedLease, ...]:
    """All waves of the run's plan whose journals are on this machine, the first one first."""
    from ...checklists.journal.file import waves_of
    from ...checklists.running.followed import FollowedRun

    if not isinstance(run, FollowedRun) or not run.view().campaign:
        return (run,)
    waves = waves_of(run.run_id)
    return tuple(run if one.run_id == run.run_id else FollowedRun.open(one.run_id) for one in waves)


def _told(run: FollowedRun | FollowedLease, output: str) -> int:
    from ...checklists.running.followed import FollowedRun

    views: queue.SimpleQueue[RunView] = queue.SimpleQueue()
    end_subscription = run.subscribe(views.put)
    tell = _telling_json() if output == "json" else _telling_text()
    view = run.view()
    try:
        if output == "text":
            note(view.read_only)
        while True:
            tell(view)
            if not view.journal_ok:
                note(f"pointsman: {view.message}")
                # who looks has ended with the journal; who is looked at goes on saying it
                return USAGE if run.ended and isinstance(run, FollowedRun) else INCONCLUSIVE
            if _rests(run, view):
                return code_of(view)
            view = _next(run, views)
    finally:
        end_subscription()


def _rests(run: FollowedRun | FollowedLease, view: RunView) -> bool:
    # a run that is held, or stopped at a gate, can still go on while its operator is there
    return view.outcome in ("done", "rolled-back") or (view.finished and not run.worked_on)


def _next(run: FollowedRun | FollowedLease, views: queue.SimpleQueue[RunView]) -> RunView:
    while True:
        try:
            return views.get(timeout=_LOOK_EVERY_S)
        except queue.Empty:
            if not run.alive or _rests(run, run.view()):
                return run.view()


def _telling_text() -> Callable[[RunView], None]:
    narrator, coloured = Narrator(width()), colour()

    def tell(view: RunView) -> None:
        for text_line in narrator.tell(view):
            click.echo(to_terminal(text_line, coloured))
        sys.stdout.flush()

    return tell


def _telling_json() -> Callable[[RunView], None]:
    from ...checklists.running.progress import progress_of
    from ...probes.output import encode, plain

    last: list[object] = []

    def tell(view: RunView) -> None:
        progress = progress_of(view)
        # what only ticks is no news
        steps = tuple(replace(step, detail="") for step in progress.steps)
        key = replace(progress, at=0.0, steps=steps)
        if last == [key]:
            return
        last[:] = [key]
        click.echo(
            encode({"schema": "pointsman/progress/v1", **plain(progress), "hosts": view.hosts}, indent=0)
        )
        sys.stdout.flush()

    return tell
