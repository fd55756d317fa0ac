"""Every way to change records, by the name that a plan gives it: a new one is added here, and only here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...cluster.errors import UserError
from ...cluster.store import Snapshot
from ..plans.model import Plan, Provider
from .base import RecordProvider
from .command import Command
from .octodns import Octodns
from .rfc2136 import Rfc2136
from .show import Show


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a way of changing records may need beside the plan: the cluster that external-dns lives in.

    ``kubeconfig`` and ``context`` are empty where the run has no cluster; ``snapshots`` is its live picture.
    """

    kubeconfig: str = ""
    context: str = ""
    snapshots: Callable[[], Snapshot] | None = None


Maker = Callable[[Plan, Surroundings], RecordProvider]

MAKERS: dict[Provider, Maker] = {
    "show": lambda plan, _: Show(plan),
    "rfc2136": lambda plan, _: Rfc2136(plan),
    "command": lambda plan, _: Command(plan),
    "octodns": lambda plan, _: Octodns(plan),
}


def provider_for(plan: Plan, around: Surroundings | None = None) -> RecordProvider:
    """The way of changing records that the plan names. UserError: it lacks something it needs."""
    maker = MAKERS.get(plan.dns.provider)
    if maker is None:
        raise UserError(
            f"dns.provider {plan.dns.provider} is not known here", f"known: {', '.join(sorted(MAKERS))}"
        )
    return maker(plan, around or Surroundings())
