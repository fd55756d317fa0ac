"""How far each kind can be trusted, as plain facts: what ``status -o json`` and the kinds screen show."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...cluster.kinds import PARTS
from ...cluster.snapshot import KindState, Snapshot
from ...cluster.text import clean


def kind_facts(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """One entry a kind. ``since`` is Unix time in seconds, null where it is not known; ``namespaces`` are
    those that could be read, null for all; ``objects`` is null where nobody knows how many there are."""
    counts = object_counts(snapshot)
    return {
        clean(kind, 320): {
            "state": state.state,
            "detail": clean(state.detail, 1000),
            "since": state.since or None,
            "namespaces": None if state.namespaces is None else [clean(one, 253) for one in state.namespaces],
            "objects": counts[kind] if is_counted(state, counts[kind]) else None,
        }
        for kind, state in snapshot.kinds.items()
    }


def is_counted(state: KindState, count: int) -> bool:
    """Whether a number of objects means anything: none of a kind that was not read is not none."""
    return count > 0 or state.state in ("live", "stale", "absent")


def object_counts(snapshot: Snapshot) -> Counter[str]:
    """How many objects there are of each kind, under the keys of ``snapshot.kinds``."""
    refs = (ref for part in PARTS for ref in getattr(snapshot, part))
    counts: Counter[str] = Counter()
    for (kind, group), number in Counter((ref.kind, ref.group) for ref in refs).items():
        qualified = f"{kind}.{group}"
        counts[qualified if qualified in snapshot.kinds else kind] += number
    return counts
