"""``pointsman twin``: each Ingress beside the routes that answer its hosts now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ...cluster.errors import UserError
from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.verdict import Finding, Verdict, worst
from ..lines import EMPTY, Line, Span, Tone, line
from ..settings import Settings
from .common import EXIT_CODES, cluster_once, show, width
from .manifests import read_world
from .options import cluster_options, output_option

if TYPE_CHECKING:
    from ...cluster.snapshot import Snapshot
    from ...probes.state.twin.twin import Twin


@click.command()
@click.argument("name", metavar="[INGRESS: NS/NAME]", required=False)
@cluster_options
@output_option("text", "json")
@click.option("--host", metavar="HOST", help="Only the Ingresses of this host.")
@click.option(
    "-f", "--filename", "--file", "files", metavar="FILE|DIR", multiple=True,
    help="Read these manifests and no cluster; - is standard input. Repeatable.",
)  # fmt: skip
@click.option("--timeout", "deadline_s", type=click.FloatRange(1, 600), default=30.0, show_default=True,
              help="Seconds to wait for the cluster.")  # fmt: skip
@click.pass_context
def twin(
    context: click.Context,
    settings: Settings,
    name: str | None,
    host: str | None,
    files: tuple[str, ...],
    output: str,
    deadline_s: float,
) -> None:
    """Set each Ingress beside the routes that answer its hosts and paths now.

    Says where they differ, with a request that shows it, and what becomes of every annotation. Without
    INGRESS or --host: a line for each. Exit code: 0 nothing lost (warnings included), 1 something FAILs,
    2 wrong usage, 3 could not tell.
    """
    from ...probes.output import document, encode

    started = time.monotonic()
    snapshot = read_world(files).snapshot if files else cluster_once(settings, deadline_s)
    judged = _judged(snapshot, _chosen(snapshot, settings, name, host))
    findings = [one for _, found in judged for one in found]
    verdict = worst([Verdict.PASS, *(one.verdict for one in findings)])
    if output == "json":
        from ..telling.twin import twin_facts

        facts = {"ingresses": [twin_facts(one) for one, _ in judged]}
        click.echo(encode(document("twin", verdict, findings, facts, (time.monotonic() - started) * 1000)))
    else:
        show(_lines(judged, detailed=name is not None or host is not None))
    context.exit(EXIT_CODES[verdict])


def _judged(snapshot: Snapshot, refs: list[ObjectRef]) -> list[tuple[Twin, list[Finding]]]:
    from ...probes.state.ingress import ingress_findings
    from ...probes.state.twin.findings import default_findings
    from ...probes.state.twin.twin import twin_of
    from ...probes.state.world import world_of

    world = world_of(snapshot)
    judged = []
    for ref in refs:
        ingress = snapshot.ingresses[ref]
        one = twin_of(world, ingress)
        found = sorted([*ingress_findings(world, ingress), *default_findings(one)],
                       key=lambda finding: (-finding.verdict.badness, finding.rule))  # fmt: skip
        judged.append((one, found))
    return judged


def _chosen(snapshot: Snapshot, settings: Settings, name: str | None, host: str | None) -> list[ObjectRef]:
    refs = sorted(snapshot.ingresses)
    if settings.namespaces is not None:
        refs = [ref for ref in refs if ref.namespace in settings.namespaces]
    if name is not None:
        refs = [ref for ref in refs if _is_named(ref, name)]
    if host is not None:
        from ..telling.twin import ingresses_of

        refs = [ref for ref in refs if ref in ingresses_of(snapshot, (host,))]
    if refs or (name is None and host is None and _known(snapshot)):
        return refs
    if not _known(snapshot):
        state = snapshot.state_of("Ingress")
        error = UserError(f"Ingresses could not be read ({state.state})", clean(state.detail, 200))
        # that is no wrong usage: nothing could be told
        error.status = 0  # type: ignore[attr-defined]
        raise error
    wanted = f"Ingress {clean(name, 120)}" if name is not None else f"Ingress for host {clean(host, 253)}"
    raise UserError(f"there is no {wanted}", "`pointsman twin` lists all that there are")


def _known(snapshot: Snapshot) -> bool:
    return snapshot.state_of("Ingress").state in ("live", "stale", "absent", "unseen")


def _is_named(ref: ObjectRef, name: str) -> bool:
    namespace, slash, own = name.removeprefix("ingress/").rpartition("/")
    return ref.name == own and (ref.namespace == namespace if slash else True)


def _counted(number: int) -> str:
    return "1 Ingress" if number == 1 else f"{number} Ingresses"


def _lines(judged: list[tuple[Twin, list[Finding]]], *, detailed: bool) -> list[Line]:
    from ..telling.twin import list_line, twin_lines

    if not judged:
        return [line("no Ingress here")]
    if detailed:
        lines: list[Line] = []
        for one, found in judged:
            lines += [*([EMPTY] if lines else []), *twin_lines(one, found, width())]
        while lines and lines[-1] == EMPTY:
            lines.pop()
        return lines
    begun = sum(bool(one.twinned) for one, _ in judged)
    title = line(Span(_counted(len(judged)), Tone.STRONG),
                 f"   {begun} with a twin")  # fmt: skip
    return [title, *(list_line(one, found, width()) for one, found in judged)]
