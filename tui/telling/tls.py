"""TLS targets as lines: what was found, and what was served; for one at length, for many a line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ...cluster.text import clean
from ...probes.verdict import Finding, Verdict, worst
from ...probes.wire.tls.evidence import certificate_line, distinct, leaf_line
from ...probes.wire.tls.facts import NO_ANSWER, Handshake, TlsFacts
from ..lines import (
    EMPTY,
    Line,
    Span,
    Tone,
    command,
    count,
    fit,
    labelled,
    line,
    seconds,
    verdict_span,
    wrapped,
)

_TALLIED = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN, Verdict.PASS, Verdict.SKIP)
_MOST_DETAILS = 20
_LABEL = 9


def target_lines(facts: TlsFacts, findings: Sequence[Finding], width: int) -> list[Line]:
    """The findings, worst first, then everything that was served, then the commands that show it."""
    lines = _finding_lines(findings, width)
    lines += [EMPTY, *served_lines(facts, width), EMPTY]
    for text in dict.fromkeys(one.reproduce for one in findings if one.reproduce):
        lines += command("try", clean(text, 4000), width)
    return lines


def finding_block(findings: Sequence[Finding], width: int) -> list[Line]:
    """Findings without facts of their own: with what was seen, and the commands."""
    lines = _finding_lines(findings, width)
    seen = dict.fromkeys(text for one in findings for text in one.evidence)
    if seen:
        lines.append(EMPTY)
    for number, text in enumerate(seen):
        lines += labelled("seen" if number == 0 else "", clean(text), width)
    for text in dict.fromkeys(one.reproduce for one in findings if one.reproduce):
        lines += command("try", clean(text, 4000), width)
    return lines


def _finding_lines(findings: Iterable[Finding], width: int) -> list[Line]:
    lines: list[Line] = []
    for one in sorted(findings, key=lambda finding: -finding.verdict.badness):
        indent = 1 + 8 + len(one.rule) + 2
        rows = wrapped(clean(one.summary, 2000), width - indent)
        lines.append(line(" ", verdict_span(one.verdict, 8), Span(one.rule, Tone.STRONG), "  ", rows[0]))
        lines += [line(" " * indent, row) for row in rows[1:]]
        if one.verdict not in (Verdict.PASS, Verdict.SKIP):
            lines += labelled("why", clean(one.why, 2000), width) if one.why else []
            lines += labelled("mend", clean(one.mend, 2000), width) if one.mend else []
    return lines


def title_line(facts: TlsFacts, side: str = "") -> Line:
    """``203.0.113.10:443  shop.example.com  13 handshakes in 0.2 s``."""
    made = len(_all(facts))
    return line(
        " ",
        Span(f"{side}  " if side else "", Tone.DIM),
        Span(clean(facts.target.endpoint, 80), Tone.STRONG),
        f"  {clean(facts.target.name, 120)}",
        Span(f"  {count(made, 'handshake')} in {seconds(facts.elapsed_ms / 1000)}", Tone.DIM),
    )


def _all(facts: TlsFacts) -> list[Handshake]:
    others = [one for one in (facts.random_name, facts.no_name) if one is not None]
    made = [*facts.named, *others, *facts.versions, *facts.alpn, *facts.keys]
    return [one for one in made if one.error != "not-tried"]


def served_lines(facts: TlsFacts, width: int) -> list[Line]:
    """What was served: chains, versions, protocols, both kinds of certificate, staple, other names."""
    lines: list[Line] = []
    for handshake in distinct(facts.named):
        lines += _chain_lines(facts, handshake, width)
    for words, other in (("random", facts.random_name), ("no name", facts.no_name)):
        if other is not None:
            lines += _row(words, _stranger(facts, other), width)
    if facts.versions:
        told = [_version(one) for one in facts.versions]
        lines += _row("versions", "   ".join(told), width)
    if facts.alpn:
        lines += _row("ALPN", "   ".join(_protocol(one) for one in facts.alpn), width)
    for one in facts.keys:
        lines += _row(one.offer.removeprefix("key ").upper(), _key(facts, one), width)
    return lines


def _chain_lines(facts: TlsFacts, handshake: Handshake, width: int) -> list[Line]:
    same = [one for one in facts.named if one.chain == handshake.chain]
    times = f"{len(same)} of {len(facts.named)} times" if len(facts.named) > 1 else "once"
    if handshake.error:
        words = f"{clean(handshake.error, 20)}: {clean(handshake.error_detail, 160)}"
        lines = _row("asked", f"{times}: {words}", width)
    else:
        agreed = (handshake.version, handshake.alpn or "no ALPN", handshake.group, handshake.cipher)
        lines = _row("asked", f"{times}: {'  '.join(clean(part, 60) for part in agreed if part)}", width)
    more = handshake.certificates - len(handshake.chain)
    for index, text in enumerate(handshake.chain):
        lines += _row("chain" if index == 0 else "", f"{index}  {certificate_line(text)}", width)
    if more > 0:
        lines += _row("", f"and {count(more, 'certificate')} more, not looked at", width)
    if handshake.chain:
        size = len(handshake.staple) * 3 // 4
        lines += _row("staple", f"{size} bytes" if size else "none", width)
    if handshake.client_certificate_wanted:
        lines += _row("client", _client(handshake), width)
    return lines


def _client(handshake: Handshake) -> str:
    names = ", ".join(clean(name, 80) for name in handshake.client_cas[:3])
    more = len(handshake.client_cas) - 3
    of = f" of {names}{f' and {more} more' if more > 0 else ''}" if names else ""
    ends = (
        "; refused without one"
        if handshake.client_certificate_required
        else "; the handshake goes on without"
    )
    return f"a certificate{of} is asked for{ends}"


def _stranger(facts: TlsFacts, other: Handshake) -> str:
    if other.chain and any(other.chain == one.chain for one in facts.named):
        return "the same chain"
    return leaf_line(other)


def _version(handshake: Handshake) -> str:
    name = clean(handshake.offer, 20).replace("TLSv", "")
    name = f"{name}.0" if "." not in name else name
    if handshake.version == handshake.offer:
        return f"{name} yes"
    return f"{name} {'unknown' if handshake.error in NO_ANSWER else 'no'}"


def _protocol(handshake: Handshake) -> str:
    offered = clean(handshake.offer.removeprefix("alpn").strip(), 40) or "none"
    if handshake.error:
        shown = "unknown" if handshake.error in NO_ANSWER else "refused"
    else:
        shown = clean(handshake.alpn, 40) or "none"
    return f"{offered} → {shown}"


def _key(facts: TlsFacts, handshake: Handshake) -> str:
    if handshake.chain and any(handshake.chain == one.chain for one in facts.named):
        return "the same chain"
    return leaf_line(handshake)


def _row(label: str, text: str, width: int) -> list[Line]:
    rows = wrapped(text, width - 5 - _LABEL)
    first = line("     ", Span(f"{label:<{_LABEL}}", Tone.DIM), rows[0])
    return [first, *(line(" " * (5 + _LABEL), row) for row in rows[1:])]


# -- many


def many_lines(
    judged: Sequence[tuple[TlsFacts, Sequence[Finding]]], elapsed_s: float, width: int
) -> list[Line]:
    """How many of each verdict, a line for each target, worst first, and what is bad at length."""
    ordered = sorted(judged, key=lambda one: -_verdict(one[1]).badness)
    counted = Counter(_verdict(findings) for _, findings in judged)
    tally = "  ".join(f"{counted[verdict]} {verdict.value}" for verdict in _TALLIED if counted[verdict])
    title = line(" ", Span(count(len(judged), "target"), Tone.STRONG), f"   {tally}",
                 Span(f"   {seconds(elapsed_s)}", Tone.DIM))  # fmt: skip
    lines = [title, *(_many_line(facts, findings, width) for facts, findings in ordered)]
    bad = [one for one in ordered if _verdict(one[1]) in (Verdict.FAIL, Verdict.UNKNOWN)]
    for facts, findings in bad[:_MOST_DETAILS]:
        worse = [one for one in findings if one.verdict not in (Verdict.PASS, Verdict.SKIP)]
        lines += [EMPTY, title_line(facts), *target_lines(facts, worse, width)]
    if len(bad) > _MOST_DETAILS:
        more = f"{len(bad) - _MOST_DETAILS} more are bad; -o json tells all of them at length"
        lines += [EMPTY, line(" ", Span(more, Tone.DOUBT))]
    return lines


def _verdict(findings: Sequence[Finding]) -> Verdict:
    return worst(one.verdict for one in findings)


def _many_line(facts: TlsFacts, findings: Sequence[Finding], width: int) -> Line:
    told = max(findings, key=lambda one: one.verdict.badness)
    name, place = clean(facts.target.name, 120), clean(facts.target.endpoint, 60)
    head = f"{name}  {place}"
    start = fit(head, max(len(head), 44)) + "  "
    room = max(width - 1 - 8 - len(start) - len(told.rule) - 2, 20)
    summary = clean(told.summary, 400)
    return line(
        " ",
        verdict_span(told.verdict, 8),
        start,
        Span(f"{told.rule}  ", Tone.DIM),
        summary if len(summary) <= room else fit(summary, room),
    )
