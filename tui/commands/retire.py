"""``pointsman retire``: whether the old side of a run may go, and how; nothing is run."""

from __future__ import annotations

import asyncio
import time

import click

from ..telling.retire import retire_lines
from .common import EXIT_CODES, show, width
from .options import output_option


@click.command()
@click.argument("run_id", metavar="RUN")
@output_option("text", "json")
@click.pass_context
def retire(context: click.Context, run_id: str, output: str) -> None:
    """Say whether the old side of RUN may be taken away, and show the commands for it; none is run.

    The proof is the old side's own count of requests, less Pointsman's probes, as the run's journal has it,
    and what every resolver of the plan answers now.

    Exit code: 0 proven idle, 1 somebody uses it, 2 wrong usage, 3 it cannot be told, or not yet.
    """
    from ...checklists.machine.advance import fold
    from ...checklists.machine.retire import retire_facts
    from ...checklists.running.retiring import advise
    from ...checklists.running.run import provider_for
    from ...probes.output import document, encode, plain
    from .journal import entries_of

    started = time.monotonic()
    events = [entry.event for entry in entries_of(run_id)]
    state = fold(events)
    advice, facts = asyncio.run(advise(events, provider_for(state.plan)))
    if output == "json":
        told = {
            "run": run_id,
            "safe": advice.safe,
            "said": advice.said,
            "not_yet": advice.not_yet,
            "idle": retire_facts(state, events, facts),
            "steps": plain(advice.steps),
        }
        elapsed_ms = (time.monotonic() - started) * 1000
        click.echo(encode(document("retire", advice.verdict, advice.findings, told, elapsed_ms)))
    else:
        show(retire_lines(advice, width()))
    context.exit(EXIT_CODES[advice.verdict])
