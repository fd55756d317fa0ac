"""What a watch means. Pure."""

from __future__ import annotations

from ...cluster.text import clean
from ..verdict import Endpoint, Finding, Verdict, finding
from ..wire.http.facts import HttpFacts, HttpRequest
from ..wire.http.judge import safe_reproduce
from .decision import WatchVerdict, percent
from .state import NEW, SideView, WatchState

_RULES = {
    WatchVerdict.PASS: ("MON001", Verdict.PASS),
    WatchVerdict.INCONCLUSIVE: ("MON002", Verdict.UNKNOWN),
    WatchVerdict.ABORT: ("MON003", Verdict.FAIL),
    WatchVerdict.HOLD: ("MON004", Verdict.FAIL),
}


def judge(state: WatchState, request: HttpRequest) -> tuple[Finding, ...]:
    """The findings on a watch, at least one; ``request`` is one of the new side's, for subject and
    command.
    """
    subject = Endpoint(clean(request.address, 80), clean(request.host, 255))
    command = _command(request)
    lines = evidence(state)
    rule, verdict = _RULES[state.verdict]
    found = [finding(rule, verdict, subject, state.decision.reason, evidence=lines, reproduce=command)]
    if state.new.handshake_failures:
        words = f"{state.new.handshake_failures} of {state.new.requests} handshakes with the new side failed"
        found.append(finding("MON005", Verdict.WARN, subject, words, evidence=lines, reproduce=command))
    missing_paths = state.new.count("404")
    if missing_paths > state.old.count("404"):
        words = f"{missing_paths} of {state.new.requests} requests to the new side met 404"
        found.append(finding("MON006", Verdict.WARN, subject, words, evidence=lines, reproduce=command))
    return tuple(found)


def _command(request: HttpRequest) -> str:
    return safe_reproduce(HttpFacts(request))


def evidence(state: WatchState) -> tuple[str, ...]:
    """The numbers of both sides, the evidence, and the last errors of the new side."""
    decision = state.decision
    last = [sample for sample in state.recent_errors if sample.side == NEW][-5:]
    return (
        _line("new", state.new),
        _line("old", state.old),
        *_counted(state),
        f"evidence {decision.evidence:.3g}, alarm at {decision.threshold:g}",
        f"an error rate of {percent(decision.detectable)} would have been seen in {state.elapsed_s:.0f} s",
        *(
            f"at {sample.at_s:.1f} s {clean(sample.path, 80)}: {sample.kind} {clean(sample.detail, 80)}"
            for sample in last
        ),
    )


def _counted(state: WatchState) -> tuple[str, ...]:
    """What each side says of itself, with its source; what it cannot say, and what is missing."""
    sides = (("new", state.traffic.new), ("old", state.traffic.old)) if state.traffic is not None else ()
    lines = []
    for name, side in sides:
        if side is None:
            continue
        counts = {
            "requests": side.requests,
            "5xx": side.errors_5xx,
            "404": side.not_found,
            "handshakes": side.handshakes,
            "failed handshakes": side.handshake_failures,
        }
        told = [f"{count:.0f} {word}" for word, count in counts.items() if count is not None]
        why = clean("; ".join(side.problems[:1]), 160) or "something was missed"
        whole = "" if side.complete else f" (incomplete: {why})"
        lines.append(f"{name} by its own count, {side.source}: {', '.join(told) or 'nothing told'}{whole}")
    return tuple(lines)


def _line(name: str, side: SideView) -> str:
    if not side.requests:
        return f"{name}: no requests"
    kinds = ", ".join(f"{count} {kind}" for kind, count in side.kinds)
    times = f", p50 {side.p50_ms:g} ms, p95 {side.p95_ms:g} ms" if side.p95_ms and side.p50_ms else ""
    return f"{name}: {side.requests} requests, {side.errors} errors ({kinds}){times}"
