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
from .objects import Object, PathMatch, RouteMatch, RouteRule
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
            elif spec_is_new or not new.metadata.labels.items() <= old.metadata.labels.items():
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
    return _becomes(msgspec.structs.replace(new, **shared), old)


# what an API server fills in where a document says nothing, by the name of the field
# (config/crd of the Gateway API; what has a plain default is filled in while decoding already)
_ANY_PATH = (RouteMatch(path=PathMatch()),)
_DEFAULTS: dict[str, Any] = {
    "path": PathMatch(),
    "matches": _ANY_PATH,
    "rules": (RouteRule(matches=_ANY_PATH),),
    "from_": "Same",
    "type": "IPAddress",
    "protocol": "TCP",
    "external_traffic_policy": "Cluster",
}
# filled in with something that depends on the object
_FILLED_IN = frozenset({"target_port"})


def _becomes(asked: Any, held: Any) -> bool:
    """Whether an API server that was given ``asked`` would hold ``held``.

    Free-form fields may hold more than was asked for: their defaults are not known here, and a field that was
    taken out of them is not seen.
    """
    if isinstance(asked, msgspec.Struct):
        return type(asked) is type(held) and all(
            _becomes(getattr(asked, name), getattr(held, name))
            or (not getattr(asked, name) and _is_filled_in(name, getattr(held, name)))
            for name in asked.__struct_fields__
        )
    if isinstance(asked, dict):
        return isinstance(held, dict) and all(
            name in held and _becomes(value, held[name]) for name, value in asked.items()
        )
    if isinstance(asked, (list, tuple)):
        return isinstance(held, (list, tuple)) and len(asked) == len(held) and all(map(_becomes, asked, held))
    return bool(asked == held)


def _is_filled_in(name: str, held: Any) -> bool:
    return name in _FILLED_IN or held == _DEFAULTS.get(name)


def _applied(old: Object, new: Object, spec_is_new: bool) -> Object:
    own_status = _has_status(new)
    kept: dict[str, Any] = {
        "uid": old.metadata.uid,
        "resource_version": old.metadata.resource_version,
        "creation_timestamp": old.metadata.creation_timestamp or new.metadata.creation_timestamp,
        # `apply` takes away only what it once set itself, and that is not known here
        "labels": {**old.metadata.labels, **new.metadata.labels},
        "annotations": {**old.metadata.annotations, **new.metadata.annotations},
    }
    if not own_status:
        kept["generation"] = 0 if spec_is_new else old.metadata.generation
    fields: dict[str, Any] = {"metadata": msgspec.structs.replace(new.metadata, **kept)}
    if not own_status and hasattr(old, "status"):
        fields["status"] = old.status
    return msgspec.structs.replace(new, **fields)
