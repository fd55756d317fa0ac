"""Findings, routes and gateways as lines: the same words on the screens and from the commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.verdict import Finding, Verdict
from ..lines import (
    EMPTY,
    VERDICT_TONE,
    Line,
    Span,
    Tone,
    command,
    fit,
    labelled,
    line,
    verdict_span,
    wrapped,
)

if TYPE_CHECKING:
    from ...cluster.objects import Condition
    from ...cluster.rules.computed import Computed
    from ...probes.state.rows import ClassRow, GatewayRow, ListenerRow, ParentRow, RouteRow

_WORD = {
    Verdict.PASS: "ok",
    Verdict.WARN: "warn",
    Verdict.FAIL: "FAIL",
    Verdict.UNKNOWN: "unknown",
    Verdict.SKIP: "-",
}
_MARK = {Verdict.FAIL: "!", Verdict.UNKNOWN: "?", Verdict.WARN: "~"}
NEGATIVE_CONDITIONS = frozenset(
    {"Conflicted", "OverlappingTLSConfig", "InsecureFrontendValidationMode", "PartiallyInvalid"}
)


def word(verdict: Verdict, width: int = 8) -> Span:
    """The verdict as a column of a table says it."""
    tone = Tone.PLAIN if verdict == Verdict.PASS else VERDICT_TONE[verdict]
    return Span(f"{_WORD[verdict]:<{width}}", tone)


def mark(verdict: Verdict) -> Span:
    """One character before a row: ``!`` wrong, ``?`` could not tell, ``~`` doubtful."""
    return Span(_MARK.get(verdict, " "), VERDICT_TONE[verdict])


def finding_lines(finding: Finding, width: int, *, with_subject: bool = False) -> list[Line]:
    """A finding in full: what is so, why it matters, how to mend it, what was seen, what to try."""
    subject = clean(str(finding.subject)) if with_subject else ""
    summary = f"{subject}: {finding.summary}" if subject else finding.summary
    indent = 1 + 8 + len(finding.rule) + 2
    rows = wrapped(clean(summary, 2000), width - indent)
    lines = [line(" ", verdict_span(finding.verdict, 8), Span(finding.rule, Tone.STRONG), "  ", rows[0])]
    lines += [line(" " * indent, row) for row in rows[1:]]
    if finding.verdict in (Verdict.PASS, Verdict.SKIP):
        lines += [row for text in finding.evidence for row in labelled("seen", clean(text), width)]
    else:
        lines += labelled("why", clean(finding.why, 2000), width) if finding.why else []
        lines += labelled("mend", clean(finding.mend, 2000), width) if finding.mend else []
        for number, text in enumerate(finding.evidence):
            lines += labelled("seen" if number == 0 else "", clean(text), width)
    if finding.reproduce:
        lines += command("try", clean(finding.reproduce, 4000), width)
    return lines


def condition_line(condition: Condition, generation: int, width: int) -> Line:
    """A condition: type, status, reason, and which generation it speaks for where that is an older one."""
    negative = condition.type in NEGATIVE_CONDITIONS
    good = condition.status == ("False" if negative else "True")
    tone = Tone.PLAIN if good else (Tone.DOUBT if condition.status == "Unknown" else Tone.BAD)
    observed = condition.observed_generation
    stale = observed is not None and generation and observed < generation
    spans = [
        Span("     "),
        Span(fit(clean(condition.type), 22) + " ", tone),
        Span(f"{clean(condition.status, 8):<8} ", tone),
        Span(clean(condition.reason, 60), tone if not good else Tone.PLAIN),
    ]
    if stale:
        spans.append(Span(f"  generation {observed} of {generation}: stale", Tone.DOUBT))
    if not good and condition.message:
        used = sum(len(span.text) for span in spans) + 2
        spans.append(Span("  " + clean(condition.message, max(width - used, 20)), Tone.DIM))
    return tuple(spans)


def conditions_block(
    title: Line,
    conditions: Sequence[Condition],
    generation: int,
    width: int,
    by_specs: Sequence[Computed] = (),
) -> list[Line]:
    """A title and its conditions, or that there are none; below each what the specs give where it differs."""
    lines = [title]
    if not conditions:
        lines.append(line("     ", Span("no conditions: nobody has answered", Tone.DOUBT)))
    computed = {one.type: one for one in by_specs}
    for condition in conditions:
        lines.append(condition_line(condition, generation, width))
        ours = computed.pop(condition.type, None)
        if ours is not None and ours.status not in (condition.status, "Unknown"):
            lines.append(_specs_line("by the specs", ours, width))
    for ours in computed.values():
        bad = "True" if ours.type in NEGATIVE_CONDITIONS else "False"
        if ours.status == bad or (not conditions and ours.status == "Unknown"):
            lines.append(_specs_line(f"specs: {ours.type}", ours, width))
    return lines


def _specs_line(label: str, computed: Computed, width: int) -> Line:
    # under the columns of the condition that it differs from; what does not fit gives way to the reason
    spans = [
        Span("     "),
        Span(fit(label, 22) + " ", Tone.DOUBT),
        Span(f"{computed.status:<8} ", Tone.DOUBT),
        Span(clean(computed.reason, 40), Tone.DOUBT),
    ]
    left = width - sum(len(span.text) for span in spans) - 2
    if computed.detail and left >= 12:
        spans.append(Span("  " + clean(computed.detail, left), Tone.DIM))
    return tuple(spans)


def short(ref: ObjectRef) -> str:
    """``namespace/name/section`` without the kind, for where the kind is plain."""
    path = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    return clean(f"{path}/{ref.section}" if ref.section else path)


def all_findings(findings: Sequence[Finding], width: int, *, with_subject: bool) -> list[Line]:
    """Every finding with an empty line behind it, or that there is none."""
    if not findings:
        return [line(" ", verdict_span(Verdict.PASS), "nothing wrong found"), EMPTY]
    told = (finding_lines(finding, width, with_subject=with_subject) for finding in findings)
    return [entry for lines in told for entry in (*lines, EMPTY)]


def route_lines(row: RouteRow, findings: Sequence[Finding], generation: int, width: int) -> list[Line]:
    """A route: its findings, then what every controller says for every parent."""
    lines = all_findings(findings, width, with_subject=False)
    lines.append(
        line(" ", Span("hosts  ", Tone.DIM), clean(", ".join(row.hostnames) or "any host of its listeners"))
    )
    for parent in row.parents:
        lines += _parent_block(parent, generation, width)
    if not row.parents:
        lines.append(line(" ", Span("no parent: the route is attached to nothing", Tone.DOUBT)))
    return lines


def _parent_block(parent: ParentRow, generation: int, width: int) -> list[Line]:
    """One controller's word on one parent. What may be long stands last, or on lines of its own."""
    title = line(
        " ",
        Span("parent ", Tone.DIM),
        Span(short(parent.parent), Tone.STRONG),
        "  claimed ",
        word(parent.claimed, 0),
        "  attaches ",
        word(parent.computed, 0),
        Span(f"  by {clean(parent.controller) or 'no controller'}", Tone.DIM),
        Span(" (not its parent's controller, or stale)" if parent.foreign else "", Tone.DOUBT),
    )
    block = conditions_block(title, parent.conditions, generation, width, parent.by_specs)
    if parent.detail and parent.computed != Verdict.PASS:
        note = [line("     ", Span(row, Tone.DIM)) for row in wrapped(clean(parent.detail), width - 6)]
        block[1:1] = note
    return block


