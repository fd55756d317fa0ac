"""The checks that are asked of the cluster: routes with their parents and listeners, the old Ingresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...cluster.objects import Condition, Gateway, Listener, ParentRef, Route
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.routing.match import host_matches
from ...cluster.store import Snapshot
from ...cluster.text import clean
from ...probes.verdict import Finding, Verdict, finding
from ..plans.model import ObjectName, Plan
from ..terms import Check
from .context import Answer, CheckContext, loaded_snapshot

_ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute")
NO_CLUSTER = "no cluster to ask: nothing is known of routes and listeners"


async def routes_accepted(context: CheckContext, check: Check) -> Answer:
    """Every route of the plan's hosts: each parent entry, its generation, and its listener."""
    plan = context.plan
    wanted = gateway_ref(plan)
    if context.snapshot is None:
        return Answer(NO_CLUSTER, (finding("CUT004", Verdict.UNKNOWN, wanted, NO_CLUSTER),))
    snapshot = await loaded_snapshot(context.snapshot, ("Gateway", *_ROUTES))
    unknown = tuple(unknown_kinds(snapshot, ("Gateway", "HTTPRoute"), wanted))
    if unknown:
        return Answer(unknown[0].summary, unknown)
    gateway = snapshot.gateways.get(wanted)
    if gateway is None and (gap := snapshot.state_of("Gateway").gap) and not _knows(snapshot, wanted):
        words = f"{plan.gateway} is not known: Gateway objects {gap}"
        return Answer(words, (finding("CUT004", Verdict.UNKNOWN, wanted, words),))
    if gateway is None:
        words = f"there is no Gateway {plan.gateway}"
        command = _kubectl("get", "gateway", plan.gateway.namespace, plan.gateway.name)
        return Answer(words, (finding("CUT003", Verdict.FAIL, wanted, words, reproduce=command),))
    routes = routes_of_plan(snapshot, plan)
    findings = [*_missing(routes, plan, snapshot), *_gateway_findings(gateway)]
    for route in routes:
        findings += _route_findings(route, gateway, plan)
    bad = [item for item in findings if item.verdict not in (Verdict.PASS, Verdict.SKIP)]
    if bad:
        worst_one = max(bad, key=lambda item: item.verdict.badness)
        headline = worst_one.summary + (f" and {len(bad) - 1} more" if len(bad) > 1 else "")
    else:
        noun = "route" if len(routes) == 1 else "routes"
        headline = f"{len(routes)} {noun}, all parents, current generation"
    return Answer(headline, tuple(findings), {"routes": [str(route.ref) for route in routes]})


async def ingress_findings(context: CheckContext) -> tuple[Finding, ...]:
    """Whether the old Ingress objects still stand; they are the old side's configuration."""
    plan = context.plan
    refs = [ingress_ref(name) for name in plan.ingress]
    if not refs:
        return ()
    if context.snapshot is None:
        words = "no cluster to ask: nothing is known of the old Ingress objects"
        return (finding("CUT004", Verdict.UNKNOWN, refs[0], words),)
    snapshot = await loaded_snapshot(context.snapshot, ("Ingress",))
    unknown = tuple(unknown_kinds(snapshot, ("Ingress",), refs[0]))
    return unknown or tuple(_ingress(snapshot, ref, plan) for ref in refs)


def _ingress(snapshot: Snapshot, ref: ObjectRef, plan: Plan) -> Finding:
    command = _kubectl("get", "ingress", ref.namespace, ref.name)
    ingress = snapshot.ingresses.get(ref)
    if ingress is None and not _knows(snapshot, ref):
        words = f"{ref} is not known: Ingress objects {snapshot.state_of('Ingress').gap}"
        return finding("CUT004", Verdict.UNKNOWN, ref, words, reproduce=command)
    if ingress is None:
        words = f"{ref} does not exist any more"
        return finding("CUT005", Verdict.FAIL, ref, words, reproduce=command)
    evidence = [f"hosts: {clean(', '.join(ingress.hosts) or '(any)')}"]
    lost = [
        host
        for host in plan.hosts
        if ingress.hosts and not any(host_matches(name, host) for name in ingress.hosts)
    ]
    if lost and len(plan.ingress) == 1:
        words = f"{ref} has no rule for {', '.join(lost)}"
        return finding("CUT005", Verdict.FAIL, ref, words, evidence=evidence, reproduce=command)
    return finding("CUT005", Verdict.PASS, ref, f"{ref} stands", evidence=evidence, reproduce=command)


def routes_of_plan(snapshot: Snapshot, plan: Plan) -> tuple[Route, ...]:
    """The routes with a hostname of the plan's that want to attach to the plan's Gateway."""
    named = {(name.kind, name.namespace, name.name) for name in plan.routes}
    found = []
    for ref, route in snapshot.routes.items():
        if named and (ref.kind, ref.namespace, ref.name) not in named:
            continue
        hosts_fit = not route.spec.hostnames or any(
            host_matches(name, host) for name in route.spec.hostnames for host in plan.hosts
        )
        if hosts_fit and any(
            _leads_to(snapshot, parent, ref.namespace, plan) for parent in route.spec.parent_refs
        ):
            found.append(route)
    return tuple(sorted(found, key=lambda route: route.ref))


