"""The report's records: the plan, and the record sets before and after each change. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from ..machine.events import ChangeProposed, WriteEnded
from ..machine.words import PURPOSES, change_words
from ..plans.model import plan_to_json
from ..records.base import RecordChange, RecordSet
from .document import Block, Code, Fact, Facts, Fold, Paragraph, Section, Table
from .record import Record, instant


def records(record: Record) -> Section:
    """Every write, with what was there before and after it."""
    blocks = tuple(block for change, event in _writes(record) for block in _write(change, event))
    if blocks:
        return Section("Records", blocks)
    proposed = [event.change for event in record.events if isinstance(event, ChangeProposed)]
    shown = _diff(proposed[-1]) if proposed else ()
    return Section("Records", (Paragraph("Nothing was changed."), *shown))


def _writes(record: Record) -> Iterator[tuple[RecordChange, WriteEnded]]:
    for step in record.steps:
        if (
            isinstance(step.event, WriteEnded)
            and step.before is not None
            and step.before.proposal is not None
        ):
            yield step.before.proposal, step.event


def _write(change: RecordChange, event: WriteEnded) -> Iterator[Block]:
    yield Paragraph(
        f"{instant(event.at)}: {PURPOSES[event.purpose]}: {event.outcome}. {change_words(change)}"
    )
    yield from _diff(change)
    rows = [
        Fact("change", change.digest),
        Fact("how it ended", event.detail),
        Fact("only if", change.precondition),
    ]
    yield Facts(tuple(rows))
    blocks: list[Block] = [_sets("before", change.before), _sets("after", change.after)]
    if event.now:
        blocks.append(_sets("found afterwards", event.now))
    blocks += [Paragraph("Its inverse:"), Code(change.inverse_diff, "diff")]
    yield Fold("record sets before and after, and the inverse", tuple(blocks))


def _diff(change: RecordChange) -> tuple[Block, ...]:
    return (Code((f"# {PURPOSES[change.purpose]}", *change.diff), "diff"),)


def _sets(title: str, sets: Iterable[RecordSet]) -> Table:
    rows = tuple((item.host, item.type, str(item.ttl), ", ".join(item.values)) for item in sets)
    return Table((title, "type", "TTL", "values"), rows or (("no records", "", "", ""),))


def plan(record: Record) -> Section:
    """The whole plan, as the first line of the journal has it."""
    first = record.first
    lines = tuple(json.dumps(plan_to_json(record.steps[0].after.plan), indent=2).splitlines())
    checks = Table(
        ("number", "check", "gate", "probe", "why"),
        tuple((str(item.number), item.title, item.gate, item.probe, item.why) for item in first.checks),
    )
    digest = Facts((Fact("SHA-256", first.plan_digest),))
    return Section(
        "Plan", (digest, Fold("the plan", (Code(lines, "json"),)), Fold("the checklist", (checks,)))
    )
