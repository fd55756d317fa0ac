"""The certificates of a host on both sides, and who renews them.

API: Listener.tls.certificateRefs, ReferenceGrant; cert-manager: ACMEChallengeSolver (the most specific
selector wins: dnsNames, then dnsZones), annotations of Ingress and Gateway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ....cluster.kubernetes_objects import Ingress, Issuer
from ....cluster.refs import ObjectRef
from ....cluster.rules.hosts import host_keys
from ....cluster.text import clean
from ..world import World
from .context import HostTwin
from .old import class_of, tls_secret

_CERT_MANAGER = "cert-manager.io"
_ISSUER = f"{_CERT_MANAGER}/issuer"
_CLUSTER_ISSUER = f"{_CERT_MANAGER}/cluster-issuer"


@dataclass(frozen=True, slots=True)
class TlsTwin:
    """A host's certificate on both sides. ``old`` and ``new`` are Secrets in words; ``same``: one object.

    ``listener`` is None where no listener of its Gateways takes TLS for the host; ``unknown``: none
    that could be seen. ``words``: what to look at.
    """

    host: str
    old: str
    new: str
    same: bool
    listener: ObjectRef | None
    words: str = ""
    unknown: bool = False


def tls_twins(world: World, ingress: Ingress, hosts: tuple[HostTwin, ...]) -> tuple[TlsTwin, ...]:
    """The hosts that the Ingress has a certificate for, and that have a twin."""
    found = []
    for twin in hosts:
        secret = tls_secret(ingress, twin.host)
        if secret is not None and twin.has_twin:
            found.append(_tls_twin(world, ingress, twin, secret))
    return tuple(found)


def _tls_twin(world: World, ingress: Ingress, twin: HostTwin, secret: str) -> TlsTwin:
    namespace = ingress.meta.namespace
    old = f"{namespace}/{clean(secret, 253)}" if secret else "the default certificate"
    if not twin.new.secure_listeners:
        unsure = twin.new.unsure
        new = "not known" if unsure else "no TLS listener"
        return TlsTwin(twin.host, old, new, same=False, listener=None, words=unsure, unknown=bool(unsure))
    bound = twin.new.secure_listeners[0]
    tls = bound.listener.tls
    if tls is not None and tls.mode == "Passthrough":
        words = "the backend shows its own certificate"
        return TlsTwin(twin.host, old, "passed through", same=False, listener=bound.ref, words=words)
    named = [
        (one.namespace or bound.owner.namespace, one.name) for one in (tls.certificate_refs if tls else ())
    ]
    new = ", ".join(f"{clean(space, 63)}/{clean(name, 253)}" for space, name in named) or "no certificate"
    faults = world.certificate_faults(bound)
    if (namespace, secret) in named:
        words = faults[0].detail if faults else ""
        return TlsTwin(twin.host, old, new, same=True, listener=bound.ref, words=words)
    if any(name == secret for _, name in named):
        words = "the same name in another namespace: a copy, or another certificate; who renews it?"
    elif named:
        words = "another certificate: compare the names in it"
    else:
        words = "the listener names no certificate"
    return TlsTwin(twin.host, old, new, same=False, listener=bound.ref, words=words)


# --- renewal -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SolverTrouble:
    """A host whose challenge is solved through the old class. ``unknown``: the issuer cannot be seen."""

    host: str
    issuer: ObjectRef
    words: str
    unknown: bool = False


def solver_troubles(world: World, ingress: Ingress, hosts: tuple[HostTwin, ...]) -> Iterator[SolverTrouble]:
    """Hosts whose certificate is renewed by HTTP-01 through an Ingress: after the cutover nobody answers.

    The challenge's Ingress is served by the old proxy, to which the name no longer leads.
    """
    gateways = {ref for twin in hosts for ref in twin.new.all_gateways}
    holders: list[tuple[str, Mapping[str, str]]] = [(ingress.meta.namespace, ingress.meta.annotations)]
    for ref in sorted(gateways):
        gateway = world.snapshot.gateways.get(ref)
        holders += [(ref.namespace, gateway.meta.annotations)] if gateway else []
    secured = [twin for twin in hosts if twin.has_twin and tls_secret(ingress, twin.host) is not None]
    for issuer_ref in dict.fromkeys(ref for holder in holders for ref in _issuers(*holder)):
        issuer = world.snapshot.issuers.get(issuer_ref) or _any_group(world, issuer_ref)
        for twin in secured:
            if issuer is not None:
                words = _old_solver(issuer, twin.host, class_of(ingress))
                if words:
                    yield SolverTrouble(twin.host, issuer_ref, words)
            elif _is_gap(world, issuer_ref):
                state = world.snapshot.state_of(issuer_ref.kind).state
                yield SolverTrouble(twin.host, issuer_ref, f"it could not be read ({state})", unknown=True)


def _issuers(namespace: str, annotations: Mapping[str, str]) -> Iterator[ObjectRef]:
    if name := annotations.get(_CLUSTER_ISSUER):
        yield ObjectRef("ClusterIssuer", "", name, group=_CERT_MANAGER)
    if name := annotations.get(_ISSUER):
        yield ObjectRef("Issuer", namespace, name, group=_CERT_MANAGER)


def _any_group(world: World, ref: ObjectRef) -> Issuer | None:
    # documents may leave the group out
    return world.snapshot.issuers.get(ObjectRef(ref.kind, ref.namespace, ref.name))


def _is_gap(world: World, ref: ObjectRef) -> bool:
    """Whether the issuer may be there and is only not seen."""
    state = world.snapshot.state_of(ref.kind)
    return not state.knows(ref.namespace) and state.state != "unseen"


def _old_solver(issuer: Issuer, host: str, ingress_class: str) -> str:
    """Why the solver that cert-manager takes for ``host`` stays on the old side; empty where it does not."""
    solvers = (issuer.spec.acme or {}).get("solvers")
    fitting = [
        (rank, one)
        for one in (solvers if isinstance(solvers, list) else ())
        if isinstance(one, dict) and (rank := _rank(one.get("selector"), host)) >= 0
    ]
    if not fitting:
        return ""
    solver = max(fitting, key=lambda pair: pair[0])[1]
    http = solver.get("http01")
    bound = http.get("ingress") if isinstance(http, dict) else None
    if bound is None:
        return ""
    names = bound if isinstance(bound, dict) else {}
    if names.get("name"):
        return f"HTTP-01 edits Ingress {clean(names['name'], 100)}"
    name = names.get("ingressClassName") or names.get("class")
    if name and ingress_class and name != ingress_class:
        return ""
    return f"HTTP-01 through Ingress class {clean(name or 'of the default', 100)}"


def _rank(selector: object, host: str) -> int:
    """How specifically a solver's selector means ``host``; -1 where it does not."""
    if not isinstance(selector, dict) or not selector:
        return 0
    names, zones = _list(selector.get("dnsNames")), _list(selector.get("dnsZones"))
    if host in names or any(key in names for key in host_keys(host)[:2]):
        return 1_000
    inside = [len(zone) for zone in zones if host == zone or host.endswith(f".{zone}")]
    if inside:
        return max(inside)
    return -1 if names or zones else 0


def _list(value: Any) -> list[str]:
    return [str(one).lower() for one in value] if isinstance(value, list) else []
