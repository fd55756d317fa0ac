"""The immutable view of a run, put together from the machine's state and what the executor has seen."""

from __future__ import annotations

from ...probes.watching.state import NEW, OLD, WatchState
from ...probes.watching.state import SideView as ProbedSide
from ..machine.effects import RunWatch, due
from ..machine.events import Checked, finding_from_json
from ..machine.state import State, can_roll_back, outcome
from ..machine.steps import confirmation, message, rollback_confirmation, run_forecast, steps
from ..machine.view import RunView, SideView, WatchView
from ..machine.words import clock_time, event_words
from ..terms import CheckResult
from .execute import Executor

_LOG_LINES = 200
_COMMANDS = 200


def run_view(executor: Executor, now: float) -> RunView:
    """The run at ``now``."""
    state = executor.state
    proposal = state.proposal
    by_hand: tuple[str, ...] = ()
    if proposal is not None and not executor.ports.records.capabilities.writes:
        by_hand = executor.ports.records.instructions(proposal)
    rest = outcome(state)
    said = executor.seen.fatal or executor.seen.notice or executor.waiting_on or message(state)
    return RunView(
        run_id=state.run_id,
        hosts=state.plan.hosts,
        phase=state.phase,
        steps=steps(state, now),
        waiting_for=confirmation(state, by_hand),
        rollback=rollback_confirmation(state),
        watch=watch_view(executor),
        checks=_checks(executor),
        checks_running=", ".join(executor.seen.checking),
        caches=executor.seen.rows,
        forecast=run_forecast(state, now),
        journal_length=len(executor.journal),
        journal_ok=not executor.seen.fatal and executor.journal.intact(),
        finished=bool(rest),
        outcome=rest,
        can_roll_back=can_roll_back(state),
        message=said,
        plan_name=state.plan.name,
        journal_path=str(executor.journal.path),
        postponed=state.postponed,
        wait_until=state.wait_until,
        commands=_commands(executor),
        log=tuple(
            f"{clock_time(event.at)} {event_words(event)}" for event in executor.journal.events[-_LOG_LINES:]
        ),
        now=now,
        campaign=state.campaign,
        wave=state.wave,
        waves=state.waves,
    )


def watch_view(executor: Executor) -> WatchView | None:
    """The watch in numbers; None before it has begun."""
    state, seen = executor.state, executor.seen.watch
    if state.switched is None or seen is None:
        return None
    plan = state.plan
    decided = state.decision
    running = any(isinstance(effect, RunWatch) for effect in due(state))
    return WatchView(
        verdict=decided.verdict if decided and not running else str(seen.verdict.value),
        since=executor.seen.watch_began,
        until=executor.seen.watch_began + plan.durations.watch,
        new=_side(plan.new.address, seen, NEW, seen.new),
        old=_side(plan.old.address, seen, OLD, seen.old),
        evidence=seen.decision.evidence,
        alarm_at=seen.decision.threshold,
        samples=seen.new.requests,
        min_samples=plan.thresholds.min_samples,
        detail=seen.decision.reason,
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


def _checks(executor: Executor) -> tuple[CheckResult, ...]:
    results = {**_restored(executor.state), **executor.seen.results}
    return tuple(results[check.id] for check in executor.state.checks if check.id in results)


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


def _commands(executor: Executor) -> tuple[str, ...]:
    lines = [item.reproduce for result in _checks(executor) for item in result.findings if item.reproduce]
    state = executor.state
    # what a person is to type stands there to be copied before it is done
    by_hand = None if executor.ports.records.capabilities.writes else state.proposal
    made = (state.lowered, state.switched, state.returned, by_hand)
    changes = [change for change in made if change is not None]
    lines += ["\n".join(executor.ports.records.instructions(change)) for change in changes]
    return tuple(dict.fromkeys(lines))[-_COMMANDS:]
