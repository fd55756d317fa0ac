"""What a look at the name servers means for the run. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ...cluster.text import clean
from ...probes.wire.dns.facts import DnsFacts
from ...probes.wire.dns.state import ttl_state
from ..machine.effects import AwaitEverywhere, due
from ..machine.events import Event, HighTtlSeen, SeenEverywhere
from ..machine.state import State, low_ttl_counts
from . import caches


def news(state: State, look: caches.Look, entered: float) -> Event | None:
    """The event that ``look`` brings, if any; ``entered``: when the phase began, by the look's clock."""
    high = _high_again(state, look.facts, look.ended)
    if high is not None:
        return high
    for effect in due(state):
        # an answer from before the write ended proves nothing about it
        if isinstance(effect, AwaitEverywhere) and not without(state, look) and look.began >= entered:
            return SeenEverywhere(look.ended, effect.what)
    return None


def _high_again(state: State, facts: Iterable[DnsFacts], at: float) -> HighTtlSeen | None:
    """From this instant on, caches may hold the long TTL anew: the wait has to be counted from its end."""
    if not low_ttl_counts(state):
        return None
    ttl, server = caches.longest_served_ttl(facts)
    known = state.low_seen_at is None and ttl <= state.old_ttl
    if ttl <= state.plan.dns.low_ttl or known:
        return None
    return HighTtlSeen(at, float(ttl), f"{clean(server, 80)} hands out a TTL of {ttl} s again")


def without(state: State, look: caches.Look) -> tuple[str, ...]:
    """The servers that do not show what is awaited, each with why; empty where nothing is awaited."""
    awaited = next((effect for effect in due(state) if isinstance(effect, AwaitEverywhere)), None)
    if awaited is None:
        return ()
    change = {"low-ttl": state.lowered, "new": state.switched, "old": state.returned}[awaited.what]
    if change is not None:
        return caches.servers_without(look.facts, change.after)
    low = (ttl_state(one, state.plan.dns.low_ttl) for one in look.facts)
    return tuple(one.headline for one in low if one.state != "low")
