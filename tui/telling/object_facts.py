"""One object as plain facts: what ``describe -o json`` shows beside its findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.state.claims import claimed_beside, claims
from .around import untold_kinds, users_by_object
from .object import object_of

if TYPE_CHECKING:
    from ...cluster.client.fetch import EventLine
    from ...cluster.rules.computed import Computed
    from ...probes.state.rows import Picture


def object_facts(picture: Picture, ref: ObjectRef, by_specs: Iterable[Computed] = ()) -> dict[str, Any]:
    """``object``, its metadata, ``conditions`` claimed and computed, and ``used_by``.

    ``claimed`` and ``computed`` are the verdicts of what controllers say and of what the specs give, null for
    kinds that have none. ``by_specs``: the computed conditions of a kind that has no row of its own.
    """
    obj = object_of(picture.snapshot, ref)
    row = next((one for one in _rows(picture) if one.ref == ref), None)
    untold = untold_kinds(picture)
    return {
        "object": _named(ref),
        "api_version": clean(obj.api_version, 320) if obj else None,
        "created": clean(obj.meta.creation_timestamp, 40) if obj and obj.meta.creation_timestamp else None,
        "generation": obj.meta.generation if obj else None,
        "labels": _pairs(obj.meta.labels) if obj else {},
        "annotations": _pairs(obj.meta.annotations) if obj else {},
        "claimed": getattr(row, "claimed", None),
        "computed": getattr(row, "computed", None),
        "conditions": _conditions(picture, ref, tuple(by_specs)),
        "used_by": [
            {"object": _named(user), "how": [clean(one, 300) for one in how]}
            for user, how in users_by_object(picture.snapshot, ref).items()
        ],
        "used_by_not_told": [clean(kind, 320) for kind in untold],
    }


def _rows(picture: Picture) -> Iterable[Any]:
    rows = picture.overview
    return (*rows.routes, *rows.gateways, *rows.classes)


def _conditions(picture: Picture, ref: ObjectRef, by_specs: tuple[Computed, ...]) -> list[dict[str, Any]]:
    found = claims(picture.overview, ref)
    if ref in picture.snapshot.routes or ref in picture.snapshot.gateways:
        return found
    status: Any = getattr(object_of(picture.snapshot, ref), "status", None)
    ancestors = getattr(status, "ancestors", ())
    own: list[dict[str, Any]] = []
    for ancestor in ancestors:
        parent = ancestor.ancestor_ref.target(ref.namespace)
        own += claimed_beside(ref, parent, ancestor.conditions, by_specs)
    if not ancestors:
        own += claimed_beside(ref, None, getattr(status, "conditions", ()), by_specs)
    # of listeners whose Gateway is not known there are no rows
    for listener in getattr(status, "listeners", ()) if not found else ():
        own += claimed_beside(ref.part(listener.name), None, listener.conditions, ())
    return [*own, *found]


def event_facts(events: Iterable[EventLine]) -> list[dict[str, Any]]:
    """Events with ``at`` as Unix time in seconds, null where they do not say."""
    return [
        {
            "at": event.at or None,
            "type": clean(event.type, 40),
            "reason": clean(event.reason, 200),
            "message": clean(event.message, 2000),
            "count": event.count,
            "source": clean(event.source, 200),
        }
        for event in events
    ]


def _named(ref: ObjectRef) -> dict[str, str]:
    fields = {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
    return {key: clean(value, 320) for key, value in fields.items()}


def _pairs(pairs: Mapping[str, str]) -> dict[str, str]:
    return {clean(key, 320): clean(value, 400) for key, value in sorted(pairs.items())}
