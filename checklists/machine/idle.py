"""What a run knows of the old side's quiet, put together for the judge. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ...probes.watching.idle import IdleFacts
from ...probes.wire.address import endpoint
from ..plans.model import Durations
from .events import OldSideCounted
from .forecast import run_drain
from .state import State
from .view import CacheRow
from .words import clock_time

_MOST_PARTS = 4


def count_every(durations: Durations) -> float:
    """Seconds between two looks at the old side's counter: a minute, less where a plan lives faster."""
    return min(60.0, max(0.5, min(durations.quiet, durations.soak) / 12))


def record_every(durations: Durations) -> float:
    """Seconds between two entries in the journal while nothing changes: 96 for the whole quiet time."""
    return min(900.0, max(count_every(durations), durations.quiet / 96))


def idle_facts(
    state: State,
    now: float,
    rows: Iterable[CacheRow] = (),
    *,
    latest: OldSideCounted | None = None,
    source: str = "",
    inferred: int = 0,
    raised: str = "",
    oldest: float | None = None,
) -> IdleFacts:
    """``rows`` are the latest answers; ``latest`` the latest count on record; ``source`` what counts now.

    ``oldest`` is how old (seconds) the latest count may be; None: as old as one of a run that goes on.
    """
    plan, quiet = state.plan, state.quiet
    drained = run_drain(state)
    words: tuple[str, ...] = ()
    if drained is not None:
        words = tuple(part.words(clock_time) for part in drained.parts[:_MOST_PARTS])
    return IdleFacts(
        old=endpoint(plan.old.address, plan.port),
        hosts=plan.hosts,
        now=now,
        wanted_s=plan.durations.quiet,
        source=source or (quiet.source if quiet is not None else ""),
        counted=quiet is not None,
        quiet_since=quiet.since if quiet is not None else 0.0,
        quiet_until=quiet.until if quiet is not None else 0.0,
        others=quiet.others if quiet is not None else None,
        ours=quiet.ours if quiet is not None else 0.0,
        inferred=inferred,
        window_s=latest.at - latest.since if latest is not None else 0.0,
        per_host=dict(latest.per_host) if latest is not None else {},
        detail=quiet.detail if quiet is not None else "",
        oldest_s=oldest if oldest is not None else 3 * record_every(plan.durations) + 60,
        drain_at=drained.lets_go_at if drained is not None else None,
        drain_words=words,
        resolvers=tuple((row.server, row.host, row.answer) for row in rows if row.kind == "resolver"),
        raised=raised,
    )
