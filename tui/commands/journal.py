"""``pointsman journal``: the runs, and what each of them did."""

from __future__ import annotations

import time

import click

from ..lines import count
from .options import output_option


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
