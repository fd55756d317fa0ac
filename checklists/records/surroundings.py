"""What stands around a plan and is not in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...cluster.store import Snapshot


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a way of changing records may need beside the plan: the cluster that external-dns lives in.

    ``kubeconfig`` and ``context`` are empty where the run has no cluster; ``snapshots`` is its live picture.
    ``onlooker``: nothing is changed, only shown: what a change would need (credentials, a library) may lack.
    """

    kubeconfig: str = ""
    context: str = ""
    snapshots: Callable[[], Snapshot] | None = None
    onlooker: bool = False
