"""``pointsman journal``: the runs, and what each of them did."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..lines import count
from .options import USAGE, output_option

if TYPE_CHECKING:
    from ...checklists.journal.file import Entry


@click.command()
@click.argument("words", metavar="[verify] [RUN]", nargs=-1)
@click.option("--verify", is_flag=True, help="Only say whether the chain of hashes holds.")
@output_option("text", "json", "markdown")
@click.pass_context
def journal(context: click.Context, words: tuple[str, ...], verify: bool, output: str) -> None:
    """List the runs, or show the journal of RUN; `journal verify` only looks whether anything was changed.

    Exit code: 0 all can be read and each chain holds (a torn last line is said, and is no change), 2 no such
    run, or a journal that was changed.
    """
    import msgspec

    from ...checklists.journal.file import list_runs, run_path
    from ...checklists.journal.report import report_of
    from ...checklists.machine.events import event_to_json
    from ...checklists.machine.words import clock_time, event_words

    verify = verify or words[:1] == ("verify",)
    named = words[1:] if words[:1] == ("verify",) else words
    if len(named) > 1:
        raise UserError(f"{len(named)} runs were given", "give one, or none for all")
    run_id = named[0] if named else None
    if verify:
        context.exit(_verify(run_id, output))
    if run_id is None:
        runs = list_runs()
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


def _verify(run_id: str | None, output: str) -> int:
    """Each journal's chain, from its first line; the exit code."""
    from ...checklists.journal.file import list_runs, run_path
    from ...probes.output import encode

    if run_id is not None and not run_path(run_id).exists():
        entries_of(run_id)
    paths = [run_path(run_id)] if run_id is not None else [run.path for run in list_runs()]
    checked = [_chain_of(path) for path in paths]
    if run_id is not None and checked[0]["problem"] and output != "json":
        # one that is named is told as every other error is
        entries_of(run_id)
    if output == "json":
        click.echo(encode({"schema": "pointsman/journals/v1", "journals": checked}))
    else:
        for one in checked:
            torn = "a torn line behind " if one["torn"] else ""
            sealed = f"sealed by {one['sealed_by']}: {torn}{count(one['lines'], 'line')}, chain ok"
            click.echo(f"{one['run']}  {one['problem'] or sealed}")
        if not checked:
            click.echo("no runs yet")
    return USAGE if any(one["problem"] for one in checked) else 0


def _chain_of(path: Path) -> dict[str, Any]:
    from ...checklists.journal.file import read_bytes, verify_lines
    from ...checklists.machine.advance import fold

    plain: dict[str, Any] = {"run": path.stem, "lines": 0, "sealed_by": "", "torn": False, "problem": ""}
    try:
        raw = read_bytes(path)
        entries, good = verify_lines(raw, path)
        # a chain can be made anew by whoever has the file: what it tells has to be possible as well
        fold(entry.event for entry in entries)
    except UserError as error:
        return {**plain, "problem": clean(error)}
    digest = entries[-1].digest if entries else ""
    return {**plain, "lines": len(entries), "sealed_by": digest, "torn": good < len(raw)}
