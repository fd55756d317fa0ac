"""What is to be said of one request's traces: answered, failing, open, and whether both sides agree."""

from __future__ import annotations

import shlex
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from ...cluster.refs import ObjectRef
from ...cluster.routing.trace import Request, Sides, Trace, same_end
from ...cluster.snapshot import Snapshot
from ...cluster.text import clean
from ..verdict import Endpoint, Finding, Subject, Verdict, finding

Side = Literal["gateway", "ingress"]
SIDE_WORDS: Mapping[Side, str] = {"gateway": "a Gateway", "ingress": "an Ingress"}
_MOST_EVIDENCE = 8


def trace_verdict(trace: Trace) -> Verdict:
    """FAIL: a client meets an error. UNKNOWN: that hangs on something open. PASS: answered or redirected.

    A controller's word of the newest generation that its part does not work counts; an older one, or none,
    leaves it open.
    """
    if trace.doubts:
        return Verdict.UNKNOWN
    if not trace.works or any(claim.firm for claim in trace.claims):
        return Verdict.FAIL
    return Verdict.UNKNOWN if trace.claims else Verdict.PASS


def decisive(traces: Iterable[Trace], unread: Container[Side] = ()) -> tuple[Trace, ...]:
    """The traces that the answer rests on: those with a winner, and those in doubt of a side that has none;
    where no side has one, those of the Gateways that take the connection (of all, where none does) and of the
    Ingress controllers. That a side in ``unread`` (see ``unread_sides``) has no answer says nothing."""
    every = tuple(one for one in traces if one.winner is not None or one.side not in unread)
    sides = {one.side for one in every if one.winner is not None}
    if sides:
        return tuple(one for one in every if one.winner is not None or (one.side not in sides and one.doubts))
    listening = any(one.listener is not None for one in every)
    return tuple(one for one in every if one.side == "ingress" or one.listener is not None or not listening)


def unread_sides(snapshot: Snapshot, traces: Iterable[Trace], sides: Sides = "both") -> Mapping[Side, str]:
    """The sides that were asked, found no answer, and may have one: why it cannot be told."""
    answering = {one.side for one in traces if one.winner is not None}
    kinds: Mapping[Side, tuple[str, ...]] = {
        "gateway": ("Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute"),
        "ingress": ("Ingress",),
    }
    found: dict[Side, str] = {}
    for side, needed in kinds.items():
        if side in answering or sides not in (side, "both"):
            continue
        gaps = [f"{kind} objects {gap}" for kind in needed if (gap := snapshot.state_of(kind).gap)]
        if gaps:
            found[side] = gaps[0]
    return found


def request_findings(
    snapshot: Snapshot, request: Request, traces: Sequence[Trace], sides: Sides = "both"
) -> tuple[Finding, ...]:
    """One finding for each trace that the answer rests on, for each side of which nothing can be told, and
    one where the two sides differ."""
    unread = unread_sides(snapshot, traces, sides)
    found = [entry for trace in decisive(traces, unread) for entry in _of_trace(snapshot, request, trace)]
    for side, words in unread.items():
        rule = "GW802" if side == "gateway" else "MIG803"
        subject = Endpoint(f"{request.host}:{request.port}", request.host)
        told = f"whether {SIDE_WORDS[side]} answers it cannot be told: {words}"
        found.append(finding(rule, Verdict.UNKNOWN, subject, told))
    if not traces and not unread:
        found.append(_nobody(request))
    found += _sides(request, traces)
    return tuple(found)


def ends(traces: Iterable[Trace]) -> tuple[Trace | None, Trace | None, bool | None]:
    """The first winner of each side, and whether both end alike (None: one is missing, or in doubt)."""
    winners = [one for one in traces if one.winner is not None]
    gateway = next((one for one in winners if one.side == "gateway"), None)
    ingress = next((one for one in winners if one.side == "ingress"), None)
    return gateway, ingress, same_end(gateway, ingress) if gateway and ingress else None


