"""What a run did, from its journal alone, for people who were not there: Markdown, or one HTML page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..machine.events import Event
from ..machine.state import outcome
from . import report_gates, report_markdown, report_records, report_story, report_watch
from .document import Document, Fact, Facts, Section, Table
from .file import read_bytes, verify_lines, waves_of
from .record import Record, instant, record_of


def report_of(path: Path) -> str:
    """The report of the journal at ``path`` as Markdown. UserError where it cannot be read or was changed."""
    return report_markdown.render(document_of((record_at(path),)))


def markdown(events: list[Event], digest: str = "") -> str:
    """The report of a run's events; ``digest`` is the hash of the last entry, which seals all before it."""
    return report_markdown.render(document_of((record_of(events, digest),)))


def record_at(path: Path) -> Record:
    """The record of the journal at ``path``. UserError where it cannot be read or was changed."""
    raw = read_bytes(path)
    entries, good = verify_lines(raw, path)
    # of a torn last line nothing is known, and nothing is sealed
    digest = hashlib.sha256(raw).hexdigest() if good == len(raw) else ""
    head = entries[-1].digest if entries else ""
    return record_of([entry.event for entry in entries], head, str(path), digest)


def records_with(run_id: str, state_dir: Path | None = None) -> tuple[Record, ...]:
    """The run, or all waves of a campaign in their order: by the id of the campaign or of any wave.

    UserError: no such run, or a journal that was changed.
    """
    return tuple(record_at(run.path) for run in waves_of(run_id, state_dir))


def document_of(records: Sequence[Record]) -> Document:
    """The whole report: of one run, or of a campaign's runs one after the other."""
    if len(records) == 1:
        record = records[0]
        title = f"Cutover of {', '.join(record.state.plan.hosts)}"
        return Document(title, report_story.summary(record), tuple(_sections(record)))
    first = records[0].first
    rows = tuple(
        (
            f"{record.first.wave} of {record.first.waves}",
            record.state.run_id,
            ", ".join(record.state.plan.hosts),
            outcome(record.state) or record.state.phase,
            instant(record.first.at),
            record.digest,
        )
        for record in records
    )
    overview = Table(("wave", "run", "hosts", "outcome", "began", "sealed by"), rows)
    sections = [Section("Waves", (overview,))]
    for record in records:
        title = f"Wave {record.first.wave}: {', '.join(record.state.plan.hosts)}"
        sections.append(Section(title, (report_story.summary(record),)))
        sections += [replace(section, level=3) for section in _sections(record)]
    summary = Facts((Fact("campaign", first.campaign, True), Fact("runs", str(len(records)))))
    return Document(f"Cutover of the plan {records[0].state.plan.name}", summary, tuple(sections))


def _sections(record: Record) -> Iterator[Section]:
    yield report_story.approvals(record)
    yield report_story.story(record)
    yield report_records.records(record)
    yield from report_watch.watches(record)
    yield from report_story.beside(record)
    yield from report_gates.gates(record)
    certificates = report_gates.certificates(record)
    if certificates is not None:
        yield certificates
    yield report_records.plan(record)
    yield report_story.seal(record)
