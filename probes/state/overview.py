"""The rows of one moment: the same numbers for every face, already judged and sorted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from ...cluster.computed import of_type, status_in
from ...cluster.computed_routes import ParentState
from ...cluster.objects import Condition, Gateway, GatewayClass, Route, RouteParentStatus
from ...cluster.refs import ObjectRef
from ...cluster.store import Snapshot
from ...cluster.text import clean
from ...cluster.topology import BoundListener
from ..verdict import Finding, Verdict, worst
from .conditions import CLASS, GATEWAY, LISTENER, ROUTE, Scope, claimed_verdict
from .routes import entries_for
from .rows import ClassRow, GatewayRow, ListenerRow, Overview, ParentRow, RouteRow
from .words import safe_ref
from .world import world_of


def overview(snapshot: Snapshot, findings: Iterable[Finding]) -> Overview:
    """The rows of one moment, what is wrong first. ``findings`` are those of ``diagnose(snapshot)``."""
    builder = _Builder(snapshot, tuple(findings))
    routes = sorted(map(builder.route_row, snapshot.routes.values()), key=_by_badness)
    gateways = sorted(map(builder.gateway_row, snapshot.gateways.values()), key=_by_badness)
    classes = sorted(map(builder.class_row, snapshot.classes.values()), key=_by_badness)
    return Overview(
        classes=tuple(classes),
        gateways=tuple(gateways),
        routes=tuple(routes),
        counts=dict(builder.counts),
        troubled_kinds={
            kind: state
            for kind, state in sorted(snapshot.kinds.items())
            if state.state in _TROUBLED or state.namespaces is not None
        },
        version=snapshot.version,
    )


_TROUBLED = frozenset({"stale", "denied", "failed", "loading"})


def _by_badness(row: ClassRow | GatewayRow | RouteRow) -> tuple[int, str, str, str]:
    return -row.worst.badness, row.ref.namespace, row.ref.name, row.ref.kind


class _Builder:
    def __init__(self, snapshot: Snapshot, findings: tuple[Finding, ...]) -> None:
        self.snapshot = snapshot
        self.world = world_of(snapshot)
        self.counts = Counter(one.verdict for one in findings)
        self._by_subject: dict[ObjectRef, list[Finding]] = defaultdict(list)
        for one in findings:
            if isinstance(one.subject, ObjectRef):
                self._by_subject[one.subject].append(one)
                if one.subject.section:
                    self._by_subject[one.subject.whole].append(one)
        self._routes_of: Counter[ObjectRef] = Counter()
        self._gateways_of = Counter(one.spec.gateway_class_name for one in snapshot.gateways.values())
        for route in snapshot.routes.values():
            gateways = {
                attachment.gateway
                for attachment in self.world.topology.attachments(route)
                if attachment.accepted and attachment.gateway
            }
            self._routes_of.update(gateways)

    def trouble(self, ref: ObjectRef) -> tuple[Verdict, int]:
        """The worst verdict of an object's findings (its sections' too), and how many are bad."""
        bad = [one for one in self._by_subject.get(ref, ()) if one.verdict.badness > Verdict.PASS.badness]
        return worst([Verdict.PASS, *(one.verdict for one in bad)]), len(bad)

    def class_row(self, gateway_class: GatewayClass) -> ClassRow:
        """The row of a class."""
        worst_verdict, count = self.trouble(gateway_class.ref)
        conditions = gateway_class.status.conditions
        return ClassRow(
            ref=gateway_class.ref,
            controller=clean(gateway_class.spec.controller_name, 200),
            claimed=self._claimed(CLASS, conditions, gateway_class.meta.generation),
            worst=worst_verdict,
            conditions=conditions,
            findings=count,
            gateways=self._gateways_of[gateway_class.meta.name],
        )

    def gateway_row(self, gateway: Gateway) -> GatewayRow:
        """The row of a Gateway with its listeners, in the order of the spec."""
        ref = gateway.ref
        listeners = tuple(map(self.listener_row, self.world.topology.listeners(ref)))
        worst_verdict, count = self.trouble(ref)
        # trouble of a ListenerSet's listener is trouble of the Gateway that shows it
        worst_verdict = worst([worst_verdict, *(row.worst for row in listeners)])
        conditions = gateway.status.conditions
        return GatewayRow(
            ref=ref,
            class_name=clean(gateway.spec.gateway_class_name, 253),
            controller=clean(self.world.topology.controller_of(gateway) or "", 200),
            addresses=tuple(clean(address.value, 253) for address in gateway.status.addresses),
            listeners=listeners,
            claimed=self._claimed(GATEWAY, conditions, gateway.meta.generation),
            computed=self._computed_gateway(gateway, listeners),
            worst=worst_verdict,
            conditions=conditions,
            findings=count,
            routes=self._routes_of[ref],
            by_specs=self.world.computed_gateway(gateway),
        )

    def listener_row(self, bound: BoundListener) -> ListenerRow:
        """The row of a listener."""
        worst_verdict, count = self.trouble(bound.ref)
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
            worst=worst_verdict,
            conditions=conditions,
            findings=count,
            by_specs=self.world.computed_listener(bound).conditions,
        )

    def route_row(self, route: Route) -> RouteRow:
        """The row of a route with a row for each answer to each parentRef, former parents last."""
        worst_verdict, count = self.trouble(route.ref)
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
            worst=worst_verdict,
            findings=count,
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
        rows = [
            replace(self._entry_row(route, entry, parent, detail, computed), by_specs=state.conditions)
            for entry in own
        ]
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
    ) -> ParentRow:
        return ParentRow(
            parent=parent,
            controller=clean(entry.controller_name, 200),
            conditions=entry.conditions,
            claimed=claimed_verdict(ROUTE, entry.conditions, route.meta.generation),
            computed=computed or Verdict.SKIP,
            foreign=computed is None,
            detail=detail,
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
        if gateway.spec.gateway_class_name not in self.world.topology.class_by_name:
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
