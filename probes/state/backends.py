"""Findings about backends of routes: computed from the specs, whatever any status says."""

from __future__ import annotations

from collections.abc import Iterator

from ...cluster.objects import Route
from ...cluster.rules.references import BackendFault
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .backend_ports import endpoint_words
from .conditions import status_of
from .grants import Wanted, mend_words, near_miss
from .routes import route_of_rule
from .words import kubectl_get, kubectl_list, safe_ref
from .world import World

_RULES = {
    "missing": "GW103",
    "not-granted": "GW104",
    "wrong-port": "GW105",
    "no-port": "GW105",
    "no-endpoints": "GW106",
}
_ANSWERS = {"no-endpoints": 503}


def backend_findings(world: World, route: Route) -> Iterator[Finding]:
    """One finding for each faulty backend of each rule, and one for each kind that could not be read."""
    faults = world.backend_faults(route)
    unread: set[str] = set()
    for fault in faults:
        if fault.fault == "unreadable":
            if fault.kind not in unread and world.reportable(fault.kind):
                unread.add(fault.kind)
                yield finding(
                    "GW123",
                    Verdict.UNKNOWN,
                    route.ref,
                    f"backend {_backend(fault)} cannot be judged: {fault.detail}",
                    evidence=[_state_line(world, fault.kind)],
                    reproduce=kubectl_get(route.ref),
                )
            continue
        yield _fault_finding(world, route, fault)


def _fault_finding(world: World, route: Route, fault: BackendFault) -> Finding:
    rule = _RULES[fault.fault]
    harmless = fault.mirror or fault.share == 0
    namespace = safe_ref(fault.target).namespace
    if fault.fault == "not-granted":
        reproduce = kubectl_list("referencegrants.gateway.networking.k8s.io", namespace)
    elif fault.fault == "no-endpoints":
        reproduce = kubectl_list("endpointslices.discovery.k8s.io", namespace)
    else:
        reproduce = kubectl_list("services", namespace)
    verdict = Verdict.WARN if harmless else Verdict.FAIL
    mend, more = "", list[str]()
    detail = fault.detail
    if fault.fault == "not-granted":
        wanted = Wanted(route.group, route.kind, route.meta.namespace, fault.target)
        miss = near_miss(world, wanted)
        mend = mend_words(wanted, miss)
        if miss is not None:
            detail = f"{detail}; the nearest one is {miss.words}"
    elif fault.fault == "no-endpoints":
        detail, more = endpoint_words(world, fault)
    if fault.fault == "missing" and world.snapshot.offline and _says_resolved(route):
        verdict = Verdict.UNKNOWN
        detail = "it is not among the documents, though its controller has found it"
    return finding(
        rule,
        verdict,
        route_of_rule(route, fault.rule),
        f"backend {_backend(fault)}: {detail}",
        why=_why(route, fault),
        mend=mend,
        evidence=[_spec_line(fault), *more],
        reproduce=reproduce,
    )


def _says_resolved(route: Route) -> bool:
    return any(status_of(entry.conditions, "ResolvedRefs") == "True" for entry in route.status.parents)


def _why(route: Route, fault: BackendFault) -> str:
    if fault.mirror:
        return "mirrored requests are lost; the answers to clients do not change"
    if fault.share == 0:
        return "its weight is 0, so no request goes there yet"
    hosts = ", ".join(clean(name, 100) for name in route.spec.hostnames[:3])
    if len(route.spec.hostnames) > 3:
        hosts += ", ..."
    status = _ANSWERS.get(fault.fault, 500)
    return (
        f"{fault.share * 100:.0f} % of the requests that match this rule"
        + (f" of {hosts}" if hosts else "")
        + (f" are answered with {status}" if route.kind in ("HTTPRoute", "GRPCRoute") else " fail")
    )


def _backend(fault: BackendFault) -> str:
    port = f":{fault.backend.port}" if fault.backend.port is not None else ""
    return f"{safe_ref(fault.target)}{port}"


def _spec_line(fault: BackendFault) -> str:
    what = "mirror" if fault.mirror else f"weight {fault.backend.weight}"
    return f"spec.rules[{fault.rule}]: {_backend(fault)}, {what}"


def _state_line(world: World, kind: str) -> str:
    state = world.snapshot.state_of(kind)
    return f"{kind}: {state.state}" + (f", {clean(state.detail, 200)}" if state.detail else "")
