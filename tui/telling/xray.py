"""The way of one request as lines: the same words on the screen and from the command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ...cluster.routing.model import Loss, Share
from ...cluster.routing.trace import Request, Sides, Trace
from ...cluster.snapshot import Snapshot
from ...cluster.text import clean
from ...probes.output import subject_document
from ...probes.state.request import (
    SIDE_WORDS,
    decisive,
    ends,
    place,
    reproduce_command,
    trace_verdict,
    unread_sides,
)
from ...probes.verdict import Verdict
from ..lines import EMPTY, Line, Span, Tone, command, count, labelled, line, verdict_span

_FEW, _MOST_FACTS = 12, 2_000


def xray_lines(
    snapshot: Snapshot,
    request: Request,
    traces: Sequence[Trace],
    width: int,
    *,
    sides: Sides = "both",
    everything: bool = False,
) -> list[Line]:
    """Everything about a request. ``everything`` lists each loser; else a few, and how many more."""
    lines: list[Line] = [line(" ", Span(clean(request.line, 2000), Tone.STRONG)), EMPTY]
    unread = unread_sides(snapshot, traces, sides)
    shown = decisive(traces, unread)
    for trace in shown:
        lines += _trace_lines(snapshot, request, trace, width, everything)
        lines.append(EMPTY)
    for side, words in unread.items():
        text = f"whether {SIDE_WORDS[side]} answers it cannot be told: {words}"
        lines += [*labelled("open", text, width, Tone.DOUBT, indent=1), EMPTY]
    if not traces and not unread:
        lines += [line(" ", Span("there is no Gateway and no Ingress to take it", Tone.DOUBT)), EMPTY]
    for trace in traces:
        if trace not in shown:
            lines += labelled("", f"{trace.edge}: {trace.outcome.text}", width, Tone.DIM, indent=1)
    return lines + ([] if unread else _ending(traces, width))


def _ending(traces: Sequence[Trace], width: int) -> list[Line]:
    gateway, ingress, alike = ends(traces)
    if gateway is None and ingress is None:
        return []
    if gateway is None or ingress is None:
        if len({one.side for one in traces}) < 2:
            return []
        side = "Ingress" if gateway is None else "Gateway"
        return labelled("both", f"only the {side} side has it", width, Tone.DIM, indent=1)
    if alike is None:
        return labelled("both", "whether both sides end alike cannot be told", width, Tone.DOUBT, indent=1)
    if alike:
        return labelled("both", "the Ingress side and the Gateway side end alike", width, Tone.GOOD, indent=1)
    text = f"DIFFERENT: Ingress {ingress.outcome.text}; Gateway {gateway.outcome.text}"
    return labelled("both", text, width, Tone.BAD, indent=1)


def _trace_lines(
    snapshot: Snapshot, request: Request, trace: Trace, width: int, everything: bool
) -> list[Line]:
    verdict = trace_verdict(trace)
    through = clean(trace.listener) if trace.listener else ""
    title = line(" ", verdict_span(verdict, 8), Span(clean(trace.edge, 200), Tone.STRONG))
    lines = [title]
    if trace.listener_text:
        lines += labelled("via", f"{through}  {trace.listener_text}".strip(), width, indent=3)
    if trace.winner is not None:
        won = trace.winner
        named = f" ({won.rule_name})" if won.rule_name else ""
        text = f"{place(won.ref, won.rule, won.match)}{named}: {won.how}; host {won.hostname}"
        lines += labelled("by", text, width, indent=3)
    for step in trace.steps:
        lines += labelled("does", f"{step.name}: {step.text}", width, indent=3)
    for text in trace.timeouts:
        lines += labelled("within", text, width, indent=3)
    for share in trace.shares:
        lines += _share_lines(share, width)
    tone = Tone.PLAIN if trace.works else Tone.BAD
    lines += labelled("client", trace.outcome.text, width, tone, indent=3)
    for claim in trace.claims:
        text = f"{clean(claim.subject)} says {claim.text}"
        lines += labelled("status", text, width, Tone.BAD if claim.firm else Tone.DOUBT, indent=3)
    for text in trace.doubts:
        lines += labelled("open", text, width, Tone.DOUBT, indent=3)
    for text in trace.notes:
        lines += labelled("note", text, width, Tone.DIM, indent=3)
    lines += command("try", reproduce_command(snapshot, request, trace), width, indent=3)
    return lines + _loss_lines(trace.losses, width, everything)


def _share_lines(share: Share, width: int) -> list[Line]:
    port = f":{share.port}" if share.port else ""
    health = f"{share.status}: {share.detail}" if share.status else share.unchecked or "answers"
    tone = Tone.BAD if share.status and share.share > 0 else Tone.PLAIN
    lines = labelled(
        "to", f"{clean(share.ref)}{port}  {share.share * 100:.3g} %  {health}", width, tone, indent=3
    )
    for step in share.steps:
        lines += labelled("", f"{step.name}: {step.text}", width, indent=3)
    return lines


def _loss_lines(losses: Sequence[Loss], width: int, everything: bool) -> list[Line]:
    ordered = sorted(losses, key=lambda one: (not one.matched, one.rule == 0, one.reason == "hostname"))
    shown = ordered if everything else ordered[:_FEW]
    lines: list[Line] = []
    for number, one in enumerate(shown):
        text = f"{place(one.ref, one.rule, one.match)}: {one.detail}"
        lines += labelled("lost" if number == 0 else "", text, width, Tone.DIM, indent=3)
    rest = Counter(one.reason for one in ordered[len(shown) :])
    if rest:
        told = ", ".join(f"{number} {reason}" for reason, number in rest.most_common())
        text = f"and {count(sum(rest.values()), 'other')}: {told}"
        lines += labelled("", text, width, Tone.DIM, indent=3)
    return lines


# --- the same as data ----------------------------------------------------------------------------


def xray_facts(request: Request, traces: Sequence[Trace]) -> dict[str, Any]:
    """What was worked out, for ``-o json``. Of very many losers the last are only counted."""
    _, _, alike = ends(traces)
    return {
        "request": {
            "method": request.method,
            "scheme": request.scheme,
            "host": request.host,
            "sni": request.sni,
            "port": request.port,
            "path": request.path,
            "query": [list(pair) for pair in request.query],
            "headers": [list(pair) for pair in request.headers],
        },
        "traces": [_trace_facts(trace) for trace in traces],
        "same_end": alike,
    }


def _trace_facts(trace: Trace) -> dict[str, Any]:
    won = trace.winner
    return {
        "side": trace.side,
        "edge": trace.edge,
        "verdict": trace_verdict(trace).value,
        "works": trace.works,
        "listener": subject_document(trace.listener) if trace.listener else None,
        "winner": None
        if won is None
        else {
            **subject_document(won.ref),
            "rule": _index(won.rule),
            "match": _index(won.match),
            "rule_name": won.rule_name,
            "hostname": won.hostname,
            "how": won.how,
        },
        "outcome": {
            "kind": trace.outcome.kind,
            "status": trace.outcome.status,
            "location": trace.outcome.location,
            "text": trace.outcome.text,
        },
        "steps": [{"name": one.name, "text": one.text} for one in trace.steps],
        "backends": [_share_facts(one) for one in trace.shares],
        "timeouts": list(trace.timeouts),
        "claims": [
            {**subject_document(one.subject), "text": one.text, "firm": one.firm} for one in trace.claims
        ],
        "doubts": list(trace.doubts),
        "notes": list(trace.notes),
        "lost": list(_loss_facts(trace.losses[:_MOST_FACTS])),
        "lost_left_out": max(len(trace.losses) - _MOST_FACTS, 0),
    }


def _index(number: int) -> int | None:
    """A place in the spec's list, from 0; None where the whole object is meant."""
    return number - 1 if number else None


def _share_facts(share: Share) -> dict[str, Any]:
    return {
        **subject_document(share.ref),
        "port": share.port,
        "share": round(share.share, 6),
        "status": share.status,
        "detail": share.detail,
        "unchecked": share.unchecked,
        "steps": [{"name": one.name, "text": one.text} for one in share.steps],
    }


def _loss_facts(losses: Iterable[Loss]) -> Iterable[dict[str, Any]]:
    for one in losses:
        yield {
            **subject_document(one.ref),
            "rule": _index(one.rule),
            "match": _index(one.match),
            "reason": one.reason,
            "detail": one.detail,
            "matched": one.matched,
        }


def overall(snapshot: Snapshot, traces: Sequence[Trace], sides: Sides = "both") -> Verdict:
    """The worst verdict of the traces that the answer rests on; FAIL where nobody takes the request.

    A side of which nothing can be told leaves it open.
    """
    unread = unread_sides(snapshot, traces, sides)
    found = [trace_verdict(trace) for trace in decisive(traces, unread)]
    found += [Verdict.UNKNOWN for _ in unread]
    return max(found, key=lambda verdict: verdict.badness, default=Verdict.FAIL)
