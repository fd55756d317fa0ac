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


def claims(rows: Overview, about: ObjectRef | None = None) -> list[dict[str, Any]]:
    """One entry for each condition that a controller wrote or the specs give: of routes for each parent, of
    Gateways and of listeners. A side that says nothing is null.

    ``about``: only of that Gateway or route, or of the listeners of that ListenerSet.
    """
    found: list[dict[str, Any]] = []
    for gateway in rows.gateways:
        if about in (None, gateway.ref):
            found += claimed_beside(gateway.ref, None, gateway.conditions, gateway.by_specs)
        for listener in gateway.listeners:
            if about in (None, gateway.ref, listener.owner):
                found += claimed_beside(listener.ref, None, listener.conditions, listener.by_specs)
    for route in rows.routes:
        for parent in route.parents if about in (None, route.ref) else ():
            found += claimed_beside(route.ref, parent.parent, parent.conditions, parent.by_specs)
    return found


def claimed_beside(
    subject: ObjectRef,
    parent: ObjectRef | None,
    conditions: Iterable[Condition],
    by_specs: Iterable[Computed],
) -> Iterator[dict[str, Any]]:
    """The entries of one list of conditions and of what the specs give for the same thing."""
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
