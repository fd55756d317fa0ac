"""When the last compliant cache lets go of an old answer, from when name servers served it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

TAIL = "DNS cannot know: resolvers that stretch TTLs, JVMs that cache for ever, connections that stay open"


@dataclass(frozen=True, slots=True)
class OldPeriod:
    """A period in which old data stood.

    ``ended_at`` is the last instant (epoch seconds) at which ANY authoritative server served it, ``ttl`` its
    TTL in seconds, ``what`` its name in the arithmetic.
    """

    ended_at: float
    ttl: float
    what: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """``lets_go_at`` is the hard line D = max(e_i + T_i); ``deciding`` the period that sets it."""

    lets_go_at: float
    deciding: OldPeriod

    def arithmetic(self, clock: str = "") -> str:
        """The sum behind the instant; ``clock`` is the end of the deciding period as a person reads it."""
        since = clock or f"{self.deciding.ended_at:.0f}"
        return f"{self.deciding.ttl:g} s {self.deciding.what} since {since}"

    def remaining_s(self, now: float) -> float:
        """Seconds until the last compliant cache has let go; 0 when it has."""
        return max(0.0, self.lets_go_at - now)

    def old_share(self, now: float) -> float:
        """The share of caches still old for a name asked all the time: 1 - t/T of the deciding period."""
        if self.deciding.ttl <= 0:
            return 0.0
        return min(1.0, self.remaining_s(now) / self.deciding.ttl)


def forecast(periods: Iterable[OldPeriod], resolver_minimum: float = 0.0) -> Forecast:
    """The drain of the given periods; a resolver's own minimum TTL stretches each. ValueError: no period."""
    all_periods = tuple(periods)
    if not all_periods:
        raise ValueError("a forecast needs at least one period")
    deciding = max(all_periods, key=lambda period: period.ended_at + max(period.ttl, resolver_minimum))
    return Forecast(deciding.ended_at + max(deciding.ttl, resolver_minimum), deciding)
