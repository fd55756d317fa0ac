"""``pointsman status``: a one-shot triage of one cluster, or of several at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ...cluster.text import clean
from ...probes.verdict import Verdict, worst
from ..lines import EMPTY, Line, Span, Tone, count, line, verdict_span, wrapped
from ..settings import Settings
from ..telling.findings import finding_lines
from .common import EXIT_CODES, show, width
from .options import clusters_options, output_option
from .triage import Triage, triage, triage_several

if TYPE_CHECKING:
    from ...cluster.snapshot import KindState

# absent is an answer: the cluster does not serve the kind
_TRUSTED = ("live", "absent")


@click.command()
@clusters_options
@output_option("text", "json")
@click.option("--timeout", "deadline_s", type=click.FloatRange(1, 600), default=30.0, show_default=True,
              help="Seconds to wait for the cluster.")  # fmt: skip
@click.pass_context
def status(
    context: click.Context,
    settings: Settings,
    contexts: tuple[str, ...],
    output: str,
    deadline_s: float,
) -> None:
    """Say once what is wrong with the Gateways and Routes, and why.

    With --context more than once all of them are asked at once; one that does not answer is UNKNOWN.
    Exit code: 0 nothing wrong (warnings included), 1 something FAILs, 2 wrong usage, 3 could not tell.
    """
    started = time.monotonic()
    wanted = tuple(dict.fromkeys(contexts))
    if len(wanted) > 1:
        told = triage_several(settings, wanted, deadline_s)
    else:
        one_of = replace(settings, context=wanted[0]) if wanted else settings
        told = [triage(one_of, deadline_s)]
    verdict = worst(one.verdict for one in told)
    if output == "json":
        click.echo(_json(told, verdict, (time.monotonic() - started) * 1000))
    else:
        lines: list[Line] = []
        for one in told:
            lines += [*([EMPTY] if lines else []), *_section(one, width())]
        show(lines)
    context.exit(EXIT_CODES[verdict])


def _json(told: Sequence[Triage], verdict: Verdict, elapsed_ms: float) -> str:
    from ...probes.output import document, encode

    if len(told) == 1:
        return encode(document("status", verdict, told[0].findings, _facts(told[0]), elapsed_ms))
    documents = [
        document("status", one.verdict, one.findings, None, 0, _in_context(one.context)) for one in told
    ]
    whole = document(
        "status", verdict, (), {"contexts": [_facts(one, "verdict") for one in told]}, elapsed_ms
    )
    return encode({**whole, "findings": [entry for one in documents for entry in one["findings"]]})


def _in_context(context: str) -> Any:
    return lambda finding: {"context": context}


def _facts(told: Triage, *more: str) -> dict[str, Any]:
    from ...probes.state.claims import claims
    from ...probes.state.kind_facts import kind_facts

    facts: dict[str, Any] = {"context": told.context}
    if more:
        facts |= {"verdict": told.verdict, "server": told.server}
    if told.snapshot is None or told.rows is None:
        return facts
    return {
        **facts,
        "gateways": len(told.rows.gateways),
        "routes": len(told.rows.routes),
        "conditions": claims(told.rows),
        "kinds": kind_facts(told.snapshot),
    }


def _section(told: Triage, columns: int) -> list[Line]:
    name = Span(clean(told.context, 200), Tone.STRONG)
    if told.snapshot is None or told.rows is None:
        lines = [line(name, "   ", verdict_span(told.verdict, 0), "  not reached")]
    else:
        counts = told.rows.counts
        words = "  ".join(
            f"{counts[key]} {key.value}" for key in sorted(counts, key=lambda key: -key.badness)
        )
        rows = told.rows
        lines = [
            line(
                name,
                f"   {count(len(rows.gateways), 'gateway')}  {count(len(rows.routes), 'route')}"
                f"   {words or 'nothing wrong'}",
            ),
            *_trust_lines(told.snapshot.kinds, columns),
        ]
    for finding in told.findings:
        if finding.verdict not in (Verdict.PASS, Verdict.SKIP):
            lines += [EMPTY, *finding_lines(finding, columns, with_subject=True)]
    return lines


def _trust_lines(kinds: Mapping[str, KindState], columns: int) -> list[Line]:
    """Which kinds could not be read, and which only in part: what is said of them is not the whole."""
    by_words: dict[str, list[str]] = {}
    for kind, state in kinds.items():
        if state.state not in _TRUSTED:
            by_words.setdefault(state.state, []).append(kind)
        elif state.namespaces is not None:
            where = ", ".join(state.namespaces)
            by_words.setdefault(f"read in {where} only", []).append(kind)
    texts = [f"{words}: {', '.join(names)}" for words, names in by_words.items()]
    return [
        line(" ", Span(row, Tone.DOUBT)) for text in texts for row in wrapped(clean(text, 1000), columns - 1)
    ]
