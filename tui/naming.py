"""From what a person types to one object: kubectl's words for kinds, and names that are near."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ..cluster.errors import UserError
from ..cluster.refs import ObjectRef
from ..cluster.text import clean

if TYPE_CHECKING:
    from ..cluster.kinds import KindSpec
    from ..cluster.snapshot import KindState, Snapshot

# as `kubectl api-resources` gives them; those of our own are taken from the places
_KUBECTL = {
    "btlspolicy": "BackendTLSPolicy",
    "cm": "ConfigMap",
    "crd": "CustomResourceDefinition",
    "crds": "CustomResourceDefinition",
    "deploy": "Deployment",
    "ds": "DaemonSet",
    "gtw": "Gateway",
    "lset": "ListenerSet",
    "netpol": "NetworkPolicy",
    "ns": "Namespace",
    "po": "Pod",
    "refgrant": "ReferenceGrant",
}
_MOST_NEAR = 4
_FORMS = "describe KIND NS/NAME, KIND/NAME -n NS, or KIND NAME"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed: a word for a kind, a name, and the namespace where one was given."""

    kind: str
    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        return clean(f"{self.namespace}/{self.name}" if self.namespace else self.name, 320)


def parse_words(words: Sequence[str]) -> Wanted:
    """``KIND NAME``, ``KIND NS/NAME``, ``KIND/NAME``, ``KIND/NS/NAME``; UserError for anything else."""
    parts = [part for word in words for part in word.split("/")]
    if len(words) > 2 or not all(parts) or not 1 <= len(parts) <= 3:
        shown = clean(" ".join(words), 120)
        raise UserError(f"{shown!r} names no object", _FORMS)
    if len(parts) == 1:
        return Wanted(parts[0], "")
    return Wanted(parts[0], parts[-1], parts[1] if len(parts) == 3 else None)


# -- kinds


def kinds_of(word: str, snapshot: Snapshot) -> list[KindSpec]:
    """The kinds that ``word`` means, in any case: kind, plural or short name, with or without ``.group``.

    More than one where groups have kinds of one name. Raises UserError, with near words, where it means none.
    """
    name, _, group = word.lower().partition(".")
    known = _known_kinds(snapshot)
    meant = _short_names().get(name, name).lower()
    found = [
        spec
        for spec in known
        if meant in (spec.kind.lower(), _plural(spec))
        # kubectl also takes the version between: httproutes.v1.gateway.networking.k8s.io
        and (not group or spec.group in (group, group.partition(".")[2]))
    ]
    if found:
        return found
    words = [spec.kind.lower() for spec in known] + [_plural(spec) for spec in known] + [*_short_names()]
    near = dict.fromkeys(
        kinds[0].kind
        for close in difflib.get_close_matches(name, dict.fromkeys(words), 2 * _MOST_NEAR, 0.6)
        if (kinds := kinds_of(close, snapshot))
    )
    hint = (
        f"did you mean {', '.join(list(near)[:_MOST_NEAR])}?"
        if near
        else "`pointsman status -o json` lists all"
    )
    raise UserError(f"Pointsman reads no kind {clean(word, 80)!r}", hint)


@cache
def _short_names() -> dict[str, str]:
    from .places import ROUTE_PLACES
    from .tables.resources import RESOURCES

    routes = {name: kind for kind, names in ROUTE_PLACES for name in names}
    others = {name: one.kinds[0] for one in RESOURCES if one.part != "policies" for name in one.names}
    return {**_KUBECTL, **routes, **others}


def _known_kinds(snapshot: Snapshot) -> list[KindSpec]:
    from ..cluster.kinds import KINDS, OFFLINE_KINDS, POD, kind_spec, policy_spec
    from ..cluster.knowledge.controllers import known_policies

    plurals = {
        (crd.spec.group, crd.spec.names.kind): crd.spec.names.plural.lower() for crd in snapshot.crds.values()
    }
    known = {(spec.group, spec.kind): spec for spec in (*KINDS, POD, *OFFLINE_KINDS)}
    others = {(spec.group, spec.kind) for spec in known_policies()}
    others |= {(ref.group, ref.kind) for ref in snapshot.policies}
    for group, kind in sorted(others):
        if kind_spec(group, kind) is None:
            known[group, kind] = policy_spec(group, kind, plurals.get((group, kind), ""))
    return list(known.values())


