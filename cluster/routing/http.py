"""The Gateway side: which route, rule and match of a listener take a request, and why the others do not.

API: HTTPRouteSpec.hostnames, HTTPRouteRule.matches, GRPCRouteSpec.hostnames, GRPCRouteRule.matches,
TLSRouteSpec.hostnames (apis/v1, v1.6): the most characters in a matching hostname that is no wildcard, then
in the matching hostname; then the match (see ``match_http``, ``match_grpc``); then the oldest route, the
first by namespace/name, the first rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..objects import Route, RouteMatch
from ..rules.semantics import kind_allowed, namespace_allowed, uses_hostnames
from ..rules.topology import BoundListener, Topology
from ..text import clean
from .kinds import KindsApart
from .match import EXACT_RANK, REGEX_RANK, Matching, best_hostname, host_rank, match_grpc, match_http
from .model import Draft, Loss
from .request import Request

_HTTP_WORDS = (
    ("less-specific-hostname", "its hostname is less specific"),
    ("less-specific-hostname", "its hostname is less specific"),
    ("path-type", "its path match gives way to the winner's type (Exact, expression, prefix)"),
    ("shorter-prefix", "its prefix is shorter"),
    ("no-method", "it has no method match"),
    ("fewer-headers", "it matches fewer headers"),
    ("fewer-queries", "it matches fewer query parameters"),
)
_GRPC_WORDS = (
    *_HTTP_WORDS[:2],
    ("shorter-service", "its service is shorter"),
    ("shorter-method", "its method is shorter"),
    ("fewer-headers", "it matches fewer headers"),
)
_TLS_WORDS = _HTTP_WORDS[:2]
_LATER_WORDS = (
    ("newer-route", "all else is equal, and the winner's route is older"),
    ("name-order", "all else is equal, and the winner's namespace/name comes first"),
    ("rule-order", "an earlier rule matches as well"),
    ("match-order", "an earlier match of the same rule matches as well"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One match of one rule of a route that is attached and has a hostname for the request."""

    route: Route
    rule: int
    match: int
    hostname: str
    matching: Matching

    @property
    def key(self) -> tuple[tuple[int, ...], str, str, int, int]:
        """Sort key: the smallest wins."""
        rank = (*host_rank(self.hostname), *self.matching.rank)
        meta = self.route.meta
        # an object without a time has not been through an API server: it cannot claim to be older
        age = meta.creation_timestamp or "9999"
        return tuple(-one for one in rank), age, f"{meta.namespace}/{meta.name}", self.rule, self.match


@dataclass(frozen=True, slots=True)
class Attached:
    """A route of the listener that has a hostname for the request. ``served`` is that hostname cut down to
    what the listener lets through. ``certain`` False: its attachment could not be told."""

    route: Route
    hostname: str
    served: str
    certain: bool


def attached_routes(
    topology: Topology, bound: BoundListener, kinds: tuple[str, ...], host: str, draft: Draft
) -> list[Attached]:
    """The routes of these kinds that the listener gives the request to choose from; the others are lost."""
    parents = {bound.gateway, bound.owner}
    parents.update(one.owner for one in topology.listeners(bound.gateway))
    found: list[Attached] = []
    for ref, route in topology.snapshot.routes.items():
        if ref.kind not in kinds:
            continue
        ours = any(parent.target(ref.namespace).whole in parents for parent in route.spec.parent_refs)
        hostname = best_hostname(route.spec.hostnames or ("",), host)
        if hostname is None:
            if ours:
                shown = ", ".join(clean(name, 100) for name in route.spec.hostnames[:3])
                draft.losses.append(Loss(ref, "hostname", f"its hostnames ({shown}) do not match"))
            continue
        if not ours:
            if route.spec.hostnames:
                draft.losses.append(Loss(ref, "other-gateway", _elsewhere(route)))
            continue
        loss, certain = _attaches(topology, bound, route)
        if loss is not None:
            draft.losses.append(loss)
        else:
            found.append(Attached(route, hostname, _served(bound, hostname), certain))
    apart = KindsApart(topology, bound) if "GRPCRoute" in kinds and found else None
    return [one for one in found if apart is None or not _gives_way(apart, one.route, draft)]


def _gives_way(apart: KindsApart, route: Route, draft: Draft) -> bool:
    rival = apart.rival_of(route)
    if rival is not None:
        detail = f"{clean(rival.ref)} is older and shares a host with it: the API accepts one kind there"
        draft.losses.append(Loss(route.ref, "other-kind-on-host", detail))
    return rival is not None


def _served(bound: BoundListener, hostname: str) -> str:
    # both match the request, so the narrower one is what they have in common
    return max((bound.listener.hostname or "").lower(), hostname.lower(), key=host_rank)


def _elsewhere(route: Route) -> str:
    if not route.spec.parent_refs:
        return "it names no parent (useDefaultGateways is not worked out here)"
    parents = [clean(one.target(route.meta.namespace), 120) for one in route.spec.parent_refs[:2]]
    return f"it is attached to {', '.join(parents)}"


