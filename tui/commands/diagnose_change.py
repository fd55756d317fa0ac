"""``pointsman diagnose --against``: what applying the manifests would bring, mend and leave."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ...probes.verdict import Finding, Verdict, worst
from ..lines import EMPTY, Line, Span, Tone, count, line
from ..settings import Settings
from .common import show
from .manifests import read_all
from .told import CURRENT, namespace_of, placed_lines, skipped_lines, tally

if TYPE_CHECKING:
    from ...cluster.snapshot import Snapshot
    from ...probes.located import Located
    from ...probes.state.changes import Change
    from .manifests import Reading


def change_of(
    names: tuple[str, ...],
    against: str | None,
    against_files: tuple[str, ...],
    keep_going: bool,
    settings: Settings,
    output: str,
) -> Verdict:
    """Tell it; the verdict is the worst of what would be brought, PASS where nothing would."""
    from ...cluster.documents import read_manifests
    from ...probes.located import Located
    from ...probes.output import document, encode, finding_document
    from ...probes.state.changes import change
    from ...probes.state.reading import file_finding

    started = time.monotonic()
    # before the cluster is asked, which takes longer
    reading = read_all(names, keep_going=keep_going)
    if against is not None:
        base, name, namespace = _live(against, settings)
    else:
        base, name, namespace = _of_files(against_files, settings), ", ".join(against_files), ""
    documents = read_manifests(reading.manifests, namespace_of(settings) or namespace)
    told = change(base, documents.snapshot)
    broken = [file_finding(file, error.what, error.mend) for file, error in reading.broken]
    report = Located((*broken, *told.brought), documents.places, objects=len(documents.places))
    verdict = worst([Verdict.PASS, *(finding.verdict for finding in report.findings)])
    if output == "json":
        facts = {
            "against": name,
            "added": told.added,
            "changed": told.changed,
            "mended": [finding_document(finding) for finding in told.mended],
            "stays": len(_bad(told.stays)),
            "awaits_answer": [finding_document(finding) for finding in told.answers],
        }
        elapsed_ms = (time.monotonic() - started) * 1000
        click.echo(encode(document("diagnose", verdict, report.findings, facts, elapsed_ms, report.beside)))
    else:
        show(_lines(told, report, reading, name))
    return verdict


def _live(context: str, settings: Settings) -> tuple[Snapshot, str, str]:
    from ...cluster.client.connect import connect
    from ...cluster.client.watch import load_once

    connection = connect(settings.kubeconfig, settings.context if context == CURRENT else context)
    try:
        return load_once(connection), connection.context, connection.namespace
    finally:
        connection.close()


def _of_files(names: tuple[str, ...], settings: Settings) -> Snapshot:
    from ...cluster.documents import read_manifests

    return read_manifests(read_all(names, keep_going=False).manifests, namespace_of(settings)).snapshot


def _lines(told: Change, report: Located, reading: Reading, name: str) -> list[Line]:
    from ...cluster.text import clean

    lines: list[Line] = [
        line(
            Span(f"applied to {clean(name, 200)}", Tone.STRONG),
            f"   {count(told.added, 'new object')}  {told.changed} changed",
        ),
        *skipped_lines(reading),
    ]
    for title, findings in (("brings", _bad(report.findings)), ("mends", _bad(told.mended))):
        lines += [EMPTY, line(Span(f"{title}  {tally(findings) if findings else 'nothing'}", Tone.STRONG))]
        for number, finding in enumerate(findings):
            lines += [*([EMPTY] if number else []), *_told(finding, report, title)]
    answers = _bad(told.answers)
    lines += [EMPTY, line(Span(f"stays  {tally(_bad(told.stays))}", Tone.STRONG))]
    if answers:
        lines.append(line(Span(f"awaits an answer  {tally(answers)}", Tone.STRONG)))
        lines.append(
            line("     rests on what controllers say of the objects that change; they will say it anew")
        )
    return lines


def _told(finding: Finding, report: Located, title: str) -> list[Line]:
    if title == "brings":
        return placed_lines(finding, report)
    return [
        line(
            " ",
            f"{finding.verdict.value:<8}",
            Span(finding.rule, Tone.STRONG),
            f"  {finding.subject}: {finding.summary}",
        )
    ]


def _bad(findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.verdict not in (Verdict.PASS, Verdict.SKIP)]
