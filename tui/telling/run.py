"""Checks and the run's first line: the same words on the screens and from the commands."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...checklists.machine.view import RunView
from ...checklists.terms import CheckResult
from ...cluster.text import clean
from ...probes.verdict import Verdict, worst
from ..lines import EMPTY, Line, Span, Tone, count, fit, labelled, line, seconds, verdict_span
from .findings import finding_lines

_MOST_FINDINGS = 40
_MOST_HOSTS = 10


def clock(instant: float) -> str:
    """The local time of day of an instant."""
    return time.strftime("%H:%M:%S", time.localtime(instant))


# -- checks


def check_line(result: CheckResult, width: int) -> Line:
    """``PASS  1 routes accepted   3 routes, all parents   0.1 s``."""
    elapsed = seconds(result.elapsed_ms / 1000)
    title = fit(f"{result.check.number} {clean(result.check.title)}", min(30, max(width // 3, 18)))
    room = max(width - 8 - len(title) - 2 - len(elapsed) - 3, 8)
    return line(
        " ",
        verdict_span(result.verdict, 8),
        title + "  ",
        fit(clean(result.headline), room),
        Span(f" {elapsed}", Tone.DIM),
    )


def check_details(result: CheckResult, width: int) -> list[Line]:
    """Why the check is there, then its findings with evidence and commands; of very many the worst."""
    lines = labelled("asks", clean(result.check.why, 1000), width, indent=1) if result.check.why else []
    ordered = sorted(result.findings, key=lambda entry: -entry.verdict.badness)
    for finding in ordered[:_MOST_FINDINGS]:
        lines += [EMPTY, *finding_lines(finding, width, with_subject=len(ordered) > _MOST_FINDINGS)]
    left = ordered[_MOST_FINDINGS:]
    if left:
        wrong = sum(finding.verdict not in (Verdict.PASS, Verdict.SKIP) for finding in left)
        more = f"{count(len(left), 'more finding')}, {wrong} of them not PASS"
        lines += [EMPTY, line(" ", Span(f"{more}; `pointsman check -o json` has them all", Tone.DIM))]
    return lines


def hosts_words(hosts: Sequence[str]) -> str:
    """All hosts of a plan, or the first few of very many."""
    if len(hosts) <= _MOST_HOSTS:
        return clean(", ".join(hosts), 2000)
    return clean(f"{', '.join(hosts[:3])} and {len(hosts) - 3} more hosts", 2000)


def tally(results: Sequence[CheckResult]) -> str:
    """``7 items  5 PASS 1 FAIL 1 UNKNOWN``."""
    counted = [
        f"{sum(result.verdict == verdict for result in results)} {verdict.value}"
        for verdict in (Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP)
        if any(result.verdict == verdict for result in results)
    ]
    return f"{count(len(results), 'item')}  " + "  ".join(counted)


def overall(results: Sequence[CheckResult]) -> Verdict:
    """The worst verdict of a checklist."""
    return worst(result.verdict for result in results)


# -- the run


def run_title(view: RunView) -> Line:
    """``store.shop.test  run 7f3a  watch  JOURNAL ok 41``."""
    journal = Span(f"journal {'ok' if view.journal_ok else 'BROKEN'} {view.journal_length}", Tone.DIM)
    if not view.journal_ok:
        journal = Span(journal.text, Tone.BAD)
    state = view.outcome or ("postponed" if view.postponed else view.phase)
    tone = {"rolled-back": Tone.DOUBT, "held": Tone.BAD, "stopped-at-gate": Tone.BAD, "done": Tone.GOOD}
    return line(
        " ",
        Span(clean(", ".join(view.hosts), 60), Tone.STRONG),
        Span(f"   run {view.run_id}   ", Tone.DIM),
        Span(state, tone.get(state, Tone.ACCENT)),
        "   ",
        journal,
    )
