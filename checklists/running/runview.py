"""The immutable view of a run, put together from the machine's state and what was seen beside it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ...cluster.text import clean
from ...probes.watching.state import NEW, OLD, WatchState
from ...probes.watching.state import SideView as ProbedSide
from ..machine.effects import AwaitEverywhere, RunWatch, due
from ..machine.events import Checked, Event, finding_from_json
from ..machine.forecast import run_forecast
from ..machine.state import State, can_roll_back, outcome
from ..machine.steps import confirmation, message, rollback_confirmation, steps
from ..machine.view import RunView, SideView, WatchView
from ..machine.words import clock_time, event_words
from ..records.base import RecordProvider
from ..terms import MANUAL, CheckResult
from .desk import Seen
from .drain import drain_view

_LOG_LINES = 200
_COMMANDS = 200


def view_of(
    state: State,
    events: Sequence[Event],
    seen: Seen,
    now: float,
    *,
    records: RecordProvider,
    journal_path: str,
    journal_head: str = "",
    journal_ok: bool = True,
    read_only: str = "",
) -> RunView:
    """The run at ``now``: ``state`` is the fold of ``events``; ``records`` only gives words."""
    proposal = state.proposal
    by_hand: tuple[str, ...] = ()
    if proposal is not None and not records.capabilities.writes:
        by_hand = records.instructions(proposal)
    rest = outcome(state)
    checks = _checks(state, seen)
    return RunView(
        run_id=state.run_id,
        hosts=state.plan.hosts,
        phase=state.phase,
        steps=steps(state, now),
        waiting_for=confirmation(state, by_hand),
        rollback=rollback_confirmation(state),
        watch=watch_view(state, seen),
        checks=checks,
        checks_running=", ".join(seen.checking),
        caches=seen.rows,
        forecast=run_forecast(state, now, seen.drained.minimum),
        drain=drain_view(state, now, seen.rows, seen.drained, seen.counted, events),
        journal_length=len(events),
        journal_ok=not seen.fatal and journal_ok,
        finished=bool(rest),
        outcome=rest,
        can_roll_back=can_roll_back(state),
        message=seen.fatal or seen.notice or _waiting_on(state, seen) or _raised(seen) or message(state),
        plan_name=state.plan.name,
        journal_path=journal_path,
        postponed=state.postponed,
        wait_until=state.wait_until,
        commands=_commands(state, checks, records),
        log=tuple(f"{clock_time(event.at)} {event_words(event)}" for event in events[-_LOG_LINES:]),
        now=now,
        campaign=state.campaign,
        wave=state.wave,
        waves=state.waves,
        read_only=read_only,
        operator=state.operator,
        journal_head=journal_head,
    )


def _waiting_on(state: State, seen: Seen) -> str:
    """What keeps ``AwaitEverywhere`` from ending, in one line."""
    awaited = any(isinstance(effect, AwaitEverywhere) for effect in due(state))
    return clean(f"not everywhere yet: {'; '.join(seen.missing[:3])}") if awaited and seen.missing else ""


def _raised(seen: Seen) -> str:
    return clean(f"the TTL should stay low: {seen.drained.raised}") if seen.drained.raised else ""


def watch_view(state: State, seen: Seen) -> WatchView | None:
    """The watch in numbers; None before it has begun."""
    if state.switched is None:
        return None
    if seen.watch is None:
        return seen.told
    watch, plan, decided = seen.watch, state.plan, state.decision
    running = any(isinstance(effect, RunWatch) for effect in due(state))
    return WatchView(
        verdict=decided.verdict if decided and not running else str(watch.verdict.value),
        since=seen.watch_began,
        until=seen.watch_began + plan.durations.watch,
        new=_side(plan.new.address, watch, NEW, watch.new),
        old=_side(plan.old.address, watch, OLD, watch.old),
        evidence=watch.decision.evidence,
        alarm_at=watch.decision.threshold,
        samples=watch.new.requests,
        min_samples=plan.thresholds.min_samples,
        detail=watch.decision.reason,
        seconds_left=watch.decision.seconds_left,
        detectable=watch.decision.detectable,
        first_second=watch.buckets[0].second if watch.buckets else 0,
        traffic=watch.traffic,
    )


def _side(address: str, seen: WatchState, name: str, side: ProbedSide) -> SideView:
    buckets = tuple(
        (one.new_requests, one.new_errors) if name == NEW else (one.old_requests, one.old_errors)
        for one in seen.buckets
    )
    return SideView(
        address=address,
        requests=side.requests,
        errors=side.errors,
        not_found=side.count("404"),
        handshake_failures=side.handshake_failures,
        p95_ms=side.p95_ms,
        buckets=buckets,
    )


def _checks(state: State, seen: Seen) -> tuple[CheckResult, ...]:
    restored = _restored(state)
    results = {**restored, **seen.results}
    if state.gate_at is not None:
        # what a person confirmed is newer than what the check itself could say
        results |= {name: one for name, one in restored.items() if one.check.probe == MANUAL}
    return tuple(results[check.id] for check in state.checks if check.id in results)


def _restored(state: State) -> dict[str, CheckResult]:
    """What the journal knows of checks that were asked before a resume."""
    by_id: dict[str, Checked] = {item.check_id: item for item in state.results}
    return {
        check.id: CheckResult(
            check,
            by_id[check.id].verdict,
            by_id[check.id].headline,
            tuple(finding_from_json(item) for item in by_id[check.id].findings),
            elapsed_ms=by_id[check.id].elapsed_ms,
        )
        for check in state.checks
        if check.id in by_id
    }


def _commands(state: State, checks: Sequence[CheckResult], records: RecordProvider) -> tuple[str, ...]:
    lines = [item.reproduce for result in checks for item in result.findings if item.reproduce]
    # what a person is to type stands there to be copied before it is done
    by_hand = None if records.capabilities.writes else state.proposal
    made = (state.lowered, state.switched, state.returned, by_hand)
    changes = [change for change in made if change is not None]
    lines += ["\n".join(records.instructions(change)) for change in changes]
    return tuple(dict.fromkeys(lines))[-_COMMANDS:]
