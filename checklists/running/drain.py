"""The measured drain: what the plan's resolvers answered after the switch, beside the forecast. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...probes.watching.idle import Window, judge, missing
from ..machine.events import Event, OldSideCounted
from ..machine.forecast import run_drain
from ..machine.idle import idle_facts
from ..machine.state import State
from ..machine.view import CacheRow, CountedView, DrainView, ResolverDrain
from .counted import Counted

_MOST_EVENTS = 500
_PHASES = frozenset({"watch", "soak", "stopped-at-gate", "held", "done"})


@dataclass(frozen=True, slots=True)
class Measured:
    """``minimum`` is the longest time (seconds) for which a resolver said to keep the new answer where every
    server handed out less; ``raised`` who hands out more than the low TTL now.
    """

    resolvers: Mapping[tuple[str, str], ResolverDrain] = field(default_factory=dict)
    minimum: float = 0.0
    raised: str = ""
    ever_raised: bool = False


def measured(before: Measured, state: State, at: float, rows: Iterable[CacheRow]) -> Measured:
    """What one more look at the name servers, ended at ``at`` (epoch seconds), adds."""
    if state.switched is None or state.returned is not None or state.phase not in _PHASES:
        return before
    rows = tuple(rows)
    low = max((item.ttl for item in state.switched.after), default=state.plan.dns.low_ttl)
    high = [
        row for row in rows if row.kind == "authoritative" and row.answer == "new" and (row.ttl or 0) > low
    ]
    raised = "; ".join(f"{row.server} hands out {row.host} with {row.ttl} s" for row in high[:3])
    ever = before.ever_raised or bool(high)
    resolvers = dict(before.resolvers)
    minimum = before.minimum
    for row in rows:
        if row.kind != "resolver":
            continue
        key = (row.server, row.host)
        known = resolvers.get(key) or ResolverDrain(row.server, row.host, row.answer)
        resolvers[key] = _seen(known, row, at)
        if row.answer == "new" and not ever and (row.ttl or 0) > low:
            minimum = max(minimum, float(row.ttl or 0))
    return Measured(resolvers, minimum, raised, ever)


def _seen(known: ResolverDrain, row: CacheRow, at: float) -> ResolverDrain:
    known = replace(known, answer=row.answer)
    if row.answer in ("old", "both"):
        return replace(known, last_old=at)
    if row.answer == "new" and known.first_new is None:
        return replace(known, first_new=at)
    return known


def drain_view(
    state: State,
    now: float,
    rows: Iterable[CacheRow],
    drained: Measured,
    counted: Counted,
    events: Sequence[Event] = (),
) -> DrainView | None:
    """The drain as it is shown; None before the switch and after a rollback.

    Where nothing is counted here (a run that is followed, or gone through again), ``events`` tell.
    """
    if state.switched is None or state.returned is not None or state.phase not in _PHASES:
        return None
    found = run_drain(state, drained.minimum)
    forecast_at = found.lets_go_at if found is not None else None
    resolvers = tuple(drained.resolvers.values())
    last_old = max((one.last_old for one in resolvers if one.last_old is not None), default=None)
    over = bool(resolvers) and all(one.answer == "new" for one in resolvers)
    late = last_old - forecast_at if over and last_old is not None and forecast_at is not None else None
    windows: list[Window | OldSideCounted] = [*counted.shown]
    if not windows:
        windows += [event for event in events[-_MOST_EVENTS:] if isinstance(event, OldSideCounted)]
    latest = windows[-1] if windows else None
    facts = idle_facts(
        state,
        now,
        rows,
        latest=counted.latest or (latest if isinstance(latest, OldSideCounted) else None),
        source=counted.source,
        inferred=counted.inferred,
        raised=drained.raised,
    )
    return DrainView(
        forecast_at=forecast_at,
        last_old=last_old,
        late_s=late,
        resolvers=resolvers,
        source=facts.source,
        counted=tuple(CountedView(one.since, _end(one), one.others, one.ours) for one in windows),
        quiet_since=facts.quiet_since if facts.others == 0 else None,
        quiet_until=_end(latest) if latest is not None else None,
        wanted_s=facts.wanted_s,
        verdict=judge(facts)[0].verdict,
        missing=missing(facts),
        detail=facts.detail,
        raised=drained.raised,
    )


def _end(one: Window | OldSideCounted) -> float:
    return one.at if isinstance(one, OldSideCounted) else one.until
