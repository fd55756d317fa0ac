"""Annotations that stand under a prefix which external-dns does not read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....cluster.snapshot import Snapshot
from ....cluster.text import clean
from .instances import Instance


def unread_settings(snapshot: Snapshot, instances: Iterable[Instance], hosts: Iterable[str]) -> Iterator[str]:
    """A line for each object of the hosts with such annotations, where every prefix is known."""
    told = [one.flags for one in instances]
    if not told or not all(one.prefix_known for one in told):
        return
    read = tuple(one.prefix for one in told)
    other = tuple(one.other_prefix for one in told)
    wanted = set(hosts)
    objects = [
        *((ref, one, set(one.hosts)) for ref, one in sorted(snapshot.ingresses.items())),
        *((ref, one, set(one.spec.hostnames)) for ref, one in sorted(snapshot.routes.items())),
    ]
    for ref, one, names in objects:
        if not names & wanted:
            continue
        unread = sorted(
            key for key in one.metadata.annotations if key.startswith(other) and not key.startswith(read)
        )
        if unread:
            yield f"{ref} has {', '.join(clean(key, 80) for key in unread[:3])}: it reads {read[0]} only"
