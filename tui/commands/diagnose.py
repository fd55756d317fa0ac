"""``pointsman diagnose``: manifests judged without a cluster, or laid over one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from ...cluster.errors import UserError
from ...probes.verdict import Finding, Verdict, worst
from ..lines import EMPTY, Line, Span, Tone, count, line, verdict_span
from ..settings import Settings
from .common import EXIT_CODES, show
from .manifests import Reading, files, read_all, read_bytes, shown
from .options import manifest_options, output_option
from .told import CURRENT, namespace_of, placed_lines, skipped_lines, tally

if TYPE_CHECKING:
    from ...cluster.documents import Documents
    from ...cluster.snapshot import Snapshot
    from ...probes.located import Located

_FAILING = {
    "fail": frozenset({Verdict.FAIL}),
    "unknown": frozenset({Verdict.FAIL, Verdict.UNKNOWN}),
    "warn": frozenset({Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN}),
}


@click.command()
@click.option(
    "-f",
    "--filename",
    "names",
    metavar="FILE|DIR|-",
    multiple=True,
    required=True,
    help="Manifests: a file, a folder with all below it, or standard input; repeatable.",
)
@click.option("--each", is_flag=True, help="Every file is a world of its own: one answer a file.")
@click.option(
    "--against",
    metavar="[CONTEXT]",
    is_flag=False,
    flag_value=CURRENT,
    help="What applying them would bring and mend in the cluster of this context, or of the current one.",
)
@click.option(
    "--against-file",
    "against_files",
    metavar="FILE|DIR",
    multiple=True,
    help="The same against other manifests; repeatable.",
)
@click.option("--keep-going", is_flag=True, help="A file that cannot be read is UNKNOWN, and not the end.")
@click.option(
    "--fail-on",
    type=click.Choice(tuple(_FAILING)),
    default="fail",
    show_default=True,
    help="Exit with 1 from this verdict on.",
)
@manifest_options
@output_option("text", "json", "sarif", "junit")
@click.pass_context
def diagnose(
    context: click.Context,
    names: tuple[str, ...],
    each: bool,
    against: str | None,
    against_files: tuple[str, ...],
    keep_going: bool,
    fail_on: str,
    settings: Settings,
    output: str,
) -> None:
    """Say what is wrong with manifests, without a cluster; or what applying them would change.

    Read as `kubectl get -o yaml` prints them or a repository holds them. Exit code: 0 nothing wrong
    (warnings included), 1 something FAILs, 2 wrong usage or a file that cannot be read, 3 could not tell.
    """
    if (against is not None or against_files) and each:
        raise UserError("--each and --against exclude each other", "leave one out")
    if against is not None and against_files:
        raise UserError("--against and --against-file exclude each other", "leave one out")
    if settings.namespaces and len(settings.namespaces) > 1:
        raise UserError(
            "diagnose takes one -n: the namespace of documents that name none", "leave the others out"
        )
    failing = _FAILING[fail_on]
    if against is not None or against_files:
        if output in ("sarif", "junit"):
            raise UserError(f"-o {output} tells of files, not of a change", "use -o json")
        from .diagnose_change import change_of

        verdict = change_of(names, against, against_files, keep_going, settings, output)
    elif each:
        verdict = _each(names, settings, output, failing)
    else:
        verdict = _whole(names, keep_going, settings, output, failing)
    context.exit(1 if verdict in failing else EXIT_CODES[verdict])


# -- one world


def _whole(
    names: tuple[str, ...], keep_going: bool, settings: Settings, output: str, failing: frozenset[Verdict]
) -> Verdict:
    from ...cluster.documents import read_manifests

    started = time.monotonic()
    reading = read_all(names, keep_going=keep_going)
    documents = read_manifests(reading.manifests, namespace_of(settings))
    report = _judged(documents, reading.broken)
    elapsed_s = time.monotonic() - started
    if output == "json":
        from ...probes.output import document, encode

        facts = _facts(documents.snapshot, reading)
        told = document("diagnose", report.verdict, report.findings, facts, elapsed_s * 1000, report.beside)
        click.echo(encode(told))
    elif output == "text":
        show(_text(report, reading))
    else:
        click.echo(_for_tools([report], output, failing, elapsed_s), nl=False)
    return report.verdict


def _judged(documents: Documents, broken: Iterable[tuple[str, UserError]], file: str = "") -> Located:
    from ...cluster.documents import Place
    from ...probes.located import Located
    from ...probes.state.diagnose import diagnose as judge
    from ...probes.state.reading import file_finding, twice_finding

    places = dict(documents.places)
    own: list[Finding] = []
    for name, error in broken:
        told = file_finding(name, error.what, error.mend)
        own.append(told)
        places[told.subject] = Place(name, getattr(error, "line", 0) or 1)  # type: ignore[index]
    for ref, before in documents.repeated.items():
        own.append(twice_finding(ref, str(places[ref]), tuple(map(str, before))))
    findings = sorted([*judge(documents.snapshot), *own], key=lambda one: -one.verdict.badness)
    return Located(tuple(findings), places, file, len(documents.places))


def _facts(snapshot: Snapshot, reading: Reading) -> dict[str, Any]:
    return {
        **_counted(snapshot),
        "files": [manifest.file for manifest in reading.manifests],
        "skipped": {
            "no_object": reading.others,
            "templates": [str(error) for error in reading.templates],
            "unreadable": [name for name, _ in reading.broken],
        },
    }


def _counted(snapshot: Snapshot) -> dict[str, Any]:
    from ...probes.state.kind_facts import kind_facts

    return {
        "gateways": len(snapshot.gateways),
        "routes": len(snapshot.routes),
        "ingresses": len(snapshot.ingresses),
        "kinds": kind_facts(snapshot),
    }


def _text(report: Located, reading: Reading) -> list[Line]:
    lines = [
        line(
            Span(count(len(reading.manifests), "file"), Tone.STRONG),
            f"   {count(report.objects, 'object')}   {tally(report.findings)}",
        ),
        *skipped_lines(reading),
    ]
    for finding in report.findings:
        if finding.verdict not in (Verdict.PASS, Verdict.SKIP):
            lines += [EMPTY, *placed_lines(finding, report)]
    return lines


# -- a world a file


def _each(names: tuple[str, ...], settings: Settings, output: str, failing: frozenset[Verdict]) -> Verdict:
    from ...probes.output import document, encode

    started = time.monotonic()
    reports: list[Located] = []
    verdicts: list[Verdict] = []
    for name, _named in files(names):
        began = time.monotonic()
        report, facts = _one(name, settings)
        verdicts.append(report.verdict)
        if output == "json":
            elapsed_ms = (time.monotonic() - began) * 1000
            told = document(
                "diagnose",
                report.verdict,
                report.findings,
                facts,
                elapsed_ms,
                report.beside,
                file=report.file,
            )
            click.echo(encode(told, indent=0))
        elif output == "text":
            show(
                [
                    line(
                        verdict_span(report.verdict, 9),
                        f"{report.file}   ",
                        Span(tally(report.findings), Tone.DIM),
                    )
                ]
            )
        else:
            reports.append(report)
    if output not in ("json", "text"):
        click.echo(_for_tools(reports, output, failing, time.monotonic() - started), nl=False)
    return worst(verdicts)


def _one(name: str, settings: Settings) -> tuple[Located, dict[str, Any]]:
    from ...cluster.documents import Documents, read_manifest, read_manifests
    from ...cluster.snapshot import Snapshot

    file = shown(name)
    try:
        manifest = read_manifest(read_bytes(name), file)
    except UserError as error:
        documents = Documents(Snapshot(offline=True))
        return _judged(documents, [(file, error)], file), _counted(documents.snapshot)
    documents = read_manifests([manifest], namespace_of(settings))
    return _judged(documents, (), file), _counted(documents.snapshot)


def _for_tools(reports: Iterable[Located], output: str, failing: frozenset[Verdict], elapsed_s: float) -> str:
    if output == "junit":
        from ...probes.output_junit import junit

        return junit(reports, failing.__contains__, elapsed_s)
    from importlib.metadata import version

    from ...probes.output import encode
    from ...probes.output_sarif import sarif

    return encode(sarif(reports, version("pointsman"))) + "\n"