def gateway_lines(row: GatewayRow, findings: Sequence[Finding], generation: int, width: int) -> list[Line]:
    """A Gateway: findings, addresses, its conditions, and each listener's."""
    lines = all_findings(findings, width, with_subject=True)
    addresses = ", ".join(clean(address) for address in row.addresses) or "none"
    lines.append(line(" ", Span("class  ", Tone.DIM), f"{clean(row.class_name)}, {clean(row.controller)}"))
    lines.append(line(" ", Span("addresses ", Tone.DIM), addresses))
    title = line(" ", Span("gateway", Tone.STRONG))
    lines += conditions_block(title, row.conditions, generation, width, row.by_specs)
    for listener in row.listeners:
        lines += listener_block(listener, generation, width)
    return lines


def listener_block(listener: ListenerRow, generation: int, width: int) -> list[Line]:
    """One listener with its conditions."""
    host = clean(listener.hostname) or "any host"
    title = line(
        " ",
        Span("listener ", Tone.DIM),
        Span(clean(listener.ref.section), Tone.STRONG),
        f"  {clean(listener.protocol)} :{listener.port}  {host}  {listener.attached_routes} routes",
    )
    return conditions_block(title, listener.conditions, generation, width, listener.by_specs)


def class_lines(row: ClassRow, findings: Sequence[Finding], width: int) -> list[Line]:
    """A GatewayClass and who claims it."""
    lines = all_findings(findings, width, with_subject=True)
    lines.append(line(" ", Span("controller ", Tone.DIM), clean(row.controller)))
    return lines + conditions_block(line(" ", Span("class", Tone.STRONG)), row.conditions, 0, width)
