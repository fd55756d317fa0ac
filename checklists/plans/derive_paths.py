"""The critical paths of a plan: of the Ingresses and the routes, as far as a GET can ask them. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...cluster.objects import Route, RouteMatch, RouteRule
from ...cluster.text import clean
from ...probes.state.twin.answers import Target
from ...probes.state.twin.new import redirect_words, targets_of
from .derived import Doubt, Entry, Flow, FlowMap, Scalar
from .fields import askable_path
from .find import Found, FoundHost
from .seen import Seen

MOST_PATHS = 8
_MOST_LEFT_OUT = 20
_HEALTH = re.compile(r"/(healthz?|livez|readyz|ready|ping|status)/?", re.IGNORECASE)
_EXPRESSION = re.compile(r"[\\^$*+?()|{}\[\]]")
# answers that only the application itself gives: a proxy without a route says 404 or 5xx
_PROTECTED = (401, 403)
_OF_ITS_OWN = (400, 405, 406, 415, 426)


@dataclass(frozen=True, slots=True)
class FoundPath:
    """A path of one host that can be asked with a GET, and who says so."""

    path: str
    sources: tuple[str, ...]


def paths_of(host: FoundHost) -> tuple[tuple[FoundPath, ...], tuple[str, ...]]:
    """The paths of a host, health first, and what was left out with the reason."""
    sources: dict[str, dict[str, None]] = defaultdict(dict)
    left_out: dict[str, None] = {}
    for path, words, why_not in (*_of_ingresses(host), *_of_routes(host)):
        if not why_not and not askable_path(path):
            why_not = "not plain ASCII: encode it"
        if why_not:
            left_out[f"{clean(path, 120)} ({words}): {why_not}"] = None
        else:
            sources[path][f"from {words}"] = None
    found = [FoundPath(path, tuple(words)) for path, words in sources.items()]
    found.sort(key=lambda one: not _HEALTH.fullmatch(one.path))
    for one in found[MOST_PATHS:]:
        left_out[f"{one.path}: {MOST_PATHS} paths are enough to begin with"] = None
    return tuple(found[:MOST_PATHS]), tuple(left_out)


def _of_ingresses(host: FoundHost) -> Iterator[tuple[str, str, str]]:
    for one in host.old.paths:
        name = f"{one.ingress.namespace}/{one.ingress.name}"
        words = clean(f"Ingress {name} {one.path_type}, to {_targets(one.targets)}", 300)
        regex = one.pattern.kind == "regex" and _EXPRESSION.search(one.path)
        yield one.path, words, "an expression: name a path that it matches" if regex else ""


def _of_routes(host: FoundHost) -> Iterator[tuple[str, str, str]]:
    for route in host.routes:
        for rule in route.spec.rules if route.kind in ("HTTPRoute", "GRPCRoute") else ():
            for match in rule.matches or (RouteMatch(),):
                yield _of_match(route, rule, match)


def _of_match(route: Route, rule: RouteRule, match: RouteMatch) -> tuple[str, str, str]:
    kind = match.path.type if match.path is not None else "PathPrefix"
    redirect = redirect_words(rule)
    to = f"redirects {redirect}" if redirect else f"to {_targets(targets_of(route, rule))}"
    words = clean(f"{route.kind} {route.meta.namespace}/{route.meta.name} {kind}, {to}", 300)
    path = match.path.value if match.path is not None else "/"
    if route.kind == "GRPCRoute":
        wanted = match.method if isinstance(match.method, dict) else {}
        path = f"/{wanted.get('service') or '*'}/{wanted.get('method') or '*'}"
        return path, words, "gRPC is asked with POST: pointsman probe http --grpc"
    if kind == "RegularExpression":
        return path, words, "an expression: name a path that it matches"
    if match.method not in (None, "GET", "HEAD"):
        return path, words, f"asked with {clean(match.method, 20)} only"
    if match.headers or match.query_params:
        named = [str(one.get("name", "")) for one in (*match.headers, *match.query_params)]
        return path, words, f"only with {clean(', '.join(named), 100)}"
    return path, words, ""


def _targets(targets: Iterable[Target]) -> str:
    return ", ".join(f"{one.namespace}/{one}" for one in targets) or "nothing"


def path_entries(found: Found, seen: Seen, doubts: list[Doubt]) -> Entry:
    """The plan's ``paths``: each once, with the hosts that have it, and statuses beyond 200 to 399."""
    hosts: dict[str, list[str]] = defaultdict(list)
    words: dict[str, dict[str, None]] = defaultdict(dict)
    statuses: dict[str, set[int]] = defaultdict(set)
    left_out: dict[str, None] = {}
    for host in found.hosts:
        kept, reasons = _kept(host, seen)
        left_out |= dict.fromkeys(f"{host.host}{reason}" for reason in reasons)
        if not kept:
            kept = [(FoundPath("/", ("nothing better is known",)), None)]
            doubt = f"nothing of {host.host} answers a GET well: name a page of it that does"
            doubts.append(Doubt("paths", doubt))
            words["/"][f"not known: {doubt}"] = None
        for path, status in kept:
            hosts[path.path].append(host.host)
            words[path.path] |= dict.fromkeys(path.sources)
            statuses[path.path].add(status or 0)
    every = len(found.hosts)
    order = sorted(hosts, key=lambda one: (not _HEALTH.fullmatch(one), -len(hosts[one]), one))
    only = {path: having if len(having) < every else [] for path, having in hosts.items()}
    items = tuple(Entry("", _path(path, only[path], statuses[path]), tuple(words[path])) for path in order)
    notes = ["asked of every host, or of those named; each has to answer 200 to 399, or one of its statuses"]
    notes += [f"left out: {reason}" for reason in list(left_out)[:_MOST_LEFT_OUT]]
    if len(left_out) > _MOST_LEFT_OUT:
        notes.append(f"and {len(left_out) - _MOST_LEFT_OUT} more were left out")
    return Entry("paths", items, tuple(notes))


def _path(path: str, hosts: list[str], statuses: set[int]) -> Scalar | FlowMap:
    named = sorted(statuses - {0}) if any(not 200 <= one <= 399 for one in statuses - {0}) else []
    if not hosts and not named:
        return path
    fields: list[tuple[str, Scalar | Flow]] = [("path", path)]
    fields += [("statuses", Flow(tuple(named)))] if named else []
    fields += [("hosts", Flow(tuple(hosts)))] if hosts else []
    return FlowMap(tuple(fields))


def _kept(host: FoundHost, seen: Seen) -> tuple[list[tuple[FoundPath, int | None]], list[str]]:
    """The paths that are worth asking, each with what the old side answers now; and why others are not."""
    found, left_out = paths_of(host)
    reasons = list(left_out)
    answers = seen.old[host.host].statuses if host.host in seen.old else {}
    kept: list[tuple[FoundPath, int | None]] = []
    for path in found:
        status = answers.get(path.path)
        if status is None or 200 <= status <= 399:
            unasked = path.path in answers and status is None
            why = f"not known: whether {host.host} answers it, for the old side did not"
            kept.append((_with(path, why) if unasked else path, status))
        elif status in _PROTECTED:
            note = f"{host.host} refuses the anonymous with {status}: the new side must too"
            kept.append((_with(path, note), status))
        elif status in _OF_ITS_OWN:
            kept.append((_with(path, f"{host.host} answers a GET with {status} now"), status))
        else:
            reasons.append(f"{path.path}: the old side answers {status}: name a page below it that answers")
    return kept, reasons


def _with(path: FoundPath, note: str) -> FoundPath:
    return FoundPath(path.path, (*path.sources, note))
