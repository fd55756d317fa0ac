"""Findings about ReferenceGrants: those that lead nowhere, and those that nearly allow what is refused."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...cluster.objects import GrantFrom, GrantTo, ReferenceGrant
from ...cluster.refs import GATEWAY_GROUP, ObjectRef
from ...cluster.text import clean
from ..verdict import Finding, Verdict, finding
from .words import is_plain, kubectl_get, safe_ref
from .world import World

_RESOURCE = f"referencegrants.{GATEWAY_GROUP}"


def grant_findings(world: World, grant: ReferenceGrant) -> Iterator[Finding]:
    """A grant from a namespace that does not exist, or to a Service that does not exist.

    A grant that nobody uses is no fault: it may be for a route that is still to come.
    """
    ref = grant.ref
    namespaces = world.snapshot.state_of("Namespace")
    for index, entry in enumerate(grant.spec.from_):
        if (
            namespaces.knows("")
            and ObjectRef("Namespace", "", entry.namespace) not in world.snapshot.namespaces
        ):
            yield finding(
                "GW141",
                Verdict.WARN,
                ref,
                f"from[{index}]: there is no namespace {clean(entry.namespace, 100)}",
                reproduce=kubectl_get(ref),
            )
    for index, to in enumerate(grant.spec.to):
        target = ObjectRef("Service", ref.namespace, to.name or "")
        if to.kind != "Service" or to.group or not to.name or target in world.snapshot.services:
            continue
        if world.snapshot.state_of("Service").knows(ref.namespace):
            yield finding(
                "GW142",
                Verdict.WARN,
                ref,
                f"to[{index}]: {safe_ref(target)} does not exist",
                reproduce=kubectl_get(ref),
            )


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reference that no grant allows: from an object of a kind in a namespace, to ``target``."""

    group: str
    kind: str
    namespace: str
    target: ObjectRef


@dataclass(frozen=True, slots=True)
class NearMiss:
    """The grant that comes closest, what of it is off, and the command that mends it (empty: none is safe
    to show)."""

    words: str
    command: str


def near_miss(world: World, wanted: Wanted) -> NearMiss | None:
    """The grant that would allow ``wanted`` but for one side of it, or for the namespace it stands in."""
    grants_in = world.topology.grants_in
    best: tuple[int, str, NearMiss] | None = None
    for grant in grants_in(wanted.target.namespace):
        for off, miss in _misses(grant, wanted):
            candidate = (off, str(grant.ref), miss)
            if best is None or candidate[:2] < best[:2]:
                best = candidate
    if best is not None:
        return best[2]
    for grant in grants_in(wanted.namespace):
        if _fits(grant.spec.from_, wanted) and any(not _off_to(to, wanted.target) for to in grant.spec.to):
            words = f"{grant.ref} would allow it, but it stands in {clean(wanted.namespace, 100)}, not in "
            return NearMiss(words + clean(wanted.target.namespace, 100), "")
    return None


def _misses(grant: ReferenceGrant, wanted: Wanted) -> Iterator[tuple[int, NearMiss]]:
    """Where one side fits and the other is off: how many fields, which, and the entry to add."""
    name = grant.ref
    if _fits(grant.spec.from_, wanted):
        for index, to in enumerate(grant.spec.to):
            off = _off_to(to, wanted.target)
            entry = {"group": wanted.target.group, "kind": wanted.target.kind, "name": wanted.target.name}
            yield len(off), NearMiss(f"{name}: {_say('to', index, off)}", _patch(name, "to", entry))
    if any(not _off_to(to, wanted.target) for to in grant.spec.to):
        for index, from_ in enumerate(grant.spec.from_):
            off = _off_from(from_, wanted)
            entry = {"group": wanted.group, "kind": wanted.kind, "namespace": wanted.namespace}
            yield len(off), NearMiss(f"{name}: {_say('from', index, off)}", _patch(name, "from", entry))


def _fits(entries: Iterable[GrantFrom], wanted: Wanted) -> bool:
    return any(not _off_from(entry, wanted) for entry in entries)


_Off = list[tuple[str, str, str]]


def _off_from(entry: GrantFrom, wanted: Wanted) -> _Off:
    pairs = (
        ("group", entry.group, wanted.group),
        ("kind", entry.kind, wanted.kind),
        ("namespace", entry.namespace, wanted.namespace),
    )
    return [one for one in pairs if one[1] != one[2]]


def _off_to(entry: GrantTo, target: ObjectRef) -> _Off:
    pairs = (
        ("group", entry.group, target.group),
        ("kind", entry.kind, target.kind),
        ("name", entry.name or target.name, target.name),
    )
    return [one for one in pairs if one[1] != one[2]]


def _say(side: str, index: int, off: _Off) -> str:
    return " and ".join(
        f"{side}[{index}].{field} is {clean(have, 100) or '(empty)'}, not {clean(want, 100) or '(empty)'}"
        for field, have, want in off
    )


def _patch(grant: ObjectRef, side: str, entry: dict[str, str]) -> str:
    """The command that adds one entry: what the grant allows already stays as it is."""
    if not all(is_plain(value) for value in (grant.name, grant.namespace, *filter(None, entry.values()))):
        return ""
    patch = json.dumps([{"op": "add", "path": f"/spec/{side}/-", "value": entry}])
    words = [
        "kubectl",
        "patch",
        f"{_RESOURCE}/{grant.name}",
        "-n",
        grant.namespace,
        "--type=json",
        "-p",
        patch,
    ]
    return shlex.join(words)


def grant_words(wanted: Wanted) -> str:
    """The grant that would allow it, in words and as a manifest (JSON is YAML)."""
    target = safe_ref(wanted.target)
    words = (
        f"a ReferenceGrant in {target.namespace}: from {clean(wanted.kind, 63)} in "
        f"{clean(wanted.namespace, 63)}, to {target.kind} {target.name}"
    )
    if not all(is_plain(one) for one in (wanted.kind, wanted.namespace, target.namespace, target.name)):
        return words
    manifest = {
        "apiVersion": f"{GATEWAY_GROUP}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {
            "name": f"{wanted.kind.lower()}-from-{wanted.namespace}"[:63].rstrip("-."),
            "namespace": target.namespace,
        },
        "spec": {
            "from": [{"group": wanted.group, "kind": wanted.kind, "namespace": wanted.namespace}],
            "to": [{"group": wanted.target.group, "kind": target.kind, "name": target.name}],
        },
    }
    return f"{words}: {json.dumps(manifest)}"


def mend_words(wanted: Wanted, miss: NearMiss | None) -> str:
    """How to mend a refused reference: by the grant that nearly allows it, or by one of its own."""
    if miss is None or not miss.command:
        return grant_words(wanted)
    return f"{grant_words(wanted).partition(': {')[0]}; this adds the entry that lacks: {miss.command}"
