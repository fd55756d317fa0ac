"""What a cluster would hold after ``kubectl apply`` of some documents: one Snapshot laid over another.

What is laid over has no answer yet: its controllers will write a status once it is there. So the answers to
what it replaces can be taken away, to compare two worlds by the specs alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import msgspec

from .kinds import PARTS
from .objects import Object
from .refs import ObjectRef
from .snapshot import Snapshot

# the parts whose status is a controller's answer to the spec
_ANSWERED = ("classes", "gateways", "listener_sets", "routes", "policies", "meshes")


@dataclass(frozen=True, slots=True)
class Overlay:
    """``snapshot`` is the world afterwards. ``added`` are new there, ``changed`` have another spec or
    other labels than before.

    ``unanswered`` are those with a new spec for which the documents bring no status of their own.
    """

    snapshot: Snapshot
    added: frozenset[ObjectRef]
    changed: frozenset[ObjectRef]
    unanswered: frozenset[ObjectRef]


def overlay(base: Snapshot, over: Snapshot) -> Overlay:
    """Every object of ``over`` in its place in ``base``; nothing is taken away.

    As an API server does it: identity and age stay, and over a live cluster a status in a document is
    ignored. Over other documents it counts. Where the spec is new, the generation is unknown (0), so that an
    old status is not called stale. How far a kind can be trusted stays as in ``base``.
    """
    merged: dict[str, Any] = {}
    added: set[ObjectRef] = set()
    changed: set[ObjectRef] = set()
    unanswered: set[ObjectRef] = set()
    for part in PARTS:
        news = getattr(over, part)
        if not news:
            continue
        olds = getattr(base, part)
        placed: dict[ObjectRef, Object] = {}
        for ref, new in news.items():
            old = olds.get(ref)
            if not base.offline:
                new = _without_status(new)
            spec_is_new = old is None or not _same_spec(old, new)
            if old is None:
                added.add(ref)
            elif spec_is_new or old.metadata.labels != new.metadata.labels:
                changed.add(ref)
            if spec_is_new and part in _ANSWERED and not _has_status(new):
                unanswered.add(ref)
            placed[ref] = new if old is None else _applied(old, new, spec_is_new)
        merged[part] = MappingProxyType({**olds, **placed})
    readable = {ref for part in merged if part != "undecodable" for ref in merged[part]}
    broken = {ref: one for ref, one in base.undecodable.items() if ref not in readable}
    merged["undecodable"] = MappingProxyType({**broken, **over.undecodable})
    snapshot = replace(base, version=base.version + 1, **merged)
    return Overlay(snapshot, frozenset(added), frozenset(changed), frozenset(unanswered))


def without_answers(snapshot: Snapshot, refs: Iterable[ObjectRef]) -> Snapshot:
    """The same world before any controller has said a word about ``refs``."""
    wanted = frozenset(refs)
    parts: dict[str, Any] = {}
    for part in _ANSWERED:
        objects = getattr(snapshot, part)
        silenced = {ref: _without_status(objects[ref]) for ref in wanted & objects.keys()}
        if silenced:
            parts[part] = MappingProxyType({**objects, **silenced})
    return replace(snapshot, **parts)


def _has_status(obj: Object) -> bool:
    status = getattr(obj, "status", None)
    return status is not None and status != type(status)()


def _without_status(obj: Object) -> Object:
    return msgspec.structs.replace(obj, status=type(obj.status)()) if _has_status(obj) else obj  # type: ignore[attr-defined]


def _same_spec(old: Object, new: Object) -> bool:
    shared: dict[str, Any] = {"metadata": old.metadata, "api_version": old.api_version}
    if hasattr(old, "status"):
        shared["status"] = old.status
    return type(old) is type(new) and old == msgspec.structs.replace(new, **shared)


def _applied(old: Object, new: Object, spec_is_new: bool) -> Object:
    own_status = _has_status(new)
    kept: dict[str, Any] = {
        "uid": old.metadata.uid,
        "resource_version": old.metadata.resource_version,
        "creation_timestamp": old.metadata.creation_timestamp or new.metadata.creation_timestamp,
    }
    if not own_status:
        kept["generation"] = 0 if spec_is_new else old.metadata.generation
    fields: dict[str, Any] = {"metadata": msgspec.structs.replace(new.metadata, **kept)}
    if not own_status and hasattr(old, "status"):
        fields["status"] = old.status
    return msgspec.structs.replace(new, **fields)