def _plural(spec: KindSpec) -> str:
    if spec.plural:
        return spec.plural
    kind = spec.kind.lower()
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}{'es' if kind.endswith('s') else 's'}"


# -- objects


def find_object(snapshot: Snapshot, wanted: Wanted, namespaces: tuple[str, ...] | None) -> ObjectRef:
    """The one object that is meant; ``namespaces`` are where to look for a name without one (None: all).

    Raises UserError for a kind or an object that is not there, with what is near; its ``status`` is set where
    the object could not be looked for, which is no wrong usage.
    """
    kinds = kinds_of(wanted.kind, snapshot)
    there = sorted(ref for spec in kinds for ref in _objects(snapshot, spec))
    where = (wanted.namespace,) if wanted.namespace is not None else namespaces
    found = [
        ref
        for ref in there
        if ref.name == wanted.name and (where is None or not ref.namespace or ref.namespace in where)
    ]
    if len(found) == 1:
        return found[0]
    kind = clean(kinds[0].kind, 80)
    if found:
        same_place = len({ref.namespace for ref in found}) == 1
        several = [clean(f"{one.kind}.{one.group}" if same_place else _path(one), 320) for one in found]
        raise UserError(f"there are {len(found)} of {kind} {wanted}", f"name one: {_listed(several)}")
    _refuse_blindness(snapshot, kinds, where)
    if not wanted.name:
        listed = _listed([_path(ref) for ref in there])
        raise UserError(f"{kind} needs a name", f"there are: {listed}" if listed else "there is none")
    near = _listed(_near(wanted, there))
    place = "among these files" if snapshot.offline else _place(where)
    raise UserError(
        f"there is no {kind} {wanted} {place}".rstrip(),
        f"near: {near}"
        if near
        else (f"there are: {_listed([_path(ref) for ref in there])}" if there else ""),
    )


def _objects(snapshot: Snapshot, spec: KindSpec) -> Iterable[ObjectRef]:
    stored = (*getattr(snapshot, spec.part), *snapshot.undecodable)
    return {ref for ref in stored if (ref.group, ref.kind) == (spec.group, spec.kind)}


def _refuse_blindness(snapshot: Snapshot, kinds: Sequence[KindSpec], where: tuple[str, ...] | None) -> None:
    """What could not be read is not none."""
    if snapshot.offline:
        return
    states = [(spec, state_of(snapshot, spec.group, spec.kind)) for spec in kinds]
    if all(state.state == "absent" for _, state in states):
        raise UserError(f"this cluster does not serve {clean(kinds[0].kind, 80)}")
    for spec, state in states:
        seen = state.state in ("live", "stale", "absent")
        wanted = where if spec.namespaced and where is not None else (None,)
        if seen and (state.namespaces is None or all(one in state.namespaces for one in wanted)):
            continue
        told = state.state if not seen else f"read in {', '.join(state.namespaces or ())} only"
        error = UserError(
            f"it is not known whether it is there: {clean(spec.kind, 80)} objects are {clean(told, 300)}",
            clean(state.detail, 300),
        )
        error.status = 0  # type: ignore[attr-defined]
        raise error


def state_of(snapshot: Snapshot, group: str, kind: str) -> KindState:
    """How far a kind can be trusted, where another group may have one of its name."""
    return snapshot.kinds.get(f"{kind}.{group}") or snapshot.state_of(kind)


def _near(wanted: Wanted, there: Sequence[ObjectRef]) -> list[str]:
    elsewhere = [_path(ref) for ref in there if ref.name == wanted.name]
    close = set(difflib.get_close_matches(wanted.name, {ref.name for ref in there}, _MOST_NEAR, 0.6))
    return list(dict.fromkeys([*elsewhere, *(_path(ref) for ref in there if ref.name in close)]))


def _place(where: tuple[str, ...] | None) -> str:
    return f"in {', '.join(clean(one, 63) for one in where)}" if where and len(where) > 1 else ""


def _path(ref: ObjectRef) -> str:
    return f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name


def _listed(names: Sequence[str]) -> str:
    more = " ..." if len(names) > _MOST_NEAR else ""
    return ", ".join(clean(name, 320) for name in names[:_MOST_NEAR]) + more
