"""Claimed beside computed as plain facts: what ``status -o json`` shows of every condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from .rows import Overview

if TYPE_CHECKING:
    from ...cluster.objects import Condition
    from ...cluster.rules.computed import Computed


def claims(rows: Overview) -> list[dict[str, Any]]:
    """One entry for each condition that a controller wrote or the specs give: of routes for each parent, of
    Gateways and of listeners. A side that says nothing is null."""
    found: list[dict[str, Any]] = []
    for gateway in rows.gateways:
        found += _entries(gateway.ref, None, gateway.conditions, gateway.by_specs)
        for listener in gateway.listeners:
            found += _entries(listener.ref, None, listener.conditions, listener.by_specs)
    for route in rows.routes:
        for parent in route.parents:
            found += _entries(route.ref, parent.parent, parent.conditions, parent.by_specs)
    return found


def _entries(
    subject: ObjectRef,
    parent: ObjectRef | None,
    conditions: Iterable[Condition],
    by_specs: Iterable[Computed],
) -> Iterator[dict[str, Any]]:
    claimed = {one.type: one for one in conditions}
    computed = {one.type: one for one in by_specs}
    for kind in dict.fromkeys((*claimed, *computed)):
        theirs, ours = claimed.get(kind), computed.get(kind)
        yield {
            "subject": str(subject),
            "parent": str(parent) if parent else None,
            "type": clean(kind, 100),
            "claimed": (
                {"status": clean(theirs.status, 20), "reason": clean(theirs.reason, 120)} if theirs else None
            ),
            "computed": (
                {"status": ours.status, "reasons": list(ours.reasons), "detail": ours.detail}
                if ours
                else None
            ),
        }