def _leads_to(snapshot: Snapshot, parent: ParentRef, namespace: str, plan: Plan) -> bool:
    target = parent.target(namespace).whole
    if target == gateway_ref(plan):
        return True
    listener_set = snapshot.listener_sets.get(target)
    if listener_set is None:
        return False
    return listener_set.spec.parent_ref.target(listener_set.meta.namespace).whole == gateway_ref(plan)


def _attached(snapshot: Snapshot, ref: ObjectRef, plan: Plan) -> bool:
    route = snapshot.routes.get(ref)
    parents = route.spec.parent_refs if route is not None else ()
    return any(_leads_to(snapshot, parent, ref.namespace, plan) for parent in parents)


def _missing(routes: tuple[Route, ...], plan: Plan, snapshot: Snapshot) -> Iterator[Finding]:
    command = "kubectl get httproutes,grpcroutes -A -o wide"
    gap = next((f"{kind} objects {one}" for kind in _ROUTES if (one := snapshot.state_of(kind).gap)), "")
    for host in plan.hosts:
        own = [route for route in routes if not route.spec.hostnames or _any_covers(route, host)]
        if not own and gap:
            words = f"whether a route of {plan.gateway} has the hostname {host} is not known: {gap}"
            yield finding("CUT004", Verdict.UNKNOWN, gateway_ref(plan), words, reproduce=command)
        elif not own:
            words = f"no route of {plan.gateway} has the hostname {host}"
            yield finding("CUT002", Verdict.FAIL, gateway_ref(plan), words, reproduce=command)
    # in the plan of one wave, a route that is named may lead to the hosts of another
    all_waves = replace(plan, hosts=(*plan.hosts, *plan.other_hosts))
    named = routes_of_plan(snapshot, all_waves) if plan.other_hosts else routes
    there = {(route.ref.kind, route.ref.namespace, route.ref.name) for route in named}
    for name in plan.routes:
        if (name.kind, name.namespace, name.name) not in there:
            ref = ObjectRef(name.kind, name.namespace, name.name, group=GATEWAY_GROUP)
            if _attached(snapshot, ref, plan):
                # a wave has all routes of its plan, and only some of the hosts
                words = f"{ref} serves none of {', '.join(plan.hosts)}"
                yield finding("CUT002", Verdict.SKIP, ref, words, reproduce=command)
                continue
            if ref not in snapshot.routes and not _knows(snapshot, ref):
                words = f"{ref} is not known: {name.kind} objects {snapshot.state_of(name.kind).gap}"
                yield finding("CUT004", Verdict.UNKNOWN, ref, words, reproduce=command)
                continue
            words = f"{ref} does not exist, or does not attach to {plan.gateway} for these hosts"
            yield finding("CUT002", Verdict.FAIL, ref, words, reproduce=command)


def _route_findings(route: Route, gateway: Gateway, plan: Plan) -> list[Finding]:
    ref = route.ref
    command = _kubectl("get", route.kind.lower(), ref.namespace, ref.name)
    if not route.status.parents:
        words = f"{ref}: no controller has said anything of it yet"
        return [finding("CUT001", Verdict.UNKNOWN, ref, words, reproduce=command)]
    findings = []
    for parent in route.spec.parent_refs:
        target = parent.target(ref.namespace)
        ours = target.whole == gateway.ref
        entries = [
            entry for entry in route.status.parents if _same_parent(entry.parent_ref, parent, ref.namespace)
        ]
        if not entries:
            words = f"{ref}: nobody has answered for its parent {target}"
            verdict = Verdict.UNKNOWN if ours else Verdict.WARN
            findings.append(finding("CUT001", verdict, ref, words, reproduce=command))
        for entry in entries:
            troubles = [
                *_trouble(entry.conditions, "Accepted", route.meta.generation),
                *_trouble(entry.conditions, "ResolvedRefs", route.meta.generation),
            ]
            for verdict, words in troubles:
                lesser = verdict if ours else Verdict.WARN
                line = f"{ref} at {target}: {words}"
                evidence = _condition_lines(entry.conditions)
                findings.append(finding("CUT001", lesser, ref, line, evidence=evidence, reproduce=command))
            if not troubles:
                words = f"{ref} at {target}: Accepted and ResolvedRefs, generation {route.meta.generation}"
                evidence = _condition_lines(entry.conditions)
                findings.append(
                    finding("CUT001", Verdict.PASS, ref, words, evidence=evidence, reproduce=command)
                )
        if ours:
            findings += _listener_findings(gateway, parent, plan)
    return list(dict.fromkeys(findings))


def _same_parent(answered: ParentRef, asked: ParentRef, namespace: str) -> bool:
    return answered.target(namespace) == asked.target(namespace) and answered.port == asked.port


def _gateway_findings(gateway: Gateway) -> Iterator[Finding]:
    command = _kubectl("get", "gateway", gateway.meta.namespace, gateway.meta.name)
    evidence = _condition_lines(gateway.status.conditions)
    for name in ("Accepted", "Programmed"):
        for verdict, words in _trouble(gateway.status.conditions, name, gateway.meta.generation):
            summary = f"{gateway.ref}: {words}"
            yield finding("CUT003", verdict, gateway.ref, summary, evidence=evidence, reproduce=command)