def _of_trace(snapshot: Snapshot, request: Request, trace: Trace) -> Iterator[Finding]:
    fails, opens, answered = ("GW801", "GW802", "GW803")
    if trace.side == "ingress":
        fails, opens, answered = ("MIG802", "MIG803", "MIG804")
    subject = _subject(request, trace)
    reproduce = reproduce_command(snapshot, request, trace)
    evidence = _evidence(trace)
    summary = f"{request.method} {clean(request.url, 200)}: {trace.outcome.text}"
    if trace.doubts:
        text = f"{summary}; but {trace.doubts[0]}"
        yield finding(opens, Verdict.UNKNOWN, subject, text, evidence=evidence, reproduce=reproduce)
    elif not trace.works:
        yield finding(fails, Verdict.FAIL, subject, summary, evidence=evidence, reproduce=reproduce)
    else:
        yield finding(answered, Verdict.PASS, subject, summary, evidence=evidence, reproduce=reproduce)
    for claim in trace.claims:
        verdict = Verdict.FAIL if claim.firm else Verdict.UNKNOWN
        yield finding(
            "GW804",
            verdict,
            claim.subject,
            f"by the specs: {trace.outcome.text}; its controller: {claim.text}",
            evidence=[claim.text],
            reproduce=reproduce,
        )


def place(ref: ObjectRef, rule: int, match: int = 0) -> str:
    """An object with its rule and match as findings name them: ``rule-0`` is the first."""
    words = [clean(ref, 600)]
    words += [f"rule-{rule - 1}"] if rule else []
    words += [f"match-{match - 1}"] if match > 1 else []
    return " ".join(words)


def _subject(request: Request, trace: Trace) -> Subject:
    if trace.winner is not None:
        rule = trace.winner.rule_name or (f"rule-{trace.winner.rule - 1}" if trace.winner.rule else "")
        return trace.winner.ref.part(rule)
    if trace.listener is not None:
        return trace.listener
    return trace.gateway or Endpoint(f"{request.host}:{request.port}", request.host)


def _evidence(trace: Trace) -> list[str]:
    lines = []
    if trace.winner is not None:
        lines.append(f"{trace.edge}: {place(trace.winner.ref, trace.winner.rule)}: {trace.winner.how}")
    lines += [f"{one.name}: {one.text}" for one in trace.steps]
    lines += [
        f"{one.ref}:{one.port} {one.share * 100:.3g} % {one.detail or one.unchecked or 'answers'}"
        for one in trace.shares
    ]
    matched = [one for one in trace.losses if one.matched]
    lines += [f"lost: {place(one.ref, one.rule, one.match)}: {one.detail}" for one in matched]
    return lines[:_MOST_EVIDENCE]


def reproduce_command(snapshot: Snapshot, request: Request, trace: Trace) -> str:
    """The curl that asks this edge itself; its address is left to DNS where the status has none."""
    words = ["curl", "-sS", "-i"]
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != "GET":
        words += ["-X", request.method]
    address = _address(snapshot, trace)
    if address and request.sni:
        shown = f"[{address}]" if ":" in address else address
        words += ["--resolve", f"{request.sni}:{request.port}:{shown}"]
    for name, value in request.headers:
        words += ["-H", f"{name}: {value}"]
    return shlex.join([*words, request.url])


def _address(snapshot: Snapshot, trace: Trace) -> str:
    if trace.gateway is not None:
        gateway = snapshot.gateways.get(trace.gateway)
        found = [one.value for one in gateway.status.addresses] if gateway else []
    elif trace.winner is not None and (ingress := snapshot.ingresses.get(trace.winner.ref)) is not None:
        found = [one.ip for one in ingress.status.load_balancer.ingress if one.ip]
    else:
        found = []
    # curl wants a numeric address; a name is left to DNS
    return next((one for one in found if one and all(letter in "0123456789abcdef.:" for letter in one)), "")


def _nobody(request: Request) -> Finding:
    subject = Endpoint(f"{request.host}:{request.port}", request.host)
    return finding("GW801", Verdict.FAIL, subject, "there is no Gateway and no Ingress to take it")


def _sides(request: Request, traces: Sequence[Trace]) -> Iterator[Finding]:
    gateway, ingress, alike = ends(traces)
    if gateway is None or ingress is None or alike is not False:
        return
    assert ingress.winner is not None
    yield finding(
        "MIG801",
        Verdict.WARN,
        ObjectRef(
            ingress.winner.ref.kind,
            ingress.winner.ref.namespace,
            ingress.winner.ref.name,
            "",
            ingress.winner.ref.group,
        ),
        f"the Ingress side: {ingress.outcome.text}; the Gateway side: {gateway.outcome.text}",
        evidence=[*_evidence(ingress)[:3], *_evidence(gateway)[:3]],
    )
