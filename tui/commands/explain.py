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
        # several families may give the same name to the same trouble
        entries = [entry for entry in RULES.values() if rule_id.lower() in (entry.id.lower(), entry.name)]
        if not entries:
            near = _near(rule_id)
            hint = f"did you mean {', '.join(near)}?" if near else "`pointsman explain` lists all"
            raise UserError(f"no rule is called {rule_id[:40]!r}", hint)
    if output == "json":
        click.echo(msgspec.json.encode(entries).decode())
        return
    lines: list[Line] = []
    for number, entry in enumerate(entries):
        if rule_id is None:
            lines.append(
                line(Span(f"{entry.id:<8}", Tone.STRONG), f"{entry.name:<38} ", Span(entry.title, Tone.DIM))
            )
        else:
            lines += [EMPTY] if number else []
            lines += [line(Span(entry.id, Tone.STRONG), f"  {entry.name}"), line(entry.title), EMPTY]
            lines += labelled("why", entry.why, width(), indent=0) + labelled(
                "mend", entry.mend, width(), indent=0
            )
            lines += labelled("source", entry.source, width(), indent=0) if entry.source else []
    show(lines)


def _near(wanted: str) -> list[str]:
    from ...probes.catalogue import RULES

    names = [*RULES, *dict.fromkeys(entry.name for entry in RULES.values())]
    folded = {name.lower(): name for name in names}
    # letters that are read as digits: ids end in three of those
    meant = wanted.lower()[:-3] + wanted.lower()[-3:].translate(str.maketrans("oil", "011"))
    if meant in folded:
        return [folded[meant]]
    found = difflib.get_close_matches(wanted.lower(), folded, 12, 0.6)
    # of equally near ones those that begin alike: most people err in the last digits
    found.sort(key=lambda name: -_alike(name, wanted.lower()))
    return [folded[name] for name in found[:4]]


def _alike(one: str, other: str) -> int:
    """How many characters two names begin with in common."""
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
