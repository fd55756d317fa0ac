"""Carrying out what is due: intent on disk before each effect, outcome after it; nothing is assumed.

The executor keeps exactly the effects running that the machine says are due. So a resume is nothing special:
the state is folded from the journal, and what is due in it is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from ...cluster.errors import UserError
from ...cluster.text import clean
from ..journal.file import Journal
from ..machine.advance import State, advance
from ..machine.decide import decide
from ..machine.effects import (
    Apply,
    AwaitEverywhere,
    AwaitInstant,
    Effect,
    FindOut,
    ProposeChange,
    Rehearse,
    RunGate,
    RunHook,
    RunWatch,
    due,
)
from ..machine.events import (
    Event,
    WaitEnded,
)
from ..machine.view import Command, Quit
from . import (
    caches,
    clockset,
    control,
    drain,
    flag,
    gates,
    held,
    hooks,
    livefile,
    quiet,
    rehearsal,
    turns,
    users,
    watching,
    writing,
)
from .desk import Desk, Seen
from .holding import signed
from .looking import news, without
from .ports import Ports

_log = logging.getLogger(__name__)

Companion = Callable[[Desk], Awaitable[None]]
COMPANIONS: tuple[Companion, ...] = (
    held.keep,
    livefile.keep_written,
    control.listen,
    flag.look_for_flag,
    turns.take_turns,
    quiet.count_old_side,
    users.look_at_users,
    clockset.tell,
)
"""What goes on beside the effects while a run is open: each asks and records by itself until cancelled."""

_POLL_S, _POLL_SOAKING_S = 1.0, 30.0
_LAST_HOOKS_S = 5.0
_POLLED = frozenset(
    (
        *("wait-ttl", "rehearse", "confirm", "switch", "watch", "soak", "rollback", "drain"),
        *("held", "stopped-at-gate"),
    )
)


class Executor:
    """One run's effects, in one event loop. ``changed`` is called after anything worth showing."""

    def __init__(self, journal: Journal, state: State, ports: Ports, changed: Callable[[], None]) -> None:
        self.journal = journal
        self.state = state
        self.ports = ports
        self.seen = Seen()
        self._entered = 0.0
        self._changed = changed
        self._running: dict[Effect, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._look_now = asyncio.Event()

    async def run(self) -> None:
        """Until ``Quit``, the end of the rollback, or a journal that cannot be written."""
        beside = [asyncio.create_task(self._poll(), name="dns poller")]
        beside += [asyncio.create_task(self._beside(one), name=one.__module__) for one in COMPANIONS]
        try:
            self._reconcile()
            await self._ended.wait()
        finally:
            for task in beside:
                task.cancel()
            await self._stop_effects()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _beside(self, companion: Companion) -> None:
        """One that breaks is said, and begun again: it must not end a run that holds the way back."""
        while True:
            try:
                await companion(self)
            except UserError as error:
                self.seen.notice = clean(error)
            except Exception:  # noqa: BLE001 - see above
                _log.exception("beside the run: %s", companion.__module__)
            else:
                return
            self.changed()
            await asyncio.sleep(writing.RETRY_S)

    def changed(self) -> None:
        """Something worth showing has changed."""
        self._changed()

    def command(self, command: Command, operator: str = "") -> str:
        """Carry a command of an operator out, in the loop; why it was not, or nothing."""
        if isinstance(command, Quit):
            self._ended.set()
            return ""
        events, said = decide(self.state, command, self.ports.clock(), operator)
        self.seen.notice = said
        # a journal that cannot be written has ended the run, and said so
        with contextlib.suppress(UserError):
            for event in events:
                self.record(signed(event, self.ports.operator))
        self._changed()
        return self.seen.fatal or said

    def record(self, event: Event) -> None:
        """Journal one event and go on from it."""
        try:
            # first whether it is possible at all, then on disk, then believed
            advance(self.state, event)
            entry = self.journal.append(event)
        except UserError as error:
            _log.error("event refused: %s", error)
            self.seen.fatal = clean(error)
            self._ended.set()
            raise
        before, self.state = self.state.phase, advance(self.state, entry.event)
        if self.state.phase != before:
            # what was said of the last phase must not stand before what is to be said of this one
            self.seen.notice, self._entered = "", self.ports.elapsed()
        self._look_now.set()
        self._reconcile()
        self._changed()

    def emit(self, effect: Effect, event: Event) -> bool:
        """Journal what an effect found, unless nobody wants to know any more."""
        if effect not in due(self.state) or self._ended.is_set():
            return False
        self.record(event)
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
            self.seen.notice = clean(error)
        except Exception as error:  # noqa: BLE001 - a defect must not end a run that holds the way back
            _log.exception("effect %s", type(effect).__name__)
            self.seen.notice = (
                f"{type(effect).__name__} stopped on an error of its own: {type(error).__name__}"
            )
        else:
            return
        self._changed()
        await asyncio.sleep(writing.RETRY_S)

    def _effect(self, effect: Effect) -> Coroutine[Any, Any, None]:
        if isinstance(effect, RunGate):
            return gates.run_gate(self, effect)
        if isinstance(effect, ProposeChange):
            return writing.propose(self, effect)
        if isinstance(effect, Apply):
            return writing.apply(self, effect)
        if isinstance(effect, FindOut):
            return writing.find_out(self, effect)
        if isinstance(effect, Rehearse):
            return rehearsal.rehearse(self, effect)
        if isinstance(effect, RunHook):
            return hooks.run_hook(self, effect)
        if isinstance(effect, RunWatch):
            return watching.watch(self, effect)
        assert isinstance(effect, AwaitInstant)
        return self._await_instant(effect)

    async def _stop_effects(self) -> None:
        hooked = [task for effect, task in self._running.items() if isinstance(effect, RunHook)]
        if hooked:
            # the last transition's hooks are wanted most of all when the run is over
            await asyncio.wait(hooked, timeout=_LAST_HOOKS_S)
        for effect, task in self._running.items():
            # a message that has left cannot be called back: its outcome is awaited, which has a deadline
            if not (
                isinstance(effect, Apply) and self.ports.records.capabilities.writes and self.state.pending
            ):
                task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _await_instant(self, effect: AwaitInstant) -> None:
        # the wall clock may be set while we wait: caches count the seconds that really pass
        over = self.ports.elapsed() + effect.until - self.ports.clock()
        while (left := over - self.ports.elapsed()) > 0:  # noqa: ASYNC110 - no event tells of time
            # in short naps, because a timer of the loop stands still while the machine sleeps
            await asyncio.sleep(min(left, 1.0))
        self.emit(effect, WaitEnded(max(self.ports.clock(), effect.until)))

    async def _poll(self) -> None:
        """Ask every name server and resolver each second while an answer matters."""
        while True:
            if self.state.phase in _POLLED:
                began = self.ports.elapsed()
                try:
                    facts = await caches.ask(self.state.plan)
                    self._looked(caches.Look(began, self.ports.clock(), facts))
                except UserError as error:
                    self.seen.notice = clean(error)
                except Exception:  # noqa: BLE001 - one strange answer must not end the looking
                    _log.exception("dns poller")
            # not wait_for: in Python 3.11 it loses a cancellation that comes together with the event
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_pause()):
                    await self._look_now.wait()
            self._look_now.clear()

    def _poll_pause(self) -> float:
        """A soak lasts for days: an answer in it is wanted soon, not at once."""
        if self.state.phase != "soak":
            return _POLL_S
        return min(_POLL_SOAKING_S, max(_POLL_S, self.state.plan.durations.soak / 100))

    def _looked(self, look: caches.Look) -> None:
        self.seen.rows = caches.cache_rows(self.state.plan, look.facts)
        self.seen.missing = without(self.state, look)
        self.seen.drained = drain.measured(self.seen.drained, self.state, look.ended, self.seen.rows)
        event = news(self.state, look, self._entered)
        if event is not None and not self._ended.is_set():
            self.record(event)
        self._changed()
