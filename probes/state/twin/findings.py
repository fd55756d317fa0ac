"""What of a twin is a finding: one for each rule and Ingress, with all that it is about as evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....cluster.text import clean
from ...verdict import Finding, Verdict, finding
from ..words import kubectl_get, kubectl_list, safe_ref
from .annotations import AnnotationTwin
from .answers import Answer
from .context import Carried
from .network import policies_words
from .paths import Likeness, PathTwin, targets_words
from .twin import Twin

_MOST_LINES = 12
_PATH_RULES = {
    Likeness.NONE: ("MIG003", Verdict.FAIL, "no route answers"),
    Likeness.OTHER: ("MIG004", Verdict.FAIL, "other backends answer"),
    Likeness.UNKNOWN: ("MIG008", Verdict.UNKNOWN, "it cannot be told who answers"),
    Likeness.NARROWER: ("MIG005", Verdict.WARN, "fewer requests are answered than by"),
    Likeness.WIDER: ("MIG006", Verdict.WARN, "more requests are answered than by"),
}
_ANNOTATION_RULES = {
    Carried.MISSING: ("MIG011", Verdict.WARN, "the route does not carry"),
    Carried.DIFFERS: ("MIG011", Verdict.WARN, "the route carries otherwise"),
    Carried.POLICY_MISSING: ("MIG012", Verdict.WARN, "no policy carries"),
    Carried.OPEN: ("MIG013", Verdict.WARN, "nothing carries"),
    Carried.UNKNOWN: ("MIG014", Verdict.UNKNOWN, "it cannot be told what carries"),
    Carried.BY_HAND: ("MIG015", Verdict.UNKNOWN, "not of ingress-nginx, or not read: look by hand at"),
}


def twin_findings(twin: Twin) -> Iterator[Finding]:
    """The findings of one Ingress about its successor."""
    ref = twin.ingress.ref
    if twin.unseen and not twin.twinned:
        if not twin.loading:
            yield finding(
                "MIG009",
                Verdict.UNKNOWN,
                ref,
                f"whether any route is meant for its hosts cannot be told: {twin.unseen}",
                reproduce=kubectl_list("httproutes.gateway.networking.k8s.io"),
            )
        return
    if not twin.twinned:
        hosts = ", ".join(host_words(one.host) for one in twin.hosts[:5])
        yield finding(
            "MIG009",
            Verdict.SKIP,
            ref,
            f"no route is meant for {hosts}: its migration has not begun",
            reproduce=kubectl_list("httproutes.gateway.networking.k8s.io"),
        )
        return
    yield from _host_findings(twin)
    yield from _path_findings(twin)
    yield from _extra_findings(twin)
    yield from _annotation_findings(twin)
    yield from _surrounding_findings(twin)


def host_words(host: str) -> str:
    """A host in words; none stands for any."""
    return clean(host, 253) or "any host"


def _host_findings(twin: Twin) -> Iterator[Finding]:
    ref = twin.ingress.ref
    for host in twin.hosts:
        if not host.has_twin:
            unsure = host.new.unsure
            yield finding(
                "MIG010",
                Verdict.UNKNOWN if unsure else Verdict.WARN,
                ref,
                f"{host_words(host.host)} has no route"
                + (f" that could be seen: {unsure}" if unsure else ""),
                reproduce=kubectl_list("httproutes.gateway.networking.k8s.io"),
            )
        elif host.new.routes:
            routes = host.new.routes
            yield finding(
                "MIG001",
                Verdict.PASS,
                ref,
                f"{host_words(host.host)} is also answered by {', '.join(map(str, routes[:3]))}",
                evidence=[str(route) for route in routes[:8]],
                reproduce=kubectl_get(routes[0]),
            )


def _path_findings(twin: Twin) -> Iterator[Finding]:
    ref = twin.ingress.ref
    for likeness, (rule, verdict, words) in _PATH_RULES.items():
        paths = [path for host in twin.twinned for path in host.paths if path.likeness is likeness]
        if not paths:
            continue
        named = ", ".join(path_words(path) for path in paths[:3])
        detached = {ref for host in twin.twinned if likeness is Likeness.NONE for ref in host.detached}
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        if likeness is Likeness.OTHER and all(path.new and path.new.redirect for path in paths):
            words = "a redirect answers"
        yield finding(
            rule,
            _path_verdict(verdict, paths),
            ref,
            f"{words} {named}{more}",
            evidence=_few(
                [
                    *(
                        f"{safe_ref(one)} is attached to no listener that takes the host"
                        for one in sorted(detached)
                    ),
                    *(line for path in paths for line in example_lines(path)),
                ]
            ),
            reproduce=kubectl_get(next((path.new.owner for path in paths if path.new), ref)),
        )


def _path_verdict(verdict: Verdict, paths: list[PathTwin]) -> Verdict:
    """A backend that only gets a share beside the old one is a warning: most requests are as before."""
    if verdict is not Verdict.FAIL or any(path.likeness is not Likeness.OTHER for path in paths):
        return verdict
    shared = all(
        path.new is not None
        and not path.new.redirect
        and any(one.same_object(other) for one in path.new.targets for other in path.old.targets)
        for path in paths
    )
    return Verdict.WARN if shared else verdict


def path_words(path: PathTwin) -> str:
    """A host and a path in words."""
    return f"{host_words(path.host)}{clean(path.old.path, 120)} ({clean(path.old.path_type, 30)})"


def answer_words(answer: Answer) -> str:
    """A route's rule, its match and where that leads, in words; rules count from 1."""
    where = f"redirects {answer.redirect}" if answer.redirect else targets_words(answer.targets)
    owner = safe_ref(answer.owner)
    kind = "" if answer.path_type == "Prefix" else f" {answer.path_type}"
    return (
        f"{owner.kind} {owner.namespace}/{owner.name} #{answer.rule + 1}  "
        f"{clean(answer.path, 120)}{kind} -> {clean(where, 200)}"
    )


