"""The Ingress side: which controller serves which Ingress, and the Kubernetes API's own words on paths.

Sources: the doc comments of networking/v1 (IngressSpec, IngressRule, HTTPIngressPath, IngressClass) and
https://kubernetes.io/docs/concepts/services-networking/ingress/ ; the legacy annotation
kubernetes.io/ingress.class counts where ingressClassName is absent, as in ingress-nginx's store.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..kubernetes_objects import Ingress, IngressBackend, IngressClass
from ..rules.references import Endpoints
from ..snapshot import Snapshot
from ..text import clean
from .backends import ingress_share, shares_outcome
from .match import prefix_matches
from .model import Draft, Loss, Outcome, Share, Trace, Winner
from .nginx import trace_nginx
from .request import Request

INGRESS_NGINX = "k8s.io/ingress-nginx"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


@dataclass(slots=True)
class _Group:
    """The Ingresses of one controller, and what was assumed to say so."""

    ingresses: list[Ingress] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def trace_ingresses(snapshot: Snapshot, request: Request, endpoints: Endpoints) -> tuple[Trace, ...]:
    """One answer for each controller that serves any Ingress; those that know the host come first."""
    groups, losses = _by_controller(snapshot)
    traces: list[Trace] = []
    for controller, group in sorted(groups.items()):
        if controller == INGRESS_NGINX:
            trace = trace_nginx(snapshot, controller, group.ingresses, request, endpoints)
        else:
            trace = _trace_plain(snapshot, controller, group.ingresses, request, endpoints)
        traces.append(_with(trace, losses, group.notes))
    return tuple(sorted(traces, key=lambda trace: trace.winner is None))


def _with(trace: Trace, losses: list[Loss], notes: list[str]) -> Trace:
    return replace(trace, losses=(*trace.losses, *losses), notes=(*trace.notes, *dict.fromkeys(notes)))


# --- classes -------------------------------------------------------------------------------------


def _by_controller(snapshot: Snapshot) -> tuple[dict[str, _Group], list[Loss]]:
    classes = {ref.name: one for ref, one in snapshot.ingress_classes.items()}
    defaults = [one for one in classes.values() if one.meta.annotations.get(_DEFAULT_CLASS) == "true"]
    known = snapshot.state_of("IngressClass").knows("")
    groups: dict[str, _Group] = {}
    losses: list[Loss] = []
    for ingress in snapshot.ingresses.values():
        controller, note = _controller(ingress, classes, defaults, known=known)
        if not controller:
            losses.append(Loss(ingress.ref, "no-class", note))
            continue
        group = groups.setdefault(controller, _Group())
        group.ingresses.append(ingress)
        group.notes += [note] if note else []
    return groups, losses


def _controller(
    ingress: Ingress, classes: dict[str, IngressClass], defaults: list[IngressClass], *, known: bool
) -> tuple[str, str]:
    """The controller that serves an Ingress (empty: none), and what was assumed, or why none does."""
    name = ingress.spec.ingress_class_name
    legacy = ingress.meta.annotations.get(CLASS_ANNOTATION)
    asked = name if name is not None else legacy
    if asked is None:
        if len(defaults) == 1:
            return defaults[0].spec.controller, ""
        if len(defaults) > 1:
            return "", "it names no class, and more than one IngressClass is the default"
        if known:
            return "", "it names no class, and no IngressClass is the default"
        return INGRESS_NGINX, "Ingresses without a class are taken for ingress-nginx's"
    found = classes.get(asked)
    if found is not None:
        return found.spec.controller, ""
    if name is not None and known:
        return "", f"its IngressClass {clean(name, 253)} does not exist"
    if asked == "nginx":
        note = "" if name is None else "class nginx is taken for ingress-nginx: no IngressClass was read"
        return INGRESS_NGINX, note
    return f"class {clean(asked, 253)}", f"who serves class {clean(asked, 253)} is not known"


# --- the API's own words -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Path:
    ingress: Ingress
    rule: int
    match: int
    host: str
    path: str
    kind: str
    backend: IngressBackend

    @property
    def key(self) -> tuple[int, int, bool, str, str, int, int]:
        """Sort key: the exact host, the longest path, Exact before Prefix; then the oldest Ingress."""
        meta = self.ingress.meta
        age = meta.creation_timestamp or "9999"
        name = f"{meta.namespace}/{meta.name}"
        return (
            -_host_level(self.host), -len(self.path), self.kind != "Exact", age, name, self.rule, self.match
        )  # fmt: skip


def _host_level(host: str) -> int:
    return 0 if not host else 1 if host.startswith("*.") else 2


def ingress_host_matches(pattern: str, host: str) -> bool:
    """IngressRule.host: a wildcard stands for exactly one label; no host means every host."""
    lower = pattern.lower()
    if not lower:
        return True
    if lower.startswith("*."):
        return host.partition(".")[2] == lower[2:] and not host.startswith(".")
    return host == lower


def _trace_plain(
    snapshot: Snapshot, edge: str, ingresses: Iterable[Ingress], request: Request, endpoints: Endpoints
) -> Trace:
    draft = Draft()
    draft.notes.append(
        "worked out by the Kubernetes API's words; annotations of this controller are not read"
    )
    served = list(ingresses)
    matching = [one for one in _paths(served, request, draft) if _fits(one, request, draft)]
    matching.sort(key=lambda one: one.key)
    if matching:
        winner = matching[0]
        for one in matching[1:]:
            draft.losses.append(_loss(one, winner))
            if one.key[:3] == winner.key[:3]:
                draft.doubts.append(
                    f"{one.ingress.ref} has the same host and path: which one counts is not said"
                )
        if winner.kind not in ("Exact", "Prefix"):
            draft.doubts.append("how its path type ImplementationSpecific is read is up to the controller")
        shares = _share(snapshot, endpoints, winner.ingress, winner.backend)
        name = Winner(
            winner.ingress.ref, winner.rule, winner.match, "", clean(winner.host or "any host", 253),
            f"{clean(winner.kind, 30)} {clean(winner.path, 160)}",
        )  # fmt: skip
        return _plain_trace(edge, draft, name, shares, snapshot)
    for ingress in served:
        if ingress.spec.default_backend is not None:
            shares = _share(snapshot, endpoints, ingress, ingress.spec.default_backend)
            name = Winner(ingress.ref, 0, 0, "", "any host", "the default backend: no path matches")
            return _plain_trace(edge, draft, name, shares, snapshot)
    return _plain_trace(edge, draft, None, (), snapshot)


def _paths(served: list[Ingress], request: Request, draft: Draft) -> list[_Path]:
    found: list[_Path] = []
    for ingress in served:
        for number, rule in enumerate(ingress.spec.rules, 1):
            if not ingress_host_matches(rule.host, request.host):
                detail = f"its host {clean(rule.host, 253)} does not match"
                draft.losses.append(Loss(ingress.ref, "hostname", detail, number))
                continue
            found += [
                _Path(ingress, number, place, rule.host, one.path or "/", one.path_type, one.backend)
                for place, one in enumerate(rule.http.paths, 1)
            ]
    return found


def _fits(one: _Path, request: Request, draft: Draft) -> bool:
    fits = one.path == request.path if one.kind == "Exact" else prefix_matches(one.path, request.path)
    if not fits:
        detail = f"{clean(one.kind, 30)} {clean(one.path, 160)} does not match"
        draft.losses.append(Loss(one.ingress.ref, "path", detail, one.rule, one.match))
    return fits


def _loss(one: _Path, winner: _Path) -> Loss:
    if _host_level(one.host) != _host_level(winner.host):
        reason, detail = "less-specific-hostname", "its host is less specific"
    elif len(one.path) != len(winner.path):
        reason, detail = "shorter-prefix", "its path is shorter"
    elif one.kind != winner.kind:
        reason, detail = "path-type", "an Exact path goes before it"
    else:
        reason, detail = "newer-ingress", "the winner's Ingress is older, or first by name"
    shown = f"matches ({clean(one.kind, 30)} {clean(one.path, 160)}), but {detail}"
    return Loss(one.ingress.ref, reason, shown, one.rule, one.match, matched=True)


def _share(
    snapshot: Snapshot, endpoints: Endpoints, ingress: Ingress, backend: IngressBackend
) -> tuple[Share, ...]:
    if backend.service is None:
        return ()
    return (ingress_share(snapshot, endpoints, ingress.meta.namespace, backend.service),)


def _plain_trace(
    edge: str, draft: Draft, winner: Winner | None, shares: tuple[Share, ...], snapshot: Snapshot
) -> Trace:
    if winner is None:
        outcome = Outcome("error", "404: no host and path matches, and there is no default backend", 404)
    elif not shares:
        outcome = Outcome("backend", "answered by a resource of the controller's own")
        draft.doubts.append("its backend is a resource, which is not looked into")
    else:
        draft.judge_health(shares, offline=snapshot.offline)
        outcome = shares_outcome(shares, "Ingress")
    return Trace(
        side="ingress",
        edge=edge,
        outcome=outcome,
        winner=winner,
        shares=shares,
        losses=tuple(draft.losses),
        doubts=tuple(draft.doubts),
        notes=tuple(draft.notes),
    )
