"""JUnit XML, the form that every CI shows: of findings a suite a file, of checks a suite a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from .located import Located
from .verdict import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """One test case. ``broken`` says whether its verdict breaks the build; ``kind`` is the failure's type.

    ``time_s`` is how long it took, None where that is not known.
    """

    name: str
    suite: str
    verdict: Verdict
    message: str = ""
    body: str = ""
    kind: str = ""
    broken: bool = False
    time_s: float | None = None


def junit(reports: Iterable[Located], fails: Callable[[Verdict], bool], elapsed_s: float) -> str:
    """The document of findings about files, ending with a newline. ``fails``: which break the build.

    Those are failures, except that an UNKNOWN is an error: it could not be told. A file without a finding
    is one case that passes, or is skipped where it holds nothing to judge.
    """
    suites = (
        (name, [_case(finding, name, fails) for finding in findings] or [_quiet(name, verdict)])
        for name, verdict, findings in _suites(reports)
    )
    return junit_document(suites, elapsed_s)


def junit_document(suites: Iterable[tuple[str, list[Case]]], elapsed_s: float) -> str:
    """The document of named suites, ending with a newline; well-formed XML 1.0 whatever the texts hold.

    Schema: junit-10.xsd of the Jenkins xUnit plugin.
    """
    lines: list[str] = []
    totals = [0, 0, 0]
    for name, cases in suites:
        inside = [_inside(case) for case in cases]
        kinds = ("<failure ", "<error ", "<skipped ")
        counts = [sum(text.startswith(kind) for text in inside) for kind in kinds]
        totals = [have + more for have, more in zip(totals, (len(cases), *counts), strict=False)]
        skipped = f'skipped="{counts[2]}"'
        lines.append(f"  <testsuite name={_quoted(name)} {_counted(len(cases), *counts[:2])} {skipped}>")
        for case, text in zip(cases, inside, strict=True):
            time = f' time="{case.time_s:.3f}"' if case.time_s is not None else ""
            head = f"<testcase name={_quoted(case.name)} classname={_quoted(case.suite)}{time}>"
            lines.append(f"    {head}{text}</testcase>")
        lines.append("  </testsuite>")
    top = f'<testsuites name="pointsman" {_counted(*totals)} time="{elapsed_s:.3f}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', top, *lines, "</testsuites>", ""])


def finding_words(finding: Finding) -> str:
    """A finding in full, a line for each part."""
    words = [finding.summary, f"why: {finding.why}", f"mend: {finding.mend}"]
    words += [f"seen: {line}" for line in finding.evidence]
    return "\n".join([*words, *([f"try: {finding.reproduce}"] if finding.reproduce else [])])


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


def _counted(cases: int, failures: int, errors: int) -> str:
    return f'tests="{cases}" failures="{failures}" errors="{errors}"'


def _quiet(file: str, verdict: Verdict) -> Case:
    if verdict is Verdict.SKIP:
        return Case("nothing wrong found", file, verdict, "no object to judge")
    return Case("nothing wrong found", file, Verdict.PASS)


def _case(finding: Finding, file: str, fails: Callable[[Verdict], bool]) -> Case:
    return Case(
        f"{finding.rule} {finding.subject}",
        file,
        finding.verdict,
        finding.summary,
        finding_words(finding),
        finding.name,
        fails(finding.verdict),
    )


def _inside(case: Case) -> str:
    body = escape(_allowed(case.body))
    message, kind = _quoted(case.message), _quoted(case.kind)
    if case.verdict is Verdict.SKIP:
        return f"<skipped message={message}/>"
    if case.verdict is Verdict.UNKNOWN:
        return f"<error message={message} type={kind}>{body}</error>"
    if case.broken:
        return f"<failure message={message} type={kind}>{body}</failure>"
    return f"<system-out>{case.verdict.value} {body}</system-out>" if case.body else ""


def _quoted(text: str) -> str:
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    """Only what can be printed: that is less than what XML 1.0 can write, which has the terminal's C1."""
    return "".join(one if one.isprintable() or one == "\n" else "·" for one in text)
