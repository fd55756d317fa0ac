"""All that is known of one object, whatever its kind, from the picture alone: nothing is fetched for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...cluster.refs import ObjectRef
from ...cluster.text import clean
from ...probes.verdict import Finding
from ..ages import age
from ..lines import EMPTY, Line, Span, Tone, labelled, line
from .findings import (
    all_findings,
    class_lines,
    conditions_block,
    gateway_lines,
    listener_block,
    route_lines,
    short,
)

if TYPE_CHECKING:
    from ...cluster.objects import Object
    from ...cluster.rules.computed import Computed
    from ...cluster.snapshot import Snapshot
    from ...probes.state.rows import Picture
    from ..probed import Probed


@dataclass(frozen=True, slots=True)
class Details:
    """A title, what it says in lines, and the findings among them."""

    title: str
    lines: list[Line]
    findings: Sequence[Finding] = ()


NOTHING = Details("nothing selected", [])


def object_of(snapshot: Snapshot, ref: ObjectRef) -> Object | None:
    """The object itself, in whichever part it stands."""
    from ...cluster.kinds import PARTS

    for part in PARTS:
        found = getattr(snapshot, part).get(ref.whole)
        if found is not None:
            return found  # type: ignore[no-any-return]
    return None


def details_of(
    picture: Picture, subject: ObjectRef, width: int, by_specs: Sequence[Computed] = ()
) -> Details:
    """Findings, and what controllers say of the object (or of one listener of a Gateway).

    ``by_specs``: the computed conditions of a kind that has no row of its own, where somebody has them.
    """
    ref = subject.whole
    findings = picture.by_object.get(ref, ())
    rows = picture.overview
    for route in rows.routes:
        if route.ref == ref:
            found = picture.snapshot.routes.get(ref)
            generation = found.meta.generation if found else 0
            return Details(
                f"{ref.kind} {short(ref)}", route_lines(route, findings, generation, width), findings
            )
    for gateway in rows.gateways:
        if gateway.ref == ref or any(listener.ref == subject for listener in gateway.listeners):
            holder = picture.snapshot.gateways.get(gateway.ref)
            generation = holder.meta.generation if holder else 0
            if subject.section:
                findings = tuple(entry for entry in findings if entry.subject == subject)
            return Details(short(subject), gateway_lines(gateway, findings, generation, width), findings)
    for row in rows.classes:
        if row.ref == ref:
            return Details(f"GatewayClass {short(ref)}", class_lines(row, findings, width), findings)
    return _other(picture, ref, findings, width, by_specs)


def _other(
    picture: Picture, ref: ObjectRef, findings: Sequence[Finding], width: int, by_specs: Sequence[Computed]
) -> Details:
    snapshot = picture.snapshot
    obj = object_of(snapshot, ref)
    title = f"{clean(ref.kind, 60)} {short(ref)}"
    if obj is None:
        state = snapshot.state_of(ref.kind)
        if state.knows(ref.namespace):
            return Details(f"{short(ref)} is gone", [], findings)
        unread = f"{clean(ref.kind, 60)} objects are not known here: {state.state} {clean(state.detail, 200)}"
        return Details(title, [line(" ", Span(unread.rstrip(), Tone.DOUBT))], findings)
    lines = all_findings(findings, width, with_subject=False)
    status: Any = getattr(obj, "status", None)
    generation = obj.meta.generation
    unclaimed = [("conditions", ())] if by_specs else []
    for name, conditions in _claims(status) or unclaimed:
        lines += conditions_block(line(" ", Span(name, Tone.STRONG)), conditions, generation, width, by_specs)
    rows = [row for gateway in picture.overview.gateways for row in gateway.listeners if row.owner == ref]
    for row in rows:
        lines += listener_block(row, generation, width)
    # of listeners whose Gateway is not known there are no rows
    for listener in getattr(status, "listeners", ()) if not rows else ():
        title_line = line(" ", Span(f"listener {clean(listener.name, 253)}", Tone.STRONG))
        lines += conditions_block(title_line, listener.conditions, generation, width)
    return Details(title, lines, findings)


def _claims(status: Any) -> list[tuple[str, Any]]:
    """Titles with the conditions below them, of any status that has some."""
    claims = []
    if getattr(status, "conditions", ()):
        claims.append(("conditions", status.conditions))
    for ancestor in getattr(status, "ancestors", ()):
        who = clean(ancestor.controller_name, 200) or "no controller"
        named = short(ancestor.ancestor_ref.target(""))
        claims.append((f"for {named.lstrip('/')} by {who}", ancestor.conditions))
    return claims


def metadata_lines(snapshot: Snapshot, ref: ObjectRef, now: float, width: int) -> list[Line]:
    """Age, generation, labels and annotations; nothing where the object is not there."""
    obj = object_of(snapshot, ref)
    if obj is None:
        return []
    meta = obj.meta
    created = meta.creation_timestamp or ""
    lines = [
        EMPTY,
        *labelled("since", f"{clean(created, 40) or 'unknown'}  ({age(created, now)})", width, indent=1),
        *labelled("spec", f"generation {meta.generation}  {clean(obj.api_version, 120)}", width, indent=1),
    ]
    if meta.deletion_timestamp:
        going = f"marked for deletion at {clean(meta.deletion_timestamp, 40)}"
        lines += labelled("going", going, width, Tone.DOUBT, indent=1)
    lines += _pairs("labels", meta.labels, width)
    return lines + _pairs("notes", meta.annotations, width)


def _pairs(label: str, pairs: Mapping[str, str], width: int) -> list[Line]:
    lines: list[Line] = []
    for number, (key, value) in enumerate(sorted(pairs.items())):
        text = f"{clean(key, 320)}={clean(value, 400)}"
        lines += labelled(label if number == 0 else "", text, width, indent=1)
    return lines


def lately_lines(told: str, hosts: Sequence[str], probed: Mapping[str, Probed], width: int) -> list[Line]:
    """What changed in the last minute, and what a request through the route's hosts met."""
    lines = labelled("lately", told, width, Tone.DOUBT, indent=1) if told else []
    for host in hosts:
        if host in probed:
            lines += labelled("probed", f"{host}: {probed[host].told}", width, indent=1)
    return lines