def example_lines(path: PathTwin) -> list[str]:
    """Requests that differ, one line each; or why it cannot be told."""
    host = host_words(path.host)
    lines = [
        f"{host}{clean(one.request, 160)}: was {clean(one.old, 160)}, now {clean(one.new, 160)}"
        for one in path.examples
    ]
    return [*lines, clean(path.reason, 300)] if path.reason else lines


def _extra_findings(twin: Twin) -> Iterator[Finding]:
    extras = twin.extras
    if extras:
        named = ", ".join(f"{host_words(one.host)}{clean(one.request, 120)}" for one in extras[:3])
        more = f" and {len(extras) - 3} more" if len(extras) > 3 else ""
        yield finding(
            "MIG007",
            Verdict.WARN,
            twin.ingress.ref,
            f"only the new side answers {named}{more}",
            evidence=_few(answer_words(one.answer) for one in extras),
            reproduce=kubectl_get(extras[0].answer.owner),
        )


def _annotation_findings(twin: Twin) -> Iterator[Finding]:
    for state, (rule, verdict, words) in _ANNOTATION_RULES.items():
        for security in (True, False):
            found = [one for one in twin.annotations if one.state is state and one.security is security]
            if not found:
                continue
            named = ", ".join(clean(one.short, 80) for one in found[:5])
            more = f" and {len(found) - 5} more" if len(found) > 5 else ""
            grave = security and verdict is Verdict.WARN
            yield finding(
                rule,
                Verdict.FAIL if grave else verdict,
                twin.ingress.ref,
                f"{words} {named}{more}",
                why="what it keeps out is let in as soon as DNS leads to the Gateway" if grave else "",
                evidence=_few(map(annotation_line, found)),
                reproduce=kubectl_get(twin.ingress.ref),
            )


def default_findings(twin: Twin) -> Iterator[Finding]:
    """What ends that nobody wrote down: asked for a single Ingress, because it is so for all of them."""
    gone = [one for one in twin.defaults if one.state is Carried.ENDS]
    if gone:
        yield finding(
            "MIG016",
            Verdict.SKIP,
            twin.ingress.ref,
            f"{len(gone)} defaults of ingress-nginx end with the cutover: "
            f"{', '.join(one.short for one in gone)}",
            evidence=[default_line(one) for one in gone],
        )


