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
    if len(results) == 1:
        # the finding says all that the line would
        return lines[2:] if len(lines) > 2 else lines
    return [_tally(results), *lines]


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
    first = facts.timings_ms.first_byte
    time = f"{first:.0f} ms" if first is not None else ""
    room = max(width - 42, 30)
    where = f" at {clean(facts.request.address, 45)}"
    return line(
        " ",
        word(result.verdict),
        fit(status, 12),
        fit(_ending(_shown(facts), room - len(where)) + where, room),
        " ",
        fit(clean(facts.http_version, 8), 9),
        Span(f"{time:>9}", Tone.DIM),
    )


def _shown(facts: HttpFacts) -> str:
    """The URL, without the scheme that nearly all have."""
    method = "" if facts.request.method in ("GET", "POST") else f"{facts.request.method} "
    return clean(f"{method}{facts.request.url.removeprefix('https://')}", 2000)


def _ending(text: str, room: int) -> str:
    """``text``, its beginning cut where it is too long: the path is what tells one from another."""
    return text if len(text) <= room else f"…{text[-max(room - 1, 1) :]}"
