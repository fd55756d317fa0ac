"""A checklist's answers for other programs: JUnit XML for a CI, Markdown for a pull request. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...cluster.text import clean
from ...probes.output_junit import Case, finding_words, junit_document
from ...probes.verdict import Finding, Verdict
from ..plans.model import Plan
from ..terms import CheckResult

_MOST_FINDINGS = 10
_MOST_EVIDENCE = 8
# what Markdown, or the HTML inside it, would act on
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&@:])")


def junit_of(plan: Plan, results: Sequence[CheckResult], elapsed_s: float) -> str:
    """A suite with a case for each check. A FAIL is a failure; an UNKNOWN an error, for it opens no gate."""
    name = f"{plan.name}: {plan.hosts[0]}" + (f" and {len(plan.hosts) - 1} more" if plan.hosts[1:] else "")
    return junit_document([(name, [_case(plan, result) for result in results])], elapsed_s)


def _case(plan: Plan, result: CheckResult) -> Case:
    wrong = _wrong(result)
    return Case(
        name=f"{result.check.number} {result.check.title}",
        suite=f"{plan.name}.{result.check.id}",
        verdict=result.verdict,
        message=result.headline,
        body="\n\n".join([result.headline, *map(finding_words, wrong)]),
        kind=", ".join(dict.fromkeys(item.name for item in wrong)) or result.check.probe,
        broken=result.verdict is Verdict.FAIL,
        time_s=result.elapsed_ms / 1000,
    )


def markdown_of(plan: Plan, results: Sequence[CheckResult], verdict: Verdict) -> str:
    """A heading, a table, and what is wrong in full; ends with a newline. Nothing of a text is markup."""
    shown = plan.hosts if len(plan.hosts) <= _MOST_FINDINGS else plan.hosts[:3]
    more = f" and {len(plan.hosts) - len(shown)} more" if len(shown) < len(plan.hosts) else ""
    old, new = (_code(", ".join(side.addresses)) for side in (plan.old, plan.new))
    lines = [
        f"### {verdict.value}: {_text(plan.name)}",
        "",
        f"{_text(', '.join(shown))}{more}: from {old} to {new} by Gateway {_code(str(plan.gateway))}",
        "",
        "| | Check | Answer | Seconds |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {result.verdict.value} | {result.check.number} {_text(result.check.title)} "
        f"| {_text(result.headline)} | {result.elapsed_ms / 1000:.1f} |"
        for result in results
    ]
    for result in results:
        lines += _details(result)
    return "\n".join([*lines, ""])


def _details(result: CheckResult) -> Iterable[str]:
    wrong = _wrong(result)
    if not wrong:
        return
    yield from ("", f"#### {result.verdict.value}: {_text(result.check.title)}")
    for item in wrong[:_MOST_FINDINGS]:
        yield from ("", f"**{item.rule}** {_text(item.summary)}", "", f"- why: {_text(item.why)}")
        yield f"- mend: {_text(item.mend)}"
        if item.evidence or item.reproduce:
            yield ""
            command = [f"$ {item.reproduce}"] if item.reproduce else []
            yield from _fenced([*item.evidence[:_MOST_EVIDENCE], *command])
    if wrong[_MOST_FINDINGS:]:
        yield from ("", f"and {len(wrong) - _MOST_FINDINGS} more")


def _wrong(result: CheckResult) -> list[Finding]:
    """What is neither PASS nor SKIP, the worst first."""
    wrong = [item for item in result.findings if item.verdict not in (Verdict.PASS, Verdict.SKIP)]
    return sorted(wrong, key=lambda item: -item.verdict.badness)


def _text(text: str) -> str:
    """One line in which nothing is markup, no name is mentioned and nothing becomes a link."""
    # forges look for @name and #1 in what is already rendered: only a character between stops them
    return re.sub(r"(\\[@#])", "\\1\u200b", _MARKUP.sub(r"\\\1", clean(text, 600)))


def _code(text: str) -> str:
    return f"`{clean(text, 300).replace('`', chr(39))}`"


def _fenced(texts: Iterable[str]) -> list[str]:
    lines = [clean(part, 2000) for text in texts for part in text.split("\n")]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]
