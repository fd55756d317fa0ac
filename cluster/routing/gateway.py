"""One Gateway's whole answer to a request: listener, route, filters, backends."""

from __future__ import annotations

from dataclasses import dataclass

from ..objects import PathMatch, Route
from ..refs import ObjectRef
from ..rules.references import Endpoints, backend_faults
from ..rules.topology import BoundListener, Topology
from ..text import clean
from .backends import route_shares, shares_outcome
from .filters import apply_filters
from .habits import habits_of, name_doubts, rule_doubts
from .http import Candidate, attached_routes, candidates, lose_to, ordering_doubts
from .listeners import (
    choose_listener,
    condition_claim,
    handshake_fault,
    listener_claims,
    misdirected,
)
from .model import Claim, Draft, Outcome, Share, Step, Trace, Winner
from .request import Request

_UNNORMAL = ("//", "/./", "/../", "%2f", "%2F", "%5c", "%5C")


@dataclass(frozen=True, slots=True)
class _Rule:
    """What the winning rule does."""

    outcome: Outcome
    steps: tuple[Step, ...] = ()
    shares: tuple[Share, ...] = ()
    timeouts: tuple[str, ...] = ()


def trace_gateway(topology: Topology, gateway: ObjectRef, request: Request, endpoints: Endpoints) -> Trace:
    """What this Gateway does with the request, by the specs alone; ``claims`` say where a status differs.

    An unknown Gateway has no listeners, so the connection is refused.
    """
    draft = Draft()
    controller = habits_of(topology, gateway)
    taken = choose_listener(topology, gateway, request, draft)
    if taken.bound is None:
        assert taken.outcome is not None
        if any(one.reason == "hostname" for one in draft.losses):
            draft.doubts += name_doubts(controller, request)
        return _trace(gateway, None, draft, _Rule(taken.outcome), None)
    bound = taken.bound
    draft.claims += listener_claims(topology, bound)
    stopped = handshake_fault(topology, bound, draft) or misdirected(topology, bound, request)
    if stopped is not None:
        draft.doubts += name_doubts(controller, request)
        return _trace(gateway, bound, draft, _Rule(stopped), None)
    kinds, host = _kinds(bound, request)
    found = attached_routes(topology, bound, kinds, host, draft)
    matched = candidates(found, request, draft)
    if not matched:
        return _trace(gateway, bound, draft, _Rule(_nothing(bound, kinds, draft)), None)
    winner = matched[0]
    lose_to(winner, matched[1:], draft)
    ordering_doubts(winner, matched[1:], found, draft)
    rule = _work(topology, endpoints, winner, request, draft)
    draft.doubts += rule_doubts(controller, bound, matched, request)
    _claims_of_route(topology, bound, winner.route, endpoints, draft)
    return _trace(gateway, bound, draft, rule, winner)


def _kinds(bound: BoundListener, request: Request) -> tuple[tuple[str, ...], str]:
    match bound.listener.protocol:
        case "TLS":
            return ("TLSRoute",), request.sni
        case "TCP":
            return ("TCPRoute",), request.sni
        case _:
            return ("HTTPRoute", "GRPCRoute"), request.host


def _nothing(bound: BoundListener, kinds: tuple[str, ...], draft: Draft) -> Outcome:
    if "HTTPRoute" not in kinds:
        return Outcome("refused", f"no {kinds[0]} takes it: the connection is closed")
    if draft.doubts:
        return Outcome("error", "404 unless what could not be evaluated matches", 404)
    here = [one for one in draft.losses if one.rule]
    why = (
        "no rule matches" if here else f"no route of listener {clean(bound.listener.name, 253)} has the host"
    )
    return Outcome("error", f"404: {why}", 404)


def _work(
    topology: Topology, endpoints: Endpoints, winner: Candidate, request: Request, draft: Draft
) -> _Rule:
    route, rule = winner.route, winner.route.spec.rules[winner.rule]
    offline = topology.snapshot.offline
    if route.kind not in ("HTTPRoute", "GRPCRoute"):
        shares = route_shares(topology, endpoints, route, winner.rule, request)
        draft.judge_health(shares, offline=offline)
        outcome = shares_outcome(shares, route.kind)
        if outcome.kind == "backend":
            outcome = Outcome("passthrough", f"the bytes are handed on; {outcome.text}")
        else:
            outcome = Outcome("refused", f"the connection is closed ({outcome.text.partition(': ')[2]})")
        return _Rule(outcome, (), shares)
    matched = _path_match(winner)
    filtered = apply_filters(rule.filters, request, matched, route.meta.namespace)
    for what in filtered.open_:
        draft.notes.append(f"{what} may answer differently: its effect is not worked out here")
    draft.doubts += filtered.faults
    _notes_on(winner, request, draft)
    timeouts = _times(rule.timeouts, rule.retry)
    if filtered.outcome is not None:
        return _Rule(filtered.outcome, filtered.steps, (), timeouts)
    shares = route_shares(topology, endpoints, route, winner.rule, request, matched)
    draft.judge_health(shares, offline=offline)
    return _Rule(shares_outcome(shares, route.kind), filtered.steps, shares, timeouts)


