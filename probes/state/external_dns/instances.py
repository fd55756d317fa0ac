"""Which external-dns of a cluster has to do with a name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ....cluster.refs import ObjectRef
from ....cluster.snapshot import Snapshot
from ....cluster.text import clean
from .edits import DnsWorld
from .flags import Flags, flags_of, is_external_dns
from .held import held_records, said_by


@dataclass(frozen=True, slots=True)
class Instance:
    """One external-dns: the workload that runs it, what it was told, and whether it is scaled to any pod."""

    ref: ObjectRef
    flags: Flags
    running: bool = True


def instances_of(snapshot: Snapshot) -> tuple[Instance, ...]:
    """Every external-dns among the Deployments and DaemonSets."""
    return tuple(
        Instance(ref, flags_of(one), one.spec.replicas != 0 and not flags_of(one).dry_run)
        for ref, one in sorted(snapshot.workloads.items())
        if is_external_dns(one)
    )


def told_to_all(instances: Iterable[Instance]) -> tuple[Flags, ...]:
    """The flags by which ownership records are looked for; those of a plain external-dns among them."""
    plain = Flags((), "sync", ())
    return tuple(
        {(one.txt_prefix, one.txt_suffix): one for one in (plain, *(i.flags for i in instances))}.values()
    )


def world_of(
    snapshot: Snapshot,
    flags: Flags,
    sets: Iterable[tuple[str, str, int, tuple[str, ...]]],
    texts: Mapping[str, tuple[str, ...]],
) -> DnsWorld:
    """The world as one external-dns sees it."""
    return DnsWorld(snapshot, flags, held_records(sets, texts, flags))


def owner_ids(texts: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Every owner id that some ownership record names."""
    said = [said_by(text) for values in texts.values() for text in values]
    return tuple(sorted({one["external-dns/owner"] for one in said if one and one.get("external-dns/owner")}))


def responsible(
    instances: tuple[Instance, ...], texts: Mapping[str, tuple[str, ...]], owner: str = ""
) -> tuple[Instance | None, str]:
    """The one that owns the names (by ``owner`` where that is told), or why it cannot be said."""
    ids = (owner,) if owner else owner_ids(texts)
    if len(ids) > 1:
        return None, f"the names have several owners: {', '.join(clean(one, 60) for one in ids)}"
    if ids:
        fitting = [one for one in instances if one.flags.owner == ids[0]]
        if len(fitting) == 1:
            return fitting[0], ""
        if fitting:
            return None, f"{len(fitting)} external-dns have the owner id {clean(ids[0], 60)}"
        if owner and len(instances) == 1 and not owner_ids(texts):
            # its owner id comes from where arguments do not tell, and the plan says it
            return replace(instances[0], flags=replace(instances[0].flags, owner=owner)), ""
        return None, f"no external-dns of this cluster has the owner id {clean(ids[0], 60)}"
    return None, "no ownership record of external-dns stands beside the names"
