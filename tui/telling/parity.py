"""A comparison of old and new side as lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...cluster.text import clean
from ...probes.verdict import Finding, Verdict
from ...probes.wire.parity import commands
from ...probes.wire.parity.judge import Compared, findings, group_finding
from ..lines import EMPTY, Line, Span, Tone, command, count, fit, line, seconds, verdict_span, wrapped
from .findings import finding_lines

_STATES = (("waived", Tone.DIM), ("undecided", Tone.DOUBT), ("unexplained", Tone.BAD))


def parity_lines(compared: Compared, width: int) -> list[Line]:
    """Who was compared, a line for each kind of request, then every difference with its two commands."""
    facts = compared.facts
    asked = f"{count(len(facts.answers), 'request')}, asked {facts.requests} times"
    title = f"old {clean(facts.old.endpoint, 60)}   new {clean(facts.new.endpoint, 60)}   "
    lines = [line(" ", Span(title, Tone.STRONG), f"{asked}   {seconds(facts.elapsed_ms / 1000)}")]
    lines += [_place_line(place, counted) for place, counted in compared.places().items()]
    told: set[Finding] = set()
    for group in compared.groups:
        one = group_finding(group, facts)
        told.add(one)
        if group.waiver is not None:
            lines += [EMPTY, *_short(one, width)]
            continue
        question = facts.minimal.get(group.key, group.first.question)
        old, new = commands.pair(question, facts.old, facts.new)
        lines += [EMPTY, *_difference(one, old, new, width)]
    for one in findings(compared):
        if one not in told:
            shown = _short(one, width) if one.verdict is Verdict.PASS else finding_lines(one, width)
            lines += [EMPTY, *shown]
    return lines


def _place_line(place: str, counted: dict[str, int]) -> Line:
    spans: list[str | Span] = [f"   {fit(clean(place, 60), 24)} {count(counted['asked'], 'path'):>10}"]
    states = [(name, tone) for name, tone in _STATES if counted[name]]
    for name, tone in states:
        spans += [", ", Span(f"{counted[name]} {name}", tone)]
    if counted["noise"]:
        spans += [Span(f", {counted['noise']} differ by noise alone", Tone.DIM)]
    return line(*spans)


def _short(one: Finding, width: int) -> list[Line]:
    indent = 1 + 8 + len(one.rule) + 2
    rows = wrapped(clean(one.summary, 2000), width - indent)
    head = line(" ", verdict_span(one.verdict, 8), Span(one.rule, Tone.STRONG), "  ", rows[0])
    return [head, *(line(" " * indent, row) for row in rows[1:])]


def _difference(one: Finding, old: str, new: str, width: int) -> Iterator[Line]:
    yield from finding_lines(replace(one, reproduce=""), width)
    for label, text in (("old", old), ("new", new)):
        if text:
            yield from command(label, text, width)