def default_line(one: AnnotationTwin) -> str:
    """A default and what it does, in one line."""
    words = f" ({clean(one.words, 240)})" if one.words else ""
    return f"{one.short}={one.value}: {one.becomes}: {one.state.value}{words}"


def annotation_line(one: AnnotationTwin) -> str:
    """An annotation, what it becomes, and whether that is there, in one line."""
    value = f": {clean(one.value, 80)}" if one.value else ""
    becomes = f", becomes {one.becomes}" if one.becomes else ""
    words = f" ({clean(one.words, 240)})" if one.words else ""
    default = " (default)" if one.implied else ""
    return f"{clean(one.short, 120)}{value}{default}{becomes}: {one.state.value}{words}"


def _surrounding_findings(twin: Twin) -> Iterator[Finding]:
    yield from _listener_findings(twin)
    for unknown in (False, True):
        yield from _solver_findings(twin, unknown)
        yield from _network_findings(twin, unknown)
    if twin.settings:
        keys = ", ".join(clean(one.key, 60) for one in twin.settings[:5])
        why = twin.settings[0].unknown
        told = f"for external-dns the Ingress alone says {keys}"
        if why:
            told = f"whether external-dns finds {keys} on the new side too cannot be told: {why}"
        yield finding(
            "MIG032",
            Verdict.UNKNOWN if why else Verdict.WARN,
            twin.ingress.ref,
            told,
            evidence=_few(
                f"{clean(one.key, 80)}: {clean(one.value, 120)} is not on the {one.holder}"
                for one in twin.settings
            ),
            reproduce=kubectl_get(twin.ingress.ref),
        )


def _listener_findings(twin: Twin) -> Iterator[Finding]:
    reproduce = kubectl_get(twin.gateways[0]) if twin.gateways else ""
    for tls in twin.tls:
        if tls.listener is not None:
            continue
        verdict, summary = Verdict.FAIL, f"no listener takes TLS for {host_words(tls.host)}"
        if tls.unknown:
            verdict = Verdict.UNKNOWN
            summary = f"which listener takes TLS for {host_words(tls.host)} cannot be told: {tls.words}"
        summary += f"; the Ingress has {tls.old}"
        yield finding("MIG020", verdict, twin.ingress.ref, summary, reproduce=reproduce)
    plain = [host_words(host.host) for host in twin.twinned if host.plain_ends]
    if plain:
        summary = f"nothing answers plain HTTP of {', '.join(plain[:3])}, not even by a redirect"
        yield finding("MIG025", Verdict.WARN, twin.ingress.ref, summary, reproduce=reproduce)


def _solver_findings(twin: Twin, unknown: bool) -> Iterator[Finding]:
    solvers = [one for one in twin.solvers if one.unknown is unknown]
    if solvers:
        hosts = ", ".join(dict.fromkeys(host_words(one.host) for one in solvers[:5]))
        yield finding(
            "MIG021",
            Verdict.UNKNOWN if unknown else Verdict.WARN,
            twin.ingress.ref,
            f"{safe_ref(solvers[0].issuer)} renews {hosts}: {clean(solvers[0].words, 200)}",
            evidence=_few(f"{host_words(one.host)}: {clean(one.words, 200)}" for one in solvers),
            reproduce=kubectl_get(solvers[0].issuer),
        )


def _network_findings(twin: Twin, unknown: bool) -> Iterator[Finding]:
    shut = [one for one in twin.shut if one.unknown is unknown]
    if shut:
        yield finding(
            "MIG022",
            Verdict.UNKNOWN if unknown else Verdict.FAIL,
            twin.ingress.ref,
            f"{policies_words(shut[0])} before {safe_ref(shut[0].service)}: {clean(shut[0].words, 200)}",
            evidence=_few(f"{safe_ref(one.service)}: {clean(one.words, 200)}" for one in shut),
            reproduce=kubectl_list("networkpolicies.networking.k8s.io", shut[0].service.namespace),
        )


def _few(lines: Iterable[str]) -> list[str]:
    every = list(lines)
    more = [f"and {len(every) - _MOST_LINES} more"] if len(every) > _MOST_LINES else []
    return every[:_MOST_LINES] + more
