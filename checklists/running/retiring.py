"""Whether the old side of a run may go: from its journal, and from what every resolver answers now."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...probes.watching.idle import IdleFacts
from ..machine.advance import fold
from ..machine.events import Event, OldSideCounted
from ..machine.idle import idle_facts
from ..machine.retire import RetireAdvice, retire_advice
from ..machine.state import State
from ..machine.view import CacheRow
from ..records.base import RecordProvider
from . import caches


async def advise(events: Sequence[Event], records: RecordProvider) -> tuple[RetireAdvice, IdleFacts]:
    """The advice, and what it rests on. Asks every name server and resolver of the plan once.

    The count may be as old as the quiet that is wanted: this is asked by a person, some time after the soak.
    """
    state = fold(events)
    rows: tuple[CacheRow, ...] = ()
    if state.switched is not None:
        rows = caches.cache_rows(state.plan, await caches.ask(state.plan))
    facts = known(state, events, time.time(), rows)
    return retire_advice(state, facts, records), facts


def known(state: State, events: Sequence[Event], now: float, rows: Sequence[CacheRow]) -> IdleFacts:
    """What the journal and the answers ``rows`` tell of the old side's quiet at ``now`` (epoch seconds)."""
    latest = next((event for event in reversed(events) if isinstance(event, OldSideCounted)), None)
    low = state.plan.dns.low_ttl
    high = [
        row for row in rows if row.kind == "authoritative" and row.answer == "new" and (row.ttl or 0) > low
    ]
    return idle_facts(
        state,
        now,
        rows,
        latest=latest,
        raised="; ".join(f"{row.server} hands out {row.host} with {row.ttl} s" for row in high[:3]),
        oldest=state.plan.durations.quiet,
    )
