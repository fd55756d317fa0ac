"""``pointsman status``: a one-shot triage."""

from __future__ import annotations

import time

import click

from ...probes.verdict import Verdict, worst
from ..describe import finding_lines
from ..lines import EMPTY, Line, Span, Tone, count, line
from ..settings import Settings
from .common import EXIT_CODES, show, width
from .options import cluster_options, output_option


@click.command()
@cluster_options
@output_option("text", "json")
@click.option("--timeout", "deadline_s", type=click.FloatRange(1, 600), default=30.0, show_default=True,
              help="Seconds to wait for the cluster.")  # fmt: skip
@click.pass_context
def status(
    context: click.Context,
    settings: Settings,
    output: str,
    deadline_s: float,
) -> None:
    """Say once what is wrong with the Gateways and Routes, and why.

    Exit code: 0 nothing wrong (warnings included), 1 something FAILs, 2 wrong usage, 3 could not tell.
    """
    from ...cluster.connect import connect
    from ...cluster.watch import load_once
    from ...probes.output import document, encode
    from ...probes.state.claims import claims
    from ...probes.state.diagnose import diagnose
    from ...probes.state.overview import overview
    from ...probes.state.scope import findings_within, rows_within

    started = time.monotonic()
    connection = connect(settings.kubeconfig, settings.context)
    try:
        snapshot = load_once(connection, settings.namespaces, deadline_s=deadline_s)
    finally:
        connection.close()
    findings = findings_within(snapshot, diagnose(snapshot), settings.namespaces)
    rows = rows_within(snapshot, overview(snapshot, findings), settings.namespaces)
    verdict = worst([Verdict.PASS, *(finding.verdict for finding in findings)])
    if output == "json":
        facts = {
            "context": connection.context,
            "gateways": len(rows.gateways),
            "routes": len(rows.routes),
            "conditions": claims(rows),
            "kinds": {
                kind: {"state": state.state, "detail": state.detail} for kind, state in snapshot.kinds.items()
            },
        }
        elapsed_ms = (time.monotonic() - started) * 1000
        click.echo(encode(document("status", verdict, findings, facts, elapsed_ms)))
    else:
        counts = "  ".join(
            f"{rows.counts[key]} {key.value}" for key in sorted(rows.counts, key=lambda key: -key.badness)
        )
        lines: list[Line] = [
            line(Span(connection.context, Tone.STRONG),
                 f"   {count(len(rows.gateways), 'gateway')}  {count(len(rows.routes), 'route')}"
                f"   {counts or 'nothing wrong'}")
        ]  # fmt: skip
        for finding in findings:
            if finding.verdict not in (Verdict.PASS, Verdict.SKIP):
                lines += [EMPTY, *finding_lines(finding, width(), with_subject=True)]
        show(lines)
    context.exit(EXIT_CODES[verdict])