def _path_match(winner: Candidate) -> PathMatch | None:
    matches = winner.route.spec.rules[winner.rule].matches
    return (matches[winner.match].path if matches else None) or PathMatch()


def _notes_on(winner: Candidate, request: Request, draft: Draft) -> None:
    if any(sign in request.path for sign in _UNNORMAL):
        draft.notes.append(
            "the path is not in normal form: whether it is rewritten first is up to the data plane"
        )
    grpc = request.method == "POST" and (request.header("content-type") or "").startswith("application/grpc")
    if winner.route.kind == "GRPCRoute" and not grpc:
        draft.doubts.append(
            "a GRPCRoute wins, and the request is no gRPC call (POST, content-type application/grpc)"
        )


def _times(timeouts: dict[str, object] | None, retry: dict[str, object] | None) -> tuple[str, ...]:
    lines = [f"{clean(name, 40)} {clean(value, 40)}" for name, value in (timeouts or {}).items()]
    if retry:
        lines.append("retry " + ", ".join(f"{clean(k, 40)} {clean(v, 60)}" for k, v in retry.items()))
    return tuple(lines)


# --- what the controller says of the route -------------------------------------------------------


def _claims_of_route(
    topology: Topology, bound: BoundListener, route: Route, endpoints: Endpoints, draft: Draft
) -> None:
    gateway = topology.snapshot.gateways.get(bound.gateway)
    controller = topology.controller_of(gateway) if gateway is not None else None
    whole = {bound.gateway, bound.owner}
    answered = False
    for entry in route.status.parents:
        if entry.parent_ref.target(route.meta.namespace).whole not in whole:
            continue
        if controller is not None and entry.controller_name != controller:
            continue
        if entry.parent_ref.section_name not in (None, "", bound.listener.name):
            continue
        answered = True
        for one in entry.conditions:
            if one.type == "Accepted" and one.status != "True":
                draft.claims.append(condition_claim(route.ref, one, route.meta.generation))
            elif one.type == "ResolvedRefs" and one.status != "True":
                _unresolved(
                    topology, route, endpoints, draft, condition_claim(route.ref, one, route.meta.generation)
                )
    if not answered and not topology.snapshot.offline:
        draft.claims.append(Claim(route.ref, "no controller has answered for this parent", firm=False))


def _unresolved(topology: Topology, route: Route, endpoints: Endpoints, draft: Draft, claim: Claim) -> None:
    # a fault of another rule explains the condition, and does not touch this request
    if not any(fault.fault != "no-endpoints" for fault in backend_faults(topology, endpoints, route)):
        draft.claims.append(Claim(claim.subject, claim.text, firm=False))


def _trace(
    gateway: ObjectRef, bound: BoundListener | None, draft: Draft, rule: _Rule, winner: Candidate | None
) -> Trace:
    listener_text = ""
    if bound is not None:
        host = clean(bound.listener.hostname or "any host", 253)
        listener_text = f"{clean(bound.listener.protocol, 40)} :{bound.listener.port}, {host}"
    return Trace(
        side="gateway",
        edge=clean(gateway),
        outcome=rule.outcome,
        gateway=gateway,
        listener=bound.ref if bound else None,
        listener_text=listener_text,
        winner=_winner(winner) if winner else None,
        steps=rule.steps,
        shares=rule.shares,
        timeouts=rule.timeouts,
        losses=tuple(draft.losses),
        claims=tuple(draft.claims),
        doubts=tuple(draft.doubts),
        notes=tuple(dict.fromkeys(draft.notes)),
    )


def _winner(winner: Candidate) -> Winner:
    name = winner.route.spec.rules[winner.rule].name
    return Winner(
        winner.route.ref,
        winner.rule + 1,
        winner.match + 1,
        clean(name or "", 253),
        clean(winner.hostname or "any host", 253),
        winner.matching.how,
    )