def _attaches(topology: Topology, bound: BoundListener, route: Route) -> tuple[Loss | None, bool]:
    """Why a route that names the listener's Gateway is not attached to the listener; else whether it is
    certain that it is."""
    attachments = topology.attachments(route)
    for one in attachments:
        if any(listener.ref == bound.ref for listener in one.listeners):
            return None, True
    listener, ref = bound.listener, route.ref
    meant = [one for one in attachments if any(other.ref == bound.ref for other in one.candidates)]
    if not meant:
        names = sorted({clean(one.ref.section) for entry in attachments for one in entry.listeners})
        detail = (
            f"it is attached to listener {', '.join(names)}" if names else "its parentRef means no listener"
        )
        return Loss(ref, "other-listener", f"{detail}, not to {clean(listener.name, 253)}"), True
    if not kind_allowed(listener, route.group, route.kind):
        return Loss(ref, "kind-not-allowed", f"the listener does not allow {route.kind}"), True
    labels = topology.namespace_labels(ref.namespace)
    allowed = namespace_allowed(
        listener.allowed_routes.namespaces, bound.owner.namespace, ref.namespace, labels
    )
    if allowed is False:
        return Loss(ref, "namespace-not-allowed", f"the listener allows no route from {ref.namespace}"), True
    if allowed is None:
        return None, False
    if uses_hostnames(route.kind, listener):
        detail = f"none of its hostnames intersects {clean(listener.hostname or '*', 253)}"
        return Loss(ref, "no-listener-hostname", detail), True
    return Loss(ref, "not-attached", clean(meant[0].detail)), True


# --- rules and matches ---------------------------------------------------------------------------


def candidates(found: list[Attached], request: Request, draft: Draft) -> list[Candidate]:
    """Every match that takes the request, the winner first. Those that do not are lost; those that cannot be
    evaluated are doubts."""
    matched: list[Candidate] = []
    open_: list[Candidate] = []
    for entry in found:
        for candidate in _of_route(entry, request):
            if candidate.matching.matched is False:
                draft.losses.append(_loss(candidate, candidate.matching.reason, candidate.matching.detail))
            elif candidate.matching.matched is None or not entry.certain:
                open_.append(candidate)
            else:
                matched.append(candidate)
    matched.sort(key=lambda one: one.key)
    for candidate in open_:
        # what would lose anyway takes nothing from the answer
        beaten = bool(matched) and candidate.key > matched[0].key and not candidate.matching.regex
        detail = candidate.matching.detail or "whether its route is attached could not be told"
        draft.losses.append(_loss(candidate, "not-evaluated", detail))
        if not beaten:
            draft.doubts.append(f"{_place(candidate)} may match and win: {detail}")
    return matched


def _of_route(entry: Attached, request: Request) -> list[Candidate]:
    route = entry.route
    if route.kind == "TLSRoute":
        return [
            Candidate(route, rule, 0, entry.hostname, Matching(True, how="the SNI"))
            for rule in range(len(route.spec.rules))
        ]
    judge = match_grpc if route.kind == "GRPCRoute" else match_http
    return [
        Candidate(route, rule, number, entry.hostname, judge(match, request))
        for rule, of_rule in enumerate(route.spec.rules)
        for number, match in enumerate(of_rule.matches or (RouteMatch(),))
    ]


def lose_to(winner: Candidate, others: list[Candidate], draft: Draft) -> None:
    """Says of every other match that takes the request at which step it gives way."""
    words = {"GRPCRoute": _GRPC_WORDS, "TLSRoute": _TLS_WORDS}.get(winner.route.kind, _HTTP_WORDS)
    for one in others:
        reason, detail = _first_difference(winner, one, words)
        draft.losses.append(_loss(one, reason, f"matches ({one.matching.how}), but {detail}", matched=True))


def _first_difference(
    winner: Candidate, other: Candidate, words: tuple[tuple[str, str], ...]
) -> tuple[str, str]:
    for best, worse, word in zip(winner.key[0], other.key[0], words, strict=False):
        if best != worse:
            return word
    for best_part, worse_part, word in zip(winner.key[1:], other.key[1:], _LATER_WORDS, strict=True):
        if best_part != worse_part:
            return word
    return "same", "it is the same"


def ordering_doubts(winner: Candidate, others: list[Candidate], found: list[Attached], draft: Draft) -> None:
    """Where the API leaves the order open: expressions, and a host whose most specific routes do not match.

    Some data planes keep one table a host and answer 404 there, others go on to a wider host
    (https://github.com/envoyproxy/gateway/issues/5500).
    """
    level = host_rank(winner.hostname)
    if winner.matching.regex:
        draft.notes.append("a regular expression takes part: how it is read is implementation-specific")
    if winner.route.kind == "HTTPRoute" and winner.matching.rank[0] != EXACT_RANK:
        for one in others:
            expression = REGEX_RANK in (winner.matching.rank[0], one.matching.rank[0])
            same_rule = (one.route.ref, one.rule) == (winner.route.ref, winner.rule)
            if expression and not same_rule and host_rank(one.hostname) == level:
                draft.doubts.append(
                    f"{_place(one)} matches as well: where a RegularExpression path stands among the others "
                    "is implementation-specific"
                )
                break
    table = next(host_rank(one.served) for one in found if one.route is winner.route)
    closer = [one for one in found if host_rank(one.served) > table]
    if closer:
        first = max(closer, key=lambda one: host_rank(one.served))
        draft.doubts.append(
            f"{first.route.ref} has the more specific host {clean(first.hostname, 253)}, and no rule of it "
            "matches: data planes that keep one table a host answer 404 here"
        )


def _place(candidate: Candidate) -> str:
    return f"{clean(candidate.route.ref)} rule-{candidate.rule}"


def _loss(candidate: Candidate, reason: str, detail: str, *, matched: bool = False) -> Loss:
    return Loss(candidate.route.ref, reason, clean(detail), candidate.rule + 1, candidate.match + 1, matched)
