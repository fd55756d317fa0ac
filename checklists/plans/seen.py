"""What was asked of the world for a plan: DNS, and each host at both sides. Facts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...probes.wire.dns.facts import DnsFacts


@dataclass(frozen=True, slots=True)
class SideSeen:
    """One host at one side. ``trusted``: its chain verifies with the roots that were used; None: not asked.

    ``why`` says why it does not, or why nothing was answered. ``leaf`` is the certificate's hash, ``names``
    what it is for. ``statuses`` are by path, None where no answer came; ``cookie_domains`` those that cookies
    were set for.
    """

    trusted: bool | None = None
    why: str = ""
    leaf: str = ""
    names: tuple[str, ...] = ()
    statuses: Mapping[str, int | None] = field(default_factory=dict)
    cookie_domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """``dns`` by host; ``addresses`` of the names that load balancers go by; both sides by host.

    ``asked`` is False where nobody was to be asked: then nothing that is missing is a fault of the world.
    ``servers_given``: the name servers were told, so that there may be others.
    """

    dns: Mapping[str, DnsFacts] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    old: Mapping[str, SideSeen] = field(default_factory=dict)
    new: Mapping[str, SideSeen] = field(default_factory=dict)
    resolvers: tuple[str, ...] = ()
    asked: bool = True
    servers_given: bool = False
