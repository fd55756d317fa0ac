"""``pointsman check``: the checklist of a plan, for a person, for CI and for cron."""

from __future__ import annotations

import asyncio
import time

import click

from ...cluster.errors import UserError
from ...probes.verdict import Verdict
from ..lines import EMPTY, Line, Span, Tone, line, verdict_span
from ..settings import Settings
from ..telling.run import check_details, check_line, hosts_words, overall, tally
from .common import EXIT_CODES, note, show, snapshot_or_reason, width
from .options import cluster_options, output_option


@click.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.option("--only", "only", metavar="CHECK", multiple=True, help="Only this check, by id; repeatable.")
@cluster_options
@output_option("text", "json")
@click.pass_context
def check(
    context: click.Context,
    plan_file: str,
    only: tuple[str, ...],
    settings: Settings,
    output: str,
) -> None:
    """Run the pre-cutover checklist of PLAN; each item is a probe that really runs.

    Exit code: 0 all pass (warnings included), 1 something FAILs, 2 wrong usage, 3 could not tell.
    """
    from ...checklists.checks.checklist import CheckContext, load_checklist, run_checks
    from ...checklists.plans.load import load_plan
    from ...probes.output import document, encode

    plan = load_plan(plan_file)
    checklist = load_checklist(plan.checklist)
    known = [entry.id for entry in checklist.checks]
    for wanted in only:
        if wanted not in known:
            raise UserError(
                f"--only {wanted[:40]!r}: no such check in {plan.checklist}", f"known: {', '.join(known)}"
            )
    started = time.monotonic()
    snapshot, connection, reason = snapshot_or_reason(settings)
    if reason:
        note(f"without the cluster: {reason}")
    checks = CheckContext(plan=plan, snapshot=(lambda: snapshot) if snapshot is not None else None)
    try:
        results = asyncio.run(run_checks(checklist, checks, None, only=only or None))
    finally:
        if connection is not None:
            connection.close()
    verdict = overall(results)
    if output == "json":
        findings = [finding for result in results for finding in result.findings]
        facts = {
            "plan": plan.name,
            "checks": [
                {
                    "id": result.check.id,
                    "title": result.check.title,
                    "verdict": result.verdict.value,
                    "headline": result.headline,
                    "elapsed_ms": round(result.elapsed_ms, 1),
                    "facts": result.facts,
                }
                for result in results
            ],
        }
        elapsed_ms = (time.monotonic() - started) * 1000
        click.echo(encode(document("check", verdict, findings, facts, elapsed_ms)))
    else:
        columns = width()
        sides = f"   {plan.gateway} {plan.new.address}   old {plan.old.address}   "
        lines: list[Line] = [line(" ", Span(hosts_words(plan.hosts), Tone.STRONG), sides + tally(results))]
        lines += [check_line(result, columns) for result in results]
        for result in results:
            if result.verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN):
                title = line(" ", verdict_span(result.verdict, 8), Span(result.check.title, Tone.STRONG))
                lines += [EMPTY, title, *check_details(result, columns)]
        show(lines)
    context.exit(EXIT_CODES[verdict])
