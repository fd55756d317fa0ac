"""Findings as JUnit XML, the form that every CI shows: a suite a file, a case a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from xml.sax.saxutils import escape, quoteattr

from .located import Located
from .verdict import Finding, Verdict


def junit(reports: Iterable[Located], fails: Callable[[Verdict], bool], elapsed_s: float) -> str:
    """The document, ending with a newline. ``fails`` says which verdicts break the build.

    Those are failures, except that an UNKNOWN is an error: it could not be told. A file without a finding
    is one case that passes, or is skipped where it holds nothing to judge.
    """
    suites: list[str] = []
    totals = [0, 0, 0, 0]
    for name, verdict, findings in _suites(reports):
        cases = [_case(finding, name, fails) for finding in findings] or [_quiet(name, verdict)]
        kinds = ("failure", "error", "skipped")
        counts = [len(cases), *(sum(f"<{kind} " in case for case in cases) for kind in kinds)]
        totals = [have + more for have, more in zip(totals, counts, strict=True)]
        suites.append(f"  <testsuite name={_quoted(name)} {_counted(*counts)}>")
        suites += [*cases, "  </testsuite>"]
    head = f'<testsuites name="pointsman" {_counted(*totals)} time="{elapsed_s:.3f}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>", ""])


def _suites(reports: Iterable[Located]) -> Iterable[tuple[str, Verdict, list[Finding]]]:
    for report in reports:
        if report.file:
            yield report.file, report.verdict, list(report.findings)
            continue
        by_file: dict[str, list[Finding]] = {place.file: [] for place in report.places.values()}
        for finding in report.findings:
            place = report.place_of(finding)
            by_file.setdefault(place.file if place else "(no file)", []).append(finding)
        for file, findings in by_file.items():
            yield file, Verdict.PASS, findings


def _counted(cases: int, failures: int, errors: int, skipped: int) -> str:
    return f'tests="{cases}" failures="{failures}" errors="{errors}" skipped="{skipped}"'


def _quiet(file: str, verdict: Verdict) -> str:
    inside = '<skipped message="no object to judge"/>' if verdict is Verdict.SKIP else ""
    return f'    <testcase name="nothing wrong found" classname={_quoted(file)}>{inside}</testcase>'


def _case(finding: Finding, file: str, fails: Callable[[Verdict], bool]) -> str:
    head = f"    <testcase name={_quoted(f'{finding.rule} {finding.subject}')} classname={_quoted(file)}>"
    words = [finding.summary, f"why: {finding.why}", f"mend: {finding.mend}"]
    words += [f"seen: {line}" for line in finding.evidence]
    words += [f"try: {finding.reproduce}"] if finding.reproduce else []
    body = escape(_allowed("\n".join(words)))
    message, kind = _quoted(finding.summary), _quoted(finding.name)
    if finding.verdict is Verdict.SKIP:
        inside = f"<skipped message={message}/>"
    elif finding.verdict is Verdict.UNKNOWN:
        inside = f"<error message={message} type={kind}>{body}</error>"
    elif fails(finding.verdict):
        inside = f"<failure message={message} type={kind}>{body}</failure>"
    else:
        inside = f"<system-out>{finding.verdict.value} {body}</system-out>"
    return f"{head}{inside}</testcase>"


def _quoted(text: str) -> str:
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    """Only what can be printed: that is less than what XML 1.0 can write, which has the terminal's C1."""
    return "".join(one if one.isprintable() or one == "\n" else "·" for one in text)