def _listener_findings(gateway: Gateway, parent: ParentRef, plan: Plan) -> list[Finding]:
    listeners = [item for item in gateway.spec.listeners if _takes(item, parent, plan)]
    command = _kubectl("get", "gateway", gateway.meta.namespace, gateway.meta.name)
    if not listeners:
        words = f"{gateway.ref}: no TLS listener takes {', '.join(plan.hosts)} for this route"
        verdict = Verdict.WARN if parent.section_name else Verdict.FAIL
        return [finding("CUT003", verdict, gateway.ref, words, reproduce=command)]
    statuses = {status.name: status for status in gateway.status.listeners}
    findings = []
    for listener in listeners:
        ref = gateway.ref.part(listener.name)
        status = statuses.get(listener.name)
        if status is None:
            words = f"{ref}: no controller has said anything of this listener"
            findings.append(finding("CUT003", Verdict.UNKNOWN, ref, words, reproduce=command))
            continue
        troubles = [
            *_trouble(status.conditions, "Accepted", gateway.meta.generation),
            *_trouble(status.conditions, "Programmed", gateway.meta.generation),
            *_trouble(status.conditions, "ResolvedRefs", gateway.meta.generation),
            *_conflict(status.conditions),
        ]
        evidence = _condition_lines(status.conditions)
        for verdict, words in troubles:
            findings.append(
                finding("CUT003", verdict, ref, f"{ref}: {words}", evidence=evidence, reproduce=command)
            )
        if not troubles:
            words = f"{ref}: accepted, programmed, not conflicted"
            findings.append(finding("CUT003", Verdict.PASS, ref, words, evidence=evidence, reproduce=command))
    return findings


def _takes(listener: Listener, parent: ParentRef, plan: Plan) -> bool:
    if parent.section_name and listener.name != parent.section_name:
        return False
    if parent.port and listener.port != parent.port:
        return False
    if listener.protocol not in ("HTTPS", "TLS"):
        return False
    return not listener.hostname or any(host_matches(listener.hostname, host) for host in plan.hosts)


def _trouble(conditions: tuple[Condition, ...], name: str, generation: int) -> Iterator[tuple[Verdict, str]]:
    condition = next((item for item in conditions if item.type == name), None)
    if condition is None:
        yield Verdict.UNKNOWN, f"{name} has not been reported"
        return
    if condition.status != "True":
        verdict = Verdict.FAIL if condition.status == "False" else Verdict.UNKNOWN
        reason = f"{clean(condition.reason, 60)}: {clean(condition.message, 160)}"
        yield verdict, f"{name} is {clean(condition.status, 20)} ({reason})"
    observed = condition.observed_generation
    if observed is not None and generation and observed < generation:
        yield Verdict.UNKNOWN, f"{name} speaks of generation {observed}, the object is at {generation}"
    elif observed is None and generation:
        yield Verdict.WARN, f"{name} does not say of which generation it speaks"


def _conflict(conditions: tuple[Condition, ...]) -> Iterator[tuple[Verdict, str]]:
    for condition in conditions:
        if condition.type == "Conflicted" and condition.status == "True":
            yield Verdict.FAIL, f"Conflicted ({clean(condition.reason, 60)}: {clean(condition.message, 160)})"


def _condition_lines(conditions: tuple[Condition, ...]) -> tuple[str, ...]:
    return tuple(
        clean(f"{item.type}={item.status} {item.reason} (generation {item.observed_generation})", 200)
        for item in conditions
    )


def ingress_ref(name: ObjectName) -> ObjectRef:
    """An Ingress of the plan."""
    return ObjectRef("Ingress", name.namespace, name.name, group="networking.k8s.io")


def unknown_kinds(snapshot: Snapshot, kinds: tuple[str, ...], subject: ObjectRef) -> Iterator[Finding]:
    """An UNKNOWN for each kind that could not be read."""
    for kind in kinds:
        state = snapshot.state_of(kind)
        if state.state not in ("live", "absent"):
            words = f"{kind} is not known: {state.state} {clean(state.detail, 160)}".rstrip()
            yield finding("CUT004", Verdict.UNKNOWN, subject, words)


def _knows(snapshot: Snapshot, ref: ObjectRef) -> bool:
    """Whether an object that is not in the snapshot is not in the cluster."""
    return snapshot.offline or snapshot.state_of(ref.kind).knows(ref.namespace)


def _any_covers(route: Route, host: str) -> bool:
    return any(host_matches(name, host) for name in route.spec.hostnames)


def gateway_ref(plan: Plan) -> ObjectRef:
    """The plan's Gateway."""
    return ObjectRef("Gateway", plan.gateway.namespace, plan.gateway.name, group=GATEWAY_GROUP)


def _kubectl(verb: str, kind: str, namespace: str, name: str) -> str:
    return f"kubectl -n {namespace} {verb} {kind} {name} -o yaml"
