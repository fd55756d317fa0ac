"""``pointsman check``: the checklist of a plan, for a person, for CI and for cron."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.verdict import Verdict
from ..lines import EMPTY, Line, Span, Tone, line, verdict_span
from ..settings import Settings
from ..telling.run import check_details, check_line, hosts_words, overall, tally
from .common import EXIT_CODES, note, show, snapshot_or_reason, width
from .options import attest_option, cluster_options, manual_checks, output_option
from .progress import watched

if TYPE_CHECKING:
    from ...checklists.checks.checklist import Checklist
    from ...checklists.plans.load import Plan
    from ...checklists.terms import Check, CheckResult


@click.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.option("--only", "only", metavar="CHECK", multiple=True, help="Only this check, by id; repeatable.")
@attest_option
@cluster_options
@output_option("text", "json", "junit", "markdown")
@click.pass_context
def check(
    context: click.Context,
    plan_file: str,
    only: tuple[str, ...],
    attested: tuple[str, ...],
    settings: Settings,
    output: str,
) -> None:
    """Run the pre-cutover checklist of PLAN; each item is a probe that really runs.

    -o junit is for a CI, -o markdown for a pull request's comment or a step's summary.

    Exit code: 0 all pass (warnings included), 1 something FAILs, 2 wrong usage, 3 could not tell.
    """
    from ...checklists.checks.checklist import load_checklist
    from ...checklists.plans.load import load_plan

    plan = load_plan(plan_file)
    checklist = load_checklist(plan.checklist)
    known = [entry.id for entry in checklist.checks]
    for wanted in only:
        if wanted not in known:
            what = f"--only {clean(wanted, 40)!r}: no such check in {plan.checklist}"
            raise UserError(what, f"known: {', '.join(known)}")
    manual_checks(checklist.checks, attested, plan.checklist)
    started = time.monotonic()
    results = _run(plan, checklist, only, attested, settings)
    verdict = overall(results)
    _print(plan, results, verdict, output, time.monotonic() - started)
    context.exit(EXIT_CODES[verdict])


def _run(
    plan: Plan, checklist: Checklist, only: tuple[str, ...], attested: tuple[str, ...], settings: Settings
) -> tuple[CheckResult, ...]:
    from ...checklists.checks.checklist import CheckContext, run_checks

    snapshot, connection, reason = snapshot_or_reason(settings)
    if reason:
        note(f"without the cluster: {reason}")
    checks = CheckContext(
        plan=plan,
        snapshot=(lambda: snapshot) if snapshot is not None else None,
        attested=frozenset(attested),
    )
    running: dict[str, str] = {}

    def began(entry: Check) -> None:
        running[entry.id] = entry.title

    def ended(result: CheckResult) -> None:
        running.pop(result.check.id, None)

    def told(elapsed: float) -> str:
        return clean(f"{elapsed:.0f} s: {', '.join(running.values()) or 'checking'}", 200)

    try:
        return asyncio.run(
            watched(run_checks(checklist, checks, ended, only=only or None, on_start=began), told)
        )
    finally:
        if connection is not None:
            connection.close()


def _print(
    plan: Plan, results: Sequence[CheckResult], verdict: Verdict, output: str, elapsed_s: float
) -> None:
    from ...checklists.checks.told import junit_of, markdown_of

    if output == "text":
        show(_lines(plan, results))
    elif output == "json":
        click.echo(_document(plan, results, verdict, elapsed_s))
    elif output == "junit":
        # the document says that it is UTF-8, whatever this terminal speaks
        click.echo(junit_of(plan, results, elapsed_s).encode(), nl=False)
    else:
        click.echo(markdown_of(plan, results, verdict).encode(), nl=False)


def _document(plan: Plan, results: Sequence[CheckResult], verdict: Verdict, elapsed_s: float) -> str:
    from ...probes.output import document, encode

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
    return encode(document("check", verdict, findings, facts, elapsed_s * 1000))


def _lines(plan: Plan, results: Sequence[CheckResult]) -> list[Line]:
    columns = width()
    sides = f"   {plan.gateway} {plan.new.address}   old {plan.old.address}   "
    lines: list[Line] = [line(" ", Span(hosts_words(plan.hosts), Tone.STRONG), sides + tally(results))]
    lines += [check_line(result, columns) for result in results]
    for result in results:
        if result.verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN):
            title = line(" ", verdict_span(result.verdict, 8), Span(result.check.title, Tone.STRONG))
            lines += [EMPTY, title, *check_details(result, columns)]
    return lines
