"""``pointsman journal``: the runs, and what each of them did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ..lines import count
from .options import USAGE, output_option

if TYPE_CHECKING:
    from ...checklists.journal.file import Entry, RunInfo


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--verify", is_flag=True, help="Only say whether the chain of hashes holds.")
@output_option("text", "json", "markdown")
@click.pass_context
def journal(context: click.Context, run_id: str | None, verify: bool, output: str) -> None:
    """List the runs, or show the journal of RUN.

    Exit code: 0 all can be read, 2 no such run, or a journal that was changed.
    """
    import msgspec

    from ...checklists.journal.file import list_runs, run_path
    from ...checklists.journal.report import report_of
    from ...checklists.machine.events import event_to_json
    from ...checklists.machine.words import clock_time, event_words

    if run_id is None:
        runs = list_runs()
        if verify:
            context.exit(_verify(runs))
        if output == "json":
            click.echo(msgspec.json.encode(runs, enc_hook=str).decode())
            return
        for entry in runs:
            state = entry.problem or entry.outcome or entry.phase
            started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.started_at))
            wave = f"wave {entry.wave} of {entry.campaign}: " if entry.campaign else ""
            click.echo(f"{entry.run_id}  {started}  {state:<16} {wave}{', '.join(entry.hosts)}")
        if not runs:
            click.echo("no runs yet")
        return
    entries = entries_of(run_id)
    if output == "markdown":
        click.echo(report_of(run_path(run_id)))
    elif output == "json":
        for record in entries:
            click.echo(msgspec.json.encode({"n": record.number, **event_to_json(record.event)}).decode())
    elif verify:
        click.echo(f"{count(len(entries), 'line')}, chain ok")
    else:
        for record in entries:
            click.echo(f"{clock_time(record.event.at)} {event_words(record.event)}")


def entries_of(run_id: str) -> tuple[Entry, ...]:
    """The journal of a run. UserError: no such run, or a changed line."""
    from ...checklists.journal.file import read_journal, run_path

    path = run_path(run_id)
    if not path.exists():
        raise UserError(f"no run {run_id} in {path.parent}", "`pointsman journal` lists all runs")
    return read_journal(path)


def _verify(runs: tuple[RunInfo, ...]) -> int:
    for entry in runs:
        chain = entry.problem or f"{count(entry.length, 'line')}, chain ok"
        click.echo(f"{entry.run_id}  {chain}")
    return USAGE if any(entry.problem for entry in runs) else 0
