"""Where a controller is known to answer otherwise than the API says: doubts of an answer worked out by it.

Which controller has which habit is data (``knowledge.controller_data``), seen with real ones in tests/live.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..knowledge.controller_data import Controller
from ..knowledge.controllers import controller_of
from ..objects import PathMatch, Route, RouteMatch
from ..refs import ObjectRef
from ..rules.semantics import hostnames_intersect
from ..rules.topology import BoundListener, Topology
from ..text import clean
from .http import Candidate
from .match import host_rank
from .request import Request


def habits_of(topology: Topology, gateway: ObjectRef) -> Controller | None:
    """What is known of the controller of a Gateway; None for an unknown one."""
    found = topology.snapshot.gateways.get(gateway)
    return controller_of(topology.controller_of(found) or "") if found is not None else None


def name_doubts(controller: Controller | None, request: Request) -> Iterator[str]:
    """Against a handshake refused, or a request turned away, for the name that the client gave to TLS."""
    if controller is not None and controller.answers_any_sni and request.scheme == "https":
        yield (
            f"{controller.title} refuses no handshake for its name: it shows its default certificate, and "
            f"goes by the Host header alone (404 where no route of port {request.port} has it)"
        )


def rule_doubts(
    controller: Controller | None, bound: BoundListener, matched: Iterable[Candidate], request: Request
) -> Iterator[str]:
    """Against the first of the matching rules, or against what it does."""
    winner, *others = matched
    if controller is None or winner.route.kind != "HTTPRoute":
        return
    if controller.weighs_by_sum:
        yield from _heavier(controller, bound, winner, others)
    rule = winner.route.spec.rules[winner.rule]
    kinds = [clean(one.type, 60) for one in rule.filters if one.type in controller.unserved_filters]
    if kinds:
        yield f"{controller.title} does not know the filter {kinds[0]}: it answers 500 for the whole rule"
    elif controller.without_weight and rule.backend_refs and not any(one.weight for one in rule.backend_refs):
        yield f"{controller.title} answers {controller.without_weight} where every weight is 0"
    yield from _kept_port(controller, winner, request)


def _kept_port(controller: Controller, winner: Candidate, request: Request) -> Iterator[str]:
    """HTTPRequestRedirectFilter.port: without one it follows from the scheme."""
    if not controller.keeps_redirect_port or request.port in (80, 443):
        return
    filters = winner.route.spec.rules[winner.rule].filters
    spec = next((one.request_redirect for one in filters if one.request_redirect), None)
    if spec and spec.get("scheme") and not spec.get("port"):
        yield (
            f"the redirect names a scheme and no port: {controller.title} keeps {request.port}, where by the "
            "API it is the scheme's own"
        )


def _heavier(
    controller: Controller, bound: BoundListener, winner: Candidate, others: list[Candidate]
) -> Iterator[str]:
    rivals = [one for one in others if one.route.kind == "HTTPRoute"]
    heaviest = max(rivals, key=lambda one: _weight(one, bound), default=None)
    if heaviest is None or _weight(heaviest, bound) < _weight(winner, bound):
        return
    what = "the same as" if _weight(heaviest, bound) == _weight(winner, bound) else "more than"
    place = f"{clean(heaviest.route.ref)} rule-{heaviest.rule}"
    yield (
        f"{controller.title} adds up what a match names, and the number of rules: {place} weighs {what} the "
        "winner, and may take the request"
    )


def _weight(candidate: Candidate, bound: BoundListener) -> int:
    """Traefik's priority of one match (pkg/provider/kubernetes/gateway/httproute.go, 3.7.13)."""
    rules = candidate.route.spec.rules
    matches = rules[candidate.rule].matches
    match = matches[candidate.match] if matches else RouteMatch()
    return (
        _path_weight(match.path or PathMatch())
        + 1000 * bool(match.method)
        + 100 * len(match.headers)
        + 10 * len(match.query_params)
        + max((len(name) for name in _names(candidate.route, bound)), default=0)
        + len(rules)
        - candidate.rule
    )


def _path_weight(path: PathMatch) -> int:
    if path.type == "Exact":
        return 100_000
    return 1 if path.type == "PathPrefix" and path.value == "/" else 10_000 + 100 * len(path.value)


def _names(route: Route, bound: BoundListener) -> list[str]:
    """The hostnames of the route as far as the listener lets them through."""
    own = (bound.listener.hostname or "").lower()
    names = [one.lower() for one in route.spec.hostnames]
    if not own or not names:
        return names or [own]
    return [max(own, one, key=host_rank) for one in names if hostnames_intersect(own, one)]
