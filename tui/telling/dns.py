"""A name's servers, its chain and its forecast as lines; the rows are the same for a screen that follows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ...cluster.text import clean
from ...probes.verdict import Finding, Verdict
from ...probes.wire.dns.facts import DnsFacts, DnsServerFacts
from ...probes.wire.dns.forecast import Drain, Gate, local_clock
from ...probes.wire.dns.state import propagation
from ...probes.wire.dns.zones import ADDRESS, Chain, Walk
from ..lines import EMPTY, Line, Span, Tone, count, fit, labelled, line, verdict_span
from .findings import finding_lines

_SIDE_TONE = {
    "old": Tone.DOUBT, "new": Tone.GOOD, "mixed": Tone.BAD, "other": Tone.BAD, "none": Tone.BAD,
    "no-answer": Tone.BAD,
}  # fmt: skip
_KIND = {"authoritative": "name server", "resolver": "resolver"}
_LEAST_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class PropagationRow:
    """One server's line of the table: which side it leads to, and since when it has said so.

    ``ttl`` in seconds as it was at ``asked_at``; ``since`` and ``asked_at`` are epoch seconds. ``detail``
    says why there is no answer.
    """

    name: str
    server: str
    host: str
    kind: str
    side: str
    ttl: int | None
    values: tuple[str, ...]
    since: float
    asked_at: float
    detail: str = ""

    @property
    def shows(self) -> tuple[object, ...]:
        """What a change is a change of: a resolver's TTL running down is none."""
        return self.side, self.values, self.detail, self.ttl if self.kind == "authoritative" else None

    def ttl_at(self, now: float) -> int | None:
        """The TTL now: an authoritative server's stands still, a resolver's runs down."""
        if self.ttl is None or self.kind == "authoritative":
            return self.ttl
        return max(0, self.ttl - int(now - self.asked_at))


def propagation_rows(
    facts: DnsFacts,
    old: Collection[str],
    new: Collection[str],
    before: Sequence[PropagationRow] = (),
) -> tuple[PropagationRow, ...]:
    """The table after this look; ``before`` is the table of the look before. Pure."""
    known = {(row.name, row.server): row for row in before}
    servers = {server.address: server for server in facts.servers}
    rows = []
    for side in propagation(facts, old, new):
        server = servers[side.address]
        row = PropagationRow(
            name=clean(facts.target.name, 255),
            server=clean(side.address, 80),
            host=clean(server.name, 120).rstrip("."),
            kind=side.kind,
            side=side.side,
            ttl=side.ttl,
            values=tuple(clean(value, 80) for value in side.values),
            since=facts.at,
            asked_at=facts.at,
            detail=_trouble(server) if side.side == "no-answer" else "",
        )
        former = known.get((row.name, row.server))
        if former is not None and (former.side, former.values) == (row.side, row.values):
            row = replace(row, since=former.since)
        rows.append(row)
    return tuple(rows)


def _trouble(server: DnsServerFacts) -> str:
    for answer in server.answers:
        if answer.error:
            return clean(f"{answer.error}: {answer.error_detail}", 120)
        if answer.rcode not in ("NOERROR", "NXDOMAIN"):
            return clean(answer.rcode, 40)
    return "not asked"


