"""``pointsman report``: the whole evidence of a cutover, for people who were not there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ...probes.verdict import Verdict
from .common import note
from .new_file import write_new
from .options import output_option

if TYPE_CHECKING:
    from ...checklists.journal.record import Record

_VERDICTS = {"done": Verdict.PASS, "rolled-back": Verdict.FAIL, "stopped-at-gate": Verdict.FAIL}


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--html", "html_file", metavar="FILE", type=click.Path(path_type=Path),
              help="One page that needs nothing else; it can be printed.")  # fmt: skip
@click.option("--markdown", "markdown_file", metavar="FILE", type=click.Path(path_type=Path),
              help="The same as Markdown.")  # fmt: skip
@click.option("--force", is_flag=True, help="Write over files that are there already.")
@output_option("markdown", "json")
def report(run_id: str, html_file: Path | None, markdown_file: Path | None, force: bool, output: str) -> None:
    """Tell all that RUN did, from its journal alone; of a campaign, all of its waves.

    Without --html and --markdown the report goes to standard output. Files are readable by nobody else.

    Exit code: 0 the report was made, 2 no such run, a journal that was changed, or a file that is there.
    """
    from ...checklists.journal.report import document_of, records_with
    from ...checklists.journal.report_html import render as to_html
    from ...checklists.journal.report_markdown import render as to_markdown

    started = time.monotonic()
    records = records_with(run_id)
    document = document_of(records)
    if html_file is not None and html_file == markdown_file:
        raise UserError(f"{html_file} was given twice", "give each its own file")
    for path, render in ((html_file, to_html), (markdown_file, to_markdown)):
        if path is not None:
            write_new(path, render(document), force=force)
            note(f"wrote {path}")
    if output == "json":
        click.echo(_json(records, (time.monotonic() - started) * 1000))
    elif html_file is None and markdown_file is None:
        click.echo(to_markdown(document), nl=False)


def _json(records: tuple[Record, ...], elapsed_ms: float) -> str:
    from ...checklists.machine.events import event_to_json, finding_from_json
    from ...checklists.machine.state import outcome
    from ...probes.output import document, encode
    from ...probes.verdict import worst

    findings = [
        finding_from_json(found)
        for record in records
        for result in record.state.results
        for found in result.findings
    ]
    verdicts = [_VERDICTS.get(outcome(record.state), Verdict.UNKNOWN) for record in records]
    facts = {
        "runs": [
            {
                "run": record.state.run_id,
                "campaign": record.first.campaign,
                "wave": record.first.wave,
                "phase": record.state.phase,
                "outcome": outcome(record.state),
                "sealed_by": record.digest,
                "file_sha256": record.file_digest,
                "events": [event_to_json(event) for event in record.events],
            }
            for record in records
        ]
    }
    return encode(document("report", worst(verdicts), findings, facts, elapsed_ms))
