"""Carrying out what is due: intent on disk before each effect, outcome after it; nothing is assumed.

The executor keeps exactly the effects running that the machine says are due. So a resume is nothing special:
the state is folded from the journal, and what is due in it is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ...cluster.errors import UserError
from ...cluster.text import clean
from ...probes.verdict import worst
from ...probes.watching.decision import WatchPolicy, WatchVerdict
from ...probes.watching.state import WatchState
from ..checks.checklist import CheckContext, Checklist, run_checks
from ..checks.wire import make_watch
from ..journal.file import Journal
from ..journal.secrecy import blot_secrets
from ..machine.advance import State, advance
from ..machine.decide import decide
from ..machine.effects import (
    Apply,
    AwaitEverywhere,
    AwaitInstant,
    Effect,
    FindOut,
    ProposeChange,
    RunGate,
    RunWatch,
    due,
)
from ..machine.events import (
    ChangeProposed,
    Checked,
    DecidedVerdict,
    Event,
    GateChecked,
    NothingToLower,
    ProposalFailed,
    WaitEnded,
    WatchBegan,
    WatchEnded,
    WriteEnded,
    WriteIntended,
    finding_to_json,
)
from ..machine.state import checks_of
from ..machine.view import CacheRow, Command, Quit
from ..records.base import RecordChange, RecordReadError, WriteOutcome, settle
from ..terms import CheckResult
from . import caches
from .looking import news, without
from .ports import Ports
from .proposals import Proposals

_log = logging.getLogger(__name__)

QUIET_S = 2.0
_RETRY_S = 2.0
_POLL_S = 1.0
_POLLED = frozenset(
    {"wait-ttl", "confirm", "switch", "watch", "rollback", "drain", "held", "stopped-at-gate"}
)
_FOREVER = 10.0**9
_DECISIONS: dict[WatchVerdict, DecidedVerdict] = {
    WatchVerdict.PASS: "PASS",
    WatchVerdict.ABORT: "ABORT",
    WatchVerdict.HOLD: "HOLD",
}


class Executor:
    """One run's effects, in one event loop. ``changed`` is called after anything worth showing."""

    def __init__(self, journal: Journal, state: State, ports: Ports, changed: Callable[[], None]) -> None:
        self.journal = journal
        self.state = state
        self.ports = ports
        self.notice = ""
        self.fatal = ""
        self.results: dict[str, CheckResult] = {}
        self.checking: tuple[str, ...] = ()
        self.watch: WatchState | None = None
        self.watch_began = 0.0
        self.rows: tuple[CacheRow, ...] = ()
        self._passed: WatchState | None = None
        self._missing: tuple[str, ...] = ()
        self._entered = 0.0
        self._changed = changed
        self._running: dict[Effect, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._look_now = asyncio.Event()
        self._proposals = Proposals(state.plan, ports.records)

    async def run(self) -> None:
        """Until ``Quit``, the end of the rollback, or a journal that cannot be written."""
        poller = asyncio.create_task(self._poll(), name="dns poller")
        try:
            self._reconcile()
            await self._ended.wait()
        finally:
            poller.cancel()
            await self._stop_effects()
            await asyncio.gather(poller, return_exceptions=True)

    def command(self, command: Command) -> None:
        """Carry a command of the operator out, in the loop."""
        if isinstance(command, Quit):
            self._ended.set()
            return
        events, self.notice = decide(self.state, command, self.ports.clock())
        # a journal that cannot be written has ended the run, and said so
        with contextlib.suppress(UserError):
            for event in events:
                self._record(event)
        self._changed()

    def _record(self, event: Event) -> None:
        """Journal one event and go on from it."""
        try:
            # first whether it is possible at all, then on disk, then believed
            advance(self.state, event)
            entry = self.journal.append(event)
        except UserError as error:
            _log.error("event refused: %s", error)
            self.fatal = clean(error)
            self._ended.set()
            raise
        before, self.state = self.state.phase, advance(self.state, entry.event)
        if self.state.phase != before:
            # what was said of the last phase must not stand before what is to be said of this one
            self.notice, self._entered = "", self.ports.elapsed()
        self._look_now.set()
        self._reconcile()
        self._changed()

    def _emit(self, effect: Effect, event: Event) -> bool:
        """Journal what an effect found, unless nobody wants to know any more."""
        if effect not in due(self.state) or self._ended.is_set():
            return False
        self._record(event)
        return True

    def _reconcile(self) -> None:
        if self._ended.is_set():
            return
        wanted = [effect for effect in due(self.state) if not isinstance(effect, AwaitEverywhere)]
        current = asyncio.current_task()
        for effect, task in list(self._running.items()):
            if effect not in wanted and task is not current:
                task.cancel()
        for effect in wanted:
            if effect not in self._running:
                task = asyncio.create_task(self._guarded(effect), name=type(effect).__name__)
                self._running[effect] = task
                task.add_done_callback(partial(self._effect_ended, effect))

    def _effect_ended(self, effect: Effect, task: asyncio.Task[None]) -> None:
        if self._running.get(effect) is task:
            del self._running[effect]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("effect %s failed: %s", type(effect).__name__, type(error).__name__)
        self._reconcile()

    async def _guarded(self, effect: Effect) -> None:
        """Run an effect; one that breaks is said, and tried again after a pause while it is still due."""
        try:
            await self._effect(effect)
        except UserError as error:
            self.notice = clean(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end a run that holds the way back
            _log.exception("effect %s", type(effect).__name__)
            self.notice = f"{type(effect).__name__} stopped on an error of its own: {type(error).__name__}"
        else:
            return
        self._changed()
        await asyncio.sleep(_RETRY_S)

    def _effect(self, effect: Effect) -> Coroutine[Any, Any, None]:
        if isinstance(effect, RunGate):
            return self._run_gate(effect)
        if isinstance(effect, ProposeChange):
            return self._propose(effect)
        if isinstance(effect, Apply):
            return self._apply(effect)
        if isinstance(effect, FindOut):
            return self._find_out(effect)
        if isinstance(effect, RunWatch):
            return self._watch(effect)
        assert isinstance(effect, AwaitInstant)
        return self._await_instant(effect)

    async def _stop_effects(self) -> None:
        for effect, task in self._running.items():
            # a message that has left cannot be called back: its outcome is awaited, which has a deadline
            if not (isinstance(effect, Apply) and self.ports.records.writes and self.state.pending):
                task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _run_gate(self, effect: RunGate) -> None:
        checks = checks_of(self.state.checks, effect.gate)
        # by now the soak's own watch runs, which is never finished: this gate is about the one that was
        watch = (self._passed if effect.gate == "after-switch" else None) or self.watch
        context = CheckContext(
            self.state.plan,
            self.ports.snapshots,
            effect.gate,
            watch,
            low_since=self.state.low_seen_at,
            old_ttl=self.state.old_ttl,
        )
        self.checking = tuple(check.id for check in checks)

        def progress(result: CheckResult) -> None:
            self.results = {**self.results, result.check.id: result}
            self.checking = tuple(check_id for check_id in self.checking if check_id != result.check.id)
            self._changed()

        try:
            results = await run_checks(Checklist(effect.gate, effect.gate, checks), context, progress)
        finally:
            self.checking = ()
        answers = tuple(
            Checked(
                result.check.id,
                worst([result.verdict]),
                blot_secrets(clean(result.headline)),
                round(result.elapsed_ms, 1),
                tuple(blot_secrets(finding_to_json(item)) for item in result.findings),
            )
            for result in results
        )
        self._emit(effect, GateChecked(self.ports.clock(), effect.gate, answers))

    async def _propose(self, effect: ProposeChange) -> None:
        back = effect.purpose in ("roll-back", "raise-ttl")
        try:
            event: Event
            if back:
                event = ChangeProposed(self.ports.clock(), await self._proposals.back(self.state))
            elif effect.purpose == "switch":
                event = ChangeProposed(self.ports.clock(), await self._proposals.switch())
            else:
                change, old_ttl = await self._proposals.lower()
                detail = f"every TTL is low already; {old_ttl:g} s are waited all the same"
                now = self.ports.clock()
                event = (
                    ChangeProposed(now, change, old_ttl) if change else NothingToLower(now, old_ttl, detail)
                )
        except UserError as error:
            if back:
                raise
            event = ProposalFailed(self.ports.clock(), clean(error))
        self._emit(effect, event)

    async def _apply(self, effect: Apply) -> None:
        change = effect.change
        if not self.state.pending:
            await self._reachable(change)
            self._record(WriteIntended(self.ports.clock(), change.purpose))
        outcome = await self.ports.records.apply(change)
        if self.state.pending and self.state.proposal == change:
            self._record(self._write_ended(effect, outcome))

    async def _reachable(self, change: RecordChange) -> None:
        """The way back was agreed to: a name server that is down for a while does not end it."""
        while self.ports.records.writes and change.purpose in ("roll-back", "raise-ttl"):
            try:
                await self.ports.records.read()
            except RecordReadError as error:
                self.notice = f"the rollback waits, nothing was sent yet: {error}"
                self._changed()
                await asyncio.sleep(_RETRY_S)
                continue
            self.notice = ""
            return

    async def _find_out(self, effect: FindOut) -> None:
        """A cut-off write: wait until nothing of it can be on its way any more, then read."""
        await asyncio.sleep(QUIET_S)
        while True:
            try:
                read = await self.ports.records.read()
            except RecordReadError as error:
                self.notice = f"still not known what became of the write: {error}"
                self._changed()
                await asyncio.sleep(_RETRY_S)
                continue
            outcome = settle(effect.change, read.sets)
            if effect in due(self.state):
                why = self.state.reason
                self._record(self._write_ended(effect, outcome))
                if outcome.kind == "not-applied":
                    self.notice = clean(f"the write was not made: {why}" if why else "the write was not made")
            return

    def _write_ended(self, effect: Apply | FindOut, outcome: WriteOutcome) -> WriteEnded:
        purpose = effect.change.purpose
        return WriteEnded(self.ports.clock(), purpose, outcome.kind, clean(outcome.detail, 600), outcome.now)

    async def _await_instant(self, effect: AwaitInstant) -> None:
        # the wall clock may be set while we wait: caches count the seconds that really pass
        over = self.ports.elapsed() + effect.until - self.ports.clock()
        while (left := over - self.ports.elapsed()) > 0:  # noqa: ASYNC110 - no event tells of time
            # in short naps, because a timer of the loop stands still while the machine sleeps
            await asyncio.sleep(min(left, 1.0))
        self._emit(effect, WaitEnded(max(self.ports.clock(), effect.until)))

    async def _watch(self, effect: RunWatch) -> None:
        plan = self.state.plan
        limits = plan.thresholds
        policy = WatchPolicy(
            p0=limits.p0,
            alpha=limits.alpha,
            min_samples=limits.min_samples,
            min_time_s=_FOREVER if effect.soaking else plan.durations.watch,
            max_time_s=_FOREVER,
        )
        rate = limits.soak_rate_per_s if effect.soaking else limits.rate_per_s
        self.watch_began = self.ports.clock()
        if not self._emit(effect, WatchBegan(self.watch_began, effect.soaking)):
            return
        # iterated to its end or closed: an abandoned generator would leave requests running
        async with contextlib.aclosing(aiter(make_watch(plan, policy, rate))) as states:
            async for state in states:
                self.watch = state
                self._changed()
                if state.verdict is not WatchVerdict.INCONCLUSIVE:
                    break
        if self.watch is None or self.watch.verdict is WatchVerdict.INCONCLUSIVE:
            return
        self._watch_decided(effect, self.watch)

    def _watch_decided(self, effect: RunWatch, state: WatchState) -> None:
        sides = {"new": state.new, "old": state.old}
        numbers = {
            name: {
                "requests": side.requests,
                "errors": side.errors,
                "kinds": dict(side.kinds),
                "p95_ms": side.p95_ms,
            }
            for name, side in sides.items()
        }
        numbers["evidence"] = {
            "ratio": min(state.decision.evidence, 1e300),
            "alarm_at": state.decision.threshold,
        }
        word = _DECISIONS[state.verdict]
        if word == "PASS":
            self._passed = state
        self._emit(effect, WatchEnded(self.ports.clock(), word, clean(state.decision.reason), numbers))

    async def _poll(self) -> None:
        """Ask every name server and resolver each second while an answer matters."""
        while True:
            if self.state.phase in _POLLED:
                began = self.ports.elapsed()
                try:
                    facts = await caches.ask(self.state.plan)
                    self._looked(caches.Look(began, self.ports.clock(), facts))
                except UserError as error:
                    self.notice = clean(error)
                except Exception:  # noqa: BLE001 - one strange answer must not end the looking
                    _log.exception("dns poller")
            # not wait_for: in Python 3.11 it loses a cancellation that comes together with the event
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await self._look_now.wait()
            self._look_now.clear()

    def _looked(self, look: caches.Look) -> None:
        self.rows = caches.cache_rows(self.state.plan, look.facts)
        self._missing = without(self.state, look)
        event = news(self.state, look, self._entered)
        if event is not None and not self._ended.is_set():
            self._record(event)
        self._changed()

    @property
    def waiting_on(self) -> str:
        """What keeps ``AwaitEverywhere`` from ending, in one line."""
        awaited = any(isinstance(effect, AwaitEverywhere) for effect in due(self.state))
        return (
            clean(f"not everywhere yet: {'; '.join(self._missing[:3])}") if awaited and self._missing else ""
        )
