"""``pointsman explain``: what a rule means."""

from __future__ import annotations

import difflib

import click

from ...cluster.errors import UserError
from ..lines import EMPTY, Line, Span, Tone, labelled, line
from .common import show, width
from .options import output_option


@click.command()
@click.argument("rule_id", metavar="[RULE]", required=False)
@output_option("text", "json")
def explain(rule_id: str | None, output: str) -> None:
    """Say what a rule means, why it matters to traffic and how to mend it; without RULE list all."""
    import msgspec

    from ...probes.catalogue import RULES

    if rule_id is None:
        entries = list(RULES.values())
    else:
        wanted = rule_id.upper()
        found = RULES.get(wanted) or next(
            (entry for entry in RULES.values() if entry.name == rule_id.lower()), None
        )
        if found is None:
            near = difflib.get_close_matches(wanted, RULES, 3, 0.5)
            hint = f"did you mean {', '.join(near)}?" if near else "`pointsman explain` lists all"
            raise UserError(f"no rule is called {rule_id[:40]!r}", hint)
        entries = [found]
    if output == "json":
        click.echo(msgspec.json.encode(entries).decode())
        return
    lines: list[Line] = []
    for entry in entries:
        if rule_id is None:
            lines.append(
                line(Span(f"{entry.id:<8}", Tone.STRONG), f"{entry.name:<38} ", Span(entry.title, Tone.DIM))
            )
        else:
            lines += [line(Span(entry.id, Tone.STRONG), f"  {entry.name}"), line(entry.title), EMPTY]
            lines += labelled("why", entry.why, width(), indent=0) + labelled(
                "mend", entry.mend, width(), indent=0
            )
            lines += labelled("source", entry.source, width(), indent=0) if entry.source else []
    show(lines)
