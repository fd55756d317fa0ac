"""Answers to requests by address as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...cluster.text import clean
from ...probes.verdict import Result, Verdict
from ..lines import EMPTY, Line, Span, Tone, count, fit, line
from .findings import finding_lines, word

if TYPE_CHECKING:
    from ...probes.wire.http.facts import HttpFacts

_LONGEST_LIST = 200


def http_lines(results: Sequence[Result], width: int) -> list[Line]:
    """One line a request; below them in full what is not well, and everything where only one was asked."""
    lines = [_row(result, width) for result in results[:_LONGEST_LIST]]
    if len(results) > _LONGEST_LIST:
        lines.append(line(f" and {len(results) - _LONGEST_LIST} more; -o json has all"))
    told = [
        finding
        for result in results
        for finding in result.findings
        if len(results) == 1 or finding.verdict not in (Verdict.PASS, Verdict.SKIP)
    ]
    for finding in told[:_LONGEST_LIST]:
        lines += [EMPTY, *finding_lines(finding, width, with_subject=len(results) > 1)]
    if len(results) > 1:
        lines = [_tally(results), *lines]
    return lines


def progress_line(done: int, wanted: int, elapsed_s: float) -> str:
    """Where many requests are, for standard error."""
    return f"{done} of {wanted} asked, {elapsed_s:.0f} s"


def _tally(results: Sequence[Result]) -> Line:
    counted = [(verdict, sum(result.verdict is verdict for result in results)) for verdict in Verdict]
    words = ", ".join(f"{number} {verdict.value}" for verdict, number in counted if number)
    return line(" ", Span(count(len(results), "request"), Tone.STRONG), f"   {words}")


def _row(result: Result, width: int) -> Line:
    from ...probes.wire.http.asking import http_facts

    facts = http_facts(result)
    if facts is None:
        return line(" ", word(result.verdict), clean(result.label, max(width - 10, 20)))
    status = str(facts.status) if facts.status is not None else clean(facts.error, 11) or "-"
    times = _times(facts)
    version = clean(facts.http_version, 8)
    room = max(width - 33 - len(times), 24)
    return line(
        " ",
        word(result.verdict),
        fit(status, 12),
        fit(clean(result.label.partition(" ")[2], 400), room),
        "  ",
        fit(version, 9),
        Span(times, Tone.DIM),
    )


def _times(facts: HttpFacts) -> str:
    times = facts.timings_ms
    parts = (
        ("connect", times.connect),
        ("TLS", times.tls),
        ("first byte", times.first_byte),
        ("total", times.total),
    )
    shown = [f"{label} {value:.0f}" for label, value in parts if value is not None]
    return f"{', '.join(shown)} ms" if shown else ""
