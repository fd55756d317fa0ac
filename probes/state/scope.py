"""Only what concerns some namespaces: their objects, and the Gateways and classes that these depend on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from ...cluster.refs import ObjectRef
from ...cluster.snapshot import Snapshot
from ..verdict import Finding
from .rows import Overview, Picture


def findings_within(
    snapshot: Snapshot, findings: Iterable[Finding], namespaces: tuple[str, ...] | None
) -> tuple[Finding, ...]:
    """The findings about objects in ``namespaces`` (None: all), their parents, and the cluster."""
    if namespaces is None:
        return tuple(findings)
    parents = _parents(snapshot, namespaces)

    def concerns(finding: Finding) -> bool:
        subject = finding.subject
        if not isinstance(subject, ObjectRef) or not subject.namespace:
            return True
        return subject.namespace in namespaces or subject.whole in parents

    return tuple(finding for finding in findings if concerns(finding))


def rows_within(snapshot: Snapshot, rows: Overview, namespaces: tuple[str, ...] | None) -> Overview:
    """The rows of ``namespaces`` (None: all): their routes, and the Gateways there or above these."""
    if namespaces is None:
        return rows
    parents = _parents(snapshot, namespaces)
    return replace(
        rows,
        routes=tuple(row for row in rows.routes if row.ref.namespace in namespaces),
        gateways=tuple(row for row in rows.gateways if row.ref.namespace in namespaces or row.ref in parents),
    )


def within(picture: Picture, namespaces: tuple[str, ...] | None) -> Picture:
    """What of a picture concerns ``namespaces`` (None: all)."""
    if namespaces is None:
        return picture
    snapshot = picture.snapshot
    findings = findings_within(snapshot, picture.findings, namespaces)
    kept = set(findings)
    rows = replace(
        rows_within(snapshot, picture.overview, namespaces), counts=Counter(one.verdict for one in findings)
    )
    by_object = {
        ref: told
        for ref, said in picture.by_object.items()
        if (told := tuple(one for one in said if one in kept))
    }
    return Picture(snapshot, findings, rows, MappingProxyType(by_object), picture.judged)


def _parents(snapshot: Snapshot, namespaces: tuple[str, ...]) -> set[ObjectRef]:
    parents: set[ObjectRef] = set()
    for route in snapshot.routes.values():
        if route.ref.namespace in namespaces:
            parents.update(ref.target(route.ref.namespace).whole for ref in route.spec.parent_refs)
    for listener_set in snapshot.listener_sets.values():
        if listener_set.ref in parents or listener_set.ref.namespace in namespaces:
            parents.add(listener_set.spec.parent_ref.target(listener_set.ref.namespace).whole)
    return parents
