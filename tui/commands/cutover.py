"""``pointsman cutover``, ``resume`` and ``rollback``: the cutover without a screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ..settings import Settings
from .common import note
from .follow import follow, follow_back
from .journal import entries_of
from .options import INCONCLUSIVE, attest_option, cluster_options, manual_checks, output_option

if TYPE_CHECKING:
    from ...checklists.running.campaign import Campaign
    from ...cluster.client.connect import Connection
    from ...cluster.snapshot import Snapshot


@click.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.option("--write", is_flag=True, help="Turn writing on; without it nothing is ever changed.")
@click.option("--confirm", "confirmed", metavar="HOST", multiple=True,
              help="Consent beforehand, by the host's full name, where nobody can type it.")  # fmt: skip
@attest_option
@cluster_options
@output_option("text", "json")
@click.pass_context
def cutover(
    context: click.Context,
    plan_file: str,
    write: bool,
    confirmed: tuple[str, ...],
    attested: tuple[str, ...],
    settings: Settings,
    output: str,
) -> None:
    """Cut the hosts of PLAN over, step by step; ctrl-c leaves it, and `pointsman resume` goes on.

    The waves of a plan are told with their number in front; each asks for its own hosts.

    Exit code: 0 done, 1 stopped at a gate or rolled back, 2 wrong usage, 3 held, left unfinished, or not
    begun because somebody else cuts one of the hosts over; with waves the worst of them.
    """
    from ...checklists.checks.checklist import load_checklist
    from ...checklists.plans.load import load_plan
    from ...checklists.running.campaign import Campaign

    plan = load_plan(plan_file)
    manual_checks(load_checklist(plan.checklist).checks, attested, plan.checklist)
    with told_if_held(context), live_snapshots(settings) as (snapshots, connection):
        campaign = Campaign.start_new(
            plan,
            snapshots=snapshots,
            writes_enabled=write or settings.writes,
            kubeconfig=settings.kubeconfig or "",
            context=connection.context if connection is not None else "",
            connection=connection,
        )
        context.exit(follow(campaign, confirmed, output, attested))


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--write", is_flag=True, help="Turn writing on; without it nothing is ever changed.")
@click.option(
    "--confirm", "confirmed", metavar="HOST", multiple=True, help="Consent beforehand, by full name."
)
@attest_option
@cluster_options
@output_option("text", "json")
@click.pass_context
def resume(
    context: click.Context,
    run_id: str | None,
    write: bool,
    confirmed: tuple[str, ...],
    attested: tuple[str, ...],
    settings: Settings,
    output: str,
) -> None:
    """Go on with a cutover from its journal; without RUN, with the latest that is unfinished.

    RUN is a run's id, or that of a campaign: all waves of its plan go on.
    """
    from ...checklists.journal.file import latest_unfinished

    if run_id is None:
        found = latest_unfinished()
        if found is None:
            raise UserError("no unfinished run", "`pointsman journal` lists all runs")
        run_id = found.run_id
    with told_if_held(context), reopened(run_id, write, settings, attested) as campaign:
        context.exit(follow(campaign, confirmed, output, attested))


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--write", is_flag=True, help="Turn writing on; without it the change is only shown.")
@click.option(
    "--confirm", "confirmed", metavar="HOST", multiple=True, help="Consent beforehand, by full name."
)
@cluster_options
@output_option("text", "json")
@click.pass_context
def rollback(
    context: click.Context,
    run_id: str,
    write: bool,
    confirmed: tuple[str, ...],
    settings: Settings,
    output: str,
) -> None:
    """Lead the hosts of RUN back to the old side: shows the change, asks for the name, waits the drain out.

    For a terminal that shows no screens. RUN is a run's id; with that of a campaign every wave that has
    changed anything goes back, each by its own name. A run that another process holds is rolled back there
    (key z).

    Exit code: 0 rolled back, 2 wrong usage, or nothing to roll back, 3 held, left unfinished, not confirmed,
    or in somebody else's hands.
    """
    with told_if_held(context), reopened(run_id, write, settings) as campaign:
        context.exit(follow_back(campaign, run_id, confirmed, output))


@contextmanager
def reopened(
    run_id: str, write: bool, settings: Settings, attested: tuple[str, ...] = ()
) -> Iterator[Campaign]:
    """The run, or the campaign that it belongs to, from its journal, on the cluster that it was begun on."""
    from ...checklists.journal.file import waves_of
    from ...checklists.machine.events import RunStarted
    from ...checklists.running.campaign import Campaign

    entries = entries_of(waves_of(run_id)[0].run_id)
    first = entries[0].event if entries else None
    if isinstance(first, RunStarted):
        manual_checks(first.checks, attested, f"run {run_id}")
    if isinstance(first, RunStarted) and not settings.kubeconfig:
        settings = replace(
            settings, kubeconfig=first.kubeconfig or None, context=settings.context or first.context or None
        )
    with live_snapshots(settings) as (snapshots, connection):
        yield Campaign.resume(
            run_id,
            snapshots=snapshots,
            writes_enabled=write or settings.writes,
            connection=connection,
        )


@contextmanager
def told_if_held(context: click.Context) -> Iterator[None]:
    """Where somebody else acts on a host nothing was begun: one line says who, and how to watch them."""
    from ...checklists.running.holding import HeldElsewhereError

    try:
        yield
    except HeldElsewhereError as error:
        note(f"pointsman: {error}")
        context.exit(INCONCLUSIVE)


@contextmanager
def live_snapshots(
    settings: Settings,
) -> Iterator[tuple[Callable[[], Snapshot] | None, Connection | None]]:
    """The cluster, watched while the run goes on, and its connection; a run without says what it lacks."""
    from ...cluster.client.connect import connect
    from ...cluster.client.watch import LiveCluster

    try:
        connection = connect(settings.kubeconfig, settings.context)
    except UserError as error:
        note(f"without the cluster: {error}")
        yield None, None
        return
    live = LiveCluster(connection, settings.namespaces)
    live.start()
    try:
        yield live.snapshot, connection
    finally:
        live.stop()
        connection.close()
