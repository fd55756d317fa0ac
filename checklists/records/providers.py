"""Every way to change records, by the name that a plan gives it: a new one is added here, and only here."""

from __future__ import annotations

from collections.abc import Callable

from ...cluster.errors import UserError
from ..plans.model import Plan, Provider
from .base import RecordProvider
from .command import Command
from .octodns import Octodns
from .rfc2136 import Rfc2136
from .show import Show
from .surroundings import Surroundings

__all__ = ["MAKERS", "Surroundings", "provider_for"]

Maker = Callable[[Plan, Surroundings], RecordProvider]


def _external_dns(plan: Plan, around: Surroundings) -> RecordProvider:
    # it brings the whole cluster client along, which no other way needs
    from .external_dns.provider import ExternalDns

    return ExternalDns(plan, around)


MAKERS: dict[Provider, Maker] = {
    "show": lambda plan, _: Show(plan),
    "rfc2136": lambda plan, _: Rfc2136(plan),
    "command": lambda plan, _: Command(plan),
    "octodns": lambda plan, around: Octodns(plan, onlooker=around.onlooker),
    "external-dns": _external_dns,
}


def provider_for(plan: Plan, around: Surroundings | None = None) -> RecordProvider:
    """The way of changing records that the plan names. UserError: it lacks something it needs.

    Without ``around`` it is for one who only looks on.
    """
    maker = MAKERS.get(plan.dns.provider)
    if maker is None:
        raise UserError(
            f"dns.provider {plan.dns.provider} is not known here", f"known: {', '.join(sorted(MAKERS))}"
        )
    return maker(plan, around or Surroundings(onlooker=True))
