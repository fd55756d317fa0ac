"""The report's story: how it ended, who approved what, what happened, hooks, tuning, and the seal. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ..machine.events import (
    Attested,
    Confirmed,
    ContinuedEvent,
    Event,
    HookBegan,
    HookEnded,
    OldSideCounted,
    PostponedEvent,
    Resumed,
    RollBackAsked,
    Tuned,
    Waived,
)
from ..machine.state import outcome
from ..machine.words import PURPOSES, clock_time, duration, event_words
from .document import Block, Code, Fact, Facts, Items, Paragraph, Section, Table
from .record import Record, instant


def summary(record: Record) -> Facts:
    """How it ended, of what, from where to where, when, and by whom."""
    state, first = record.state, record.first
    plan = state.plan
    last = record.steps[-1].event.at
    reason = f" ({state.reason})" if state.reason else ""
    rows = [
        Fact(
            "outcome",
            (outcome(state) or state.phase) + reason if reason else outcome(state) or state.phase,
            True,
        ),
        Fact("hosts", ", ".join(plan.hosts)),
        Fact("run", state.run_id),
        Fact("plan", f"{plan.name}, SHA-256 {first.plan_digest}"),
        Fact("from", ", ".join(plan.old.addresses)),
        Fact("to", f"{', '.join(plan.new.addresses)} (Gateway {plan.gateway})"),
        Fact("began", instant(first.at)),
        Fact("last entry", f"{instant(last)}, after {duration(max(0.0, last - first.at))}"),
        Fact("operator", ", ".join(operators(record)) or "not noted"),
        Fact("writing", "on" if state.writes_enabled else "off"),
    ]
    if first.campaign:
        rows.append(Fact("campaign", f"{first.campaign}, wave {first.wave} of {first.waves}"))
    if first.context:
        rows.append(Fact("cluster", first.context))
    if first.version:
        rows.append(Fact("Pointsman", first.version))
    rows.append(Fact("journal", f"{len(record.steps)} entries, sealed by {record.digest or 'nothing'}"))
    return Facts(tuple(rows))


def operators(record: Record) -> tuple[str, ...]:
    """Everybody who signed something, in order."""
    names = (str(getattr(event, "operator", "")) for event in record.events)
    return tuple(dict.fromkeys(name for name in names if name))


def approvals(record: Record) -> Section:
    """Who agreed to what, and when."""
    rows = tuple(_approvals(record))
    blocks: list[Block] = [
        Table(("when", "who", "what", "typed, or why"), rows)
        if rows
        else Paragraph("Nobody approved anything.")
    ]
    plan = record.state.plan
    accepted = [f"a WARN of {item.check}: {item.reason}" for item in plan.waivers]
    accepted += [f"{item.field} at {item.path}: {item.reason}" for item in plan.accept]
    if accepted:
        blocks += [Paragraph("Accepted beforehand, by the plan:"), Items(tuple(accepted))]
    return Section("Who approved what", tuple(blocks))


def _approvals(record: Record) -> Iterator[tuple[str, ...]]:
    # entries of older versions have no name of their own: it was whoever had opened the run
    who = record.first.operator
    for event in record.events:
        told = _approval(event)
        signer = str(getattr(event, "operator", "")) or who
        if isinstance(event, Resumed):
            who = signer
        if told is not None:
            yield instant(event.at), signer, *told


def _approval(event: Event) -> tuple[str, str] | None:
    """What a person agreed to, and what they typed or why; None for what nobody did."""
    match event:
        case Confirmed():
            return PURPOSES[event.purpose], event.typed
        case RollBackAsked():
            return f"roll back ({event.why})", event.typed
        case Waived():
            return f"pass {event.check_id} though it says {event.verdict}", event.reason
        case Attested():
            return f"the answer to {event.check_id} is yes", event.note
        case Tuned():
            return f"{event.name} = {event.value:g}", ""
        case Resumed():
            return f"went on with the run, {'with' if event.writes_enabled else 'without'} writing", ""
        case PostponedEvent() | ContinuedEvent():
            return event_words(event), ""
    return None


def story(record: Record) -> Section:
    """Every entry of the journal in words."""
    lines = tuple(f"{instant(event.at)} {event_words(event)}" for event in record.events)
    return Section("What happened", (Items(lines),))


def beside(record: Record) -> Iterator[Section]:
    """Hooks and counts of the old side, where there were any."""
    hooks = tuple(_hooks(record))
    if hooks:
        yield Section("Hooks", (Table(("when", "at", "command", "ended"), hooks),))
    counts = tuple(
        (
            clock_time(event.since),
            clock_time(event.at),
            event.source,
            "not known" if event.others is None else f"{event.others:g}",
            f"{event.ours:g}",
            event.detail,
        )
        for event in record.events
        if isinstance(event, OldSideCounted)
    )
    if counts:
        head = ("since", "until", "source", "requests of others", "our own", "detail")
        quiet = record.state.quiet
        said = (
            f"Quiet, by {quiet.source}, for {duration(quiet.seconds)} until {instant(quiet.until)}."
            if quiet is not None and quiet.others == 0
            else "The old side was not shown to be without clients."
        )
        yield Section("What the old side still counted", (Paragraph(said), Table(head, counts)))


def _hooks(record: Record) -> Iterator[tuple[str, ...]]:
    ends = {(event.mark, event.hook): event for event in record.events if isinstance(event, HookEnded)}
    for step in record.steps:
        event = step.event
        if not isinstance(event, HookBegan):
            continue
        phase = step.after.marks[event.mark][0]
        argv = shlex.join(step.after.plan.hooks[event.hook].run)
        end = ends.get((event.mark, event.hook))
        if end is None:
            how = "its end is not on record"
        elif end.code is None:
            how = f"nobody saw its end {end.detail}"
        else:
            how = f"exit code {end.code} {end.detail}"
        yield instant(event.at), phase, argv, how.strip()


def seal(record: Record) -> Section:
    """How to see that nothing of this was changed."""
    run_id = record.state.run_id
    words = (
        "Each entry of the journal carries the SHA-256 of the entry before it and of its own content, so "
        "that the hash of the last entry seals them all. This report was made from entries whose chain held."
    )
    rows = [
        Fact("entries", str(len(record.steps))),
        Fact("hash of the last", record.digest or "nothing"),
    ]
    if record.file_digest:
        rows.append(Fact("SHA-256 of the file", record.file_digest))
    if record.path:
        rows.append(Fact("file", record.path))
    commands = [f"pointsman journal verify {shlex.quote(run_id)}"]
    if record.path:
        commands.append(f"sha256sum {shlex.quote(record.path)}")
    return Section("The seal", (Paragraph(words), Facts(tuple(rows)), Code(tuple(commands), "sh")))
