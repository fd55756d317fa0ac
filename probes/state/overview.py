"""The rows of one moment: the same numbers for every face, already judged and sorted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from ...cluster.objects import Condition, Gateway, GatewayClass, Route, RouteParentStatus
from ...cluster.refs import ObjectRef
from ...cluster.rules.computed import Computed, of_type, status_in
from ...cluster.rules.computed_routes import ParentState
from ...cluster.rules.topology import BoundListener
from ...cluster.snapshot import KindState, Snapshot
from ...cluster.text import clean
from ..verdict import Finding, Verdict, worst
from .conditions import CLASS, GATEWAY, LISTENER, ROUTE, Scope, claimed_verdict
from .routes import entries_for
from .rows import ClassRow, GatewayRow, ListenerRow, Overview, ParentRow, RouteRow
from .words import safe_ref
from .world import World, world_of

Trouble = tuple[Verdict, int]


def overview(snapshot: Snapshot, findings: Iterable[Finding]) -> Overview:
    """The rows of one moment, what is wrong first. ``findings`` are those of ``diagnose(snapshot)``."""
    world = world_of(snapshot)
    builder = RowBuilder(world)
    findings = tuple(findings)
    by_subject: dict[ObjectRef, list[Finding]] = defaultdict(list)
    for one in findings:
        if isinstance(one.subject, ObjectRef):
            by_subject[one.subject].append(one)
            if one.subject.section:
                by_subject[one.subject.whole].append(one)

    def trouble(ref: ObjectRef) -> Trouble:
        return trouble_in(by_subject.get(ref, ()))

    routes = [told_route(builder.route_row(one), trouble) for one in snapshot.routes.values()]
    routes_of = Counter(gateway for row in routes for gateway in row.gateways)
    gateways_of = Counter(one.spec.gateway_class_name for one in snapshot.gateways.values())
    gateways = (
        told_gateway(builder.gateway_row(one), trouble, routes_of[ref])
        for ref, one in snapshot.gateways.items()
    )
    classes = (
        told_class(builder.class_row(one), trouble, gateways_of[one.meta.name])
        for one in snapshot.classes.values()
    )
    return Overview(
        classes=tuple(sorted(classes, key=by_badness)),
        gateways=tuple(sorted(gateways, key=by_badness)),
        routes=tuple(sorted(routes, key=by_badness)),
        counts=dict(Counter(one.verdict for one in findings)),
        troubled_kinds=troubled_kinds(snapshot),
        version=snapshot.version,
    )


_TROUBLED = frozenset({"stale", "denied", "failed", "loading"})


def troubled_kinds(snapshot: Snapshot) -> dict[str, KindState]:
    """The kinds that are not live, or not for the whole cluster."""
    return {
        kind: state
        for kind, state in sorted(snapshot.kinds.items())
        if state.state in _TROUBLED or state.namespaces is not None
    }


def by_badness(row: ClassRow | GatewayRow | RouteRow) -> tuple[int, str, str, str]:
    """Sort key: what is wrong first, then by name."""
    return -row.worst.badness, row.ref.namespace, row.ref.name, row.ref.kind


def trouble_in(findings: Iterable[Finding]) -> Trouble:
    """The worst verdict of an object's findings, and how many of them are bad."""
    bad = [one.verdict for one in findings if one.verdict.badness > Verdict.PASS.badness]
    return worst([Verdict.PASS, *bad]), len(bad)


def told_route(row: RouteRow, trouble: Callable[[ObjectRef], Trouble]) -> RouteRow:
    """The row with what its findings say."""
    worst_verdict, count = trouble(row.ref)
    return replace(row, worst=worst_verdict, findings=count) if count else row


def told_gateway(row: GatewayRow, trouble: Callable[[ObjectRef], Trouble], routes: int) -> GatewayRow:
    """The row with what its findings and its listeners' say, and how many ``routes`` attach to it."""
    listeners = tuple(_told_listener(one, trouble) for one in row.listeners)
    worst_verdict, count = trouble(row.ref)
    # trouble of a ListenerSet's listener is trouble of the Gateway that shows it
    worst_verdict = worst([worst_verdict, *(one.worst for one in listeners)])
    return replace(row, listeners=listeners, worst=worst_verdict, findings=count, routes=routes)