def row_line(
    row: PropagationRow, width: int, now: float, *, several: bool = False, sided: bool = True
) -> Line:
    """``name server  ns1.shop.test 192.0.2.53:53  old  TTL 60 s  192.0.2.1  since 12:00:03``."""
    ttl = row.ttl_at(now)
    shown = f"{row.host} {row.server}" if row.host else row.server
    # without sides every address is a stranger's: that is not worth a word
    side = row.side if sided or row.side in ("none", "no-answer") else ""
    head = [
        Span(" " + (fit(row.name, 24) + " " if several else "")),
        Span(f"{_KIND.get(row.kind, row.kind):<12}", Tone.DIM),
        Span(fit(shown, min(44, max(22, width // 3))) + " "),
        Span(f"{side:<10}", _SIDE_TONE.get(row.side, Tone.PLAIN)) if side or sided else Span(""),
        Span(f"TTL {f'{ttl} s' if ttl is not None else '-':<9}"),
    ]
    used = sum(len(span.text) for span in head)
    since = f"  since {local_clock(row.since)}" if sided else ""
    text = row.detail or ", ".join(row.values)
    room = width - used - len(since)
    if room < 8:
        return line(*head, Span(fit(text, max(width - used, 4)).rstrip(), Tone.DIM))
    return line(*head, Span(fit(text, room), Tone.DIM), Span(since, Tone.DIM))


def table_lines(rows: Sequence[PropagationRow], width: int, now: float, *, sided: bool = True) -> list[Line]:
    """A line for each server; without ``sided`` nothing is said of old and new."""
    several = len({row.name for row in rows}) > 1
    columns = max(width, _LEAST_COLUMNS)
    return [row_line(row, columns, now, several=several, sided=sided) for row in rows]


def change_line(row: PropagationRow, former: PropagationRow | None) -> str:
    """One change, for where nothing can be redrawn."""
    ttl = f" TTL {row.ttl} s" if row.ttl is not None else ""
    shown = row.detail or ", ".join(row.values) or "nothing"
    was = f" (was {former.side})" if former is not None and former.side != row.side else ""
    return clean(
        f"{local_clock(row.asked_at)} {row.name} {row.kind} {row.server} {row.side}{was}{ttl} {shown}", 400
    )


def tally(rows: Sequence[PropagationRow], wanted: str) -> str:
    """``3 of 5 servers show the new side``."""
    done = sum(row.side == wanted for row in rows)
    return f"{done} of {count(len(rows), 'server')} show the {wanted} side"


def name_lines(
    facts: DnsFacts,
    rows: Sequence[PropagationRow],
    findings: Sequence[Finding],
    width: int,
    *,
    sided: bool = True,
) -> list[Line]:
    """All that is told of one name: its servers, its chain, then what is wrong."""
    where = walk_words(facts.walk)
    lines = [line(" ", Span(clean(facts.target.name, 255), Tone.STRONG), Span(where, Tone.DIM))]
    lines += table_lines(rows, width, facts.at, sided=sided)
    if facts.chain is not None and facts.chain.hops:
        lines += labelled("chain", chain_words(facts.chain), width, indent=1)
    if facts.cut_short:
        lines += labelled("note", clean(facts.cut_short), width, Tone.DOUBT, indent=1)
    ordered = sorted(findings, key=lambda one: -one.verdict.badness)
    for one in ordered:
        gap = [EMPTY] if one.verdict not in (Verdict.PASS, Verdict.SKIP) else []
        lines += [*gap, *finding_lines(one, width, with_subject=True)]
    return lines


def brief_line(name: str, rows: Sequence[PropagationRow], findings: Sequence[Finding], width: int) -> Line:
    """One line for a name with nothing wrong, among many."""
    values = ", ".join(dict.fromkeys(value for row in rows for value in row.values))
    summary = next((one.summary for one in findings if one.verdict == Verdict.PASS), "")
    head = line(" ", verdict_span(Verdict.PASS, 8), fit(clean(name, 255), 40) + " ")
    room = max(width - sum(len(span.text) for span in head), 8)
    return (*head, Span(fit(f"{clean(summary, 120)}   {values}", room).rstrip(), Tone.DIM))


def walk_words(walk: Walk | None) -> str:
    """``   zone shop.test. of test., 2 servers listed``; empty where nobody walked."""
    if walk is None:
        return ""
    if not walk.zone:
        return f"   zone not found: {clean(walk.error, 200)}"
    parent = f" below {clean(walk.parent, 255)}" if walk.parent else ""
    return f"   zone {clean(walk.zone, 255)}{parent}, {count(len(walk.listed), 'server')} listed"


def chain_words(chain: Chain) -> str:
    """``a. 60 CNAME b. -> b. 300 A 192.0.2.1``, and how it ends where that is no address."""
    words = " -> ".join(
        f"{clean(hop.owner, 120)} {hop.ttl} {clean(hop.type, 10)} {clean(', '.join(hop.values), 160)}"
        for hop in chain.hops
        if hop.type != "HTTPS"
    )
    return words if chain.end == ADDRESS else f"{words}; ends: {chain.end}, {clean(chain.detail, 160)}"


def forecast_lines(drain: Drain, width: int, now: float, since: float | None) -> list[Line]:
    """When the last cache lets go, with its arithmetic, and from when on the record knows."""
    words = list(drain.words(now))
    if since is not None:
        words.append(f"the record begins at {local_clock(since)}; what stood before is not in the sum")
    lines: list[Line] = []
    for number, text in enumerate(words):
        lines += labelled("drain" if number == 0 else "", clean(text, 600), width, indent=1)
    return lines


def gate_lines(gate: Gate, width: int) -> list[Line]:
    """The gate's state and why."""
    tone = {"low": Tone.GOOD, "wait": Tone.DOUBT, "high": Tone.BAD}.get(gate.state, Tone.DOUBT)
    return labelled("gate", f"{gate.state}: {clean(gate.words, 600)}", width, tone, indent=1)
