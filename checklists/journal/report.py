"""What a run did, from its journal alone: Markdown for people who were not there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...cluster.text import clean
from ...probes.verdict import Verdict
from ..machine.advance import State, fold
from ..machine.events import (
    ChangeProposed,
    Checked,
    Event,
    GateChecked,
    RunStarted,
    WatchEnded,
    finding_from_json,
)
from ..machine.state import outcome
from ..machine.words import clock_time, event_words
from ..records.base import RecordChange
from .file import read_journal


def report_of(path: Path) -> str:
    """The report of the journal at ``path``. UserError where it cannot be read or was changed."""
    entries = read_journal(path)
    return markdown([entry.event for entry in entries], entries[-1].digest if entries else "")


def markdown(events: list[Event], digest: str = "") -> str:
    """The report of a run's events; ``digest`` is the hash of the last entry, which seals all before it."""
    state = fold(events)
    first = events[0]
    assert isinstance(first, RunStarted)
    plan = state.plan
    lines = [
        f"# Cutover of {', '.join(plan.hosts)}",
        "",
        f"- outcome: **{outcome(state) or state.phase}**{_reason(state)}",
        f"- run {state.run_id}, plan {plan.name} ({first.plan_digest[:16]})",
        f"- from {', '.join(plan.old.addresses)} to {', '.join(plan.new.addresses)} (Gateway {plan.gateway})",
        f"- {len(events)} journal entries, sealed by {digest[:16] or 'nothing'}",
        "",
        "## What happened",
        "",
        *(f"- {clock_time(event.at)} {_plain(event_words(event))}" for event in events),
        "",
        *_changes(state, events),
        *_checks(events),
        *_watch(events),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _reason(state: State) -> str:
    return f" ({_plain(clean(state.reason))})" if state.reason else ""


def _changes(state: State, events: Iterable[Event]) -> list[str]:
    made = [change for change in (state.lowered, state.switched, state.returned) if change is not None]
    if not made:
        proposed = [event.change for event in events if isinstance(event, ChangeProposed)]
        return ["## Records", "", "Nothing was changed.", "", *(_diff(proposed[-1]) if proposed else [])]
    lines = ["## Records", ""]
    for change in made:
        lines += _diff(change)
    return lines


def _diff(change: RecordChange) -> list[str]:
    return [f"{change.purpose}:", "", "```diff", *(clean(line) for line in change.diff), "```", ""]


def _checks(events: Iterable[Event]) -> list[str]:
    asked = [event for event in events if isinstance(event, GateChecked)]
    lines: list[str] = []
    for event in asked:
        lines += [
            f"## Gate {event.gate}, {clock_time(event.at)}",
            "",
            "| check | verdict | |",
            "|---|---|---|",
        ]
        lines += [
            f"| {_plain(item.check_id)} | {item.verdict} | {_plain(item.headline)} |"
            for item in event.results
        ]
        lines.append("")
        for item in event.results:
            lines += _findings(item)
    return lines


def _findings(item: Checked) -> list[str]:
    lines = []
    for plain in item.findings:
        found = finding_from_json(plain)
        if found.verdict in (Verdict.PASS, Verdict.SKIP):
            continue
        lines.append(f"- {found.verdict} {found.rule}: {_plain(found.summary)}")
        lines += [f"    - {_plain(line)}" for line in found.evidence]
        if found.reproduce:
            lines.append(f"    - `{clean(found.reproduce, 1000).replace('`', '')}`")
    return [*lines, ""] if lines else []


def _watch(events: Iterable[Event]) -> list[str]:
    lines = []
    for event in events:
        if isinstance(event, WatchEnded):
            lines += [f"## The watch: {event.verdict}", "", _plain(event.detail), ""]
            for side in ("new", "old"):
                numbers = event.numbers.get(side, {})
                if numbers:
                    kinds = ", ".join(f"{count} {kind}" for kind, count in numbers["kinds"].items())
                    lines.append(
                        f"- {side}: {numbers['requests']} requests, {numbers['errors']} errors ({kinds})"
                    )
            lines.append("")
    return lines


def _plain(text: str) -> str:
    """Text from outside as text: no Markdown and no HTML of its own."""
    shown = clean(text, 600)
    for character in "\\`*_<>|[]#":
        shown = shown.replace(character, f"\\{character}")
    return shown