def _told_listener(row: ListenerRow, trouble: Callable[[ObjectRef], Trouble]) -> ListenerRow:
    worst_verdict, count = trouble(row.ref)
    return replace(row, worst=worst_verdict, findings=count) if count else row


def told_class(row: ClassRow, trouble: Callable[[ObjectRef], Trouble], gateways: int) -> ClassRow:
    """The row with what its findings say, and how many ``gateways`` are of the class."""
    worst_verdict, count = trouble(row.ref)
    return replace(row, worst=worst_verdict, findings=count, gateways=gateways)


class RowBuilder:
    """The rows as far as they hang on the objects alone: without findings, and without counts of others."""

    def __init__(self, world: World) -> None:
        self.snapshot = world.snapshot
        self.world = world

    def class_row(self, gateway_class: GatewayClass) -> ClassRow:
        """The row of a class."""
        conditions = gateway_class.status.conditions
        return ClassRow(
            ref=gateway_class.ref,
            controller=clean(gateway_class.spec.controller_name, 200),
            claimed=self._claimed(CLASS, conditions, gateway_class.meta.generation),
            worst=Verdict.PASS,
            conditions=conditions,
            findings=0,
            gateways=0,
        )

    def gateway_row(self, gateway: Gateway) -> GatewayRow:
        """The row of a Gateway with its listeners, in the order of the spec."""
        ref = gateway.ref
        listeners = tuple(map(self.listener_row, self.world.topology.listeners(ref)))
        conditions = gateway.status.conditions
        return GatewayRow(
            ref=ref,
            class_name=clean(gateway.spec.gateway_class_name, 253),
            controller=clean(self.world.topology.controller_of(gateway) or "", 200),
            addresses=tuple(clean(address.value, 253) for address in gateway.status.addresses),
            listeners=listeners,
            claimed=self._claimed(GATEWAY, conditions, gateway.meta.generation),
            computed=self._computed_gateway(gateway, listeners),
            worst=Verdict.PASS,
            conditions=conditions,
            findings=0,
            routes=0,
            by_specs=self.world.computed_gateway(gateway),
        )

    def listener_row(self, bound: BoundListener) -> ListenerRow:
        """The row of a listener."""
        status = self.world.listener_status(bound)
        conditions = status.conditions if status else ()
        holder = self.snapshot.gateways.get(bound.owner) or self.snapshot.listener_sets.get(bound.owner)
        return ListenerRow(
            ref=bound.ref,
            owner=bound.owner,
            protocol=clean(bound.listener.protocol, 40),
            port=bound.listener.port,
            hostname=clean(bound.listener.hostname or "", 253),
            attached_routes=status.attached_routes if status else 0,
            claimed=self._claimed(LISTENER, conditions, holder.meta.generation if holder else 0),
            computed=self._computed_listener(bound),
            worst=Verdict.PASS,
            conditions=conditions,
            findings=0,
            by_specs=self.world.computed_listener(bound).conditions,
        )

    def route_row(self, route: Route) -> RouteRow:
        """The row of a route with a row for each answer to each parentRef, former parents last."""
        parents: list[ParentRow] = []
        states = self.world.computed_route(route)
        for state in states:
            parents += self._parent_rows(route, state)
        asked = {row.parent for row in parents}
        for entry in route.status.parents:
            parent = safe_ref(entry.parent_ref.target(route.meta.namespace))
            if parent not in asked:
                parents.append(self._entry_row(route, entry, parent, "the route does not name this parent"))
        own = [row for row in parents if not row.foreign]
        return RouteRow(
            ref=route.ref,
            hostnames=tuple(clean(name, 253) for name in route.spec.hostnames),
            parents=tuple(parents),
            claimed=worst(row.claimed for row in own) if own else Verdict.UNKNOWN,
            computed=worst([*(row.computed for row in own), *self._computed_backends(route, states)]),
            worst=Verdict.PASS,
            findings=0,
            gateways=tuple(
                dict.fromkeys(
                    state.attachment.gateway
                    for state in states
                    if state.attachment.accepted and state.attachment.gateway
                )
            ),
        )

    def _parent_rows(self, route: Route, state: ParentState) -> list[ParentRow]:
        attachment = state.attachment
        own, foreign = entries_for(self.world, route, attachment)
        parent = safe_ref(attachment.parent)
        mesh = attachment.reason == "NotAGateway"
        computed = Verdict.SKIP if mesh else _COMPUTED[attachment.accepted]
        if status_in(state.conditions, "Accepted") == "False":
            computed = Verdict.FAIL
        detail = attachment.reason + (f": {attachment.detail}" if attachment.detail else "")
        rows = [self._entry_row(route, entry, parent, detail, computed, state.conditions) for entry in own]
        if not own:
            claimed = self._unanswered(route.status.parents)
            rows.append(
                ParentRow(parent, "", (), claimed, computed, detail=detail, by_specs=state.conditions)
            )
        rows += [self._entry_row(route, entry, parent, "another controller's word") for entry in foreign]
        return rows

    @staticmethod
    def _entry_row(
        route: Route,
        entry: RouteParentStatus,
        parent: ObjectRef,
        detail: str,
        computed: Verdict | None = None,
        by_specs: tuple[Computed, ...] = (),
    ) -> ParentRow:
        return ParentRow(
            parent=parent,
            controller=clean(entry.controller_name, 200),
            conditions=entry.conditions,
            claimed=claimed_verdict(ROUTE, entry.conditions, route.meta.generation),
            computed=computed or Verdict.SKIP,
            foreign=computed is None,
            detail=detail,
            by_specs=by_specs,
        )

    def _claimed(self, scope: Scope, conditions: tuple[Condition, ...], generation: int) -> Verdict:
        if not conditions:
            return self._unanswered(conditions)
        return claimed_verdict(scope, conditions, generation)

    def _unanswered(self, status: tuple[object, ...]) -> Verdict:
        return Verdict.SKIP if self.world.silent(status) else Verdict.UNKNOWN

    def _computed_backends(self, route: Route, states: tuple[ParentState, ...]) -> list[Verdict]:
        verdicts = []
        for fault in self.world.backend_faults(route):
            if fault.fault == "unreadable":
                verdicts.append(Verdict.UNKNOWN)
            else:
                verdicts.append(Verdict.WARN if fault.mirror or fault.share == 0 else Verdict.FAIL)
        for state in states:
            resolved = of_type(state.conditions, "ResolvedRefs")
            if resolved is not None and "InvalidKind" in resolved.reasons:
                verdicts.append(Verdict.FAIL if resolved.status == "False" else Verdict.UNKNOWN)
        return verdicts

    def _computed_listener(self, bound: BoundListener) -> Verdict:
        conditions = self.world.computed_listener(bound).conditions
        if "False" in (status_in(conditions, "Accepted"), status_in(conditions, "Programmed")):
            return Verdict.FAIL
        if status_in(conditions, "ResolvedRefs") == "False":
            # what does resolve still serves
            return Verdict.WARN
        return Verdict.UNKNOWN if any(one.status == "Unknown" for one in conditions) else Verdict.PASS

    def _computed_gateway(self, gateway: Gateway, listeners: tuple[ListenerRow, ...]) -> Verdict:
        if self.world.topology.gateway_class(gateway.spec.gateway_class_name) is None:
            known = self.snapshot.state_of("GatewayClass").knows("")
            return Verdict.FAIL if known else Verdict.UNKNOWN
        if status_in(self.world.computed_gateway(gateway), "Accepted") == "False":
            return Verdict.FAIL
        verdicts = {row.computed for row in listeners}
        if Verdict.FAIL in verdicts:
            # the other listeners still serve
            return Verdict.FAIL if verdicts == {Verdict.FAIL} else Verdict.WARN
        return worst([Verdict.PASS, *verdicts])


_COMPUTED = {True: Verdict.PASS, False: Verdict.FAIL, None: Verdict.UNKNOWN}
