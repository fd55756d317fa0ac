"""``pointsman cutover``, ``resume`` and ``journal``: the cutover without a screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ..lines import count
from ..settings import Settings
from .common import cluster_options, merged, note, output_option
from .follow import follow

if TYPE_CHECKING:
    from ...cluster.store import Snapshot


@click.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.option("--write", is_flag=True, help="Turn writing on; without it nothing is ever changed.")
@click.option("--confirm", "confirmed", metavar="HOST", multiple=True,
              help="Consent beforehand, by the host's full name, where nobody can type it.")  # fmt: skip
@cluster_options
@output_option("text", "json")
@click.pass_context
def cutover(
    context: click.Context,
    plan_file: str,
    write: bool,
    confirmed: tuple[str, ...],
    kubeconfig: str | None,
    context_name: str | None,
    namespaces: tuple[str, ...],
    all_namespaces: bool,
    output: str,
) -> None:
    """Cut the hosts of PLAN over, step by step; ctrl-c leaves it, and `pointsman resume` goes on.

    Exit code: 0 done, 1 stopped at a gate or rolled back, 2 wrong usage, 3 held or left unfinished.
    """
    from ...checklists.plan import load_plan
    from ...checklists.run import CutoverRun

    settings: Settings = merged(context.obj, kubeconfig, context_name, () if all_namespaces else namespaces)
    plan = load_plan(plan_file)
    with live_snapshots(settings) as (snapshots, in_use):
        run = CutoverRun.start_new(
            plan,
            snapshots=snapshots,
            writes_enabled=write or settings.writes,
            kubeconfig=settings.kubeconfig or "",
            context=in_use,
        )
        context.exit(follow(run, confirmed, output))


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--write", is_flag=True, help="Turn writing on; without it nothing is ever changed.")
@click.option(
    "--confirm", "confirmed", metavar="HOST", multiple=True, help="Consent beforehand, by full name."
)
@cluster_options
@output_option("text", "json")
@click.pass_context
def resume(
    context: click.Context,
    run_id: str | None,
    write: bool,
    confirmed: tuple[str, ...],
    kubeconfig: str | None,
    context_name: str | None,
    namespaces: tuple[str, ...],
    all_namespaces: bool,
    output: str,
) -> None:
    """Go on with a cutover from its journal; without RUN, with the latest that is unfinished."""
    from ...checklists.events import RunStarted
    from ...checklists.journal import latest_unfinished, read_journal, run_path
    from ...checklists.run import CutoverRun

    settings: Settings = merged(context.obj, kubeconfig, context_name, () if all_namespaces else namespaces)
    if run_id is None:
        found = latest_unfinished()
        if found is None:
            raise UserError("no unfinished run", "`pointsman journal` lists all runs")
        run_id = found.run_id
    first = read_journal(run_path(run_id))[0].event
    if isinstance(first, RunStarted) and not settings.kubeconfig:
        settings = merged(settings, first.kubeconfig or None, settings.context or first.context or None, ())
    with live_snapshots(settings) as (snapshots, _):
        run = CutoverRun.resume(run_id, snapshots=snapshots, writes_enabled=write or settings.writes)
        context.exit(follow(run, confirmed, output))


class live_snapshots:  # noqa: N801 - used as a context manager
    """The cluster, watched while the run goes on; without one the run says what it could not tell."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._end: list[Callable[[], None]] = []

    def __enter__(self) -> tuple[Callable[[], Snapshot] | None, str]:
        from ...cluster.connect import connect
        from ...cluster.watch import LiveCluster

        try:
            connection = connect(self._settings.kubeconfig, self._settings.context)
        except UserError as error:
            note(f"without the cluster: {error}")
            return None, ""
        live = LiveCluster(connection, self._settings.namespaces)
        live.start()
        self._end = [live.stop, connection.close]
        return live.snapshot, connection.context

    def __exit__(self, *_: object) -> None:
        for end in self._end:
            end()


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--verify", is_flag=True, help="Only say whether the chain of hashes holds.")
@output_option("text", "json", "markdown")
def journal(run_id: str | None, verify: bool, output: str) -> None:
    """List the runs, or show the journal of RUN."""
    import msgspec

    from ...checklists.journal import list_runs, read_journal, run_path
    from ...checklists.report import report_of
    from ...checklists.words import clock_time, event_words

    if run_id is None:
        runs = list_runs()
        if output == "json":
            click.echo(msgspec.json.encode(runs).decode())
            return
        for entry in runs:
            state = entry.problem or entry.outcome or entry.phase
            started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.started_at))
            click.echo(f"{entry.run_id}  {started}  {state:<16} {', '.join(entry.hosts)}")
        if not runs:
            click.echo("no runs yet")
        return
    if output == "markdown":
        click.echo(report_of(run_path(run_id)))
        return
    entries = read_journal(run_path(run_id))
    if output == "json":
        for record in entries:
            click.echo(msgspec.json.encode(record).decode())
    elif verify:
        click.echo(f"{count(len(entries), 'line')}, chain ok")
    else:
        for record in entries:
            click.echo(f"{clock_time(record.event.at)} {event_words(record.event)}")
